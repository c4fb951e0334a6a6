/* Instrument step: tau, the length of the step along its own direction in units of the one to the minimum there. With
   u = dw and H the mean curvature along it, tau = u'Hu / -(g'u) = 1 - g(w + u)'u / g(w)'u: exact for a quadratic; 1 is
   the minimum, 2 the same height on the other side, below 0.05 timid. Gradients before and after are of the same batch.
   Cost: one step more. */
#include <math.h>

#include "probe/probe.h"

static as_status measure(const void *options, void *state, const as_probe_view *view, as_probe_record *record)
{
    (void)options;
    (void)state;
    double before = 0, after = 0;
    for (int l = 0; l < view->nlayers; l++) {
        before += as_probe_dot(view, view->layer[l], view->g, view->dw);
        after += as_probe_dot(view, view->layer[l], view->same, view->dw);
    }
    if (before == 0) {
        as_probe_record_state(record, "step", "no slope along the step: gradient or step is zero");
    } else if (before > 0) {
        as_probe_record_state(record, "step", "the step goes uphill on its own batch: g'dw = %.3g", before);
    } else if (!isfinite(after)) {
        as_probe_record_state(record, "step", "the gradient after the step is not finite");
        record->step_fraction = (double)INFINITY;
    } else {
        record->step_fraction = 1 - after / before;
    }
    return AS_OK;
}

const as_probe_ops as_probe_step = {
    .name = "step",
    .help = "Length of the step in units of the one that leads to the minimum along it.",
    .formula = "tau = u'Hu / -(g'u) = 1 - g(w + u)'u / g(w)'u, u = dw",
    .needs = AS_PROBE_SAME,
    .measure = measure,
};
