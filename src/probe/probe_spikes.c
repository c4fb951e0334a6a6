/* Instrument spikes: steps since the last probe whose loss was more than 3 times its running mean (decay 0.95 a step,
   corrected for its start). Sees every step; its few numbers are in checkpoints, so a resumed run counts the same.
   Cost: nothing. */
#include "probe/probe.h"

enum { MEAN, WEIGHT, SPIKES, LARGEST };

static const double keep = 0.95, limit = 3;

static void step(double kept[AS_PROBE_STATE_REALS], const as_step_report *report)
{
    if (kept[WEIGHT] > 0 && kept[MEAN] > 0) {
        const double ratio = report->loss / (kept[MEAN] / kept[WEIGHT]);
        kept[SPIKES] += ratio > limit ? 1 : 0;
        kept[LARGEST] = ratio > kept[LARGEST] ? ratio : kept[LARGEST];
    }
    kept[MEAN] = keep * kept[MEAN] + (1 - keep) * report->loss;
    kept[WEIGHT] = keep * kept[WEIGHT] + (1 - keep);
}

static as_status measure(const void *options, void *state, const as_probe_view *view, as_probe_record *record)
{
    (void)options;
    (void)state;
    record->spikes = view->kept[SPIKES];
    record->spike_ratio = view->kept[LARGEST];
    view->kept[SPIKES] = view->kept[LARGEST] = 0;
    return AS_OK;
}

const as_probe_ops as_probe_spikes = {
    .name = "spikes",
    .help = "Steps since the last probe whose loss was over 3 times its running mean, and the largest ratio.",
    .formula = "loss_t / mean loss > 3",
    .needs = AS_PROBE_NO_GRADIENT,
    .measure = measure,
    .step = step,
};
