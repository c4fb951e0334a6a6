/* The table of numeric kernels of one variant (instruction set x precision), chosen at start. Arrays are of the
   variant's real type (float or double) and row-major unless said; ld is the distance between rows in elements.
   Nothing here communicates, allocates or fails. All functions: Not collective. */
#ifndef AS_KERNELS_KERNELS_H
#define AS_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allsum/status.h"
#include "base/shape.h"
#include "base/tree.h"
#include "kernels/attention.h"
#include "kernels/embedding.h"
#include "kernels/norm.h"

typedef enum as_isa { AS_AVX512, AS_AVX2, AS_PORTABLE } as_isa;
typedef enum as_precision { AS_FLOAT32 = 32, AS_FLOAT64 = 64 } as_precision;

/* How a product is cut: chosen by its shape where 0; never a question of bits. For tests and measurements. */
typedef enum as_force { AS_AUTO, AS_NEVER, AS_ALWAYS } as_force;
typedef struct as_gemm_tuning {
    int64_t rows, steps; /* of a block, at most what the kernel would choose */
    as_force copy;       /* of the rows of a, where they share cache sets */
    as_force wide;       /* tiles of several panels, where rows are few */
    as_force narrow;     /* vectors over rows, where columns are few */
    as_force stream;     /* rows of a fetched ahead, where they are used once */
    as_force sparse;     /* without the zeros of a, where there are many */
} as_gemm_tuning;

typedef struct as_kernels {
    const char *isa; /* "avx512", "avx2", "portable" */
    as_isa set;
    as_precision precision;
    size_t real_bytes;

    /* Packed weights. pack_reals: reals that the packed form of a (k, n) matrix B takes, either way round.
       pack: copies elements [first, first + count) (row-major index) of w (k, n) to their places in the packed forms:
       forward for Y = X W (chain over k), transposed for dX = dY W' (chain over n); either may be NULL. Disjoint
       element ranges may be packed by different threads at once. Padding of the packed forms must be zero beforehand
       (arenas are) and stays zero. Fast for whole rows, from a row that 16 divides, in multiples of 16 rows or to the
       last. */
    int64_t (*pack_reals)(int64_t k, int64_t n);
    void (*pack)(int64_t k, int64_t n, const void *w, int64_t first, int64_t count, void *forward, void *transposed);

    /* c (m, n) = chain over ascending k of fma(a[i][k], b[k][j], .), starting from bias[j] (or 0 if NULL), b packed as
       `forward` of a (k, n) matrix. relu: max(., 0) at the end (NaN stays NaN). */
    void (*gemm)(int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *packed, const void *bias,
                 bool relu, void *c, int64_t ldc);
    void (*gemm_tuned)(const as_gemm_tuning *tuning, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
                       const void *packed, const void *bias, bool relu, void *c, int64_t ldc);
    /* The same chains, starting from what c holds. */
    void (*gemm_add)(int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *packed, void *c,
                     int64_t ldc);
    /* The oracle: same result bit for bit, b unpacked (k, n) with row stride ldb. */
    void (*gemm_plain)(int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *b, int64_t ldb,
                       const void *bias, bool relu, void *c, int64_t ldc);

    /* Sum over samples of outer products, in lane order: for each part p that `program` emits,
         part[p] (k, n) = tree over the part's lanes of [ chain over the lane's rows r of fma(x[r][i], d[r][j], .) ],
       each lane's chain starting from 0. Lane l of the program has rows lane_row[l] .. lane_row[l+1]-1 of x (rows, k)
       and d (rows, n); a lane may be empty. resume: the program must be one lane, and its chain continues from what
       part[0] holds. part[p] has row stride ldp. The call does its share `thread` of `threads` of the output tiles; all
       threads together do all of it. */
    void (*outer_lanes)(int64_t k, int64_t n, const void *x, int64_t ldx, const void *d, int64_t ldd,
                        const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                        int64_t ldp, int thread, int threads);
    /* The oracle: a full vector per lane, then tree adds. work: (program->depth + 1) * k * n reals. One thread. */
    void (*outer_lanes_plain)(int64_t k, int64_t n, const void *x, int64_t ldx, const void *d, int64_t ldd,
                              const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                              int64_t ldp, void *work);
    /* Column sums (bias gradients), same order: part[p][j] = tree of chains of d[r][j] added over the lane's rows. */
    void (*column_sum_lanes)(int64_t n, const void *d, int64_t ldd, const as_tree_program *program,
                             const int64_t *lane_row, bool resume, void *const *part, int thread, int threads);

    /* y[i][j] = fma((real)x[row[i] * stride + j], scale[j], shift[j]) for j < width; scale and shift NULL: conversion
       alone. x has elements of `type`; its rows start `stride` elements apart (windows: less than width). */
    void (*gather)(int64_t rows, int64_t width, const void *x, as_dtype type, int64_t stride, const int64_t *row,
                   const void *scale, const void *shift, void *y, int64_t ldy);

    void (*add)(int64_t n, const void *a, const void *b, void *sum);          /* sum = a + b; may alias a */
    void (*multiply)(int64_t n, const void *a, const void *b, void *product); /* elementwise; may alias a */
    void (*from_double)(int64_t n, const double *x, void *y);
    void (*to_double)(int64_t n, const void *x, double *y);
    /* Sum of squares of n elements (<= 1024 a call by convention of a block) in double: 16 accumulators, element j to
       accumulator j mod 16 by fma, then a fixed tree over the 16. Non-finite input gives a non-finite sum. */
    double (*sum_squares)(int64_t n, const void *x);

    const as_attention_kernels *attention;               /* attention.h */
    const struct as_conv_kernels *conv;                  /* convolution, pooling, upsampling: conv.h */
    void (*embedding_lanes)(const as_embedding_sums *a); /* embedding.h */
    void (*embedding_lanes_plain)(const as_embedding_sums *a);
    const as_norm_kernels *norm, *norm_plain; /* norm.h; the second is the oracle of the first */

    /* For measuring the arithmetic peak: fused multiply-adds on registers alone. Returns the flops that were done. */
    double (*fma_loop)(int64_t turns);
} as_kernels;

/* Not collective. Best instruction set of this CPU. */
as_isa as_isa_detect(void);

/* Not collective. "avx512" | "avx2" | "portable" | "auto" (or NULL, or nothing) to an instruction set this CPU can run.
   Errors: USAGE for an unknown name, or one that the CPU lacks (names what it has). */
as_status as_isa_choose(const char *name, as_isa *out);
const char *as_isa_name(as_isa isa);
/* Not collective. Whether it has an instruction for a fused multiply-add; without one each is a function, and slow. */
bool as_isa_fuses(as_isa isa);

/* Not collective. The table of a variant. Never NULL. */
const as_kernels *as_kernels_get(as_isa isa, as_precision precision);

#endif
