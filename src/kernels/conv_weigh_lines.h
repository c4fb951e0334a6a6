/* Sums of a tile of a convolution's weight gradient that has the rows of several kernel lines: where all of them read
   the same outputs, each by a pointer of its own; beside those, line by line. Ends with the choice among all tiles. */
#ifndef AS_KERNELS_CONV_WEIGH_LINES_H
#define AS_KERNELS_CONV_WEIGH_LINES_H

#include "kernels/conv_weigh_tile.h"

/* One step of several kernel lines: row r is a[r / L][r % L]. */
AS_INLINE void lines_step(const int L, const int G, const int V, const real *const a[], const real *d, int64_t low,
                          int64_t high, const bool all, vreal s[MR][2])
{
    vreal y[2];
    AS_UNROLL
    for (int v = 0; v < V; v++) {
        y[v] = v_load(d + v * VL);
    }
    AS_UNROLL
    for (int r = 0; r < L * G; r++) {
        if (all || (r % L >= low && r % L < high)) {
            const vreal x = v_splat(a[r / L][r % L]);
            AS_UNROLL
            for (int v = 0; v < V; v++) {
                s[r][v] = v_fma(x, y[v], s[r][v]);
            }
        }
    }
}

enum { AHEAD = 64 }; /* outputs that d is prefetched ahead: so few rows take it as fast as it comes */

/* Outputs [w, end) of a line, which all rows read, or some of each kernel line. x[g]: kernel line g at output 0. */
AS_INLINE void lines_steps(const int L, const int G, const int V, const weigh *o, const tile_plan *t, int64_t w,
                           int64_t end, const int64_t x[], const real *base, const real *d, const bool all,
                           vreal s[MR][2])
{
    const real *a[MR];
    if (w >= end) {
        return;
    }
    AS_UNROLL
    for (int g = 0; g < G; g++) {
        a[g] = base + (x[g] + w * t->x_step[2]);
    }
    for (d += w * t->d_step; w < end; w++, d += t->d_step) {
        int64_t low = 0, high = L;
        __builtin_prefetch(d + AHEAD * t->d_step);
        if (V == 2) {
            __builtin_prefetch(d + AHEAD * t->d_step + VL);
        }
        if (!all) {
            rows_at(o, t, w, &low, &high);
        }
        lines_step(L, G, V, a, d, low, high, all, s);
        AS_UNROLL
        for (int g = 0; g < G; g++) {
            a[g] += t->x_step[2];
        }
    }
}

/* node += lines [first, end) of a chunk, which all G kernel lines read. */
AS_INLINE void lines_core(const int L, const int G, const int V, const weigh *o, const tile_plan *t, const chunk *k,
                          int64_t begin, int64_t stop, const real *x, const real *panel, bool fresh, real *node)
{
    const int64_t first = t->first > k->w ? t->first : k->w, end = t->end < k->w_end ? t->end : k->w_end;
    const int64_t all = t->reach[2].first > first ? t->reach[2].first < end ? t->reach[2].first : end : first;
    const int64_t all_end = t->reach[2].end < end ? t->reach[2].end > all ? t->reach[2].end : all : end;
    const int64_t d_line = (k->w_end - k->w) * t->d_step, down = o->c->dilation[1] * o->c->in[2] * o->c->cin;
    vreal s[MR][2];
    AS_UNROLL
    for (int r = 0; r < L * G; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            s[r][v] = fresh ? v_splat(0) : v_load(node + r * NR + v * VL);
        }
    }
    for (int64_t y = begin; y < stop; y++) {
        const real *const d = panel + ((y - k->first) * d_line - k->w * t->d_step);
        int64_t a[MR];
        AS_UNROLL
        for (int g = 0; g < G; g++) {
            a[g] = t->x + y * t->x_step[1] + g * down;
        }
        lines_steps(L, G, V, o, t, first, all, a, x, d, false, s);
        lines_steps(L, G, V, o, t, all, all_end, a, x, d, true, s);
        lines_steps(L, G, V, o, t, all_end, end, a, x, d, false, s);
    }
    AS_UNROLL
    for (int r = 0; r < L * G; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            v_store(node + r * NR + v * VL, s[r][v]);
        }
    }
}

/* Lines [first, end) of a chunk for each kernel line by itself. */
static void lines_alone(const weigh *o, const tile_plan *t, const chunk *k, int64_t first, int64_t end, const real *x,
                        const real *panel, bool fresh, real *node)
{
    const chunk part = {first, end, k->w, k->w_end};
    const int64_t down = o->c->dilation[1] * o->c->in[2] * o->c->cin;
    for (int g = 0; g < t->lines; g++) {
        tile_plan one = *t;
        one.x += g * down;
        one.reach[1] = as_reach_of(o->c, 1, t->kh + g);
        adds[t->rows - 1][t->width / VL - 1](o, &one, &part, x,
                                             panel + (first - k->first) * (k->w_end - k->w) * t->d_step, fresh,
                                             node + g * t->rows * NR);
    }
}

/* Lines of a chunk that all kernel lines of the tile read. */
static as_reach common_lines(const weigh *o, const tile_plan *t, const chunk *k)
{
    as_reach all = {k->first, k->end};
    for (int g = 0; g < t->lines; g++) {
        const as_reach r = as_reach_of(o->c, 1, t->kh + g);
        all.first = r.first > all.first ? r.first : all.first;
        all.end = r.end < all.end ? r.end : all.end;
    }
    all.first = all.first < k->end ? all.first : k->end;
    all.end = all.end > all.first ? all.end : all.first;
    return all;
}

#define ADD_LINES(L, G, V)                                                                                             \
    static void add_lines_##L##_##G##_##V(const weigh *o, const tile_plan *t, const chunk *k, const real *x,           \
                                          const real *panel, bool fresh, real *node)                                   \
    {                                                                                                                  \
        const as_reach all = common_lines(o, t, k);                                                                    \
        if (k->first < all.first) {                                                                                    \
            lines_alone(o, t, k, k->first, all.first, x, panel, fresh, node);                                          \
            fresh = false;                                                                                             \
        }                                                                                                              \
        if (fresh || all.first < all.end) {                                                                            \
            lines_core(L, G, V, o, t, k, all.first, all.end, x, panel, fresh, node);                                   \
        }                                                                                                              \
        if (all.end < k->end) {                                                                                        \
            lines_alone(o, t, k, all.end, k->end, x, panel, false, node);                                              \
        }                                                                                                              \
    }
#define ADDS_LINES(L, G) ADD_LINES(L, G, 1) ADD_LINES(L, G, 2)

/* Rows of a kernel line, and lines, that tiles are made for; the fewest rows of them. */
#if defined(AS_ISA_AVX512)
#define EACH_LINES(X) X(3, 2) X(3, 3) X(3, 4) X(4, 2) X(4, 3) X(5, 2) X(6, 2) X(7, 2)
enum { LINE_ROWS = 3 };
#elif defined(AS_ISA_AVX2)
#define EACH_LINES(X) X(3, 2)
enum { LINE_ROWS = 3 };
#elif defined(__aarch64__)
#define EACH_LINES(X) X(2, 2) X(2, 3) X(2, 4) X(3, 2) X(4, 2)
enum { LINE_ROWS = 2 };
#else
#define EACH_LINES(X) X(2, 2)
enum { LINE_ROWS = 2 };
#endif

EACH_LINES(ADDS_LINES)

/* Kernel lines of `rows` rows that a tile may hold. */
static int lines_of(int64_t rows)
{
    return rows >= LINE_ROWS && rows <= MR / 2 ? MR / (int)rows : 1;
}

#define CHOOSE_LINES(L, G)                                                                                             \
    if (t->rows == (L) && t->lines == (G)) {                                                                           \
        return t->width == VL ? add_lines_##L##_##G##_1 : add_lines_##L##_##G##_2;                                     \
    }

static add_function *add_of(const weigh *o, const tile_plan *t)
{
    if (t->run < 0) {
        return add_bias;
    }
#if defined(EACH_QUAD)
    if (o->wide > NR) {
        return adds_quad[t->rows - 1];
    }
#endif
    EACH_LINES(CHOOSE_LINES)
    return adds[t->rows - 1][t->pair ? 2 : (o->depthwise ? 3 : 0) + t->width / VL - 1];
}

#endif
