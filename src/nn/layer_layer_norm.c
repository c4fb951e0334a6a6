/* Layer layer_norm: each position is brought to mean 0 and variance 1 over its last axis, then scaled and moved by a
   learnt gain and bias (Ba, Kiros, Hinton 2016). Statistics belong to a row: nothing differs in evaluation. Mean and
   1 / deviation of every position are kept. Formulas, order of sums: kernels/norm.h. Cost: 8 flops an element forward,
   about 14 backward; both are one pass over memory. */
#include "nn/norm_rows.h"

static const as_field fields[] = {AS_NORM_EPS,
                                  {.name = "bias",
                                   .type = AS_FIELD_BOOL,
                                   .offset = offsetof(as_norm_options, bias),
                                   .standard = "true",
                                   .help = "Adds a bias, which starts at 0."},
                                  AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    as_norm_rows_plan(layer, ((const as_norm_options *)layer->options)->bias);
    return AS_OK;
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    as_norm_rows_forward(layer, pass, true);
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    as_norm_rows_backward(layer, pass, true);
}

static double flops(const as_layer *layer)
{
    return 8 * (double)layer->out_size;
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    const as_norm_options *options = layer->options;
    const int64_t n = as_shape_channels(&layer->out);
    char gain[AS_ONNX_NAME_MAX], bias[AS_ONNX_NAME_MAX];
    const as_onnx_attribute attributes[] = {
        {.name = "axis", .integer = -1}, {.name = "epsilon", .is_real = true, .real = options->eps}, {.name = NULL}};
    as_onnx_reals(model, as_onnx_name(y, "gain", gain), 1, &n, param[0]);
    if (options->bias) {
        as_onnx_reals(model, as_onnx_name(y, "bias", bias), 1, &n, param[1]);
    }
    as_onnx_node(model, "LayerNormalization", (const char *const[]){x[0], gain, options->bias ? bias : NULL, NULL}, y,
                 attributes);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_layer_norm) = {
    .name = "layer_norm",
    .help = "Brings the last axis of each position to mean 0 and variance 1, then scales and moves it.",
    .formula = "y = (x - mean) / sqrt(variance + eps) g + b, over the last axis",
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
