/* e^x and comparisons on vectors of the variant's real. Each element has the bits of its scalar brother in
   kernels/math.h: the operations are the same, one for one, but for the last step of e^x, where AVX-512 has one
   instruction for the exactly rounded p 2^n that takes two products elsewhere. */
#ifndef AS_KERNELS_VECTOR_MATH_H
#define AS_KERNELS_VECTOR_MATH_H

#include "kernels/math.h"
#include "kernels/vector.h"

typedef as_bits vbits __attribute__((vector_size(V_BYTES)));

/* which ? a : b, for a comparison. */
AS_INLINE vreal v_choose(vbits which, vreal a, vreal b)
{
    return (vreal)((which & (vbits)a) | (~which & (vbits)b));
}

AS_INLINE vreal v_abs(vreal x)
{
    return (vreal)((vbits)x << 1 >> 1);
}

/* For vectors that start at i = 0, VL, ...: the statements with the mask m of those elements that are below n. */
#define V_MAP(n, i, m, ...)                                                                                            \
    for (int64_t i = 0; i < (n); i += VL) {                                                                            \
        const vmask m = v_first((n)-i);                                                                                \
        __VA_ARGS__;                                                                                                   \
    }

/* a > b ? a : b, and a < b ? a : b: b where one is NaN. */
#if defined(V_CALL)
AS_INLINE vreal v_max(vreal a, vreal b)
{
    return (vreal)V_CALL(max)((vnative)a, (vnative)b);
}
AS_INLINE vreal v_min(vreal a, vreal b)
{
    return (vreal)V_CALL(min)((vnative)a, (vnative)b);
}
#else
AS_INLINE vreal v_max(vreal a, vreal b)
{
    return v_choose((vbits)(a > b), a, b);
}
AS_INLINE vreal v_min(vreal a, vreal b)
{
    return v_choose((vbits)(a < b), a, b);
}
#endif

/* p 2^n rounded once: as_scale. */
AS_INLINE vreal v_scale(vreal p, vreal n)
{
#if defined(AS_ISA_AVX512)
    return (vreal)V_CALL(scalef)((vnative)p, (vnative)n);
#else
    const vreal shift = v_splat(AS_SHIFT), bias = v_splat(AS_SHIFT + (real)AS_BIAS);
    const vreal half = (n * v_splat(AS_R(0.5)) + shift) - shift;
    const vreal low = (vreal)((vbits)(half + bias) << AS_MANTISSA);
    const vreal high = (vreal)((vbits)((n - half) + bias) << AS_MANTISSA);
    return p * low * high;
#endif
}

#define V_P1(x, a) v_splat(a)
#define V_P2(x, a, ...) v_fma(x, V_P1(x, __VA_ARGS__), v_splat(a))
#define V_P3(x, a, ...) v_fma(x, V_P2(x, __VA_ARGS__), v_splat(a))
#define V_P4(x, a, ...) v_fma(x, V_P3(x, __VA_ARGS__), v_splat(a))
#define V_P5(x, a, ...) v_fma(x, V_P4(x, __VA_ARGS__), v_splat(a))
#define V_P6(x, a, ...) v_fma(x, V_P5(x, __VA_ARGS__), v_splat(a))
#define V_P7(x, a, ...) v_fma(x, V_P6(x, __VA_ARGS__), v_splat(a))
#define V_P8(x, a, ...) v_fma(x, V_P7(x, __VA_ARGS__), v_splat(a))
#define V_P9(x, a, ...) v_fma(x, V_P8(x, __VA_ARGS__), v_splat(a))
#define V_P10(x, a, ...) v_fma(x, V_P9(x, __VA_ARGS__), v_splat(a))

#define V_P(count, x, ...) V_P##count(x, __VA_ARGS__)

/* x = n ln 2 + r, |r| <= ln(2) / 2: returns e^r. */
AS_INLINE vreal v_exp_part(vreal x, vreal *n)
{
    const vreal shift = v_splat(AS_SHIFT);
    *n = v_fma(x, v_splat(AS_LOG2E), shift) - shift;
    const vreal r = v_fma(*n, v_splat(-AS_LN2_LO), v_fma(*n, v_splat(-AS_LN2_HI), x));
#if AS_PRECISION == 32
    const vreal cubic = V_P(5, r, AS_EXP_CUBIC);
#else
    const vreal cubic = V_P(10, r, AS_EXP_CUBIC);
#endif
    return v_splat(AS_R(1)) + v_fma(r * r, v_fma(r, cubic, v_splat(AS_R(0.5))), r);
}

/* e^x: as_exp. */
AS_INLINE vreal v_exp(vreal x)
{
    vreal n;
    const vreal p = v_exp_part(v_max(v_splat(AS_EXP_MIN), v_min(v_splat(AS_EXP_MAX), x)), &n);
    return v_scale(p, n);
}

/* e^x for x <= 0, without subnormal results: as_exp_normal. */
AS_INLINE vreal v_exp_normal(vreal x)
{
    vreal n;
    const vreal p = v_exp_part(v_max(v_splat(AS_EXP_NORMAL), x), &n);
    const vbits power = (vbits)(n + v_splat(AS_SHIFT + (real)AS_BIAS)) << AS_MANTISSA;
    return v_choose((vbits)(x < v_splat(AS_EXP_NORMAL)), v_splat(0), p * (vreal)power);
}

/* 1 / (1 + e^-x): as_sigmoid. */
AS_INLINE vreal v_sigmoid(vreal x)
{
    const vreal one = v_splat(AS_R(1)), e = v_exp(-v_abs(x)), inverse = one / (one + e);
    return v_choose((vbits)(x < v_splat(0)), e * inverse, inverse);
}

#endif
