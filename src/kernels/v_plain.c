/* The oracles: matrix products written as their definition. Every fast kernel must equal these bit for bit. */
#include <string.h>

#include "kernels/table.h"

void AS_V(as_gemm_plain)(int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *b, int64_t ldb,
                         const void *bias, bool relu, void *c, int64_t ldc)
{
    const real *const A = a, *const B = b, *const start = bias;
    real *const C = c;
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            real s = start != NULL ? start[j] : 0;
            for (int64_t p = 0; p < k; p++) {
                s = as_fma(A[i * lda + p], B[p * ldb + j], s);
            }
            C[i * ldc + j] = relu && s < 0 ? 0 : s;
        }
    }
}

/* s (k, n) += x' d over rows [first, end), one chain per element. */
static void lane_chain(int64_t k, int64_t n, const real *x, int64_t ldx, const real *d, int64_t ldd, int64_t first,
                       int64_t end, real *s)
{
    for (int64_t i = 0; i < k; i++) {
        for (int64_t j = 0; j < n; j++) {
            real chain = s[i * n + j];
            for (int64_t r = first; r < end; r++) {
                chain = as_fma(x[r * ldx + i], d[r * ldd + j], chain);
            }
            s[i * n + j] = chain;
        }
    }
}

static void copy_rows(int64_t rows, int64_t n, const real *from, int64_t ldf, real *to, int64_t ldt)
{
    for (int64_t i = 0; i < rows; i++) {
        memcpy(to + i * ldt, from + i * ldf, (size_t)n * sizeof(real));
    }
}

void AS_V(as_outer_lanes_plain)(int64_t k, int64_t n, const void *x, int64_t ldx, const void *d, int64_t ldd,
                                const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                                int64_t ldp, void *work)
{
    real *const stack = work;
    const int64_t size = k * n;
    int top = 0, parts = 0;
    for (int s = 0; s < program->steps; s++) {
        const int step = program->step[s];
        real *const node = stack + top * size;
        if (step >= 0) {
            memset(node, 0, (size_t)size * sizeof(real));
            if (resume) {
                copy_rows(k, n, part[0], ldp, node, n);
            }
            lane_chain(k, n, x, ldx, d, ldd, lane_row[step], lane_row[step + 1], node);
            top++;
        } else if (step == AS_TREE_MERGE) {
            real *const left = stack + (top - 2) * size, *const right = stack + (top - 1) * size;
            for (int64_t e = 0; e < size; e++) {
                left[e] = left[e] + right[e];
            }
            top--;
        } else {
            copy_rows(k, n, stack + (top - 1) * size, n, part[parts++], ldp);
            top--;
        }
    }
}
