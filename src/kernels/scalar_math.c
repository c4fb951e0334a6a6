/* The double functions of kernels/math.h, compiled once. */
#include "kernels/scalar_math.h"

#define AS_PRECISION 64
#include "kernels/math.h"

#define AS_SCALAR(name)                                                                                                \
    double as_##name##_f64(double x)                                                                                   \
    {                                                                                                                  \
        return as_##name(x);                                                                                           \
    }

AS_SCALAR(exp)
AS_SCALAR(expm1)
AS_SCALAR(log)
AS_SCALAR(log1p)
AS_SCALAR(erf)
AS_SCALAR(sin)
AS_SCALAR(cos)

double as_pow_f64(double x, double y)
{
    return as_pow(x, y);
}
