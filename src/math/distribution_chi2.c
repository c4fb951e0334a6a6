/* Distribution chi2: sums of df squared standard normals. */
#include <math.h>

#include "kernels/scalar_math.h"
#include "math/distribution.h"
#include "math/special.h"

typedef struct chi2_options {
    double df;
} chi2_options;

static const as_field fields[] = {{.name = "df",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(chi2_options, df),
                                   .standard = NULL,
                                   .min = 2e-6,
                                   .max = 1e11,
                                   .help = "Degrees of freedom."},
                                  AS_FIELDS_END};

static double log_density(const void *options, double x)
{
    const chi2_options *o = options;
    const double a = 0.5 * o->df, t = x / 2.0;
    if (!(t > 0) || t == HUGE_VAL) {
        return t == 0 ? (a < 1 ? HUGE_VAL : a > 1 ? -HUGE_VAL : -as_log_f64(2.0)) : isnan(x) ? x : -HUGE_VAL;
    }
    return as_log_gamma_power(a, t) + as_log_f64(a) - as_log_f64(t) - as_log_f64(2.0);
}

static double log_cdf(const void *options, double x)
{
    const chi2_options *o = options;
    return x > 0 ? as_log_gamma_p(0.5 * o->df, x / 2.0) : x <= 0 ? -HUGE_VAL : x;
}

static double log_sf(const void *options, double x)
{
    const chi2_options *o = options;
    return x > 0 ? as_log_gamma_q(0.5 * o->df, x / 2.0) : x <= 0 ? 0 : x;
}

static double quantile(const void *options, double p)
{
    const chi2_options *o = options;
    return 2.0 * as_gamma_p_inverse(0.5 * o->df, p);
}

static double inverse_sf(const void *options, double q)
{
    const chi2_options *o = options;
    return 2.0 * as_gamma_q_inverse(0.5 * o->df, q);
}

static double mean(const void *options)
{
    const chi2_options *o = options;
    return o->df;
}

static double variance(const void *options)
{
    const chi2_options *o = options;
    return 2 * o->df;
}

static void support(const void *options, double *low, double *high)
{
    (void)options;
    *low = 0;
    *high = HUGE_VAL;
}

static double sample(const void *options, as_draw *draw)
{
    const chi2_options *o = options;
    return 2 * as_draw_gamma(draw, 0.5 * o->df);
}

const as_distribution_ops as_distribution_chi2 = {
    .name = "chi2",
    .help = "Sums of df squared standard normals.",
    .formula = "x^(df/2 - 1) exp(-x / 2) / (2^(df/2) Gamma(df/2)), x >= 0",
    .fields = fields,
    .options_bytes = sizeof(chi2_options),
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
