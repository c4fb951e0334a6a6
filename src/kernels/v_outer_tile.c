/* Tiles of weight gradients: chains run in registers, finished nodes of the lane tree wait on a small stack of tiles.
   A lane of r rows takes r R V multiply-adds and at most one store, one load and one addition of R V vectors. */
#include "kernels/outer_tile.h"

typedef vreal tile[OUTER_R][OUTER_V];

/* F(r) for every row of a tile, G(r, v) for every vector of a row, written out: with an index that is a literal from
   the start the compiler keeps a tile in registers from its zeros to its last store; unrolled loops send it through
   memory between one loop and the next. */
#if defined(AS_ISA_AVX512) || defined(AS_ISA_AVX2)
#define EACH_ROW(F) F(0) F(1) F(2) F(3) F(4) F(5)
#else
#define EACH_ROW(F) F(0) F(1) F(2) F(3)
#endif
#if defined(AS_ISA_AVX512)
#define EACH_VECTOR(G, r) G(r, 0) G(r, 1) G(r, 2) G(r, 3)
#else
#define EACH_VECTOR(G, r) G(r, 0) G(r, 1)
#endif

AS_INLINE void tile_zero(const int R, const int V, tile s)
{
#define ZERO(r, v)                                                                                                     \
    if (r < R && v < V) {                                                                                              \
        s[r][v] = v_splat(0);                                                                                          \
    }
#define ZERO_ROW(r) EACH_VECTOR(ZERO, r)
    EACH_ROW(ZERO_ROW)
}

AS_INLINE void tile_get(const int R, const int V, const real *node, tile s)
{
#define GET(r, v)                                                                                                      \
    if (r < R && v < V) {                                                                                              \
        s[r][v] = v_load(node + (r * OUTER_V + v) * VL);                                                               \
    }
#define GET_ROW(r) EACH_VECTOR(GET, r)
    EACH_ROW(GET_ROW)
}

AS_INLINE void tile_put(const int R, const int V, tile s, real *node)
{
#define PUT(r, v)                                                                                                      \
    if (r < R && v < V) {                                                                                              \
        v_store(node + (r * OUTER_V + v) * VL, s[r][v]);                                                               \
    }
#define PUT_ROW(r) EACH_VECTOR(PUT, r)
    EACH_ROW(PUT_ROW)
}

/* s = left + s */
AS_INLINE void tile_merge(const int R, const int V, const real *left, tile s)
{
#define MERGE(r, v)                                                                                                    \
    if (r < R && v < V) {                                                                                              \
        s[r][v] = v_load(left + (r * OUTER_V + v) * VL) + s[r][v];                                                     \
    }
#define MERGE_ROW(r) EACH_VECTOR(MERGE, r)
    EACH_ROW(MERGE_ROW)
}

/* One step of the chains: s[r][v] = fma(a_r, b_v, s[r][v]). */
AS_INLINE void tile_fma(const int R, const int V, const real *a, const real *b, tile s)
{
    vreal y[OUTER_V];
#define VECTOR(r, v)                                                                                                   \
    if (v < V) {                                                                                                       \
        y[v] = v_load(b + v * VL);                                                                                     \
    }
    EACH_VECTOR(VECTOR, 0)
#define FMA(r, v)                                                                                                      \
    if (v < V) {                                                                                                       \
        s[r][v] = fma_into(s[r][v], x, y[v]);                                                                          \
    }
#define FMA_ROW(r)                                                                                                     \
    if (r < R) {                                                                                                       \
        const vreal x = v_splat(a[r]);                                                                                 \
        EACH_VECTOR(FMA, r)                                                                                            \
    }
    EACH_ROW(FMA_ROW)
}

/* `rows` steps, and both operands moved past them. */
AS_INLINE void tile_rows(const int R, const int V, int64_t rows, const real **a_at, int64_t step, const real **b_at,
                         int64_t width, tile s)
{
    const real *a = *a_at, *b = *b_at;
    const int64_t ahead = AHEAD_A * step;
    for (; rows >= 2; rows -= 2) {
        __builtin_prefetch(a + ahead);
        tile_fma(R, V, a, b, s);
        a += step;
        b += width;
        tile_fma(R, V, a, b, s);
        a += step;
        b += width;
    }
    if (rows > 0) {
        tile_fma(R, V, a, b, s);
        a += step;
        b += width;
    }
    *a_at = a;
    *b_at = b;
}

/* A finished or waiting node of V vectors a row to its place in part p; columns of the tile may be rows of the part. */
static __attribute__((noinline)) void node_out(const outer *o, const outer_place *at, int R, int V, int p,
                                               const real *node)
{
    real *const to = (real *)o->part[p] + at->u * o->su + at->w * o->sw;
    if (o->sw == 1) {
        const vmask last = v_first(o->W - at->w - (V - 1) * VL);
        for (int r = 0; r < R; r++) {
            real *const row = to + r * o->su;
            for (int v = 0; v < V - 1; v++) {
                v_store(row + v * VL, v_load(node + r * OUTER_W + v * VL));
            }
            v_store_masked(row + (V - 1) * VL, v_load(node + r * OUTER_W + (V - 1) * VL), last);
        }
        return;
    }
    for (int64_t c = 0; c < o->W - at->w && c < V * VL; c++) {
        for (int r = 0; r < R; r++) {
            to[r * o->su + c * o->sw] = node[r * OUTER_W + c];
        }
    }
}

/* The other way. */
static __attribute__((noinline)) void node_in(const outer *o, const outer_place *at, int R, int V, int p, real *node)
{
    const real *const from = (const real *)o->part[p] + at->u * o->su + at->w * o->sw;
    if (o->sw == 1) {
        const vmask last = v_first(o->W - at->w - (V - 1) * VL);
        for (int r = 0; r < R; r++) {
            const real *const row = from + r * o->su;
            for (int v = 0; v < V - 1; v++) {
                v_store(node + r * OUTER_W + v * VL, v_load(row + v * VL));
            }
            v_store(node + r * OUTER_W + (V - 1) * VL, v_load_masked(row + (V - 1) * VL, last));
        }
        return;
    }
    for (int r = 0; r < R; r++) {
        for (int64_t c = 0; c < V * VL; c++) {
            node[r * OUTER_W + c] = c < o->W - at->w ? from[r * o->su + c * o->sw] : 0;
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
            AS_UNROLL
            for (int v = 0; v < V; v++) {
                __builtin_prefetch(to + r * o->su + v * VL, 1);
            }
        }
    }
}

/* Brings the node that the last chunk left in the part back to the stack, or what a resumed chain starts from. */
static void bring(const outer *o, const outer_place *at, int R, int V, outer_cursor *c)
{
    const int waiting = outer_waiting(*c);
    if (o->resume && waiting == 0) {
        node_in(o, at, R, V, 0, at->node[0]);
        c->open = true;
    } else if (waiting > 0 && at->moves) {
        node_in(o, at, R, V, c->part, at->node[0]);
    }
}

AS_INLINE outer_cursor tile_walk(const int R, const int V, const outer *o, const outer_place *at, outer_cursor c,
                                 int64_t end)
{
    const int16_t *step = o->program->step + c.step, *const stop_step = o->program->step + o->program->steps;
    const int64_t a_step = at->step, b_step = at->width;
    const int64_t *const lane_end = o->lane_row + 1;
    const real *a = at->a, *b = at->b;
    if (o->resume || (outer_waiting(c) > 0 && at->moves)) {
        bring(o, at, R, V, &c);
    }
    real *const *top = at->node + c.top;
    if (at->next != 0) {
        outer_place next = *at;
        next.u += at->next;
        tile_expect(R, V, o, &next, c.part);
    }
    while (step < stop_step) {
        const int64_t stop = lane_end[*step];
        if (c.row == end && stop > end) {
            break;
        }
        tile s;
        if (c.open) {
            tile_get(R, V, *top, s);
        } else {
            tile_zero(R, V, s);
        }
        const int64_t rows = (stop < end ? stop : end) - c.row;
        tile_rows(R, V, rows, &a, a_step, &b, b_step, s);
        c.row += rows;
        c.open = stop > end;
        step += c.open ? 0 : 1;
        for (; !c.open && step < stop_step && *step == AS_TREE_MERGE; step++) {
            tile_merge(R, V, *--top, s);
        }
        tile_put(R, V, s, *top);
        if (c.open) {
            break;
        }
        if (step < stop_step && *step == AS_TREE_EMIT) {
            node_out(o, at, R, V, c.part++, *top);
            tile_expect(R, V, o, at, c.part);
            step++;
        } else {
            top++;
        }
    }
    c.step = (int)(step - o->program->step);
    c.top = (int)(top - at->node);
    if (outer_waiting(c) > 0 && at->moves) {
        node_out(o, at, R, V, c.part, at->node[0]); /* for the next chunk */
    }
    return c;
}

#define TILE(R, V)                                                                                                     \
    static outer_cursor walk_##R##_##V(const outer *o, const outer_place *at, outer_cursor from, int64_t end)          \
    {                                                                                                                  \
        return tile_walk(R, V, o, at, from, end);                                                                      \
    }
#if defined(AS_ISA_AVX512)
#define TILES(R) TILE(R, 1) TILE(R, 2) TILE(R, 3) TILE(R, 4)
#define WALK(R) {walk_##R##_1, walk_##R##_2, walk_##R##_3, walk_##R##_4},
#else
#define TILES(R) TILE(R, 1) TILE(R, 2)
#define WALK(R) {walk_##R##_1, walk_##R##_2},
#endif

EACH_OUTER_R(TILES)
outer_walk *const AS_V(as_outer_walks)[OUTER_R][OUTER_V] = {EACH_OUTER_R(WALK)};
