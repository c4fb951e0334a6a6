/* The tiles of a convolution's weight gradient (v_conv_weight.c): what each sums, and the loops over the pixels of a
   chunk with the tile in registers. */
#ifndef AS_KERNELS_CONV_WEIGH_H
#define AS_KERNELS_CONV_WEIGH_H

#include "kernels/conv_taps.h"
#include "kernels/tile.h"

typedef struct weigh {
    const as_conv *c;
    const real *x, *d;
    int64_t ldx, ldd;
    const as_tree_program *program;
    const int64_t *lane_row;
    bool resume;
    void *const *part, *const *bias;
    bool depthwise, merged, paired; /* merged: a run holds all kw; paired: tiles have two kw */
    int64_t rows, runs;             /* rows of a run; runs of a group, for paired of every kw pair */
    int lines;                      /* kernel lines that a tile may have; more than 1: merged, over two axes */
    bool copied;                    /* d is always packed */
    int64_t wide;                   /* columns of a panel: NR, or QUAD vectors */
    int64_t cg, ng;                 /* channels of a group; depthwise: 1 and all */
    int64_t strips, panels, groups;
    int64_t panel_tiles; /* tiles of a panel, that of the bias among them */
} weigh;

/* Many registers: tiles of fewer rows and QUAD vectors of a row load less for each multiply-add (see outer_tile.h). 0:
   there are no such tiles. */
#if defined(AS_ISA_AVX512)
enum { QUAD = 4, QUAD_R = 6 };
#define EACH_QUAD(X) X(1) X(2) X(3) X(4) X(5) X(6)
#else
enum { QUAD = 0, QUAD_R = 0 };
#endif

/* What one tile sums. Offsets are in reals from the first of a sample. */
typedef struct tile_plan {
    int rows;  /* of a kernel line */
    int lines; /* kernel lines, from kh on */
    int64_t kh;
    int64_t run; /* -1: the tile is one row of the bias */
    int64_t cols, width;
    as_reach reach[AS_AXES];    /* outputs of depth and height; of width: those that all rows read */
    int64_t first, end;         /* outputs of the width that any row reads */
    int64_t row;                /* of the tile's first row in its run */
    int64_t x, x_step[AS_AXES]; /* first row's input at output 0, and between outputs */
    int64_t x_row;              /* depthwise: between rows */
    int64_t d;                  /* first column of d, and of the part */
    bool packed;                /* d is read from a panel, not in place */
    int64_t d_step;             /* between outputs there */
    bool pair;                  /* the tile's second vector is the next kernel position */
    int64_t weight;             /* first element in a part */
} tile_plan;

/* Some outputs of a sample: lines (depth, height) in row-major order, each from w on. */
typedef struct chunk {
    int64_t first, end, w, w_end;
} chunk;

/* Outputs of the width that row r of a run reads, whose first kernel position is kw. */
static as_reach row_reach(const weigh *o, int64_t kw, int64_t r)
{
    return as_reach_of(o->c, 2, o->depthwise ? r : o->merged ? r / o->cg : kw);
}

/* Whether the tile reads d in place: no columns are beyond it, and its vectors do not collide in the L1. */
static bool in_place(const weigh *o, const tile_plan *t)
{
    return !o->copied && t->cols >= t->width && o->c->cout <= 2 * NR;
}

/* Tile number `index`: panel by panel; in a panel run by run, then the bias. */
static tile_plan plan_tile(const weigh *o, int64_t index)
{
    const as_conv *const c = o->c;
    const int64_t panel = index / o->panel_tiles, inside = index % o->panel_tiles;
    const int64_t strip = inside % o->strips, run = inside / o->strips;
    const int64_t g = panel / o->panels, j = panel % o->panels * o->wide;
    const int64_t line = c->in[2] * c->cin, sheet = c->in[1] * line;
    const int64_t line_runs = o->lines > 1 ? 1 : o->runs / (c->kernel[0] * c->kernel[1]),
                  kw = run % line_runs * (o->paired ? 2 : 1);
    int64_t kh = run / line_runs % c->kernel[1], kd = run / line_runs / c->kernel[1];
    tile_plan t = {.lines = 1,
                   .cols = o->ng - j,
                   .width = o->wide > NR ? o->wide : panel_width(o->ng, j),
                   .pair = o->paired && kw + 1 < c->kernel[2]};
    if (o->lines > 1) {
        kd = 0;
        t.lines = strip_rows(c->kernel[1], o->runs, run, &kh);
    }
    t.kh = kh;
    t.d = g * o->ng + j;
    t.packed = !in_place(o, &t);
    t.d_step = t.packed ? t.width : c->cout;
    if (inside == o->panel_tiles - 1 && o->bias != NULL) {
        t.run = -1;
        t.rows = t.lines = 1;
        t.pair = false;
        t.weight = t.d;
        return t;
    }
    t.rows = strip_rows(o->rows, o->strips, strip, &t.row);
    const as_reach a = row_reach(o, kw, t.row), b = row_reach(o, kw, t.row + t.rows - 1);
    t.reach[0] = as_reach_of(c, 0, kd);
    t.reach[1] = as_reach_of(c, 1, kh);
    t.reach[2] = (as_reach){a.first, b.end};
    t.first = b.first;
    t.end = a.end;
    const bool apart = o->merged || o->depthwise; /* rows of several kernel positions: steps choose among them */
    if (!apart && a.first == a.end) {             /* beside the input for every output */
        t.reach[2] = (as_reach){0, 0};
        t.first = t.end = 0;
    } else if (apart &&
               (a.first == a.end || b.first == b.end || b.end <= a.first)) { /* a kernel wider than the input */
        t.reach[2] = (as_reach){c->out[2], c->out[2]};
        t.first = 0;
        t.end = c->out[2];
    }
    t.x = (kd * c->dilation[0] - c->low[0]) * sheet + (kh * c->dilation[1] - c->low[1]) * line +
          (kw * c->dilation[2] - c->low[2]) * c->cin + g * o->cg +
          (o->depthwise ? t.row * c->dilation[2] * c->cin + j : t.row);
    t.x_step[0] = c->stride[0] * sheet;
    t.x_step[1] = c->stride[1] * line;
    t.x_step[2] = c->stride[2] * c->cin;
    t.x_row = c->dilation[2] * c->cin;
    t.weight = (((kd * c->kernel[1] + kh) * c->kernel[2] + kw) * o->cg + t.row) * c->cout + t.d;
    if (t.pair) {
        /* Output w of the first position goes with output w - 1 of the second. */
        const as_reach next = row_reach(o, kw + 1, 0);
        t.reach[2] = a;
        t.first = next.first;
        t.end = next.end;
    }
    return t;
}

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

typedef real node_tile[MR * NR];

#endif
