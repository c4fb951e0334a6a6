/* Elementary functions of one `real`, for code compiled per variant and for kernels/scalar_math.c.

   Method: argument reduction, a minimax polynomial (Remez; tests/reference/math_coefficients.py prints every
   coefficient) and explicit fused multiply-adds, so the bits are those of IEEE arithmetic alone: the same for every
   instruction set, compiler and optimisation level, scalar or vectorised. There are no branches, tables or calls: gcc
   and clang turn a plain loop over any of them into vector code. exp: Cody and Waite (1980) reduction, scaling by two
   exact powers of two; log: fdlibm's log(1+f) = f - (f^2/2 - s (f^2/2 + R)), s = f / (2 + f); tanh: expm1 as an
   unevaluated sum and a corrected quotient; erf: odd polynomial below 7/8, 1 - exp(-g(|x|)) above; pow: log and product
   in pairs of reals.

   Errors in ulp (largest found on a few million points each; tests/unit/test_math.c holds every bound at 1):
              exp    expm1   log    log1p   tanh   erf    sin    cos    pow
     float    0.99   0.58    0.82   0.84    0.55   0.95   0.79   0.78   0.77
     double   0.99   0.80    0.85   0.83    0.70   0.90   0.85   0.87   0.75
   NaN gives NaN. Infinities, zeros, subnormal arguments and results, overflow: as in C's Annex F, unless said. */
#ifndef AS_KERNELS_MATH_H
#define AS_KERNELS_MATH_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kernels/real.h"

/* Polynomial c0 + c1 x + ... by Horner's rule, one fma a coefficient. */
#define AS_P1(x, a) (a)
#define AS_P2(x, a, ...) as_fma(x, AS_P1(x, __VA_ARGS__), a)
#define AS_P3(x, a, ...) as_fma(x, AS_P2(x, __VA_ARGS__), a)
#define AS_P4(x, a, ...) as_fma(x, AS_P3(x, __VA_ARGS__), a)
#define AS_P5(x, a, ...) as_fma(x, AS_P4(x, __VA_ARGS__), a)
#define AS_P6(x, a, ...) as_fma(x, AS_P5(x, __VA_ARGS__), a)
#define AS_P7(x, a, ...) as_fma(x, AS_P6(x, __VA_ARGS__), a)
#define AS_P8(x, a, ...) as_fma(x, AS_P7(x, __VA_ARGS__), a)
#define AS_P9(x, a, ...) as_fma(x, AS_P8(x, __VA_ARGS__), a)
#define AS_P10(x, a, ...) as_fma(x, AS_P9(x, __VA_ARGS__), a)
#define AS_P11(x, a, ...) as_fma(x, AS_P10(x, __VA_ARGS__), a)
#define AS_P12(x, a, ...) as_fma(x, AS_P11(x, __VA_ARGS__), a)
#define AS_P13(x, a, ...) as_fma(x, AS_P12(x, __VA_ARGS__), a)
#define AS_P14(x, a, ...) as_fma(x, AS_P13(x, __VA_ARGS__), a)
#define AS_P15(x, a, ...) as_fma(x, AS_P14(x, __VA_ARGS__), a)
#define AS_P16(x, a, ...) as_fma(x, AS_P15(x, __VA_ARGS__), a)
#define AS_P17(x, a, ...) as_fma(x, AS_P16(x, __VA_ARGS__), a)
#define AS_P18(x, a, ...) as_fma(x, AS_P17(x, __VA_ARGS__), a)
#define AS_P19(x, a, ...) as_fma(x, AS_P18(x, __VA_ARGS__), a)

/* The same with coefficients that are one macro: AS_P(5, x, FIVE_COEFFICIENTS). */
#define AS_P(count, x, ...) AS_P##count(x, __VA_ARGS__)

#if AS_PRECISION == 32
typedef uint32_t as_bits;
enum { AS_MANTISSA = 23, AS_BIAS = 127, AS_WIDTH = 32 };
#define AS_SHIFT 0x1.8p23f /* adding it rounds to an integer, kept in the low bits */
#define AS_LN2_HI 0x1.62ep-1f
#define AS_LN2_LO 0x1.0bfbe8p-15f
#define AS_LOG2E 0x1.715476p+0f
#define AS_EXP_MAX 89.0f   /* e^x overflows below */
#define AS_EXP_MIN -104.0f /* e^x rounds to 0 above */
#define AS_EXP_NORMAL -87.0f
#define AS_MIN_NORMAL 0x1p-126f
#define AS_SQRT_HALF 0x1.6a09e6p-1f
#define AS_TRIG_MAX 0x1p19f
#define AS_ERF_ONE 4.0f   /* erf rounds to 1 before */
#define AS_TANH_ONE 10.0f /* tanh rounds to 1 before */
#else
typedef uint64_t as_bits;
enum { AS_MANTISSA = 52, AS_BIAS = 1023, AS_WIDTH = 64 };
#define AS_SHIFT 0x1.8p52
#define AS_LN2_HI 0x1.62e42fefa3p-1
#define AS_LN2_LO 0x1.3de6af278ece6p-42
#define AS_LOG2E 0x1.71547652b82fep+0
#define AS_EXP_MAX 710.0
#define AS_EXP_MIN -746.0
#define AS_EXP_NORMAL -708.0
#define AS_MIN_NORMAL 0x1p-1022
#define AS_SQRT_HALF 0x1.6a09e667f3bcdp-1
#define AS_TRIG_MAX 0x1p48
#define AS_ERF_ONE 6.0
#define AS_TANH_ONE 22.0
#endif

#define AS_ERF_SPLIT AS_R(0.875)
#define AS_INF ((real)__builtin_inf())
#define AS_NAN ((real)__builtin_nan(""))

static inline as_bits as_to_bits(real x)
{
    as_bits u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline real as_from_bits(as_bits u)
{
    real x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* |x| with the sign of s. */
static inline real as_copysign(real x, real s)
{
    const as_bits sign = (as_bits)1 << (AS_WIDTH - 1);
    return as_from_bits((as_to_bits(x) & ~sign) | (as_to_bits(s) & sign));
}

/* Largest integer not above x. Exact. */
static inline real as_floor(real x)
{
#if AS_PRECISION == 32
    return __builtin_floorf(x);
#else
    return __builtin_floor(x);
#endif
}

/* Nearest integer (ties to even), |x| < 2^21 (float), 2^50 (double). */
static inline real as_round(real x)
{
    return (x + AS_SHIFT) - AS_SHIFT;
}

/* 2^n for an integer n with 2^n normal. */
static inline real as_power2(real n)
{
    return as_from_bits(as_to_bits(n + (AS_SHIFT + (real)AS_BIAS)) << AS_MANTISSA);
}

/* p 2^n for an integer n, rounded once even when the result is subnormal; |p| in [1/2, 2]. */
static inline real as_scale(real p, real n)
{
    const real half = as_round(n * AS_R(0.5));
    return p * as_power2(half) * as_power2(n - half);
}

#if AS_PRECISION == 32
#define AS_EXP_CUBIC 0x1.555556p-3f, 0x1.5554e8p-5f, 0x1.1110aap-7f, 0x1.6d444cp-10f, 0x1.a17f66p-13f
#else
#define AS_EXP_CUBIC                                                                                                   \
    0x1.5555555555557p-3, 0x1.5555555555558p-5, 0x1.111111111009cp-7, 0x1.6c16c16c15192p-10, 0x1.a01a01ac0ad98p-13,    \
        0x1.a01a01ad21a8cp-16, 0x1.71de01c354a08p-19, 0x1.27e4cc70b1471p-22, 0x1.af4ece5a7e0fep-26,                    \
        0x1.1f8be94775743p-29
#endif

/* (e^r - 1 - r - r^2 / 2) / r^3 for |r| <= ln(2) / 2. Relative error of e^r: 2^-32 (float), 2^-62 (double). */
static inline real as_exp_cubic(real r)
{
#if AS_PRECISION == 32
    return AS_P(5, r, AS_EXP_CUBIC);
#else
    return AS_P(10, r, AS_EXP_CUBIC);
#endif
}

/* x = n ln 2 + r, |r| <= ln(2) / 2: returns n; AS_EXP_MIN <= x <= AS_EXP_MAX. */
static inline real as_exp_n(real x)
{
    return as_fma(x, AS_LOG2E, AS_SHIFT) - AS_SHIFT;
}

/* e^(x - n ln 2) - 1. */
static inline real as_exp_r(real x, real n)
{
    const real r = as_fma(n, -AS_LN2_LO, as_fma(n, -AS_LN2_HI, x));
    return as_fma(r * r, as_fma(r, as_exp_cubic(r), AS_R(0.5)), r);
}

/* e^x. */
static inline real as_exp(real x)
{
    x = x > AS_EXP_MAX ? AS_EXP_MAX : x;
    x = x < AS_EXP_MIN ? AS_EXP_MIN : x;
    const real n = as_exp_n(x);
    return as_scale(AS_R(1) + as_exp_r(x, n), n);
}

/* e^x for x <= 0, but 0 where it is below the smallest normal number (times 2 at most): arithmetic with subnormal
   numbers is 100 times slower. */
static inline real as_exp_normal(real x)
{
    return x < AS_EXP_NORMAL ? AS_R(0) : as_exp(x);
}

/* high + low, |low| <= ulp(high). */
typedef struct as_pair {
    real high, low;
} as_pair;

/* a + b exactly, |a| >= |b| or a = 0 (Dekker 1971). */
static inline as_pair as_fast_sum(real a, real b)
{
    const real s = a + b;
    return (as_pair){s, (a - s) + b};
}

/* a + b exactly (Knuth). */
static inline as_pair as_two_sum(real a, real b)
{
    const real s = a + b, c = s - a;
    return (as_pair){s, (a - (s - c)) + (b - c)};
}

/* (e^x - 1) / 2 to about 1.2 times the precision of real, -50 <= x <= AS_EXP_MAX: s (1 + r + r^2 / 2 + ...) - 1 / 2
   with s = 2^(n - 1), the first four terms summed exactly. */
static inline as_pair as_expm1_half(real x)
{
    const real n = as_exp_n(x);
    const as_pair r = as_fast_sum(as_fma(n, -AS_LN2_HI, x), n * -AS_LN2_LO);
    const real half = AS_R(0.5) * r.high, square = half * r.high;
    const real tail = as_fma(square * r.high, AS_R(2) * as_exp_cubic(r.high), as_fma(half, r.high, -square) + r.low);
    const real s = as_power2(n - AS_R(1));
    const as_pair base = as_two_sum(s, AS_R(-0.5));
    const as_pair line = as_fast_sum(base.high, s * r.high);
    const as_pair parabola = as_fast_sum(line.high, s * square);
    return as_fast_sum(parabola.high, as_fma(s, tail, base.low + line.low + parabola.low));
}

/* e^x - 1. */
static inline real as_expm1(real x)
{
    real y = x > AS_EXP_MAX ? AS_EXP_MAX : x;
    y = y < AS_R(-50) ? AS_R(-50) : y;
    const as_pair half = as_expm1_half(y);
    return as_abs(x) < AS_R(4) * AS_MIN_NORMAL ? x : AS_R(2) * (half.high + half.low);
}

/* tanh x = h / (h + 1), h = expm1(2 |x|) / 2. */
static inline real as_tanh(real x)
{
    const real a = as_abs(x);
    const as_pair h = as_expm1_half(AS_R(2) * (a > AS_TANH_ONE ? AS_TANH_ONE : a));
    const as_pair d = as_two_sum(h.high, AS_R(1));
    const real inverse = AS_R(1) / d.high, q = h.high * inverse;
    const real rest = as_fma(-q, d.high, h.high) + as_fma(-q, d.low + h.low, h.low);
    return as_copysign(as_fma(rest, inverse, q), x);
}

/* x = 2^k m, m in [sqrt(1/2), sqrt(2)), for finite x > 0. */
static inline real as_split(real x, real *k)
{
    const real lift = (real)((as_bits)1 << (AS_MANTISSA + 1));
    const as_bits bias = (as_bits)AS_BIAS << AS_MANTISSA;
    const real scaled = x < AS_MIN_NORMAL ? x * lift : x;
    const as_bits u = as_to_bits(scaled);
    const as_bits e = (u - as_to_bits(AS_SQRT_HALF) + bias) >> AS_MANTISSA;
    const real two = (real)((as_bits)1 << AS_MANTISSA);
    *k = as_from_bits(as_to_bits(two) | e) - (two + (real)AS_BIAS) -
         (x < AS_MIN_NORMAL ? AS_R(AS_MANTISSA + 1) : AS_R(0));
    return as_from_bits(u - (e << AS_MANTISSA) + bias);
}

/* R(z) z with log((1 + s) / (1 - s)) = 2 s + s z R(z), z = s^2, for 1 + f in [sqrt(1/2), sqrt(2)). */
static inline real as_log_r(real z)
{
#if AS_PRECISION == 32
    return z * AS_P4(z, 0x1.555556p-1f, 0x1.9999ecp-2f, 0x1.245bf2p-2f, 0x1.ddde5p-3f);
#else
    return z * AS_P7(z, 0x1.5555555555558p-1, 0x1.99999999951bfp-2, 0x1.2492492e0f035p-2, 0x1.c71c62c212d48p-3,
                     0x1.7462be2e83f7ap-3, 0x1.39fd33b88676dp-3, 0x1.2b662ecd8e8c7p-3);
#endif
}

/* k log 2 + log(1 + f) + c, c small. */
static inline real as_log_sum(real k, real f, real c)
{
    const real s = f / (AS_R(2) + f), square = AS_R(0.5) * f * f;
    return as_fma(k, AS_LN2_HI, f - (square - as_fma(s, square + as_log_r(s * s), as_fma(k, AS_LN2_LO, c))));
}

/* Natural logarithm. log 0 = -inf; x < 0 gives NaN. */
static inline real as_log(real x)
{
    real k;
    const real m = as_split(x, &k);
    const real y = as_log_sum(k, m - AS_R(1), AS_R(0));
    const real edge = x == AS_R(0) ? -AS_INF : AS_NAN;
    return x > AS_R(0) ? (x < AS_INF ? y : x) : edge;
}

/* log(1 + x). x = -1 gives -inf, x < -1 NaN. */
static inline real as_log1p(real x)
{
    const real u = AS_R(1) + x;
    real k;
    const real m = as_split(u, &k);
    const real lost = as_abs(x) >= AS_R(1) ? AS_R(1) - (u - x) : x - (u - AS_R(1));
    const real y = as_log_sum(k, k == AS_R(0) ? x : m - AS_R(1), k == AS_R(0) ? AS_R(0) : lost / u);
    const real edge = u == AS_R(0) ? -AS_INF : AS_NAN;
    const real inside = x == AS_R(0) ? x : y;
    return u > AS_R(0) ? (x < AS_INF ? inside : x) : edge;
}

/* erf(x) / x - 1 in z = x^2, |x| <= AS_ERF_SPLIT; absolute error 2^-32 (float), 2^-61 (double). */
static inline real as_erf_small(real z)
{
#if AS_PRECISION == 32
    return AS_P7(z, 0x1.06eba8p-3f, -0x1.812744p-2f, 0x1.ce2e8ep-4f, -0x1.b81a72p-6f, 0x1.5542a4p-8f, -0x1.aec89ap-11f,
                 0x1.6cdc56p-14f);
#else
    return AS_P12(z, 0x1.06eba8214db69p-3, -0x1.812746b0379e5p-2, 0x1.ce2f21a0429cp-4, -0x1.b82ce3127ba3ep-6,
                  0x1.565bcd0bd4591p-8, -0x1.c02db3658c951p-11, 0x1.f9a31006ea734p-14, -0x1.f4d01d63375cap-17,
                  0x1.b9c1224841747p-20, -0x1.5dd084a9d5346p-23, 0x1.e54e1b24648a1p-27, -0x1.dc9fc42d3f9d7p-31);
#endif
}

/* -log(erfc(AS_ERF_SPLIT + u)), up to erfc(AS_ERF_ONE); error times erfc: 2^-34 (float), 2^-58 (double). */
static inline real as_erf_large(real u)
{
#if AS_PRECISION == 32
    return AS_P8(u, 0x1.88672ep+0f, 0x1.371172p+1f, 0x1.a73054p-1f, 0x1.803f7ap-5f, -0x1.743ce2p-7f, 0x1.2367a4p-9f,
                 -0x1.3d04eap-12f, 0x1.58d7ap-16f);
#else
    return AS_P19(u, 0x1.88672ea9b34dcp+0, 0x1.3711709c17b43p+1, 0x1.a730790b4d445p-1, 0x1.802c27938a7bap-5,
                  -0x1.730b0e9702698p-7, 0x1.19049a40bee25p-9, -0x1.a5137d427840ep-13, -0x1.f15745fbda7c8p-15,
                  0x1.4a4db74608127p-15, -0x1.98261c4daecc4p-17, 0x1.1195d8c2f957dp-19, 0x1.28b743f38f8e7p-23,
                  -0x1.ff5d2926e9bb8p-23, 0x1.9d3f4bd6d5a1p-24, -0x1.ab4753dc22e76p-26, 0x1.34110b11b7dd3p-28,
                  -0x1.2de2efc67b242p-31, 0x1.6ac41cad7f0b5p-35, -0x1.938b88a157708p-40);
#endif
}

/* Error function. */
static inline real as_erf(real x)
{
    const real a = as_abs(x);
    const real small = as_fma(as_erf_small(x * x), a, a);
    const real g = -as_erf_large((a > AS_ERF_ONE ? AS_ERF_ONE : a) - AS_ERF_SPLIT);
    const real n = as_exp_n(g), s = as_power2(n), large = as_fma(-s, as_exp_r(g, n), AS_R(1) - s);
    return as_copysign(a < AS_ERF_SPLIT ? small : large, x);
}

/* sin (quarters = 0) or cos (quarters = 1): x = n pi/2 + r, |r| <= pi/4, r as a pair; three-part pi/2 after Cody and
 * Waite. */
static inline real as_trigonometric(real x, as_bits quarters)
{
#if AS_PRECISION == 32
    const real two_over_pi = 0x1.45f306p-1f, p1 = 0x1.921fb6p+0f, p2 = -0x1.777a5cp-25f, p3 = -0x1.ee59dap-50f;
#else
    const real two_over_pi = 0x1.45f306dc9c883p-1, p1 = 0x1.921fb54442d18p+0, p2 = 0x1.1a62633145c07p-54,
               p3 = -0x1.f1976b7ed8fbcp-110;
#endif
    const real shifted = as_fma(x, two_over_pi, AS_SHIFT), n = shifted - AS_SHIFT;
    const real product = n * p2;
    const as_pair rest = as_two_sum(as_fma(n, -p1, x), -product);
    const real r = rest.high, low = as_fma(n, -p3, rest.low - as_fma(n, p2, -product)), z = r * r;
#if AS_PRECISION == 32
    const real sin_s = AS_P4(z, -0x1.555556p-3f, 0x1.11110ep-7f, -0x1.a01366p-13f, 0x1.6da93p-19f);
    const real cos_c = AS_P3(z, 0x1.555554p-5f, -0x1.6c12acp-10f, 0x1.9bc344p-16f);
#else
    const real sin_s = AS_P6(z, -0x1.5555555555555p-3, 0x1.1111111110b24p-7, -0x1.a01a019e624cep-13,
                             0x1.71de376ba946ap-19, -0x1.ae5fdebdb467dp-26, 0x1.5dfb4dab3268ap-33);
    const real cos_c = AS_P6(z, 0x1.5555555555555p-5, -0x1.6c16c16c1692p-10, 0x1.a01a019f3df9ap-16,
                             -0x1.27e4fa0260a56p-22, 0x1.1eeb52bddd75cp-29, -0x1.906dd10512b11p-37);
#endif
    const real half = AS_R(0.5) * z, near = AS_R(1) - half;
    const real sin_r = r + as_fma(r * z, sin_s, as_fma(-half, low, low));
    const real cos_r = near + (((AS_R(1) - near) - half) + as_fma(z * z, cos_c, -r * low));
    const as_bits quadrant = as_to_bits(shifted) + quarters;
    const real value = (quadrant & 1) != 0 ? cos_r : sin_r;
    const real turned = as_from_bits(as_to_bits(value) ^ ((quadrant & 2) << (AS_WIDTH - 2)));
    return as_abs(x) <= AS_TRIG_MAX ? turned : AS_NAN;
}

/* Sine of x radians, |x| <= 2^19 (float), 2^48 (double); beyond, where x has lost its phase, NaN. */
static inline real as_sin(real x)
{
    return as_abs(x) < AS_MIN_NORMAL ? x : as_trigonometric(x, 0);
}

/* Cosine, same range. */
static inline real as_cos(real x)
{
    return as_trigonometric(x, 1);
}

/* R2(z) with log((1 + s) / (1 - s)) = 2 s + s z (2/3 + z R2(z)). */
static inline real as_pow_r2(real z)
{
#if AS_PRECISION == 32
    return AS_P4(z, 0x1.99999ap-2f, 0x1.24929p-2f, 0x1.c6c06p-3f, 0x1.87a30cp-3f);
#else
    return AS_P8(z, 0x1.999999999999ap-2, 0x1.2492492492524p-2, 0x1.c71c71c6e9f3ep-3, 0x1.745d177b2617fp-3,
                 0x1.3b1395991f2eep-3, 0x1.1118d370b3e8bp-3, 0x1.df7a77b8bc0acp-4, 0x1.e045c8a07447ap-4);
#endif
}

/* log a for finite a > 0 to about 1.25 times the precision of real, relative. */
static inline as_pair as_log_pair(real a)
{
#if AS_PRECISION == 32
    const real third_high = 0x1.555556p-1f, third_low = -0x1.555556p-26f;
#else
    const real third_high = 0x1.5555555555555p-1, third_low = 0x1.5555555555555p-55;
#endif
    real k;
    const real f = as_split(a, &k) - AS_R(1);
    const as_pair d = as_fast_sum(AS_R(2), f);
    const real inverse = AS_R(1) / d.high, s = f * inverse;
    const real s_low = inverse * as_fma(-s, d.low, as_fma(-s, d.high, f));
    const real z = s * s, z_low = as_fma(AS_R(2) * s, s_low, as_fma(s, s, -z));
    const as_pair c = as_fast_sum(third_high, as_fma(z, as_pow_r2(z), third_low));
    const real b = c.high * z, b_low = as_fma(c.high, z, -b) + as_fma(c.high, z_low, c.low * z);
    const as_pair t = as_fast_sum(AS_R(2), b);
    const real l = s * t.high, l_low = as_fma(s, t.high, -l) + as_fma(s, t.low + b_low, s_low * t.high);
    const as_pair sum = as_fast_sum(k * AS_LN2_HI, l);
    return (as_pair){sum.high, sum.low + as_fma(k, AS_LN2_LO, l_low)};
}

/* e^(p + low), |low| <= ulp(p). */
static inline real as_exp_pair(real p, real low)
{
    const bool inside = p < AS_EXP_MAX && p > AS_EXP_MIN;
    p = p > AS_EXP_MAX ? AS_EXP_MAX : p;
    p = p < AS_EXP_MIN ? AS_EXP_MIN : p;
    const real n = as_exp_n(p);
    const as_pair r = as_two_sum(as_fma(n, -AS_LN2_HI, p), as_fma(n, -AS_LN2_LO, inside ? low : AS_R(0)));
    const as_pair one = as_fast_sum(AS_R(1), r.high);
    const real q = as_fma(r.high, as_exp_cubic(r.high), AS_R(0.5));
    return as_scale(one.high + (one.low + as_fma(r.high * r.high, q, r.low)), n);
}

/* x^y, all cases of C's pow: x < 0 with y no integer gives NaN. */
static inline real as_pow(real x, real y)
{
    const real a = as_abs(x);
    const as_pair l = as_log_pair(a);
    const real p = y * l.high;
    const real inside = as_exp_pair(p, as_fma(y, l.low, as_fma(y, l.high, -p)));
    const real past = (a > AS_R(1)) == (y > AS_R(0)) ? AS_INF : AS_R(0); /* a is 0 or infinite, or y is infinite */
    const real size = a > AS_R(0) && a < AS_INF && as_abs(y) < AS_INF ? inside : past;
    const real floored = as_floor(y);
    const bool odd = as_floor(y * AS_R(0.5)) * AS_R(2) != y && floored == y;
    const real is_signed = odd ? as_copysign(size, x) : size;
    const real defined = x < AS_R(0) && floored != y && a < AS_INF ? AS_NAN : is_signed;
    const real number = x != x || y != y ? AS_NAN : defined;
    return y == AS_R(0) || x == AS_R(1) || (a == AS_R(1) && as_abs(y) == AS_INF) ? AS_R(1) : number;
}

/* 1 / (1 + e^-x), within 3 ulp (of the smaller tail too). */
static inline real as_sigmoid(real x)
{
    const real e = as_exp(-as_abs(x)), inverse = AS_R(1) / (AS_R(1) + e);
    return x < AS_R(0) ? e * inverse : inverse;
}

/* log(1 + e^x), within 2 ulp. */
static inline real as_softplus(real x)
{
    return (x > AS_R(0) ? x : AS_R(0)) + as_log1p(as_exp(-as_abs(x)));
}

#endif
