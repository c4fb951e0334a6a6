/* Images sampled between their pixels, for the kinds that turn and stretch them (compiled per variant). */
#ifndef AS_DATA_AUGMENT_SAMPLE_H
#define AS_DATA_AUGMENT_SAMPLE_H

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "data/augment.h"
#include "kernels/real.h"

/* Where pixel (i, j) of the new image is in the old one: (y0 + yi i + yj j, x0 + xi i + xj j). */
typedef struct affine {
    double y0, yi, yj, x0, xi, xj;
} affine;

/* Bilinear, with 0 outside. Without branches: what is outside has weight 0 and is read at the nearest pixel. */
static inline void as_augment_pixel(const as_augment_pass *pass, const real *from, double y, double x, real *to)
{
    const int64_t high = pass->height - 1, wide = pass->width - 1, channels = pass->channels;
    const double top = floor(y), left = floor(x);
    const int64_t i = (int64_t)top, j = (int64_t)left;
    const real v = (real)(y - top), u = (real)(x - left);
    const real above = i >= 0 && i <= high ? 1 - v : 0, below = i >= -1 && i < high ? v : 0;
    const real before = j >= 0 && j <= wide ? 1 - u : 0, behind = j >= -1 && j < wide ? u : 0;
    const int64_t row0 = i < 0 ? 0 : i > high ? high : i, row1 = i < -1 ? 0 : i >= high ? high : i + 1;
    const int64_t column0 = j < 0 ? 0 : j > wide ? wide : j, column1 = j < -1 ? 0 : j >= wide ? wide : j + 1;
    const real *a = from + (row0 * pass->width + column0) * channels;
    const real *b = from + (row0 * pass->width + column1) * channels;
    const real *c = from + (row1 * pass->width + column0) * channels;
    const real *d = from + (row1 * pass->width + column1) * channels;
    for (int64_t k = 0; k < channels; k++) {
        to[k] = as_fma(below * behind, d[k],
                       as_fma(below * before, c[k], as_fma(above * behind, b[k], above * before * a[k])));
    }
}

static inline void as_augment_sample(const as_augment_pass *pass, const affine *a)
{
    real *x = pass->x;
    memcpy(pass->work, x, (size_t)(pass->height * pass->width * pass->channels) * sizeof *x);
    for (int64_t i = 0; i < pass->height; i++) {
        for (int64_t j = 0; j < pass->width; j++) {
            const double y = __builtin_fma(a->yi, (double)i, __builtin_fma(a->yj, (double)j, a->y0));
            const double z = __builtin_fma(a->xi, (double)i, __builtin_fma(a->xj, (double)j, a->x0));
            as_augment_pixel(pass, pass->work, y, z, x + (i * pass->width + j) * pass->channels);
        }
    }
}

#endif
