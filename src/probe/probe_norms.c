/* Instrument norms: |g|, |w|, |dw| and |dw| / |w| of each layer and of the network, over trained parameters. About
   1e-3 is a healthy ratio; below 1e-6 a layer is frozen, above 0.1 its steps are violent (Karpathy's rule of thumb).
   Cost: three passes over the parameters. */
#include <math.h>

#include "probe/probe.h"

static void fill(double gg, double ww, double dd, as_probe_layer *out)
{
    out->grad_norm = sqrt(gg);
    out->weight_norm = sqrt(ww);
    out->update_norm = sqrt(dd);
    if (ww > 0) {
        out->update_ratio = sqrt(dd) / sqrt(ww);
    } else if (dd > 0) {
        out->update_ratio = (double)INFINITY;
    }
}

static as_status measure(const void *options, void *state, const as_probe_view *view, as_probe_record *record)
{
    (void)options;
    (void)state;
    double gg = 0, ww = 0, dd = 0;
    int zero = 0;
    for (int l = 0; l < view->nlayers; l++) {
        const int i = view->layer[l];
        if (!as_probe_trains(view->model, i)) {
            continue;
        }
        const double g = as_probe_dot(view, i, view->g, view->g), w = as_probe_dot(view, i, view->w, view->w);
        const double d = as_probe_dot(view, i, view->dw, view->dw);
        fill(g, w, d, &record->layer[l]);
        zero += w == 0;
        gg += g;
        ww += w;
        dd += d;
    }
    fill(gg, ww, dd, &record->total);
    if (gg == 0) {
        as_probe_record_state(record, "norms", "the gradient is exactly zero");
    } else if (zero > 0) {
        as_probe_record_state(record, "norms", "%d layer%s only zeros: no update ratio", zero,
                              zero > 1 ? "s have" : " has");
    }
    return AS_OK;
}

const as_probe_ops as_probe_norms = {
    .name = "norms",
    .help = "Norms of gradient, weights and update of each layer, and the update ratio.",
    .formula = "|g|, |w|, |dw|, |dw| / |w|",
    .measure = measure,
};
