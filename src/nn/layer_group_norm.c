/* Layer group_norm: the channels (last axis) of a sample are cut into groups; each is brought to mean 0 and variance 1
   over its channels and all positions of the sample, then every channel is scaled and moved by a learnt gain and bias
   (Wu and He, ECCV 2018). groups: channels is instance norm, groups: 1 is layer norm over the whole sample.

   With n elements in a group, h = (x - mean) r, g = dy gain:  dx = r (g - sum g / n - h sum(g h) / n). Sums: a chain
   over positions for each channel, then channels in order, in double (kernels/norm.h). dgain and dbias of each sample
   are kept and summed in accumulate. Cost: 3 passes forward, 2 backward, over a sample that is in the cache. */
#include "kernels/norm.h"

#include <string.h>

#include "base/error.h"
#include "kernels/real.h"
#include "nn/layer.h"

typedef struct group_options {
    int64_t groups;
    double eps;
} group_options;

static const as_field fields[] = {{.name = "groups",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(group_options, groups),
                                   .standard = "1",
                                   .min = 1,
                                   .max = 1e9,
                                   .help = "Groups of channels; must divide them."},
                                  {.name = "eps",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(group_options, eps),
                                   .standard = "1e-5",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Added to the variance before the root."},
                                  AS_FIELDS_END};

/* Kept for a sample, arrays (channels): mean and r in forward; dgain and dbias in backward. */
enum { MEAN, ROOT, GAIN, BIAS, KEPT };

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    const int64_t n = as_shape_channels(&layer->in[0]), groups = ((const group_options *)layer->options)->groups;
    if (n % groups != 0) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: groups: expected a divisor of the %lld channels, found %lld",
                as_node_place(layer->node), layer->name, (long long)n, (long long)groups);
    }
    layer->out = layer->in[0];
    layer->saved = KEPT * n;
    layer->scratch = 2 * n * (int64_t)(sizeof(double) / sizeof(real)) + 3 * n;
    layer->nparams = 2;
    layer->param[0] = (as_param){.name = "gain",
                                 .torch_name = "weight",
                                 .shape = {.rank = 1, .dim = {n}},
                                 .init = AS_INIT_ONES,
                                 .fan_in = n,
                                 .fan_out = n};
    layer->param[1] =
        (as_param){.name = "bias", .shape = {.rank = 1, .dim = {n}}, .init = AS_INIT_ZEROS, .fan_in = n, .fan_out = n};
    return AS_OK;
}

/* Sum over the channels of group k of value[c] (times weight[c] if not NULL), in order. */
static double group_sum(int64_t width, int64_t k, const double *value, const real *weight)
{
    double sum = 0;
    for (int64_t c = k * width; c < (k + 1) * width; c++) {
        sum += weight == NULL ? value[c] : value[c] * (double)weight[c];
    }
    return sum;
}

static void forward_sample(const as_layer *layer, const as_pass *pass, int64_t r)
{
    const group_options *const options = layer->options;
    const int64_t n = as_shape_channels(&layer->out), positions = as_shape_positions(&layer->out);
    const int64_t width = n / options->groups;
    const double count = (double)(positions * width);
    const as_norm_block b = {.samples = 1, .positions = positions, .channels = n, .ld = layer->out_size};
    const real *const x = (const real *)pass->x[0] + r * pass->ldx[0];
    real *const kept = (real *)pass->saved + r * pass->lds, *const mean = kept + MEAN * n,
                *const root = kept + ROOT * n;
    double *const sum = pass->scratch, *const square = sum + n;
    real *const scale = (real *)(square + n);
    memset(sum, 0, (size_t)(2 * n) * sizeof *sum);
    pass->kernels->norm->channel_moments(&b, x, NULL, false, sum);
    for (int64_t c = 0; c < n; c++) {
        mean[c] = c % width == 0 ? (real)(group_sum(width, c / width, sum, NULL) / count) : mean[c - 1];
    }
    pass->kernels->norm->channel_moments(&b, x, mean, true, square);
    for (int64_t c = 0; c < n; c++) {
        root[c] = c % width == 0 ? (real)(1 / sqrt(group_sum(width, c / width, square, NULL) / count + options->eps))
                                 : root[c - 1];
        scale[c] = root[c] * ((const real *)pass->param[0])[c];
    }
    pass->kernels->norm->channel_apply(&b, x, mean, scale, pass->param[1], NULL, 0, false,
                                       (real *)pass->y + r * pass->ldy, layer->out_size);
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    for (int64_t r = 0; r < pass->rows; r++) {
        forward_sample(layer, pass, r);
    }
}

static void backward_sample(const as_layer *layer, const as_pass *pass, int64_t r)
{
    const group_options *const options = layer->options;
    const int64_t n = as_shape_channels(&layer->out), positions = as_shape_positions(&layer->out);
    const int64_t width = n / options->groups;
    const double count = (double)(positions * width);
    const as_norm_block b = {.samples = 1, .positions = positions, .channels = n, .ld = layer->out_size};
    const real *const x = (const real *)pass->x[0] + r * pass->ldx[0], *const gain = pass->param[0];
    real *const dy = (real *)pass->dy + r * pass->ldy, *const kept = (real *)pass->saved + r * pass->lds;
    const real *const mean = kept + MEAN * n, *const root = kept + ROOT * n;
    double *const sum = pass->scratch, *const dot = sum + n;
    real *const scale = (real *)(dot + n), *const slope = scale + n, *const level = slope + n;
    memset(sum, 0, (size_t)(2 * n) * sizeof *sum);
    pass->kernels->norm->channel_gradient_moments(&b, x, mean, NULL, dy, layer->out_size, sum, dot);
    for (int64_t c = 0; c < n; c++) {
        const double q = (double)root[c];
        kept[GAIN * n + c] = (real)(dot[c] * q);
        kept[BIAS * n + c] = (real)sum[c];
        scale[c] = root[c] * gain[c];
        level[c] = c % width == 0 ? (real)(q * (group_sum(width, c / width, sum, gain) / count)) : level[c - 1];
        slope[c] = c % width == 0 ? (real)(q * q * q * (group_sum(width, c / width, dot, gain) / count)) : slope[c - 1];
    }
    if (pass->dx[0] != NULL) {
        pass->kernels->norm->channel_backward(&b, x, mean, scale, slope, level, dy, layer->out_size,
                                              (real *)pass->dx[0] + r * pass->ldx[0]);
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    for (int64_t r = 0; r < pass->rows; r++) {
        backward_sample(layer, pass, r);
    }
}

static void accumulate(const as_layer *layer, const as_accumulate *a)
{
    const int64_t n = as_shape_channels(&layer->out);
    for (int q = 0; q < 2; q++) {
        a->kernels->column_sum_lanes(n, (const real *)a->saved + (q == 0 ? GAIN : BIAS) * n, a->lds, a->program,
                                     a->lane_row, a->resume, a->part + q * a->program->parts, a->thread, a->threads);
    }
}

static double flops(const as_layer *layer)
{
    return 8 * (double)layer->out_size;
}

/* Groups as an axis of their own, (positions, groups, channels of a group): mean and variance over the others. */
static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    const group_options *o = layer->options;
    const int64_t n = as_shape_channels(&layer->out), positions = as_shape_positions(&layer->out);
    const as_shape apart = {.rank = 3, .dim = {positions, o->groups, n / o->groups}};
    const as_onnx_attribute over[] = {{.name = "axes", .n = 2, .list = {1, 3}}, {.name = NULL}};
    char cut[AS_ONNX_NAME_MAX], a[AS_ONNX_NAME_MAX], b[AS_ONNX_NAME_MAX], c[AS_ONNX_NAME_MAX], d[AS_ONNX_NAME_MAX];
    char eps[AS_ONNX_NAME_MAX], gain[AS_ONNX_NAME_MAX], bias[AS_ONNX_NAME_MAX], back[AS_ONNX_NAME_MAX];
    as_onnx_real(model, as_onnx_name(y, "eps", eps), o->eps);
    as_onnx_reals(model, as_onnx_name(y, "gain", gain), 1, &n, param[0]);
    as_onnx_reals(model, as_onnx_name(y, "bias", bias), 1, &n, param[1]);
    as_layer_onnx_reshape(model, x[0], as_onnx_name(y, "groups", cut), cut, &apart);
    as_onnx_node(model, "ReduceMean", (const char *const[]){cut, NULL}, as_onnx_name(y, "mean", a), over);
    as_onnx_node(model, "Sub", (const char *const[]){cut, a, NULL}, as_onnx_name(y, "centred", b), NULL);
    as_onnx_node(model, "Mul", (const char *const[]){b, b, NULL}, as_onnx_name(y, "square", c), NULL);
    as_onnx_node(model, "ReduceMean", (const char *const[]){c, NULL}, as_onnx_name(y, "variance", a), over);
    as_onnx_node(model, "Add", (const char *const[]){a, eps, NULL}, as_onnx_name(y, "spread", c), NULL);
    as_onnx_node(model, "Sqrt", (const char *const[]){c, NULL}, as_onnx_name(y, "root", d), NULL);
    as_onnx_node(model, "Div", (const char *const[]){b, d, NULL}, as_onnx_name(y, "norm", a), NULL);
    as_layer_onnx_reshape(model, a, as_onnx_name(y, "back", back), back, &layer->out);
    as_onnx_node(model, "Mul", (const char *const[]){back, gain, NULL}, as_onnx_name(y, "scaled", c), NULL);
    as_onnx_node(model, "Add", (const char *const[]){c, bias, NULL}, y, NULL);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_group_norm) = {
    .name = "group_norm",
    .help = "Brings each group of channels of a sample to mean 0 and variance 1, then scales and moves each channel.",
    .formula = "y = (x - mean) / sqrt(variance + eps) g_c + b_c, over positions and the channels of a group",
    .fields = fields,
    .options_bytes = sizeof(group_options),
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .accumulate = accumulate,
    .flops = flops,
    .onnx = onnx,
};
