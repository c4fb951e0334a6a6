/* Layer flatten: the same numbers under a shape of one axis. Cost: one copy each way. */
#include "kernels/real.h"
#include "nn/layer.h"

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    layer->out = (as_shape){.rank = 1, .dim = {layer->in_size[0]}};
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_flatten) = {
    .name = "flatten",
    .help = "Gives the numbers of a sample one axis, in row-major order.",
    .formula = "y = x as a vector",
    .plan = plan,
    .forward = as_layer_copy_forward,
    .backward = as_layer_copy_backward,
    .onnx = as_layer_onnx_shape,
};
