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

const as_layer_ops AS_V(as_layer_rms_norm) = {
    .name = "rms_norm",
    .help = "Divides the last axis of each position by its root mean square, then scales it.",
    .formula = "y = x / sqrt(mean(x^2) + eps) g, over the last axis",
    .fields = fields,
    .options_bytes = sizeof(as_norm_options),
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .accumulate = as_norm_rows_accumulate,
    .flops = flops,
};
