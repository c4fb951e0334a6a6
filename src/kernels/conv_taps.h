/* Which taps reach a place of an axis, for both directions of a convolution, and which places have the same ones. */
#ifndef AS_KERNELS_CONV_TAPS_H
#define AS_KERNELS_CONV_TAPS_H

#include "kernels/conv.h"

/* One axis of a pass that makes places of `to` out of places of `from`. Forward: outputs from inputs, tap t is
   kernel position t. Back: inputs from outputs, in ascending outputs, so that tap t is kernel position kernel - 1 -
   t. Taps of a place: t, t + tap_step, ..., at sources f, f + from_step, ...; places `step` apart have sources
   `advance` apart. */
typedef struct as_axis {
    int64_t from, to;
    int64_t from_step, tap_step, step, advance;
    int64_t kernel, stride, low, dilation;
    bool back;
} as_axis;

/* The taps of one place. */
typedef struct as_taps {
    int64_t from, tap, count;
} as_taps;

static inline int64_t as_ceil_div(int64_t a, int64_t b)
{
    return a > 0 ? (a + b - 1) / b : -(-a / b);
}

static inline as_axis as_axis_of(const as_conv *c, bool back, int axis)
{
    const int64_t stride = c->stride[axis], dilation = c->dilation[axis];
    int64_t gcd = stride, rest = dilation;
    while (rest != 0) {
        const int64_t next = gcd % rest;
        gcd = rest, rest = next;
    }
    return (as_axis){.from = back ? c->out[axis] : c->in[axis],
                     .to = back ? c->in[axis] : c->out[axis],
                     .from_step = back ? dilation / gcd : dilation,
                     .tap_step = back ? stride / gcd : 1,
                     .step = back ? stride : 1,
                     .advance = back ? 1 : stride,
                     .kernel = c->kernel[axis],
                     .stride = stride,
                     .low = c->low[axis],
                     .dilation = dilation,
                     .back = back};
}

static inline as_taps as_taps_of(const as_axis *a, int64_t place)
{
    const as_taps none = {0, 0, 0};
    if (!a->back) {
        const int64_t base = place * a->stride - a->low, last = a->from - 1 - base;
        const int64_t first = base >= 0 ? 0 : a->dilation == 1 ? -base : as_ceil_div(-base, a->dilation);
        const int64_t fit = last < 0 ? 0 : (a->dilation == 1 ? last : last / a->dilation) + 1,
                      end = fit < a->kernel ? fit : a->kernel;
        return end <= first ? none : (as_taps){base + first * a->dilation, first, end - first};
    }
    /* Kernel positions k with base - k dilation a multiple of the stride: every tap_step-th from `least` on. */
    const int64_t base = place + a->low, beyond = base - (a->from - 1) * a->stride;
    int64_t least = 0;
    while (least < a->tap_step && (base - least * a->dilation) % a->stride != 0) {
        least++;
    }
    const int64_t top = base / a->dilation < a->kernel - 1 ? base / a->dilation : a->kernel - 1;
    const int64_t bottom = beyond > 0 ? as_ceil_div(beyond, a->dilation) : 0;
    if (least == a->tap_step || a->from == 0 || top < least) {
        return none;
    }
    const int64_t high = least + (top - least) / a->tap_step * a->tap_step;
    const int64_t low = bottom <= least ? least : least + as_ceil_div(bottom - least, a->tap_step) * a->tap_step;
    return high < low ? none
                      : (as_taps){(base - high * a->dilation) / a->stride, a->kernel - 1 - high,
                                  (high - low) / a->tap_step + 1};
}

/* How many places from `place` on, a->step apart, have its taps. */
static inline int64_t as_taps_run(const as_axis *a, int64_t place, as_taps taps)
{
    int64_t n = 1;
    for (int64_t p = place + a->step; p < a->to; p += a->step, n++) {
        const as_taps t = as_taps_of(a, p);
        if (t.count != taps.count || t.tap != taps.tap || (t.count > 0 && t.from != taps.from + n * a->advance)) {
            break;
        }
    }
    return n;
}

/* Outputs [first, end) of an axis that kernel position k lets read the input.
 */
typedef struct as_reach {
    int64_t first, end;
} as_reach;

static inline as_reach as_reach_of(const as_conv *c, int axis, int64_t k)
{
    const int64_t at = k * c->dilation[axis] - c->low[axis], last = c->in[axis] - 1 - at, stride = c->stride[axis];
    const int64_t first = at < 0 ? as_ceil_div(-at, stride) : 0, fit = last < 0 ? 0 : last / stride + 1;
    const int64_t end = fit < c->out[axis] ? fit : c->out[axis];
    return (as_reach){first, end < first ? first : end};
}

#endif
