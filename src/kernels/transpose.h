/* Transposition of VL rows: in registers with AVX-512 and AVX2, element by element otherwise. */
#ifndef AS_KERNELS_TRANSPOSE_H
#define AS_KERNELS_TRANSPOSE_H

#include "kernels/tile.h"

#if defined(V_CALL)
#define V_TRANSPOSES
#define V_LOW2(a, b) (vreal) V_CALL(unpacklo)((vnative)(a), (vnative)(b))
#define V_HIGH2(a, b) (vreal) V_CALL(unpackhi)((vnative)(a), (vnative)(b))
#if defined(AS_ISA_AVX512)
#define V_LOW4(a, b) (vreal) _mm512_unpacklo_pd((__m512d)(a), (__m512d)(b))
#define V_HIGH4(a, b) (vreal) _mm512_unpackhi_pd((__m512d)(a), (__m512d)(b))
#if AS_PRECISION == 32
#define V_LANES(a, b, choice) (vreal) _mm512_shuffle_f32x4((__m512)(a), (__m512)(b), choice)
#else
#define V_LANES(a, b, choice) (vreal) _mm512_shuffle_f64x2((__m512d)(a), (__m512d)(b), choice)
#endif
#else
#define V_LOW4(a, b) (vreal) _mm256_unpacklo_pd((__m256d)(a), (__m256d)(b))
#define V_HIGH4(a, b) (vreal) _mm256_unpackhi_pd((__m256d)(a), (__m256d)(b))
#define V_LANES(a, b, choice) (vreal) _mm256_permute2f128_pd((__m256d)(a), (__m256d)(b), choice)
#endif

/* x[r] lane c becomes x[c] lane r. Inside the parts of 128 bits first, then across them. */
AS_INLINE void transpose_block(vreal x[VL])
{
    enum { PARTS = V_BYTES / 16, IN_PART = VL / PARTS };
    vreal t[VL];
    AS_UNROLL
    for (int r = 0; r < VL; r += 2) {
        t[r] = V_LOW2(x[r], x[r + 1]);
        t[r + 1] = V_HIGH2(x[r], x[r + 1]);
    }
#if AS_PRECISION == 32
    AS_UNROLL
    for (int r = 0; r < VL; r += 4) {
        const vreal a = t[r], b = t[r + 1], c = t[r + 2], d = t[r + 3];
        t[r] = V_LOW4(a, c);
        t[r + 1] = V_HIGH4(a, c);
        t[r + 2] = V_LOW4(b, d);
        t[r + 3] = V_HIGH4(b, d);
    }
#endif
    AS_UNROLL
    for (int c = 0; c < IN_PART; c++) {
#if defined(AS_ISA_AVX512)
        const vreal even0 = V_LANES(t[c], t[IN_PART + c], 0x88), odd0 = V_LANES(t[c], t[IN_PART + c], 0xDD);
        const vreal even1 = V_LANES(t[2 * IN_PART + c], t[3 * IN_PART + c], 0x88);
        const vreal odd1 = V_LANES(t[2 * IN_PART + c], t[3 * IN_PART + c], 0xDD);
        x[c] = V_LANES(even0, even1, 0x88);
        x[IN_PART + c] = V_LANES(odd0, odd1, 0x88);
        x[2 * IN_PART + c] = V_LANES(even0, even1, 0xDD);
        x[3 * IN_PART + c] = V_LANES(odd0, odd1, 0xDD);
#else
        x[c] = V_LANES(t[c], t[IN_PART + c], 0x20);
        x[IN_PART + c] = V_LANES(t[c], t[IN_PART + c], 0x31);
#endif
    }
}
#endif

/* to[d][r] = x[r][d] for r < count, 0 for count <= r < VL; x has w columns and rows ldx apart, `to` rows ldt apart. */
static inline void v_transpose(int64_t count, int64_t w, const real *x, int64_t ldx, real *to, int64_t ldt)
{
    int64_t d = 0;
#if defined(V_TRANSPOSES)
    for (; d + VL <= w && count == VL; d += VL) {
        vreal block[VL];
        AS_UNROLL
        for (int r = 0; r < VL; r++) {
            block[r] = v_load(x + r * ldx + d);
        }
        transpose_block(block);
        AS_UNROLL
        for (int r = 0; r < VL; r++) {
            v_store(to + (d + r) * ldt, block[r]);
        }
    }
#endif
    for (; d < w; d++) {
        for (int r = 0; r < VL; r++) {
            to[d * ldt + r] = r < count ? x[r * ldx + d] : 0;
        }
    }
}

#endif
