/* What convolutions need once, for all variants. */
#include "kernels/conv.h"

int64_t as_conv_extent(int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int64_t low, int64_t high)
{
    const int64_t room = in + low + high - dilation * (kernel - 1) - 1;
    return room < 0 ? 0 : room / stride + 1;
}
