"""Reference numbers of convolution and pooling layers (PyTorch), channels last.

Run:  python make_convolutions.py > convolutions.h
Inputs and parameters are exact in float32, so that both precisions see the same; everything is computed in float64.
Each case is one layer: the loss is sum(y * t), so that dy = t.
"""
import numpy as np
import torch
import torch.nn.functional as F

SEED, ROWS = 20262, 2
torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(SEED)


def draw(*shape):
    return torch.tensor(rng.normal(size=shape).astype(np.float32).astype(np.float64))


def first(x):
    """Channels last to channels first."""
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


def number(v):
    digits, exponent = float(v).hex().split("p")
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits}p{exponent}"


def c(values):
    if values.numel() == 0:
        return "NULL"
    return "(const double[]){" + ", ".join(number(v) for v in values.detach().reshape(-1)) + "}"


def shape(x):
    return f"{{{x.dim()}, {{{', '.join(str(v) for v in x.shape)}}}}}"


def case(text, size, f, weight=None, bias=None):
    """size: of one sample, channels last; weight: (kernel ..., C, N) as it is stored."""
    x = draw(ROWS, *size).requires_grad_()
    w = draw(*weight).requires_grad_() if weight else torch.zeros(0, requires_grad=True)
    b = draw(bias).requires_grad_() if bias else torch.zeros(0, requires_grad=True)
    y = f(first(x), w, b if bias else None)
    y = last(y) if y.dim() > 2 else y
    t = draw(*y.shape)
    (y * t).sum().backward()
    zero = torch.zeros(0)
    print(f'    {{"{text}", {shape(x[0])}, {shape(y[0])},\n     {c(x)},\n     {c(w)},\n     {c(b)},\n     {c(y)},\n'
          f'     {c(t)},\n     {c(x.grad)},\n     {c(w.grad if weight else zero)},\n     {c(b.grad if bias else zero)}}},')


def torch_weight(w):
    """(kernel ..., C, N) to PyTorch's (N, C, kernel ...)."""
    return w.movedim(-1, 0).movedim(-1, 1)


def conv(dims, **options):
    f = [F.conv1d, F.conv2d, F.conv3d][dims - 1]
    return lambda x, w, b: f(x, torch_weight(w), b, **options)


def transposed(dims, **options):
    f = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][dims - 1]
    return lambda x, w, b: f(x, torch_weight(w), b, **options)


def same(f, low, high):
    """Padding (low, high) of both axes before f."""
    return lambda x, w, b: f(F.pad(x, (low, high, low, high)), w, b)


print(f"""/* Convolution and pooling layers by PyTorch {torch.__version__.split('+')[0]}, numpy {np.__version__}, seed {SEED}. Made by make_convolutions.py in float64. */
#ifndef REFERENCE_CONVOLUTIONS_H
#define REFERENCE_CONVOLUTIONS_H

#include "base/shape.h"

/* clang-format off */
enum {{ REFERENCE_CONVOLUTION_ROWS = {ROWS} }};
/* One layer on {ROWS} rows: arrays as stored, NULL where there is none. */
static const struct {{ const char *layer; as_shape in, out; const double *x, *weight, *bias, *y, *dy, *dx, *dweight, *dbias; }} reference_convolutions[] = {{""")
case("conv1d: {channels: 5, kernel: 4, padding: valid}", (9, 3), conv(1), (4, 3, 5), 5)
case("conv1d: {channels: 4, kernel: 3, stride: 2, dilation: 2, padding: 2}", (10, 2),
     conv(1, stride=2, dilation=2, padding=2), (3, 2, 4), 4)
case("conv2d: {channels: 6, kernel: 3}", (5, 6, 4), conv(2, padding=1), (3, 3, 4, 6), 6)
case("conv2d: {channels: 4, kernel: 3, stride: 2}", (6, 6, 3), same(conv(2, stride=2), 0, 1), (3, 3, 3, 4), 4)
case("conv2d: {channels: 4, kernel: [3, 2], stride: [2, 1], padding: [1, valid], bias: false}", (7, 5, 3),
     conv(2, stride=(2, 1), padding=(1, 0)), (3, 2, 3, 4))
case("conv2d: {channels: 6, kernel: 3, groups: 2, activation: relu}", (4, 5, 4),
     lambda x, w, b: F.relu(conv(2, padding=1, groups=2)(x, w, b)), (3, 3, 2, 6), 6)
case("conv2d: {channels: 5, kernel: 3, groups: 5, activation: tanh}", (4, 5, 5),
     lambda x, w, b: torch.tanh(conv(2, padding=1, groups=5)(x, w, b)), (3, 3, 1, 5), 5)
case("conv2d: {channels: 7, kernel: 1, activation: gelu}", (3, 4, 5),
     lambda x, w, b: F.gelu(conv(2)(x, w, b)), (1, 1, 5, 7), 7)
case("conv3d: {channels: 3, kernel: [2, 3, 3], stride: [1, 2, 1], padding: [valid, 1, 1]}", (4, 5, 3, 2),
     conv(3, stride=(1, 2, 1), padding=(0, 1, 1)), (2, 3, 3, 2, 3), 3)
# The weight of conv_transpose is that of the convolution it turns round: (kernel ..., channels / groups, C).
case("conv_transpose: {channels: 3, kernel: 4, stride: 2, padding: 1}", (3, 4, 5),
     transposed(2, stride=2, padding=1), (4, 4, 3, 5), 3)
case("conv_transpose: {channels: 4, kernel: 3, stride: 2, padding: 1, extra: 1, activation: relu}", (3, 2, 6),
     lambda x, w, b: F.relu(transposed(2, stride=2, padding=1, output_padding=1)(x, w, b)), (3, 3, 4, 6), 4)
case("conv_transpose: {channels: 4, kernel: 3, stride: 2, padding: valid, groups: 2, dilation: 2}", (5, 6),
     transposed(1, stride=2, groups=2, dilation=2), (3, 2, 6), 4)
case("conv_transpose: {channels: 2, kernel: 2, stride: 2, padding: same, bias: false}", (2, 3, 2, 3),
     transposed(3, stride=2), (2, 2, 2, 2, 3))
case("max_pool: 2", (6, 5, 3), lambda x, w, b: F.max_pool2d(x, 2))
case("max_pool: {size: 3, stride: 2, padding: 1}", (7, 6, 2), lambda x, w, b: F.max_pool2d(x, 3, 2, 1))
case("max_pool: {size: 3, stride: 1}", (8, 2), lambda x, w, b: F.max_pool1d(x, 3, 1))
case("avg_pool: {size: [2, 3]}", (6, 7, 2), lambda x, w, b: F.avg_pool2d(x, (2, 3)))
case("avg_pool: {size: 3, stride: 2, padding: 1}", (5, 6, 2),
     lambda x, w, b: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False))
case("avg_pool: {size: 3, stride: 2, padding: 1, count_padding: true}", (5, 6, 2),
     lambda x, w, b: F.avg_pool2d(x, 3, 2, 1, count_include_pad=True))
case("global_pool", (3, 4, 5), lambda x, w, b: x.mean((2, 3)))
case("global_pool: max", (4, 3, 2), lambda x, w, b: x.amax((2, 3)))
case("upsample: 2", (3, 2, 4), lambda x, w, b: F.interpolate(x, scale_factor=2))
case("upsample: [1, 3]", (2, 3, 3), lambda x, w, b: F.interpolate(x, scale_factor=(1, 3)))
print("};\n/* clang-format on */\n\n#endif")
