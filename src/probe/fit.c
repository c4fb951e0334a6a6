/* Rows through the network in evaluation, in pieces of its work space; what each gave is gathered by id. Cost: a
   forward pass of the rows, on one thread of each rank. */
#include "probe/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "math/moments.h"
#include "probe/sample.h"

enum { BATCH_ROWS = 1024, OUTPUTS_MAX = 8 };

/* What a row gave. */
typedef struct row_fit {
    int64_t id;
    double loss, counted;       /* sums over what is learnt in the row */
    int32_t label, guess;       /* -1: none */
    double output[OUTPUTS_MAX]; /* the first outputs */
} row_fit;

static void keep_rows(as_batch *batch, uint64_t limit)
{
    const as_dataset *data = batch->data;
    int64_t n = 0;
    for (int64_t i = 0; i < batch->rows; i++) {
        if (as_mix64((uint64_t)batch->id[i]) > limit) {
            continue;
        }
        batch->row[n] = batch->row[i];
        batch->at[n] = batch->at[i];
        batch->id[n] = batch->id[i];
        batch->weight[n] = batch->weight[i];
        if (batch->label != NULL) {
            memmove(batch->label + n * data->positions, batch->label + i * data->positions,
                    (size_t)data->positions * sizeof *batch->label);
        }
        if (batch->target != NULL) {
            memmove(batch->target + n * data->targets, batch->target + i * data->targets,
                    (size_t)data->targets * sizeof *batch->target);
        }
        n++;
    }
    batch->rows = n;
}

/* The class that a network decides for, from the outputs of its first head. */
static int32_t decide(const as_model_head *head, const double *z)
{
    if (head->outputs == 1) {
        return z[0] > 0 ? 1 : 0;
    }
    int64_t best = 0;
    for (int64_t j = 1; j < head->outputs; j++) {
        best = z[j] > z[best] ? j : best;
    }
    return (int32_t)best;
}

static void read_row(const as_network *network, const as_batch *batch, int64_t from, int64_t r, double *z, row_fit *out)
{
    const as_model *model = &network->model;
    const as_model_head *head = &model->head[0];
    const as_kernels *k = network->setup.kernels;
    const char *at =
        (const char *)network->work.x[head->value] + (size_t)(r * network->work.ld[head->value]) * k->real_bytes;
    const bool labels = batch->label != NULL && model->data.positions == 1 && model->data.target == AS_TARGET_LABELS;
    k->to_double(model->outputs, at, z);
    *out = (row_fit){.id = batch->id[from + r],
                     .loss = network->work.loss[r],
                     .counted = network->work.counted[r],
                     .label = labels ? batch->label[from + r] : -1,
                     .guess = labels ? decide(head, z) : -1};
    for (int64_t j = 0; j < model->outputs && j < OUTPUTS_MAX; j++) {
        out->output[j] = z[j];
    }
}

static void pass_batch(as_network *network, const as_batch *batch, double *z, row_fit *out)
{
    const as_model *model = &network->model;
    for (int64_t from = 0; from < batch->rows; from += network->work.rows) {
        const int64_t left = batch->rows - from, count = left < network->work.rows ? left : network->work.rows;
        as_model_rows rows = network_rows(network, batch, from, 0, count);
        network_gather(network, batch, from, 0, count);
        for (int phase = 0; phase <= model->segments; phase++) {
            as_model_forward_phase(model, &network->work, &rows, false, phase);
        }
        as_model_loss(model, &network->work, &rows, false);
        for (int64_t r = 0; r < count; r++) {
            read_row(network, batch, from, r, z, out + from + r);
        }
    }
}

static int by_id(const void *a, const void *b)
{
    const int64_t x = ((const row_fit *)a)->id, y = ((const row_fit *)b)->id;
    return x < y ? -1 : x > y;
}

static void count_classes(const row_fit *row, int64_t n, double *count, as_fit *out)
{
    double right = 0, labels = 0, most = 0;
    for (int64_t i = 0; i < n; i++) {
        if (row[i].label >= 0 && row[i].label < out->classes) {
            const double hit = row[i].guess == row[i].label ? 1 : 0;
            count[row[i].label]++;
            out->recall[row[i].label] += hit;
            right += hit;
            labels++;
        }
    }
    for (int64_t k = 0; k < out->classes; k++) {
        out->recall[k] = count[k] > 0 ? out->recall[k] / count[k] : (double)NAN;
        most = count[k] > most ? count[k] : most;
    }
    out->accuracy = labels > 0 ? right / labels : (double)NAN;
    out->share_largest = labels > 0 ? most / labels : (double)NAN;
}

/* Means over rows of equal standing: sums of losses over sums of counts, the error by the ratio's residuals. */
static void average(const row_fit *row, int64_t n, as_fit *out)
{
    double loss = 0, counted = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        loss += row[i].loss;
        counted += row[i].counted;
        out->bad += isfinite(row[i].loss) ? 0 : 1;
        out->id[i] = row[i].id;
        out->row_loss[i] = row[i].counted > 0 ? row[i].loss / row[i].counted : 0;
    }
    out->loss = counted > 0 ? loss / counted : (double)NAN;
    for (int64_t i = 0; i < n; i++) {
        const double d = row[i].loss - out->loss * row[i].counted;
        squares += d * d;
    }
    out->loss_se = counted > 0 ? sqrt(squares) / counted : (double)NAN;
}

static as_status settle(const row_fit *row, int64_t n, int64_t classes, as_fit *out)
{
    const size_t rows = (size_t)n, k = (size_t)classes;
    out->block = calloc(1, rows * (sizeof *out->id + sizeof *out->row_loss) + (2 * k + 1) * sizeof(double));
    if (out->block == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the losses of %lld rows", (long long)n);
    }
    out->rows = n;
    out->classes = classes;
    out->id = out->block;
    out->row_loss = (double *)(void *)(out->id + rows);
    out->recall = out->row_loss + rows;
    average(row, n, out);
    count_classes(row, n, out->recall + k, out);
    out->recall = k > 0 ? out->recall : NULL;
    return AS_OK;
}

/* All rows of this rank that are wanted; *n of them to rows, which has room for all. */
static as_status pass_all(as_network *network, const as_dataset *data, uint64_t limit, row_fit *row, int64_t *n)
{
    as_sampler *sampler = NULL;
    as_batch batch = {0};
    double *z = malloc((size_t)(network->model.outputs + 1) * sizeof *z);
    const int64_t size = data->rows < BATCH_ROWS ? data->rows : BATCH_ROWS;
    as_status status = z == NULL ? as_error_set(AS_NOMEM, "out of memory for outputs") : AS_OK;
    if (status == AS_OK) {
        status = as_sampler_create(data, size, false, network->setup.seed, &sampler);
    }
    if (status == AS_OK) {
        status = as_sampler_batch_create(sampler, &batch);
    }
    *n = 0;
    for (int64_t b = 0; status == AS_OK && b < as_sampler_batches(sampler); b++) {
        as_sampler_fill(sampler, 0, b, &batch);
        keep_rows(&batch, limit);
        pass_batch(network, &batch, z, row + *n);
        *n += batch.rows;
    }
    as_sampler_batch_destroy(&batch);
    as_sampler_destroy(&sampler);
    free(z);
    return status;
}

/* Root mean square over the first outputs of their standard deviation over rows. */
static double output_spread(const row_fit *row, int64_t n, int64_t outputs)
{
    const int64_t count = outputs < OUTPUTS_MAX ? outputs : OUTPUTS_MAX;
    double all = 0;
    for (int64_t j = 0; j < count; j++) {
        double mean = 0, squares = 0;
        for (int64_t i = 0; i < n; i++) {
            mean += row[i].output[j] / (double)n;
        }
        for (int64_t i = 0; i < n; i++) {
            squares += (row[i].output[j] - mean) * (row[i].output[j] - mean);
        }
        all += squares / (double)n;
    }
    return n > 0 && count > 0 ? sqrt(all / (double)count) : (double)NAN;
}

as_status as_fit_measure(as_network *network, const as_dataset *data, int64_t most, as_fit *out)
{
    as_world *world = network->setup.world;
    row_fit *mine = malloc((size_t)(data->local_rows + 1) * sizeof *mine);
    void *all = NULL;
    size_t bytes = 0;
    int64_t n = 0;
    *out = (as_fit){.accuracy = (double)NAN};
    as_status status = mine == NULL ? as_error_set(AS_NOMEM, "out of memory for rows of a fit") : AS_OK;
    if (status == AS_OK) {
        status = pass_all(network, data, as_sample_limit(data->rows, most), mine, &n);
    }
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        status = as_sample_exchange(world, mine, (size_t)n * sizeof *mine, &all, &bytes);
    }
    if (status == AS_OK) {
        const bool labels = network->model.data.target == AS_TARGET_LABELS && network->model.data.positions == 1;
        qsort(all, bytes / sizeof *mine, sizeof *mine, by_id);
        status = as_world_agree(
            world, settle(all, (int64_t)(bytes / sizeof *mine), labels ? network->model.data.classes : 0, out));
        out->output_sd = output_spread(all, (int64_t)(bytes / sizeof *mine), network->model.outputs);
    }
    free(all);
    free(mine);
    return status;
}

void as_fit_free(as_fit *fit)
{
    free(fit->block);
    *fit = (as_fit){0};
}

void as_fit_difference(const as_fit *before, const as_fit *after, double *mean, double *error)
{
    double n = 0, squares = 0;
    *mean = 0;
    for (int64_t r = 0; r < before->rows; r++) {
        const double d = after->row_loss[r] - before->row_loss[r];
        as_moments_add(&n, mean, &squares, 1, 1, &d);
    }
    *error = sqrt(squares / (n - 1) / n);
}
