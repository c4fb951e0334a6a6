/* Instrument cosine: of the gradient of this step and of the next one (next batch, parameters after the step). Below 0
   on average, steps bounce from wall to wall: the rate is too high for where the training is (Pflug; Yaida 2018). Both
   gradients are taken at this probe, so a resumed run gives the same number. Cost: one step more. */
#include <math.h>

#include "probe/probe.h"

static double cosine(double ab, double aa, double bb)
{
    const double lengths = sqrt(aa) * sqrt(bb);
    return lengths > 0 ? ab / lengths : lengths >= 0 ? (double)NAN : (double)INFINITY;
}

static as_status measure(const void *options, void *state, const as_probe_view *view, as_probe_record *record)
{
    (void)options;
    (void)state;
    double ab = 0, aa = 0, bb = 0;
    for (int l = 0; l < view->nlayers; l++) {
        const int i = view->layer[l];
        const double x = as_probe_dot(view, i, view->g, view->next), y = as_probe_dot(view, i, view->g, view->g);
        const double z = as_probe_dot(view, i, view->next, view->next);
        record->layer[l].cosine = cosine(x, y, z);
        ab += x;
        aa += y;
        bb += z;
    }
    record->total.cosine = cosine(ab, aa, bb);
    if (isnan(record->total.cosine)) {
        as_probe_record_state(record, "cosine", "a gradient is exactly zero");
    } else if (isinf(record->total.cosine)) {
        as_probe_record_state(record, "cosine", "the gradient after the step is not finite");
    }
    return AS_OK;
}

const as_probe_ops as_probe_cosine = {
    .name = "cosine",
    .help = "Cosine of the gradients of this step and the next, of each layer and in total.",
    .formula = "g_t' g_{t+1} / (|g_t| |g_{t+1}|)",
    .needs = AS_PROBE_NEXT,
    .measure = measure,
};
