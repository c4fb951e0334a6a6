/* Instrument lanes: are the lanes of the data exchangeable? Variance of gradients between lanes over that between the
   halves of a lane:
     F = [sum b_r |g_r - g|^2 / (P - 1)] / [mean_r b' b'' / b |g_r' - g_r''|^2]
   1 for lanes that are random samples of the same data; well above for data that are sorted, unshuffled or drifting
   over lanes; near 0 where all lanes read the same rows. Layers that look at whole lanes (batch_norm) are left out: the
   halves of a lane are not independent there. */
#include <math.h>

#include "probe/lanes.h"
#include "probe/probe.h"

static as_status measure(const void *options, void *state, const as_probe_view *view, as_probe_record *record)
{
    (void)options;
    (void)state;
    const as_gradients_spread_result *s = view->spread;
    as_lane_ratio ratio = {0};
    for (int l = 0; l < view->nlayers; l++) {
        const int i = view->layer[l];
        if (as_probe_trains(view->model, i) && view->model->layer[i].scope == AS_SCOPE_ROW) {
            const int64_t at = (int64_t)i * s->lanes;
            ratio = as_lane_ratio_of(s->lanes, s->weight, s->halves, s->between + at, s->within + at);
            record->layer[l].lane_ratio = ratio.ratio;
            record->layer[l].lane_ratio_se = ratio.se;
        }
    }
    const int64_t total = ((int64_t)view->model->nlayers + 1) * s->lanes;
    ratio = as_lane_ratio_of(s->lanes, s->weight, s->halves, s->between + total, s->within + total);
    record->lanes = ratio.lanes;
    record->total.lane_ratio = ratio.ratio;
    record->total.lane_ratio_se = ratio.se;
    if (ratio.lanes < 2) {
        as_probe_record_state(record, "lanes", "%d lane with samples: nothing to compare", ratio.lanes);
    } else if (ratio.halved == 0) {
        as_probe_record_state(record, "lanes", "no lane has two samples: no variance inside of lanes");
    } else if (isnan(ratio.ratio)) {
        as_probe_record_state(record, "lanes", "no variance inside of lanes: gradients of their halves are equal");
    }
    return AS_OK;
}

const as_probe_ops as_probe_lanes = {
    .name = "lanes",
    .help = "Ratio of the variances of gradients between lanes and inside of them: 1 for exchangeable lanes.",
    .formula = "F = [sum_r b_r |g_r - g|^2 / (P - 1)] / [mean_r b' b'' / b |g_r' - g_r''|^2]",
    .needs = AS_PROBE_SPREAD,
    .measure = measure,
};
