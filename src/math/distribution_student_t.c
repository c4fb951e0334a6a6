/* Distribution student_t: a mean over its estimated standard error. */
#include <math.h>

#include "kernels/scalar_math.h"
#include "math/distribution.h"
#include "math/special.h"

typedef struct student_t_options {
    double df;
} student_t_options;

static const as_field fields[] = {{.name = "df",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(student_t_options, df),
                                   .standard = NULL,
                                   .min = 0.01,
                                   .max = 1e11,
                                   .help = "Degrees of freedom."},
                                  AS_FIELDS_END};

/* log P(T > |t|): half of I_x(df/2, 1/2), x = df / (df + t^2), and its leading term where x underflows. */
static double log_tail(double df, double t)
{
    const double square = t / df * t;
    if (fabs(t) > 1e140 * sqrt(df)) {
        return -0.69314718055994530942 + 0.5 * df * (as_log_f64(df) - 2 * as_log_f64(fabs(t))) - as_log_f64(0.5 * df) -
               as_log_beta(0.5 * df, 0.5);
    }
    const double inverse = 1 / square, x = square < 1 ? 1 / (1 + square) : inverse / (1 + inverse);
    const double y = square < 1 ? square / (1 + square) : 1 / (1 + inverse);
    return -0.69314718055994530942 + as_log_beta_i(0.5 * df, 0.5, x, y);
}

/* t <= 0 with P(T <= t) = p <= 1/2. */
static double tail_inverse(double df, double p)
{
    double x, y;
    const double log_x = (as_log_f64(2 * p) + as_log_f64(0.5 * df) + as_log_beta(0.5 * df, 0.5)) / (0.5 * df);
    if (log_x < -600) {
        return -sqrt(df) * as_exp_f64(-0.5 * log_x);
    }
    as_beta_inverse(0.5 * df, 0.5, 2 * p, &x, &y);
    return -sqrt(df * (y / x));
}

static double log_density(const void *options, double t)
{
    const student_t_options *o = options;
    const double growth = fabs(t) > 1e140 ? 2 * as_log_f64(fabs(t)) - as_log_f64(o->df) : as_log1p_f64(t / o->df * t);
    return -0.5 * (o->df + 1) * growth - as_log_beta(0.5, 0.5 * o->df) - 0.5 * as_log_f64(o->df);
}

static double log_cdf(const void *options, double t)
{
    const student_t_options *o = options;
    return isnan(t) ? t : t < 0 ? log_tail(o->df, t) : as_log_complement(log_tail(o->df, t));
}

static double log_sf(const void *options, double t)
{
    const student_t_options *o = options;
    return isnan(t) ? t : t > 0 ? log_tail(o->df, t) : as_log_complement(log_tail(o->df, t));
}

static double quantile(const void *options, double p)
{
    const student_t_options *o = options;
    if (!(p >= 0 && p <= 1)) {
        return (double)NAN;
    }
    return p == 0 ? -HUGE_VAL : p <= 0.5 ? tail_inverse(o->df, p) : p == 1 ? HUGE_VAL : -tail_inverse(o->df, 1 - p);
}

static double inverse_sf(const void *options, double q)
{
    const student_t_options *o = options;
    if (!(q >= 0 && q <= 1)) {
        return (double)NAN;
    }
    return q == 0 ? HUGE_VAL : q <= 0.5 ? -tail_inverse(o->df, q) : q == 1 ? -HUGE_VAL : tail_inverse(o->df, 1 - q);
}

static double mean(const void *options)
{
    const student_t_options *o = options;
    return o->df > 1 ? 0 : (double)NAN;
}

static double variance(const void *options)
{
    const student_t_options *o = options;
    return o->df > 2 ? o->df / (o->df - 2) : o->df > 1 ? HUGE_VAL : (double)NAN;
}

static void support(const void *options, double *low, double *high)
{
    (void)options;
    *low = -HUGE_VAL;
    *high = HUGE_VAL;
}

static double sample(const void *options, as_draw *draw)
{
    const student_t_options *o = options;
    const double z = as_draw_normal(draw);
    return z / sqrt(2 * as_draw_gamma(draw, 0.5 * o->df) / o->df);
}

const as_distribution_ops as_distribution_student_t = {
    .name = "student_t",
    .help = "A normal mean divided by its estimated standard error.",
    .formula = "(1 + t^2 / df)^(-(df + 1)/2) / (sqrt(df) B(1/2, df/2))",
    .fields = fields,
    .options_bytes = sizeof(student_t_options),
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
