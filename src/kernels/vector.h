/* Vectors of the variant's real, one spelling for three instruction sets (GNU vector types; intrinsics only where the
   compiler has no operator: fused multiply-add, maximum, masked load and store). Each lane does what the scalar
   operation does, so a result never depends on the width. */
#ifndef AS_KERNELS_VECTOR_H
#define AS_KERNELS_VECTOR_H

#include <stdint.h>
#include <string.h>

#include "kernels/real.h"

#if defined(AS_ISA_AVX512)
#include <immintrin.h>
enum { V_BYTES = 64 };
#elif defined(AS_ISA_AVX2)
#include <immintrin.h>
enum { V_BYTES = 32 };
#else
enum { V_BYTES = 16 };
#if defined(__aarch64__)
#include <arm_neon.h>
#endif
#endif

typedef real vreal __attribute__((vector_size(V_BYTES)));
enum { VL = V_BYTES / (int)sizeof(real) };

#define AS_INLINE static inline __attribute__((always_inline))
/* Completely, and before the compiler looks which arrays can be registers. */
#if defined(__clang__)
#define AS_UNROLL _Pragma("clang loop unroll(full)")
#else
#define AS_UNROLL _Pragma("GCC unroll 32")
#endif

AS_INLINE vreal v_load(const real *p)
{
    vreal v;
    memcpy(&v, p, sizeof v);
    return v;
}

AS_INLINE void v_store(real *p, vreal v)
{
    memcpy(p, &v, sizeof v);
}

/* Which lanes of a vector count: the first n (all for n >= VL, none for n <= 0). A masked load reads only those and
   sets the others to zero; a masked store writes only those. */
#if defined(AS_ISA_AVX512) && AS_PRECISION == 32
typedef __mmask16 vmask;
AS_INLINE vmask v_first(int64_t n)
{
    return (vmask)((1u << (n >= VL ? VL : n <= 0 ? 0 : (int)n)) - 1u);
}
AS_INLINE vreal v_load_masked(const real *p, vmask m)
{
    return (vreal)_mm512_maskz_loadu_ps(m, p);
}
AS_INLINE void v_store_masked(real *p, vreal v, vmask m)
{
    _mm512_mask_storeu_ps(p, m, (__m512)v);
}
#elif defined(AS_ISA_AVX512)
typedef __mmask8 vmask;
AS_INLINE vmask v_first(int64_t n)
{
    return (vmask)((1u << (n >= VL ? VL : n <= 0 ? 0 : (int)n)) - 1u);
}
AS_INLINE vreal v_load_masked(const real *p, vmask m)
{
    return (vreal)_mm512_maskz_loadu_pd(m, p);
}
AS_INLINE void v_store_masked(real *p, vreal v, vmask m)
{
    _mm512_mask_storeu_pd(p, m, (__m512d)v);
}
#else
typedef int vmask;
AS_INLINE vmask v_first(int64_t n)
{
    return n >= VL ? VL : n <= 0 ? 0 : (int)n;
}
/* Nothing here may become a call, as a loop would that the compiler takes for memcpy: a call keeps no vector register,
   and tiles beside it would have their accumulators in memory. */
#if defined(AS_ISA_AVX2) && AS_PRECISION == 32
AS_INLINE __m256i v_lanes(vmask m)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(m), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
AS_INLINE vreal v_load_masked(const real *p, vmask m)
{
    return m == VL ? v_load(p) : (vreal)_mm256_maskload_ps(p, v_lanes(m));
}
AS_INLINE void v_store_part(real *p, vreal v, vmask m)
{
    _mm256_maskstore_ps(p, v_lanes(m), (__m256)v);
}
#elif defined(AS_ISA_AVX2)
AS_INLINE __m256i v_lanes(vmask m)
{
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(m), _mm256_setr_epi64x(0, 1, 2, 3));
}
AS_INLINE vreal v_load_masked(const real *p, vmask m)
{
    return m == VL ? v_load(p) : (vreal)_mm256_maskload_pd(p, v_lanes(m));
}
AS_INLINE void v_store_part(real *p, vreal v, vmask m)
{
    _mm256_maskstore_pd(p, v_lanes(m), (__m256d)v);
}
#else
AS_INLINE vreal v_load_masked(const real *p, vmask m)
{
    if (m == VL) {
        return v_load(p);
    }
    vreal v = {0};
    AS_UNROLL
    for (int i = 0; i < VL - 1; i++) {
        v[i] = i < m ? p[i] : 0;
    }
    return v;
}
AS_INLINE void v_store_part(real *p, vreal v, vmask m)
{
    AS_UNROLL
    for (int i = 0; i < VL - 1; i++) {
        if (i < m) {
            p[i] = v[i];
        }
    }
}
#endif
AS_INLINE void v_store_masked(real *p, vreal v, vmask m)
{
    if (m == VL) {
        v_store(p, v);
    } else {
        v_store_part(p, v, m);
    }
}
#endif

#if defined(AS_ISA_AVX512) && AS_PRECISION == 32
#define V_CALL(name) _mm512_##name##_ps
typedef __m512 vnative;
#elif defined(AS_ISA_AVX512)
#define V_CALL(name) _mm512_##name##_pd
typedef __m512d vnative;
#elif defined(AS_ISA_AVX2) && AS_PRECISION == 32
#define V_CALL(name) _mm256_##name##_ps
typedef __m256 vnative;
#elif defined(AS_ISA_AVX2)
#define V_CALL(name) _mm256_##name##_pd
typedef __m256d vnative;
#endif

#if defined(V_CALL)
AS_INLINE vreal v_splat(real x)
{
    return (vreal)V_CALL(set1)(x);
}
AS_INLINE vreal v_fma(vreal a, vreal b, vreal c)
{
    return (vreal)V_CALL(fmadd)((vnative)a, (vnative)b, (vnative)c);
}
/* x < 0 ? 0 : x, so that NaN stays: the instruction returns its second operand when one is NaN. */
AS_INLINE vreal v_relu(vreal x)
{
    return (vreal)V_CALL(max)(V_CALL(setzero)(), (vnative)x);
}
#else
AS_INLINE vreal v_splat(real x)
{
    return x - (vreal){0};
}
AS_INLINE vreal v_fma(vreal a, vreal b, vreal c)
{
#if defined(__aarch64__) && AS_PRECISION == 32
    return (vreal)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#elif defined(__aarch64__)
    return (vreal)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
    vreal r;
    for (int i = 0; i < VL; i++) {
        r[i] = as_fma(a[i], b[i], c[i]);
    }
    return r;
#endif
}
AS_INLINE vreal v_relu(vreal x)
{
    vreal r;
    for (int i = 0; i < VL; i++) {
        r[i] = x[i] < 0 ? 0 : x[i];
    }
    return r;
}
#endif

#endif
