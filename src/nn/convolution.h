/* What the layers conv1d, conv2d, conv3d and conv_transpose share, and the windows that pooling has in common with
   them. Values are channels last: (length, C), (height, width, C), (depth, height, width, C). */
#ifndef AS_NN_CONVOLUTION_H
#define AS_NN_CONVOLUTION_H

#include "kernels/conv.h"
#include "nn/layer.h"
#include "nn/nonlinearity.h"

typedef struct as_convolution {
    int64_t channels, groups;
    as_ints kernel, stride, dilation, extra;
    as_texts padding;
    const as_node *activation;
    int init; /* 0: auto; else as_init + 1 */
    double init_scale;
    bool bias;
    /* set by the plan */
    bool transposed; /* geometry is that of the convolution whose input gradient the layer is */
    as_conv geometry;
    as_nonlinearity f;
    bool relu; /* f is relu: done by the kernel */
} as_convolution;

extern const as_field as_convolution_fields[], as_convolution_transpose_fields[];

/* Not collective, for plan. Layers over `axes` spatial axes; 0: all but the last of the input. An input with no more
   than `axes` axes has one channel. Errors: CONFIG. */
as_status as_convolution_plan(as_layer *layer, as_document *document, const as_kernels *kernels, int axes,
                              bool transposed);

/* Functions of as_layer_ops. */
void as_convolution_forward(const as_layer *layer, const as_pass *pass);
void as_convolution_backward(const as_layer *layer, const as_pass *pass);
void as_convolution_accumulate(const as_layer *layer, const as_accumulate *a);
int64_t as_convolution_packed_reals(const as_layer *layer, const as_kernels *kernels, int q);
void as_convolution_pack(const as_layer *layer, const as_kernels *kernels, int q, const void *param, int64_t first,
                         int64_t count, void *packed);
const as_nonlinearity *as_convolution_nonlinearity(const as_layer *layer);
double as_convolution_flops(const as_layer *layer);
as_status as_convolution_onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                              const void *const *param);

/* Not collective, for onnx. Attributes of a window over the last `axes` axes of c (kernel_shape, strides, dilations,
   pads), and NULL behind them, into out; returns how many. Zeros behind the input are as many as the outputs reach. */
enum { AS_WINDOW_ATTRIBUTES = 4 };
int as_window_onnx(const as_conv *c, int axes, as_onnx_attribute out[AS_WINDOW_ATTRIBUTES + 1]);

/* Not collective, for onnx. y = op over windows of x, channels last on both sides; the operator takes the attributes.
 */
void as_window_onnx_pool(const as_layer *layer, as_onnx *model, const char *op, const as_onnx_attribute *attributes,
                         const char *x, const char *y);

/* Not collective, for onnx. y = x with channels first; an input without a channel axis gets one. */
void as_window_onnx_input(const as_layer *layer, as_onnx *model, int axes, const char *x, const char *stem,
                          const char *y);

/* Not collective, for plan. The spatial axes and channels of input 0 into in and cin of *c; unused axes get extent 1
   and the neutral kernel. Errors: CONFIG. */
as_status as_window_input(const as_layer *layer, int axes, as_conv *c);

/* Not collective, for plan. One number for all axes, or one for each, into the last `axes` of out. Errors: CONFIG
   naming the option. */
as_status as_window_read(const as_layer *layer, int axes, const as_ints *given, const char *option,
                         int64_t out[AS_AXES]);

/* Not collective, for plan. Reads `same`, `valid` or numbers; sets low and out of *c from in, kernel, stride, dilation.
   same: out = ceil(in / stride), half of the padding on each side, the odd one behind. Errors: CONFIG. */
as_status as_window_pad(const as_layer *layer, int axes, const as_texts *padding, as_conv *c);

/* The shape of extents (the last `axes` of them) and channels. */
as_shape as_window_shape(int axes, const int64_t extent[AS_AXES], int64_t channels);

#endif
