/* The noise scale as the ratio of means over records: single estimates of |G|^2 are often negative. Its error is from
   the scatter of S - scale * G2 over records where there are at least 4, before from the errors of each. */
#include "probe/noise_scale.h"

#include <math.h>

static const as_probe_layer *place(const as_probe_record *record, int l)
{
    return l < 0 ? &record->total : l < record->nlayers ? &record->layer[l] : NULL;
}

static bool counts(const as_probe_layer *x)
{
    return x != NULL && isfinite(x->noise_trace) && isfinite(x->noise_gradient);
}

static void add(const as_probe_layer *x, double ratio, as_noise_sums *w)
{
    const double r = x->noise_trace - ratio * x->noise_gradient;
    w->n += 1;
    w->s += x->noise_trace;
    w->g += x->noise_gradient;
    w->squares += r * r;
    w->own += x->noise_trace_se * x->noise_trace_se + ratio * ratio * x->noise_gradient_se * x->noise_gradient_se;
}

as_noise_sums as_noise_sums_of(const as_probe_records *records, int64_t from, double lanes, int l, double ratio)
{
    as_noise_sums w = {0};
    for (int64_t i = from; i < records->n; i++) {
        const as_probe_record *x = &records->record[i];
        if (x->lanes == lanes && counts(place(x, l))) {
            add(place(x, l), ratio, &w);
        }
    }
    return w;
}

double as_noise_scale_error(const as_noise_sums *w)
{
    return sqrt(w->n < AS_NOISE_ERRORS_FROM ? w->own : w->squares * w->n / (w->n - 1)) / w->g;
}

/* From the oldest record of the window to this one. */
static as_noise_sums over_window(const as_probe_records *earlier, const as_probe_record *now, int l, int64_t window,
                                 double ratio)
{
    int64_t from = earlier->n;
    for (int64_t left = window - 1; from > 0 && left > 0; from--) {
        const as_probe_record *x = &earlier->record[from - 1];
        left -= x->lanes == now->lanes && counts(place(x, -1)) ? 1 : 0;
    }
    as_noise_sums w = as_noise_sums_of(earlier, from, now->lanes, l, ratio);
    if (counts(place(now, l))) {
        add(place(now, l), ratio, &w);
    }
    return w;
}

void as_noise_scale(const as_probe_records *earlier, int64_t window, as_probe_record *record, int l)
{
    as_probe_layer *out = l < 0 ? &record->total : &record->layer[l];
    const as_noise_sums sums = over_window(earlier, record, l, window, 0);
    if (!(sums.g > 0)) {
        return;
    }
    out->noise_scale = sums.s / sums.g;
    const as_noise_sums w = over_window(earlier, record, l, window, out->noise_scale);
    out->noise_scale_se = as_noise_scale_error(&w);
}
