/* Layer slice: `size` consecutive entries of an axis, from `start`. Seen as (outer, axis, inner), a row gives `outer`
   pieces of size x inner reals. Backward puts zeros around them. Cost: one copy each way. */
#include <string.h>

#include "base/error.h"
#include "kernels/real.h"
#include "nn/layer.h"

typedef struct slice_options {
    int64_t start, size, axis;
    int64_t outer, skip; /* pieces of a row; reals before each */
} slice_options;

static const as_field fields[] = {{.name = "start",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(slice_options, start),
                                   .standard = "0",
                                   .min = 0,
                                   .max = 1e12,
                                   .help = "First entry that is taken, from 0."},
                                  {.name = "size",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(slice_options, size),
                                   .standard = "0",
                                   .min = 0,
                                   .max = 1e12,
                                   .help = "How many entries are taken; 0: all from start on."},
                                  {.name = "axis",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(slice_options, axis),
                                   .standard = "-1",
                                   .min = -AS_SHAPE_MAX,
                                   .max = AS_SHAPE_MAX - 1,
                                   .help = "Axis of a sample that is cut; negative counts from the end."},
                                  AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    slice_options *options = layer->options;
    int axis = 0;
    AS_TRY(as_layer_axis(layer, options->axis, &axis));
    const int64_t have = layer->in[0].dim[axis];
    const int64_t size = options->size > 0 ? options->size : have - options->start;
    if (size < 1 || options->start + size > have) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: expected entries within axis %d of %lld, found %lld from %lld",
                as_node_place(layer->node), layer->name, axis, (long long)have, (long long)size,
                (long long)options->start);
    }
    options->outer = 1;
    for (int a = 0; a < axis; a++) {
        options->outer *= layer->in[0].dim[a];
    }
    options->skip = layer->in_size[0] / options->outer / have * options->start;
    layer->out = layer->in[0];
    layer->out.dim[axis] = size;
    return AS_OK;
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const slice_options *options = layer->options;
    const int64_t whole = layer->in_size[0] / options->outer, piece = layer->out_size / options->outer;
    for (int64_t r = 0; r < pass->rows; r++) {
        const real *x = (const real *)pass->x[0] + r * pass->ldx[0] + options->skip;
        real *y = (real *)pass->y + r * pass->ldy;
        for (int64_t i = 0; i < options->outer; i++) {
            memcpy(y + i * piece, x + i * whole, (size_t)piece * sizeof(real));
        }
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    const slice_options *options = layer->options;
    const int64_t whole = layer->in_size[0] / options->outer, piece = layer->out_size / options->outer;
    for (int64_t r = 0; r < pass->rows && pass->dx[0] != NULL; r++) {
        const real *dy = (const real *)pass->dy + r * pass->ldy;
        real *dx = (real *)pass->dx[0] + r * pass->ldx[0];
        memset(dx, 0, (size_t)layer->in_size[0] * sizeof(real));
        for (int64_t i = 0; i < options->outer; i++) {
            memcpy(dx + i * whole + options->skip, dy + i * piece, (size_t)piece * sizeof(real));
        }
    }
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    (void)param;
    const slice_options *options = layer->options;
    int axis = 0;
    AS_TRY(as_layer_axis(layer, options->axis, &axis));
    char first[AS_ONNX_NAME_MAX], last[AS_ONNX_NAME_MAX], axes[AS_ONNX_NAME_MAX];
    as_onnx_integers(model, as_onnx_name(y, "first", first), 1, &options->start);
    as_onnx_integers(model, as_onnx_name(y, "last", last), 1, &(int64_t){options->start + layer->out.dim[axis]});
    as_onnx_integers(model, as_onnx_name(y, "axes", axes), 1, &(int64_t){axis + 1});
    as_onnx_node(model, "Slice", (const char *const[]){x[0], first, last, axes, NULL}, y, NULL);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_slice) = {
    .name = "slice",
    .help = "Takes consecutive entries of an axis.",
    .formula = "y = x[start .. start + size) along axis",
    .fields = fields,
    .options_bytes = sizeof(slice_options),
    .plan = plan,
    .each_position = true,
    .forward = forward,
    .backward = backward,
    .onnx = onnx,
};
