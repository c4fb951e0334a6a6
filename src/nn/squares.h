/* Sums for optimizers that see norms of tensors. For code compiled per variant. */
#ifndef AS_NN_SQUARES_H
#define AS_NN_SQUARES_H

#include "kernels/real.h"

enum { AS_SQUARES_LANES = 16 };

/* Sum of squares in double: element j to accumulator j mod 16 by fma, then halves onto halves; as kernels->sum_squares.
 */
static inline double as_squares(int64_t n, const real *x)
{
    double sum[AS_SQUARES_LANES] = {0};
    int64_t i = 0;
    for (; i + AS_SQUARES_LANES <= n; i += AS_SQUARES_LANES) {
        for (int k = 0; k < AS_SQUARES_LANES; k++) {
            sum[k] = __builtin_fma((double)x[i + k], (double)x[i + k], sum[k]);
        }
    }
    for (int k = 0; i < n; i++, k++) {
        sum[k] = __builtin_fma((double)x[i], (double)x[i], sum[k]);
    }
    for (int half = AS_SQUARES_LANES / 2; half > 0; half /= 2) {
        for (int k = 0; k < half; k++) {
            sum[k] += sum[k + half];
        }
    }
    return sum[0];
}

#endif
