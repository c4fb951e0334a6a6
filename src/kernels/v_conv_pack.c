/* Packing of convolution weights into panels (panel.h). Copies only.

   Forward, for each group: a (taps * inputs, outputs) matrix, chain steps ascending in (kd, kh, kw, c). Back: taps in
   reverse, (taps * outputs, inputs): the chain runs over ascending outputs and so over descending kernel positions.
   Depthwise: one (taps, channels) matrix. */
#include "kernels/panel.h"
#include "kernels/table.h"
#include "kernels/table_conv.h"

static int64_t padded(int64_t k, int64_t n)
{
    return k * ((n + VL - 1) / VL) * VL;
}

int64_t AS_V(as_conv_pack_reals)(const as_conv *c, bool back)
{
    const int64_t taps = as_pixels(c->kernel), cg = c->cin / c->groups, ng = c->cout / c->groups;
    if (as_conv_depthwise(c)) {
        return padded(taps, c->cin);
    }
    return c->groups * (back ? padded(taps * ng, cg) : padded(taps * cg, ng));
}

/* Element (p, j) of a packed (k, n) matrix. */
static real *panel_at(real *packed, int64_t k, int64_t n, int64_t p, int64_t j)
{
    const int64_t j0 = j / NR * NR;
    return packed + j0 * k + p * panel_width(n, j0) + (j - j0);
}

/* Columns [j, end) of row (tap, ch) of w, all of one group. */
static void pack_group(const as_conv *c, const real *w, int64_t tap, int64_t ch, int64_t j, int64_t end, real *forward,
                       real *back)
{
    const int64_t taps = as_pixels(c->kernel), cg = c->cin / c->groups, ng = c->cout / c->groups, g = j / ng;
    if (forward != NULL) {
        real *const group = forward + g * padded(taps * cg, ng);
        for (int64_t n = j; n < end; n++) {
            *panel_at(group, taps * cg, ng, tap * cg + ch, n - g * ng) = w[n];
        }
    }
    if (back != NULL && j < end) {
        const int64_t step = panel_width(cg, ch / NR * NR);
        real *to = panel_at(back + g * padded(taps * ng, cg), taps * ng, cg, (taps - 1 - tap) * ng + j - g * ng, ch);
        for (int64_t n = j; n < end; n++, to += step) {
            *to = w[n];
        }
    }
}

static void pack_depthwise(const as_conv *c, const real *w, int64_t tap, int64_t j, int64_t end, real *forward,
                           real *back)
{
    const int64_t taps = as_pixels(c->kernel);
    for (int64_t n = j; n < end; n++) {
        if (forward != NULL) {
            *panel_at(forward, taps, c->cin, tap, n) = w[n];
        }
        if (back != NULL) {
            *panel_at(back, taps, c->cin, taps - 1 - tap, n) = w[n];
        }
    }
}

void AS_V(as_conv_pack)(const as_conv *c, const void *w, int64_t first, int64_t count, void *forward, void *back)
{
    const int64_t cg = c->cin / c->groups, ng = c->cout / c->groups, last = first + count;
    if (c->groups == 1 && forward != NULL) {
        AS_V(as_pack)(as_pixels(c->kernel) * cg, c->cout, w, first, count, forward, NULL);
        forward = NULL;
    }
    while (first < last && (forward != NULL || back != NULL)) {
        const int64_t row = first / c->cout, j = first - row * c->cout;
        const real *const from = (const real *)w + row * c->cout;
        const bool depthwise = as_conv_depthwise(c);
        int64_t end = depthwise ? c->cout : (j / ng + 1) * ng;
        end = end - j < last - first ? end : j + (last - first);
        if (depthwise) {
            pack_depthwise(c, from, row, j, end, forward, back);
        } else {
            pack_group(c, from, row / cg, row % cg, j, end, forward, back);
        }
        first = row * c->cout + end;
    }
}
