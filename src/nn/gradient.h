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

/* Moments of elements whose gradient has stopped (units that are dead) fade by a factor a step. Long after they move
   nothing they would reach the subnormal numbers, stay there for good, and make every later step several times slower:
   arithmetic with those takes the processor some hundred cycles. So what has faded below this is 0. */
#if AS_PRECISION == 32
#define AS_FADED 0x1p-120f
#else
#define AS_FADED 0x1p-1000
#endif

static inline real as_unless_faded(real x, real least)
{
    return x < least && x > -least ? 0 : x;
}

#endif
