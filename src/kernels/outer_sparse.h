/* Weight gradients without the zeros of one operand (v_outer_sparse.c). Internal to v_outer*.c. */
#ifndef AS_KERNELS_OUTER_SPARSE_H
#define AS_KERNELS_OUTER_SPARSE_H

#include "kernels/outer_tile.h"
#include "kernels/sparse.h"

enum {
    OUTER_SPARSE_ROWS = SPARSE_STEPS < 128 ? SPARSE_STEPS : 128, /* of a chunk at the most */
    OUTER_SPARSE_CHUNKS = 64,
    OUTER_SPARSE_NODES = 1024 * 1024 /* bytes of nodes */
};

/* The ends of chunks of rows. */
typedef struct outer_chunks {
    int chunks;
    int64_t end[OUTER_SPARSE_CHUNKS];
} outer_chunks;

/* Columns [u, u + count) of the broadcast operand by columns [w, w + result) of the other one, bit for bit as tiles
   have them; returns how many of `columns` that are, whole vectors of SPARSE_V. Where sw is not 1: neither resume nor
   several parts. */
int64_t AS_V(as_outer_sparse)(const outer *o, const outer_chunks *k, int64_t u, int64_t count, int64_t w,
                              int64_t columns);

#endif
