/* Means and sums of squares about them, of weighted rows, added one by one and merged (T. Chan, G. Golub, R. LeVeque,
   "Algorithms for computing the sample variance", The American Statistician 37, 1983, eq. 2.1; weights: D. West 1979).
   One weight n for all columns. n = 0: no rows yet, all zeros. */
#ifndef AS_MATH_MOMENTS_H
#define AS_MATH_MOMENTS_H

#include <stdint.h>

/* A row x (width) of weight w >= 0; a weight of 0 adds nothing. */
static inline void as_moments_add(double *restrict n, double *restrict mean, double *restrict m2, int64_t width,
                                  double w, const double *restrict x)
{
    if (!(w > 0)) {
        return;
    }
    *n += w;
    const double share = w / *n;
    for (int64_t j = 0; j < width; j++) {
        const double delta = x[j] - mean[j];
        mean[j] += delta * share;
        m2[j] += w * delta * (x[j] - mean[j]);
    }
}

/* a := a and b together. */
static inline void as_moments_merge(double *restrict na, double *restrict ma, double *restrict sa, int64_t width,
                                    double nb, const double *restrict mb, const double *restrict sb)
{
    if (!(nb > 0)) {
        return;
    }
    const double n = *na + nb, share = nb / n;
    for (int64_t j = 0; j < width; j++) {
        const double delta = mb[j] - ma[j];
        ma[j] += delta * share;
        sa[j] += sb[j] + delta * delta * *na * share;
    }
    *na = n;
}

#endif
