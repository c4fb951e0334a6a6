/* Distribution poisson: counts of rare events. */
#include <math.h>

#include "kernels/scalar_math.h"
#include "math/constants.h"
#include "math/distribution.h"
#include "math/special.h"

typedef struct poisson_options {
    double mean;
} poisson_options;

static const as_field fields[] = {{.name = "mean",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(poisson_options, mean),
                                   .standard = NULL,
                                   .min = 0,
                                   .max = 1e11,
                                   .help = "Mean, and variance."},
                                  AS_FIELDS_END};

/* log P(X = k), k >= 0, by Loader's deviance. */
static double log_mass(double mean, double k)
{
    if (k == 0 || mean == 0) {
        return k == 0 ? -mean : -HUGE_VAL;
    }
    return -as_stirling_error(k) - as_deviance(k, mean) - 0.5 * (as_log_f64(k) + AS_LOG_2PI);
}

static double log_density(const void *options, double k)
{
    const poisson_options *o = options;
    if (!(k >= 0 && k < HUGE_VAL) || k != floor(k)) {
        return isnan(k) ? k : -HUGE_VAL;
    }
    return log_mass(o->mean, k);
}

static double log_cdf(const void *options, double x)
{
    const poisson_options *o = options;
    return isnan(x)                                   ? x
           : x < 0                                    ? -HUGE_VAL
           : o->mean == 0 || x + 1 > AS_SHAPE_LARGEST ? 0
                                                      : as_log_gamma_q(floor(x) + 1, o->mean);
}

static double log_sf(const void *options, double x)
{
    const poisson_options *o = options;
    return isnan(x)                                   ? x
           : x < 0                                    ? 0
           : o->mean == 0 || x + 1 > AS_SHAPE_LARGEST ? -HUGE_VAL
                                                      : as_log_gamma_p(floor(x) + 1, o->mean);
}

static double mean(const void *options)
{
    const poisson_options *o = options;
    return o->mean;
}

static double variance(const void *options)
{
    const poisson_options *o = options;
    return o->mean;
}

static void support(const void *options, double *low, double *high)
{
    (void)options;
    *low = 0;
    *high = HUGE_VAL;
}

/* A small mean by adding up the probabilities, a large one by rejection (Hoermann, "The transformed rejection method
   for generating Poisson random variables", Insurance: Mathematics and Economics 12, 1993: PTRS). */
static double sample(const void *options, as_draw *draw)
{
    const poisson_options *o = options;
    if (o->mean < 10) {
        double u = as_draw_uniform(draw), k = 0, mass = as_exp_f64(-o->mean);
        while (u > mass && mass > 0) {
            u -= mass;
            k += 1;
            mass *= o->mean / k;
        }
        return k;
    }
    const double b = 0.931 + 2.53 * sqrt(o->mean), a = -0.059 + 0.02483 * b;
    const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), quick = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        const double u = as_draw_uniform(draw) - 0.5, v = as_draw_uniform(draw), us = 0.5 - fabs(u);
        const double k = floor((2 * a / us + b) * u + o->mean + 0.43);
        if (us >= 0.07 && v <= quick) {
            return k;
        }
        if (k >= 0 && !(us < 0.013 && v > us) &&
            as_log_f64(v * inverse_alpha / (a / (us * us) + b)) <= log_mass(o->mean, k)) {
            return k;
        }
    }
}

const as_distribution_ops as_distribution_poisson = {
    .name = "poisson",
    .help = "Counts of events that come independently.",
    .formula = "mean^k exp(-mean) / k!, k = 0, 1, ...",
    .fields = fields,
    .options_bytes = sizeof(poisson_options),
    .discrete = true,
    .log_density = log_density,
    .log_cdf = log_cdf,
    .log_sf = log_sf,
    .mean = mean,
    .variance = variance,
    .support = support,
    .sample = sample,
};
