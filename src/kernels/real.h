/* One source, six builds: files compiled once per variant include this. The build defines

     AS_PRECISION  32 or 64: real is float or double

     AS_VARIANT    f32_avx512, f64_portable, ...: AS_V(name) is name_<variant>, so that the builds link together

     one of AS_ISA_AVX512, AS_ISA_AVX2, AS_ISA_PORTABLE

   All variants of a precision give the same bits: sums follow a stated order, and fused multiply-add happens only
   through as_fma (the compiler may not contract). */
#ifndef AS_KERNELS_REAL_H
#define AS_KERNELS_REAL_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define AS_JOIN_(a, b) a##_##b
#define AS_JOIN(a, b) AS_JOIN_(a, b)
#define AS_V(name) AS_JOIN(name, AS_VARIANT)

#if AS_PRECISION == 32
typedef float real;
#define AS_R(x) ((real)(x))
static inline real as_fma(real a, real b, real c)
{
    return __builtin_fmaf(a, b, c);
}
static inline real as_sqrt(real a)
{
    return __builtin_sqrtf(a);
}
static inline real as_abs(real a)
{
    return __builtin_fabsf(a);
}
#elif AS_PRECISION == 64
typedef double real;
#define AS_R(x) ((real)(x))
static inline real as_fma(real a, real b, real c)
{
    return __builtin_fma(a, b, c);
}
static inline real as_sqrt(real a)
{
    return __builtin_sqrt(a);
}
static inline real as_abs(real a)
{
    return __builtin_fabs(a);
}
#else
#error "AS_PRECISION must be 32 or 64"
#endif

#endif
