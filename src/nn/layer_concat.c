/* Layer concat: its inputs one after the other along an axis; the other axes agree. Seen as (outer, axis, inner), a row
   is `outer` pieces of axis x inner reals of each input in turn. Cost: one copy each way. */
#include <string.h>

#include "base/error.h"
#include "kernels/real.h"
#include "nn/layer.h"

typedef struct concat_options {
    int64_t axis;
    int64_t outer;
} concat_options;

static const as_field fields[] = {
    {.name = "axis",
     .type = AS_FIELD_INT,
     .offset = offsetof(concat_options, axis),
     .standard = "-1",
     .min = -AS_SHAPE_MAX,
     .max = AS_SHAPE_MAX - 1,
     .help = "Axis of a sample along which they are joined; negative counts from the end."},
    AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    concat_options *options = layer->options;
    int axis = 0;
    AS_TRY(as_layer_axis(layer, options->axis, &axis));
    layer->out = layer->in[0];
    for (int k = 1; k < layer->ninputs; k++) {
        as_shape like = layer->in[0];
        like.dim[axis] = layer->in[k].rank == like.rank ? layer->in[k].dim[axis] : like.dim[axis];
        char found[64], expected[64];
        if (layer->in[k].rank != like.rank ||
            memcmp(like.dim, layer->in[k].dim, (size_t)like.rank * sizeof like.dim[0]) != 0) {
            AS_FAIL(AS_CONFIG, "%s: layer %s: input %d has shape %s, expected %s but for axis %d, as the first input",
                    as_node_place(layer->node), layer->name, k + 1, as_shape_text(&layer->in[k], found, sizeof found),
                    as_shape_text(&layer->in[0], expected, sizeof expected), axis);
        }
        layer->out.dim[axis] += layer->in[k].dim[axis];
    }
    options->outer = 1;
    for (int a = 0; a < axis; a++) {
        options->outer *= layer->in[0].dim[a];
    }
    return AS_OK;
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const int64_t outer = ((const concat_options *)layer->options)->outer, whole = layer->out_size / outer;
    int64_t place = 0;
    for (int k = 0; k < layer->ninputs; k++) {
        const int64_t piece = layer->in_size[k] / outer;
        for (int64_t r = 0; r < pass->rows; r++) {
            const real *x = (const real *)pass->x[k] + r * pass->ldx[k];
            real *y = (real *)pass->y + r * pass->ldy + place;
            for (int64_t i = 0; i < outer; i++) {
                memcpy(y + i * whole, x + i * piece, (size_t)piece * sizeof(real));
            }
        }
        place += piece;
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    const int64_t outer = ((const concat_options *)layer->options)->outer, whole = layer->out_size / outer;
    int64_t place = 0;
    for (int k = 0; k < layer->ninputs; k++) {
        const int64_t piece = layer->in_size[k] / outer;
        for (int64_t r = 0; r < pass->rows && pass->dx[k] != NULL; r++) {
            const real *dy = (const real *)pass->dy + r * pass->ldy + place;
            real *dx = (real *)pass->dx[k] + r * pass->ldx[k];
            for (int64_t i = 0; i < outer; i++) {
                memcpy(dx + i * piece, dy + i * whole, (size_t)piece * sizeof(real));
            }
        }
        place += piece;
    }
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    (void)param;
    const char *inputs[AS_INPUTS_MAX + 1] = {NULL};
    int axis = 0;
    AS_TRY(as_layer_axis(layer, ((const concat_options *)layer->options)->axis, &axis));
    for (int k = 0; k < layer->ninputs; k++) {
        inputs[k] = x[k];
    }
    const as_onnx_attribute attributes[] = {{.name = "axis", .integer = axis + 1}, {.name = NULL}};
    as_onnx_node(model, "Concat", inputs, y, attributes);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_concat) = {
    .name = "concat",
    .help = "Joins outputs along an axis; the other axes agree.",
    .formula = "y = [x_1, x_2, ...] along axis",
    .fields = fields,
    .options_bytes = sizeof(concat_options),
    .min_inputs = 2,
    .max_inputs = AS_INPUTS_MAX,
    .plan = plan,
    .each_position = true,
    .forward = forward,
    .backward = backward,
    .onnx = onnx,
};
