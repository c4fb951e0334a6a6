/* Layer max_pool: the largest input of each window, over all axes but the last (channels). The first of equal ones gets
   the gradient; NaN is larger than all. Places are kept, one byte each for windows of up to 256 inputs.
   Cost: one pass over x forward, one over dx backward. */
#include "base/error.h"
#include "kernels/real.h"
#include "nn/pooling.h"

static const as_field fields[] = {AS_POOLING_FIELDS, AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    const as_pooling *o = layer->options;
    AS_TRY(as_pooling_plan(layer));
    const int64_t bytes = as_shape_size(&layer->out) * as_pool_place_bytes(&o->window);
    layer->saved = (bytes + (int64_t)kernels->real_bytes - 1) / (int64_t)kernels->real_bytes;
    return AS_OK;
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const as_pooling *o = layer->options;
    pass->kernels->conv->pool_max(&o->window, pass->rows, pass->x[0], pass->ldx[0], pass->y, pass->ldy,
                                  pass->train ? pass->saved : NULL, pass->lds * (int64_t)sizeof(real));
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    const as_pooling *o = layer->options;
    if (pass->dx[0] != NULL) {
        pass->kernels->conv->pool_max_back(&o->window, pass->rows, pass->dy, pass->ldy, pass->saved,
                                           pass->lds * (int64_t)sizeof(real), layer->holds_relu ? pass->y : NULL,
                                           pass->dx[0], pass->ldx[0]);
    }
}

static as_branches branches(const as_layer *layer)
{
    (void)layer;
    return AS_BRANCHES_SAVED;
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    (void)param;
    const as_pooling *o = layer->options;
    as_onnx_attribute attributes[AS_WINDOW_ATTRIBUTES + 1];
    as_window_onnx(&o->window, layer->out.rank - 1, attributes);
    as_window_onnx_pool(layer, model, "MaxPool", attributes, x[0], y);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_max_pool) = {
    .name = "max_pool",
    .help = "The largest input of each window, over all axes but the last (channels).",
    .formula = "y[o][c] = max over places k of the window of x[o stride - low + k][c]",
    .fields = fields,
    .options_bytes = sizeof(as_pooling),
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .branches = branches,
    .takes_relu = true,
    .onnx = onnx,
};
