/* Inference about results: intervals, tests, corrections for many tests. Pure functions in double; not collective.
   p-values keep their digits in the tails; log_p goes on where p underflows. */
#ifndef AS_MATH_INFERENCE_H
#define AS_MATH_INFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "allsum/status.h"

typedef struct as_test {
    double statistic, df, df2; /* degrees of freedom where there are any */
    double p, log_p;           /* two-sided where there are two sides; NaN: undefined, as for no data */
    bool exact;                /* of its distribution, else an approximation for large samples */
} as_test;

/* ---- Proportions and means (inference_interval.c) */

/* Interval of a proportion at confidence `level` (Wilson 1927): successes of n > 0. n = 0: [0, 1]. */
void as_wilson(double successes, double n, double level, double *low, double *high);
/* The exact one (Clopper and Pearson 1934): at least `level` for every proportion. */
void as_clopper_pearson(int64_t successes, int64_t n, double level, double *low, double *high);

/* Bootstrap by Poisson(1) weights of rows (Hanley and MacGibbon 2006; Chamandy et al. 2012): the weight of a row in a
   replicate is a function of (seed, id, replicate), so it does not matter who holds the row. Weights of the replicates
   4 block .. 4 block + 3. */
void as_bootstrap_weights(uint64_t seed, uint64_t id, uint32_t block, double weight[4]);
/* Percentile interval of replicates, which get sorted; those that are NaN (undefined in a replicate) are left out. NaN
   when none is left. *sd: their standard deviation, the bootstrap's standard error. */
void as_percentile_interval(int64_t n, double *replicate, double level, double *low, double *high, double *sd);

/* ---- Two models on the same rows, or folds (inference_compare.c) */

/* McNemar's test: b rows that only the first got right, c that only the second did. exact: binomial; else chi2 with
   Edwards' continuity correction. b + c = 0: p = 1. */
as_test as_mcnemar(int64_t b, int64_t c, bool exact);
/* z-test of the mean of n differences; mean and sd are given back (not NULL). n < 2 or no spread: p is NaN, or 1 where
   all are 0. */
as_test as_paired_z(int64_t n, const double *difference, double *mean, double *sd);
/* The same for k folds of cross-validation, whose training sets overlap: variance (1/k + test/train) s^2, t with k - 1
   degrees of freedom (Nadeau and Bengio, Machine Learning 52, 2003). ratio: test rows / train rows. */
as_test as_nadeau_bengio(int64_t k, const double *difference, double ratio);

/* ---- Association (inference_association.c) */

/* One-way ANOVA of k groups from their counts, means and centred squares sum (x - mean)^2; empty groups are left out.
   F with (groups - 1, rows - groups) degrees of freedom. */
as_test as_anova(int64_t k, const double *count, const double *mean, const double *square);
/* Pearson's chi2 of independence, count (rows, columns) row-major; empty rows and columns are left out. */
as_test as_chi2_independence(int64_t rows, int64_t columns, const double *count);

/* ---- Kolmogorov and Smirnov (inference_ks.c) */

/* One sample: cdf[0..n) are the values of the distribution function at the ascending sample. Exact for n <= 2000
   (Marsaglia, Tsang, Wang 2003; in the tail twice Smirnov's one-sided formula), else the limit. Errors: NOMEM. */
as_status as_ks_one(int64_t n, const double *cdf, as_test *out);
/* Two samples, both ascending. Exact where nx ny <= 1e6 and no value is in both, else the limit. Errors: NOMEM. */
as_status as_ks_two(int64_t nx, const double *x, int64_t ny, const double *y, as_test *out);

/* ---- Many tests (inference_multiple.c) */

/* Adjusted p-values: reject where they are <= the level. Holm: family-wise error; Benjamini and Hochberg: false
   discovery rate. Errors: NOMEM. */
as_status as_holm(int64_t n, const double *p, double *adjusted);
as_status as_benjamini_hochberg(int64_t n, const double *p, double *adjusted);

#endif
