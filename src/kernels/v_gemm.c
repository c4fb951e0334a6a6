/* C = A B with B packed (panel.h). Every element of C is one chain of fused multiply-adds over ascending k that starts
   from the bias; a tile of R rows by one panel is held in registers, vectorised across columns. */
#include "kernels/panel.h"
#include "kernels/table.h"

#if defined(AS_ISA_AVX512)
enum { MR = 14 };
#elif defined(AS_ISA_AVX2)
enum { MR = 6 };
#else
enum { MR = 4 };
#endif

typedef void tile_function(int64_t k, const real *a, int64_t lda, const real *b, const real *bias, bool relu, real *c,
                           int64_t ldc, int64_t cols);

/* R rows by V vectors. R and V are constants at every call, so that all loops unroll and s stays in registers. */
AS_INLINE void tile(const int R, const int V, int64_t k, const real *a, int64_t lda, const real *b, const real *bias,
                    bool relu, real *c, int64_t ldc, int64_t cols)
{
    vreal s[MR][2];
#pragma GCC unroll 16
    for (int v = 0; v < V; v++) {
        const vreal start = bias != NULL ? v_load_n(bias + v * VL, cols - v * VL) : v_splat(0);
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            s[r][v] = start;
        }
    }
    for (int64_t p = 0; p < k; p++) {
        vreal row[2];
#pragma GCC unroll 16
        for (int v = 0; v < V; v++) {
            row[v] = v_load(b + p * V * VL + v * VL);
        }
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            const vreal x = v_splat(a[r * lda + p]);
#pragma GCC unroll 16
            for (int v = 0; v < V; v++) {
                s[r][v] = v_fma(x, row[v], s[r][v]);
            }
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
#pragma GCC unroll 16
        for (int v = 0; v < V; v++) {
            v_store_n(c + r * ldc + v * VL, relu ? v_relu(s[r][v]) : s[r][v], cols - v * VL);
        }
    }
}

#define TILE(R, V)                                                                                                     \
    static void tile_##R##_##V(int64_t k, const real *a, int64_t lda, const real *b, const real *bias, bool relu,      \
                               real *c, int64_t ldc, int64_t cols)                                                     \
    {                                                                                                                  \
        tile(R, V, k, a, lda, b, bias, relu, c, ldc, cols);                                                            \
    }
#define TILES(R) TILE(R, 1) TILE(R, 2)
#define ROW(R) {tile_##R##_1, tile_##R##_2},

#if defined(AS_ISA_AVX512)
#define EACH_R(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#elif defined(AS_ISA_AVX2)
#define EACH_R(X) X(1) X(2) X(3) X(4) X(5) X(6)
#else
#define EACH_R(X) X(1) X(2) X(3) X(4)
#endif

EACH_R(TILES)
static tile_function *const tiles[MR][2] = {EACH_R(ROW)};

void AS_V(as_gemm)(int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *packed, const void *bias,
                   bool relu, void *c, int64_t ldc)
{
    const real *const A = a, *const B = packed, *const start = bias;
    real *const C = c;
    const int64_t strips = (m + MR - 1) / MR;
    for (int64_t j = 0; j < n; j += NR) {
        const int vectors = (int)(panel_width(n, j) / VL);
        for (int64_t t = 0; t < strips; t++) {
            const int64_t i = m * t / strips, rows = m * (t + 1) / strips - i;
            tiles[rows - 1][vectors - 1](k, A + i * lda, lda, B + j * k, start != NULL ? start + j : NULL, relu,
                                         C + i * ldc + j, ldc, n - j);
        }
    }
}
