/* Tiles of weight gradients: chains run in registers, finished nodes of the lane tree wait on a small stack of tiles.
   A lane of r rows takes r R V multiply-adds and at most one store, one load and one addition of R V vectors. */
#include "kernels/outer_tile.h"

typedef vreal tile[MR][2];

AS_INLINE void tile_zero(const int R, const int V, tile s)
{
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            s[r][v] = v_splat(0);
        }
    }
}

AS_INLINE void tile_get(const int R, const int V, const real *node, tile s)
{
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            s[r][v] = v_load(node + r * NR + v * VL);
        }
    }
}

AS_INLINE void tile_put(const int R, const int V, tile s, real *node)
{
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            v_store(node + r * NR + v * VL, s[r][v]);
        }
    }
}

/* s = left + s */
AS_INLINE void tile_merge(const int R, const int V, const real *left, tile s)
{
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            s[r][v] = v_load(left + r * NR + v * VL) + s[r][v];
        }
    }
}

/* Where the chain of a lane goes on from what part 0 holds. */
AS_INLINE void tile_resume(const int R, const int V, const outer *o, const outer_place *at, tile s)
{
    outer_tile scratch = {0};
    const real *const from = (const real *)o->part[0] + at->u * o->su + at->w * o->sw;
    for (int r = 0; r < R; r++) {
        for (int64_t c = 0; c < o->W - at->w && c < V * VL; c++) {
            scratch[r * NR + c] = from[r * o->su + c * o->sw];
        }
    }
    tile_get(R, V, scratch, s);
}

/* The tile into part p, straight or, where columns of the tile are rows of the part, through a scratch. */
AS_INLINE void tile_emit(const int R, const int V, const outer *o, const outer_place *at, int p, tile s)
{
    real *const to = (real *)o->part[p] + at->u * o->su + at->w * o->sw;
    if (o->sw == 1) {
        vmask mask[2];
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            mask[v] = v_first(o->W - at->w - v * VL);
        }
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            AS_UNROLL
            for (int v = 0; v < V; v++) {
                v_store_masked(to + r * o->su + v * VL, s[r][v], mask[v]);
            }
        }
        return;
    }
    outer_tile scratch;
    tile_put(R, V, s, scratch);
    for (int64_t c = 0; c < o->W - at->w && c < V * VL; c++) {
        for (int r = 0; r < R; r++) {
            to[r * o->su + c * o->sw] = scratch[r * NR + c];
        }
    }
}

/* Asks for the lines of part p that the tile will write. */
AS_INLINE void tile_expect(const int R, const int V, const outer *o, const outer_place *at, int p)
{
    if (o->sw == 1 && p < o->program->parts) {
        const real *const to = (const real *)o->part[p] + at->u * o->su + at->w;
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            __builtin_prefetch(to + r * o->su, 1);
            __builtin_prefetch(to + r * o->su + (V - 1) * VL, 1);
        }
    }
}

AS_INLINE outer_cursor tile_walk(const int R, const int V, const outer *o, const outer_place *at, outer_cursor c,
                                 int64_t end)
{
    const as_tree_program *const program = o->program;
    const int64_t begin = c.row;
    tile_expect(R, V, o, at, c.part);
    while (c.step < program->steps) {
        const int64_t stop = o->lane_row[program->step[c.step] + 1];
        if (c.row == end && stop > end) {
            return c;
        }
        tile s;
        if (c.open) {
            tile_get(R, V, at->stack[c.top * at->pitch], s);
        } else if (o->resume) {
            tile_resume(R, V, o, at, s);
        } else {
            tile_zero(R, V, s);
        }
        const int64_t rows = (stop < end ? stop : end) - c.row;
        tile_chain(R, V, true, STREAM_A, rows, at->a + (c.row - begin) * at->step, 1, at->step,
                   at->b + (c.row - begin) * at->width, at->width, s);
        c.row += rows;
        c.open = stop > end;
        if (c.open) {
            tile_put(R, V, s, at->stack[c.top * at->pitch]);
            return c;
        }
        for (c.step++; c.step < program->steps && program->step[c.step] == AS_TREE_MERGE; c.step++) {
            tile_merge(R, V, at->stack[--c.top * at->pitch], s);
        }
        if (c.step < program->steps && program->step[c.step] == AS_TREE_EMIT) {
            tile_emit(R, V, o, at, c.part++, s);
            c.step++;
        } else {
            tile_put(R, V, s, at->stack[c.top++ * at->pitch]);
        }
    }
    return c;
}

#define TILE(R, V)                                                                                                     \
    static outer_cursor walk_##R##_##V(const outer *o, const outer_place *at, outer_cursor from, int64_t end)          \
    {                                                                                                                  \
        return tile_walk(R, V, o, at, from, end);                                                                      \
    }
#define TILES(R) TILE(R, 1) TILE(R, 2)
#define WALK(R) {walk_##R##_1, walk_##R##_2},

EACH_R(TILES)
outer_walk *const AS_V(as_outer_walks)[MR][2] = {EACH_R(WALK)};
