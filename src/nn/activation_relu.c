/* Rectified linear unit: y = max(z, 0), NaN stays NaN, dz = dy where z > 0 (0 at z = 0, as PyTorch). The template of an
   activation: copy this file for a new one. */
#include "kernels/real.h"
#include "nn/activation.h"

static void forward(const void *options, int64_t n, const void *z, void *y)
{
    (void)options;
    const real *in = z;
    real *out = y;
    for (int64_t i = 0; i < n; i++) {
        out[i] = in[i] <= 0 ? 0 : in[i];
    }
}

static void backward(const void *options, int64_t n, const void *z, const void *y, void *dy)
{
    (void)options;
    (void)z;
    const real *out = y;
    real *d = dy;
    for (int64_t i = 0; i < n; i++) {
        d[i] = out[i] <= 0 ? 0 : d[i];
    }
}

static void onnx(const void *options, as_onnx *model, const char *z, const char *y)
{
    (void)options;
    as_onnx_node(model, "Relu", (const char *const[]){z, NULL}, y, NULL);
}

const as_activation_ops AS_V(as_activation_relu) = {
    .halves = true,
    .name = "relu",
    .help = "Rectified linear unit.",
    .formula = "y = max(z, 0)",
    .kinked = true,
    .forward = forward,
    .backward = backward,
    .onnx = onnx,
};
