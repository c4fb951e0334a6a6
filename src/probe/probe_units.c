/* Instrument units: dead, saturated and duplicate units of each layer.

   A pair of row and unit is flat where the derivative of the activation is below 5 % of its largest. A unit is dead
   when it is flat for every row (and position) of the batch: no gradient reaches its weights. saturated is the share of
   flat pairs, for kinds that are flat at both ends (tanh, sigmoid); a relu is flat for half of its inputs and healthy.
   Duplicates are units whose weights, with the bias, equal those of another unit after rounding to 1e-10 of the largest
   weight: they get equal gradients and stay equal.

   Counts are exact. Cost: one derivative for each output, and a pass over the weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "comm/lane_sum.h"
#include "nn/activity.h"
#include "probe/probe.h"

static const double grain = 1e-10;

typedef struct units_state {
    const as_probe_setup *setup;
    int nlayers;
    int64_t *first; /* (nlayers + 1) counters of a layer: one for each unit, and the number of rows and positions */
    double *lane;   /* (own lanes, first[nlayers]) active pairs */
    double *total;
    char *ones;         /* (most outputs) reals */
    char *slope;        /* (threads, most outputs) reals */
    int64_t most;       /* outputs of a layer, rounded up */
    uint64_t *hash;     /* of units */
    int64_t most_units; /* columns of a weight */
} units_state;

static int64_t units_of(const as_layer *layer)
{
    return as_shape_channels(&layer->out);
}

static void close_state(void **state)
{
    units_state *s = *state;
    free(s->first);
    free(s->lane);
    free(s->total);
    free(s->ones);
    free(s->slope);
    free(s->hash);
    free(s);
    *state = NULL;
}

/* The weight whose columns are the layer's units; -1: there is none. */
static int weight_of(const as_layer *layer)
{
    for (int q = 0; q < layer->nparams; q++) {
        const as_param *p = &layer->param[q];
        if (p->shape.rank >= 2 && !p->table && !p->tied && p->shape.dim[p->shape.rank - 1] == units_of(layer)) {
            return q;
        }
    }
    return -1;
}

static as_status plan(units_state *s, const as_model *model, int threads)
{
    s->first = calloc((size_t)model->nlayers + 1, sizeof *s->first);
    for (int i = 0; s->first != NULL && i < model->nlayers; i++) {
        const as_layer *layer = &model->layer[i];
        const int64_t units = units_of(layer);
        s->first[i + 1] = s->first[i] + (as_layer_activation(layer) != NULL ? units + 1 : 0);
        s->most = layer->out_size > s->most ? layer->out_size : s->most;
        s->most_units = units > s->most_units ? units : s->most_units;
    }
    s->most = (s->most + 63) / 64 * 64;
    if (s->first != NULL) {
        const size_t width = (size_t)s->first[model->nlayers] + 1, outputs = (size_t)(s->most * threads) + 1;
        s->lane = calloc((size_t)s->setup->lanes->count * width, sizeof(double));
        s->total = calloc(width, sizeof(double));
        s->ones = calloc((size_t)s->most + 1, model->kernels->real_bytes);
        s->slope = calloc(outputs, model->kernels->real_bytes);
        s->hash = calloc((size_t)s->most_units + 1, sizeof *s->hash);
    }
    if (s->first == NULL || s->lane == NULL || s->total == NULL || s->ones == NULL || s->slope == NULL ||
        s->hash == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the units of %d layers", model->nlayers);
    }
    as_activity_ones(model->kernels, s->most, s->ones);
    return AS_OK;
}

static as_status open_state(const void *options, const as_probe_setup *setup, const as_model *model, void **state)
{
    (void)options;
    units_state *s = calloc(1, sizeof *s);
    as_status status = s == NULL ? as_error_set(AS_NOMEM, "out of memory for an instrument") : AS_OK;
    if (s != NULL) {
        s->setup = setup;
        s->nlayers = model->nlayers;
        *state = s;
        status = plan(s, model, as_team_size(setup->team));
    }
    return as_world_agree(setup->world, status);
}

static void begin(void *state)
{
    units_state *s = state;
    memset(s->lane, 0, (size_t)s->setup->lanes->count * (size_t)s->first[s->nlayers] * sizeof(double));
}

static void see(void *state, const as_gradients_view *view)
{
    units_state *s = state;
    char *slope = s->slope + (size_t)(view->thread * s->most) * view->model->kernels->real_bytes;
    for (int i = view->thread; i < s->nlayers; i += view->threads) {
        if (as_layer_activation(&view->model->layer[i]) == NULL) {
            continue;
        }
        for (int l = 0; l < view->lanes; l++) {
            double *active = s->lane + (int64_t)(view->lane + l) * s->first[s->nlayers] + s->first[i];
            for (int64_t r = view->lane_row[l]; r < view->lane_row[l + 1]; r++) {
                as_activity_add(view->model, view->work, i, r, s->ones, slope, s->most, active);
            }
        }
    }
}

static uint64_t mix(uint64_t h, int64_t value)
{
    h ^= (uint64_t)value + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
    h *= 0xff51afd7ed558ccdu;
    return h ^ (h >> 33);
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void hash_columns(const as_param *p, const double *w, int64_t units, uint64_t *hash)
{
    double most = 0;
    for (int64_t j = 0; j < p->count; j++) {
        most = fabs(w[j]) > most ? fabs(w[j]) : most;
    }
    const double unit = most > 0 ? most * grain : 1;
    for (int64_t j = 0; j < p->count; j++) {
        hash[j % units] = mix(hash[j % units], (int64_t)floor(w[j] / unit + 0.5));
    }
}

/* Share of units that equal another one. */
static double duplicates(const units_state *s, const as_layer *layer, int weight, const double *w)
{
    const int64_t units = units_of(layer);
    int64_t equal = 0;
    memset(s->hash, 0, (size_t)units * sizeof *s->hash);
    for (int q = 0; q < layer->nparams; q++) {
        const as_param *p = &layer->param[q];
        if (q == weight || (p->shape.rank == 1 && p->count == units && !p->statistic && !p->tied)) {
            hash_columns(p, w + p->offset, units, s->hash);
        }
    }
    qsort(s->hash, (size_t)units, sizeof *s->hash, by_value);
    for (int64_t u = 0; u < units; u++) {
        equal += (u > 0 && s->hash[u] == s->hash[u - 1]) || (u + 1 < units && s->hash[u] == s->hash[u + 1]);
    }
    return (double)equal / (double)units;
}

static void judge_activation(const units_state *s, const as_layer *layer, int i, as_probe_layer *out)
{
    const as_nonlinearity *f = as_layer_activation(layer);
    const double *active = s->total + s->first[i];
    const int64_t units = units_of(layer);
    double dead, share;
    if (f == NULL || !(active[units] > 0)) {
        return;
    }
    as_activity_sum(units, active, &dead, &share);
    out->dead = dead / (double)units;
    if (f->ops->steepest > 0) {
        out->saturated = share;
    }
}

static as_status measure(const void *options, void *state, const as_probe_view *view, as_probe_record *record)
{
    (void)options;
    units_state *s = state;
    AS_TRY(as_lane_sum(s->setup->world, s->setup->lanes, s->first[s->nlayers], s->lane, s->total));
    for (int l = 0; l < view->nlayers; l++) {
        const as_layer *layer = &view->model->layer[view->layer[l]];
        const int weight = weight_of(layer);
        as_probe_layer *out = &record->layer[l];
        out->units = (double)units_of(layer);
        judge_activation(s, layer, view->layer[l], out);
        if (weight >= 0) {
            out->duplicate = duplicates(s, layer, weight, view->w);
        }
    }
    return AS_OK;
}

const as_probe_ops as_probe_units = {
    .name = "units",
    .help = "Shares of units that are dead, saturated, or copies of another one.",
    .formula = "dead: |f'(z)| < 0.05 max |f'| on every row; saturated: on so many pairs of row and unit",
    .open = open_state,
    .close = close_state,
    .begin = begin,
    .see = see,
    .measure = measure,
};
