/* The table of distributions, their options, and what all of them share: exponentials of the logarithms, and quantiles
   of the discrete ones by bisection on whole numbers. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "kernels/scalar_math.h"
#include "math/distribution.h"

#define AS_DISTRIBUTION(kind) extern const as_distribution_ops as_distribution_##kind;
#include "math/distribution.def"
#undef AS_DISTRIBUTION

enum { KINDS_MAX = 64 };

const as_distribution_ops *const *as_distributions_get(void)
{
    static const as_distribution_ops *const table[] = {
#define AS_DISTRIBUTION(kind) &as_distribution_##kind,
#include "math/distribution.def"
#undef AS_DISTRIBUTION
        NULL};
    return table;
}

as_status as_distribution_parse(as_document *document, const char *kind, const as_node *map, as_distribution *out)
{
    const as_distribution_ops *const *table = as_distributions_get();
    const char *names[KINDS_MAX + 1] = {NULL};
    *out = (as_distribution){.ops = NULL};
    for (int i = 0; table[i] != NULL && i < KINDS_MAX; i++) {
        names[i] = table[i]->name;
        out->ops = strcmp(kind, names[i]) == 0 ? table[i] : out->ops;
    }
    if (out->ops == NULL) {
        const char *near = as_nearest_name(kind, names);
        AS_FAIL(AS_CONFIG, "unknown distribution '%s'%s%s%s", kind, near != NULL ? "; did you mean '" : "",
                near != NULL ? near : "", near != NULL ? "'?" : "");
    }
    out->options = as_document_alloc(document, out->ops->options_bytes + 1);
    if (out->options == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the parameters of %s", kind);
    }
    const as_fields_part part = {out->ops->fields, out->options};
    AS_TRY(as_fields_parse(&part, 1, document, map, kind));
    return out->ops->check != NULL ? out->ops->check(out->options, document) : AS_OK;
}

double as_distribution_density(const as_distribution *d, double x)
{
    return as_exp_f64(d->ops->log_density(d->options, x));
}

double as_distribution_cdf(const as_distribution *d, double x)
{
    return as_exp_f64(d->ops->log_cdf(d->options, x));
}

double as_distribution_sf(const as_distribution *d, double x)
{
    return as_exp_f64(d->ops->log_sf(d->options, x));
}

/* Whether k is at or beyond the quantile. A probability that was computed as cdf(k) finds k again: 64 roundings. */
static bool reaches(const as_distribution *d, double k, double log_tail, bool upper)
{
    return upper ? d->ops->log_sf(d->options, k) <= log_tail + 0x1p-46
                 : d->ops->log_cdf(d->options, k) >= log_tail - 0x1p-46;
}

/* Smallest whole number that reaches the tail: doubling steps from the mean, then bisection. */
static double search(const as_distribution *d, double tail, bool upper)
{
    double low, high, step = 1;
    d->ops->support(d->options, &low, &high);
    const double log_tail = as_log_f64(tail), mean = d->ops->mean(d->options);
    double below = low - 1, above = floor(mean < low ? low : mean);
    while (above < high && !reaches(d, above, log_tail, upper)) {
        below = above;
        above = above + step < high ? above + step : high;
        step *= 2;
    }
    for (step = 1; below < low && above - step > low; step *= 2) {
        if (!reaches(d, above - step, log_tail, upper)) {
            below = above - step;
        } else {
            above -= step;
        }
    }
    while (above - below > 1) {
        const double middle = floor(below + (above - below) / 2);
        if (reaches(d, middle, log_tail, upper)) {
            above = middle;
        } else {
            below = middle;
        }
    }
    return above;
}

static double discrete(const as_distribution *d, double tail, bool upper)
{
    double low, high;
    if (!(tail >= 0 && tail <= 1)) {
        return (double)NAN;
    }
    d->ops->support(d->options, &low, &high);
    if (tail == (upper ? 1.0 : 0.0)) {
        return low;
    }
    if (tail == (upper ? 0.0 : 1.0)) {
        return high;
    }
    return search(d, tail, upper);
}

double as_distribution_quantile(const as_distribution *d, double p)
{
    return d->ops->quantile != NULL ? d->ops->quantile(d->options, p) : discrete(d, p, false);
}

double as_distribution_inverse_sf(const as_distribution *d, double q)
{
    return d->ops->inverse_sf != NULL ? d->ops->inverse_sf(d->options, q) : discrete(d, q, true);
}

double as_distribution_sample(const as_distribution *d, as_draw *draw)
{
    return d->ops->sample != NULL ? d->ops->sample(d->options, draw)
                                  : as_distribution_quantile(d, as_draw_uniform(draw));
}
