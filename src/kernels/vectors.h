/* Vectors of doubles, for linear algebra outside of training (src/math): the fastest build of this CPU is chosen at the
   call, since all give the same bits. Sums have 16 accumulators, element j to accumulator j mod 16 by fma, then the
   tree of rowwise.h. All functions: Not collective. */
#ifndef AS_KERNELS_VECTORS_H
#define AS_KERNELS_VECTORS_H

#include "kernels/kernels.h"

typedef struct as_vectors {
    double (*dot)(int64_t n, const double *x, const double *y);
    /* y = y + a x: y[j] = fma(a, x[j], y[j]) */
    void (*axpy)(int64_t n, double a, const double *x, double *y);
    /* out = x'x, y'y, x'y in one pass, each as dot gives it. */
    void (*gram_pair)(int64_t n, const double *x, const double *y, double out[3]);
    /* (x, y) = (c x + s y, c y - s x): x[j] = fma(c, x[j], s y[j]), y[j] = fma(c, y[j], -s x[j]). */
    void (*rotate)(int64_t n, double c, double s, double *x, double *y);
    /* The same for rows of n columns, ld apart, upwards from x: rotation t turns (row -t, row -t - 1). */
    void (*rotate_up)(int64_t n, int64_t count, const double *c, const double *s, double *x, int64_t ld);
    /* Elementwise, each with the bits of its brother in scalar_math.h; y may be x. */
    void (*exp)(int64_t n, const double *x, double *y);
    void (*log)(int64_t n, const double *x, double *y);
    void (*log1p)(int64_t n, const double *x, double *y);
} as_vectors;

/* Never NULL. isa: a build that this CPU can run. */
const as_vectors *as_vectors_get(as_isa isa);

#endif
