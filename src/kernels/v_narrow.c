/* C = A B for few columns: vectors run over the rows of A, whose blocks are transposed in registers, and elements of B
   are broadcast, so that no lane is spent on columns that do not exist. Every element of C is the chain of v_gemm.c.
   Cost: a transposition of A beside 2 m n k flops; beyond NARROW columns, tiles of v_gemm.c are as fast. */
#include "kernels/narrow.h"
#include "kernels/table.h"
#include "kernels/transpose.h"

#if defined(EACH_NARROW)
enum { GROUP = 5, POINTERS = (VL + GROUP - 1) / GROUP }; /* rows of A that are addressed from one pointer */

/* VL rows of a, N columns of c. */
AS_INLINE void strip(const int N, int64_t k, const real *a, int64_t lda, const real *b, const real *bias, bool relu,
                     real *c, int64_t ldc)
{
    vreal s[NARROW], y[VL];
    const char *x[POINTERS];
    int64_t row = lda * (int64_t)sizeof(real), row3 = 3 * row;
    __asm__("" : "+r"(row), "+r"(row3));
    AS_UNROLL
    for (int q = 0; q < POINTERS; q++) {
        x[q] = (const char *)a + GROUP * q * row;
        __asm__("" : "+r"(x[q]));
    }
    AS_UNROLL
    for (int j = 0; j < N; j++) {
        s[j] = v_splat(bias != NULL ? bias[j] : 0);
    }
    int64_t p = 0;
    for (; p + VL <= k; p += VL) {
        AS_UNROLL
        for (int r = 0; r < VL; r++) {
            const int o = r % GROUP;
            y[r] = v_load((const real *)(x[r / GROUP] + (o == 3 ? row3 : o * row)));
        }
        transpose_block(y);
        AS_UNROLL
        for (int q = 0; q < VL; q++) {
            AS_UNROLL
            for (int j = 0; j < N; j++) {
                s[j] = v_fma(y[q], v_splat(b[(p + q) * VL + j]), s[j]);
            }
        }
        AS_UNROLL
        for (int q = 0; q < POINTERS; q++) {
            x[q] += VL * sizeof(real);
        }
    }
    _Alignas(64) real edge[VL][VL];
    if (p < k) {
        for (int r = 0; r < VL; r++) {
            y[r] = v_load_masked(a + r * lda + p, v_first(k - p));
        }
        transpose_block(y);
        for (int r = 0; r < VL; r++) {
            v_store(edge[r], y[r]);
        }
        for (int64_t q = p; q < k; q++) {
            AS_UNROLL
            for (int j = 0; j < N; j++) {
                s[j] = v_fma(v_load(edge[q - p]), v_splat(b[q * VL + j]), s[j]);
            }
        }
    }
    AS_UNROLL
    for (int j = 0; j < N; j++) {
        v_store(edge[j], relu ? v_relu(s[j]) : s[j]);
    }
    for (int r = 0; r < VL; r++) {
        for (int j = 0; j < N; j++) {
            c[r * ldc + j] = edge[j][r];
        }
    }
}

typedef void strip_function(int64_t k, const real *a, int64_t lda, const real *b, const real *bias, bool relu, real *c,
                            int64_t ldc);

#define STRIP(N)                                                                                                       \
    static void strip_##N(int64_t k, const real *a, int64_t lda, const real *b, const real *bias, bool relu, real *c,  \
                          int64_t ldc)                                                                                 \
    {                                                                                                                  \
        strip(N, k, a, lda, b, bias, relu, c, ldc);                                                                    \
    }
#define NAME(N) strip_##N,

EACH_NARROW(STRIP)
static strip_function *const strips[NARROW] = {EACH_NARROW(NAME)};

void AS_V(as_gemm_narrow)(int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b, const real *bias,
                          bool relu, real *c, int64_t ldc)
{
    for (int64_t i = 0; i < m; i += VL) {
        const int64_t at = m - i < VL ? m - VL : i;
        strips[n - 1](k, a + at * lda, lda, b, bias, relu, c + at * ldc, ldc);
    }
}
#else
void AS_V(as_gemm_narrow)(int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b, const real *bias,
                          bool relu, real *c, int64_t ldc)
{
    AS_V(as_gemm_tuned)(&(as_gemm_tuning){.narrow = AS_NEVER}, m, n, k, a, lda, b, bias, relu, c, ldc);
}
#endif
