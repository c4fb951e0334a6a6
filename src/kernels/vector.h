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
#endif

typedef real vreal __attribute__((vector_size(V_BYTES)));
enum { VL = V_BYTES / (int)sizeof(real) };

#define AS_INLINE static inline __attribute__((always_inline))

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

/* n lanes are read or written, min(n, VL) if n >= VL, none if n <= 0; the other lanes of a load are zero. */
#if defined(AS_ISA_AVX512) && AS_PRECISION == 32
AS_INLINE __mmask16 v_mask(int64_t n)
{
    return (__mmask16)(n >= 16 ? 0xFFFFu : n <= 0 ? 0u : (1u << n) - 1u);
}
AS_INLINE vreal v_load_n(const real *p, int64_t n)
{
    return (vreal)_mm512_maskz_loadu_ps(v_mask(n), p);
}
AS_INLINE void v_store_n(real *p, vreal v, int64_t n)
{
    _mm512_mask_storeu_ps(p, v_mask(n), (__m512)v);
}
AS_INLINE vreal v_splat(real x)
{
    return (vreal)_mm512_set1_ps(x);
}
AS_INLINE vreal v_fma(vreal a, vreal b, vreal c)
{
    return (vreal)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
AS_INLINE vreal v_relu(vreal x)
{
    return (vreal)_mm512_max_ps(_mm512_setzero_ps(), (__m512)x);
}
#elif defined(AS_ISA_AVX512)
AS_INLINE __mmask8 v_mask(int64_t n)
{
    return (__mmask8)(n >= 8 ? 0xFFu : n <= 0 ? 0u : (1u << n) - 1u);
}
AS_INLINE vreal v_load_n(const real *p, int64_t n)
{
    return (vreal)_mm512_maskz_loadu_pd(v_mask(n), p);
}
AS_INLINE void v_store_n(real *p, vreal v, int64_t n)
{
    _mm512_mask_storeu_pd(p, v_mask(n), (__m512d)v);
}
AS_INLINE vreal v_splat(real x)
{
    return (vreal)_mm512_set1_pd(x);
}
AS_INLINE vreal v_fma(vreal a, vreal b, vreal c)
{
    return (vreal)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
AS_INLINE vreal v_relu(vreal x)
{
    return (vreal)_mm512_max_pd(_mm512_setzero_pd(), (__m512d)x);
}
#else
AS_INLINE vreal v_load_n(const real *p, int64_t n)
{
    if (n >= VL) {
        return v_load(p);
    }
    real r[VL] = {0};
    for (int64_t i = 0; i < n; i++) {
        r[i] = p[i];
    }
    return v_load(r);
}
AS_INLINE void v_store_n(real *p, vreal v, int64_t n)
{
    if (n >= VL) {
        v_store(p, v);
        return;
    }
    real r[VL];
    v_store(r, v);
    for (int64_t i = 0; i < n; i++) {
        p[i] = r[i];
    }
}
#if defined(AS_ISA_AVX2) && AS_PRECISION == 32
AS_INLINE vreal v_splat(real x)
{
    return (vreal)_mm256_set1_ps(x);
}
AS_INLINE vreal v_fma(vreal a, vreal b, vreal c)
{
    return (vreal)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
AS_INLINE vreal v_relu(vreal x)
{
    return (vreal)_mm256_max_ps(_mm256_setzero_ps(), (__m256)x);
}
#elif defined(AS_ISA_AVX2)
AS_INLINE vreal v_splat(real x)
{
    return (vreal)_mm256_set1_pd(x);
}
AS_INLINE vreal v_fma(vreal a, vreal b, vreal c)
{
    return (vreal)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
AS_INLINE vreal v_relu(vreal x)
{
    return (vreal)_mm256_max_pd(_mm256_setzero_pd(), (__m256d)x);
}
#else
AS_INLINE vreal v_splat(real x)
{
    return x - (vreal){0};
}
AS_INLINE vreal v_fma(vreal a, vreal b, vreal c)
{
    vreal r;
    for (int i = 0; i < VL; i++) {
        r[i] = as_fma(a[i], b[i], c[i]);
    }
    return r;
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

#endif
