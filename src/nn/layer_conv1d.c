/* Layer conv1d: convolution over one spatial axis, (length, C) -> (length', channels), weight
   (length, C / groups, channels). An input without a channel axis has one channel. Taps outside of the input are left
   out. Backward: dx is the transposed convolution of d = dy * f'(z), dW the sum over samples and positions of x d, db
   of d. Cost for each sample: 2 flops for each weight and output position forward, twice that backward. */
#include "kernels/real.h"
#include "nn/convolution.h"

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    return as_convolution_plan(layer, document, kernels, 1, false);
}

const as_layer_ops AS_V(as_layer_conv1d) = {
    .name = "conv1d",
    .help = "Convolution over one spatial axis, channels last.",
    .formula = "y[o][n] = f(b[n] + sum_k sum_c x[o stride - low + k dilation][c] W[k][c][n])",
    .fields = as_convolution_fields,
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
