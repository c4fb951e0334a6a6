/* Distribution normal: sums of many small things. */
#include <math.h>

#include "kernels/scalar_math.h"
#include "math/constants.h"
#include "math/distribution.h"
#include "math/special.h"

typedef struct normal_options {
    double mean, sd;
} normal_options;

static const as_field fields[] = {{.name = "mean",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(normal_options, mean),
                                   .standard = "0",
                                   .min = -1e150,
                                   .max = 1e150,
                                   .help = "Mean."},
                                  {.name = "sd",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(normal_options, sd),
                                   .standard = "1",
                                   .min = 1e-150,
                                   .max = 1e150,
                                   .help = "Standard deviation."},
                                  AS_FIELDS_END};

static double log_density(const void *options, double x)
{
    const normal_options *o = options;
    const double z = (x - o->mean) / o->sd;
    return -0.5 * z * z - AS_HALF_LOG_2PI - as_log_f64(o->sd);
}

static double log_cdf(const void *options, double x)
{
    const normal_options *o = options;
    return as_log_normal_cdf((x - o->mean) / o->sd);
}

static double log_sf(const void *options, double x)
{
    const normal_options *o = options;
    return as_log_normal_cdf((o->mean - x) / o->sd);
}

static double quantile(const void *options, double p)
{
    const normal_options *o = options;
    return o->mean + o->sd * as_normal_inverse(p);
}

static double inverse_sf(const void *options, double q)
{
    const normal_options *o = options;
    return o->mean - o->sd * as_normal_inverse(q);
}

static double mean(const void *options)
{
    const normal_options *o = options;
    return o->mean;
}

static double variance(const void *options)
{
    const normal_options *o = options;
    return o->sd * o->sd;
}

static void support(const void *options, double *low, double *high)
{
    (void)options;
    *low = -HUGE_VAL;
    *high = HUGE_VAL;
}

const as_distribution_ops as_distribution_normal = {
    .name = "normal",
    .help = "Sums of many small independent things.",
    .formula = "exp(-z^2 / 2) / (sd sqrt(2 pi)), z = (x - mean) / sd",
    .fields = fields,
    .options_bytes = sizeof(normal_options),
    .log_density = log_density,
    .log_cdf = log_cdf,
    .log_sf = log_sf,
    .quantile = quantile,
    .inverse_sf = inverse_sf,
    .mean = mean,
    .variance = variance,
    .support = support,
};
