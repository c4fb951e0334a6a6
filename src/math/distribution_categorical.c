/* Distribution categorical: one of a few classes, numbered from 0. */
#include <math.h>

#include "base/error.h"
#include "kernels/scalar_math.h"
#include "math/distribution.h"

typedef struct categorical_options {
    as_reals probabilities;
} categorical_options;

static const as_field fields[] = {{.name = "probabilities",
                                   .type = AS_FIELD_REALS,
                                   .offset = offsetof(categorical_options, probabilities),
                                   .standard = NULL,
                                   .min = 0,
                                   .max = 1,
                                   .help = "Probability of each class; they sum to one."},
                                  AS_FIELDS_END};

static as_status check(void *options, as_document *document)
{
    (void)document;
    const categorical_options *o = options;
    double sum = 0;
    for (int64_t i = 0; i < o->probabilities.n; i++) {
        sum += o->probabilities.v[i];
    }
    if (o->probabilities.n < 1 || !(fabs(sum - 1) <= 1e-9)) {
        AS_FAIL(AS_CONFIG, "categorical.probabilities: expected numbers that sum to 1, found %lld with the sum %.12g",
                (long long)o->probabilities.n, sum);
    }
    return AS_OK;
}

static double log_density(const void *options, double x)
{
    const categorical_options *o = options;
    const bool inside = x >= 0 && x < (double)o->probabilities.n && x == floor(x);
    return isnan(x) ? x : inside ? as_log_f64(o->probabilities.v[(int64_t)x]) : -HUGE_VAL;
}

/* Sum of the classes first <= i < end. */
static double mass(const categorical_options *o, int64_t first, int64_t end)
{
    double sum = 0;
    for (int64_t i = first; i < end; i++) {
        sum += o->probabilities.v[i];
    }
    return sum;
}

static double log_cdf(const void *options, double x)
{
    const categorical_options *o = options;
    const int64_t n = o->probabilities.n;
    const int64_t end = x >= 0 && x < (double)n ? (int64_t)floor(x) + 1 : n;
    return isnan(x) ? x : x < 0 ? -HUGE_VAL : end >= n ? 0 : as_log_f64(mass(o, 0, end));
}

static double log_sf(const void *options, double x)
{
    const categorical_options *o = options;
    const int64_t n = o->probabilities.n;
    const int64_t first = x >= 0 && x < (double)n ? (int64_t)floor(x) + 1 : n;
    return isnan(x) ? x : x < 0 ? 0 : first >= n ? -HUGE_VAL : as_log_f64(mass(o, first, n));
}

static double mean(const void *options)
{
    const categorical_options *o = options;
    double sum = 0;
    for (int64_t i = 0; i < o->probabilities.n; i++) {
        sum += (double)i * o->probabilities.v[i];
    }
    return sum;
}

static double variance(const void *options)
{
    const categorical_options *o = options;
    const double centre = mean(options);
    double sum = 0;
    for (int64_t i = 0; i < o->probabilities.n; i++) {
        const double d = (double)i - centre;
        sum += d * d * o->probabilities.v[i];
    }
    return sum;
}

static void support(const void *options, double *low, double *high)
{
    const categorical_options *o = options;
    *low = 0;
    *high = (double)(o->probabilities.n - 1);
}

static double sample(const void *options, as_draw *draw)
{
    const categorical_options *o = options;
    double u = as_draw_uniform(draw);
    int64_t last = 0;
    for (int64_t i = 0; i < o->probabilities.n; i++) {
        if (o->probabilities.v[i] > 0) { /* where rounding leaves something over: the last possible class */
            last = i;
            if (u < o->probabilities.v[i]) {
                return (double)i;
            }
        }
        u -= o->probabilities.v[i];
    }
    return (double)last;
}

const as_distribution_ops as_distribution_categorical = {
    .name = "categorical",
    .help = "One of a few classes, numbered from 0.",
    .formula = "P(k) = probabilities[k], k = 0, 1, ...",
    .fields = fields,
    .options_bytes = sizeof(categorical_options),
    .discrete = true,
    .check = check,
    .log_density = log_density,
    .log_cdf = log_cdf,
    .log_sf = log_sf,
    .mean = mean,
    .variance = variance,
    .support = support,
    .sample = sample,
};
