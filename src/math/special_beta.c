/* Regularised incomplete beta function.

   The continued fraction of Abramowitz and Stegun 26.5.8 by Lentz's method (Press et al., Numerical Recipes, 6.4) on
   the side of the mean where it converges in O(sqrt(max(a, b))) terms, times x^a y^b / B(a, b) in Loader's form (see
   special_gamma.c). Inverse: Newton's method for log I in w = log(x / y), where log I is concave (the logit of a beta
   variable has a log-concave density), so that it converges from any start. */
#include <math.h>

#include "kernels/scalar_math.h"
#include "math/constants.h"
#include "math/special.h"

enum { TERMS_MAX = 100000000, NEWTON_MAX = 200 };

double as_log_beta_power(double a, double b, double x, double y)
{
    if (a < 10 && b < 10) {
        return a * as_log_f64(x) + b * as_log_f64(y) - as_log_beta(a, b);
    }
    /* n x - a = b - n y: from the smaller of x and y, whose rounding counts for little. */
    const double n = a + b, excess = x < y ? n * x - a : b - n * y;
    return as_stirling_error(n) - as_stirling_error(a) - as_stirling_error(b) - as_deviance_at(a, n * x, excess / a) -
           as_deviance_at(b, n * y, -excess / b) + 0.5 * (as_log_f64(a) + as_log_f64(b / n) - AS_LOG_2PI);
}

/* log I_x(a, b) for x below about a / (a + b). */
static double log_fraction(double a, double b, double x, double y)
{
    const double tiny = 1e-300, n = a + b, excess = x < y ? a - n * x : n * y - b; /* a - n x */
    const double first = a / (a + 1) * (excess + 1);
    double c = fabs(first) < tiny ? tiny : first, d = 0, h = c;
    for (double m = 1; m < TERMS_MAX; m++) {
        const double e = a + 2 * m - 1;
        const double alpha = (a + m - 1) / e * ((n + m - 1) / e) * m * (b - m) * x * x;
        const double beta = m + m * (b - m) * x / e + (a + m) / (e + 2) * (excess + 1 + m * (1 + y));
        d = beta + alpha * d;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = beta + alpha / c;
        c = fabs(c) < tiny ? tiny : c;
        h *= c * d;
        if (fabs(c * d - 1) < 0x1p-52) {
            break;
        }
    }
    return as_log_beta_power(a, b, x, y) - as_log_f64(h);
}

/* log I_x(a, b) and log I_y(b, a); the one whose fraction converges is computed. */
static void log_both(double a, double b, double x, double y, double *lower, double *upper)
{
    const double small = a < b ? a : b, large = a < b ? b : a;
    if (!(small >= AS_SHAPE_SMALLEST) || !(large <= AS_SHAPE_LARGEST) || !(x >= 0 && x <= 1 && y >= 0 && y <= 1)) {
        *lower = *upper = (double)NAN;
    } else if (x == 0 || y == 0) {
        *lower = x == 0 ? -HUGE_VAL : 0;
        *upper = x == 0 ? 0 : -HUGE_VAL;
    } else if (x <= (a + 1) / (a + b + 2)) {
        *lower = log_fraction(a, b, x, y);
        *lower = *lower > 0 ? 0 : *lower;
        *upper = as_log_complement(*lower);
    } else {
        *upper = log_fraction(b, a, y, x);
        *upper = *upper > 0 ? 0 : *upper;
        *lower = as_log_complement(*upper);
    }
}

double as_log_beta_i(double a, double b, double x, double y)
{
    double lower, upper;
    log_both(a, b, x, y, &lower, &upper);
    return lower;
}

double as_beta_i(double a, double b, double x, double y)
{
    return as_exp_f64(as_log_beta_i(a, b, x, y));
}

/* x = 1 / (1 + e^-w) and y = 1 - x. */
static void from_logit(double w, double *x, double *y)
{
    const double e = as_exp_f64(-fabs(w)), small = e / (1 + e), large = 1 / (1 + e);
    *x = w < 0 ? small : large;
    *y = w < 0 ? large : small;
}

/* x and y where log I_x(a, b) is `target`, about log(1/2) at most. */
static void newton(double a, double b, double target, double *x, double *y)
{
    /* Far left I_x = x^a / (a B), and nothing else counts. */
    const double left = (target + as_log_f64(a) + as_log_beta(a, b)) / a;
    if (left < -40 - as_log1p_f64(b)) {
        *x = as_exp_f64(left);
        *y = 1;
        return;
    }
    /* The logit has mean digamma(a) - digamma(b) and a variance near 1/a + 1/b. */
    const double z = as_normal_inverse(as_exp_f64(target));
    double w = as_digamma(a) - as_digamma(b) + (isfinite(z) ? z : -40) * sqrt(1 / a + 1 / b);
    w = left < -3 && left < w ? left : w;
    for (int i = 0; i < NEWTON_MAX; i++) {
        from_logit(w, x, y);
        double lower, upper;
        log_both(a, b, *x, *y, &lower, &upper);
        double step = (target - lower) / as_exp_f64(as_log_beta_power(a, b, *x, *y) - lower);
        step = step > 20 ? 20 : step < -700 ? -700 : step;
        w += step;
        w = w < -744 ? -744 : w > 744 ? 744 : w;
        if (!(fabs(step) > 1e-12 * (1 + fabs(w)))) {
            break;
        }
    }
    from_logit(w, x, y);
}

void as_beta_inverse(double a, double b, double p, double *x, double *y)
{
    const double small = a < b ? a : b, large = a < b ? b : a;
    if (!(small >= AS_SHAPE_SMALLEST) || !(large <= AS_SHAPE_LARGEST) || !(p >= 0 && p <= 1)) {
        *x = *y = (double)NAN;
    } else if (p == 0 || p == 1) {
        *x = p;
        *y = 1 - p;
    } else if (p <= 0.5) {
        newton(a, b, as_log_f64(p), x, y);
    } else {
        newton(b, a, as_log1p_f64(-p), y, x);
    }
}
