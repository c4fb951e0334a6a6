/* Hyperbolic tangent; dy/dz = 1 - y^2. */
#include "kernels/math.h"
#include "nn/activation.h"

static void forward(const void *options, int64_t n, const void *z, void *y)
{
    (void)options;
    const real *in = z;
    real *out = y;
    for (int64_t i = 0; i < n; i++) {
        out[i] = as_tanh(in[i]);
    }
}

static void backward(const void *options, int64_t n, const void *z, const void *y, void *dy)
{
    (void)options;
    (void)z;
    const real *out = y;
    real *d = dy;
    for (int64_t i = 0; i < n; i++) {
        d[i] *= as_fma(-out[i], out[i], 1);
    }
}

static void onnx(const void *options, as_onnx *model, const char *z, const char *y)
{
    (void)options;
    as_onnx_node(model, "Tanh", (const char *const[]){z, NULL}, y, NULL);
}

const as_activation_ops AS_V(as_activation_tanh) = {
    .name = "tanh",
    .help = "Hyperbolic tangent.",
    .formula = "y = tanh(z)",
    .steepest = 1,
    .forward = forward,
    .backward = backward,
    .onnx = onnx,
};
