/* The convolution kernels of one variant. */
#include "kernels/table_conv.h"

extern const as_conv_kernels AS_V(as_conv_kernels);

const as_conv_kernels AS_V(as_conv_kernels) = {
    .pack_reals = AS_V(as_conv_pack_reals),
    .pack = AS_V(as_conv_pack),
    .forward = AS_V(as_conv_forward),
    .backward = AS_V(as_conv_backward),
    .weight_lanes = AS_V(as_conv_weight_lanes),
    .bias_lanes = AS_V(as_conv_bias_lanes),
    .forward_plain = AS_V(as_conv_forward_plain),
    .backward_plain = AS_V(as_conv_backward_plain),
    .weight_lanes_plain = AS_V(as_conv_weight_lanes_plain),
    .pool_max = AS_V(as_pool_max),
    .pool_max_back = AS_V(as_pool_max_back),
    .pool_sum = AS_V(as_pool_sum),
    .pool_sum_back = AS_V(as_pool_sum_back),
};
