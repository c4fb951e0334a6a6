/* Every draw is one pass over the rows; their outputs are summed one draw after the other, so the mean does not depend
   on the layout. */
#include "cli/predict_uncertainty.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "estimator/network.h"
#include "kernels/scalar_math.h"
#include "run/posterior.h"

enum { DRAWS = 30, LAPLACE_ROWS = 5000 };

static const char *const methods[] = {"none", "ensemble", "dropout", "laplace", "swag", NULL};

as_status as_uncertainty_parse(const as_context *context, as_uncertainty *out)
{
    *out = (as_uncertainty){.kind = AS_UNCERTAINTY_NONE, .draws = DRAWS};
    const char *text = as_option_get(context, "uncertainty");
    AS_TRY(as_option_int(context, "samples", 2, 100000, &out->draws));
    if (text == NULL) {
        if (as_option_get(context, "samples") != NULL || as_option_get(context, "laplace") != NULL) {
            AS_FAIL(AS_USAGE, "predict: --samples and --laplace go with --uncertainty");
        }
        return AS_OK;
    }
    for (int k = AS_UNCERTAINTY_ENSEMBLE; methods[k] != NULL; k++) {
        if (strcmp(text, methods[k]) == 0) {
            out->kind = (as_uncertainty_kind)k;
        }
    }
    if (out->kind == AS_UNCERTAINTY_NONE) {
        AS_FAIL(AS_USAGE, "--uncertainty: expected ensemble, dropout, laplace or swag, found '%s'", text);
    }
    return AS_OK;
}

static bool member_path(const char *dir, int64_t k, char *path, size_t bytes)
{
    struct stat info;
    snprintf(path, bytes, "%.560s/member-%lld", dir, (long long)k);
    return stat(path, &info) == 0;
}

as_status as_uncertainty_path(const as_uncertainty *u, const char *path, char buffer[600], const char **out)
{
    *out = path;
    if (u->kind != AS_UNCERTAINTY_ENSEMBLE) {
        return AS_OK;
    }
    if (!member_path(path, 1, buffer, 600)) {
        AS_FAIL(AS_NOINPUT, "%s: not there: an ensemble is a folder made by allsum train --members", buffer);
    }
    *out = buffer;
    return AS_OK;
}

/* -- Draws. -- */

typedef struct draws {
    as_context *context;
    const as_model_file *m; /* that of the draw */
    const as_dataset *data;
    const as_sampler *sampler;
    as_batch *batch;
    as_uncertainty *u;
    double *buffer; /* (batch capacity, outputs) */
    bool random;    /* masks of dropout */
    int64_t draw;
} draws;

static double entropy(int64_t n, const double *p)
{
    if (n == 1) { /* one output: the probability of the second of two classes */
        const double two[2] = {p[0], 1 - p[0]};
        return entropy(2, two);
    }
    double h = 0;
    for (int64_t i = 0; i < n; i++) {
        h -= p[i] > 0 ? p[i] * as_log_f64(p[i]) : 0;
    }
    return h;
}

/* Adds what one draw says of a row. */
static void add_row(const as_uncertainty *u, int64_t row, const double *out)
{
    double *mean = u->mean + row * u->outputs, *extra = u->aleatoric + row * u->width;
    for (int64_t o = 0; o < u->outputs; o++) {
        mean[o] += out[o];
        if (!u->classes) {
            extra[o] += out[o] * out[o];
        }
    }
    const int64_t each = u->outputs / u->positions;
    for (int64_t q = 0; u->classes && q < u->positions; q++) {
        extra[q] += entropy(each, out + q * each);
    }
}

static as_status one_draw(const draws *d)
{
    for (int64_t b = 0; b < as_sampler_batches(d->sampler); b++) {
        as_sampler_fill(d->sampler, 0, b, d->batch);
        if (d->random) {
            AS_TRY(network_predict_random(d->m->estimator, d->batch, d->draw, d->buffer));
        } else {
            AS_TRY(d->m->estimator->ops->predict(d->m->estimator, d->batch, d->buffer));
        }
        for (int64_t r = 0; r < d->batch->rows; r++) {
            add_row(d->u, d->batch->row[r], d->buffer + r * d->u->outputs);
        }
    }
    return AS_OK;
}

/* From sums over draws to means and their split. noise: variance of values about their mean; < 0: not known. */
static void finish(const as_uncertainty *u, double noise)
{
    const double share = 1 / (double)u->draws;
    const int64_t each = u->outputs / u->positions;
    for (int64_t i = 0; i < u->rows * u->outputs; i++) {
        u->mean[i] *= share;
    }
    for (int64_t i = 0; i < u->rows * u->width; i++) {
        u->aleatoric[i] *= share;
        if (u->classes) {
            u->total[i] = entropy(each, u->mean + i * each);
            u->epistemic[i] = u->total[i] > u->aleatoric[i] ? u->total[i] - u->aleatoric[i] : 0;
        } else {
            const double variance = u->aleatoric[i] - u->mean[i] * u->mean[i];
            u->epistemic[i] = variance > 0 ? variance : 0;
            u->aleatoric[i] = noise >= 0 ? noise : (double)NAN;
            u->total[i] = u->epistemic[i] + u->aleatoric[i];
        }
    }
}

/* -- The methods. -- */

static as_status draw_members(draws *d)
{
    const char *set[AS_OPTION_TIMES];
    const int nsets = as_option_all(d->context, "set", set);
    char path[600];
    as_uncertainty *u = d->u;
    const as_model_file *first = d->m;
    for (u->draws = 0; member_path(d->context->argument[0], u->draws + 1, path, sizeof path); u->draws++) {
        as_model_file member;
        as_status status = as_model_file_open(first->world, as_team_size(first->team), first->kernels->set, path, nsets,
                                              set, &d->context->log, &member);
        if (status == AS_OK && member.estimator->ops->outputs(member.estimator) != u->outputs) {
            status = as_error_set(AS_CONFIG, "%s: expected %lld outputs as of member-1, found %lld", path,
                                  (long long)u->outputs, (long long)member.estimator->ops->outputs(member.estimator));
        }
        d->m = &member;
        if (status == AS_OK) {
            status = one_draw(d);
        }
        as_model_file_close(&member);
        AS_TRY(as_world_agree(first->world, status));
    }
    if (u->draws < 2) {
        AS_FAIL(AS_CONFIG, "%s: expected at least 2 members, found %lld", d->context->argument[0], (long long)u->draws);
    }
    snprintf(u->about, sizeof u->about, "%lld members", (long long)u->draws);
    finish(u, -1);
    return AS_OK;
}

static as_status check_network(const draws *d, bool dropout)
{
    const as_network *network = (const as_network *)d->m->estimator;
    if (d->m->estimator->ops->statistic != NULL) {
        AS_FAIL(AS_CONFIG, "--uncertainty %s: expected a network, found a model of type %s", methods[d->u->kind],
                d->m->estimator->ops->name);
    }
    bool random = false;
    for (int i = 0; i < network->model.nlayers; i++) {
        random = random || as_layer_draws(&network->model.layer[i]);
    }
    if (dropout && (!random || network->model.scope != AS_SCOPE_ROW)) {
        AS_FAIL(AS_CONFIG, "--uncertainty dropout: %s",
                !random ? "the network has no layer that drops anything"
                        : "layers such as batch_norm look at whole batches while "
                          "training");
    }
    return AS_OK;
}

static as_status draw_masks(draws *d)
{
    AS_TRY(check_network(d, true));
    d->random = true;
    for (d->draw = 0; d->draw < d->u->draws; d->draw++) {
        AS_TRY(one_draw(d));
    }
    snprintf(d->u->about, sizeof d->u->about, "%lld masks of dropout", (long long)d->u->draws);
    finish(d->u, -1);
    return AS_OK;
}

static as_status posterior_kind(const draws *d, as_posterior_kind *out)
{
    static const char *const names[] = {"last_layer", "diagonal", "full", NULL};
    const char *text = as_option_get(d->context, "laplace");
    *out = d->u->kind == AS_UNCERTAINTY_SWAG ? AS_POSTERIOR_SWAG : AS_POSTERIOR_LAST_LAYER;
    for (int k = 0; text != NULL && names[k] != NULL; k++) {
        if (strcmp(text, names[k]) == 0) {
            *out = (as_posterior_kind)k;
            return AS_OK;
        }
    }
    if (text != NULL) {
        AS_FAIL(AS_USAGE, "--laplace: expected last_layer, diagonal or full, found '%s'", text);
    }
    return AS_OK;
}

static as_status draw_weights(draws *d, const as_posterior *p)
{
    const as_network *network = (const as_network *)d->m->estimator;
    double *w = malloc((size_t)p->n * sizeof *w);
    as_status status = w == NULL ? as_error_set(AS_NOMEM, "out of memory for draws of the weights") : AS_OK;
    if (status == AS_OK && p->n != network->n) {
        status =
            as_error_set(AS_INTERNAL, "posterior of %lld weights for %lld", (long long)p->n, (long long)network->n);
    }
    status = as_world_agree(d->m->world, status);
    for (int64_t s = 0; s < d->u->draws && status == AS_OK; s++) {
        status = as_posterior_draw(p, network->setup.seed, (uint32_t)s, w);
        if (status == AS_OK) {
            status = network_set_params(d->m->estimator, w);
        }
        if (status == AS_OK) {
            status = one_draw(d);
        }
    }
    free(w);
    return status;
}

static as_status draw_posterior(draws *d)
{
    const char *set[AS_OPTION_TIMES];
    as_posterior_options o = {.path = d->context->argument[0],
                              .set = set,
                              .isa = d->m->kernels->set,
                              .threads = as_team_size(d->m->team),
                              .rows = LAPLACE_ROWS,
                              .log = &d->context->log};
    as_posterior p = {0};
    o.nsets = as_option_all(d->context, "set", set);
    AS_TRY(check_network(d, false));
    AS_TRY(posterior_kind(d, &o.kind));
    as_status status = as_world_agree(d->m->world, as_posterior_find(&o, &p));
    if (status == AS_OK) {
        status = draw_weights(d, &p);
    }
    if (status == AS_OK && p.kind == AS_POSTERIOR_SWAG) {
        snprintf(d->u->about, sizeof d->u->about, "%lld draws by SWAG from %lld checkpoints", (long long)d->u->draws,
                 (long long)p.members);
    } else if (status == AS_OK) {
        snprintf(d->u->about, sizeof d->u->about,
                 "%lld draws; Laplace, %lld weights, %lld of %lld rows, prior precision %.4g, %.1f weights determined",
                 (long long)d->u->draws, (long long)p.k, (long long)p.rows, (long long)p.of, p.delta, p.effective);
    }
    if (status == AS_OK) {
        finish(d->u, p.kind != AS_POSTERIOR_SWAG && !d->u->classes ? p.noise : -1);
        d->u->noise = d->u->classes || p.kind != AS_POSTERIOR_SWAG;
    }
    as_posterior_free(&p);
    return status;
}

as_status as_uncertainty_predict(as_context *context, const as_model_file *m, const as_dataset *data,
                                 const as_sampler *sampler, as_batch *batch, as_uncertainty *u)
{
    draws d = {.context = context, .m = m, .data = data, .sampler = sampler, .batch = batch, .u = u};
    u->width = u->classes ? u->positions : u->outputs;
    const size_t values = (size_t)((u->rows + 1) * u->outputs), rows = (size_t)((u->rows + 1) * u->width);
    u->mean = calloc(values, sizeof(double));
    u->total = calloc(rows, sizeof(double));
    u->aleatoric = calloc(rows, sizeof(double));
    u->epistemic = calloc(rows, sizeof(double));
    d.buffer = malloc((size_t)(batch->capacity + 1) * (size_t)u->outputs * sizeof(double));
    as_status status = AS_OK;
    if (u->mean == NULL || u->total == NULL || u->aleatoric == NULL || u->epistemic == NULL || d.buffer == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for %lld predictions", (long long)u->rows);
    }
    status = as_world_agree(m->world, status);
    u->noise = u->classes;
    if (status == AS_OK) {
        status = u->kind == AS_UNCERTAINTY_ENSEMBLE  ? draw_members(&d)
                 : u->kind == AS_UNCERTAINTY_DROPOUT ? draw_masks(&d)
                                                     : draw_posterior(&d);
    }
    free(d.buffer);
    return status;
}

void as_uncertainty_free(as_uncertainty *u)
{
    free(u->mean);
    free(u->total);
    free(u->aleatoric);
    free(u->epistemic);
    u->mean = u->total = u->aleatoric = u->epistemic = NULL;
}
