/* Leaky rectified linear unit (Maas, Hannun, Ng 2013): y = z for z > 0, slope z otherwise; at 0 the derivative is
   slope, as PyTorch. slope >= 0, so the sign of y is that of z and the input need not be kept. */
#include "kernels/real.h"
#include "nn/activation.h"

typedef struct leaky_relu_options {
    double slope;
} leaky_relu_options;

static const as_field fields[] = {
    {.name = "slope",
     .type = AS_FIELD_REAL,
     .offset = offsetof(leaky_relu_options, slope),
     .standard = "0.01",
     .min = 0,
     .max = 1,
     .help = "Factor of negative inputs."},
    AS_FIELDS_END,
};

static void forward(const void *options, int64_t n, const void *z, void *y)
{
    const real slope = AS_R(((const leaky_relu_options *)options)->slope);
    const real *in = z;
    real *out = y;
    for (int64_t i = 0; i < n; i++) {
        out[i] = in[i] > 0 ? in[i] : slope * in[i];
    }
}

static void backward(const void *options, int64_t n, const void *z, const void *y, void *dy)
{
    (void)z;
    const real slope = AS_R(((const leaky_relu_options *)options)->slope);
    const real *out = y;
    real *d = dy;
    for (int64_t i = 0; i < n; i++) {
        d[i] = out[i] > 0 ? d[i] : slope * d[i];
    }
}

static void onnx(const void *options, as_onnx *model, const char *z, const char *y)
{
    const as_onnx_attribute attributes[] = {
        {.name = "alpha", .is_real = true, .real = ((const leaky_relu_options *)options)->slope}, {.name = NULL}};
    as_onnx_node(model, "LeakyRelu", (const char *const[]){z, NULL}, y, attributes);
}

const as_activation_ops AS_V(as_activation_leaky_relu) = {
    .halves = true,
    .name = "leaky_relu",
    .help = "Rectified linear unit with a slope for negative inputs.",
    .formula = "y = z if z > 0 else slope z",
    .fields = fields,
    .options_bytes = sizeof(leaky_relu_options),
    .kinked = true,
    .forward = forward,
    .backward = backward,
    .onnx = onnx,
};
