/* Convolution, forward and back to the input, as an implicit matrix product: a tile of MR pixels by NR channels stays
   in registers while one chain of fused multiply-adds runs over taps and channels. The pixels' broadcasts read the
   source in place, a constant stride apart, and the weights are packed in panels.

   Places whose taps are alike form rectangles: the inside of an image, its borders, and, when the input gradient of a
   strided convolution is taken, each phase of the stride. A chain has the taps of its rectangle and no others. Inside a
   rectangle a tile lies along the width, the height or the samples, whichever fills its rows best and does not put them
   into the same cache sets. Samples go through in blocks of at most MR.

   A source of one channel (the first layer of a network) makes chains of few steps in several lines: their places are
   listed once for a rectangle, and neighbouring pixels are the rows.

   Depthwise convolutions take the same way with vectors over channels instead of broadcasts. Cost: 2 flops for each
   output, tap inside the input, and channel of the group. */
#include "kernels/conv_taps.h"
#include "kernels/table.h"
#include "kernels/table_conv.h"
#include "kernels/tile.h"

enum { GATHER = 64 };     /* most steps of a chain whose places are listed */
enum { CONFLICT = 2048 }; /* tile rows that lie a multiple of this many bytes apart share sets of the L1 */

/* What a chain runs over: n[a] segments along each axis, `from[a]` reals of the source and `tap[a]` steps of the
   weights apart; each of `steps` neighbouring reals. */
typedef struct path {
    int64_t n[AS_AXES], from[AS_AXES], tap[AS_AXES];
    int64_t steps;
    const int32_t *at; /* places of the steps, where they are gathered: n is 1 then */
} path;

/* Where a tile's chains start (NULL: zero), and where they end. */
typedef struct tile_end {
    const real *bias;
    real *to;
    int64_t row;   /* reals between rows of `to` */
    vmask mask[2]; /* of valid columns */
    bool relu;
} tile_end;

/* mask: of the valid columns, for the store as well. */
AS_INLINE void tile_start(const int R, const int V, const tile_end *e, vmask mask[2], vreal s[MR][2])
{
    AS_UNROLL
    for (int v = 0; v < V; v++) {
        mask[v] = e->mask[v];
    }
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            __builtin_prefetch(e->to + r * e->row + v * VL, 1);
            s[r][v] = v_splat(0);
        }
    }
    if (e->bias != NULL) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            const vreal b = v_load_masked(e->bias + v * VL, mask[v]);
            AS_UNROLL
            for (int r = 0; r < R; r++) {
                s[r][v] = b;
            }
        }
    }
}

/* A store may write to what e points to, as far as the compiler knows: so that is read once, before the first. */
AS_INLINE void tile_store(const int R, const int V, const tile_end *e, const vmask mask[2], vreal s[MR][2])
{
    real *to = e->to;
    const int64_t row = e->row;
    if (e->relu) {
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            AS_UNROLL
            for (int v = 0; v < V; v++) {
                s[r][v] = v_relu(s[r][v]);
            }
        }
    }
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            v_store_masked(to + v * VL, s[r][v], mask[v]);
        }
        to += row;
        __asm__("" : "+r"(to));
    }
}

AS_INLINE void tile(const int R, const int V, const path *p, const real *from, int64_t row, const real *b,
                    const tile_end *e)
{
    const int64_t width = V * VL;
    vmask mask[2];
    vreal s[MR][2];
    tile_start(R, V, e, mask, s);
    for (int64_t i = 0; i < p->n[0]; i++) {
        for (int64_t j = 0; j < p->n[1]; j++) {
            const real *a = from + i * p->from[0] + j * p->from[1];
            const real *w = b + (i * p->tap[0] + j * p->tap[1]) * width;
            for (int64_t k = 0; k < p->n[2]; k++) {
                tile_chain(R, V, false, STREAM_B, p->steps, a, row, 1, w, width, s);
                a += p->from[2];
                w += p->tap[2] * width;
            }
        }
    }
    tile_store(R, V, e, mask, s);
}

/* One input channel, neighbouring pixels: rows are neighbours in the source, and all steps of a chain are one run of
   the weights; `at` are their places in the source. */
AS_INLINE void tile_gather(const int R, const int V, const path *p, const real *from, int64_t row, const real *b,
                           const tile_end *e)
{
    (void)row;
    const int64_t width = V * VL;
    vmask mask[2];
    vreal s[MR][2];
    tile_start(R, V, e, mask, s);
    for (int64_t q = 0; q < p->steps; q++, b += width) {
        const real *const a[1] = {from + p->at[q]};
        tile_step(R, V, true, a, 0, 0, b, VL, s);
    }
    tile_store(R, V, e, mask, s);
}

/* Depthwise: column j of the tile reads channel j of the source; steps is 1. */
AS_INLINE void tile_depthwise(const int R, const int V, const path *p, const real *from, int64_t row, const real *b,
                              const tile_end *e)
{
    vmask mask[2];
    vreal s[MR][2], y[2];
    tile_start(R, V, e, mask, s);
    for (int64_t i = 0; i < p->n[0]; i++) {
        for (int64_t j = 0; j < p->n[1]; j++) {
            for (int64_t k = 0; k < p->n[2]; k++) {
                const real *const a = from + i * p->from[0] + j * p->from[1] + k * p->from[2];
                const real *const w = b + (i * p->tap[0] + j * p->tap[1] + k * p->tap[2]) * V * VL;
                AS_UNROLL
                for (int v = 0; v < V; v++) {
                    y[v] = v_load(w + v * VL);
                }
                AS_UNROLL
                for (int r = 0; r < R; r++) {
                    AS_UNROLL
                    for (int v = 0; v < V; v++) {
                        s[r][v] = v_fma(v_load_masked(a + r * row + v * VL, mask[v]), y[v], s[r][v]);
                    }
                }
            }
        }
    }
    tile_store(R, V, e, mask, s);
}

typedef void tile_function(const path *p, const real *from, int64_t row, const real *b, const tile_end *e);

#define TILE(kind, R, V)                                                                                               \
    static void kind##_##R##_##V(const path *p, const real *from, int64_t row, const real *b, const tile_end *e)       \
    {                                                                                                                  \
        kind(R, V, p, from, row, b, e);                                                                                \
    }
#define TILES(R)                                                                                                       \
    TILE(tile, R, 1)                                                                                                   \
    TILE(tile, R, 2)                                                                                                   \
    TILE(tile_depthwise, R, 1) TILE(tile_depthwise, R, 2) TILE(tile_gather, R, 1) TILE(tile_gather, R, 2)
#define ROW(R) {tile_##R##_1, tile_##R##_2},
#define ROW_DEPTHWISE(R) {tile_depthwise_##R##_1, tile_depthwise_##R##_2},
#define ROW_GATHER(R) {tile_gather_##R##_1, tile_gather_##R##_2},

EACH_R(TILES)
static tile_function *const tiles[MR][2] = {EACH_R(ROW)};
static tile_function *const tiles_depthwise[MR][2] = {EACH_R(ROW_DEPTHWISE)};
static tile_function *const tiles_gather[MR][2] = {EACH_R(ROW_GATHER)};

/* One pass over a block of samples. */
typedef struct pass {
    as_axis axis[AS_AXES];
    bool depthwise;
    as_conv_walk walk;
    int64_t samples;
    int64_t groups, cs, cd; /* channels of a group in the source and the destination; depthwise: 1 and all */
    int64_t from_c, to_c;   /* channels of a pixel */
    int64_t matrix;         /* reals of a group's packed weights */
    int64_t steps;          /* chain steps of all taps: rows of the packed matrix */
    const real *from, *packed, *bias;
    real *to;
    int64_t from_ld, to_ld;
    bool relu;
} pass;

/* Places whose taps are alike: samples, along the height, along the width (index 0, 1, 2). */
typedef struct rectangle {
    int64_t n[3], from_step[3], to_step[3]; /* reals between neighbours */
    int64_t from, to;                       /* of the first place */
    int64_t tap;                            /* first step in the packed weights */
    path path;
} rectangle;

/* Rows that tiles along `n` places have on average; halved where they would share cache sets. */
static int64_t filling(const rectangle *q, int axis)
{
    const int64_t n = q->n[axis], strips = (n + MR - 1) / MR, rows = 16 * n / (strips > 0 ? strips : 1);
    return q->from_step[axis] * (int64_t)sizeof(real) % CONFLICT == 0 ? rows / 2 : rows;
}

static int choose_axis(const pass *p, const rectangle *q)
{
    if (p->walk != AS_CONV_AUTO) {
        return (int)p->walk - (int)AS_CONV_SAMPLES;
    }
    int best = 2;
    for (int axis = 1; axis >= 0; axis--) {
        best = filling(q, axis) > filling(q, best) ? axis : best;
    }
    return best;
}

/* Lists the places of a chain's steps, where the source has one channel and the weights of all taps lie side by side;
   false: they do not. */
static bool gather_path(const pass *p, const rectangle *q, int32_t at[GATHER], path *out)
{
    const path *const full = &q->path;
    const int64_t last = full->n[2] * full->steps, line = full->n[1] > 1 ? full->tap[1] : last,
                  sheet = full->n[0] > 1 ? full->tap[0] : full->n[1] * line;
    if (p->depthwise || p->from_c != 1 || q->from_step[2] != 1 || full->n[0] * full->n[1] * last > GATHER ||
        line != last || sheet != full->n[1] * line || (full->n[2] > 1 && full->tap[2] != full->steps)) {
        return false;
    }
    int64_t steps = 0;
    for (int64_t i = 0; i < full->n[0]; i++) {
        for (int64_t j = 0; j < full->n[1]; j++) {
            for (int64_t k = 0; k < last; k++) {
                const int64_t tap = k / full->steps * full->from[2] + k % full->steps;
                at[steps++] = (int32_t)(i * full->from[0] + j * full->from[1] + tap);
            }
        }
    }
    *out = (path){.steps = steps, .at = at};
    return true;
}

static void rectangle_pass(const pass *p, const rectangle *q, int64_t group)
{
    int32_t at[GATHER];
    path own = q->path;
    const bool gathers = (p->walk == AS_CONV_AUTO || p->walk == AS_CONV_WIDTH) && gather_path(p, q, at, &own);
    const int along = gathers ? 2 : choose_axis(p, q), outer = along == 0 ? 1 : 0, inner = along == 2 ? 1 : 2;
    const int64_t strips = (q->n[along] + MR - 1) / MR, low = strips > 0 ? q->n[along] / strips : 0;
    const int64_t high = q->n[along] - low * strips, row = q->from_step[along], to_row = q->to_step[along];
    const real *const from = p->from + q->from + group * p->cs, *const packed = p->packed + group * p->matrix;
    real *const to = p->to + q->to + group * p->cd;
    for (int64_t o = 0; o < q->n[outer]; o++) {
        for (int64_t j = 0; j < p->cd; j += NR) {
            const int64_t width = panel_width(p->cd, j);
            const real *const b = packed + j * p->steps + q->tap * width;
            tile_function *const(*const kind)[2] = p->depthwise ? tiles_depthwise : gathers ? tiles_gather : tiles;
            tile_end e = {.bias = p->bias == NULL ? NULL : p->bias + group * p->cd + j,
                          .row = to_row,
                          .mask = {v_first(p->cd - j), v_first(p->cd - j - VL)},
                          .relu = p->relu};
            for (int64_t i = 0; i < q->n[inner]; i++) {
                const real *a = from + o * q->from_step[outer] + i * q->from_step[inner] + (p->depthwise ? j : 0);
                e.to = to + o * q->to_step[outer] + i * q->to_step[inner] + j;
                for (int64_t t = 0; t < strips; t++) {
                    const int64_t rows = low + (t < high ? 1 : 0);
                    kind[rows - 1][width / VL - 1](&own, a, row, b, &e);
                    a += rows * row;
                    e.to += rows * to_row;
                }
            }
        }
    }
}

/* The rectangle of `h` places from y on and `w` places from x on, at depth z.
 */
static rectangle rectangle_of(const pass *p, const int64_t place[AS_AXES], const as_taps taps[AS_AXES], int64_t h,
                              int64_t w)
{
    const as_axis *const a = p->axis;
    const int64_t line = a[2].from * p->from_c, sheet = a[1].from * line;
    const int64_t to_line = a[2].to * p->to_c, to_sheet = a[1].to * to_line;
    const int64_t kernel_line = a[2].kernel * p->cs, kernel_sheet = a[1].kernel * kernel_line;
    rectangle q = {.n = {p->samples, h, w},
                   .from_step = {p->from_ld, a[1].advance * line, a[2].advance * p->from_c},
                   .to_step = {p->to_ld, a[1].step * to_line, a[2].step * p->to_c},
                   .from = taps[0].from * sheet + taps[1].from * line + taps[2].from * p->from_c,
                   .to = place[0] * to_sheet + place[1] * to_line + place[2] * p->to_c,
                   .tap = taps[0].tap * kernel_sheet + taps[1].tap * kernel_line + taps[2].tap * p->cs,
                   .path = {.n = {taps[0].count, taps[1].count, taps[2].count},
                            .from = {a[0].from_step * sheet, a[1].from_step * line, a[2].from_step * p->from_c},
                            .tap = {a[0].tap_step * kernel_sheet, a[1].tap_step * kernel_line, a[2].tap_step * p->cs},
                            .steps = p->cs}};
    if (a[2].from_step == 1 && a[2].tap_step == 1 && p->cs == p->from_c && taps[2].count > 0) {
        q.path.n[2] = 1; /* the taps of a line are neighbours in both operands */
        q.path.steps = taps[2].count * p->cs;
    }
    return q;
}

/* All places of a block of samples, rectangle by rectangle. */
static void block_pass(const pass *p)
{
    const as_axis *const a = p->axis;
    for (int64_t z = 0; z < a[0].to; z++) {
        as_taps taps[AS_AXES] = {as_taps_of(&a[0], z)};
        for (int64_t py = 0; py < a[1].step && py < a[1].to; py++) {
            for (int64_t y = py, h; y < a[1].to; y += h * a[1].step) {
                taps[1] = as_taps_of(&a[1], y);
                h = as_taps_run(&a[1], y, taps[1]);
                for (int64_t px = 0; px < a[2].step && px < a[2].to; px++) {
                    for (int64_t x = px, w; x < a[2].to; x += w * a[2].step) {
                        taps[2] = as_taps_of(&a[2], x);
                        w = as_taps_run(&a[2], x, taps[2]);
                        const rectangle q = rectangle_of(p, (const int64_t[]){z, y, x}, taps, h, w);
                        for (int64_t g = 0; g < p->groups; g++) {
                            rectangle_pass(p, &q, g);
                        }
                    }
                }
            }
        }
    }
}

/* A 1x1 kernel without stride or padding is a matrix product over pixels. */
static bool is_product(const as_conv *c)
{
    bool one = c->groups == 1;
    for (int a = 0; a < AS_AXES; a++) {
        one = one && c->kernel[a] == 1 && c->stride[a] == 1 && c->low[a] == 0 && c->in[a] == c->out[a];
    }
    return one;
}

static void product_pass(int64_t pixels, int64_t n, int64_t k, int64_t rows, const real *from, int64_t from_ld,
                         const real *packed, const real *bias, bool relu, real *to, int64_t to_ld)
{
    if (from_ld == pixels * k && to_ld == pixels * n) {
        AS_V(as_gemm)(rows * pixels, n, k, from, k, packed, bias, relu, to, n);
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        AS_V(as_gemm)
        (pixels, n, k, from + r * from_ld, k, packed, bias, relu, to + r * to_ld, n);
    }
}

static void conv_pass(const as_conv *c, bool back, int64_t rows, const real *from, int64_t from_ld, const real *packed,
                      const real *bias, bool relu, real *to, int64_t to_ld)
{
    const int64_t cin = back ? c->cout : c->cin, cout = back ? c->cin : c->cout;
    if (is_product(c)) {
        product_pass(as_pixels(c->in), cout, cin, rows, from, from_ld, packed, bias, relu, to, to_ld);
        return;
    }
    const bool depthwise = as_conv_depthwise(c);
    pass p = {.depthwise = depthwise,
              .walk = c->walk,
              .groups = depthwise ? 1 : c->groups,
              .cs = cin / c->groups,
              .cd = depthwise ? cout : cout / c->groups,
              .from_c = cin,
              .to_c = cout,
              .packed = packed,
              .bias = bias,
              .from_ld = from_ld,
              .to_ld = to_ld,
              .relu = relu};
    for (int a = 0; a < AS_AXES; a++) {
        p.axis[a] = as_axis_of(c, back, a);
    }
    p.steps = as_pixels(c->kernel) * p.cs;
    p.matrix = AS_V(as_conv_pack_reals)(c, back) / p.groups;
    const int64_t blocks = (rows + MR - 1) / MR;
    for (int64_t t = 0; t < blocks; t++) {
        int64_t first;
        p.samples = strip_rows(rows, blocks, t, &first);
        p.from = from + first * from_ld;
        p.to = to + first * to_ld;
        block_pass(&p);
    }
}

void AS_V(as_conv_forward)(const as_conv *c, int64_t rows, const void *x, int64_t ldx, const void *packed,
                           const void *bias, bool relu, void *y, int64_t ldy)
{
    conv_pass(c, false, rows, x, ldx, packed, bias, relu, y, ldy);
}

void AS_V(as_conv_backward)(const as_conv *c, int64_t rows, const void *d, int64_t ldd, const void *packed,
                            const void *bias, bool relu, void *dx, int64_t ldx)
{
    conv_pass(c, true, rows, d, ldd, packed, bias, relu, dx, ldx);
}
