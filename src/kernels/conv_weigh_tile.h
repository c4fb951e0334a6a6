/* Sums of a tile of a convolution's weight gradient over the pixels of a chunk, with the tile in registers: rows of one
   kernel line by one or two vectors of output channels, two kernel positions side by side, or QUAD vectors; one row of
   the bias. `adds` and `adds_quad` hold them for each number of rows. */
#ifndef AS_KERNELS_CONV_WEIGH_TILE_H
#define AS_KERNELS_CONV_WEIGH_TILE_H

#include "kernels/conv_weigh.h"

/* Rows [*low, *high) of the tile that output `at` of the width lets read an input. */
AS_INLINE void rows_at(const weigh *o, const tile_plan *t, int64_t at, int64_t *low, int64_t *high)
{
    const as_conv *const c = o->c;
    *low = 0;
    *high = t->rows;
    if (o->merged || o->depthwise) {
        const int64_t base = at * c->stride[2] - c->low[2], dilation = c->dilation[2], last = c->in[2] - 1 - base;
        const int64_t first = base < 0 ? (dilation == 1 ? -base : as_ceil_div(-base, dilation)) : 0;
        const int64_t end = last < 0 ? 0 : dilation == 1 ? last + 1 : last / dilation + 1;
        *low = first * o->cg - t->row;
        *high = end * o->cg - t->row;
    }
}

/* The row of x as vectors or splat. */
AS_INLINE vreal x_at(const bool depthwise, const real *x, int r, int64_t x_row, int v, const vmask mask[2])
{
    return depthwise ? v_load_masked(x + r * x_row + v * VL, mask[v]) : v_splat(x[r]);
}

/* Outputs [w, end) of a line, of which not all rows read an input. x and d are those of output 0. */
AS_INLINE void edge(const int R, const int V, const bool depthwise, const weigh *o, const tile_plan *t, int64_t w,
                    int64_t end, const real *x, const real *d, const vmask mask[2], vreal s[MR][2])
{
    for (; w < end; w++) {
        const real *const a = x + w * t->x_step[2], *const b = d + w * t->d_step;
        int64_t low, high;
        rows_at(o, t, w, &low, &high);
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            if (r >= low && r < high) {
                AS_UNROLL
                for (int v = 0; v < V; v++) {
                    s[r][v] = v_fma(x_at(depthwise, a, r, t->x_row, v, mask), v_load(b + v * VL), s[r][v]);
                }
            }
        }
    }
}

/* Outputs of a line that all rows read. */
AS_INLINE void core(const int R, const int V, const bool depthwise, const tile_plan *t, int64_t steps, const real *x,
                    const real *d, const vmask mask[2], vreal s[MR][2])
{
    const int64_t step = t->x_step[2], x_row = t->x_row, d_step = t->d_step;
    if (!depthwise) {
        tile_chain(R, V, true, STREAM_NONE, steps, x, 1, step, d, d_step, s);
        return;
    }
    for (int64_t p = 0; p < steps; p++, x += step, d += d_step) {
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            AS_UNROLL
            for (int v = 0; v < V; v++) {
                s[r][v] = v_fma(x_at(true, x, r, x_row, v, mask), v_load(d + v * VL), s[r][v]);
            }
        }
    }
}

/* node += a chunk of one sample, whose d is packed. */
AS_INLINE void tile_add(const int R, const int V, const bool depthwise, const weigh *o, const tile_plan *t,
                        const chunk *k, const real *x, const real *panel, bool fresh, real *node)
{
    const int64_t height = o->c->out[1], d_line = (k->w_end - k->w) * t->d_step, x_line = t->x_step[1];
    const int64_t first = t->first > k->w ? t->first : k->w, end = t->end < k->w_end ? t->end : k->w_end;
    const int64_t all = t->reach[2].first > first ? t->reach[2].first < end ? t->reach[2].first : end : first;
    const int64_t all_end = t->reach[2].end < end ? t->reach[2].end > all ? t->reach[2].end : all : end;
    const int64_t x_step = t->x_step[2];
    vmask mask[2];
    vreal s[MR][2];
    AS_UNROLL
    for (int v = 0; v < V; v++) {
        mask[v] = v_first(t->cols - v * VL);
    }
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            s[r][v] = fresh ? v_splat(0) : v_load(node + r * NR + v * VL);
        }
    }
    for (int64_t z = t->reach[0].first; z < t->reach[0].end; z++) {
        const int64_t y0 = k->first - z * height, y1 = k->end - z * height;
        const int64_t stop = y1 < t->reach[1].end ? y1 : t->reach[1].end;
        int64_t y = y0 > t->reach[1].first ? y0 : t->reach[1].first;
        /* Of output 0 of the width, which may lie before the arrays: indices, not pointers. */
        int64_t a = t->x + z * t->x_step[0] + y * x_line, b = (y - y0) * d_line - k->w * t->d_step;
        for (; y < stop; y++, a += x_line, b += d_line) {
            if (first < all) {
                edge(R, V, depthwise, o, t, first, all, x + a, panel + b, mask, s);
            }
            core(R, V, depthwise, t, all_end - all, x + (a + all * x_step), panel + (b + all * t->d_step), mask, s);
            if (all_end < end) {
                edge(R, V, depthwise, o, t, all_end, end, x + a, panel + b, mask, s);
            }
        }
    }
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            v_store(node + r * NR + v * VL, s[r][v]);
        }
    }
}

#if defined(EACH_QUAD)
/* The outputs of a line that read an input: of one kernel position all rows read alike. */
AS_INLINE void quad_line(const int R, int64_t steps, const real *x, int64_t x_step, const real *d, int64_t d_step,
                         vreal s[QUAD_R][QUAD])
{
    for (int64_t p = 0; p < steps; p++, x += x_step, d += d_step) {
        vreal y[QUAD];
        AS_UNROLL
        for (int v = 0; v < QUAD; v++) {
            y[v] = v_load(d + v * VL);
        }
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            const vreal a = v_splat(x[r]);
            AS_UNROLL
            for (int v = 0; v < QUAD; v++) {
                s[r][v] = fma_into(s[r][v], a, y[v]);
            }
        }
    }
}

/* node += a chunk of one sample: QUAD vectors of output channels, one kernel position. */
AS_INLINE void tile_add_quad(const int R, const weigh *o, const tile_plan *t, const chunk *k, const real *x,
                             const real *panel, bool fresh, real *node)
{
    const int64_t height = o->c->out[1], d_line = (k->w_end - k->w) * t->d_step, x_line = t->x_step[1];
    const int64_t first = t->first > k->w ? t->first : k->w, stop_w = t->end < k->w_end ? t->end : k->w_end;
    const int64_t steps = stop_w > first ? stop_w - first : 0;
    vreal s[QUAD_R][QUAD];
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < QUAD; v++) {
            s[r][v] = fresh ? v_splat(0) : v_load(node + (r * QUAD + v) * VL);
        }
    }
    for (int64_t z = t->reach[0].first; z < t->reach[0].end && steps > 0; z++) {
        const int64_t y0 = k->first - z * height, y1 = k->end - z * height;
        const int64_t stop = y1 < t->reach[1].end ? y1 : t->reach[1].end;
        int64_t y = y0 > t->reach[1].first ? y0 : t->reach[1].first;
        int64_t a = t->x + z * t->x_step[0] + y * x_line + first * t->x_step[2];
        int64_t b = (y - y0) * d_line + (first - k->w) * t->d_step;
        for (; y < stop; y++, a += x_line, b += d_line) {
            quad_line(R, steps, x + a, t->x_step[2], panel + b, t->d_step, s);
        }
    }
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < QUAD; v++) {
            v_store(node + (r * QUAD + v) * VL, s[r][v]);
        }
    }
}
#endif

/* Output channels in one vector: outputs [w, end) for vector v alone. */
AS_INLINE void lone_steps(const int R, const int v, int64_t w, int64_t end, const real *x, int64_t step, const real *d,
                          int64_t d_step, vreal s[MR][2])
{
    for (; w < end; w++) {
        const vreal y = v_load(d + (w - v) * d_step);
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            s[r][v] = v_fma(v_splat(x[w * step + r]), y, s[r][v]);
        }
    }
}

/* node += a chunk, for two neighbouring kernel positions. w counts the outputs of the first; the second's are w - 1. */
AS_INLINE void tile_add_pair(const int R, const weigh *o, const tile_plan *t, const chunk *k, const real *x,
                             const real *panel, bool fresh, real *node)
{
    const int64_t height = o->c->out[1], d_step = t->d_step, d_line = (k->w_end - k->w) * d_step, x_step = t->x_step[2];
    const int64_t first[2] = {t->reach[2].first > k->w ? t->reach[2].first : k->w,
                              (t->first > k->w ? t->first : k->w) + 1};
    int64_t end[2] = {t->reach[2].end < k->w_end ? t->reach[2].end : k->w_end,
                      (t->end < k->w_end ? t->end : k->w_end) + 1};
    vreal s[MR][2];
    AS_UNROLL
    for (int v = 0; v < 2; v++) {
        end[v] = end[v] < first[v] ? first[v] : end[v];
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            s[r][v] = fresh ? v_splat(0) : v_load(node + r * NR + v * VL);
        }
    }
    const int64_t both = first[0] > first[1] ? first[0] : first[1], last = end[0] < end[1] ? end[0] : end[1];
    const int64_t stop_both = last > both ? last : both;
    for (int64_t z = t->reach[0].first; z < t->reach[0].end; z++) {
        const int64_t y0 = k->first - z * height, y1 = k->end - z * height;
        const int64_t stop = y1 < t->reach[1].end ? y1 : t->reach[1].end;
        int64_t y = y0 > t->reach[1].first ? y0 : t->reach[1].first;
        int64_t a = t->x + z * t->x_step[0] + y * t->x_step[1], b = (y - y0) * d_line - k->w * d_step;
        for (; y < stop; y++, a += t->x_step[1], b += d_line) {
            const real *const from = x + a, *const d = panel + b;
            lone_steps(R, 0, first[0], end[0] < both ? end[0] : both, from, x_step, d, d_step, s);
            lone_steps(R, 1, first[1], end[1] < both ? end[1] : both, from, x_step, d, d_step, s);
            if (both < stop_both) {
                tile_chain_apart(R, 2, true, STREAM_NONE, stop_both - both, from + both * x_step, 1, x_step,
                                 d + both * d_step, d_step, -d_step, s);
            }
            lone_steps(R, 0, stop_both > first[0] ? stop_both : first[0], end[0], from, x_step, d, d_step, s);
            lone_steps(R, 1, stop_both > first[1] ? stop_both : first[1], end[1], from, x_step, d, d_step, s);
        }
    }
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < 2; v++) {
            v_store(node + r * NR + v * VL, s[r][v]);
        }
    }
}

/* node (one row) += d of all outputs of a chunk. */
static void add_bias(const weigh *o, const tile_plan *t, const chunk *k, const real *x, const real *panel, bool fresh,
                     real *node)
{
    (void)o, (void)x;
    const int64_t outputs = (k->end - k->first) * (k->w_end - k->w);
    for (int64_t j = 0; j < t->width; j += VL) {
        vreal s = fresh ? v_splat(0) : v_load(node + j);
        for (int64_t p = 0; p < outputs; p++) {
            s = s + v_load(panel + p * t->d_step + j);
        }
        v_store(node + j, s);
    }
}

typedef void add_function(const weigh *o, const tile_plan *t, const chunk *k, const real *x, const real *panel,
                          bool fresh, real *node);

#define ADD(name, depthwise, R, V)                                                                                     \
    static void name##_##R##_##V(const weigh *o, const tile_plan *t, const chunk *k, const real *x, const real *panel, \
                                 bool fresh, real *node)                                                               \
    {                                                                                                                  \
        tile_add(R, V, depthwise, o, t, k, x, panel, fresh, node);                                                     \
    }
#define ADD_PAIR(R)                                                                                                    \
    static void add_pair_##R(const weigh *o, const tile_plan *t, const chunk *k, const real *x, const real *panel,     \
                             bool fresh, real *node)                                                                   \
    {                                                                                                                  \
        tile_add_pair(R, o, t, k, x, panel, fresh, node);                                                              \
    }
#define ADDS(R)                                                                                                        \
    ADD(add, false, R, 1)                                                                                              \
    ADD(add, false, R, 2)                                                                                              \
    ADD(add_depthwise, true, R, 1) ADD(add_depthwise, true, R, 2) ADD_PAIR(R)
#define ROW(R) {add_##R##_1, add_##R##_2, add_pair_##R, add_depthwise_##R##_1, add_depthwise_##R##_2},

#if defined(EACH_QUAD)
#define ADD_QUAD(R)                                                                                                    \
    static void add_quad_##R(const weigh *o, const tile_plan *t, const chunk *k, const real *x, const real *panel,     \
                             bool fresh, real *node)                                                                   \
    {                                                                                                                  \
        tile_add_quad(R, o, t, k, x, panel, fresh, node);                                                              \
    }
#define ROW_QUAD(R) add_quad_##R,
EACH_QUAD(ADD_QUAD)
static add_function *const adds_quad[QUAD_R] = {EACH_QUAD(ROW_QUAD)};
#endif

EACH_R(ADDS)
static add_function *const adds[MR][5] = {EACH_R(ROW)};

#endif
