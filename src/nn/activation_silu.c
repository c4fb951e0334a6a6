/* Sigmoid linear unit (Hendrycks and Gimpel 2016), also called swish; dy/dz = s + z s (1 - s), s = sigmoid(z). */
#include "kernels/vector_math.h"
#include "nn/activation.h"

static void forward(const void *options, int64_t n, const void *z, void *y)
{
    (void)options;
    const real *in = z;
    real *out = y;
    V_MAP(n, i, m, {
        const vreal v = v_load_masked(in + i, m);
        v_store_masked(out + i, v * v_sigmoid(v), m);
    })
}

static void backward(const void *options, int64_t n, const void *z, const void *y, void *dy)
{
    (void)options;
    (void)y;
    const real *in = z;
    real *d = dy;
    V_MAP(n, i, m, {
        const vreal v = v_load_masked(in + i, m), s = v_sigmoid(v);
        v_store_masked(d + i, v_load_masked(d + i, m) * v_fma(v * s, v_splat(1) - s, s), m);
    })
}

static void forward_slope(const void *options, int64_t n, void *z, void *y)
{
    (void)options;
    real *restrict in = z, *restrict out = y;
    V_MAP(n, i, m, {
        const vreal v = v_load_masked(in + i, m), s = v_sigmoid(v);
        v_store_masked(out + i, v * s, m);
        v_store_masked(in + i, v_fma(v * s, v_splat(1) - s, s), m);
    })
}

static void onnx(const void *options, as_onnx *model, const char *z, const char *y)
{
    (void)options;
    char gate[AS_ONNX_NAME_MAX];
    as_onnx_name(y, "gate", gate);
    as_onnx_node(model, "Sigmoid", (const char *const[]){z, NULL}, gate, NULL);
    as_onnx_node(model, "Mul", (const char *const[]){z, gate, NULL}, y, NULL);
}

const as_activation_ops AS_V(as_activation_silu) = {
    .halves = true,
    .name = "silu",
    .help = "Sigmoid linear unit, or swish.",
    .formula = "y = z / (1 + exp(-z))",
    .needs_input = true,
    .forward = forward,
    .backward = backward,
    .forward_slope = forward_slope,
    .onnx = onnx,
};
