/* Exponential linear unit (Clevert, Unterthiner, Hochreiter 2016): y = z for z > 0, alpha (e^z - 1) otherwise, so that
   dy/dz = y + alpha there. */
#include "kernels/math.h"
#include "nn/activation.h"

typedef struct elu_options {
    double alpha;
} elu_options;

static const as_field fields[] = {
    {.name = "alpha",
     .type = AS_FIELD_REAL,
     .offset = offsetof(elu_options, alpha),
     .standard = "1",
     .min = 0,
     .max = 1e6,
     .help = "Minus the limit for large negative inputs."},
    AS_FIELDS_END,
};

static void forward(const void *options, int64_t n, const void *z, void *y)
{
    const real alpha = AS_R(((const elu_options *)options)->alpha);
    const real *in = z;
    real *out = y;
    for (int64_t i = 0; i < n; i++) {
        const real negative = alpha * as_expm1(in[i] > 0 ? 0 : in[i]);
        out[i] = in[i] > 0 ? in[i] : negative;
    }
}

static void backward(const void *options, int64_t n, const void *z, const void *y, void *dy)
{
    (void)z;
    const real alpha = AS_R(((const elu_options *)options)->alpha);
    const real *out = y;
    real *d = dy;
    for (int64_t i = 0; i < n; i++) {
        d[i] *= out[i] > 0 ? 1 : out[i] + alpha;
    }
}

static void onnx(const void *options, as_onnx *model, const char *z, const char *y)
{
    const as_onnx_attribute attributes[] = {
        {.name = "alpha", .is_real = true, .real = ((const elu_options *)options)->alpha}, {.name = NULL}};
    as_onnx_node(model, "Elu", (const char *const[]){z, NULL}, y, attributes);
}

const as_activation_ops AS_V(as_activation_elu) = {
    .halves = true,
    .name = "elu",
    .help = "Exponential linear unit.",
    .formula = "y = z if z > 0 else alpha (exp(z) - 1)",
    .fields = fields,
    .options_bytes = sizeof(elu_options),
    .forward = forward,
    .backward = backward,
    .onnx = onnx,
};
