/* Windows over spatial axes, as options give them: extents, strides, padding. */
#include <string.h>

#include "base/error.h"
#include "nn/convolution.h"

as_status as_window_input(const as_layer *layer, int axes, as_conv *c)
{
    const as_shape *in = &layer->in[0];
    char text[128];
    if (axes < 1 || axes > AS_AXES) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: expected an input of 1 to 3 spatial axes and channels last, found %s",
                as_node_place(layer->node), layer->name, as_shape_text(in, text, sizeof text));
    }
    if ((in->rank != axes && in->rank != axes + 1) || layer->in_size[0] < 1) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: expected an input of %d spatial axes and channels last, found %s",
                as_node_place(layer->node), layer->name, axes, as_shape_text(in, text, sizeof text));
    }
    c->cin = in->rank == axes ? 1 : in->dim[axes];
    c->groups = 1;
    for (int a = 0; a < AS_AXES; a++) {
        const int own = a - (AS_AXES - axes);
        c->in[a] = own < 0 ? 1 : in->dim[own];
        c->out[a] = c->kernel[a] = c->stride[a] = c->dilation[a] = 1;
        c->low[a] = 0;
    }
    return AS_OK;
}

as_status as_window_read(const as_layer *layer, int axes, const as_ints *given, const char *option,
                         int64_t out[AS_AXES])
{
    if (given->n != 1 && given->n != axes) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: %s: expected one number or %d, found %lld", as_node_place(layer->node),
                layer->name, option, axes, (long long)given->n);
    }
    for (int a = 0; a < axes; a++) {
        out[AS_AXES - axes + a] = given->v[given->n == 1 ? 0 : a];
    }
    return AS_OK;
}

static as_status pad_axis(const as_layer *layer, int axis, const char *padding, as_conv *c)
{
    const int64_t in = c->in[axis], stride = c->stride[axis], extent = c->dilation[axis] * (c->kernel[axis] - 1) + 1;
    int64_t low = 0, high = 0;
    if (strcmp(padding, "same") == 0) {
        const int64_t out = (in + stride - 1) / stride, all = (out - 1) * stride + extent - in;
        low = all > 0 ? all / 2 : 0;
        high = all > 0 ? all - low : 0;
    } else if (strcmp(padding, "valid") != 0) {
        if (!as_text_to_int(padding, &low) || low < 0 || low > INT64_C(1) << 30) {
            AS_FAIL(AS_CONFIG, "%s: layer %s: padding: expected same, valid or a number from 0 to 2^30, found %s",
                    as_node_place(layer->node), layer->name, padding);
        }
        high = low;
    }
    c->low[axis] = low;
    c->out[axis] = as_conv_extent(in, c->kernel[axis], stride, c->dilation[axis], low, high);
    if (c->out[axis] < 1) {
        AS_FAIL(AS_CONFIG,
                "%s: layer %s: expected a kernel that fits its input, found one that spans %lld over %lld with padding "
                "%lld",
                as_node_place(layer->node), layer->name, (long long)extent, (long long)in, (long long)(low + high));
    }
    return AS_OK;
}

as_status as_window_pad(const as_layer *layer, int axes, const as_texts *padding, as_conv *c)
{
    if (padding->n != 1 && padding->n != axes) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: padding: expected one entry or %d, found %lld", as_node_place(layer->node),
                layer->name, axes, (long long)padding->n);
    }
    for (int a = 0; a < axes; a++) {
        AS_TRY(pad_axis(layer, AS_AXES - axes + a, padding->v[padding->n == 1 ? 0 : a], c));
    }
    return AS_OK;
}

as_shape as_window_shape(int axes, const int64_t extent[AS_AXES], int64_t channels)
{
    as_shape shape = {.rank = axes + 1};
    for (int a = 0; a < axes; a++) {
        shape.dim[a] = extent[AS_AXES - axes + a];
    }
    shape.dim[axes] = channels;
    return shape;
}
