/* How the weight gradients are computed: choices that change speed alone, never a bit. outer_lanes of kernels.h makes
   them by itself; as_outer_get gives the same function with choices forced, so that tests hold each of them to the
   oracle. */
#ifndef AS_KERNELS_OUTER_H
#define AS_KERNELS_OUTER_H

#include "kernels/kernels.h"

typedef enum as_outer_operand { AS_OUTER_AUTO, AS_OUTER_X, AS_OUTER_D } as_outer_operand;
typedef enum as_outer_nodes { AS_OUTER_NODES_AUTO, AS_OUTER_ASIDE } as_outer_nodes;
typedef enum as_outer_reading { AS_OUTER_READ_AUTO, AS_OUTER_IN_PLACE, AS_OUTER_PACKED } as_outer_reading;

/* Zero leaves a choice to the kernel; sizes are cut to what its buffers hold. */
typedef struct as_outer_choices {
    as_outer_operand broadcast; /* the operand whose elements are broadcast; the other one is read as vectors */
    as_outer_reading strips;    /* the broadcast operand */
    as_outer_reading panels;    /* the vector operand; in place where its last panel is whole */
    as_force sparse;            /* without the zeros of the broadcast operand, where there are many */
    as_outer_nodes nodes;       /* where tiles wait between chunks: never in their places in the result */
    int64_t chunk;              /* rows that are packed at once, at the most */
    int64_t block_strips;       /* size of a block of tiles */
    int64_t block_panels;
} as_outer_choices;

typedef struct as_outer_ops {
    /* outer_lanes of kernels.h with choices forced. Not collective. */
    void (*lanes)(const as_outer_choices *choices, int64_t k, int64_t n, const void *x, int64_t ldx, const void *d,
                  int64_t ldd, const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                  int64_t ldp, int thread, int threads);
} as_outer_ops;

/* Not collective. Never NULL. */
const as_outer_ops *as_outer_get(const as_kernels *kernels);

#endif
