/* A tile of weight gradients: its place, and the walk of the lane tree for it. Internal to v_outer*.c. */
#ifndef AS_KERNELS_OUTER_TILE_H
#define AS_KERNELS_OUTER_TILE_H

#include "kernels/table.h"
#include "kernels/tile.h"

typedef real outer_tile[MR * NR];

typedef struct outer {
    const real *u, *w; /* broadcast (rows, U) and vector (rows, W) operand */
    int64_t ldu, ldw;
    int64_t U, W;
    const as_tree_program *program;
    const int64_t *lane_row;
    bool resume;
    void *const *part;
    int64_t su, sw; /* element (u, w) of a part is at u * su + w * sw */
} outer;

/* Where the walk of the tree stands, the same for all tiles of a block. open: inside a lane, whose chain so far is the
   node at `top`, above the finished ones. */
typedef struct outer_cursor {
    int64_t row;
    int step, top, part;
    bool open;
} outer_cursor;

/* What one tile reads and where it goes. */
typedef struct outer_place {
    int64_t u, w;  /* its first element in the result */
    const real *a; /* broadcast operand at the cursor's row, `step` reals between rows */
    const real *b; /* vectors, `width` reals between rows */
    int64_t step, width;
    outer_tile *stack; /* level l of the stack is stack[l * pitch] */
    int64_t pitch;
} outer_place;

/* Walks on from a cursor through the rows before `end`, in a tile of R broadcast elements by V vectors, and returns
   where it stands then. */
typedef outer_cursor outer_walk(const outer *o, const outer_place *at, outer_cursor from, int64_t end);

extern outer_walk *const AS_V(as_outer_walks)[MR][2];

#endif
