/* Chooses the table of layers of a variant; checks that plans of several layers share. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "kernels/variant.h"
#include "nn/layer.h"
#include "nn/layer_activation.h"

AS_VARIANT_TABLE(as_layer_ops, as_layers)
AS_VARIANT_DECLARE(as_layer_ops, as_layer_activation)

const as_layer_ops *as_layer_activation_get(const as_kernels *kernels)
{
    return AS_VARIANT_PICK(as_layer_ops, as_layer_activation, kernels);
}

as_status as_layer_same_shapes(const as_layer *layer)
{
    for (int k = 1; k < layer->ninputs; k++) {
        const as_shape *first = &layer->in[0], *shape = &layer->in[k];
        if (shape->rank != first->rank ||
            memcmp(shape->dim, first->dim, (size_t)first->rank * sizeof first->dim[0]) != 0) {
            char found[64], expected[64];
            AS_FAIL(AS_CONFIG, "%s: layer %s: input %d has shape %s, expected %s as the first input",
                    as_node_place(layer->node), layer->name, k + 1, as_shape_text(shape, found, sizeof found),
                    as_shape_text(first, expected, sizeof expected));
        }
    }
    return AS_OK;
}

as_status as_layer_axis(const as_layer *layer, int64_t axis, int *out)
{
    const int rank = layer->in[0].rank;
    if (axis < -rank || axis >= rank) {
        char found[64];
        AS_FAIL(AS_CONFIG, "%s: layer %s: axis %lld: the input has shape %s, whose axes are 0 to %d",
                as_node_place(layer->node), layer->name, (long long)axis,
                as_shape_text(&layer->in[0], found, sizeof found), rank - 1);
    }
    *out = (int)(axis < 0 ? axis + rank : axis);
    return AS_OK;
}

static void copy_rows(int64_t rows, size_t bytes, size_t real_bytes, const void *from, int64_t ldfrom, void *to,
                      int64_t ldto)
{
    for (int64_t r = 0; r < rows; r++) {
        memcpy((char *)to + (size_t)(r * ldto) * real_bytes, (const char *)from + (size_t)(r * ldfrom) * real_bytes,
               bytes);
    }
}

void as_layer_copy_forward(const as_layer *layer, const as_pass *pass)
{
    const size_t real_bytes = pass->kernels->real_bytes;
    copy_rows(pass->rows, (size_t)layer->in_size[0] * real_bytes, real_bytes, pass->x[0], pass->ldx[0], pass->y,
              pass->ldy);
}

void as_layer_copy_backward(const as_layer *layer, const as_pass *pass)
{
    const size_t real_bytes = pass->kernels->real_bytes;
    if (pass->dx[0] != NULL) {
        copy_rows(pass->rows, (size_t)layer->in_size[0] * real_bytes, real_bytes, pass->dy, pass->ldy, pass->dx[0],
                  pass->ldx[0]);
    }
}

as_status as_layer_onnx_identity(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                                 const void *const *param)
{
    (void)layer;
    (void)param;
    as_onnx_node(model, "Identity", (const char *const[]){x[0], NULL}, y, NULL);
    return AS_OK;
}

as_status as_layer_onnx_shape(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                              const void *const *param)
{
    (void)param;
    as_layer_onnx_reshape(model, x[0], y, y, &layer->out);
    return AS_OK;
}

void as_layer_onnx_fold(const as_layer *layer, as_onnx *model, const char *op, const char *const *x, const char *y)
{
    char partial[2][AS_ONNX_NAME_MAX];
    const char *left = x[0];
    for (int k = 1; k < layer->ninputs; k++) {
        char suffix[32];
        snprintf(suffix, sizeof suffix, "upto_%d", k);
        const char *to = k + 1 < layer->ninputs ? as_onnx_name(y, suffix, partial[k % 2]) : y;
        as_onnx_node(model, op, (const char *const[]){left, x[k], NULL}, to, NULL);
        left = to;
    }
}

void as_layer_onnx_reshape(as_onnx *model, const char *x, const char *y, const char *stem, const as_shape *shape)
{
    char name[AS_ONNX_NAME_MAX];
    int64_t extents[AS_SHAPE_MAX + 1] = {0}; /* 0: as the input's, the batch */
    for (int a = 0; a < shape->rank; a++) {
        extents[a + 1] = shape->dim[a];
    }
    as_onnx_integers(model, as_onnx_name(stem, "shape", name), shape->rank + 1, extents);
    as_onnx_node(model, "Reshape", (const char *const[]){x, name, NULL}, y, NULL);
}

void as_layer_onnx_matrix(const as_layer *layer, as_onnx *model, int q, const void *param, const char *name)
{
    const int64_t *dim = layer->param[q].shape.dim;
    if (!layer->param[q].transposed) {
        as_onnx_reals(model, name, 2, dim, param);
        return;
    }
    char stored[AS_ONNX_NAME_MAX];
    const as_onnx_attribute attributes[] = {{.name = "perm", .n = 2, .list = {1, 0}}, {.name = NULL}};
    as_onnx_reals(model, as_onnx_name(name, "stored", stored), 2, (const int64_t[]){dim[1], dim[0]}, param);
    as_onnx_node(model, "Transpose", (const char *const[]){stored, NULL}, name, attributes);
}

void as_layer_onnx_channels(as_onnx *model, const char *x, const char *y, int axes, bool back)
{
    as_onnx_attribute attributes[] = {{.name = "perm", .n = axes + 2}, {.name = NULL}};
    for (int a = 0; a < axes; a++) {
        attributes[0].list[back ? a + 1 : a + 2] = back ? a + 2 : a + 1;
    }
    attributes[0].list[back ? axes + 1 : 1] = back ? 1 : axes + 1;
    as_onnx_node(model, "Transpose", (const char *const[]){x, NULL}, y, attributes);
}
