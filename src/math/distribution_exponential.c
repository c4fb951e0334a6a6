/* Distribution exponential: waiting times without memory. */
#include <math.h>

#include "kernels/scalar_math.h"
#include "math/distribution.h"
#include "math/special.h"

typedef struct exponential_options {
    double scale;
} exponential_options;

static const as_field fields[] = {{.name = "scale",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(exponential_options, scale),
                                   .standard = "1",
                                   .min = 1e-150,
                                   .max = 1e150,
                                   .help = "Mean of the distribution."},
                                  AS_FIELDS_END};

static double log_density(const void *options, double x)
{
    const exponential_options *o = options;
    return x >= 0 ? -x / o->scale - as_log_f64(o->scale) : x < 0 ? -HUGE_VAL : x;
}

static double log_cdf(const void *options, double x)
{
    const exponential_options *o = options;
    return x > 0 ? as_log_complement(-x / o->scale) : x <= 0 ? -HUGE_VAL : x;
}

static double log_sf(const void *options, double x)
{
    const exponential_options *o = options;
    return x > 0 ? -x / o->scale : x <= 0 ? 0 : x;
}

static double quantile(const void *options, double p)
{
    const exponential_options *o = options;
    return p >= 0 && p <= 1 ? -o->scale * as_log1p_f64(-p) : (double)NAN;
}

static double inverse_sf(const void *options, double q)
{
    const exponential_options *o = options;
    return q >= 0 && q <= 1 ? -o->scale * as_log_f64(q) : (double)NAN;
}

static double mean(const void *options)
{
    const exponential_options *o = options;
    return o->scale;
}

static double variance(const void *options)
{
    const exponential_options *o = options;
    return o->scale * o->scale;
}

static void support(const void *options, double *low, double *high)
{
    (void)options;
    *low = 0;
    *high = HUGE_VAL;
}

const as_distribution_ops as_distribution_exponential = {
    .name = "exponential",
    .help = "Waiting times without memory.",
    .formula = "exp(-x / scale) / scale, x >= 0",
    .fields = fields,
    .options_bytes = sizeof(exponential_options),
    .log_density = log_density,
    .log_cdf = log_cdf,
    .log_sf = log_sf,
    .quantile = quantile,
    .inverse_sf = inverse_sf,
    .mean = mean,
    .variance = variance,
    .support = support,
};
