/* Tests that compare two models on the same rows or folds. */
#include "math/inference_tail.h"

as_test as_mcnemar(int64_t b, int64_t c, bool exact)
{
    const int64_t few = b < c ? b : c, n = b + c;
    as_test test = {.statistic = (double)few, .exact = true};
    if (n == 0) {
        return as_test_of_log_p(test, 0);
    }
    if (exact) { /* P(X <= few) + P(X >= n - few) of X binomial(n, 1/2); all of it where few = n / 2 */
        const double tail = as_log_beta_i((double)(n - few), (double)few + 1, 0.5, 0.5);
        return as_test_of_log_p(test, 2 * few == n ? 0 : tail + 0.69314718055994530942);
    }
    const double gap = fabs((double)(b - c)) - 1;
    return as_test_chi2(gap > 0 ? gap * gap / (double)n : 0, 1);
}

/* Mean and standard deviation of n numbers, in one pass (Welford 1962). */
static void spread(int64_t n, const double *v, double *mean, double *sd)
{
    double square = 0;
    *mean = 0;
    for (int64_t i = 0; i < n; i++) {
        const double d = v[i] - *mean;
        *mean += d / (double)(i + 1);
        square += d * (v[i] - *mean);
    }
    *sd = n > 1 ? sqrt(square / (double)(n - 1)) : (double)NAN;
}

as_test as_paired_z(int64_t n, const double *difference, double *mean, double *sd)
{
    spread(n, difference, mean, sd);
    if (n < 2 || !(*sd > 0)) {
        const bool equal = n >= 2 && *mean == 0;
        const as_test none = {.statistic = equal ? 0 : (double)NAN};
        return equal ? as_test_of_log_p(none, 0) : as_test_undefined(none);
    }
    return as_test_z(*mean / (*sd / sqrt((double)n)));
}

as_test as_nadeau_bengio(int64_t k, const double *difference, double ratio)
{
    double mean, sd;
    spread(k, difference, &mean, &sd);
    if (k < 2 || !(sd > 0)) {
        const as_test none = {.df = (double)(k - 1)};
        return k >= 2 && mean == 0 ? as_test_of_log_p(none, 0) : as_test_undefined(none);
    }
    as_test test = as_test_t(mean / (sd * sqrt(1 / (double)k + ratio)), (double)(k - 1));
    test.exact = false;
    return test;
}
