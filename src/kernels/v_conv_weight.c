/* Weight gradients of convolutions: for each kernel position and pair of channels the sum over samples and pixels of x
   * d; a chain inside a lane, then the lane tree.

   A tile is MR rows of the weight by NR output channels. The rows are neighbours in x too: the run of (kw, c) that
   one output reads, or of c alone where positions are dilated; so x is broadcast, in place, and d is read as vectors
   from panels that are packed once for all tiles beside each other, or in place where all its columns are vectors. Few
   input channels: a tile has the rows of several kernel lines, each with a pointer of its own. A tile stays in
   registers over all pixels of a chunk of a sample. With many registers and 4 vectors of output channels a tile has all
   of them and fewer rows. At the borders some rows of a tile have no input: these pixels take
   steps of their own that leave those rows out. The walk goes lane by lane, chunk by chunk over a block of tiles whose
   tree stack fits L2. Depthwise: rows are kernel positions, and x is read as vectors too. Cost: 2 flops for each
   weight, sample and pixel that reads an input. */
#include "kernels/conv_weigh_lines.h"
#include "kernels/table.h"
#include "kernels/table_conv.h"
#include "kernels/team.h"

enum {
    MERGE = 8,                         /* with fewer input channels a run holds all kw */
    STACK = 1024 * 1024,               /* bytes of a block's tree stack */
    TILES = 1024,                      /* most tiles of a block */
    FEW = 8,                           /* tiles that go through a chunk as fast as it comes */
    CHUNK = 24 * 1024 / (V_BYTES * 2), /* outputs of a chunk: their panel takes half of the L1 */
};

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

/* Asks for share i of n of the arrays that the next chunk reads. */
static void expect(const real *from, int64_t count, int64_t i, int64_t n)
{
    enum { LINE = 64 / (int)sizeof(real) };
    const int64_t end = count * (i + 1) / n;
    for (int64_t e = count * i / n / LINE * LINE; e < end; e += LINE) {
        __builtin_prefetch(from + e, 0, 2);
    }
}

/* All tiles += a chunk of one sample; meanwhile the next one comes nearer. */
static void block_chunk(const weigh *o, const tile_plan *plan, int64_t count, const chunk *k, int64_t row, bool fresh,
                        node_tile *node)
{
    _Alignas(64) real panel[CHUNK * NR];
    const as_conv *const c = o->c;
    const real *const x = o->x + row * o->ldx, *const d = o->d + row * o->ldd;
    const int64_t line = c->out[2] * c->cout, lines = c->out[0] * c->out[1], next = k->end < lines ? k->end : 0;
    const int64_t step = k->end - k->first, more = lines - next < step ? lines - next : step;
    const int64_t x_line = as_pixels(c->in) * c->cin / lines;
    const bool here = k->end < lines, there = here || row + 1 < o->lane_row[o->program->lanes];
    const real *const next_x = x + (here ? 0 : o->ldx) + next * x_line;
    const real *const next_d = d + (here ? 0 : o->ldd) + next * line;
    for (int64_t i = 0; i < count; i++) {
        const tile_plan *const t = plan + i;
        if (t->packed && (i == 0 || t[0].d != t[-1].d)) {
            pack_panel(o, t, k, d, panel);
        }
        add_of(o, t)(o, t, k, x, t->packed ? panel : d + (k->first * c->out[2] + k->w) * c->cout + t->d, fresh,
                     node[i]);
        if (there && count > FEW) {
            expect(next_x, more * x_line, i, count);
            expect(next_d, more * line, i, count);
        }
    }
}

/* All tiles += one lane: chunks of whole lines, or of pieces of a line. */
static void block_lane(const weigh *o, const tile_plan *plan, int64_t count, int lane, node_tile *node)
{
    const int64_t lines = o->c->out[0] * o->c->out[1], wide = o->c->out[2];
    const int64_t most = wide > CHUNK ? 1 : wide > 0 ? CHUNK / wide : lines;
    const int64_t chunks = lines > 0 ? (lines + most - 1) / most : 0, pieces = (wide + CHUNK - 1) / CHUNK;
    bool fresh = !o->resume;
    if (fresh && (o->lane_row[lane + 1] == o->lane_row[lane] || chunks * pieces == 0)) {
        memset(node, 0, (size_t)count * sizeof *node);
    }
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
        real *const array = t->run < 0 ? o->bias[p] : o->part[p];
        for (int v = 0; v <= (t->pair ? 1 : 0); v++) {
            for (int r = 0; r < t->rows * t->lines; r++) {
                real *const at = array + t->weight + (v * o->cg + r) * o->c->cout;
                real *const own = node[i] + r * (t->width > NR ? t->width : NR) + v * VL;
                if (out) {
                    memcpy(at, own, bytes);
                } else {
                    memcpy(own, at, bytes);
                }
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
            if (o->resume) {
                block_copy(o, plan, count, 0, false, node);
            }
            block_lane(o, plan, count, step, node);
        } else if (step == AS_TREE_MERGE) {
            top--;
            AS_V(as_add)
            (count * MR * NR, stack[(top - 1) * count], stack[top * count], stack[(top - 1) * count]);
        } else {
            block_copy(o, plan, count, parts++, true, stack + --top * count);
        }
    }
}

static __attribute__((noinline)) void walk_tiles(const weigh *o, int64_t first, int64_t count)
{
    _Alignas(64) node_tile stack[STACK / sizeof(node_tile)];
    tile_plan plan[TILES];
    const int64_t depth = o->program->depth > 0 ? o->program->depth : 1,
                  fit = STACK / (int64_t)sizeof(node_tile) / depth;
    const int64_t most = fit < TILES ? fit : TILES, blocks = (count + most - 1) / most;
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
                                void *const *bias, int thread, int threads)
{
    const bool depthwise = as_conv_depthwise(c);
    const bool merged = !depthwise && c->groups == 1 && c->dilation[2] == 1 && c->cin < MERGE;
    const int64_t cg = c->cin / c->groups, ng = c->cout / c->groups, lines = c->kernel[0] * c->kernel[1];
    const bool alone = c->sums == AS_CONV_SUMS_ALONE;
    const bool paired = !depthwise && !merged && !alone && ng <= VL && c->stride[2] == c->dilation[2];
    const bool flat = c->kernel[0] == 1 && c->out[0] == 1 && c->in[0] == 1 && c->low[0] == 0;
    const int together = merged && flat && !alone ? lines_of(c->kernel[2] * cg) : 1;
    const bool quad =
        QUAD > 0 && !depthwise && !merged && c->sums == AS_CONV_SUMS_AUTO && ng == QUAD * VL && c->cout == ng;
    weigh o = {.c = c,
               .wide = quad ? QUAD * VL : NR,
               .x = x,
               .d = d,
               .ldx = ldx,
               .ldd = ldd,
               .program = program,
               .lane_row = lane_row,
               .resume = resume,
               .part = part,
               .bias = bias,
               .depthwise = depthwise,
               .merged = merged,
               .paired = paired,
               .lines = c->kernel[1] > 1 ? together : 1,
               .copied = c->sums == AS_CONV_SUMS_COPIED,
               .rows = depthwise ? c->kernel[2]
                       : merged  ? c->kernel[2] * cg
                                 : cg,
               .runs = depthwise || merged ? lines : lines * (paired ? (c->kernel[2] + 1) / 2 : c->kernel[2]),
               .cg = cg,
               .ng = depthwise ? c->cout : ng,
               .groups = depthwise ? 1 : c->groups};
    if (o.lines > 1) {
        o.runs = (c->kernel[1] + o.lines - 1) / o.lines;
    }
    const int64_t most = quad ? QUAD_R : MR;
    o.strips = (o.rows + most - 1) / most > 0 ? (o.rows + most - 1) / most : 1;
    o.panels = (o.ng + o.wide - 1) / o.wide;
    o.panel_tiles = (o.rows > 0 ? o.runs * o.strips : 0) + (bias != NULL ? 1 : 0);
    int64_t first, count;
    as_team_share(o.groups * o.panels * o.panel_tiles, 1, thread, threads, &first, &count);
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
