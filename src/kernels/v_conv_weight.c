/* Weight gradients of convolutions: for each kernel position and pair of channels the sum over samples and pixels of
   x * d; a chain inside a lane, then the lane tree.

   A tile is MR rows of the weight by NR output channels. The rows are neighbours in x too: the run of (kw, c) that one
   output reads, or of c alone where positions are dilated; so x is broadcast, in place, and d is read as vectors from
   panels that are packed once for all tiles beside each other. A tile stays in registers over all pixels of a chunk of
   a sample. At the borders some rows of a tile have no input: these pixels take steps of their own that leave those
   rows out. The walk goes lane by lane, chunk by chunk over a block of tiles whose tree stack fits L2. Depthwise: rows
   are kernel positions, and x is read as vectors too. Cost: 2 flops for each weight, sample and pixel that reads an
   input. */
#include "kernels/conv_taps.h"
#include "kernels/table.h"
#include "kernels/table_conv.h"
#include "kernels/team.h"
#include "kernels/tile.h"

enum {
    MERGE = 8,
    STACK = 1024 * 1024,               /* bytes of a block's tree stack */
    CHUNK = 24 * 1024 / (V_BYTES * 2), /* outputs of a chunk: their panel takes half of the L1 */
};

typedef struct weigh {
    const as_conv *c;
    const real *x, *d;
    int64_t ldx, ldd;
    const as_tree_program *program;
    const int64_t *lane_row;
    bool resume;
    void *const *part;
    bool depthwise, merged; /* merged: a run holds all kw */
    int64_t rows, runs;     /* rows of a run; runs of a group */
    int64_t cg, ng;         /* channels of a group; depthwise: 1 and all */
    int64_t strips, panels, groups;
} weigh;

/* What one tile sums. Offsets are in reals from the first of a sample. */
typedef struct tile_plan {
    int rows;
    int64_t cols, width;
    as_reach reach[AS_AXES];    /* outputs of depth and height; of width: those that all rows read */
    int64_t first, end;         /* outputs of the width that any row reads */
    int64_t row;                /* of the tile's first row in its run */
    int64_t x, x_step[AS_AXES]; /* first row's input at output 0, and between outputs */
    int64_t x_row;              /* depthwise: between rows */
    int64_t d;                  /* first column of d, and of the part */
    int64_t weight;             /* first element in a part */
} tile_plan;

/* Some outputs of a sample: lines (depth, height) in row-major order, each from w on. */
typedef struct chunk {
    int64_t first, end, w, w_end;
} chunk;

/* Outputs of the width that row r of the run reads. */
static as_reach row_reach(const weigh *o, int64_t run, int64_t r)
{
    const int64_t k = o->depthwise ? r : o->merged ? r / o->cg : run % o->c->kernel[2];
    return as_reach_of(o->c, 2, k);
}

/* Number of the panel, over all groups, that a tile reads. */
static int64_t panel_of(const weigh *o, int64_t index)
{
    return index / o->strips / o->runs;
}

static tile_plan plan_tile(const weigh *o, int64_t index)
{
    const as_conv *const c = o->c;
    const int64_t strip = index % o->strips, run = index / o->strips % o->runs;
    const int64_t g = panel_of(o, index) / o->panels, j = panel_of(o, index) % o->panels * NR;
    const int64_t line = c->in[2] * c->cin, sheet = c->in[1] * line;
    const bool whole = o->merged || o->depthwise;
    const int64_t kw = whole ? 0 : run % c->kernel[2], kh = (whole ? run : run / c->kernel[2]) % c->kernel[1];
    const int64_t kd = (whole ? run : run / c->kernel[2]) / c->kernel[1];
    tile_plan t = {.cols = o->ng - j, .width = panel_width(o->ng, j)};
    t.rows = strip_rows(o->rows, o->strips, strip, &t.row);
    const as_reach a = row_reach(o, run, t.row), b = row_reach(o, run, t.row + t.rows - 1);
    t.reach[0] = as_reach_of(c, 0, kd);
    t.reach[1] = as_reach_of(c, 1, kh);
    t.reach[2] = (as_reach){a.first, b.end};
    t.first = b.first;
    t.end = a.end;
    if (a.first == a.end || b.first == b.end || b.end <= a.first) { /* a kernel wider than the input */
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
    t.d = g * o->ng + j;
    t.weight = (run * o->rows + t.row) * c->cout + t.d;
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
        const real *const a = x + w * t->x_step[2], *const b = d + w * V * VL;
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
AS_INLINE void core(const int R, const int V, const bool depthwise, int64_t steps, const real *x, int64_t step,
                    int64_t x_row, const real *d, const vmask mask[2], vreal s[MR][2])
{
    if (!depthwise) {
        tile_chain(R, V, true, STREAM_NONE, steps, x, 1, step, d, V * VL, s);
        return;
    }
    for (int64_t p = 0; p < steps; p++, x += step, d += V * VL) {
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
    const int64_t height = o->c->out[1], d_line = (k->w_end - k->w) * V * VL, x_line = t->x_step[1];
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
        int64_t a = t->x + z * t->x_step[0] + y * x_line, b = (y - y0) * d_line - k->w * V * VL;
        for (; y < stop; y++, a += x_line, b += d_line) {
            if (first < all) {
                edge(R, V, depthwise, o, t, first, all, x + a, panel + b, mask, s);
            }
            core(R, V, depthwise, all_end - all, x + (a + all * x_step), x_step, t->x_row, panel + (b + all * V * VL),
                 mask, s);
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

typedef void add_function(const weigh *o, const tile_plan *t, const chunk *k, const real *x, const real *panel,
                          bool fresh, real *node);

#define ADD(name, depthwise, R, V)                                                                                     \
    static void name##_##R##_##V(const weigh *o, const tile_plan *t, const chunk *k, const real *x, const real *panel, \
                                 bool fresh, real *node)                                                               \
    {                                                                                                                  \
        tile_add(R, V, depthwise, o, t, k, x, panel, fresh, node);                                                     \
    }
#define ADDS(R)                                                                                                        \
    ADD(add, false, R, 1) ADD(add, false, R, 2) ADD(add_depthwise, true, R, 1) ADD(add_depthwise, true, R, 2)
#define ROW(R) {add_##R##_1, add_##R##_2},
#define ROW_DEPTHWISE(R) {add_depthwise_##R##_1, add_depthwise_##R##_2},

EACH_R(ADDS)
static add_function *const adds[MR][2] = {EACH_R(ROW)};
static add_function *const adds_depthwise[MR][2] = {EACH_R(ROW_DEPTHWISE)};

typedef real node_tile[MR * NR];

/* Columns of d that a tile reads, over the outputs of a chunk; padding zero. d is one sample's. */
static void pack_panel(const weigh *o, const tile_plan *t, const chunk *k, const real *d, real *panel)
{
    const vmask low = v_first(t->cols), high = v_first(t->cols - VL);
    const int64_t cout = o->c->cout;
    for (int64_t l = k->first; l < k->end; l++) {
        const real *from = d + (l * o->c->out[2] + k->w) * cout + t->d;
        for (int64_t w = k->w; w < k->w_end; w++, from += cout, panel += t->width) {
            v_store(panel, v_load_masked(from, low));
            if (t->width == NR) {
                v_store(panel + VL, v_load_masked(from + VL, high));
            }
        }
    }
}

/* Tiles [first, first + count) += a chunk of one sample. */
static void block_chunk(const weigh *o, const tile_plan *plan, int64_t count, const chunk *k, int64_t row, bool fresh,
                        node_tile *node)
{
    _Alignas(64) real panel[CHUNK * NR];
    for (int64_t i = 0; i < count; i++) {
        const tile_plan *const t = plan + i;
        if (i == 0 || t[0].d != t[-1].d) {
            pack_panel(o, t, k, o->d + row * o->ldd, panel);
        }
        (o->depthwise ? adds_depthwise : adds)[t->rows - 1][t->width / VL - 1](o, t, k, o->x + row * o->ldx, panel,
                                                                               fresh, node[i]);
    }
}

/* Tiles [first, first + count) += one lane: chunks of whole lines, or of pieces of a line. */
static void block_lane(const weigh *o, const tile_plan *plan, int64_t count, int lane, node_tile *node)
{
    const int64_t lines = o->c->out[0] * o->c->out[1], wide = o->c->out[2];
    const int64_t most = wide > CHUNK ? 1 : wide > 0 ? CHUNK / wide : lines;
    const int64_t chunks = lines > 0 ? (lines + most - 1) / most : 0, pieces = (wide + CHUNK - 1) / CHUNK;
    bool fresh = !o->resume;
    for (int64_t row = o->lane_row[lane]; row < o->lane_row[lane + 1]; row++) {
        for (int64_t q = 0; q < chunks * pieces; q++, fresh = false) {
            const int64_t i = q / pieces, j = q % pieces;
            const chunk k = {lines * i / chunks, lines * (i + 1) / chunks, wide * j / pieces, wide * (j + 1) / pieces};
            block_chunk(o, plan, count, &k, row, fresh, node);
        }
    }
}

/* Copies a node to (or from) part p. */
static void block_copy(const weigh *o, const tile_plan *plan, int64_t count, int p, bool out, node_tile *node)
{
    for (int64_t i = 0; i < count; i++) {
        const tile_plan *const t = plan + i;
        const size_t bytes = (size_t)(t->cols < t->width ? t->cols : t->width) * sizeof(real);
        for (int r = 0; r < t->rows; r++) {
            real *const at = (real *)o->part[p] + t->weight + r * o->c->cout, *const own = node[i] + r * NR;
            if (out) {
                memcpy(at, own, bytes);
            } else {
                memcpy(own, at, bytes);
            }
        }
    }
}

static void block_walk(const weigh *o, const tile_plan *plan, int64_t count, node_tile *stack)
{
    int top = 0, parts = 0;
    for (int q = 0; q < o->program->steps; q++) {
        const int step = o->program->step[q];
        if (step >= 0) {
            node_tile *const node = stack + top++ * count;
            memset(node, 0, (size_t)count * sizeof *node);
            if (o->resume) {
                block_copy(o, plan, count, 0, false, node);
            }
            block_lane(o, plan, count, step, node);
        } else if (step == AS_TREE_MERGE) {
            top--;
            AS_V(as_add)(count * MR * NR, stack[(top - 1) * count], stack[top * count], stack[(top - 1) * count]);
        } else {
            block_copy(o, plan, count, parts++, true, stack + --top * count);
        }
    }
}

static __attribute__((noinline)) void walk_tiles(const weigh *o, int64_t first, int64_t count)
{
    _Alignas(64) node_tile stack[STACK / sizeof(node_tile)];
    tile_plan plan[STACK / sizeof(node_tile)];
    const int64_t depth = o->program->depth > 0 ? o->program->depth : 1;
    const int64_t most = STACK / (int64_t)sizeof(node_tile) / depth, blocks = (count + most - 1) / most;
    for (int64_t q = 0; q < blocks; q++) {
        const int64_t at = count * q / blocks, tiles = count * (q + 1) / blocks - at;
        for (int64_t i = 0; i < tiles; i++) {
            plan[i] = plan_tile(o, first + at + i);
        }
        block_walk(o, plan, tiles, stack);
    }
}

void AS_V(as_conv_weight_lanes)(const as_conv *c, const void *x, int64_t ldx, const void *d, int64_t ldd,
                                const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                                int thread, int threads)
{
    const bool depthwise = as_conv_depthwise(c),
               merged = !depthwise && c->groups == 1 && c->dilation[2] == 1 && c->cin < MERGE;
    const int64_t cg = c->cin / c->groups, lines = c->kernel[0] * c->kernel[1];
    weigh o = {.c = c,
               .x = x,
               .d = d,
               .ldx = ldx,
               .ldd = ldd,
               .program = program,
               .lane_row = lane_row,
               .resume = resume,
               .part = part,
               .depthwise = depthwise,
               .merged = merged,
               .rows = depthwise ? c->kernel[2]
                       : merged  ? c->kernel[2] * cg
                                 : cg,
               .runs = depthwise || merged ? lines : lines * c->kernel[2],
               .cg = cg,
               .ng = depthwise ? c->cout : c->cout / c->groups,
               .groups = depthwise ? 1 : c->groups};
    o.strips = (o.rows + MR - 1) / MR;
    o.panels = (o.ng + NR - 1) / NR;
    int64_t first, count;
    as_team_share(o.groups * o.panels * o.runs * o.strips, 1, thread, threads, &first, &count);
    if (count > 0) {
        walk_tiles(&o, first, count);
    }
}

/* Columns of a bias gradient that stay in registers. */
enum { SUMS = 4 };

AS_INLINE void add_pixels(const int V, int64_t pixels, int64_t n, const real *d, const vmask mask, real *node)
{
    vreal s[SUMS];
    AS_UNROLL
    for (int v = 0; v < V; v++) {
        s[v] = v_load(node + v * VL);
    }
    for (int64_t p = 0; p < pixels; p++, d += n) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            s[v] = s[v] + (v == V - 1 ? v_load_masked(d + v * VL, mask) : v_load(d + v * VL));
        }
    }
    AS_UNROLL
    for (int v = 0; v < V; v++) {
        v_store(node + v * VL, s[v]);
    }
}

void AS_V(as_conv_bias_lanes)(int64_t pixels, int64_t n, const void *d, int64_t ldd, const as_tree_program *program,
                              const int64_t *lane_row, bool resume, void *const *part, int thread, int threads)
{
    int64_t begin, count;
    as_team_share(n, SUMS * VL, thread, threads, &begin, &count);
    real stack[AS_TREE_DEPTH_MAX][SUMS * VL];
    for (int64_t j = begin; j < begin + count; j += SUMS * VL) {
        const int64_t left = begin + count - j, cols = left < SUMS * VL ? left : SUMS * VL;
        int top = 0, parts = 0;
        for (int q = 0; q < program->steps; q++) {
            const int step = program->step[q];
            if (step == AS_TREE_EMIT) {
                memcpy((real *)part[parts++] + j, stack[--top], (size_t)cols * sizeof(real));
                continue;
            }
            if (step == AS_TREE_MERGE) {
                top--;
                AS_V(as_add)(SUMS * VL, stack[top - 1], stack[top], stack[top - 1]);
                continue;
            }
            real *const node = stack[top++];
            memset(node, 0, sizeof stack[0]);
            if (resume) {
                memcpy(node, (const real *)part[0] + j, (size_t)cols * sizeof(real));
            }
            for (int64_t r = lane_row[step]; r < lane_row[step + 1]; r++) {
                const real *const from = (const real *)d + r * ldd + j;
                const vmask mask = v_first(cols - (cols - 1) / VL * VL);
                switch ((cols - 1) / VL) {
                case 0:
                    add_pixels(1, pixels, n, from, mask, node);
                    break;
                case 1:
                    add_pixels(2, pixels, n, from, mask, node);
                    break;
                case 2:
                    add_pixels(3, pixels, n, from, mask, node);
                    break;
                default:
                    add_pixels(4, pixels, n, from, mask, node);
                    break;
                }
            }
        }
    }
}
