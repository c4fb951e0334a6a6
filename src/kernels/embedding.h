/* The gradient of a table whose rows are looked up by number: dE[v] = sum of dy over the positions that read row v, in
   lane order: a chain over the positions of a lane (ascending), then the lane tree, as outer_lanes has it. A lane in
   which a row is not read contributes 0, which no sum notices, so that the work goes with the positions and not with
   lanes x vocabulary. Source: v_embedding.c. */
#ifndef AS_KERNELS_EMBEDDING_H
#define AS_KERNELS_EMBEDDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tree.h"

typedef struct as_embedding_sums {
    int64_t vocabulary, width;
    int64_t positions; /* of a sample */
    const void *row;   /* (samples, positions) numbers in [0, vocabulary); others are passed over */
    int64_t ldr;
    const void *dy; /* (samples, positions * width) */
    int64_t ldy;
    const as_tree_program *program;
    const int64_t *lane_row; /* in samples */
    bool resume;
    void *const *part; /* (program->parts) arrays (vocabulary, width) */
    int32_t *scratch;  /* (vocabulary + samples * positions) of the calling thread; no more than 2^31 positions */
    int thread, threads;
} as_embedding_sums;

#endif
