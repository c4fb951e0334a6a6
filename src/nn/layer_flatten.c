/* Layer flatten: the same numbers under a shape of one axis. Cost: one copy each way. */
#include <string.h>

#include "kernels/real.h"
#include "nn/layer.h"

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    layer->out = (as_shape){.rank = 1, .dim = {layer->in_size[0]}};
    return AS_OK;
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    for (int64_t r = 0; r < pass->rows; r++) {
        memcpy((real *)pass->y + r * pass->ldy, (const real *)pass->x[0] + r * pass->ldx[0],
               (size_t)layer->in_size[0] * sizeof(real));
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    for (int64_t r = 0; r < pass->rows && pass->dx[0] != NULL; r++) {
        memcpy((real *)pass->dx[0] + r * pass->ldx[0], (const real *)pass->dy + r * pass->ldy,
               (size_t)layer->in_size[0] * sizeof(real));
    }
}

const as_layer_ops AS_V(as_layer_flatten) = {
    .name = "flatten",
    .help = "Gives the numbers of a sample one axis, in row-major order.",
    .formula = "y = x as a vector",
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .onnx = as_layer_onnx_shape,
};
