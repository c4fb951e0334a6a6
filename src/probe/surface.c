/* The loss as a function of the parameters. A product with the Hessian is (g(w + h v) - g(w - h v)) / 2h for v of unit
   length, h = cbrt(eps) (1 + rms w): the truncation is h^2 / 6 times a fourth derivative, the rounding eps |g| / h,
   both about 1e-11. Where units with kinks (relu) cross theirs between the two points, their rows count half. */
#include "probe/surface.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "probe/lanes.h"

static const double cube_root_of_eps = 0x1.965fea53d6e3dp-18; /* 6.06e-6 */

struct as_surface {
    as_probe_setup setup;
    as_gradients *gradients;
    const as_model *model;
    as_dataset data; /* the training data, without augmentation */
    as_sampler *sampler;
    as_batch batch;
    int64_t n, rows;
    double *memory;
    double *w, *g, *one, *two, *scale, *decay, *root; /* (n) */
    double *mask;                                     /* (n) 1: trained and decays, 0: trained, -1: not trained */
    double loss, h;
    as_gradients_result at;
};

int64_t as_surface_rows(const as_surface *s)
{
    return s->rows;
}

bool as_surface_whole(const as_surface *s)
{
    return s->rows == s->data.rows;
}

int64_t as_surface_count(const as_surface *s)
{
    return s->n;
}

const as_model *as_surface_model(const as_surface *s)
{
    return s->model;
}

as_gradients *as_surface_gradients(as_surface *s)
{
    return s->gradients;
}

double as_surface_loss(const as_surface *s)
{
    return s->loss;
}

const double *as_surface_point(const as_surface *s)
{
    return s->w;
}

const double *as_surface_slope(const as_surface *s)
{
    return s->g;
}

int64_t as_surface_batches(const as_surface *s)
{
    return as_sampler_batches(s->sampler);
}

void as_surface_turn(as_surface *s, int64_t index)
{
    as_sampler_fill(s->sampler, 0, index, &s->batch);
}

static as_status look(as_surface *s, const double *w, as_gradients_branches branches, double *loss, double *gradient)
{
    const as_gradients_task task = {.batch = &s->batch, .at = w, .loss_alone = gradient == NULL, .branches = branches};
    AS_TRY(as_gradients_run(s->gradients, &task, &s->at));
    const double *mean = as_gradients_mean(s->gradients);
    double penalty = 0;
    for (int64_t i = 0; i < s->n && s->model->l2 > 0; i++) {
        penalty += s->mask[i] > 0 ? w[i] * w[i] : 0;
    }
    *loss = s->at.loss + s->model->l2 / 2 * penalty;
    for (int64_t i = 0; i < s->n && gradient != NULL; i++) {
        gradient[i] = mean[i] + (s->mask[i] > 0 ? s->model->l2 * w[i] : 0);
    }
    return AS_OK;
}

as_status as_surface_look(as_surface *s, const double *w, double *loss)
{
    return look(s, w, AS_GRADIENTS_FREE, loss, NULL);
}

as_status as_surface_move(as_surface *s, const double *w)
{
    double squares = 0;
    if (w == NULL) {
        as_gradients_params(s->gradients, s->w);
    } else {
        memmove(s->w, w, (size_t)s->n * sizeof *s->w);
    }
    for (int64_t i = 0; i < s->n; i++) {
        squares += s->w[i] * s->w[i];
    }
    s->loss = (double)NAN; /* until it is known */
    if (!isfinite(squares)) {
        AS_FAIL(AS_DIVERGED, "a parameter is not finite: there is no curvature here");
    }
    s->h = cube_root_of_eps * (1 + sqrt(squares / (double)s->n));
    AS_TRY(look(s, s->w, AS_GRADIENTS_KEEP, &s->loss, s->g));
    if (!s->at.finite) {
        AS_FAIL(AS_DIVERGED, "loss (%g) or gradient over %lld rows is not finite: there is no curvature here", s->loss,
                (long long)s->rows);
    }
    return AS_OK;
}

as_status as_surface_product(void *surface, int64_t n, const double *v, double *y)
{
    as_surface *s = surface;
    double squares = 0, loss;
    for (int64_t i = 0; i < n; i++) {
        squares += v[i] * v[i];
    }
    const double length = sqrt(squares);
    if (!(length > 0) || !isfinite(length)) {
        memset(y, 0, (size_t)n * sizeof *y);
        return isfinite(length) ? AS_OK : as_error_set(AS_DIVERGED, "a direction of length %g", length);
    }
    const double h = s->h / length;
    for (int sign = 0; sign < 2; sign++) {
        for (int64_t i = 0; i < n; i++) {
            s->one[i] = s->w[i] + (s->mask[i] < 0 ? 0 : sign == 0 ? h : -h) * v[i];
        }
        AS_TRY(look(s, s->one, AS_GRADIENTS_FOLLOW, &loss, sign == 0 ? s->two : y));
        if (!s->at.finite) {
            AS_FAIL(AS_DIVERGED, "curvature is not finite: the loss %.2g away from the point is %g", s->h, loss);
        }
    }
    for (int64_t i = 0; i < n; i++) {
        y[i] = (s->two[i] - y[i]) / (2 * h);
    }
    return AS_OK;
}

/* Backward at w of what the loss has at w + shift v, mean over the rows. */
static as_status from_beside(as_surface *s, const double *v, double shift, double *out)
{
    as_gradients_task task = {.batch = &s->batch,
                              .at = s->one,
                              .loss_alone = true,
                              .branches = AS_GRADIENTS_FOLLOW,
                              .source = AS_GRADIENTS_KEEP_SOURCE};
    for (int64_t i = 0; i < s->n; i++) {
        s->one[i] = s->w[i] + (s->mask[i] < 0 ? 0 : shift * v[i]);
    }
    AS_TRY(as_gradients_run(s->gradients, &task, &s->at));
    if (!s->at.finite) {
        AS_FAIL(AS_DIVERGED, "curvature is not finite: the loss %.2g away from the point is %g", s->h, s->at.loss);
    }
    task.at = s->w;
    task.loss_alone = false;
    task.source = AS_GRADIENTS_KEPT;
    AS_TRY(as_gradients_run(s->gradients, &task, &s->at));
    memcpy(out, as_gradients_mean(s->gradients), (size_t)s->n * sizeof *out);
    return AS_OK;
}

as_status as_surface_gauss_newton(void *surface, int64_t n, const double *v, double *y)
{
    as_surface *s = surface;
    double squares = 0;
    for (int64_t i = 0; i < n; i++) {
        squares += v[i] * v[i];
    }
    if (!(squares > 0) || !isfinite(squares)) {
        memset(y, 0, (size_t)n * sizeof *y);
        return isfinite(squares) ? AS_OK : as_error_set(AS_DIVERGED, "a direction of length %g", sqrt(squares));
    }
    const double h = s->h / sqrt(squares);
    AS_TRY(from_beside(s, v, h, s->two));
    AS_TRY(from_beside(s, v, -h, y));
    for (int64_t i = 0; i < n; i++) {
        y[i] = (s->two[i] - y[i]) / (2 * h) + (s->mask[i] > 0 ? s->model->l2 * v[i] : 0);
    }
    return AS_OK;
}

as_status as_surface_scaled_product(void *surface, int64_t n, const double *v, double *y)
{
    as_surface *s = surface;
    for (int64_t i = 0; i < n; i++) {
        s->root[i] = sqrt(s->scale[i]) * v[i];
    }
    AS_TRY(as_surface_product(s, n, s->root, y));
    for (int64_t i = 0; i < n; i++) { /* the penalty l2 is in the product already */
        const double added = s->decay[i] - (s->mask[i] > 0 ? s->model->l2 : 0);
        y[i] = sqrt(s->scale[i]) * (y[i] + added * s->root[i]);
    }
    return AS_OK;
}

as_status as_surface_scale(as_surface *s, int64_t step, as_gradients_optimizer *out)
{
    return as_gradients_stability(s->gradients, step, s->scale, s->decay, out);
}

bool as_surface_is_plain(const as_surface *s, const as_gradients_optimizer *optimizer)
{
    bool plain = optimizer->plain;
    for (int64_t i = 0; i < s->n && plain; i++) {
        plain = s->decay[i] == (s->mask[i] > 0 ? s->model->l2 : 0);
    }
    return plain;
}

as_status as_surface_noise(as_surface *s, double *trace, double *square)
{
    as_gradients_spread_result spread;
    double gg = 0;
    const as_gradients_task task = {.batch = &s->batch, .at = s->w, .spread = true};
    AS_TRY(as_gradients_run(s->gradients, &task, &s->at));
    AS_TRY(as_gradients_spread(s->gradients, &spread));
    const double *mean = as_gradients_mean(s->gradients);
    for (int64_t i = 0; i < s->n; i++) {
        gg += mean[i] * mean[i];
    }
    const int64_t total = (int64_t)s->model->nlayers * spread.lanes;
    const as_lane_noise noise =
        as_lane_noise_of(spread.lanes, spread.weight, spread.between + total, spread.along + total, gg);
    *trace = noise.trace;
    *square = gg + noise.trace;
    return AS_OK;
}

void as_surface_draw(const as_surface *s, uint64_t seed, uint32_t stream, bool signs, double *out)
{
    for (int64_t i = 0; i < s->n; i++) {
        uint32_t word[4];
        as_rng_words(seed, AS_RNG_PROBE, stream, 0, (uint64_t)i, word);
        const double x = signs ? ((word[0] & 1) != 0 ? 1 : -1) : 2 * as_rng_uniform_f64(word[0], word[1]) - 1;
        out[i] = s->mask[i] < 0 ? 0 : x;
    }
}

int64_t as_surface_trained(const as_surface *s)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->n; i++) {
        n += s->mask[i] >= 0;
    }
    return n;
}

static as_status plan(as_surface *s)
{
    const size_t n = (size_t)s->n;
    double **slot[] = {&s->w, &s->g, &s->one, &s->two, &s->scale, &s->decay, &s->root, &s->mask};
    const size_t slots = sizeof slot / sizeof slot[0];
    s->memory = calloc(slots * n + 1, sizeof *s->memory);
    if (s->memory == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for curvature: %zu vectors of %zu parameters", slots, n);
    }
    for (size_t i = 0; i < slots; i++) {
        *slot[i] = s->memory + i * n;
    }
    for (size_t i = 0; i < n; i++) {
        s->mask[i] = -1; /* not trained */
    }
    for (int i = 0; i < s->model->nlayers; i++) {
        for (int q = 0; q < s->model->layer[i].nparams; q++) {
            const as_param *p = &s->model->layer[i].param[q];
            for (int64_t j = 0; j < p->count && as_gradients_trains(s->model, i, q); j++) {
                s->mask[p->offset + j] = p->decay ? 1 : 0;
            }
        }
    }
    return AS_OK;
}

static as_status open_rows(as_surface *s, int64_t rows)
{
    s->rows = rows > 0 && rows < s->data.rows ? rows : s->data.rows;
    AS_TRY(as_sampler_create(&s->data, s->rows, true, s->setup.seed, &s->sampler));
    return as_sampler_batch_create(s->sampler, &s->batch);
}

as_status as_surface_create(const as_probe_setup *setup, int64_t rows, bool noise, as_surface **out)
{
    as_surface *s = calloc(1, sizeof *s);
    as_status status = s == NULL ? as_error_set(AS_NOMEM, "out of memory for curvature") : AS_OK;
    *out = s;
    if (status == AS_OK) {
        s->setup = *setup;
        s->data = *setup->data;
        s->data.augment = NULL;
        status = open_rows(s, rows);
    }
    status = as_world_agree(setup->world, status);
    if (status == AS_OK) {
        const int64_t lane = s->rows / setup->lanes->lanes + 2, most = as_sampler_capacity(s->sampler);
        const as_gradients_options options = {
            .precision = AS_FLOAT64, .lane_rows = lane < most ? lane : most, .spread = noise};
        status = as_gradients_create(setup->estimator, &options, &s->gradients);
    }
    if (status == AS_OK) {
        s->model = as_gradients_model(s->gradients);
        s->n = s->model->nparams;
        as_surface_turn(s, 0);
        status = as_world_agree(setup->world, plan(s));
    }
    if (status != AS_OK) {
        as_surface_destroy(out);
    }
    return status;
}

void as_surface_destroy(as_surface **surface)
{
    as_surface *s = *surface;
    if (s == NULL) {
        return;
    }
    as_gradients_destroy(&s->gradients);
    as_sampler_batch_destroy(&s->batch);
    as_sampler_destroy(&s->sampler);
    free(s->memory);
    free(s);
    *surface = NULL;
}
