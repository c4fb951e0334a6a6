/* The oracles of the convolutions: their definition, one output element at a time. */
#include <string.h>

#include "kernels/table_conv.h"

typedef int64_t place[AS_AXES];

/* The place number `index` of a grid in row-major order. */
static void place_of(int64_t index, const int64_t extent[AS_AXES], place p)
{
    for (int a = AS_AXES - 1; a >= 0; a--) {
        p[a] = index % extent[a];
        index /= extent[a];
    }
}

static int64_t index_of(const place p, const int64_t extent[AS_AXES])
{
    return (p[0] * extent[1] + p[1]) * extent[2] + p[2];
}

/* The input that output o reads through kernel position k; false: outside. */
static bool input_of(const as_conv *c, const place o, const place k, place i)
{
    for (int a = 0; a < AS_AXES; a++) {
        i[a] = o[a] * c->stride[a] - c->low[a] + k[a] * c->dilation[a];
        if (i[a] < 0 || i[a] >= c->in[a]) {
            return false;
        }
    }
    return true;
}

static real end_of(real s, bool relu)
{
    return relu && s < 0 ? 0 : s;
}

void AS_V(as_conv_forward_plain)(const as_conv *c, int64_t rows, const void *x, int64_t ldx, const void *w,
                                 const void *bias, bool relu, void *y, int64_t ldy)
{
    const int64_t taps = as_pixels(c->kernel), cg = c->cin / c->groups, ng = c->cout / c->groups;
    for (int64_t e = 0; e < rows * as_pixels(c->out) * c->cout; e++) {
        const int64_t n = e % c->cout, pixel = e / c->cout % as_pixels(c->out), row = e / c->cout / as_pixels(c->out);
        real s = bias != NULL ? ((const real *)bias)[n] : 0;
        for (int64_t t = 0; t < taps; t++) {
            place o, k, i;
            place_of(pixel, c->out, o);
            place_of(t, c->kernel, k);
            if (!input_of(c, o, k, i)) {
                continue;
            }
            const real *const from = (const real *)x + row * ldx + index_of(i, c->in) * c->cin + n / ng * cg;
            for (int64_t ch = 0; ch < cg; ch++) {
                s = as_fma(from[ch], ((const real *)w)[(t * cg + ch) * c->cout + n], s);
            }
        }
        ((real *)y)[row * ldy + pixel * c->cout + n] = end_of(s, relu);
    }
}

void AS_V(as_conv_backward_plain)(const as_conv *c, int64_t rows, const void *d, int64_t ldd, const void *w,
                                  const void *bias, bool relu, void *dx, int64_t ldx)
{
    const int64_t taps = as_pixels(c->kernel), cg = c->cin / c->groups, ng = c->cout / c->groups;
    for (int64_t e = 0; e < rows * as_pixels(c->in) * c->cin; e++) {
        const int64_t ch = e % c->cin, pixel = e / c->cin % as_pixels(c->in), row = e / c->cin / as_pixels(c->in);
        real s = bias != NULL ? ((const real *)bias)[ch] : 0;
        for (int64_t out = 0; out < as_pixels(c->out); out++) {
            for (int64_t t = 0; t < taps; t++) {
                place o, k, i;
                place_of(out, c->out, o);
                place_of(t, c->kernel, k);
                if (!input_of(c, o, k, i) || index_of(i, c->in) != pixel) {
                    continue;
                }
                const real *const from = (const real *)d + row * ldd + out * c->cout + ch / cg * ng;
                const real *const weight = (const real *)w + (t * cg + ch % cg) * c->cout + ch / cg * ng;
                for (int64_t n = 0; n < ng; n++) {
                    s = as_fma(from[n], weight[n], s);
                }
            }
        }
        ((real *)dx)[row * ldx + pixel * c->cin + ch] = end_of(s, relu);
    }
}

/* s (weights) += one lane's samples, one chain per element. */
static void lane_chain(const as_conv *c, const real *x, int64_t ldx, const real *d, int64_t ldd, int64_t first,
                       int64_t end, real *s)
{
    const int64_t cg = c->cin / c->groups, ng = c->cout / c->groups;
    for (int64_t e = 0; e < as_conv_weights(c); e++) {
        const int64_t n = e % c->cout, ch = e / c->cout % cg, t = e / c->cout / cg;
        place o, k, i;
        place_of(t, c->kernel, k);
        for (int64_t row = first; row < end; row++) {
            for (int64_t pixel = 0; pixel < as_pixels(c->out); pixel++) {
                place_of(pixel, c->out, o);
                if (input_of(c, o, k, i)) {
                    s[e] = as_fma(x[row * ldx + index_of(i, c->in) * c->cin + n / ng * cg + ch],
                                  d[row * ldd + pixel * c->cout + n], s[e]);
                }
            }
        }
    }
}

void AS_V(as_conv_weight_lanes_plain)(const as_conv *c, const void *x, int64_t ldx, const void *d, int64_t ldd,
                                      const as_tree_program *program, const int64_t *lane_row, bool resume,
                                      void *const *part, void *work)
{
    const int64_t size = as_conv_weights(c);
    real *const stack = work;
    int top = 0, parts = 0;
    for (int q = 0; q < program->steps; q++) {
        const int step = program->step[q];
        if (step >= 0) {
            real *const node = stack + top++ * size;
            memset(node, 0, (size_t)size * sizeof(real));
            if (resume) {
                memcpy(node, part[0], (size_t)size * sizeof(real));
            }
            lane_chain(c, x, ldx, d, ldd, lane_row[step], lane_row[step + 1], node);
        } else if (step == AS_TREE_MERGE) {
            top--;
            for (int64_t e = 0; e < size; e++) {
                stack[(top - 1) * size + e] = stack[(top - 1) * size + e] + stack[top * size + e];
            }
        } else {
            memcpy(part[parts++], stack + --top * size, (size_t)size * sizeof(real));
        }
    }
}
