/* Passes of statistical models over rows of doubles: moments and sums of classes, nearest centres, densities of normal
   mixtures. The fastest build of this CPU is chosen at the call, since all give the same bits. What is added over rows
   is one chain in the order of the rows; what is done for a row does not depend on its neighbours. All functions: Not
   collective; nothing is allocated.

   Rows come as x (count, d). Functions that work on several rows at once take columns instead: t, where row i of column
   j is t[j * AS_COLUMNS + i], count <= AS_COLUMNS; rows up to the next multiple of 16 are read and written too. */
#ifndef AS_KERNELS_STATISTICS_H
#define AS_KERNELS_STATISTICS_H

#include "kernels/kernels.h"

enum { AS_COLUMNS = 128 }; /* rows that are columns at a time, at the most */

typedef struct as_statistic_kernels {
    /* Adds row i to the moments of class label[i] (NULL: 0), which are a weight, d means and d sums of squares about
       them at sum + label * stride: as_moments_add of math/moments.h. */
    void (*moments)(int64_t count, int64_t d, const double *x, const int32_t *label, const double *weight, double *sum,
                    int64_t stride);
    /* The same with sums: a weight and d sums, s[j] += weight * x[j]. */
    void (*sums)(int64_t count, int64_t d, const double *x, const int32_t *label, const double *weight, double *sum,
                 int64_t stride);
    /* The same about centres (k, d): s[j] += weight * (x[j] - center[label][j]). */
    void (*moves)(int64_t count, int64_t d, const double *x, const int32_t *label, const double *weight,
                  const double *center, double *sum, int64_t stride);
    /* Rows to columns; zeros behind the last row up to a multiple of 16. */
    void (*columns)(int64_t count, int64_t d, const double *x, double *t);
    /* The nearest of k >= 1 centres (k, d), the first of equals, and the square of the distance: the chain of
       fma(x_j - c_j, x_j - c_j, .) over ascending j. */
    void (*nearest)(int64_t count, int64_t d, int64_t k, const double *t, const double *center, int32_t *label,
                    double *square);
    /* |(x - mean) P|^2 for P (d, d) upper triangular: chains over ascending i of fma(P[i][j], x_i - mean_i, .), then
       over ascending j of their squares. */
    void (*quadratic)(int64_t count, int64_t d, const double *t, const double *mean, const double *p, double *square);
    /* The same for a diagonal P: fma(y, y, .) with y = (x_j - mean_j) p_j. */
    void (*diagonal)(int64_t count, int64_t d, const double *t, const double *mean, const double *p, double *square);
    /* v (k, AS_COLUMNS): logarithms of k >= 1 weights of each row become shares that add up to 1; total: the logarithm
       of their sum. Chains over ascending k. */
    void (*shares)(int64_t count, int64_t k, double *v, double *total);
    /* delta = x - mean, scaled = factor[i] * delta, rows of d; sum[0] += factor, sum[1 + j] += scaled[j]. */
    void (*deltas)(int64_t count, int64_t d, const double *x, const double *mean, const double *factor, double *delta,
                   double *scaled, double *sum);
    /* sum[0] += factor, sum[1 + j] += factor y, sum[1 + d + j] += factor y y with y = x_j - mean_j. */
    void (*squares)(int64_t count, int64_t d, const double *x, const double *mean, const double *factor, double *sum);
    /* u[i] = as_rng_uniform_f64 of the first words of as_rng_words(seed, purpose, a, b, id[i]). */
    void (*uniforms)(int64_t count, const int64_t *id, uint64_t seed, uint32_t purpose, uint32_t a, uint32_t b,
                     double *u);
} as_statistic_kernels;

/* Never NULL. isa: a build that this CPU can run. */
const as_statistic_kernels *as_statistic_kernels_get(as_isa isa);

#endif
