/* The gradient as an optimizer reads it: the sum of a slice times a scale, then cut. For code compiled per variant. */
#ifndef AS_NN_GRADIENT_H
#define AS_NN_GRADIENT_H

#include "kernels/real.h"
#include "nn/optimizer.h"

typedef struct as_gradient {
    real scale, limit; /* limit is infinite where nothing is cut */
} as_gradient;

static inline as_gradient as_gradient_of(const as_optimizer_pass *pass)
{
    return (as_gradient){.scale = (real)pass->scale, .limit = pass->clip > 0 ? (real)pass->clip : (real)INFINITY};
}

/* Element of the sum to element of the gradient. NaN stays NaN. */
static inline real as_gradient_at(as_gradient s, real sum)
{
    const real g = s.scale * sum, low = g > s.limit ? s.limit : g;
    return low < -s.limit ? -s.limit : low;
}

#endif
