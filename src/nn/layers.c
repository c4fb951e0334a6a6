/* Chooses the table of layers of a variant; checks that plans of several layers share. */
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
