/* Layer reshape: the same numbers, in row-major order, under another shape. Cost: one copy each way. */
#include "base/error.h"
#include "kernels/real.h"
#include "nn/layer.h"

typedef struct reshape_options {
    as_ints shape;
} reshape_options;

static const as_field fields[] = {{.name = "shape",
                                   .type = AS_FIELD_INTS,
                                   .offset = offsetof(reshape_options, shape),
                                   .min = -1,
                                   .max = 1e12,
                                   .help = "Extents of a sample; one of them may be -1, which is what remains."},
                                  AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    const as_ints *shape = &((const reshape_options *)layer->options)->shape;
    int64_t known = 1;
    int open = -1;
    if (shape->n < 1 || shape->n > AS_SHAPE_MAX) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: expected 1 to %d extents, found %lld", as_node_place(layer->node),
                layer->name, (int)AS_SHAPE_MAX, (long long)shape->n);
    }
    layer->out.rank = (int)shape->n;
    for (int a = 0; a < (int)shape->n; a++) {
        const int64_t extent = shape->v[a];
        if (extent == 0 || (extent < 0 && open >= 0) || known > (INT64_C(1) << 40)) {
            AS_FAIL(AS_CONFIG, "%s: layer %s: expected positive extents and at most one -1", as_node_place(layer->node),
                    layer->name);
        }
        open = extent < 0 ? a : open;
        known *= extent < 0 ? 1 : extent;
        layer->out.dim[a] = extent;
    }
    if (open >= 0) {
        layer->out.dim[open] = layer->in_size[0] / known;
    }
    if (as_shape_size(&layer->out) != layer->in_size[0]) {
        char found[64], given[64];
        AS_FAIL(AS_CONFIG, "%s: layer %s: an input of shape %s has %lld numbers, which do not fill the shape %s",
                as_node_place(layer->node), layer->name, as_shape_text(&layer->in[0], found, sizeof found),
                (long long)layer->in_size[0], as_shape_text(&layer->out, given, sizeof given));
    }
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_reshape) = {
    .name = "reshape",
    .help = "Gives the numbers of a sample another shape, in row-major order.",
    .formula = "y = x under another shape",
    .fields = fields,
    .options_bytes = sizeof(reshape_options),
    .plan = plan,
    .forward = as_layer_copy_forward,
    .backward = as_layer_copy_backward,
    .onnx = as_layer_onnx_shape,
};
