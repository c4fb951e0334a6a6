/* Products whose left factor has many zeros (v_sparse.c). Internal to v_gemm.c. */
#ifndef AS_KERNELS_SPARSE_GEMM_H
#define AS_KERNELS_SPARSE_GEMM_H

#include <stdbool.h>

#include "kernels/real.h"

typedef struct sparse_product {
    int64_t m, n, k; /* rows, columns, chain steps */
    const real *a;   /* (m, k) */
    int64_t lda;
    const real *b; /* packed panels of k_all steps, from the first step of the chain */
    int64_t k_all, panel;
    const real *bias; /* what chains start from, where they do not start `onto` C; NULL: 0 */
    bool onto, relu;
    real *c;
    int64_t ldc;
} sparse_product;

/* The product of columns 0 to some column, as gemm of kernels.h, bit for bit, where that is faster (or always); returns
   the first column that is left. */
int64_t AS_V(as_gemm_sparse)(const sparse_product *g, bool always);

#endif
