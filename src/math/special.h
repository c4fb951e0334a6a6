/* Special functions of probability in double, by the arithmetic of kernels/scalar_math.h alone: the same bits on every
   machine. Tails keep their relative accuracy: about 1e-13 where a probability is 1e-300, and logarithms go on below
   that. NaN arguments and arguments outside of the stated domain give NaN. Not collective; no allocation.

   Large shapes cost O(sqrt(shape)) terms; domains end where that would pass a second. */
#ifndef AS_MATH_SPECIAL_H
#define AS_MATH_SPECIAL_H

#define AS_SHAPE_LARGEST 1e12  /* largest shape of the incomplete gamma and beta functions */
#define AS_SHAPE_SMALLEST 1e-8 /* smallest */

/* log Gamma(x), x > 0; relative accuracy also near its zeros 1 and 2. 0: infinity. */
double as_log_gamma(double x);
/* log(Gamma(x)) - ((x - 1/2) log x - x + log(2 pi)/2), x > 0: what Stirling's formula lacks. */
double as_stirling_error(double x);
/* a log(a / x) + x - a >= 0 without cancellation, a >= 0, x >= 0 (Loader 2000: "bd0"). */
double as_deviance(double a, double x);
/* The same where d = (x - a) / a is known to more digits than that; a > 0. */
double as_deviance_at(double a, double x, double d);
/* log B(a, b) = log Gamma(a) + log Gamma(b) - log Gamma(a + b), without cancellation; a, b > 0. */
double as_log_beta(double a, double b);
/* d log Gamma / dx, x > 0. */
double as_digamma(double x);
/* log(1 - e^l), l <= 0. */
double as_log_complement(double l);

/* log(x^a e^-x / Gamma(a + 1)), without cancellation; x > 0. */
double as_log_gamma_power(double a, double x);
/* Regularised incomplete gamma functions, P = 1 - Q = 1/Gamma(a) integral_0^x t^(a-1) e^-t dt; x >= 0. */
double as_gamma_p(double a, double x);
double as_gamma_q(double a, double x);
double as_log_gamma_p(double a, double x);
double as_log_gamma_q(double a, double x);
/* x with P(a, x) = p, or Q(a, x) = q; 0 <= p, q <= 1. 0 where it underflows. */
double as_gamma_p_inverse(double a, double p);
double as_gamma_q_inverse(double a, double q);

/* Regularised incomplete beta function I_x(a, b) with y = 1 - x given beside x, so that neither end loses digits.
   I_y(b, a) = 1 - I_x(a, b). */
double as_beta_i(double a, double b, double x, double y);
double as_log_beta_i(double a, double b, double x, double y);
/* log of x^a y^b / B(a, b), without cancellation. */
double as_log_beta_power(double a, double b, double x, double y);
/* x and y = 1 - x with I_x(a, b) = p. The upper tail: swap a with b and x with y. */
void as_beta_inverse(double a, double b, double p, double *x, double *y);

/* Complementary error function and its logarithm. */
double as_erfc(double x);
double as_log_erfc(double x);
/* Standard normal: P(Z <= z), its logarithm, and z from a probability in [0, 1]. Upper tails: -z. */
double as_normal_cdf(double z);
double as_log_normal_cdf(double z);
double as_normal_inverse(double p);

#endif
