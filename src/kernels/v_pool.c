/* Pooling over windows, and spreading back: maximum, mean, sum. The windows are those of a depthwise convolution, and
   so is the way back: to each input from the windows that hold it, in ascending order of the windows. Windows that do
   not overlap go back in one pass over the outputs, others gather at each input.

   The sum is also upsampling: nearest-neighbour upsampling spreads each input over a window. Cost: memory traffic; x
   once, y once, and 1 byte (4 for windows of more than 256) for each maximum's place. */
#include "kernels/conv_taps.h"
#include "kernels/table_conv.h"
#include "kernels/vector.h"

#if AS_PRECISION == 32
typedef int32_t velement;
typedef int32_t vint __attribute__((vector_size(V_BYTES))); /* comparisons give these: all bits set where true */
#else
typedef int64_t velement;
typedef int64_t vint __attribute__((vector_size(V_BYTES)));
#endif
typedef uint8_t vbyte __attribute__((vector_size(VL)));
typedef int32_t vplace __attribute__((vector_size(4 * VL)));

/* Truth of each lane, and choices by it: masks where the instruction set has them. */
#if defined(AS_ISA_AVX512)
#if AS_PRECISION == 32
#define V_COMPARE(a, b, how) _mm512_cmp_ps_mask((__m512)(a), (__m512)(b), how)
#define V_COMPARE_INT(a, b) _mm512_cmpeq_epi32_mask((__m512i)(a), (__m512i)(b))
#define V_BLEND_INT(where, a, b) (vint) _mm512_mask_mov_epi32((__m512i)(b), where, (__m512i)(a))
#else
#define V_COMPARE(a, b, how) _mm512_cmp_pd_mask((__m512d)(a), (__m512d)(b), how)
#define V_COMPARE_INT(a, b) _mm512_cmpeq_epi64_mask((__m512i)(a), (__m512i)(b))
#define V_BLEND_INT(where, a, b) (vint) _mm512_mask_mov_epi64((__m512i)(b), where, (__m512i)(a))
#endif
typedef vmask vtruth;

/* x takes the place of most: it is larger, or the first NaN. */
AS_INLINE vtruth is_more(vreal x, vreal most)
{
    return (vtruth)(V_COMPARE(x, most, _CMP_NLE_UQ) & V_COMPARE(most, most, _CMP_ORD_Q));
}

AS_INLINE vtruth is_equal(vint a, vint b)
{
    return V_COMPARE_INT(a, b);
}

/* x <= 0. */
AS_INLINE vtruth is_no_more(vreal x)
{
    return (vtruth)V_COMPARE(x, v_splat(0), _CMP_LE_OQ);
}

AS_INLINE vint blend_int(vtruth where, vint a, vint b)
{
    return V_BLEND_INT(where, a, b);
}

AS_INLINE vreal blend(vtruth where, vreal a, vreal b)
{
    return (vreal)V_CALL(mask_mov)((vnative)b, where, (vnative)a);
}
#else
typedef vint vtruth;

AS_INLINE vtruth is_more(vreal x, vreal most)
{
    return ~(vint)(x <= most) & (vint)(most == most);
}

AS_INLINE vtruth is_equal(vint a, vint b)
{
    return (vint)(a == b);
}

AS_INLINE vtruth is_no_more(vreal x)
{
    return (vint)(x <= v_splat(0));
}

AS_INLINE vint blend_int(vtruth where, vint a, vint b)
{
    return (a & where) | (b & ~where);
}

AS_INLINE vreal blend(vtruth where, vreal a, vreal b)
{
    return (vreal)blend_int(where, (vint)a, (vint)b);
}
#endif

AS_INLINE vint int_splat(int64_t x)
{
    return (velement)x - (vint){0};
}

/* Places of maxima, n of a vector, as bytes or 32-bit integers. */
AS_INLINE void put_places(vint at, void *index, int64_t i, const bool narrow, int64_t n)
{
    if (narrow) {
        const vbyte b = __builtin_convertvector(at, vbyte);
        if (n >= VL) {
            memcpy((uint8_t *)index + i, &b, sizeof b);
        } else {
            memcpy((uint8_t *)index + i, &b, (size_t)n);
        }
    } else {
        const vplace p = __builtin_convertvector(at, vplace);
        memcpy((int32_t *)index + i, &p, n >= VL ? sizeof p : 4 * (size_t)n);
    }
}

AS_INLINE vint get_places(const void *index, int64_t i, const bool narrow, int64_t n)
{
    if (narrow) {
        vbyte b = {0};
        if (n >= VL) {
            memcpy(&b, (const uint8_t *)index + i, sizeof b);
        } else {
            memcpy(&b, (const uint8_t *)index + i, (size_t)n);
        }
        return __builtin_convertvector(b, vint);
    }
    vplace p = {0};
    memcpy(&p, (const int32_t *)index + i, n >= VL ? sizeof p : 4 * (size_t)n);
    return __builtin_convertvector(p, vint);
}

static bool is_narrow(const as_conv *c)
{
    return as_pool_place_bytes(c) == 1;
}

/* The window of one output, or the outputs of one input. */
typedef struct window {
    int64_t n[AS_AXES], from[AS_AXES], tap[AS_AXES]; /* counts; distance of pixels and of tap numbers */
    int64_t first, first_tap;
} window;

static window window_of(const as_axis axis[AS_AXES], const as_taps taps[AS_AXES])
{
    const int64_t line = axis[2].from, sheet = axis[1].from * line;
    const int64_t kernel_line = axis[2].kernel, kernel_sheet = axis[1].kernel * kernel_line;
    return (window){.n = {taps[0].count, taps[1].count, taps[2].count},
                    .from = {axis[0].from_step * sheet, axis[1].from_step * line, axis[2].from_step},
                    .tap = {axis[0].tap_step * kernel_sheet, axis[1].tap_step * kernel_line, axis[2].tap_step},
                    .first = taps[0].from * sheet + taps[1].from * line + taps[2].from,
                    .first_tap = taps[0].tap * kernel_sheet + taps[1].tap * kernel_line + taps[2].tap};
}

/* All places of the destination of a pass, with their windows. */
typedef struct pool {
    const as_conv *c;
    int64_t channels;
    as_pool_scale scale;
    const real *from;
    real *to;
    void *index;
    const real *relu; /* maxima on the way back: NULL, or those that let nothing pass where they are <= 0 */
} pool;

/* Treats all channels of n places from `place` on, whose windows begin `advance` pixels apart; the first is w. */
typedef void run_function(const pool *p, const window *w, int64_t place, int64_t n, int64_t advance);

/* Neighbours with the same taps in runs: on the way forward those of a line, found once for all lines. */
AS_INLINE void each_run(const pool *p, bool back, run_function *run)
{
    as_axis axis[AS_AXES];
    as_taps taps[AS_AXES];
    for (int a = 0; a < AS_AXES; a++) {
        axis[a] = as_axis_of(p->c, back, a);
    }
    const int64_t line = axis[2].to;
    for (int64_t first = 0, next; first < line; first = next) {
        taps[2] = as_taps_of(&axis[2], first);
        next = back ? line : first + as_taps_run(&axis[2], first, taps[2]);
        for (int64_t z = 0; z < axis[0].to; z++) {
            taps[0] = as_taps_of(&axis[0], z);
            for (int64_t y = 0; y < axis[1].to; y++) {
                taps[1] = as_taps_of(&axis[1], y);
                const int64_t place = (z * axis[1].to + y) * line;
                for (int64_t x = first; x < next; x += back ? 1 : next - first) {
                    taps[2] = as_taps_of(&axis[2], x);
                    const window w = window_of(axis, taps);
                    run(p, &w, place + x, back ? 1 : next - first, axis[2].advance);
                }
            }
        }
    }
}

/* Windows share no input: stride >= extent of the kernel, without dilation. */
static bool is_apart(const as_conv *c)
{
    bool apart = true;
    for (int a = 0; a < AS_AXES; a++) {
        apart = apart && c->stride[a] >= c->kernel[a] && (c->dilation[a] == 1 || c->kernel[a] == 1);
    }
    return apart;
}

/* Windows share no input and leave none out. */
static bool is_tiling(const as_conv *c)
{
    bool tiling = is_apart(c);
    for (int a = 0; a < AS_AXES; a++) {
        tiling = tiling && c->stride[a] == c->kernel[a] && c->out[a] * c->stride[a] >= c->in[a] + c->low[a];
    }
    return tiling;
}

/* Windows of 2 x 2 are so common that their loops are written out: `square` is a constant in calls. */
AS_INLINE bool is_square(const window *w)
{
    return w->n[0] == 1 && w->n[1] == 2 && w->n[2] == 2;
}

AS_INLINE window window_as(const window *w, const bool square, int64_t first)
{
    window q = *w;
    q.first = first;
    if (square) {
        q.n[0] = 1;
        q.n[1] = q.n[2] = 2;
    }
    return q;
}

#define EACH_TAP(w, i, j, k)                                                                                           \
    for (int64_t i = 0; i < (w)->n[0]; i++)                                                                            \
        for (int64_t j = 0; j < (w)->n[1]; j++)                                                                        \
            for (int64_t k = 0; k < (w)->n[2]; k++)

AS_INLINE int64_t source_at(const window *w, int64_t i, int64_t j, int64_t k)
{
    return w->first + i * w->from[0] + j * w->from[1] + k * w->from[2];
}

AS_INLINE int64_t tap_at(const window *w, int64_t i, int64_t j, int64_t k)
{
    return w->first_tap + i * w->tap[0] + j * w->tap[1] + k * w->tap[2];
}

AS_INLINE void max_of(const pool *p, const window *w, int64_t place, const bool narrow)
{
    for (int64_t ch = 0; ch < p->channels; ch += VL) {
        const vmask mask = v_first(p->channels - ch);
        vreal most = v_splat(0);
        vint at = {0};
        bool first = true;
        EACH_TAP(w, i, j, k)
        {
            const vreal x = v_load_masked(p->from + source_at(w, i, j, k) * p->channels + ch, mask);
            const vint tap = int_splat(tap_at(w, i, j, k));
            if (first) {
                most = x;
                at = tap;
                first = false;
            } else {
                const vtruth more = is_more(x, most);
                most = blend(more, x, most);
                at = blend_int(more, tap, at);
            }
        }
        v_store_masked(p->to + place * p->channels + ch, most, mask);
        if (p->index != NULL) {
            put_places(at, p->index, place * p->channels + ch, narrow, p->channels - ch);
        }
    }
}

AS_INLINE void max_run(const pool *p, const window *w, int64_t place, int64_t n, int64_t advance, const bool narrow,
                       const bool square)
{
    for (int64_t q = 0; q < n; q++) {
        const window here = window_as(w, square, w->first + q * advance);
        max_of(p, &here, place + q, narrow);
    }
}

static void max_narrow(const pool *p, const window *w, int64_t place, int64_t n, int64_t advance)
{
    if (is_square(w)) {
        max_run(p, w, place, n, advance, true, true);
    } else {
        max_run(p, w, place, n, advance, true, false);
    }
}

static void max_wide(const pool *p, const window *w, int64_t place, int64_t n, int64_t advance)
{
    max_run(p, w, place, n, advance, false, false);
}

void AS_V(as_pool_max)(const as_conv *c, int64_t rows, const void *x, int64_t ldx, void *y, int64_t ldy, void *index,
                       int64_t index_bytes)
{
    for (int64_t r = 0; r < rows; r++) {
        const pool p = {.c = c,
                        .channels = c->cin,
                        .from = (const real *)x + r * ldx,
                        .to = (real *)y + r * ldy,
                        .index = index == NULL ? NULL : (char *)index + r * index_bytes};
        if (is_narrow(c)) {
            each_run(&p, false, max_narrow);
        } else {
            each_run(&p, false, max_wide);
        }
    }
}

/* d of an output, which may be the maximum of outputs of relu. */
AS_INLINE vreal passed(const pool *p, int64_t at, const vmask mask)
{
    const vreal d = v_load_masked(p->from + at, mask);
    return p->relu == NULL ? d : blend(is_no_more(v_load_masked(p->relu + at, mask)), v_splat(0), d);
}

/* An output's gradient to the input that was its maximum; the others of its window get 0. */
AS_INLINE void max_spread(const pool *p, const window *w, int64_t place, int64_t n, int64_t advance, const bool narrow,
                          const bool square)
{
    for (int64_t q = 0; q < n; q++, place++) {
        const window here = window_as(w, square, w->first + q * advance);
        for (int64_t ch = 0; ch < p->channels; ch += VL) {
            const vmask mask = v_first(p->channels - ch);
            const vreal d = v_splat(0) + passed(p, place * p->channels + ch, mask);
            const vint at = get_places(p->index, place * p->channels + ch, narrow, p->channels - ch);
            EACH_TAP(&here, i, j, k)
            {
                const vtruth hit = is_equal(at, int_splat(tap_at(&here, i, j, k)));
                v_store_masked(p->to + source_at(&here, i, j, k) * p->channels + ch, blend(hit, d, v_splat(0)), mask);
            }
        }
    }
}

/* An input's gradient: of the outputs whose maximum it was. Taps of the way back count from the last. */
AS_INLINE void max_gather(const pool *p, const window *w, int64_t place, const bool narrow)
{
    const int64_t last = as_pixels(p->c->kernel) - 1;
    for (int64_t ch = 0; ch < p->channels; ch += VL) {
        const vmask mask = v_first(p->channels - ch);
        vreal s = v_splat(0);
        EACH_TAP(w, i, j, k)
        {
            const int64_t from = source_at(w, i, j, k) * p->channels + ch;
            const vint at = get_places(p->index, from, narrow, p->channels - ch);
            const vtruth hit = is_equal(at, int_splat(last - tap_at(w, i, j, k)));
            s = blend(hit, s + passed(p, from, mask), s);
        }
        v_store_masked(p->to + place * p->channels + ch, s, mask);
    }
}

static void max_spread_narrow(const pool *p, const window *w, int64_t place, int64_t n, int64_t advance)
{
    if (is_square(w)) {
        max_spread(p, w, place, n, advance, true, true);
    } else {
        max_spread(p, w, place, n, advance, true, false);
    }
}

static void max_spread_wide(const pool *p, const window *w, int64_t place, int64_t n, int64_t advance)
{
    max_spread(p, w, place, n, advance, false, false);
}

static void max_gather_narrow(const pool *p, const window *w, int64_t place, int64_t n, int64_t advance)
{
    (void)n, (void)advance;
    max_gather(p, w, place, true);
}

static void max_gather_wide(const pool *p, const window *w, int64_t place, int64_t n, int64_t advance)
{
    (void)n, (void)advance;
    max_gather(p, w, place, false);
}

/* Ways back that write the inputs of windows alone leave the others at 0. */
static void clear_gaps(const as_conv *c, real *dx)
{
    if (!is_tiling(c)) {
        memset(dx, 0, (size_t)(as_pixels(c->in) * c->cin) * sizeof(real));
    }
}

void AS_V(as_pool_max_back)(const as_conv *c, int64_t rows, const void *d, int64_t ldd, const void *index,
                            int64_t index_bytes, const void *relu, void *dx, int64_t ldx)
{
    const bool narrow = is_narrow(c);
    for (int64_t r = 0; r < rows; r++) {
        const pool p = {.c = c,
                        .channels = c->cin,
                        .from = (const real *)d + r * ldd,
                        .to = (real *)dx + r * ldx,
                        .index = (char *)(uintptr_t)index + r * index_bytes,
                        .relu = relu == NULL ? NULL : (const real *)relu + r * ldd};
        if (is_apart(c)) {
            clear_gaps(c, p.to);
            if (narrow) {
                each_run(&p, false, max_spread_narrow);
            } else {
                each_run(&p, false, max_spread_wide);
            }
        } else {
            if (narrow) {
                each_run(&p, true, max_gather_narrow);
            } else {
                each_run(&p, true, max_gather_wide);
            }
        }
    }
}

/* What the sum of a window of `count` inputs is multiplied by. */
AS_INLINE real scale_of(const pool *p, int64_t count)
{
    const int64_t n = p->scale == AS_POOL_MEAN ? count : as_pixels(p->c->kernel);
    return p->scale == AS_POOL_SUM || n == 0 ? AS_R(1) : AS_R(1) / (real)n;
}

AS_INLINE void sum_run(const pool *p, const window *w, int64_t place, int64_t n, int64_t advance, const bool square)
{
    const vreal scale = v_splat(scale_of(p, w->n[0] * w->n[1] * w->n[2]));
    for (int64_t q = 0; q < n; q++, place++) {
        const window here = window_as(w, square, w->first + q * advance);
        for (int64_t ch = 0; ch < p->channels; ch += VL) {
            const vmask mask = v_first(p->channels - ch);
            vreal s = v_splat(0);
            EACH_TAP(&here, i, j, k)
            {
                s = s + v_load_masked(p->from + source_at(&here, i, j, k) * p->channels + ch, mask);
            }
            v_store_masked(p->to + place * p->channels + ch, s * scale, mask);
        }
    }
}

static void sum_of(const pool *p, const window *w, int64_t place, int64_t n, int64_t advance)
{
    if (is_square(w)) {
        sum_run(p, w, place, n, advance, true);
    } else {
        sum_run(p, w, place, n, advance, false);
    }
}

/* An output's gradient to all inputs of its window. */
AS_INLINE void spread_run(const pool *p, const window *w, int64_t place, int64_t n, int64_t advance, const bool square)
{
    const vreal scale = v_splat(scale_of(p, w->n[0] * w->n[1] * w->n[2]));
    for (int64_t q = 0; q < n; q++, place++) {
        const window here = window_as(w, square, w->first + q * advance);
        for (int64_t ch = 0; ch < p->channels; ch += VL) {
            const vmask mask = v_first(p->channels - ch);
            const vreal s = v_fma(v_load_masked(p->from + place * p->channels + ch, mask), scale, v_splat(0));
            EACH_TAP(&here, i, j, k)
            {
                v_store_masked(p->to + source_at(&here, i, j, k) * p->channels + ch, s, mask);
            }
        }
    }
}

static void sum_spread(const pool *p, const window *w, int64_t place, int64_t n, int64_t advance)
{
    if (is_square(w)) {
        spread_run(p, w, place, n, advance, true);
    } else {
        spread_run(p, w, place, n, advance, false);
    }
}

/* Inputs that the window of output o of an axis holds. */
static int64_t inside(const as_conv *c, int axis, int64_t o)
{
    const as_axis a = as_axis_of(c, false, axis);
    return as_taps_of(&a, o).count;
}

static void sum_gather(const pool *p, const window *w, int64_t place, int64_t n, int64_t advance)
{
    (void)n, (void)advance;
    const int64_t line = p->c->out[2], sheet = p->c->out[1] * line;
    for (int64_t ch = 0; ch < p->channels; ch += VL) {
        const vmask mask = v_first(p->channels - ch);
        vreal s = v_splat(0);
        EACH_TAP(w, i, j, k)
        {
            const int64_t o = source_at(w, i, j, k);
            const int64_t count =
                p->scale != AS_POOL_MEAN
                    ? 0
                    : inside(p->c, 0, o / sheet) * inside(p->c, 1, o % sheet / line) * inside(p->c, 2, o % line);
            s = v_fma(v_load_masked(p->from + o * p->channels + ch, mask), v_splat(scale_of(p, count)), s);
        }
        v_store_masked(p->to + place * p->channels + ch, s, mask);
    }
}

void AS_V(as_pool_sum)(const as_conv *c, as_pool_scale scale, int64_t rows, const void *x, int64_t ldx, void *y,
                       int64_t ldy)
{
    for (int64_t r = 0; r < rows; r++) {
        const pool p = {
            .c = c, .channels = c->cin, .scale = scale, .from = (const real *)x + r * ldx, .to = (real *)y + r * ldy};
        each_run(&p, false, sum_of);
    }
}

void AS_V(as_pool_sum_back)(const as_conv *c, as_pool_scale scale, int64_t rows, const void *d, int64_t ldd, void *dx,
                            int64_t ldx)
{
    for (int64_t r = 0; r < rows; r++) {
        const pool p = {
            .c = c, .channels = c->cin, .scale = scale, .from = (const real *)d + r * ldd, .to = (real *)dx + r * ldx};
        if (is_apart(c)) {
            clear_gaps(c, p.to);
            each_run(&p, false, sum_spread);
        } else {
            each_run(&p, true, sum_gather);
        }
    }
}
