/* Products with few columns (v_narrow.c). */
#ifndef AS_KERNELS_NARROW_H
#define AS_KERNELS_NARROW_H

#include <stdbool.h>

#include "kernels/panel.h"

/* Columns at most: as many as the registers of a block leave. Without permutations nothing is gained. */
#if defined(AS_ISA_AVX512) && AS_PRECISION == 32
enum { NARROW = 7 };
#define EACH_NARROW(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#elif defined(AS_ISA_AVX512) || (defined(AS_ISA_AVX2) && AS_PRECISION == 32)
enum { NARROW = 4 };
#define EACH_NARROW(X) X(1) X(2) X(3) X(4)
#elif defined(AS_ISA_AVX2)
enum { NARROW = 2 };
#define EACH_NARROW(X) X(1) X(2)
#else
enum { NARROW = 0 };
#endif

/* As gemm of kernels.h, for 1 <= n <= NARROW and m >= VL. */
void AS_V(as_gemm_narrow)(int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b, const real *bias,
                          bool relu, real *c, int64_t ldc);

#endif
