/* Cost of Laplace: rows x k^2 for G, 10 k^3 for its eigenvalues; for the whole network also rows x classes gradients.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/gradients.h"
#include "estimator/network.h"
#include "math/dense.h"
#include "run/posterior_fit.h"

enum { EVIDENCE_STEPS = 100 };

/* What one fit works with. */
typedef struct fit {
    as_posterior *p;
    as_model_file file;
    as_dataset data;
    as_sampler *sampler;
    as_batch batch, one;
    as_gradients *gradients;
    const as_model *model;
    int64_t *lane_row;
    double *x, *z; /* of a batch: (rows, width) of the last layer's input, (rows, outputs) */
    int64_t width, outputs;
    int input;    /* value that the last layer reads */
    double *g;    /* (outputs, k) scaled rows of J */
    double *h;    /* (k, k), upper half; or (k) its diagonal */
    double scale; /* all rows / rows that are summed */
} fit;

static bool classes(const fit *f)
{
    return f->model->data.target == AS_TARGET_LABELS;
}

/* -- Rows. -- */

static void see(void *context, const as_gradients_view *view)
{
    fit *f = context;
    const as_model_work *w = view->work;
    const int value = view->model->head[0].value;
    const int64_t at = view->from;
    for (int64_t r = 0; r < view->lane_row[view->lanes] && view->thread == 0; r++) {
        memcpy(f->x + (at + r) * f->width, (const double *)w->x[f->input] + r * w->ld[f->input],
               (size_t)f->width * sizeof(double));
        memcpy(f->z + (at + r) * f->outputs, (const double *)w->x[value] + r * w->ld[value],
               (size_t)f->outputs * sizeof(double));
    }
}

/* Probabilities of the classes from outputs: one output stands for two classes. */
static void probabilities(const fit *f, const double *z, double *p)
{
    const as_model_head *head = &f->model->head[0];
    memcpy(p, z, (size_t)f->outputs * sizeof(double));
    head->loss->predict(head->options, 1, f->outputs, p, f->outputs);
}

/* Rows of J of one row by gradients of its loss under every answer it might have had: that under class k is
   J' (p - e_k); under the target z - e_j it is 2 / K J' e_j for the mean square. */
static as_status row_gradients(fit *f, int64_t row, const double *z)
{
    const as_posterior *p = f->p;
    const int64_t answers = classes(f) && f->outputs == 1 ? 2 : f->outputs;
    int lane = 0;
    while (f->batch.lane_row[lane + 1] <= row) {
        lane++;
    }
    f->one = f->batch;
    f->one.rows = f->one.global_rows = 1;
    f->one.row += row;
    f->one.at += row;
    f->one.id += row;
    double weight = 1;
    int32_t label = 0;
    double target[64];
    f->one.weight = &weight;
    f->one.label = classes(f) ? &label : NULL;
    f->one.target = classes(f) ? NULL : target;
    f->one.lane_row = f->lane_row;
    for (int l = 0; l <= f->file.lanes.count; l++) {
        f->lane_row[l] = l > lane ? 1 : 0;
    }
    for (int64_t a = 0; a < answers; a++) {
        label = (int32_t)a;
        for (int64_t t = 0; !classes(f) && t < f->outputs; t++) {
            target[t] = z[t] - (t == a ? 1 : 0);
        }
        as_gradients_result result;
        const as_gradients_task task = {.batch = &f->one};
        AS_TRY(as_gradients_run(f->gradients, &task, &result));
        const double *g = as_gradients_mean(f->gradients);
        const double unit = classes(f) ? 1 : (double)f->outputs / 2;
        for (int64_t i = 0; i < p->k; i++) {
            f->g[a * p->k + i] = unit * g[p->index[i]];
        }
    }
    return AS_OK;
}

/* h += c v v' (upper half), or its diagonal. */
static void add_outer(const fit *f, double c, const double *v)
{
    const int64_t k = f->p->k;
    for (int64_t i = 0; i < k; i++) {
        const double cv = c * v[i];
        if (f->p->kind == AS_POSTERIOR_DIAGONAL) {
            f->h[i] += cv * v[i];
            continue;
        }
        double *restrict to = f->h + i * k;
        for (int64_t j = i; j < k && cv != 0; j++) {
            to[j] += cv * v[j];
        }
    }
}

/* The row's part of G from the whole network. */
static as_status add_row_all(fit *f, int64_t row, double weight)
{
    const double *z = f->z + row * f->outputs;
    double p[2] = {1, 1}, *prob = NULL;
    AS_TRY(row_gradients(f, row, z));
    if (classes(f)) {
        prob = malloc((size_t)(f->outputs + 1) * sizeof *prob);
        if (prob == NULL) {
            return as_posterior_no_memory();
        }
        probabilities(f, z, prob);
        p[1] = prob[0];
        p[0] = 1 - prob[0];
    }
    const int64_t answers = classes(f) && f->outputs == 1 ? 2 : f->outputs;
    for (int64_t a = 0; a < answers; a++) {
        const double share = !classes(f) ? 1 / f->p->noise : f->outputs == 1 ? p[a] : prob[a];
        add_outer(f, weight * share, f->g + a * f->p->k);
    }
    free(prob);
    return AS_OK;
}

/* The row's part from the last layer z = x W + b: blocks x_j x_l (diag(p) - p p'). */
static as_status add_row_last(fit *f, int64_t row, double weight)
{
    const int64_t d = f->width, m = f->outputs, k = f->p->k;
    const double *x = f->x + row * d;
    const bool bias = k == (d + 1) * m;
    double *prob = malloc((size_t)m * sizeof *prob);
    if (prob == NULL) {
        return as_posterior_no_memory();
    }
    if (classes(f)) {
        probabilities(f, f->z + row * m, prob);
    }
    for (int64_t j = 0; j < d + (bias ? 1 : 0); j++) {
        const double xj = j < d ? x[j] : 1;
        for (int64_t a = 0; a < m && xj != 0; a++) {
            double *restrict to = f->h + (j * m + a) * k;
            for (int64_t l = j; l < d + (bias ? 1 : 0); l++) {
                const double c = weight * xj * (l < d ? x[l] : 1);
                if (!classes(f)) {
                    to[l * m + a] += c / f->p->noise;
                    continue;
                }
                const double own = c * prob[a];
                for (int64_t b = 0; b < m; b++) {
                    to[l * m + b] -= own * prob[b];
                }
                to[l * m + a] += own;
            }
        }
    }
    free(prob);
    return AS_OK;
}

/* -- The pass over the training rows. -- */

static as_status look(fit *f, int64_t b)
{
    as_gradients_result result;
    as_sampler_fill(f->sampler, 0, b, &f->batch);
    const as_gradients_task task = {.batch = &f->batch, .loss_alone = true, .see = see, .context = f};
    return as_gradients_run(f->gradients, &task, &result);
}

/* Mean square of the residuals: sigma^2 of all values together. */
static as_status find_noise(fit *f)
{
    double sum = 0, weight = 0;
    for (int64_t b = 0; b < as_sampler_batches(f->sampler) && !classes(f); b++) {
        AS_TRY(look(f, b));
        for (int64_t r = 0; r < f->batch.rows; r++) {
            for (int64_t t = 0; t < f->outputs; t++) {
                const double e = f->z[r * f->outputs + t] - f->batch.target[r * f->outputs + t];
                sum += f->batch.weight[r] * e * e;
            }
            weight += f->batch.weight[r] * (double)f->outputs;
        }
    }
    f->p->noise = classes(f) ? 0 : sum / weight;
    if (!classes(f) && !(f->p->noise > 0)) {
        AS_FAIL(AS_DATA, "laplace: the residuals of %s are all zero: there is no noise to speak of", f->data.place);
    }
    return AS_OK;
}

static as_status sum_rows(fit *f, int64_t most)
{
    const int64_t of = f->data.rows, every = of > most ? (of + most - 1) / most : 1;
    f->p->of = of;
    f->p->rows = (of + every - 1) / every;
    f->scale = (double)of / (double)f->p->rows;
    int64_t at = 0; /* rows seen: every `every`th of them is taken */
    for (int64_t b = 0; b < as_sampler_batches(f->sampler); b++) {
        AS_TRY(look(f, b));
        for (int64_t r = 0; r < f->batch.rows; r++, at++) {
            if (at % every != 0) {
                continue;
            }
            const double weight = f->scale * f->batch.weight[r];
            AS_TRY(f->p->kind == AS_POSTERIOR_LAST_LAYER ? add_row_last(f, r, weight) : add_row_all(f, r, weight));
        }
    }
    return AS_OK;
}

/* -- Which weights, and whether there can be a posterior of them. -- */

/* The last layer, which must be a plain dense one for its own approximation. */
static as_status find_last(fit *f)
{
    const as_model *m = f->model;
    const as_layer *layer = &m->layer[m->head[0].value - 1];
    if (strcmp(layer->ops->name, "dense") != 0 || layer->out.rank != 1 || layer->nparams < 1 || !layer->trains ||
        layer->param[0].tied || layer->param[0].adapted) {
        AS_FAIL(AS_CONFIG, "laplace: the last layer %s is of kind %s; expected a dense one that trains", layer->name,
                layer->ops->name);
    }
    f->input = layer->from[0];
    f->width = layer->in_size[0];
    f->p->k = 0;
    for (int q = 0; q < layer->nparams; q++) {
        for (int64_t e = 0; e < layer->param[q].count; e++) {
            f->p->index[f->p->k++] = layer->param[q].offset + e;
        }
    }
    return AS_OK;
}

static as_status choose_weights(fit *f)
{
    const as_model *m = f->model;
    as_posterior *p = f->p;
    p->index = malloc((size_t)(m->nparams + 1) * sizeof *p->index);
    if (p->index == NULL) {
        return as_posterior_no_memory();
    }
    f->input = m->head[0].value;
    f->width = f->outputs;
    for (int i = 0; i < m->nlayers && p->kind != AS_POSTERIOR_LAST_LAYER; i++) {
        for (int q = 0; q < m->layer[i].nparams; q++) {
            for (int64_t e = 0; as_gradients_trains(m, i, q) && e < m->layer[i].param[q].count; e++) {
                p->index[p->k++] = m->layer[i].param[q].offset + e;
            }
        }
    }
    if (p->kind == AS_POSTERIOR_LAST_LAYER) {
        AS_TRY(find_last(f));
    }
    if (p->k < 1 || p->k > AS_POSTERIOR_WEIGHTS) {
        AS_FAIL(AS_CONFIG, "laplace: expected 1 to %d weights that vary, found %lld%s", AS_POSTERIOR_WEIGHTS,
                (long long)p->k,
                p->kind == AS_POSTERIOR_LAST_LAYER ? "" : "; --uncertainty laplace takes the last layer");
    }
    return AS_OK;
}

static as_status check_model(const fit *f)
{
    const as_model *m = f->model;
    const as_model_head *head = &m->head[0];
    const char *loss = head->loss->name;
    if (m->nheads > 1 || m->data.positions != 1 ||
        (strcmp(loss, "cross_entropy") != 0 && strcmp(loss, "bce") != 0 && strcmp(loss, "mse") != 0) ||
        (strcmp(loss, "bce") == 0 && f->outputs != 1)) {
        AS_FAIL(AS_CONFIG, "laplace: expected one loss cross_entropy, bce or mse and one answer a sample, found %s",
                m->nheads > 1 ? "several losses" : loss);
    }
    for (int i = 0; i < m->nlayers; i++) {
        const as_layer *layer = &m->layer[i];
        if (layer->scope != AS_SCOPE_ROW) {
            AS_FAIL(AS_CONFIG, "laplace: layer %s of kind %s looks at whole batches: there is no posterior for it here",
                    layer->name, layer->ops->name);
        }
    }
    return AS_OK;
}

/* -- The fit. -- */

/* delta by MacKay's fixed point. */
static void find_delta(as_posterior *p, double given)
{
    double square = 0;
    for (int64_t i = 0; i < p->k; i++) {
        square += p->mean[p->index[i]] * p->mean[p->index[i]];
        p->value[i] = p->value[i] > 0 ? p->value[i] : 0;
    }
    p->delta = given > 0 ? given : 1;
    for (int step = 0; step <= EVIDENCE_STEPS; step++) {
        p->effective = 0;
        for (int64_t i = 0; i < p->k; i++) {
            p->effective += p->value[i] / (p->value[i] + p->delta);
        }
        if (given > 0 || !(square > 0) || !(p->effective > 0) || step == EVIDENCE_STEPS) {
            return;
        }
        p->delta = p->effective / square;
    }
}

static as_status make_arrays(fit *f)
{
    as_posterior *p = f->p;
    const size_t k = (size_t)p->k, rows = (size_t)f->batch.capacity + 1;
    const bool full = p->kind != AS_POSTERIOR_DIAGONAL;
    f->h = calloc(full ? k * k : k, sizeof(double));
    f->g = malloc((size_t)(f->outputs + 1) * k * sizeof(double));
    f->x = malloc(rows * (size_t)f->width * sizeof(double));
    f->z = malloc(rows * (size_t)f->outputs * sizeof(double));
    f->lane_row = calloc((size_t)f->file.lanes.count + 1, sizeof *f->lane_row);
    p->value = malloc(k * sizeof(double));
    p->vector = full ? malloc(k * k * sizeof(double)) : NULL;
    const bool good = f->h != NULL && f->g != NULL && f->x != NULL && f->z != NULL && f->lane_row != NULL &&
                      p->value != NULL && (!full || p->vector != NULL);
    return good ? AS_OK : as_posterior_no_memory();
}

static as_status measure(fit *f, const as_posterior_options *o, as_world *world)
{
    as_posterior *p = f->p;
    AS_TRY(as_model_file_open(world, o->threads, o->isa, o->path, o->nsets, o->set, o->log, &f->file));
    if (f->file.estimator->ops->gradients == NULL) {
        AS_FAIL(AS_CONFIG, "laplace: expected a network, found a model of type %s", f->file.estimator->ops->name);
    }
    AS_TRY(as_model_file_data(&f->file, AS_TRAIN, NULL, &f->data, &f->sampler, &f->batch));
    const as_gradients_options how = {.precision = AS_FLOAT64, .lane_rows = f->batch.capacity, .quiet = true};
    AS_TRY(as_gradients_create(f->file.estimator, &how, &f->gradients));
    f->model = as_gradients_model(f->gradients);
    f->outputs = f->model->outputs;
    if (f->outputs > 64 && f->model->data.target != AS_TARGET_LABELS) {
        AS_FAIL(AS_CONFIG, "laplace: expected at most 64 values to predict, found %lld", (long long)f->outputs);
    }
    AS_TRY(check_model(f));
    AS_TRY(choose_weights(f));
    p->n = f->model->nparams;
    p->mean = malloc((size_t)p->n * sizeof(double));
    if (p->mean == NULL) {
        return as_posterior_no_memory();
    }
    as_gradients_params(f->gradients, p->mean);
    AS_TRY(make_arrays(f));
    AS_TRY(find_noise(f));
    AS_TRY(sum_rows(f, o->rows));
    if (p->kind == AS_POSTERIOR_DIAGONAL) {
        memcpy(p->value, f->h, (size_t)p->k * sizeof(double));
    } else {
        for (int64_t i = 0; i < p->k; i++) {
            for (int64_t j = 0; j < i; j++) {
                f->h[i * p->k + j] = f->h[j * p->k + i];
            }
        }
        AS_TRY(as_dense_eigen(p->k, f->h, p->value, p->vector));
    }
    find_delta(p, o->precision);
    return AS_OK;
}

static void close_fit(fit *f)
{
    free(f->h);
    free(f->g);
    free(f->x);
    free(f->z);
    free(f->lane_row);
    as_gradients_destroy(&f->gradients);
    as_sampler_batch_destroy(&f->batch);
    as_sampler_destroy(&f->sampler);
    as_dataset_close(&f->data);
    as_model_file_close(&f->file);
}

as_status as_posterior_laplace(as_posterior *p, const as_posterior_options *options, as_world *world)
{
    fit f = {.p = p};
    const as_status status = measure(&f, options, world);
    close_fit(&f);
    return status;
}
