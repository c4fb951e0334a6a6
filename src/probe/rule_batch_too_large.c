/* BATCH_TOO_LARGE: batches beyond what their noise is worth. */
#include <math.h>

#include "probe/rule.h"

static const double limit = 10;
static const double least = 32; /* two lanes of the 16 samples that `lanes: auto` gives each: less saves no time */

static as_verdict judge(const as_case *c, as_finding *f)
{
    if (!c->start.measured || isnan(c->start.trace) || (c->trained && (!c->point.measured || isnan(c->point.trace)))) {
        return as_not_judged(f, "no network, or too few rows for their noise");
    }
    const double b = (double)c->batch, start = as_case_noise_scale(&c->start);
    const double end = c->trained ? as_case_noise_scale(&c->point) : (double)NAN;
    as_json_real(&f->evidence, "noise_scale_start", start);
    as_json_real(&f->evidence, "noise_scale_end", end);
    as_json_real(&f->evidence, "batch", b);
    if (!c->trained || !(b > limit * start) || !(b > limit * end) || !(b > least)) {
        return AS_CLEAR;
    }
    const double wanted = end > start ? end : start;
    as_action(f, "train.batch=%.0f", wanted < least ? least : ceil(wanted));
    return as_found(
        f, AS_INFO,
        "batch %.0f is over %.0f times the noise scale, %.3g at the start and %.3g at the end: a smaller one "
        "learns nearly as much a step",
        b, limit, start, end);
}

const as_rule as_rule_batch_too_large = {
    .code = "BATCH_TOO_LARGE",
    .help = "batch over 32, and over 10 times the gradient noise scale, at the start and at the end",
    .source = "McCandlish et al. 2018: a smaller one learns as much a step",
    .evidence = "gradients of 16 batches of the rows, at the start and at the end",
    .cure = "a smaller batch, with more steps",
    .network = true,
    .judge = judge,
};
