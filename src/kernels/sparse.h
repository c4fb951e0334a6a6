/* Terms with a factor of zero, left out of chains of fused multiply-adds. Behind relu half of a matrix and more is
   zero, and such a term changes a chain in two cases only: where the other factor is not finite, and where the chain
   stands at -0, which only terms that underflow bring about. Both are looked for, and there all terms are taken: so the
   bits are those of the dense chain. Internal to v_sparse*.c and their callers.

   A list holds the places of factors that are not zero, ascending, as bytes from the start of a stretch of at most
   SPARSE_STEPS chain steps. One factor is broadcast and SPARSE_V vectors are read for it. */
#ifndef AS_KERNELS_SPARSE_H
#define AS_KERNELS_SPARSE_H

#include <stdbool.h>

#include "kernels/tile.h"

enum {
    SPARSE_V = 8,                                    /* vectors of a tile: enough independent chains for two units */
    SPARSE_STEPS = 32 * 1024 / (SPARSE_V * V_BYTES), /* whose vectors take 32 KiB, of the L1 */
    SPARSE_SLOT = SPARSE_STEPS + 16                  /* bytes of a list; a vector of places may be written at its end */
};
_Static_assert(SPARSE_STEPS <= 256, "places are bytes");

extern const uint8_t AS_V(as_every_step)[256]; /* the list of all places */

AS_INLINE int64_t sparse_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Adds what is not zero among x[0 .. count), count <= VL, to the end of a list: places from `first` on, and values
   unless NULL; up to VL entries behind the end are written. Returns how many it adds. */
AS_INLINE int sparse_add(int64_t count, const real *x, int first, uint8_t *place, real *value)
{
#if defined(AS_ISA_AVX512) && AS_PRECISION == 32
    const __m512 v = (__m512)v_load_masked(x, v_first(count));
    const __mmask16 keep = _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    const __m512i steps = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i places = _mm512_maskz_compress_epi32(keep, _mm512_add_epi32(steps, _mm512_set1_epi32(first)));
    _mm_storeu_si128((__m128i *)place, _mm512_cvtepi32_epi8(places));
    if (value != NULL) {
        _mm512_storeu_ps(value, _mm512_maskz_compress_ps(keep, v));
    }
    return __builtin_popcount(keep);
#else
    int n = 0;
    for (int i = 0; i < (int)count; i++) {
        place[n] = (uint8_t)(first + i);
        if (value != NULL) {
            value[n] = x[i];
        }
        n += x[i] != 0 ? 1 : 0;
    }
    return n;
#endif
}

/* Whether at most `most` per cent of x (rows, columns) are not zero, by some of its rows. */
static inline bool sparse_enough(int64_t rows, int64_t columns, const real *x, int64_t ld, int most)
{
    enum { SAMPLES = 8 };
    const int64_t samples = sparse_least(rows, SAMPLES);
    int64_t found = 0;
    for (int64_t t = 0; t < samples; t++) {
        const real *const row = x + rows * t / samples * ld;
        int some = 0;
        for (int64_t j = 0; j < columns; j++) {
            some += row[j] != 0 ? 1 : 0;
        }
        found += some;
    }
    return found * 100 <= samples * columns * most;
}

/* s = fma(x, *y, s) */
AS_INLINE vreal fma_from(vreal s, vreal x, const real *y)
{
#if defined(V_CALL)
    typedef real unaligned __attribute__((vector_size(V_BYTES), aligned(sizeof(real)), may_alias));
#if AS_PRECISION == 32
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(s) : "v"(x), "m"(*(const unaligned *)(const void *)y));
#else
    __asm__("vfmadd231pd %2, %1, %0" : "+v"(s) : "v"(x), "m"(*(const unaligned *)(const void *)y));
#endif
    return s;
#else
    return v_fma(x, v_load(y), s);
#endif
}

#if AS_PRECISION == 32
#define AS_WORD int32_t
#else
#define AS_WORD int64_t
#endif

/* Whether one of the elements is -0, the least of integers. */
AS_INLINE bool sparse_minus_zero(const vreal s[SPARSE_V])
{
#if defined(AS_ISA_AVX512) && AS_PRECISION == 32
    const __m512i a = _mm512_min_epi32((__m512i)s[0], (__m512i)s[1]),
                  b = _mm512_min_epi32((__m512i)s[2], (__m512i)s[3]);
    const __m512i c = _mm512_min_epi32((__m512i)s[4], (__m512i)s[5]),
                  d = _mm512_min_epi32((__m512i)s[6], (__m512i)s[7]);
    const __m512i e = _mm512_min_epi32(_mm512_min_epi32(a, b), _mm512_min_epi32(c, d));
    return _mm512_cmpeq_epi32_mask(e, _mm512_set1_epi32(INT32_MIN)) != 0;
#else
    typedef AS_WORD word __attribute__((vector_size(V_BYTES)));
    word found = {0};
    AS_UNROLL
    for (int v = 0; v < SPARSE_V; v++) {
        found |= (word)s[v] == (AS_WORD)((uint64_t)1 << (AS_PRECISION - 1));
    }
    AS_WORD any = 0;
    for (int i = 0; i < VL; i++) {
        any |= found[i];
    }
    return any != 0;
#endif
}

/* Whether `rows` rows of `vectors` vectors, ld reals apart, are finite. */
AS_INLINE bool sparse_finite(int64_t rows, const int vectors, const real *b, int64_t ld)
{
    vreal s[SPARSE_V];
    AS_UNROLL
    for (int v = 0; v < SPARSE_V; v++) {
        s[v] = v_splat(0);
    }
    for (int64_t p = 0; p < rows; p++, b += ld) {
        AS_UNROLL
        for (int v = 0; v < vectors; v++) {
            s[v] = fma_from(s[v], v_splat(0), b + v * VL); /* 0, or NaN */
        }
    }
    real sum = 0;
    AS_UNROLL
    for (int v = 0; v < vectors; v++) {
        for (int i = 0; i < VL; i++) {
            sum += s[v][i];
        }
    }
    return sum == 0;
}

#endif
