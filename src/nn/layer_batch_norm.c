/* Layer batch_norm: each channel (entry of the last axis) is brought to mean 0 and variance 1 over the samples of its
   lane and all their positions, then scaled and moved by a learnt gain and bias (Ioffe and Szegedy 2015). A lane is a
   fixed part of the batch ("ghost" batches: Hoffer et al. 2017), so that results do not depend on the layout; one lane
   (lanes: 1) is the whole batch. Evaluation uses running averages of the lanes' means and unbiased variances.

   A second input is added after that, and relu applied last if asked for: what a residual block wants in one pass.
   With n values of a channel in a lane, h = (x - mean) r:  dx = g r (dy - sum dy / n - h sum(dy h) / n), sums as in
   kernels/norm.h. Kept at the first row of a lane: its statistics and its dgain and dbias, which accumulate sums along
   the tree; other rows of the lane hold zeros. Cost: 3 passes over a lane forward, 2 backward. */
#include "kernels/norm.h"

#include <string.h>

#include "base/error.h"
#include "kernels/real.h"
#include "nn/layer.h"

typedef struct batch_options {
    double eps, momentum;
    bool relu;
} batch_options;

static const as_field fields[] = {{.name = "eps",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(batch_options, eps),
                                   .standard = "1e-5",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Added to the variance before the root."},
                                  {.name = "momentum",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(batch_options, momentum),
                                   .standard = "0.1",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Share of a step's statistics in the running ones."},
                                  {.name = "relu",
                                   .type = AS_FIELD_BOOL,
                                   .offset = offsetof(batch_options, relu),
                                   .standard = "false",
                                   .help = "Applies relu to the result."},
                                  AS_FIELDS_END};

enum { GAIN, BIAS, RUNNING_MEAN, RUNNING_VARIANCE, PARAMS, MEAN = PARAMS, ROOT, KEPT };

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    static const char *const name[PARAMS] = {"gain", "bias", "mean", "variance"};
    static const char *const torch[PARAMS] = {"weight", "bias", "running_mean", "running_var"};
    const int64_t n = as_shape_channels(&layer->in[0]);
    AS_TRY(as_layer_same_shapes(layer));
    layer->out = layer->in[0];
    layer->saved = KEPT * n;
    layer->scratch = 2 * n * (int64_t)(sizeof(double) / sizeof(real)) + 3 * n;
    layer->scope = AS_SCOPE_LANE;
    layer->nparams = PARAMS;
    for (int q = 0; q < PARAMS; q++) {
        layer->param[q] = (as_param){.torch_name = torch[q],
                                     .shape = {.rank = 1, .dim = {n}},
                                     .init = q == GAIN || q == RUNNING_VARIANCE ? AS_INIT_ONES : AS_INIT_ZEROS,
                                     .fan_in = n,
                                     .fan_out = n,
                                     .statistic = q >= RUNNING_MEAN,
                                     .momentum = ((const batch_options *)layer->options)->momentum};
        memcpy(layer->param[q].name, name[q], strlen(name[q]) + 1);
    }
    return AS_OK;
}

/* Mean and r of a lane whose rows are b, into `kept`, with what the running averages take. */
static void find_statistics(const as_layer *layer, const as_pass *pass, const as_norm_block *b, const real *x,
                            real *kept)
{
    const int64_t n = b->channels;
    const double eps = ((const batch_options *)layer->options)->eps, count = (double)(b->samples * b->positions);
    real *const mean = kept + MEAN * n, *const root = kept + ROOT * n;
    double *const sum = pass->scratch;
    memset(sum, 0, (size_t)n * sizeof *sum);
    pass->kernels->norm->channel_moments(b, x, NULL, false, sum);
    for (int64_t c = 0; c < n; c++) {
        mean[c] = (real)(sum[c] / count);
    }
    memset(sum, 0, (size_t)n * sizeof *sum);
    pass->kernels->norm->channel_moments(b, x, mean, true, sum);
    for (int64_t c = 0; c < n; c++) {
        const double unbiased = sum[c] / (count > 1 ? count - 1 : 1);
        root[c] = (real)(1 / sqrt(sum[c] / count + eps));
        kept[RUNNING_MEAN * n + c] = (real)((double)b->samples * (double)mean[c]);
        kept[RUNNING_VARIANCE * n + c] = (real)((double)b->samples * unbiased);
    }
}

/* y of rows b from mean and r. */
static void apply(const as_layer *layer, const as_pass *pass, const as_norm_block *b, int64_t row, const real *mean,
                  const real *root)
{
    real *const scale = pass->scratch;
    for (int64_t c = 0; c < b->channels; c++) {
        scale[c] = root[c] * ((const real *)pass->param[GAIN])[c];
    }
    const real *const plus = layer->ninputs > 1 ? (const real *)pass->x[1] + row * pass->ldx[1] : NULL;
    pass->kernels->norm->channel_apply(b, (const real *)pass->x[0] + row * pass->ldx[0], mean, scale, pass->param[BIAS],
                                       plus, layer->ninputs > 1 ? pass->ldx[1] : 0,
                                       ((const batch_options *)layer->options)->relu, (real *)pass->y + row * pass->ldy,
                                       pass->ldy);
}

static as_norm_block block_of(const as_layer *layer, const as_pass *pass, int64_t rows)
{
    return (as_norm_block){.samples = rows,
                           .positions = as_shape_positions(&layer->out),
                           .channels = as_shape_channels(&layer->out),
                           .ld = pass->ldx[0]};
}

static void forward_running(const as_layer *layer, const as_pass *pass)
{
    const as_norm_block b = block_of(layer, pass, pass->rows);
    real *const root = (real *)pass->scratch + b.channels;
    for (int64_t c = 0; c < b.channels; c++) {
        root[c] = 1 / as_sqrt(((const real *)pass->param[RUNNING_VARIANCE])[c] +
                              (real)((const batch_options *)layer->options)->eps);
    }
    apply(layer, pass, &b, 0, pass->param[RUNNING_MEAN], root);
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    if (!pass->train) {
        forward_running(layer, pass);
        return;
    }
    for (int l = 0; l < pass->lanes; l++) {
        const int64_t row = pass->lane_row[l], end = pass->lane_row[l + 1];
        const as_norm_block b = block_of(layer, pass, end - row);
        if (end == row) {
            continue;
        }
        real *const kept = (real *)pass->saved + row * pass->lds;
        find_statistics(layer, pass, &b, (const real *)pass->x[0] + row * pass->ldx[0], kept);
        for (int64_t r = row + 1; r < end; r++) {
            memset((real *)pass->saved + r * pass->lds, 0, (size_t)(PARAMS * b.channels) * sizeof(real));
        }
        apply(layer, pass, &b, row, kept + MEAN * b.channels, kept + ROOT * b.channels);
    }
}

static void backward_lane(const as_layer *layer, const as_pass *pass, int64_t row, int64_t rows)
{
    const as_norm_block b = block_of(layer, pass, rows);
    const int64_t n = b.channels;
    const double count = (double)(rows * b.positions);
    const bool relu = ((const batch_options *)layer->options)->relu;
    const real *const x = (const real *)pass->x[0] + row * pass->ldx[0], *const gain = pass->param[GAIN];
    real *const dy = (real *)pass->dy + row * pass->ldy, *const kept = (real *)pass->saved + row * pass->lds;
    const real *const mean = kept + MEAN * n, *const root = kept + ROOT * n;
    double *const sum = pass->scratch, *const dot = sum + n;
    real *const scale = (real *)(dot + n), *const slope = scale + n, *const level = slope + n;
    memset(sum, 0, (size_t)(2 * n) * sizeof *sum);
    pass->kernels->norm->channel_gradient_moments(&b, x, mean, relu ? (const real *)pass->y + row * pass->ldy : NULL,
                                                  dy, pass->ldy, sum, dot);
    for (int64_t c = 0; c < n; c++) {
        const double q = (double)root[c], s = q * (double)gain[c];
        kept[GAIN * n + c] = (real)(dot[c] * q);
        kept[BIAS * n + c] = (real)sum[c];
        scale[c] = root[c] * gain[c];
        level[c] = (real)(s * (sum[c] / count));
        slope[c] = (real)(s * q * q * (dot[c] / count));
    }
    if (pass->dx[0] != NULL) {
        pass->kernels->norm->channel_backward(&b, x, mean, scale, slope, level, dy, pass->ldy,
                                              (real *)pass->dx[0] + row * pass->ldx[0]);
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    for (int l = 0; l < pass->lanes; l++) {
        if (pass->lane_row[l + 1] > pass->lane_row[l]) {
            backward_lane(layer, pass, pass->lane_row[l], pass->lane_row[l + 1] - pass->lane_row[l]);
        }
    }
    for (int64_t r = 0; r < pass->rows && layer->ninputs > 1 && pass->dx[1] != NULL; r++) {
        memcpy((real *)pass->dx[1] + r * pass->ldx[1], (const real *)pass->dy + r * pass->ldy,
               (size_t)layer->out_size * sizeof(real));
    }
}

static void accumulate(const as_layer *layer, const as_accumulate *a)
{
    const int64_t n = as_shape_channels(&layer->out);
    for (int q = 0; q < PARAMS; q++) {
        a->kernels->column_sum_lanes(n, (const real *)a->saved + q * n, a->lds, a->program, a->lane_row, a->resume,
                                     a->part + q * a->program->parts, a->thread, a->threads);
    }
}

static as_branches branches(const as_layer *layer)
{
    return ((const batch_options *)layer->options)->relu ? AS_BRANCHES_SIGN : AS_BRANCHES_NONE;
}

static double flops(const as_layer *layer)
{
    return 8 * (double)layer->out_size;
}

/* y = (x - mean) scale + bias by the running statistics, then what is added, then relu. */
static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    const batch_options *options = layer->options;
    const int64_t n = as_shape_channels(&layer->out);
    char mean[AS_ONNX_NAME_MAX], variance[AS_ONNX_NAME_MAX], eps[AS_ONNX_NAME_MAX], gain[AS_ONNX_NAME_MAX];
    char bias[AS_ONNX_NAME_MAX], a[AS_ONNX_NAME_MAX], b[AS_ONNX_NAME_MAX], c[AS_ONNX_NAME_MAX];
    as_onnx_reals(model, as_onnx_name(y, "mean", mean), 1, &n, param[RUNNING_MEAN]);
    as_onnx_reals(model, as_onnx_name(y, "variance", variance), 1, &n, param[RUNNING_VARIANCE]);
    as_onnx_reals(model, as_onnx_name(y, "gain", gain), 1, &n, param[GAIN]);
    as_onnx_reals(model, as_onnx_name(y, "bias", bias), 1, &n, param[BIAS]);
    as_onnx_real(model, as_onnx_name(y, "eps", eps), options->eps);
    as_onnx_node(model, "Add", (const char *const[]){variance, eps, NULL}, as_onnx_name(y, "spread", a), NULL);
    as_onnx_node(model, "Sqrt", (const char *const[]){a, NULL}, as_onnx_name(y, "root", b), NULL);
    as_onnx_node(model, "Div", (const char *const[]){gain, b, NULL}, as_onnx_name(y, "scale", c), NULL);
    as_onnx_node(model, "Sub", (const char *const[]){x[0], mean, NULL}, as_onnx_name(y, "centred", a), NULL);
    as_onnx_node(model, "Mul", (const char *const[]){a, c, NULL}, as_onnx_name(y, "scaled", b), NULL);
    const bool plus = layer->ninputs > 1, relu = options->relu;
    as_onnx_node(model, "Add", (const char *const[]){b, bias, NULL}, plus || relu ? as_onnx_name(y, "moved", a) : y,
                 NULL);
    if (plus) {
        as_onnx_node(model, "Add", (const char *const[]){a, x[1], NULL}, relu ? as_onnx_name(y, "sum", c) : y, NULL);
    }
    if (relu) {
        as_onnx_node(model, "Relu", (const char *const[]){plus ? c : a, NULL}, y, NULL);
    }
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_batch_norm) = {
    .name = "batch_norm",
    .help =
        "Brings each channel to mean 0 and variance 1 over the samples of a lane, then scales and moves it; a second "
        "input is added to the result.",
    .formula =
        "y = (x - mean_c) / sqrt(variance_c + eps) g_c + b_c (+ second input), over the samples and positions of a "
        "lane; running averages in evaluation",
    .fields = fields,
    .options_bytes = sizeof(batch_options),
    .min_inputs = 1,
    .max_inputs = 2,
    .plan = plan,
    .each_position = true,
    .forward = forward,
    .backward = backward,
    .accumulate = accumulate,
    .branches = branches,
    .flops = flops,
    .onnx = onnx,
};
