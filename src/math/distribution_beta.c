/* Distribution beta: probabilities: what a successes and b failures leave open. */
#include <math.h>

#include "kernels/scalar_math.h"
#include "math/distribution.h"
#include "math/special.h"

typedef struct beta_options {
    double a, b;
} beta_options;

static const as_field fields[] = {{.name = "a",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(beta_options, a),
                                   .standard = NULL,
                                   .min = 1e-6,
                                   .max = 1e11,
                                   .help = "First shape."},
                                  {.name = "b",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(beta_options, b),
                                   .standard = NULL,
                                   .min = 1e-6,
                                   .max = 1e11,
                                   .help = "Second shape."},
                                  AS_FIELDS_END};

static double log_density(const void *options, double x)
{
    const beta_options *o = options;
    if (!(x > 0 && x < 1)) {
        const double shape = x == 0 ? o->a : x == 1 ? o->b : 2; /* at an end: a pole, a number or nothing */
        const double other = x == 0 ? o->b : o->a;
        return isnan(x) ? x : shape < 1 ? HUGE_VAL : shape > 1 ? -HUGE_VAL : as_log_f64(other);
    }
    return as_log_beta_power(o->a, o->b, x, 1 - x) - as_log_f64(x) - as_log1p_f64(-x);
}

static double log_cdf(const void *options, double x)
{
    const beta_options *o = options;
    return x <= 0 ? -HUGE_VAL : x >= 1 ? 0 : as_log_beta_i(o->a, o->b, x, 1 - x);
}

static double log_sf(const void *options, double x)
{
    const beta_options *o = options;
    return x <= 0 ? 0 : x >= 1 ? -HUGE_VAL : as_log_beta_i(o->b, o->a, 1 - x, x);
}

static double quantile(const void *options, double p)
{
    const beta_options *o = options;
    double x, y;
    as_beta_inverse(o->a, o->b, p, &x, &y);
    return x;
}

static double inverse_sf(const void *options, double q)
{
    const beta_options *o = options;
    double x, y;
    as_beta_inverse(o->b, o->a, q, &y, &x);
    return x;
}

static double mean(const void *options)
{
    const beta_options *o = options;
    return o->a / (o->a + o->b);
}

static double variance(const void *options)
{
    const beta_options *o = options;
    const double n = o->a + o->b;
    return o->a / n * (o->b / n) / (n + 1);
}

static void support(const void *options, double *low, double *high)
{
    (void)options;
    *low = 0;
    *high = 1;
}

static double sample(const void *options, as_draw *draw)
{
    const beta_options *o = options;
    const double one = as_draw_gamma(draw, o->a), two = as_draw_gamma(draw, o->b);
    if (one + two > 0) {
        return one / (one + two);
    }
    return as_draw_uniform(draw) * (o->a + o->b) < o->a ? 1 : 0; /* both underflowed: shapes near 0 */
}

const as_distribution_ops as_distribution_beta = {
    .name = "beta",
    .help = "Shares and probabilities between 0 and 1.",
    .formula = "x^(a - 1) (1 - x)^(b - 1) / B(a, b), 0 <= x <= 1",
    .fields = fields,
    .options_bytes = sizeof(beta_options),
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
