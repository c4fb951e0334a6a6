/* Instrument noise: the gradient noise scale tr(Sigma) / |G|^2 (McCandlish et al. 2018, 1812.06162) in total and of
   each layer, from the gradients of the lanes of a batch: defined on one process, and the same for every layout. Single
   estimates of |G|^2 are often negative, so the scale is the ratio of means over the last `window` probes. It estimates
   the critical batch: steps cost a factor 1 + scale / B, data 1 + B / scale; a proxy, not a promise (Merrill et al.
   2025). Also the norm test, sqrt(tr(Sigma) / (B |g|^2)) (Byrd et al. 2012).

   Error of the scale: from the scatter of S - scale * G2 over probes where there are at least 4, before from the errors
   of each, which leave out one lane at a time. Unit: what the loss counts (samples; tokens of sequences). Cost: two
   passes over the gradients of all lanes. */
#include <math.h>

#include "probe/lanes.h"
#include "probe/noise_scale.h"
#include "probe/probe.h"

typedef struct noise_options {
    int64_t window;
} noise_options;

static const as_field fields[] = {{.name = "window",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(noise_options, window),
                                   .standard = "20",
                                   .min = 1,
                                   .max = 1e6,
                                   .unit = "probes",
                                   .help = "Last probes whose means give the noise scale.",
                                   .free = true},
                                  AS_FIELDS_END};

static void put(const as_lane_noise *noise, as_probe_layer *out)
{
    out->noise_trace = noise->trace;
    out->noise_trace_se = noise->trace_se;
    out->noise_gradient = noise->gradient;
    out->noise_gradient_se = noise->gradient_se;
}

static as_status measure(const void *options, void *state, const as_probe_view *view, as_probe_record *record)
{
    const noise_options *o = options;
    const as_gradients_spread_result *spread = view->spread;
    (void)state;
    double gg = 0;
    as_lane_noise noise = {0};
    record->lanes = 0;
    for (int r = 0; r < spread->lanes; r++) {
        record->lanes += spread->weight[r] > 0 ? 1 : 0;
    }
    for (int l = 0; l < view->nlayers; l++) {
        const int i = view->layer[l];
        if (as_probe_trains(view->model, i)) {
            const int64_t at = (int64_t)i * spread->lanes;
            const double square = as_probe_dot(view, i, view->g, view->g);
            noise = as_lane_noise_of(spread->lanes, spread->weight, spread->between + at, spread->along + at, square);
            put(&noise, &record->layer[l]);
            as_noise_scale(view->earlier, o->window, record, l);
            gg += square;
        }
    }
    const int64_t total = (int64_t)view->model->nlayers * spread->lanes;
    noise = as_lane_noise_of(spread->lanes, spread->weight, spread->between + total, spread->along + total, gg);
    if (noise.lanes < 2) {
        as_probe_record_state(record, "noise", "%d lane with samples: nothing to compare", noise.lanes);
        return AS_OK;
    }
    put(&noise, &record->total);
    as_noise_scale(view->earlier, o->window, record, -1);
    if (gg > 0) {
        record->norm_test = sqrt(noise.trace / noise.weight / gg);
    } else {
        as_probe_record_state(record, "noise", "the gradient is exactly zero");
    }
    if (gg > 0 && isnan(record->total.noise_scale)) {
        as_probe_record_state(record, "noise", "gradient below its noise (|G|^2 estimated as %.2g): no scale",
                              noise.gradient);
    }
    return AS_OK;
}

const as_probe_ops as_probe_noise = {
    .name = "noise",
    .help = "Gradient noise scale in total and of each layer with error bars, and the norm test.",
    .formula = "S = sum_r b_r |g_r - g|^2 / (P - 1), G2 = |g|^2 - S / B, scale = mean S / mean G2",
    .fields = fields,
    .options_bytes = sizeof(noise_options),
    .needs = AS_PROBE_SPREAD,
    .measure = measure,
};
