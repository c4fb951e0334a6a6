/* Sums of exponentials in their logarithms. */
#ifndef AS_MATH_LOG_SUM_H
#define AS_MATH_LOG_SUM_H

#include <math.h>
#include <stdint.h>

#include "kernels/scalar_math.h"

/* ln sum_k exp(v_k), from left to right; -inf where all are. */
static inline double as_log_sum(int64_t n, const double *v)
{
    double most = -HUGE_VAL, sum = 0;
    for (int64_t k = 0; k < n; k++) {
        most = v[k] > most ? v[k] : most;
    }
    if (most == -HUGE_VAL) {
        return most;
    }
    for (int64_t k = 0; k < n; k++) {
        sum += as_exp_f64(v[k] - most);
    }
    return most + as_log_f64(sum);
}

/* Logarithms of weights to probabilities, in place; returns the log of the sum. Where all weights are 0: 1/n each. */
static inline double as_log_normalize(int64_t n, double *v)
{
    const double total = as_log_sum(n, v);
    for (int64_t k = 0; k < n; k++) {
        v[k] = total == -HUGE_VAL ? 1.0 / (double)n : as_exp_f64(v[k] - total);
    }
    return total;
}

#endif
