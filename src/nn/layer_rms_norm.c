/* Layer rms_norm: each position is divided by the root of the mean square over its last axis, then scaled by a learnt
   gain (Zhang and Sennrich, NeurIPS 2019). As layer_norm without mean and bias. Cost: 6 flops an element forward, about
   11 backward. */
#include "nn/norm_rows.h"

static const as_field fields[] = {AS_NORM_EPS, AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    as_norm_rows_plan(layer, false);
    return AS_OK;
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    as_norm_rows_forward(layer, pass, false);
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    as_norm_rows_backward(layer, pass, false);
}

static double flops(const as_layer *layer)
{
    return 6 * (double)layer->out_size;
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    const int64_t n = as_shape_channels(&layer->out);
    char gain[AS_ONNX_NAME_MAX], eps[AS_ONNX_NAME_MAX], a[AS_ONNX_NAME_MAX], b[AS_ONNX_NAME_MAX];
    const as_onnx_attribute attributes[] = {{.name = "axes", .n = 1, .list = {-1}}, {.name = NULL}};
    as_onnx_reals(model, as_onnx_name(y, "gain", gain), 1, &n, param[0]);
    as_onnx_real(model, as_onnx_name(y, "eps", eps), ((const as_norm_options *)layer->options)->eps);
    as_onnx_node(model, "Mul", (const char *const[]){x[0], x[0], NULL}, as_onnx_name(y, "square", a), NULL);
    as_onnx_node(model, "ReduceMean", (const char *const[]){a, NULL}, as_onnx_name(y, "mean", b), attributes);
    as_onnx_node(model, "Add", (const char *const[]){b, eps, NULL}, as_onnx_name(y, "spread", a), NULL);
    as_onnx_node(model, "Sqrt", (const char *const[]){a, NULL}, as_onnx_name(y, "root", b), NULL);
    as_onnx_node(model, "Div", (const char *const[]){x[0], b, NULL}, as_onnx_name(y, "unit", a), NULL);
    as_onnx_node(model, "Mul", (const char *const[]){a, gain, NULL}, y, NULL);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_rms_norm) = {
    .name = "rms_norm",
    .help = "Divides the last axis of each position by its root mean square, then scales it.",
    .formula = "y = x / sqrt(mean(x^2) + eps) g, over the last axis",
    .fields = fields,
    .options_bytes = sizeof(as_norm_options),
    .plan = plan,
    .adds_dx = true,
    .each_position = true,
    .forward = forward,
    .backward = backward,
    .accumulate = as_norm_rows_accumulate,
    .flops = flops,
    .onnx = onnx,
};
