/* p-values from statistics, for the files of inference.h. */
#ifndef AS_MATH_INFERENCE_TAIL_H
#define AS_MATH_INFERENCE_TAIL_H

#include <math.h>

#include "kernels/scalar_math.h"
#include "math/inference.h"
#include "math/special.h"

static inline as_test as_test_of_log_p(as_test test, double log_p)
{
    test.log_p = log_p < 0 ? log_p : 0;
    test.p = as_exp_f64(test.log_p);
    return test;
}

static inline as_test as_test_undefined(as_test test)
{
    test.p = test.log_p = (double)NAN;
    return test;
}

static inline as_test as_test_chi2(double statistic, double df)
{
    const as_test test = {.statistic = statistic, .df = df};
    return df > 0 ? as_test_of_log_p(test, as_log_gamma_q(0.5 * df, 0.5 * statistic)) : as_test_undefined(test);
}

/* Two-sided. */
static inline as_test as_test_z(double z)
{
    return as_test_of_log_p((as_test){.statistic = z}, as_log_erfc(fabs(z) * 0.70710678118654752440));
}

static inline as_test as_test_t(double t, double df)
{
    const double x = df / (df + t * t), y = t * t / (df + t * t);
    return as_test_of_log_p((as_test){.statistic = t, .df = df, .exact = true}, as_log_beta_i(0.5 * df, 0.5, x, y));
}

#endif
