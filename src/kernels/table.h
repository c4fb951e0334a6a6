/* The kernels of one variant, collected into its table by v_table.c; contracts are in kernels.h. */
#ifndef AS_KERNELS_TABLE_H
#define AS_KERNELS_TABLE_H

#include "kernels/kernels.h"
#include "kernels/real.h"

int64_t AS_V(as_pack_reals)(int64_t k, int64_t n);
void AS_V(as_pack)(int64_t k, int64_t n, const void *w, int64_t first, int64_t count, void *forward, void *transposed);
void AS_V(as_gemm)(int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *packed, const void *bias,
                   bool relu, void *c, int64_t ldc);
void AS_V(as_gemm_tuned)(const as_gemm_tuning *tuning, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
                         const void *packed, const void *bias, bool relu, void *c, int64_t ldc);
void AS_V(as_gemm_add)(int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *packed, void *c,
                       int64_t ldc);
void AS_V(as_gemm_plain)(int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *b, int64_t ldb,
                         const void *bias, bool relu, void *c, int64_t ldc);
void AS_V(as_outer_lanes)(int64_t k, int64_t n, const void *x, int64_t ldx, const void *d, int64_t ldd,
                          const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                          int64_t ldp, int thread, int threads);
void AS_V(as_outer_lanes_plain)(int64_t k, int64_t n, const void *x, int64_t ldx, const void *d, int64_t ldd,
                                const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                                int64_t ldp, void *work);
void AS_V(as_column_sum_lanes)(int64_t n, const void *d, int64_t ldd, const as_tree_program *program,
                               const int64_t *lane_row, bool resume, void *const *part, int thread, int threads);
void AS_V(as_gather)(int64_t rows, int64_t width, const void *x, as_dtype type, int64_t stride, const int64_t *row,
                     const void *scale, const void *shift, void *y, int64_t ldy);
void AS_V(as_add)(int64_t n, const void *a, const void *b, void *sum);
void AS_V(as_multiply)(int64_t n, const void *a, const void *b, void *product);
void AS_V(as_from_double)(int64_t n, const double *x, void *y);
void AS_V(as_to_double)(int64_t n, const void *x, double *y);
double AS_V(as_sum_squares)(int64_t n, const void *x);
double AS_V(as_fma_loop)(int64_t turns);
void AS_V(as_attention_forward_plain)(const as_attention *a, const as_attention_arrays *x);
void AS_V(as_attention_backward_plain)(const as_attention *a, const as_attention_arrays *x);
extern const as_attention_kernels AS_V(as_attention);
void AS_V(as_embedding_lanes)(const as_embedding_sums *a);
void AS_V(as_embedding_lanes_plain)(const as_embedding_sums *a);
extern const as_norm_kernels AS_V(as_norm), AS_V(as_norm_plain);

#endif
