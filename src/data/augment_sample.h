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

/* Bilinear, with 0 outside. */
static inline void as_augment_pixel(const as_augment_pass *pass, const real *from, double y, double x, real *to)
{
    const double top = floor(y), left = floor(x);
    const int64_t i = (int64_t)top, j = (int64_t)left;
    const real v = (real)(y - top), u = (real)(x - left);
    const real weight[4] = {(1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u};
    for (int64_t c = 0; c < pass->channels; c++) {
        to[c] = 0;
    }
    for (int k = 0; k < 4; k++) {
        const int64_t row = i + k / 2, column = j + k % 2;
        if (row < 0 || row >= pass->height || column < 0 || column >= pass->width || !(weight[k] > 0)) {
            continue;
        }
        const real *pixel = from + (row * pass->width + column) * pass->channels;
        for (int64_t c = 0; c < pass->channels; c++) {
            to[c] = as_fma(weight[k], pixel[c], to[c]);
        }
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
