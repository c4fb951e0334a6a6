/* kernels/math.h in double as ordinary functions: for schedules, bias corrections, random numbers and losses in double,
   where libm would give other bits on another machine. Same code, same errors, same bits as the float64 variants. */
#ifndef AS_KERNELS_SCALAR_MATH_H
#define AS_KERNELS_SCALAR_MATH_H

double as_exp_f64(double x);
double as_expm1_f64(double x);
double as_log_f64(double x);
double as_log1p_f64(double x);
double as_erf_f64(double x);
double as_sin_f64(double x); /* |x| <= 2^48, else NaN */
double as_cos_f64(double x); /* |x| <= 2^48, else NaN */
double as_pow_f64(double x, double y);

#endif
