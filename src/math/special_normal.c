/* Complementary error function and the normal distribution.

   erfc: 1 - erf below 2 (erfc is at least 0.0047 there: 2e-14 of it are lost), from there the continued fraction of
   Abramowitz and Stegun 7.1.14 times e^(-x^2), with x^2 as an unevaluated sum of two doubles. Inverse: Newton's method
   for erf near the middle and for the logarithm of the tail, which is concave, elsewhere. */
#include <math.h>

#include "kernels/scalar_math.h"
#include "math/constants.h"
#include "math/special.h"

static const double root_half = 0.70710678118654752440, root_pi = 1.77245385090551602730;
static const double log_half = -0.69314718055994530942;
enum { TERMS = 60, NEWTON_MAX = 100 };

/* sqrt(pi) e^(x^2) erfc(x), x >= 2: 60 terms leave less than 1e-16 at 2. */
static double scaled_tail(double x)
{
    double f = x;
    for (int k = TERMS; k >= 1; k--) {
        f = x + 0.5 * k / f;
    }
    return 1 / f;
}

double as_erfc(double x)
{
    if (!(x >= 2)) {
        return 1 - as_erf_f64(x);
    }
    const double square = x * x;
    return square > 800 ? 0 : as_exp_f64(-square) * as_exp_f64(-fma(x, x, -square)) * (scaled_tail(x) / root_pi);
}

double as_log_erfc(double x)
{
    if (!(x >= 2)) {
        return x < 0.5 ? as_log1p_f64(-as_erf_f64(x)) : as_log_f64(as_erfc(x));
    }
    return -x * x + as_log_f64(scaled_tail(x) / root_pi);
}

double as_normal_cdf(double z)
{
    return 0.5 * as_erfc(-z * root_half);
}

double as_log_normal_cdf(double z)
{
    return z > 0 ? as_log1p_f64(-0.5 * as_erfc(z * root_half)) : log_half + as_log_erfc(-z * root_half);
}

/* z <= 0 with log P(Z <= z) = target < log(0.4). */
static double tail_inverse(double target)
{
    const double t = sqrt(-2 * target); /* Abramowitz and Stegun 26.2.22, to 3e-3 */
    double z = (2.30753 + 0.27061 * t) / (1 + t * (0.99229 + 0.04481 * t)) - t;
    for (int i = 0; i < NEWTON_MAX; i++) {
        const double now = as_log_normal_cdf(z);
        const double slope = as_exp_f64(-0.5 * z * z - AS_HALF_LOG_2PI - now);
        const double step = (target - now) / slope;
        z += step;
        if (!(fabs(step) > 1e-12 * (1 + fabs(z)))) {
            break;
        }
    }
    return z;
}

double as_normal_inverse(double p)
{
    if (!(p >= 0 && p <= 1)) {
        return (double)NAN;
    }
    if (p == 0 || p == 1) {
        return p == 0 ? -HUGE_VAL : HUGE_VAL;
    }
    if (p < 0.4) {
        return tail_inverse(as_log_f64(p));
    }
    if (p > 0.6) {
        return -tail_inverse(as_log1p_f64(-p));
    }
    const double half = 2 * (p - 0.5); /* erf(z / sqrt 2) */
    double u = half * root_pi / 2;
    for (int i = 0; i < 6; i++) {
        u += (half - as_erf_f64(u)) * (root_pi / 2) * as_exp_f64(u * u);
    }
    return u / root_half;
}
