/* Layer batch_norm: each channel (entry of the last axis) is brought to mean 0 and variance 1 over the samples of its
   lane and all their positions, then scaled and moved by a learnt gain and bias (Ioffe and Szegedy 2015). A lane is a
   fixed part of the batch ("ghost" batches: Hoffer et al. 2017), so that results do not depend on the layout.
   over: batch takes all samples of the batch on all ranks: sums in lanes, then along the lane tree, which all ranks do
   together, twice forward (mean, then squares about it) and once backward, C or 2 C + 1 doubles each. Evaluation uses
   running averages of the means and unbiased variances.

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
    int over;
} batch_options;
enum { OVER_LANE, OVER_BATCH };

static const char *const over_choices[] = {"lane", "batch", NULL};

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
                                  {.name = "over",
                                   .type = AS_FIELD_CHOICE,
                                   .offset = offsetof(batch_options, over),
                                   .standard = "lane",
                                   .choices = over_choices,
                                   .help = "Whose mean and variance: the samples of a lane, or the whole batch, for "
                                           "which ranks exchange sums in the middle of a step, and "
                                           "which train.micro_batch cannot divide."},
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
    const bool batch = ((const batch_options *)layer->options)->over == OVER_BATCH;
    layer->scope = batch ? AS_SCOPE_BATCH : AS_SCOPE_LANE;
    layer->meets = batch ? 2 * n + 1 : 0;
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

/* r of `count` values whose squared deviations from kept[MEAN] are square, with what the running averages take for
   `samples` samples. */
static void keep_statistics(const as_layer *layer, int64_t n, double count, double samples, const double *square,
                            real *kept)
{
    const double eps = ((const batch_options *)layer->options)->eps;
    for (int64_t c = 0; c < n; c++) {
        const double unbiased = square[c] / (count > 1 ? count - 1 : 1);
        kept[ROOT * n + c] = (real)(1 / sqrt(square[c] / count + eps));
        kept[RUNNING_MEAN * n + c] = (real)(samples * (double)kept[MEAN * n + c]);
        kept[RUNNING_VARIANCE * n + c] = (real)(samples * unbiased);
    }
}

/* Mean and r of a lane whose rows are b, into `kept`. */
static void find_statistics(const as_layer *layer, const as_pass *pass, const as_norm_block *b, const real *x,
                            real *kept)
{
    const int64_t n = b->channels;
    const double count = (double)(b->samples * b->positions);
    real *const mean = kept + MEAN * n;
    double *const sum = pass->scratch;
    memset(sum, 0, (size_t)n * sizeof *sum);
    pass->kernels->norm->channel_moments(b, x, NULL, false, sum);
    for (int64_t c = 0; c < n; c++) {
        mean[c] = (real)(sum[c] / count);
    }
    memset(sum, 0, (size_t)n * sizeof *sum);
    pass->kernels->norm->channel_moments(b, x, mean, true, sum);
    keep_statistics(layer, n, count, (double)b->samples, sum, kept);
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

/* First row of lane l of the pass, and how many. */
static int64_t lane_rows(const as_pass *pass, int l, int64_t *first)
{
    *first = pass->lane_row[l];
    return pass->lane_row[l + 1] - *first;
}

/* Sums of all lanes of the pass, about `mean` (NULL: 0), and their counts of values, to the meeting. */
static void meet_moments(const as_layer *layer, const as_pass *pass, bool squares)
{
    const int64_t n = as_shape_channels(&layer->out), width = n + 1;
    for (int l = 0; l < pass->lanes; l++) {
        double *const sum = pass->meeting->lane + (pass->first_lane + l) * width;
        int64_t row;
        const as_norm_block b = block_of(layer, pass, lane_rows(pass, l, &row));
        memset(sum, 0, (size_t)n * sizeof *sum);
        sum[n] = (double)(b.samples * b.positions);
        if (b.samples > 0) {
            const real *const mean = (const real *)pass->saved + row * pass->lds + MEAN * n;
            pass->kernels->norm->channel_moments(&b, (const real *)pass->x[0] + row * pass->ldx[0],
                                                 squares ? mean : NULL, squares, sum);
        }
    }
    pass->meeting->meet(pass->meeting, pass->thread, width);
}

/* Every lane keeps the statistics of the whole batch. */
static void forward_batch(const as_layer *layer, const as_pass *pass)
{
    const int64_t n = as_shape_channels(&layer->out);
    const double *const sum = pass->meeting->sum;
    int64_t row;
    meet_moments(layer, pass, false);
    for (int l = 0; l < pass->lanes; l++) {
        if (lane_rows(pass, l, &row) > 0) {
            real *const kept = (real *)pass->saved + row * pass->lds;
            for (int64_t c = 0; c < n; c++) {
                kept[MEAN * n + c] = (real)(sum[c] / sum[n]);
            }
        }
    }
    meet_moments(layer, pass, true);
    for (int l = 0; l < pass->lanes; l++) {
        const as_norm_block b = block_of(layer, pass, lane_rows(pass, l, &row));
        if (b.samples > 0) {
            keep_statistics(layer, n, sum[n], (double)b.samples, sum, (real *)pass->saved + row * pass->lds);
        }
    }
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    if (!pass->train) {
        forward_running(layer, pass);
        return;
    }
    const bool batch = layer->scope == AS_SCOPE_BATCH;
    if (batch) {
        forward_batch(layer, pass);
    }
    for (int l = 0; l < pass->lanes; l++) {
        int64_t row;
        const as_norm_block b = block_of(layer, pass, lane_rows(pass, l, &row));
        if (b.samples == 0) {
            continue;
        }
        real *const kept = (real *)pass->saved + row * pass->lds;
        if (!batch) {
            find_statistics(layer, pass, &b, (const real *)pass->x[0] + row * pass->ldx[0], kept);
        }
        for (int64_t r = row + 1; r < row + b.samples; r++) {
            memset((real *)pass->saved + r * pass->lds, 0, (size_t)(PARAMS * b.channels) * sizeof(real));
        }
        apply(layer, pass, &b, row, kept + MEAN * b.channels, kept + ROOT * b.channels);
    }
}

/* sum dy and sum dy (x - mean) of a lane's rows, and its own dgain and dbias. */
static void gradient_sums(const as_layer *layer, const as_pass *pass, const as_norm_block *b, int64_t row, double *sum,
                          double *dot)
{
    const int64_t n = b->channels;
    const bool relu = ((const batch_options *)layer->options)->relu;
    real *const kept = (real *)pass->saved + row * pass->lds;
    memset(sum, 0, (size_t)n * sizeof *sum);
    memset(dot, 0, (size_t)n * sizeof *dot);
    pass->kernels->norm->channel_gradient_moments(b, (const real *)pass->x[0] + row * pass->ldx[0], kept + MEAN * n,
                                                  relu ? (const real *)pass->y + row * pass->ldy : NULL,
                                                  (real *)pass->dy + row * pass->ldy, pass->ldy, sum, dot);
    for (int64_t c = 0; c < n; c++) {
        kept[GAIN * n + c] = (real)(dot[c] * (double)kept[ROOT * n + c]);
        kept[BIAS * n + c] = (real)sum[c];
    }
}

/* dx of a lane's rows from the sums over `count` values. */
static void backward_rows(const as_pass *pass, const as_norm_block *b, int64_t row, double count, const double *sum,
                          const double *dot)
{
    const int64_t n = b->channels;
    const real *const gain = pass->param[GAIN], *const kept = (const real *)pass->saved + row * pass->lds;
    const real *const mean = kept + MEAN * n, *const root = kept + ROOT * n;
    real *const scale = (real *)((double *)pass->scratch + 2 * n), *const slope = scale + n, *const level = slope + n;
    for (int64_t c = 0; c < n; c++) {
        const double q = (double)root[c], s = q * (double)gain[c];
        scale[c] = root[c] * gain[c];
        level[c] = (real)(s * (sum[c] / count));
        slope[c] = (real)(s * q * q * (dot[c] / count));
    }
    if (pass->dx[0] != NULL) {
        pass->kernels->norm->channel_backward(b, (const real *)pass->x[0] + row * pass->ldx[0], mean, scale, slope,
                                              level, (real *)pass->dy + row * pass->ldy, pass->ldy,
                                              (real *)pass->dx[0] + row * pass->ldx[0]);
    }
}

static void backward_lanes(const as_layer *layer, const as_pass *pass)
{
    const int64_t n = as_shape_channels(&layer->out), width = 2 * n + 1;
    const bool batch = layer->scope == AS_SCOPE_BATCH;
    int64_t row;
    for (int l = 0; l < pass->lanes; l++) {
        const as_norm_block b = block_of(layer, pass, lane_rows(pass, l, &row));
        double *const sum = batch ? pass->meeting->lane + (pass->first_lane + l) * width : (double *)pass->scratch;
        const double count = (double)(b.samples * b.positions);
        if (batch) {
            memset(sum, 0, (size_t)(2 * n) * sizeof *sum);
            sum[2 * n] = count;
        }
        if (b.samples > 0) {
            gradient_sums(layer, pass, &b, row, sum, sum + n);
        }
        if (b.samples > 0 && !batch) {
            backward_rows(pass, &b, row, count, sum, sum + n);
        }
    }
    if (!batch) {
        return;
    }
    pass->meeting->meet(pass->meeting, pass->thread, width);
    const double *const sum = pass->meeting->sum;
    for (int l = 0; l < pass->lanes; l++) {
        const as_norm_block b = block_of(layer, pass, lane_rows(pass, l, &row));
        if (b.samples > 0) {
            backward_rows(pass, &b, row, sum[2 * n], sum, sum + n);
        }
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    backward_lanes(layer, pass);
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
    .help = "Brings each channel to mean 0 and variance 1 over the samples of a lane, or of the batch, then scales and "
            "moves it; a second "
            "input is added to the result.",
    .formula =
        "y = (x - mean_c) / sqrt(variance_c + eps) g_c + b_c (+ second input), over the samples and positions of a "
        "lane or the batch; running averages in evaluation",
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
