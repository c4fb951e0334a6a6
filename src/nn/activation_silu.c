/* Sigmoid linear unit (Hendrycks and Gimpel 2016), also called swish; dy/dz = s + z s (1 - s), s = sigmoid(z). */
#include "kernels/math.h"
#include "nn/activation.h"

static void forward(const void *options, int64_t n, const void *z, void *y)
{
    (void)options;
    const real *in = z;
    real *out = y;
    for (int64_t i = 0; i < n; i++) {
        out[i] = in[i] * as_sigmoid(in[i]);
    }
}

static void backward(const void *options, int64_t n, const void *z, const void *y, void *dy)
{
    (void)options;
    (void)y;
    const real *in = z;
    real *d = dy;
    for (int64_t i = 0; i < n; i++) {
        const real s = as_sigmoid(in[i]);
        d[i] *= as_fma(in[i] * s, 1 - s, s);
    }
}

const as_activation_ops AS_V(as_activation_silu) = {
    .halves = true,
    .name = "silu",
    .help = "Sigmoid linear unit, or swish.",
    .formula = "y = z / (1 + exp(-z))",
    .needs_input = true,
    .forward = forward,
    .backward = backward,
};
