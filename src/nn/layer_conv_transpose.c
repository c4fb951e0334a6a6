/* Layer conv_transpose: what the input gradient of a convolution does, over all axes but the last (channels); it undoes
   the shapes of a convolution with the same options. Weight (kernel ..., channels / groups, C). Each input adds its
   kernel to the output at distance stride. Cost as the convolution. */
#include "kernels/real.h"
#include "nn/convolution.h"

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    return as_convolution_plan(layer, document, kernels, 0, true);
}

const as_layer_ops AS_V(as_layer_conv_transpose) = {
    .name = "conv_transpose",
    .help = "Transposed convolution over one to three spatial axes, channels last.",
    .formula = "y[i][c] = f(b[c] + sum over inputs o and kernel positions k with o stride - low + k dilation = i, and "
               "channels n, of x[o][n] W[k][c][n])",
    .fields = as_convolution_transpose_fields,
    .options_bytes = sizeof(as_convolution),
    .plan = plan,
    .forward = as_convolution_forward,
    .backward = as_convolution_backward,
    .accumulate = as_convolution_accumulate,
    .packed_reals = as_convolution_packed_reals,
    .pack = as_convolution_pack,
    .nonlinearity = as_convolution_nonlinearity,
    .gives_relu = true,
    .flops = as_convolution_flops,
    .onnx = as_convolution_onnx,
};
