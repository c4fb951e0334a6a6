/* Layer avg_pool: the mean of each window, over all axes but the last (channels).
   Cost: one pass over x forward, one over dx backward. */
#include "kernels/real.h"
#include "nn/pooling.h"

static const as_field fields[] = {AS_POOLING_FIELDS,
                                  {.name = "count_padding",
                                   .type = AS_FIELD_BOOL,
                                   .offset = offsetof(as_pooling, count_padding),
                                   .standard = "false",
                                   .help = "Divides by the whole window also where it reaches over the border."},
                                  AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document, (void)kernels;
    return as_pooling_plan(layer);
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const as_pooling *o = layer->options;
    pass->kernels->conv->pool_sum(&o->window, o->count_padding ? AS_POOL_MEAN_PADDED : AS_POOL_MEAN, pass->rows,
                                  pass->x[0], pass->ldx[0], pass->y, pass->ldy);
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    const as_pooling *o = layer->options;
    if (pass->dx[0] != NULL) {
        pass->kernels->conv->pool_sum_back(&o->window, o->count_padding ? AS_POOL_MEAN_PADDED : AS_POOL_MEAN,
                                           pass->rows, pass->dy, pass->ldy, pass->dx[0], pass->ldx[0]);
    }
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    (void)param;
    const as_pooling *o = layer->options;
    as_onnx_attribute attributes[AS_WINDOW_ATTRIBUTES + 1];
    const int n = as_window_onnx(&o->window, layer->out.rank - 1, attributes);
    attributes[2] = attributes[n - 1]; /* in the place of dilations, which this operator lacks */
    attributes[n - 1] = (as_onnx_attribute){.name = "count_include_pad", .integer = o->count_padding};
    as_window_onnx_pool(layer, model, "AveragePool", attributes, x[0], y);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_avg_pool) = {
    .name = "avg_pool",
    .help = "The mean of each window, over all axes but the last (channels).",
    .formula = "y[o][c] = mean over places k of the window of x[o stride - low + k][c]",
    .fields = fields,
    .options_bytes = sizeof(as_pooling),
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .onnx = onnx,
};
