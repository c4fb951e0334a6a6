/* Tiles of weight gradients: chains run in registers, finished nodes of the lane tree wait on a small stack of tiles.
   A lane of r rows takes r R V multiply-adds and at most one store, one load and one addition of R V vectors. */
#include "kernels/outer_tile.h"

typedef vreal tile[MR][2];

/* fma(x, y, s) in the place of s. Left alone, the compiler writes some results over x and then moves them about. */
AS_INLINE vreal fma_into(vreal s, vreal x, vreal y)
{
#if defined(V_CALL) && AS_PRECISION == 32
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(s) : "v"(x), "v"(y));
    return s;
#elif defined(V_CALL)
    __asm__("vfmadd231pd %2, %1, %0" : "+v"(s) : "v"(x), "v"(y));
    return s;
#else
    return v_fma(x, y, s);
#endif
}

/* F(r) for every row of a tile, written out: with an index that is a literal from the start the compiler keeps a tile
   in registers from its zeros to its last store; unrolled loops send it through memory between one loop and the next.
 */
#if defined(AS_ISA_AVX512)
#define EACH_ROW(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13)
#elif defined(AS_ISA_AVX2)
#define EACH_ROW(F) F(0) F(1) F(2) F(3) F(4) F(5)
#else
#define EACH_ROW(F) F(0) F(1) F(2) F(3)
#endif

AS_INLINE void tile_zero(const int R, const int V, tile s)
{
#define ZERO(r)                                                                                                        \
    if (r < R) {                                                                                                       \
        s[r][0] = v_splat(0);                                                                                          \
        if (V > 1) {                                                                                                   \
            s[r][1] = v_splat(0);                                                                                      \
        }                                                                                                              \
    }
    EACH_ROW(ZERO)
}

AS_INLINE void tile_get(const int R, const int V, const real *node, tile s)
{
#define GET(r)                                                                                                         \
    if (r < R) {                                                                                                       \
        s[r][0] = v_load(node + r * NR);                                                                               \
        if (V > 1) {                                                                                                   \
            s[r][1] = v_load(node + r * NR + VL);                                                                      \
        }                                                                                                              \
    }
    EACH_ROW(GET)
}

AS_INLINE void tile_put(const int R, const int V, tile s, real *node)
{
#define PUT(r)                                                                                                         \
    if (r < R) {                                                                                                       \
        v_store(node + r * NR, s[r][0]);                                                                               \
        if (V > 1) {                                                                                                   \
            v_store(node + r * NR + VL, s[r][1]);                                                                      \
        }                                                                                                              \
    }
    EACH_ROW(PUT)
}

/* s = left + s */
AS_INLINE void tile_merge(const int R, const int V, const real *left, tile s)
{
#define MERGE(r)                                                                                                       \
    if (r < R) {                                                                                                       \
        s[r][0] = v_load(left + r * NR) + s[r][0];                                                                     \
        if (V > 1) {                                                                                                   \
            s[r][1] = v_load(left + r * NR + VL) + s[r][1];                                                            \
        }                                                                                                              \
    }
    EACH_ROW(MERGE)
}

/* One step of the chains: s[r][v] = fma(a_r, b_v, s[r][v]). */
AS_INLINE void tile_fma(const int R, const int V, const real *a, const real *b, tile s)
{
    const vreal low = v_load(b), high = v_load(V > 1 ? b + VL : b);
#define FMA(r)                                                                                                         \
    if (r < R) {                                                                                                       \
        const vreal x = v_splat(a[r]);                                                                                 \
        s[r][0] = fma_into(s[r][0], x, low);                                                                           \
        if (V > 1) {                                                                                                   \
            s[r][1] = fma_into(s[r][1], x, high);                                                                      \
        }                                                                                                              \
    }
    EACH_ROW(FMA)
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
        __builtin_prefetch(a + ahead);
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

/* Where the chain of a lane goes on from what part 0 holds. */
AS_INLINE void tile_resume(const int R, const int V, const outer *o, const outer_place *at, tile s)
{
    const real *const from = (const real *)o->part[0] + at->u * o->su + at->w * o->sw;
    if (o->sw == 1) {
        const vmask low = v_first(o->W - at->w), high = v_first(o->W - at->w - VL);
#define RESUME(r)                                                                                                      \
    if (r < R) {                                                                                                       \
        s[r][0] = v_load_masked(from + r * o->su, low);                                                                \
        if (V > 1) {                                                                                                   \
            s[r][1] = v_load_masked(from + r * o->su + VL, high);                                                      \
        }                                                                                                              \
    }
        EACH_ROW(RESUME)
        return;
    }
    outer_tile scratch = {0};
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
        const vmask low = v_first(o->W - at->w), high = v_first(o->W - at->w - VL);
#define EMIT(r)                                                                                                        \
    if (r < R) {                                                                                                       \
        v_store_masked(to + r * o->su, s[r][0], low);                                                                  \
        if (V > 1) {                                                                                                   \
            v_store_masked(to + r * o->su + VL, s[r][1], high);                                                        \
        }                                                                                                              \
    }
        EACH_ROW(EMIT)
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
    const int16_t *step = o->program->step + c.step, *const stop_step = o->program->step + o->program->steps;
    const int64_t pitch = at->pitch * MR * NR, a_step = at->step, b_step = at->width;
    const int64_t *const lane_end = o->lane_row + 1;
    const real *a = at->a, *b = at->b;
    real *top = at->stack[c.top * at->pitch];
    tile_expect(R, V, o, at, c.part);
    while (step < stop_step) {
        const int64_t stop = lane_end[*step];
        if (c.row == end && stop > end) {
            break;
        }
        tile s;
        if (c.open) {
            tile_get(R, V, top, s);
        } else if (o->resume) {
            tile_resume(R, V, o, at, s);
        } else {
            tile_zero(R, V, s);
        }
        const int64_t rows = (stop < end ? stop : end) - c.row;
        tile_rows(R, V, rows, &a, a_step, &b, b_step, s);
        c.row += rows;
        c.open = stop > end;
        if (c.open) {
            tile_put(R, V, s, top);
            break;
        }
        for (step++; step < stop_step && *step == AS_TREE_MERGE; step++) {
            top -= pitch;
            tile_merge(R, V, top, s);
        }
        if (step < stop_step && *step == AS_TREE_EMIT) {
            tile_emit(R, V, o, at, c.part++, s);
            tile_expect(R, V, o, at, c.part);
            step++;
        } else {
            tile_put(R, V, s, top);
            top += pitch;
        }
    }
    c.step = (int)(step - o->program->step);
    c.top = (int)((top - at->stack[0]) / pitch);
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
