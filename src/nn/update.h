/* Elementwise passes around an optimizer's step, on one block of a slice. */
#ifndef AS_NN_UPDATE_H
#define AS_NN_UPDATE_H

#include "kernels/kernels.h"

typedef struct as_update_ops {
    /* g = inverse * g + l2 * w + l1 * sign(w), in place: the mean gradient with the penalties' share. Returns the
       block's penalty l1 * sum |w| + l2 / 2 * sum w^2 (double, element j to accumulator j mod 16). */
    double (*penalize)(int64_t n, void *g, const void *w, double inverse, double l1, double l2);
    /* Exponential moving average of weights: e += (1 - decay) (w - e). */
    void (*average)(int64_t n, double decay, const void *w, void *e);
    /* A running statistic: w += momentum * (inverse * s - w). */
    void (*follow)(int64_t n, double momentum, double inverse, const void *s, void *w);
    void (*fill)(int64_t n, double value, void *x);
    /* Index of the first element that is NaN or infinite; n when all are finite. */
    int64_t (*first_bad)(int64_t n, const void *x);
} as_update_ops;

/* Not collective. Never NULL. */
const as_update_ops *as_update_get(const as_kernels *kernels);

#endif
