/* What a column of numbers looks like: moments about the mean, order statistics, counts of values. */
#ifndef AS_MATH_DESCRIPTIVE_H
#define AS_MATH_DESCRIPTIVE_H

#include <stdbool.h>
#include <stdint.h>

enum { AS_QUANTILES = 7 };

/* Shares whose quantiles are given: 0, 0.05, 0.25, 0.5, 0.75, 0.95, 1. */
extern const double as_quantile_share[AS_QUANTILES];

typedef struct as_descriptive {
    int64_t n, missing; /* values that are there, and that are not */
    int64_t distinct;
    double mean, sd;               /* sd by n - 1; NaN below two values */
    double skewness;               /* m3 / m2^(3/2), NaN where the values do not differ */
    double kurtosis;               /* m4 / m2^2 - 3, so */
    double quantile[AS_QUANTILES]; /* linear between order statistics (R's type 7); NaN without values */
} as_descriptive;

/* Not collective. Describes (n) values, of which NaN are missing; the others stand at the beginning, ascending,
   afterwards. Two passes about the mean, whose rounding is corrected, and a sort. */
as_descriptive as_describe_values(int64_t n, double *value);

/* Not collective. Sorts (n) values, of which none is NaN. */
void as_sort_ascending(int64_t n, double *value);

/* Quantile of (n) ascending values, n > 0, linear between order statistics (Hyndman and Fan 1996, type 7). */
double as_sorted_quantile(int64_t n, const double *ascending, double share);

#endif
