/* The windows of max_pool and avg_pool. */
#include "nn/pooling.h"
#include "base/error.h"

as_status as_pooling_plan(as_layer *layer)
{
    as_pooling *o = layer->options;
    as_conv *c = &o->window;
    const int axes = layer->in[0].rank - 1;
    AS_TRY(as_window_input(layer, axes, c));
    AS_TRY(as_window_read(layer, axes, &o->size, "size", c->kernel));
    AS_TRY(as_window_read(layer, axes, &o->stride, "stride", c->stride));
    for (int a = 0; a < AS_AXES; a++) {
        c->stride[a] = c->stride[a] == 0 ? c->kernel[a] : c->stride[a];
    }
    AS_TRY(as_window_pad(layer, axes, &o->padding, c));
    for (int a = 0; a < AS_AXES; a++) {
        if (c->low[a] >= c->kernel[a]) {
            AS_FAIL(AS_CONFIG, "%s: layer %s: padding: expected less than the size %lld, found %lld",
                    as_node_place(layer->node), layer->name, (long long)c->kernel[a], (long long)c->low[a]);
        }
    }
    c->cout = c->groups = c->cin;
    layer->out = as_window_shape(axes, c->out, c->cin);
    layer->forgets_x = true;
    return AS_OK;
}
