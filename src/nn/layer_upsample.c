/* Layer upsample: each input `factor` times along each axis but the last (channels): nearest neighbour. Backward sums
   what the copies give. Cost: one pass over y forward, one over dy backward. */
#include "base/error.h"
#include "kernels/real.h"
#include "nn/convolution.h"

typedef struct upsample_options {
    as_ints factor;
    as_conv window; /* from the output to the input: windows of `factor` that tile */
} upsample_options;

static const as_field fields[] = {{.name = "factor",
                                   .type = AS_FIELD_INTS,
                                   .offset = offsetof(upsample_options, factor),
                                   .standard = "2",
                                   .min = 1,
                                   .max = 1e6,
                                   .help = "Copies of each input: one number, or one for each axis."},
                                  AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document, (void)kernels;
    upsample_options *o = layer->options;
    as_conv *c = &o->window;
    const int axes = layer->in[0].rank - 1;
    AS_TRY(as_window_input(layer, axes, c));
    AS_TRY(as_window_read(layer, axes, &o->factor, "factor", c->kernel));
    for (int a = 0; a < AS_AXES; a++) {
        c->stride[a] = c->kernel[a];
        c->out[a] = c->in[a];
        c->in[a] = c->out[a] * c->kernel[a];
    }
    c->cout = c->groups = c->cin;
    layer->out = as_window_shape(axes, c->in, c->cin);
    if (as_shape_size(&layer->out) < 0 || as_shape_size(&layer->out) > INT64_C(1) << 40) {
        char text[128];
        AS_FAIL(AS_CONFIG, "%s: layer %s: expected an output of no more than 2^40 elements, found %s",
                as_node_place(layer->node), layer->name, as_shape_text(&layer->out, text, sizeof text));
    }
    return AS_OK;
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const upsample_options *o = layer->options;
    pass->kernels->conv->pool_sum_back(&o->window, AS_POOL_SUM, pass->rows, pass->x[0], pass->ldx[0], pass->y,
                                       pass->ldy);
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    const upsample_options *o = layer->options;
    if (pass->dx[0] != NULL) {
        pass->kernels->conv->pool_sum(&o->window, AS_POOL_SUM, pass->rows, pass->dy, pass->ldy, pass->dx[0],
                                      pass->ldx[0]);
    }
}

/* An axis of extent 1 behind each spatial one, copied as often as the factor says. */
static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    (void)param;
    const int axes = layer->out.rank - 1;
    int64_t apart[2 * AS_SHAPE_MAX + 2] = {0}, copies[2 * AS_SHAPE_MAX + 2];
    char shape[AS_ONNX_NAME_MAX], cut[AS_ONNX_NAME_MAX], times[AS_ONNX_NAME_MAX], copied[AS_ONNX_NAME_MAX];
    for (int a = 0; a < 2 * axes + 2; a++) {
        copies[a] = 1;
    }
    for (int a = 0; a < axes; a++) {
        apart[1 + 2 * a] = layer->in[0].dim[a];
        apart[2 + 2 * a] = 1;
        copies[2 + 2 * a] = layer->out.dim[a] / layer->in[0].dim[a];
    }
    apart[2 * axes + 1] = layer->out.dim[axes];
    as_onnx_integers(model, as_onnx_name(y, "apart", shape), 2 * axes + 2, apart);
    as_onnx_integers(model, as_onnx_name(y, "times", times), 2 * axes + 2, copies);
    as_onnx_node(model, "Reshape", (const char *const[]){x[0], shape, NULL}, as_onnx_name(y, "cut", cut), NULL);
    as_onnx_node(model, "Tile", (const char *const[]){cut, times, NULL}, as_onnx_name(y, "copied", copied), NULL);
    as_layer_onnx_reshape(model, copied, y, y, &layer->out);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_upsample) = {
    .name = "upsample",
    .help = "Copies each input along all axes but the last (channels): nearest neighbour.",
    .formula = "y[o][c] = x[floor(o / factor)][c]",
    .fields = fields,
    .options_bytes = sizeof(upsample_options),
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .onnx = onnx,
};
