/* Gamma function and its incomplete integrals.

   log Gamma: the series of log Gamma(1 + z) in (zeta(k) - 1) z^k / k for |z| <= 1/2 (Abramowitz and Stegun 6.1.33), the
   recurrence to it below 10, Stirling's series from there (6.1.41). Incomplete: Taylor series of P left of a + 1, the
   continued fraction of Q right of it by Lentz's method (6.5.29, 6.5.31; Press et al., Numerical Recipes, 6.2), both
   times e^-deviance / sqrt(2 pi a) in Loader's form ("Fast and accurate computation of binomial probabilities", 2000),
   which keeps the relative accuracy of e^-700. Inverse: Newton's method for log P or log Q in log x. Both are concave
   there because x t^(a-1) e^-t is log-concave in log t: the iteration cannot leave the bracket, and converges from any
   start. Cost: O(1) terms for small shapes, O(sqrt(a)) near x = a. */
#include <math.h>
#include <stdbool.h>

#include "kernels/scalar_math.h"
#include "math/constants.h"
#include "math/special.h"

static const double log_half = -0.69314718055994530942;
enum { TERMS_MAX = 100000000, NEWTON_MAX = 200 };

double as_log_complement(double l)
{
    return l > log_half ? as_log_f64(-as_expm1_f64(l)) : as_log1p_f64(-as_exp_f64(l));
}

/* log Gamma(1 + z) + log1p(z) = log Gamma(2 + z), |z| <= 1/2. */
static double log_gamma_near_two(double z)
{
    /* (-1)^k (zeta(k) - 1) / k, k = 2, 3, ... */
    static const double c[] = {
        0.32246703342411321824,     -0.067352301053198095133,  0.020580808427784547879,    -0.0073855510286739852663,
        0.0028905103307415232858,   -0.0011927539117032609771, 0.00050966952474304242234,  -0.00022315475845357937976,
        0.000099457512781808533715, -0.0000449262367381331417, 0.000020507212775670691553, -9.439488275268395904e-6,
        4.3748667899074878042e-6,   -2.0392157538013662368e-6, 9.5514121304074198329e-7,   -4.4924691987645660433e-7,
        2.1207184805554665869e-7,   -1.0043224823968099609e-7, 4.7698101693639805658e-8,   -2.271109460894316491e-8,
        1.0838659214896954091e-8,   -5.1834750419700466551e-9, 2.4836745438024783172e-9,   -1.1921401405860912074e-9,
        5.7313672416788620133e-10,  -2.7595228851242331452e-10};
    const int n = (int)(sizeof c / sizeof *c);
    double sum = 0;
    for (int k = n - 1; k >= 0; k--) {
        sum = fma(sum, z, c[k]);
    }
    return z * fma(sum, z, 0.42278433509846713939); /* 1 - Euler's constant */
}

/* Stirling's series, x >= 10. */
static double stirling_series(double x)
{
    static const double c[] = {1.0 / 12,          -1.0 / 360, 1.0 / 1260,         -1.0 / 1680,       1.0 / 1188,
                               -691.0 / 360360.0, 1.0 / 156,  -3617.0 / 122400.0, 43867.0 / 244188.0};
    const double r = 1 / x, r2 = r * r;
    double sum = 0;
    for (int k = (int)(sizeof c / sizeof *c) - 1; k >= 0; k--) {
        sum = fma(sum, r2, c[k]);
    }
    return sum * r;
}

double as_log_gamma(double x)
{
    if (!(x >= 0)) {
        return (double)NAN;
    }
    if (x < 0.5) {
        return x == 0 ? HUGE_VAL : log_gamma_near_two(x) - as_log1p_f64(x) - as_log_f64(x);
    }
    if (x <= 1.5) {
        return log_gamma_near_two(x - 1) - as_log1p_f64(x - 1);
    }
    if (x >= 10) {
        return x > 1e305 ? HUGE_VAL : (x - 0.5) * (as_log_f64(x) - 1) + (AS_HALF_LOG_2PI - 0.5) + stirling_series(x);
    }
    double product = 1;
    while (x > 2.5) {
        x -= 1;
        product *= x;
    }
    return as_log_f64(product) + log_gamma_near_two(x - 2);
}

double as_stirling_error(double x)
{
    return x >= 10 ? stirling_series(x) : as_log_gamma(x) - ((x - 0.5) * as_log_f64(x) - x + AS_HALF_LOG_2PI);
}

double as_deviance_at(double a, double x, double d)
{
    if (!(fabs(d) < 0.4)) {
        return x == 0 ? HUGE_VAL : a * (d - as_log_f64(x / a));
    }
    /* d - log(1 + d) with s = d / (2 + d): log(1 + d) = 2 (s + s^3/3 + ...) and d - 2 s = s d. */
    const double s = d / (2 + d), s2 = s * s;
    double sum = 0;
    for (int k = 31; k >= 3; k -= 2) { /* s2 <= 1/16 */
        sum = fma(sum, s2, 1.0 / k);
    }
    return a * (s * d - 2 * s * s2 * sum);
}

double as_deviance(double a, double x)
{
    return a == 0 ? x : as_deviance_at(a, x, (x - a) / a);
}

double as_log_beta(double a, double b)
{
    const double p = a < b ? a : b, q = a < b ? b : a;
    if (!(p > 0) || !(q < HUGE_VAL)) {
        return (double)NAN;
    }
    if (q < 10) {
        return as_log_gamma(p) + as_log_gamma(q) - as_log_gamma(p + q);
    }
    const double tail = stirling_series(q) - stirling_series(p + q);
    if (p >= 10) {
        return AS_HALF_LOG_2PI - 0.5 * as_log_f64(q) + stirling_series(p) + tail + (p - 0.5) * as_log_f64(p / (p + q)) -
               q * as_log1p_f64(p / q);
    }
    return as_log_gamma(p) + tail + p - p * as_log_f64(p + q) - (q - 0.5) * as_log1p_f64(p / q);
}

double as_digamma(double x)
{
    static const double c[] = {1.0 / 12,  -1.0 / 120,     1.0 / 252, -1.0 / 240,
                               1.0 / 132, -691.0 / 32760, 1.0 / 12,  -3617.0 / 8160};
    if (!(x > 0)) {
        return (double)NAN;
    }
    double shift = 0;
    while (x < 12) {
        shift += 1 / x;
        x += 1;
    }
    const double r2 = 1 / (x * x);
    double sum = 0;
    for (int k = (int)(sizeof c / sizeof *c) - 1; k >= 0; k--) {
        sum = fma(sum, r2, c[k]);
    }
    return as_log_f64(x) - 0.5 / x - sum * r2 - shift;
}

/* log Gamma(1 + a): of a small a no digit is lost in 1 + a. */
static double log_factorial(double a)
{
    return a < 0.5 ? log_gamma_near_two(a) - as_log1p_f64(a) : as_log_gamma(a + 1);
}

double as_log_gamma_power(double a, double x)
{
    if (a < 10) {
        return a * as_log_f64(x) - x - log_factorial(a);
    }
    return -as_deviance(a, x) - stirling_series(a) - AS_HALF_LOG_2PI - 0.5 * as_log_f64(a);
}

/* log P by its series; for x < a + 1 or so. */
static double log_p_series(double a, double x)
{
    double term = 1, sum = 1;
    for (double n = 1; n < TERMS_MAX && term > sum * 0x1p-56; n++) {
        term *= x / (a + n);
        sum += term;
    }
    return as_log_gamma_power(a, x) + as_log_f64(sum);
}

/* log Q by its continued fraction; for x > a + 1 or so. */
static double log_q_fraction(double a, double x)
{
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
    for (double n = 1; n < TERMS_MAX; n++) {
        const double t = -n * (n - a);
        b += 2;
        d = t * d + b;
        d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
        c = b + t / c;
        c = fabs(c) < 1e-300 ? 1e-300 : c;
        const double change = c * d;
        h *= change;
        if (fabs(change - 1) < 0x1p-52) {
            break;
        }
    }
    return as_log_gamma_power(a, x) + as_log_f64(a) + as_log_f64(h);
}

/* Q for a < 1 and small x, where P is near 1: u = x^a / Gamma(1 + a), P = u (1 + a sum (-x)^n / (n! (a + n))). */
static double small_q(double a, double x)
{
    const double l = a * as_log_f64(x) - log_factorial(a);
    double power = 1, sum = 0;
    for (int n = 1; n <= 40; n++) {
        power *= -x / n;
        sum += power / (a + n);
    }
    return -as_expm1_f64(l) - as_exp_f64(l) * a * sum;
}

/* Both logarithms at once; the smaller is computed, the other is its complement. */
static void log_both(double a, double x, double *log_p, double *log_q)
{
    if (!(a >= AS_SHAPE_SMALLEST) || !(a <= AS_SHAPE_LARGEST) || !(x >= 0)) {
        *log_p = *log_q = (double)NAN;
    } else if (x == 0 || x == HUGE_VAL) {
        *log_p = x == 0 ? -HUGE_VAL : 0;
        *log_q = x == 0 ? 0 : -HUGE_VAL;
    } else if (a < 1 && x < 1.5) {
        const double q = small_q(a, x);
        *log_q = q < 0.5 ? as_log_f64(q) : as_log_complement(log_p_series(a, x));
        *log_p = q < 0.5 ? as_log1p_f64(-q) : log_p_series(a, x);
    } else if (x < a + 1) {
        *log_p = log_p_series(a, x);
        *log_q = as_log_complement(*log_p);
    } else {
        *log_q = log_q_fraction(a, x);
        *log_p = as_log_complement(*log_q);
    }
}

double as_log_gamma_p(double a, double x)
{
    double p, q;
    log_both(a, x, &p, &q);
    return p;
}

double as_log_gamma_q(double a, double x)
{
    double p, q;
    log_both(a, x, &p, &q);
    return q;
}

double as_gamma_p(double a, double x)
{
    return as_exp_f64(as_log_gamma_p(a, x));
}

double as_gamma_q(double a, double x)
{
    return as_exp_f64(as_log_gamma_q(a, x));
}

/* x where log P (or, upper, log Q) is `target` <= log(1/2) or a little more. */
static double newton(double a, double target, bool upper)
{
    /* Far left P = x^a / Gamma(a + 1), and nothing else counts. */
    const double left = upper ? 0 : (target + log_factorial(a)) / a;
    if (left < -40) {
        return as_exp_f64(left);
    }
    /* Wilson and Hilferty (1931): (X/a)^(1/3) is nearly normal. */
    const double z = upper ? -as_normal_inverse(as_exp_f64(target)) : as_normal_inverse(as_exp_f64(target));
    const double root = 1 - 1 / (9 * a) + z / (3 * sqrt(a));
    double u = isfinite(root) && root > 0.05 ? as_log_f64(a * root * root * root) : left < 0 ? left : as_log_f64(a);
    for (int i = 0; i < NEWTON_MAX; i++) {
        const double x = as_exp_f64(u);
        double p, q;
        log_both(a, x, &p, &q);
        const double now = upper ? q : p;
        const double slope = as_exp_f64(as_log_gamma_power(a, x) + as_log_f64(a) - now); /* of log P; -slope of log Q */
        double step = upper ? (now - target) / slope : (target - now) / slope;
        step = step > 20 ? 20 : step < -700 ? -700 : step; /* x stays a number */
        u += step;
        if (!(fabs(step) > 1e-12 * (1 + fabs(u)))) {
            break;
        }
    }
    return as_exp_f64(u);
}

double as_gamma_p_inverse(double a, double p)
{
    if (!(a >= AS_SHAPE_SMALLEST) || !(a <= AS_SHAPE_LARGEST) || !(p >= 0 && p <= 1)) {
        return (double)NAN;
    }
    if (p == 0 || p == 1) {
        return p == 0 ? 0 : HUGE_VAL;
    }
    return p <= 0.5 ? newton(a, as_log_f64(p), false) : newton(a, as_log1p_f64(-p), true);
}

double as_gamma_q_inverse(double a, double q)
{
    if (!(a >= AS_SHAPE_SMALLEST) || !(a <= AS_SHAPE_LARGEST) || !(q >= 0 && q <= 1)) {
        return (double)NAN;
    }
    if (q == 0 || q == 1) {
        return q == 0 ? HUGE_VAL : 0;
    }
    return q <= 0.5 ? newton(a, as_log_f64(q), true) : newton(a, as_log1p_f64(-q), false);
}
