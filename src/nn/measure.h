/* Sums over reals for whoever looks at a step: norms, products, moments, counts. In double, 16 accumulators, element j
   to accumulator j mod 16 by fma, then halves onto halves: the same bits in every variant. All functions: Not
   collective. */
#ifndef AS_NN_MEASURE_H
#define AS_NN_MEASURE_H

#include "kernels/kernels.h"

typedef struct as_measure_ops {
    /* out = sum x^2, sum y^2, sum x y. */
    void (*pair)(int64_t n, const void *x, const void *y, double out[3]);
    /* out = sum before^2, sum (after - before)^2. */
    void (*change)(int64_t n, const void *before, const void *after, double out[2]);
    /* sums[0] += sum x, sums[1] += sum x^2. */
    void (*moments)(int64_t n, const void *x, double sums[2]);
    /* count[j mod units] += 1 where |x[j]| >= limit; units divides n. */
    void (*reach)(int64_t n, int64_t units, const void *x, double limit, double *count);
} as_measure_ops;

/* Never NULL. */
const as_measure_ops *as_measure_get(const as_kernels *kernels);

#endif
