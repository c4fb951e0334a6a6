/* A tile of weight gradients: its place, and the walk of the lane tree for it. Internal to v_outer*.c.
   6 x 4 accumulators take 10 loads for 24 multiply-adds (14 x 2, as in tile.h, 16 for 28): loads cost power, which
   limits the frequency of a core under wide multiply-adds. */
#ifndef AS_KERNELS_OUTER_TILE_H
#define AS_KERNELS_OUTER_TILE_H

#include "kernels/table.h"
#include "kernels/tile.h"

/* Rows of a tile at the most, vectors of a row at the most. */
#if defined(AS_ISA_AVX512)
enum { OUTER_R = 6, OUTER_V = 4 };
#define EACH_OUTER_R(X) X(1) X(2) X(3) X(4) X(5) X(6)
#elif defined(AS_ISA_AVX2)
enum { OUTER_R = 6, OUTER_V = 2 };
#define EACH_OUTER_R(X) X(1) X(2) X(3) X(4) X(5) X(6)
#else
enum { OUTER_R = 4, OUTER_V = 2 };
#define EACH_OUTER_R(X) X(1) X(2) X(3) X(4)
#endif
enum { OUTER_W = OUTER_V * VL };

typedef real outer_tile[OUTER_R * OUTER_W];

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

/* Where the walk of the tree stands, the same for all tiles of a chunk of rows. Nodes 0 .. top-1 are finished; open:
   inside a lane, whose chain so far is node `top`. */
typedef struct outer_cursor {
    int64_t row;
    int step, top, part;
    bool open;
} outer_cursor;

/* Nodes that a cursor leaves for the next chunk. */
AS_INLINE int outer_waiting(outer_cursor c)
{
    return c.top + (c.open ? 1 : 0);
}

/* What one tile reads and where it goes. */
typedef struct outer_place {
    int64_t u, w;  /* its first element in the result */
    const real *a; /* broadcast operand at the cursor's row, `step` reals between rows */
    const real *b; /* vectors, `width` reals between rows */
    int64_t step, width;
    real *const *node; /* (program->depth + 1) where the nodes of the stack are, an outer_tile each */
    int64_t next;      /* columns to the next tile of the panel, whose lines in the part are fetched; 0: none */
    bool moves;        /* the lowest node comes from its place in the part, and returns there if it waits */
} outer_place;

/* Walks on from a cursor through the rows before `end`, in a tile of R broadcast elements by V vectors, and returns
   where it stands then. */
typedef outer_cursor outer_walk(const outer *o, const outer_place *at, outer_cursor from, int64_t end);

extern outer_walk *const AS_V(as_outer_walks)[OUTER_R][OUTER_V];

#endif
