/* Distribution f: ratios of two mean squares. */
#include <math.h>

#include "kernels/scalar_math.h"
#include "math/distribution.h"
#include "math/special.h"

typedef struct f_options {
    double dfn, dfd;
} f_options;

static const as_field fields[] = {{.name = "dfn",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(f_options, dfn),
                                   .standard = NULL,
                                   .min = 0.01,
                                   .max = 1e11,
                                   .help = "Degrees of freedom above the line."},
                                  {.name = "dfd",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(f_options, dfd),
                                   .standard = NULL,
                                   .min = 0.01,
                                   .max = 1e11,
                                   .help = "Degrees of freedom below the line."},
                                  AS_FIELDS_END};

/* x = d1 f / (d1 f + d2) and y = 1 - x, which follow the beta distribution of d1/2 and d2/2. */
static void share(const f_options *o, double f, double *x, double *y)
{
    const double r = o->dfn / o->dfd * f, s = o->dfd / o->dfn / f;
    *x = r < 1 ? r / (1 + r) : 1 / (1 + s);
    *y = r < 1 ? 1 / (1 + r) : s / (1 + s);
}

static double log_density(const void *options, double f)
{
    const f_options *o = options;
    if (!(f > 0 && f < HUGE_VAL)) {
        return isnan(f) ? f : f != 0 || o->dfn > 2 ? -HUGE_VAL : o->dfn < 2 ? HUGE_VAL : 0;
    }
    double x, y;
    share(o, f, &x, &y);
    return as_log_beta_power(0.5 * o->dfn, 0.5 * o->dfd, x, y) - as_log_f64(f);
}

static double log_cdf(const void *options, double f)
{
    const f_options *o = options;
    if (!(f > 0 && f < HUGE_VAL)) {
        return isnan(f) ? f : f > 0 ? 0 : -HUGE_VAL;
    }
    double x, y;
    share(o, f, &x, &y);
    return as_log_beta_i(0.5 * o->dfn, 0.5 * o->dfd, x, y);
}

static double log_sf(const void *options, double f)
{
    const f_options *o = options;
    if (!(f > 0 && f < HUGE_VAL)) {
        return isnan(f) ? f : f > 0 ? -HUGE_VAL : 0;
    }
    double x, y;
    share(o, f, &x, &y);
    return as_log_beta_i(0.5 * o->dfd, 0.5 * o->dfn, y, x);
}

static double quantile(const void *options, double p)
{
    const f_options *o = options;
    double x, y;
    as_beta_inverse(0.5 * o->dfn, 0.5 * o->dfd, p, &x, &y);
    return y > 0 ? x / y * (o->dfd / o->dfn) : p >= 0 && p <= 1 ? HUGE_VAL : (double)NAN;
}

static double inverse_sf(const void *options, double q)
{
    const f_options *o = options;
    double x, y;
    as_beta_inverse(0.5 * o->dfd, 0.5 * o->dfn, q, &y, &x);
    return y > 0 ? x / y * (o->dfd / o->dfn) : q >= 0 && q <= 1 ? HUGE_VAL : (double)NAN;
}

static double mean(const void *options)
{
    const f_options *o = options;
    return o->dfd > 2 ? o->dfd / (o->dfd - 2) : (double)NAN;
}

static double variance(const void *options)
{
    const f_options *o = options;
    const double d = o->dfd;
    return d > 4   ? 2 * d * d * (o->dfn + d - 2) / (o->dfn * (d - 2) * (d - 2) * (d - 4))
           : d > 2 ? HUGE_VAL
                   : (double)NAN;
}

static void support(const void *options, double *low, double *high)
{
    (void)options;
    *low = 0;
    *high = HUGE_VAL;
}

static double sample(const void *options, as_draw *draw)
{
    const f_options *o = options;
    const double above = as_draw_gamma(draw, 0.5 * o->dfn) / o->dfn;
    return above / (as_draw_gamma(draw, 0.5 * o->dfd) / o->dfd);
}

const as_distribution_ops as_distribution_f = {
    .name = "f",
    .help = "Ratios of two mean squares of normals.",
    .formula = "x^(d1/2) y^(d2/2) / (f B(d1/2, d2/2)), x = d1 f / (d1 f + d2) = 1 - y",
    .fields = fields,
    .options_bytes = sizeof(f_options),
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
