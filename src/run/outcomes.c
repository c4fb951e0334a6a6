/* Outcomes of a model, row by row: each rank makes one record of doubles a row, rank 0 gathers them in the order of
   lanes. A row with several labels (tokens, pixels) is reduced to its sums where it is predicted. */
#include "run/outcomes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "estimator/statistic.h"
#include "kernels/scalar_math.h"

/* Head of a record; `said` and the real targets follow. */
enum { ID, LABEL, WEIGHT, COUNT, LOSS, RIGHT, WORST, HEAD };
enum { PREDICTED_VALUES = 1 << 24, BATCH_ROWS = 1024, TARGETS_KEPT = 64, VALUES_KEPT = 1 << 27 };

/* A probability that was rounded to 0 counts as the smallest number of the format it was computed in: -ln p = 103.3 in
   float32 networks, 744.4 elsewhere. */
static const double least_float = 0x1p-149, least_double = 0x1p-1074;

typedef struct collector {
    const as_model_file *model;
    const as_dataset *data;
    int64_t outputs, each, positions; /* outputs of a row, of a position */
    int64_t kept;                     /* numbers of `said` in a record */
    int64_t truths;                   /* real targets in a record */
    double least;                     /* of a probability that is 0 */
    int64_t width;                    /* doubles of a record */
    double *record;                   /* (local rows, width) */
    double *buffer;                   /* (capacity, outputs) */
} collector;

const char *as_outcomes_refuse(const as_model_file *model)
{
    const int64_t outputs = model->estimator->ops->outputs(model->estimator);
    const as_dataset *facts = &model->facts;
    if (facts->target == AS_TARGET_NONE) {
        return "the data have neither labels nor targets";
    }
    const as_statistic_ops *statistic = model->estimator->ops->statistic;
    if (statistic != NULL && (statistic->loss == NULL || statistic->target != facts->target)) {
        return "the model does not predict the answers of the data";
    }
    if (facts->target == AS_TARGET_LABELS) {
        const bool one = outputs == facts->positions && facts->classes == 2;
        return one || outputs == facts->positions * facts->classes ? NULL : "the outputs are not one for each class";
    }
    return outputs == facts->targets ? NULL : "the outputs are not one for each target";
}

/* Probability of class k of one position. */
static double of_class(const double *out, int64_t each, int64_t k)
{
    return each == 1 ? k == 1 ? out[0] : 1 - out[0] : out[k];
}

/* -ln p[label]; NaN where the outputs of the position are no probabilities. */
static double surprise(const collector *c, const double *out, int32_t label)
{
    const double p = of_class(out, c->each, label);
    double sum = c->each == 1 ? 1 : 0;
    bool inside = c->each > 1 || (out[0] >= 0 && out[0] <= 1);
    for (int64_t k = 0; c->each > 1 && k < c->each; k++) {
        sum += out[k];
        inside = inside && out[k] >= 0;
    }
    return inside && fabs(sum - 1) <= 1e-3 ? -as_log_f64(p > 0 ? p : c->least) : (double)NAN;
}

static void judge_labels(const collector *c, const double *out, const int32_t *label, double *record)
{
    const int64_t classes = c->model->facts.classes;
    double judged = 0, loss = 0, right = 0;
    for (int64_t q = 0; q < c->positions; q++, out += c->each) {
        if (label[q] == AS_LABEL_IGNORED) {
            continue;
        }
        int64_t best = 0;
        for (int64_t k = 1; k < classes; k++) {
            best = of_class(out, c->each, k) > of_class(out, c->each, best) ? k : best;
        }
        judged += 1;
        right += best == label[q];
        loss += surprise(c, out, label[q]);
        for (int64_t k = 0; k < c->kept; k++) {
            record[HEAD + k] = of_class(out, c->each, k);
        }
        record[LABEL] = label[q];
    }
    record[COUNT] = record[WEIGHT] * judged;
    record[LOSS] = record[WEIGHT] * loss;
    record[RIGHT] = record[WEIGHT] * right;
}

static void judge_reals(const collector *c, const double *out, const double *target, double *record)
{
    double square = 0, absolute = 0;
    const double n = (double)c->outputs;
    for (int64_t k = 0; k < c->outputs; k++) {
        const double e = out[k] - target[k];
        square += e * e;
        absolute += fabs(e);
        record[WORST] = isnan(e) || fabs(e) > record[WORST] ? fabs(e) : record[WORST]; /* NaN stays */
        if (c->kept > 0) {
            record[HEAD + k] = out[k];
            record[HEAD + c->kept + k] = target[k];
        }
    }
    record[COUNT] = record[WEIGHT];
    record[LOSS] = record[WEIGHT] * (square / n);
    record[RIGHT] = record[WEIGHT] * (absolute / n);
}

static as_status judge_rows(const collector *c, const as_sampler *sampler, as_batch *batch)
{
    as_estimator *estimator = c->model->estimator;
    for (int64_t b = 0; b < as_sampler_batches(sampler); b++) {
        as_sampler_fill(sampler, 0, b, batch);
        if (batch->rows > 0 && batch->label == NULL && batch->target == NULL) {
            AS_FAIL(AS_CONFIG, "%s: no labels or targets to judge by", c->data->place);
        }
        AS_TRY(estimator->ops->predict(estimator, batch, c->buffer));
        for (int64_t r = 0; r < batch->rows; r++) {
            double *record = c->record + batch->row[r] * c->width;
            record[ID] = (double)batch->id[r];
            record[WEIGHT] = batch->weight[r];
            if (batch->label != NULL) {
                judge_labels(c, c->buffer + r * c->outputs, batch->label + r * c->positions, record);
            } else {
                judge_reals(c, c->buffer + r * c->outputs, batch->target + r * c->outputs, record);
            }
        }
    }
    return AS_OK;
}

/* Rank 0's arrays from all records; probabilities are found out on the way. */
static as_status unpack(const collector *c, const double *record, int64_t rows, as_outcomes *out)
{
    const size_t n = (size_t)rows + 1, width = (size_t)(c->kept > 0 ? c->kept : 1);
    out->id = malloc(n * sizeof *out->id);
    out->label = malloc(n * sizeof *out->label);
    out->weight = malloc(n * sizeof(double));
    out->count = malloc(n * sizeof(double));
    out->loss = malloc(n * sizeof(double));
    out->right = malloc(n * sizeof(double));
    out->worst = malloc(n * sizeof(double));
    out->said = malloc(n * width * sizeof(double));
    out->truth = malloc(n * width * sizeof(double));
    if (out->id == NULL || out->label == NULL || out->weight == NULL || out->count == NULL || out->loss == NULL ||
        out->right == NULL || out->worst == NULL || out->said == NULL || out->truth == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the outcomes of %lld rows", (long long)rows);
    }
    out->probabilities = out->target == AS_TARGET_LABELS && c->kept > 0;
    for (int64_t i = 0; i < rows; i++, record += c->width) {
        if (!(record[COUNT] > 0)) {
            continue;
        }
        const int64_t r = out->rows++;
        out->id[r] = (int64_t)record[ID];
        out->label[r] = (int32_t)record[LABEL];
        out->weight[r] = record[WEIGHT];
        out->count[r] = record[COUNT];
        out->loss[r] = record[LOSS];
        out->right[r] = record[RIGHT];
        out->worst[r] = record[WORST];
        double sum = 0;
        for (int64_t k = 0; k < c->kept; k++) {
            const double v = record[HEAD + k];
            out->said[r * c->kept + k] = v;
            sum += v;
            out->probabilities = out->probabilities && v >= 0 && v <= 1 + 1e-6;
        }
        out->probabilities = out->probabilities && fabs(sum - 1) <= 1e-3;
        for (int64_t k = 0; k < c->truths; k++) {
            out->truth[r * c->kept + k] = record[HEAD + c->kept + k];
        }
    }
    return AS_OK;
}

static as_status gather(const collector *c, as_outcomes *out)
{
    as_world *world = c->model->world;
    const bool first = as_world_rank(world) == 0;
    size_t *offset = NULL;
    double *all = NULL;
    as_status status = AS_OK;
    if (first) {
        offset = malloc(((size_t)as_world_size(world) + 1) * sizeof *offset);
        all = malloc((size_t)(c->data->rows + 1) * (size_t)c->width * sizeof *all);
        if (offset == NULL || all == NULL) {
            status = as_error_set(AS_NOMEM, "out of memory for the outcomes of %lld rows", (long long)c->data->rows);
        }
    }
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        status =
            as_world_gather(world, c->record, (size_t)(c->data->local_rows * c->width) * sizeof(double), all, offset);
    }
    if (status == AS_OK && first) {
        status = unpack(c, all, c->data->rows, out);
    }
    free(offset);
    free(all);
    return as_world_agree(world, status);
}

/* Memory, and a sampler whose batches keep the predictions of a batch small. */
static as_status judge(collector *c, as_outcomes *out)
{
    as_sampler *sampler = NULL;
    as_batch batch = {0};
    const int64_t fit = PREDICTED_VALUES / (c->outputs > 0 ? c->outputs : 1);
    int64_t rows = fit < 1 ? 1 : fit < BATCH_ROWS ? fit : BATCH_ROWS;
    rows = rows < c->data->rows ? rows : c->data->rows;
    as_status status = as_sampler_create(c->data, rows, false, 0, &sampler);
    if (status == AS_OK) {
        status = as_sampler_batch_create(sampler, &batch);
    }
    if (status == AS_OK) {
        c->record = calloc((size_t)(c->data->local_rows + 1) * (size_t)c->width, sizeof(double));
        c->buffer = malloc((size_t)(batch.capacity + 1) * (size_t)c->outputs * sizeof(double));
        if (c->record == NULL || c->buffer == NULL) {
            status = as_error_set(AS_NOMEM, "out of memory for outcomes of %lld rows", (long long)c->data->local_rows);
        }
    }
    status = as_world_agree(c->model->world, status);
    if (status == AS_OK) {
        status = as_world_agree(c->model->world, judge_rows(c, sampler, &batch));
    }
    if (status == AS_OK) {
        status = gather(c, out);
    }
    free(c->record);
    free(c->buffer);
    as_sampler_batch_destroy(&batch);
    as_sampler_destroy(&sampler);
    return status;
}

as_status as_outcomes_collect(const as_model_file *model, as_role role, as_outcomes *out)
{
    const as_dataset *facts = &model->facts;
    as_dataset data = {0};
    as_sampler *sampler = NULL;
    as_batch batch = {0};
    *out = (as_outcomes){.target = facts->target};
    const char *reason = as_outcomes_refuse(model);
    if (reason != NULL) {
        AS_FAIL(AS_CONFIG, "%s: rows cannot be judged: %s", model->path, reason);
    }
    as_status status = as_model_file_data(model, role, NULL, &data, &sampler, &batch);
    as_sampler_batch_destroy(&batch); /* one that fits is made below */
    as_sampler_destroy(&sampler);
    if (status == AS_OK) {
        const bool labels = facts->target == AS_TARGET_LABELS;
        const int64_t outputs = model->estimator->ops->outputs(model->estimator);
        const int64_t positions = labels ? facts->positions : 1;
        const int64_t wanted = labels ? positions == 1 ? facts->classes : 0 : outputs <= TARGETS_KEPT ? outputs : 0;
        const int64_t kept = wanted > 0 && data.rows <= VALUES_KEPT / wanted ? wanted : 0;
        const bool rounded = model->config.precision == 0 && model->estimator->ops->statistic == NULL;
        collector c = {.model = model,
                       .data = &data,
                       .outputs = outputs,
                       .positions = positions,
                       .each = outputs / positions,
                       .kept = kept,
                       .truths = labels ? 0 : kept,
                       .least = rounded ? least_float : least_double};
        c.width = HEAD + c.kept + c.truths;
        out->classes = labels ? facts->classes : 0;
        out->outputs = c.kept;
        out->single = labels && positions == 1;
        snprintf(out->place, sizeof out->place, "%s", data.place);
        status = judge(&c, out);
    }
    as_dataset_close(&data);
    return status;
}

void as_outcomes_free(as_outcomes *o)
{
    void *const all[] = {o->id, o->label, o->weight, o->count, o->loss, o->right, o->worst, o->said, o->truth};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        free(all[i]);
    }
    *o = (as_outcomes){.rows = 0};
}
