/* Instrument signal: mean and standard deviation of what each layer gives, and root mean square of the gradient of a
   sample's loss that comes back to it (where the layer has an activation of its own, before it). Unlike norms of weight
   gradients, delta shows a vanishing backward signal also where the forward one vanishes with it.

   Sums are over a row first, then rows of a lane in order, then the lane tree, in double. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "comm/lane_sum.h"
#include "nn/measure.h"
#include "probe/probe.h"

enum { COUNT, SUM, SQUARES, DELTAS, DELTA_SQUARES, SUMS };

typedef struct signal_state {
    const as_probe_setup *setup;
    int nlayers;   /* of the model */
    double *lane;  /* (own lanes, nlayers, SUMS) */
    double *total; /* (nlayers, SUMS) */
} signal_state;

static void close_state(void **state)
{
    signal_state *s = *state;
    free(s->lane);
    free(s->total);
    free(s);
    *state = NULL;
}

static as_status open_state(const void *options, const as_probe_setup *setup, const as_model *model, void **state)
{
    (void)options;
    signal_state *s = calloc(1, sizeof *s);
    as_status status = AS_OK;
    if (s != NULL) {
        const size_t width = (size_t)model->nlayers * SUMS;
        *s = (signal_state){.setup = setup,
                            .nlayers = model->nlayers,
                            .lane = calloc((size_t)setup->lanes->count * width + 1, sizeof(double)),
                            .total = calloc(width + 1, sizeof(double))};
        *state = s;
    }
    if (s == NULL || s->lane == NULL || s->total == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for the signals of %d layers", model->nlayers);
    }
    return as_world_agree(setup->world, status);
}

static void begin(void *state)
{
    signal_state *s = state;
    memset(s->lane, 0, (size_t)s->setup->lanes->count * (size_t)s->nlayers * SUMS * sizeof(double));
}

static void see(void *state, const as_gradients_view *view)
{
    signal_state *s = state;
    const as_model *model = view->model;
    const as_measure_ops *m = as_measure_get(model->kernels);
    for (int i = view->thread; i < model->nlayers; i += view->threads) {
        const int64_t n = model->layer[i].out_size;
        const size_t stride = (size_t)view->work->ld[i + 1] * model->kernels->real_bytes;
        const char *y = view->work->x[i + 1], *dy = view->work->dy[i + 1];
        for (int l = 0; l < view->lanes; l++) {
            double *sums = s->lane + ((int64_t)(view->lane + l) * s->nlayers + i) * SUMS;
            for (int64_t r = view->lane_row[l]; r < view->lane_row[l + 1]; r++) {
                m->moments(n, y + (size_t)r * stride, sums + SUM);
                sums[COUNT] += (double)n;
                if (dy != NULL) {
                    double delta[2] = {0, 0};
                    m->moments(n, dy + (size_t)r * stride, delta);
                    sums[DELTA_SQUARES] += delta[1];
                    sums[DELTAS] += (double)n;
                }
            }
        }
    }
}

static as_status measure(const void *options, void *state, const as_probe_view *view, as_probe_record *record)
{
    (void)options;
    signal_state *s = state;
    AS_TRY(as_lane_sum(s->setup->world, s->setup->lanes, (int64_t)s->nlayers * SUMS, s->lane, s->total));
    for (int l = 0; l < view->nlayers; l++) {
        const double *sums = s->total + (int64_t)view->layer[l] * SUMS;
        as_probe_layer_signal(&record->layer[l], sums[COUNT], sums + SUM, sums[DELTAS], sums[DELTA_SQUARES]);
    }
    return AS_OK;
}

const as_probe_ops as_probe_signal = {
    .name = "signal",
    .help = "Mean and standard deviation of what each layer gives, and the rms of the gradient that comes back to it.",
    .formula = "mean y, sd y, sqrt(mean (d loss_i / d z)^2)",
    .open = open_state,
    .close = close_state,
    .begin = begin,
    .see = see,
    .measure = measure,
};
