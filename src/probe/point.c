/* Gradients at a point and beside it (estimator/gradients.h), Lanczos on central differences of them (|h| = 1e-5 max(1,
   |w|) along a unit vector: the error is about 1e-9 of the largest eigenvalue in double), instruments for signals and
   units. Cost: about 60 gradients of the rows. */
#include "probe/point.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/sampler.h"
#include "math/lanczos.h"
#include "probe/probe.h"

enum { PRODUCTS = 24, NOISE_BATCHES = 16, ROWS_LEAST = 64 };

static const double flops_most = 2e8, curvature_most = 1e11, vectors_most = 3e7, step_size = 1e-5;

typedef struct bench {
    as_network *network;
    const as_dataset *data;
    as_gradients *gradients;
    as_sampler *sampler, *small;
    as_batch batch, part;
    int64_t n, rows;
    double *w, *g, *at, *sum; /* (n) each */
    double decay;             /* l2 and coupled weight decay: adds to every eigenvalue */
} bench;

static double dot(const bench *b, const double *x, const double *y)
{
    double sum = 0;
    for (int64_t i = 0; i < b->n; i++) {
        sum += x[i] * y[i];
    }
    return sum;
}

static int64_t rows_of(const as_network *network, const as_dataset *data, int64_t most)
{
    const double flops = as_model_flops(&network->model, true);
    int64_t rows = flops > 0 && flops_most / flops < (double)most ? (int64_t)(flops_most / flops) : most;
    rows = rows < ROWS_LEAST ? ROWS_LEAST : rows;
    return rows < data->rows ? rows : data->rows;
}

static as_status make_batches(bench *b)
{
    const int64_t part = b->rows / NOISE_BATCHES > 0 ? b->rows / NOISE_BATCHES : 1;
    const uint64_t seed = b->network->setup.seed;
    AS_TRY(as_sampler_create(b->data, b->rows, true, seed, &b->sampler));
    AS_TRY(as_sampler_batch_create(b->sampler, &b->batch));
    AS_TRY(as_sampler_create(b->data, part, true, seed, &b->small));
    AS_TRY(as_sampler_batch_create(b->small, &b->part));
    b->w = calloc((size_t)(4 * b->n + 4), sizeof *b->w);
    if (b->w == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for 4 vectors of %lld parameters", (long long)b->n);
    }
    b->g = b->w + b->n;
    b->at = b->g + b->n;
    b->sum = b->at + b->n;
    return AS_OK;
}

static as_status open_bench(as_network *network, const as_dataset *data, int64_t most, bench *b)
{
    *b = (bench){.network = network, .data = data, .n = network->model.nparams};
    b->rows = rows_of(network, data, most);
    const int lanes = data->lanes->lanes;
    const as_gradients_options options = {.precision = AS_FLOAT64, .lane_rows = b->rows / lanes + 2};
    b->decay = network->model.l2;
    if (strcmp(network->optimizer.ops->name, "adamw") != 0) {
        b->decay += network->optimizer.weight_decay;
    }
    AS_TRY(as_world_agree(network->setup.world, make_batches(b)));
    as_sampler_fill(b->sampler, 0, 0, &b->batch);
    AS_TRY(as_gradients_create((as_estimator *)network, &options, &b->gradients));
    as_gradients_params(b->gradients, b->w);
    return AS_OK;
}

static void close_bench(bench *b)
{
    as_gradients_destroy(&b->gradients);
    as_sampler_batch_destroy(&b->batch);
    as_sampler_batch_destroy(&b->part);
    as_sampler_destroy(&b->sampler);
    as_sampler_destroy(&b->small);
    free(b->w);
}

static as_status gradient(bench *b, const as_batch *batch, const double *at, bool loss_alone, as_gradients_result *out)
{
    const as_gradients_task task = {.batch = batch, .at = at, .loss_alone = loss_alone};
    return as_gradients_run(b->gradients, &task, out);
}

/* (g(w + h v) - g(w - h v)) / 2 h, and the penalties. */
static as_status product(void *context, int64_t n, const double *x, double *y)
{
    bench *b = context;
    as_gradients_result result;
    const double length = sqrt(dot(b, x, x)), size = sqrt(dot(b, b->w, b->w));
    const double h = length > 0 ? step_size * (size > 1 ? size : 1) / length : 0;
    for (int side = 1; side >= -1; side -= 2) {
        for (int64_t i = 0; i < n; i++) {
            b->at[i] = b->w[i] + side * h * x[i];
        }
        AS_TRY(gradient(b, &b->batch, b->at, false, &result));
        const double *g = as_gradients_mean(b->gradients);
        for (int64_t i = 0; i < n; i++) {
            y[i] = side > 0 ? g[i] : h > 0 ? (y[i] - g[i]) / (2 * h) + b->decay * x[i] : 0;
        }
    }
    return AS_OK;
}

/* S = b / (K - 1) sum_k |g_k - mean|^2 over K batches of b rows. */
static as_status measure_noise(bench *b, as_point *out)
{
    const int64_t batches = as_sampler_batches(b->small);
    const int64_t count = batches < NOISE_BATCHES ? batches : NOISE_BATCHES;
    double squares = 0, samples = 0;
    out->trace = (double)NAN;
    memset(b->sum, 0, (size_t)b->n * sizeof *b->sum);
    int used = 0;
    for (int64_t k = 0; k < count; k++) {
        as_gradients_result result;
        as_sampler_fill(b->small, 0, k, &b->part);
        if (k > 0 && b->part.global_rows < b->rows / NOISE_BATCHES) {
            continue; /* the rest of the rows */
        }
        AS_TRY(gradient(b, &b->part, NULL, false, &result));
        const double *g = as_gradients_mean(b->gradients);
        squares += dot(b, g, g);
        for (int64_t i = 0; i < b->n; i++) {
            b->sum[i] += g[i];
        }
        samples = result.samples;
        used++;
    }
    if (used > 2) {
        out->trace = samples / (used - 1) * (squares - dot(b, b->sum, b->sum) / used);
    }
    return AS_OK;
}

/* The lowest loss at +-t v for growing t, over the loss here. */
static as_status walk(bench *b, const double *v, as_point *out)
{
    const double size = sqrt(dot(b, b->w, b->w)), unit = size > 1 ? size : 1;
    out->walk = 1;
    for (double t = 0.03; t < 2; t *= 3) {
        for (int side = 1; side >= -1; side -= 2) {
            as_gradients_result result;
            for (int64_t i = 0; i < b->n; i++) {
                b->at[i] = b->w[i] + side * t * unit * v[i];
            }
            AS_TRY(gradient(b, &b->batch, b->at, true, &result));
            const double ratio = result.loss / out->loss;
            out->walk = ratio < out->walk ? ratio : out->walk;
        }
    }
    return AS_OK;
}

static as_status measure_curvature(bench *b, as_point *out)
{
    int64_t steps = (int64_t)(vectors_most / (double)b->n);
    steps = steps > PRODUCTS ? PRODUCTS : steps;
    const double flops = 2.0 * PRODUCTS * (double)b->rows * as_model_flops(&b->network->model, true);
    if (steps < 8 || flops > curvature_most) {
        snprintf(out->why, sizeof out->why, "curvature of %lld parameters would take %.2g operations (most %.0e)",
                 (long long)b->n, flops, curvature_most);
        return AS_OK;
    }
    const as_lanczos_options options = {
        .n = b->n, .steps = steps, .seed = b->network->setup.seed, .wanted = 1, .tolerance = 1e-3, .vectors = true};
    as_lanczos lanczos;
    as_status status = as_lanczos_run(&options, product, b, &lanczos);
    if (status == AS_DIVERGED) {
        snprintf(out->why, sizeof out->why, "curvature is not finite");
        status = AS_OK;
    } else if (status == AS_OK && lanczos.steps > 0) {
        out->lambda_max = lanczos.value[lanczos.steps - 1];
        out->lambda_min = lanczos.value[0];
        if (out->lambda_min < 0 && lanczos.vector != NULL) {
            status = walk(b, lanczos.vector, out);
        }
    }
    as_lanczos_destroy(&lanczos);
    return status;
}

/* ---- units that stay equal ---- */

static int weight_of(const as_layer *layer)
{
    for (int q = 0; q < layer->nparams; q++) {
        const as_param *p = &layer->param[q];
        if (p->shape.rank >= 2 && !p->table && !p->tied && !p->statistic &&
            p->shape.dim[p->shape.rank - 1] == as_shape_channels(&layer->out)) {
            return q;
        }
    }
    return -1;
}

static double size_of(const as_param *p, const double *v)
{
    double most = 0;
    for (int64_t i = 0; i < p->count; i++) {
        const double x = fabs(v[p->offset + i]);
        most = x > most ? x : most;
    }
    return most;
}

static bool columns_equal(const as_param *p, const double *v, double limit, int64_t a, int64_t b)
{
    const int64_t units = p->shape.dim[p->shape.rank - 1];
    for (int64_t i = 0; i < p->count; i += units) {
        if (fabs(v[p->offset + i + a] - v[p->offset + i + b]) > limit) {
            return false;
        }
    }
    return true;
}

/* Share of the units that have a twin: the same weights and the same gradient, so that no step tells them apart. At
   most 256 units are looked at. */
static double symmetric_share(const bench *b, const as_layer *layer)
{
    const int q = weight_of(layer);
    if (q < 0) {
        return (double)NAN;
    }
    const as_param *p = &layer->param[q];
    const int64_t all = p->shape.dim[p->shape.rank - 1], units = all < 256 ? all : 256;
    const double w = 1e-10 * size_of(p, b->w), g = 1e-8 * size_of(p, b->g);
    double twins = 0;
    for (int64_t i = 0; i < units; i++) {
        bool twin = false;
        for (int64_t j = 0; j < units && !twin; j++) {
            twin = i != j && columns_equal(p, b->w, w, i, j) && columns_equal(p, b->g, g, i, j);
        }
        twins += twin ? 1 : 0;
    }
    return units > 1 ? twins / (double)units : (double)NAN;
}

/* ---- signals and units ---- */

static void choose_instruments(as_probe_options *o)
{
    static const char *const wanted[] = {"norms", "signal", "units"};
    *o = (as_probe_options){.every = {.steps = 1}, .pulse_steps = -1};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        for (const as_probe_ops *const *k = as_probes_get(); *k != NULL; k++) {
            if (strcmp((*k)->name, wanted[i]) == 0) {
                o->kind[o->n++] = *k;
            }
        }
    }
}

static void copy_record(const bench *b, const as_probe_record *from, as_point *out)
{
    const as_model *model = &b->network->model;
    for (int l = 0; l < from->nlayers; l++) {
        out->record.layer[l] = from->layer[l];
        out->symmetric[l] = (double)NAN;
        for (int i = 0; i < model->nlayers; i++) {
            if (strcmp(model->layer[i].name, from->layer[l].name) == 0) {
                out->symmetric[l] = symmetric_share(b, &model->layer[i]);
            }
        }
    }
    out->layer = out->record.layer;
    out->nlayers = from->nlayers;
}

static as_status measure_layers(bench *b, as_point *out)
{
    const as_setup *setup = &b->network->setup;
    double kept[AS_PROBE_STATE_REALS] = {0};
    as_probe_options options;
    choose_instruments(&options);
    const int lanes = b->data->lanes->lanes;
    const as_probe_setup probe_setup = {.options = &options,
                                        .estimator = (as_estimator *)b->network,
                                        .world = setup->world,
                                        .team = setup->team,
                                        .lanes = b->data->lanes,
                                        .data = b->data,
                                        .capacity = b->rows / lanes + 2,
                                        .total_steps = 1,
                                        .seed = setup->seed,
                                        .precision = AS_FLOAT64,
                                        .kept = kept,
                                        .log = setup->log};
    as_probe *probe = NULL;
    const as_probe_record *record = NULL;
    const as_step_report report = {.loss = out->loss, .samples = b->batch.global_rows};
    as_status status = as_probe_create(&probe_setup, &probe);
    if (status == AS_OK && probe != NULL) {
        status = as_probe_before(probe, AS_PROBE_INSTRUMENTS, &b->batch, 0);
    }
    if (status == AS_OK && probe != NULL) {
        status = as_probe_after(probe, AS_PROBE_INSTRUMENTS, &b->batch, &report, 0, 0, &record);
    }
    if (status == AS_OK && record != NULL) {
        status = as_world_agree(setup->world, as_probe_record_make(record->nlayers, &out->record));
        out->symmetric = calloc((size_t)record->nlayers + 1, sizeof *out->symmetric);
        if (status == AS_OK) {
            status =
                as_world_agree(setup->world, out->symmetric == NULL ? as_error_set(AS_NOMEM, "out of memory") : AS_OK);
        }
    }
    if (status == AS_OK && record != NULL) {
        copy_record(b, record, out);
    }
    as_probe_destroy(&probe);
    return status;
}

/* Norm of the parameters that penalties apply to. */
static double weights_of(const bench *b)
{
    const as_model *model = &b->network->model;
    double squares = 0;
    for (int l = 0; l < model->nlayers; l++) {
        for (int q = 0; q < model->layer[l].nparams; q++) {
            const as_param *p = &model->layer[l].param[q];
            for (int64_t i = 0; i < p->count && p->decay && !p->tied; i++) {
                squares += b->w[p->offset + i] * b->w[p->offset + i];
            }
        }
    }
    return sqrt(squares);
}

static as_status measure(bench *b, unsigned what, as_point *out)
{
    as_gradients_result result;
    AS_TRY(gradient(b, &b->batch, NULL, false, &result));
    memcpy(b->g, as_gradients_mean(b->gradients), (size_t)b->n * sizeof *b->g);
    out->measured = true;
    out->finite = result.finite;
    out->rows = result.samples;
    out->whole = b->rows == b->data->rows;
    out->loss = result.loss;
    out->gradient = dot(b, b->g, b->g);
    out->weight_norm = weights_of(b);
    if (!result.finite) {
        snprintf(out->why, sizeof out->why, "loss or gradient is not finite");
        return AS_OK;
    }
    AS_TRY(measure_noise(b, out));
    AS_TRY(measure_layers(b, out));
    return (what & AS_POINT_CURVATURE) != 0 ? measure_curvature(b, out) : AS_OK;
}

as_status as_point_measure(as_network *network, const as_dataset *data, int64_t rows, unsigned what, as_point *out)
{
    bench b;
    *out = (as_point){.trace = (double)NAN,
                      .lambda_max = (double)NAN,
                      .lambda_min = (double)NAN,
                      .walk = (double)NAN,
                      .fraction = (double)NAN};
    as_status status = open_bench(network, data, rows, &b);
    if (status == AS_OK) {
        status = measure(&b, what, out);
    }
    close_bench(&b);
    return status;
}

as_status as_point_fraction(as_network *network, const as_dataset *data, int64_t rows, const double *before,
                            double *out)
{
    bench b;
    as_gradients_result result;
    *out = (double)NAN;
    as_status status = open_bench(network, data, rows, &b);
    if (status == AS_OK) { /* b.w is the point after the step: its difference is the direction */
        for (int64_t i = 0; i < b.n; i++) {
            b.sum[i] = b.w[i] - before[i];
            b.w[i] = before[i];
        }
        status = gradient(&b, &b.batch, b.w, false, &result);
    }
    if (status == AS_OK && result.finite) {
        const double down = -dot(&b, as_gradients_mean(b.gradients), b.sum);
        status = product(&b, b.n, b.sum, b.g);
        *out = down > 0 ? dot(&b, b.sum, b.g) / down : (double)NAN;
    }
    close_bench(&b);
    return status;
}

as_status as_point_loss(as_network *network, const as_dataset *data, int64_t rows, double *out)
{
    bench b;
    as_gradients_result result = {.loss = (double)NAN};
    as_status status = open_bench(network, data, rows, &b);
    if (status == AS_OK) {
        status = gradient(&b, &b.batch, NULL, true, &result);
    }
    *out = result.loss;
    close_bench(&b);
    return status;
}

void as_point_free(as_point *point)
{
    as_probe_record_free(&point->record);
    free(point->symmetric);
    *point = (as_point){0};
}
