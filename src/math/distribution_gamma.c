/* Distribution gamma: waiting times for `shape` events. */
#include <math.h>

#include "kernels/scalar_math.h"
#include "math/distribution.h"
#include "math/special.h"

typedef struct gamma_options {
    double shape, scale;
} gamma_options;

static const as_field fields[] = {{.name = "shape",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(gamma_options, shape),
                                   .standard = NULL,
                                   .min = 1e-6,
                                   .max = 1e11,
                                   .help = "Shape."},
                                  {.name = "scale",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(gamma_options, scale),
                                   .standard = "1",
                                   .min = 1e-150,
                                   .max = 1e150,
                                   .help = "Scale: the mean is shape times scale."},
                                  AS_FIELDS_END};

static double log_density(const void *options, double x)
{
    const gamma_options *o = options;
    const double a = o->shape, t = x / o->scale;
    if (!(t > 0) || t == HUGE_VAL) {
        return t == 0 ? (a < 1 ? HUGE_VAL : a > 1 ? -HUGE_VAL : -as_log_f64(o->scale)) : isnan(x) ? x : -HUGE_VAL;
    }
    return as_log_gamma_power(a, t) + as_log_f64(a) - as_log_f64(t) - as_log_f64(o->scale);
}

static double log_cdf(const void *options, double x)
{
    const gamma_options *o = options;
    return x > 0 ? as_log_gamma_p(o->shape, x / o->scale) : x <= 0 ? -HUGE_VAL : x;
}

static double log_sf(const void *options, double x)
{
    const gamma_options *o = options;
    return x > 0 ? as_log_gamma_q(o->shape, x / o->scale) : x <= 0 ? 0 : x;
}

static double quantile(const void *options, double p)
{
    const gamma_options *o = options;
    return o->scale * as_gamma_p_inverse(o->shape, p);
}

static double inverse_sf(const void *options, double q)
{
    const gamma_options *o = options;
    return o->scale * as_gamma_q_inverse(o->shape, q);
}

static double mean(const void *options)
{
    const gamma_options *o = options;
    return o->shape * o->scale;
}

static double variance(const void *options)
{
    const gamma_options *o = options;
    return o->shape * o->scale * o->scale;
}

static void support(const void *options, double *low, double *high)
{
    (void)options;
    *low = 0;
    *high = HUGE_VAL;
}

static double sample(const void *options, as_draw *draw)
{
    const gamma_options *o = options;
    return o->scale * as_draw_gamma(draw, o->shape);
}

const as_distribution_ops as_distribution_gamma = {
    .name = "gamma",
    .help = "Waiting times for the event number `shape`; positive and skewed.",
    .formula = "x^(shape - 1) exp(-x / scale) / (Gamma(shape) scale^shape), x >= 0",
    .fields = fields,
    .options_bytes = sizeof(gamma_options),
    .log_density = log_density,
    .log_cdf = log_cdf,
    .log_sf = log_sf,
    .quantile = quantile,
    .inverse_sf = inverse_sf,
    .mean = mean,
    .variance = variance,
    .support = support,
    .sample = sample,
};
