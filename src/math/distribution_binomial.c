/* Distribution binomial: successes in n trials. */
#include <math.h>

#include "kernels/scalar_math.h"
#include "math/constants.h"
#include "math/distribution.h"
#include "math/special.h"

typedef struct binomial_options {
    int64_t n;
    double p;
} binomial_options;

static const as_field fields[] = {{.name = "n",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(binomial_options, n),
                                   .standard = NULL,
                                   .min = 0,
                                   .max = 1e11,
                                   .help = "Number of trials."},
                                  {.name = "p",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(binomial_options, p),
                                   .standard = NULL,
                                   .min = 0,
                                   .max = 1,
                                   .help = "Probability of success."},
                                  AS_FIELDS_END};

/* log P(X = k), 0 <= k <= n, by Loader's deviances; q = 1 - p. */
static double log_mass(double n, double p, double q, double k)
{
    if (k == 0 || k == n) {
        return k == 0 ? (n == 0 ? 0 : p < 0.5 ? n * as_log1p_f64(-p) : n * as_log_f64(q)) : n * as_log_f64(p);
    }
    return as_stirling_error(n) - as_stirling_error(k) - as_stirling_error(n - k) - as_deviance(k, n * p) -
           as_deviance(n - k, n * q) + 0.5 * (as_log_f64(n / k) - as_log_f64(n - k) - AS_LOG_2PI);
}

static double log_density(const void *options, double k)
{
    const binomial_options *o = options;
    if (!(k >= 0 && k <= (double)o->n) || k != floor(k)) {
        return isnan(k) ? k : -HUGE_VAL;
    }
    return log_mass((double)o->n, o->p, 1 - o->p, k);
}

static double log_cdf(const void *options, double x)
{
    const binomial_options *o = options;
    const double n = (double)o->n;
    return x < 0 ? -HUGE_VAL : x >= n ? 0 : as_log_beta_i(n - floor(x), floor(x) + 1, 1 - o->p, o->p);
}

static double log_sf(const void *options, double x)
{
    const binomial_options *o = options;
    const double n = (double)o->n;
    return x < 0 ? 0 : x >= n ? -HUGE_VAL : as_log_beta_i(floor(x) + 1, n - floor(x), o->p, 1 - o->p);
}

static double mean(const void *options)
{
    const binomial_options *o = options;
    return (double)o->n * o->p;
}

static double variance(const void *options)
{
    const binomial_options *o = options;
    return (double)o->n * o->p * (1 - o->p);
}

static void support(const void *options, double *low, double *high)
{
    const binomial_options *o = options;
    *low = 0;
    *high = (double)o->n;
}

/* Few successes by adding up the probabilities; many by rejection (Hoermann, "The generation of binomial random
   variates", J. Stat. Comput. Simul. 46, 1993: BTRS), for p <= 1/2. */
static double draw_small_p(double n, double p, as_draw *draw)
{
    const double q = 1 - p, spread = sqrt(n * p * q);
    if (n * p < 10) {
        double u = as_draw_uniform(draw), k = 0, mass = as_exp_f64(n * as_log1p_f64(-p));
        while (u > mass && k < n) {
            u -= mass;
            k += 1;
            mass *= (n - k + 1) / k * (p / q);
        }
        return k;
    }
    const double b = 1.15 + 2.53 * spread, a = -0.0873 + 0.0248 * b + 0.01 * p, c = n * p + 0.5;
    const double quick = 0.92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * spread;
    const double top = log_mass(n, p, q, floor((n + 1) * p));
    for (;;) {
        const double u = as_draw_uniform(draw) - 0.5, v = as_draw_uniform(draw), us = 0.5 - fabs(u);
        const double k = floor((2 * a / us + b) * u + c);
        if (us >= 0.07 && v <= quick) {
            return k;
        }
        if (k >= 0 && k <= n && as_log_f64(v * alpha / (a / (us * us) + b)) <= log_mass(n, p, q, k) - top) {
            return k;
        }
    }
}

static double sample(const void *options, as_draw *draw)
{
    const binomial_options *o = options;
    const double n = (double)o->n;
    return o->p <= 0.5 ? draw_small_p(n, o->p, draw) : n - draw_small_p(n, 1 - o->p, draw);
}

const as_distribution_ops as_distribution_binomial = {
    .name = "binomial",
    .help = "Number of successes in n independent trials.",
    .formula = "C(n, k) p^k (1 - p)^(n - k), k = 0..n",
    .fields = fields,
    .options_bytes = sizeof(binomial_options),
    .discrete = true,
    .log_density = log_density,
    .log_cdf = log_cdf,
    .log_sf = log_sf,
    .mean = mean,
    .variance = variance,
    .support = support,
    .sample = sample,
};
