/* Layer activation: y = f(x) elementwise, for every row of activation.def. Cost: one pass over the elements each way.
 */
#include "nn/layer_activation.h"

#include <string.h>

#include "kernels/real.h"

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    layer->out = layer->in[0];
    return AS_OK;
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const as_nonlinearity *f = layer->options;
    as_nonlinearity_forward(f, pass->kernels, pass->rows, layer->out_size, pass->x[0], pass->ldx[0], pass->y,
                            pass->ldy);
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    if (pass->dx[0] == NULL) {
        return;
    }
    const as_nonlinearity *f = layer->options;
    as_nonlinearity_backward(f, pass->kernels, pass->rows, layer->out_size, f->ops->needs_input ? pass->x[0] : NULL,
                             pass->ldx[0], pass->y, pass->ldy, pass->dy);
    for (int64_t r = 0; r < pass->rows; r++) {
        memcpy((real *)pass->dx[0] + r * pass->ldx[0], (const real *)pass->dy + r * pass->ldy,
               (size_t)layer->in_size[0] * sizeof(real));
    }
}

static const as_nonlinearity *nonlinearity(const as_layer *layer)
{
    return layer->options;
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    (void)param;
    as_nonlinearity_onnx(layer->options, model, x[0], y);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_activation) = {
    .name = "activation",
    .help = "Applies an activation elementwise; written under the activation's own name.",
    .formula = "y = f(x)",
    .options_bytes = sizeof(as_nonlinearity),
    .plan = plan,
    .each_position = true,
    .forward = forward,
    .backward = backward,
    .nonlinearity = nonlinearity,
    .onnx = onnx,
};
