/* How the threads of a team divide one product of kernels.h. Each reads all the weights for its rows, or some columns
   of them for all rows: with few rows a product is as fast as weights are read, and the columns are divided. Never a
   question of bits. */
#ifndef AS_KERNELS_SHARE_H
#define AS_KERNELS_SHARE_H

#include "kernels/kernels.h"

/* Part of c (m, n): rows [row, row + rows) by columns [column, column + columns). */
typedef struct as_gemm_part {
    int64_t row, rows, column, columns;
} as_gemm_part;

/* Not collective. The part of thread `thread` of `threads` (fewer than 2: all of c) of a product with m rows, n columns
   and chains of k steps; parts cover c once, and some may be empty. columns: whether to divide those; AS_AUTO: by what
   is read. */
as_gemm_part as_gemm_share(const as_kernels *kernels, as_force columns, int64_t m, int64_t n, int64_t k, int thread,
                           int threads);

/* Not collective. gemm of kernels.h for one part; a, packed, bias and c are those of the whole product. */
void as_gemm_of_part(const as_kernels *kernels, const as_gemm_part *part, int64_t k, const void *a, int64_t lda,
                     const void *packed, const void *bias, bool relu, void *c, int64_t ldc);

#endif
