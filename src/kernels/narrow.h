/* Products with few columns (v_narrow.c). */
#ifndef AS_KERNELS_NARROW_H
#define AS_KERNELS_NARROW_H

#include <stdbool.h>

#include "kernels/panel.h"

#if defined(AS_ISA_AVX512)
enum { NARROW = AS_PRECISION == 32 ? 7 : 4 }; /* columns at most */
#else
enum { NARROW = 0 }; /* without its permutations nothing is gained */
#endif

/* As gemm of kernels.h, for 1 <= n <= NARROW and m >= VL. */
void AS_V(as_gemm_narrow)(int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b, const real *bias,
                          bool relu, real *c, int64_t ldc);

#endif
