/* Transposition of VL rows: in registers with AVX-512, element by element otherwise. */
#ifndef AS_KERNELS_TRANSPOSE_H
#define AS_KERNELS_TRANSPOSE_H

#include "kernels/tile.h"

#if defined(AS_ISA_AVX512)
#if AS_PRECISION == 32
typedef int32_t vindex __attribute__((vector_size(V_BYTES)));
#define V_PICK(a, index, b) (vreal) _mm512_permutex2var_ps((__m512)(a), (__m512i)(index), (__m512)(b))
#else
typedef int64_t vindex __attribute__((vector_size(V_BYTES)));
#define V_PICK(a, index, b) (vreal) _mm512_permutex2var_pd((__m512d)(a), (__m512i)(index), (__m512d)(b))
#endif

/* Stage `half` swaps, for rows r and r + half, the lanes whose bit `half` is set in one with those where it is not. */
AS_INLINE void transpose_stage(const int half, vreal x[VL])
{
    vindex low, high;
    for (int l = 0; l < VL; l++) {
        low[l] = (l & half) == 0 ? l : VL + (l ^ half);
        high[l] = (l & half) == 0 ? l + half : VL + l;
    }
    AS_UNROLL
    for (int r = 0; r < VL; r++) {
        if ((r & half) == 0) {
            const vreal a = x[r], b = x[r + half];
            x[r] = V_PICK(a, low, b);
            x[r + half] = V_PICK(a, high, b);
        }
    }
}

/* x' of a VL x VL block in registers. */
AS_INLINE void transpose_block(vreal x[VL])
{
    transpose_stage(1, x);
    transpose_stage(2, x);
    transpose_stage(4, x);
    if (VL == 16) {
        transpose_stage(VL / 2, x);
    }
}
#endif

/* to[d][r] = x[r][d] for r < count, 0 for count <= r < VL; x has w columns and rows ldx apart, `to` rows ldt apart. */
static inline void v_transpose(int64_t count, int64_t w, const real *x, int64_t ldx, real *to, int64_t ldt)
{
    int64_t d = 0;
#if defined(AS_ISA_AVX512)
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
