/* Predictions and their judgement for statistical models: each lane's rows in their order, then the tree, so that the
   numbers are the same for every layout. */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "comm/lane_sum.h"
#include "estimator/statistic.h"
#include "kernels/scalar_math.h"
#include "nn/loss.h"
#include "nn/metric.h"

enum { METRICS_MAX = 8, STATE_LOSS = 0, STATE_WEIGHT = 1, STATE_METRICS = 2 };

typedef struct evaluation {
    as_statistic *s;
    bool judges; /* predictions against answers that the data have */
    int nmetrics;
    const as_metric_ops *metric[METRICS_MAX];
    int64_t offset[METRICS_MAX];
    int64_t width;
    double *state;      /* (own lanes, width) */
    double *out, *loss; /* (own lanes, chunk, outputs), (own lanes, chunk) */
} evaluation;

static void predict_rows(void *context, int lane, int64_t first, const as_rows *rows)
{
    (void)lane;
    const evaluation *e = context;
    e->s->ops->predict(e->s, rows, e->out + first * e->s->outputs);
}

as_status as_statistic_predict(as_estimator *estimator, const as_batch *batch, double *out)
{
    as_statistic *s = (as_statistic *)estimator;
    evaluation e = {.s = s, .out = out};
    as_statistic_over_rows(s, batch, predict_rows, &e);
    return AS_OK;
}

/* The metrics of the loss by whose name predictions are judged. */
static void choose_metrics(evaluation *e)
{
    const as_statistic *s = e->s;
    const as_metric_ops *const *all = as_metrics_get(s->kernels);
    const as_loss_ops *const *loss = as_losses_get(s->kernels);
    e->width = STATE_METRICS;
    e->judges = s->ops->loss != NULL && s->ops->target == s->setup.data->target;
    while (e->judges && strcmp((*loss)->name, s->ops->loss) != 0) {
        loss++;
    }
    for (const char *const *name = (*loss)->metrics; e->judges && *name != NULL && e->nmetrics < METRICS_MAX; name++) {
        for (int i = 0; all[i] != NULL; i++) {
            if (!all[i]->tokens && strcmp(all[i]->name, *name) == 0) {
                e->metric[e->nmetrics] = all[i];
                e->offset[e->nmetrics++] = e->width;
                e->width += as_metric_size(all[i], s->outputs, s->classes, s->targets);
            }
        }
    }
}

/* What predictions lose by themselves: -ln p of the class, or the mean square over the targets. */
static void judge(const as_statistic *s, const as_rows *rows, const double *out, double *loss)
{
    const bool classes = s->setup.data->target == AS_TARGET_LABELS;
    for (int64_t i = 0; i < rows->count; i++) {
        const double *o = out + i * s->outputs;
        loss[i] = 0;
        if (classes && rows->label[i] < 0) {
            continue; /* ignored */
        }
        if (classes) {
            loss[i] = -as_log_f64(o[rows->label[i]] > 0 ? o[rows->label[i]] : DBL_TRUE_MIN);
            continue;
        }
        for (int64_t t = 0; t < s->targets; t++) {
            const double d = o[t] - rows->target[i * s->targets + t];
            loss[i] += d * d / (double)s->targets;
        }
    }
}

static void measure_rows(void *context, int lane, int64_t first, const as_rows *rows)
{
    (void)first;
    const evaluation *e = context;
    const as_statistic *s = e->s;
    double *state = e->state + lane * e->width, *out = e->out + lane * s->chunk * s->outputs;
    double *loss = e->loss + lane * s->chunk;
    s->ops->predict(s, rows, out);
    if (s->ops->score != NULL) {
        s->ops->score(s, rows, out, loss);
    } else {
        judge(s, rows, out, loss);
    }
    for (int64_t i = 0; i < rows->count; i++) {
        state[STATE_LOSS] += rows->weight[i] * loss[i];
        state[STATE_WEIGHT] += rows->weight[i];
    }
    const as_metric_pass pass = {
        .rows = rows->count,
        .outputs = s->outputs,
        .z = out,
        .ldz = s->outputs,
        .label = rows->label,
        .target = rows->target,
        .targets = s->targets,
        .weight = rows->weight,
        .loss = s->ops->loss,
    };
    for (int m = 0; m < e->nmetrics; m++) {
        e->metric[m]->rows(&pass, s->classes, state + e->offset[m]);
    }
}

static as_status measure(evaluation *e, const as_sampler *sampler, as_batch *batch, double *sum)
{
    as_statistic *s = e->s;
    const size_t lanes = (size_t)s->setup.lanes->count, rows = lanes * (size_t)s->chunk;
    e->state = calloc(lanes * (size_t)e->width, sizeof(double));
    e->out = malloc(rows * (size_t)s->outputs * sizeof(double));
    e->loss = malloc(rows * sizeof(double));
    as_status status = AS_OK;
    if (sum == NULL || e->state == NULL || e->out == NULL || e->loss == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for metrics of %lld values a lane", (long long)e->width);
    }
    AS_TRY(as_world_agree(s->setup.world, status));
    for (int64_t b = 0; sampler != NULL && b < as_sampler_batches(sampler); b++) {
        as_sampler_fill(sampler, 0, b, batch);
        as_statistic_over_rows(s, batch, measure_rows, e);
    }
    return as_lane_sum(s->setup.world, s->setup.lanes, e->width, e->state, sum);
}

as_status as_statistic_evaluate(as_estimator *estimator, const as_sampler *sampler, as_batch *batch, as_text *json,
                                double *loss)
{
    as_statistic *s = (as_statistic *)estimator;
    evaluation e = {.s = s};
    choose_metrics(&e);
    double *sum = calloc((size_t)e.width, sizeof(double));
    const as_status status = measure(&e, sampler, batch, sum);
    if (status == AS_OK) {
        *loss = sum[STATE_LOSS] / sum[STATE_WEIGHT];
        as_json_real(json, "loss", *loss);
        const as_metric_facts facts = {.outputs = s->outputs,
                                       .classes = s->classes,
                                       .targets = s->targets,
                                       .answers = s->setup.data->answers.n > 0 ? &s->setup.data->answers : NULL};
        for (int m = 0; m < e.nmetrics; m++) {
            e.metric[m]->finish(&facts, sum + e.offset[m], json);
        }
    }
    free(e.state);
    free(e.out);
    free(e.loss);
    free(sum);
    return status;
}
