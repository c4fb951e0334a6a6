/* Convolutions and transposed convolutions as layers. A transposed convolution is the input gradient of the convolution
   `geometry`, from the layer's input (its outputs) to the layer's output (its inputs); so forward and backward of the
   kernels change places. Nothing here depends on the variant. */
#include <string.h>

#include "base/error.h"
#include "nn/convolution.h"
#include "nn/init.h"

#define COMMON_FIELDS                                                                                                  \
    {.name = "channels",                                                                                               \
     .type = AS_FIELD_INT,                                                                                             \
     .offset = offsetof(as_convolution, channels),                                                                     \
     .min = 1,                                                                                                         \
     .max = 1e7,                                                                                                       \
     .help = "Channels of the output."},                                                                               \
        {.name = "kernel",                                                                                             \
         .type = AS_FIELD_INTS,                                                                                        \
         .offset = offsetof(as_convolution, kernel),                                                                   \
         .standard = "3",                                                                                              \
         .min = 1,                                                                                                     \
         .max = 1e6,                                                                                                   \
         .help = "Extent of the kernel: one number, or one for each axis."},                                           \
        {.name = "stride",                                                                                             \
         .type = AS_FIELD_INTS,                                                                                        \
         .offset = offsetof(as_convolution, stride),                                                                   \
         .standard = "1",                                                                                              \
         .min = 1,                                                                                                     \
         .max = 1e6,                                                                                                   \
         .help = "Steps between neighbouring windows: one number, or one for each axis."},                             \
        {.name = "padding",                                                                                            \
         .type = AS_FIELD_TEXTS,                                                                                       \
         .offset = offsetof(as_convolution, padding),                                                                  \
         .standard = "same",                                                                                           \
         .help = PADDING_HELP},                                                                                        \
        {.name = "dilation",                                                                                           \
         .type = AS_FIELD_INTS,                                                                                        \
         .offset = offsetof(as_convolution, dilation),                                                                 \
         .standard = "1",                                                                                              \
         .min = 1,                                                                                                     \
         .max = 1e6,                                                                                                   \
         .help = "Distance of neighbouring taps: one number, or one for each axis."},                                  \
        {.name = "groups",                                                                                             \
         .type = AS_FIELD_INT,                                                                                         \
         .offset = offsetof(as_convolution, groups),                                                                   \
         .standard = "1",                                                                                              \
         .min = 1,                                                                                                     \
         .max = 1e7,                                                                                                   \
         .help = "Parts of the channels that do not see each other; as many as input channels: depthwise."},           \
        {.name = "activation",                                                                                         \
         .type = AS_FIELD_NODE,                                                                                        \
         .offset = offsetof(as_convolution, activation),                                                               \
         .standard = "",                                                                                               \
         .help = "Elementwise function of the output: a name, or {name: {options}}; none by default."},                \
        {.name = "init",                                                                                               \
         .type = AS_FIELD_CHOICE,                                                                                      \
         .offset = offsetof(as_convolution, init),                                                                     \
         .standard = "auto",                                                                                           \
         .choices = as_init_choices,                                                                                   \
         .help = "How the weight starts; auto: he before relu, leaky_relu, elu, silu and gelu, glorot otherwise."},    \
        {.name = "init_scale",                                                                                         \
         .type = AS_FIELD_REAL,                                                                                        \
         .offset = offsetof(as_convolution, init_scale),                                                               \
         .standard = "0",                                                                                              \
         .min = 0,                                                                                                     \
         .max = 1e6,                                                                                                   \
         .help = "Standard deviation of normal, half-width of uniform (0: 0.05 for both); a factor on the others "     \
                 "(0: 1)."},                                                                                           \
    {                                                                                                                  \
        .name = "bias", .type = AS_FIELD_BOOL, .offset = offsetof(as_convolution, bias), .standard = "true",           \
        .help = "Adds a bias to each channel, which starts at 0."                                                      \
    }

#define PADDING_HELP                                                                                                   \
    "Zeros around the input: same (output = input / stride, rounded up), valid (none), or how many on each side; one " \
    "entry, or one for each axis."
const as_field as_convolution_fields[] = {COMMON_FIELDS, AS_FIELDS_END};
#undef PADDING_HELP
#define PADDING_HELP                                                                                                   \
    "What is cut off the output: same (output = input * stride), valid (nothing), or how many on each side; one "      \
    "entry, or one for each axis."
const as_field as_convolution_transpose_fields[] = {
    COMMON_FIELDS,
    {.name = "extra",
     .type = AS_FIELD_INTS,
     .offset = offsetof(as_convolution, extra),
     .standard = "0",
     .min = 0,
     .max = 1e6,
     .help = "Added to the end of the output where padding is not same: one number, or one for each axis."},
    AS_FIELDS_END};

/* Extents of a transposed convolution's output, which is the input of the geometry. c->out is given. */
static as_status grow(const as_layer *layer, const as_convolution *o, int axes, as_conv *c)
{
    int64_t extra[AS_AXES] = {0};
    AS_TRY(as_window_read(layer, axes, &o->extra, "extra", extra));
    if (o->padding.n != 1 && o->padding.n != axes) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: padding: expected one entry or %d, found %lld", as_node_place(layer->node),
                layer->name, axes, (long long)o->padding.n);
    }
    for (int a = AS_AXES - axes; a < AS_AXES; a++) {
        const char *padding = o->padding.v[o->padding.n == 1 ? 0 : a - (AS_AXES - axes)];
        const int64_t extent = c->dilation[a] * (c->kernel[a] - 1) + 1, all = (c->out[a] - 1) * c->stride[a] + extent;
        int64_t cut = 0;
        if (strcmp(padding, "same") == 0) {
            c->in[a] = c->out[a] * c->stride[a];
            c->low[a] = extent > c->stride[a] ? (extent - c->stride[a]) / 2 : 0;
            continue;
        }
        if (strcmp(padding, "valid") != 0 && (!as_text_to_int(padding, &cut) || cut < 0 || cut > INT64_C(1) << 30)) {
            AS_FAIL(AS_CONFIG, "%s: layer %s: padding: expected same, valid or a number from 0 to 2^30, found %s",
                    as_node_place(layer->node), layer->name, padding);
        }
        c->low[a] = cut;
        c->in[a] = all - 2 * cut + extra[a];
        if (c->in[a] < 1 || extra[a] >= (c->stride[a] > c->dilation[a] ? c->stride[a] : c->dilation[a])) {
            AS_FAIL(AS_CONFIG,
                    "%s: layer %s: expected padding below %lld and extra below stride or dilation, found %lld and %lld",
                    as_node_place(layer->node), layer->name, (long long)(all / 2), (long long)cut, (long long)extra[a]);
        }
    }
    return AS_OK;
}

static as_status plan_geometry(as_layer *layer, as_convolution *o, int axes)
{
    as_conv *c = &o->geometry;
    AS_TRY(as_window_input(layer, axes, c));
    AS_TRY(as_window_read(layer, axes, &o->kernel, "kernel", c->kernel));
    AS_TRY(as_window_read(layer, axes, &o->stride, "stride", c->stride));
    AS_TRY(as_window_read(layer, axes, &o->dilation, "dilation", c->dilation));
    const int64_t channels = c->cin;
    if (channels % o->groups != 0 || o->channels % o->groups != 0) {
        AS_FAIL(
            AS_CONFIG, "%s: layer %s: groups: expected a divisor of %lld input and %lld output channels, found %lld",
            as_node_place(layer->node), layer->name, (long long)channels, (long long)o->channels, (long long)o->groups);
    }
    double weights = (double)channels / (double)o->groups * (double)o->channels;
    for (int a = 0; a < AS_AXES; a++) {
        weights *= (double)c->kernel[a];
    }
    if (weights > 0x1p40) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: expected a weight of no more than 2^40 elements, found %.3g",
                as_node_place(layer->node), layer->name, weights);
    }
    c->groups = o->groups;
    if (o->transposed) {
        memcpy(c->out, c->in, sizeof c->out);
        c->cout = channels;
        c->cin = o->channels;
        AS_TRY(grow(layer, o, axes, c));
        layer->out = as_window_shape(axes, c->in, c->cin);
    } else {
        c->cout = o->channels;
        AS_TRY(as_window_pad(layer, axes, &o->padding, c));
        layer->out = as_window_shape(axes, c->out, c->cout);
    }
    if (as_shape_size(&layer->out) < 0 || as_shape_size(&layer->out) > INT64_C(1) << 40) {
        char text[128];
        AS_FAIL(AS_CONFIG, "%s: layer %s: expected an output of no more than 2^40 elements, found %s",
                as_node_place(layer->node), layer->name, as_shape_text(&layer->out, text, sizeof text));
    }
    return AS_OK;
}

as_status as_convolution_plan(as_layer *layer, as_document *document, const as_kernels *kernels, int axes,
                              bool transposed)
{
    as_convolution *o = layer->options;
    o->transposed = transposed;
    axes = axes == 0 ? layer->in[0].rank - 1 : axes;
    AS_TRY(plan_geometry(layer, o, axes));
    char path[AS_NAME_MAX + 16] = "";
    memcpy(path, layer->name, strlen(layer->name) + 1);
    memcpy(path + strlen(path), ".activation", sizeof ".activation");
    AS_TRY(as_nonlinearity_parse(document, o->activation, kernels, path, &o->f));
    o->relu = o->f.ops != NULL && strcmp(o->f.ops->name, "relu") == 0;
    if (o->init == 0) {
        const bool halves = o->f.ops != NULL && o->f.ops->halves;
        o->init = (int)(halves ? AS_INIT_HE : AS_INIT_GLOROT) + 1;
    }
    const as_conv *c = &o->geometry;
    const int64_t taps = as_pixels(c->kernel), in = transposed ? c->cout : c->cin, out = o->channels;
    layer->saved = o->f.ops != NULL && o->f.ops->needs_input ? as_shape_size(&layer->out) : 0;
    layer->forgets_y = o->f.ops == NULL;
    layer->nparams = o->bias ? 2 : 1;
    layer->param[0] = (as_param){.name = "weight",
                                 .shape = as_window_shape(axes, c->kernel, c->cin / c->groups),
                                 .init = (as_init)(o->init - 1),
                                 .init_scale = o->init_scale,
                                 .fan_in = taps * (in / o->groups),
                                 .fan_out = taps * (out / o->groups),
                                 .decay = true,
                                 .torch_axes = axes == 1   ? "210"
                                               : axes == 2 ? "3201"
                                                           : "43012"};
    layer->param[0].shape.dim[layer->param[0].shape.rank++] = c->cout;
    layer->param[1] = (as_param){.name = "bias",
                                 .shape = {.rank = 1, .dim = {out}},
                                 .init = AS_INIT_ZEROS,
                                 .fan_in = taps * (in / o->groups),
                                 .fan_out = out};
    return AS_OK;
}

/* Both packed forms lie one after the other, each on a cache line. */
static int64_t packed_first(const as_convolution *o, const as_kernels *kernels)
{
    return (kernels->conv->pack_reals(&o->geometry, o->transposed) + 15) / 16 * 16;
}

int64_t as_convolution_packed_reals(const as_layer *layer, const as_kernels *kernels, int q)
{
    const as_convolution *o = layer->options;
    if (q != 0) {
        return 0;
    }
    return packed_first(o, kernels) + (layer->wants_dx ? kernels->conv->pack_reals(&o->geometry, !o->transposed) : 0);
}

static void *packed_second(const as_convolution *o, const as_kernels *kernels, const void *packed)
{
    return (char *)(uintptr_t)packed + (size_t)packed_first(o, kernels) * kernels->real_bytes;
}

void as_convolution_pack(const as_layer *layer, const as_kernels *kernels, int q, const void *param, int64_t first,
                         int64_t count, void *packed)
{
    const as_convolution *o = layer->options;
    (void)q;
    void *const second = layer->wants_dx ? packed_second(o, kernels, packed) : NULL;
    kernels->conv->pack(&o->geometry, param, first, count, o->transposed ? second : packed,
                        o->transposed ? packed : second);
}

void as_convolution_forward(const as_layer *layer, const as_pass *pass)
{
    const as_convolution *o = layer->options;
    const as_conv_kernels *conv = pass->kernels->conv;
    const bool keep = layer->saved > 0;
    void *z = keep ? pass->saved : pass->y;
    const int64_t ldz = keep ? pass->lds : pass->ldy;
    (o->transposed ? conv->backward : conv->forward)(&o->geometry, pass->rows, pass->x[0], pass->ldx[0],
                                                     pass->packed[0], o->bias ? pass->param[1] : NULL, o->relu, z, ldz);
    if (keep) {
        as_nonlinearity_forward_slope(&o->f, pass->kernels, pass->rows, layer->out_size, z, ldz, pass->y, pass->ldy);
    } else if (o->f.ops != NULL && !o->relu) {
        as_nonlinearity_forward(&o->f, pass->kernels, pass->rows, layer->out_size, z, ldz, pass->y, pass->ldy);
    }
}

void as_convolution_backward(const as_layer *layer, const as_pass *pass)
{
    const as_convolution *o = layer->options;
    const as_conv_kernels *conv = pass->kernels->conv;
    if (layer->saved > 0) {
        as_nonlinearity_backward_slope(pass->kernels, pass->rows, layer->out_size, pass->saved, pass->lds, pass->dy,
                                       pass->ldy);
    } else if (o->f.ops != NULL && !layer->relu_held) {
        as_nonlinearity_backward(&o->f, pass->kernels, pass->rows, layer->out_size, NULL, 0, pass->y, pass->ldy,
                                 pass->dy);
    }
    if (pass->dx[0] != NULL) {
        (o->transposed ? conv->forward : conv->backward)(&o->geometry, pass->rows, pass->dy, pass->ldy,
                                                         packed_second(o, pass->kernels, pass->packed[0]), NULL, false,
                                                         pass->dx[0], pass->ldx[0]);
    }
}

void as_convolution_accumulate(const as_layer *layer, const as_accumulate *a)
{
    const as_convolution *o = layer->options;
    const as_conv_kernels *conv = a->kernels->conv;
    void *const *bias = o->bias ? a->part + a->program->parts : NULL;
    if (!o->transposed) {
        conv->weight_lanes(&o->geometry, a->x[0], a->ldx[0], a->dy, a->ldy, a->program, a->lane_row, a->resume, a->part,
                           bias, a->thread, a->threads);
        return;
    }
    conv->weight_lanes(&o->geometry, a->dy, a->ldy, a->x[0], a->ldx[0], a->program, a->lane_row, a->resume, a->part,
                       NULL, a->thread, a->threads);
    if (bias != NULL) {
        conv->bias_lanes(as_pixels(o->geometry.in), o->channels, a->dy, a->ldy, a->program, a->lane_row, a->resume,
                         bias, a->thread, a->threads);
    }
}

const as_nonlinearity *as_convolution_nonlinearity(const as_layer *layer)
{
    const as_convolution *o = layer->options;
    return o->f.ops != NULL ? &o->f : NULL;
}

double as_convolution_flops(const as_layer *layer)
{
    const as_convolution *o = layer->options;
    const as_conv *c = &o->geometry;
    return 2 * (double)as_conv_weights(c) * (double)as_pixels(c->out);
}

int as_window_onnx(const as_conv *c, int axes, as_onnx_attribute out[AS_WINDOW_ATTRIBUTES + 1])
{
    static const char *const name[] = {"kernel_shape", "strides", "dilations", "pads"};
    for (int i = 0; i <= AS_WINDOW_ATTRIBUTES; i++) {
        out[i] = (as_onnx_attribute){.name = i < AS_WINDOW_ATTRIBUTES ? name[i] : NULL, .n = i == 3 ? 2 * axes : axes};
    }
    for (int i = 0; i < axes; i++) {
        const int a = AS_AXES - axes + i;
        const int64_t reach = (c->out[a] - 1) * c->stride[a] + (c->kernel[a] - 1) * c->dilation[a] + 1;
        const int64_t high = reach - c->low[a] - c->in[a];
        out[0].list[i] = c->kernel[a];
        out[1].list[i] = c->stride[a];
        out[2].list[i] = c->dilation[a];
        out[3].list[i] = c->low[a];
        out[3].list[axes + i] = high > 0 ? high : 0;
    }
    return AS_WINDOW_ATTRIBUTES;
}

void as_window_onnx_input(const as_layer *layer, as_onnx *model, int axes, const char *x, const char *stem,
                          const char *y)
{
    char whole[AS_ONNX_NAME_MAX];
    as_shape shape = layer->in[0];
    if (shape.rank == axes + 1) {
        as_layer_onnx_channels(model, x, y, axes, false);
        return;
    }
    shape.dim[shape.rank++] = 1;
    as_layer_onnx_reshape(model, x, as_onnx_name(stem, "whole", whole), stem, &shape);
    as_layer_onnx_channels(model, whole, y, axes, false);
}

void as_window_onnx_pool(const as_layer *layer, as_onnx *model, const char *op, const as_onnx_attribute *attributes,
                         const char *x, const char *y)
{
    const int axes = layer->out.rank - 1;
    char in[AS_ONNX_NAME_MAX], out[AS_ONNX_NAME_MAX];
    as_window_onnx_input(layer, model, axes, x, y, as_onnx_name(y, "channels_first", in));
    as_onnx_node(model, op, (const char *const[]){in, NULL}, as_onnx_name(y, "first", out), attributes);
    as_layer_onnx_channels(model, out, y, axes, true);
}

as_status as_convolution_onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                              const void *const *param)
{
    const as_convolution *o = layer->options;
    const as_conv *c = &o->geometry;
    const int axes = layer->out.rank - 1;
    char in[AS_ONNX_NAME_MAX], w[AS_ONNX_NAME_MAX], turned[AS_ONNX_NAME_MAX], b[AS_ONNX_NAME_MAX];
    char z[AS_ONNX_NAME_MAX], out[AS_ONNX_NAME_MAX];
    as_onnx_attribute attributes[AS_WINDOW_ATTRIBUTES + 3], turn[] = {{.name = "perm", .n = axes + 2}, {.name = NULL}};
    int n = as_window_onnx(c, axes, attributes);
    attributes[n++] = (as_onnx_attribute){.name = "group", .integer = c->groups};
    for (int a = 0; a < axes && o->transposed; a++) { /* what the output has beyond the windows' reach */
        const int at = AS_AXES - axes + a;
        const int64_t reach = (c->out[at] - 1) * c->stride[at] + (c->kernel[at] - 1) * c->dilation[at] + 1;
        const int64_t high = reach - c->low[at] - c->in[at];
        attributes[n].name = "output_padding";
        attributes[n].n = axes;
        attributes[n].list[a] = high < 0 ? -high : 0;
    }
    attributes[n + (o->transposed ? 1 : 0)] = (as_onnx_attribute){.name = NULL};
    turn[0].list[0] = axes + 1;
    turn[0].list[1] = axes;
    for (int a = 0; a < axes; a++) {
        turn[0].list[a + 2] = a;
    }
    as_window_onnx_input(layer, model, axes, x[0], y, as_onnx_name(y, "channels_first", in));
    as_onnx_reals(model, as_onnx_name(y, "weight", w), axes + 2, layer->param[0].shape.dim, param[0]);
    as_onnx_node(model, "Transpose", (const char *const[]){w, NULL}, as_onnx_name(y, "weight_first", turned), turn);
    if (o->bias) {
        as_onnx_reals(model, as_onnx_name(y, "bias", b), 1, layer->param[1].shape.dim, param[1]);
    }
    as_onnx_node(model, o->transposed ? "ConvTranspose" : "Conv",
                 (const char *const[]){in, turned, o->bias ? b : NULL, NULL}, as_onnx_name(y, "first", out),
                 attributes);
    as_layer_onnx_channels(model, out, o->f.ops == NULL ? y : as_onnx_name(y, "z", z), axes, true);
    if (o->f.ops != NULL) {
        as_nonlinearity_onnx(&o->f, model, z, y);
    }
    return AS_OK;
}
