/* C = A B with B packed (panel.h). Every element of C is one chain of fused multiply-adds over ascending k that starts
   from the bias. Blocks of k continue the chain through C itself, which stores it exactly.

   Blocking (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34:3, 2008): a
   block of A and its part of C stay in L2 while the panels of B pass by, each prefetched a few steps ahead. Strips are
   made equal instead of leaving a short one at the end. Cost: 2 m n k flops. */
#include "kernels/table.h"
#include "kernels/tile.h"

enum {
    KC = 1024,                    /* chain steps per block: a panel takes 128 KiB and streams from L2 into L1 */
    BLOCK_A = 512 * 1024,         /* bytes of A per block */
    BLOCK_C = 512 * 1024,         /* bytes of C per block */
    PAD = 64 / (int)sizeof(real), /* reals between copied rows */
    CONFLICT = 4096               /* rows of A that lie a multiple of this many bytes apart share a set of the L1 */
};

/* Where a tile's chains start (NULL: zero), and where they end. */
typedef struct tile_end {
    const real *start;
    int64_t start_row; /* reals between rows of start; 0: the same row (bias) for all */
    real *c;
    int64_t ldc;
    int64_t cols; /* valid columns */
    bool relu;
} tile_end;

AS_INLINE void tile(const int R, const int V, int64_t k, const real *a, int64_t lda, const real *b, const tile_end *end)
{
    const tile_end e = *end;
    vmask mask[2];
    vreal s[MR][2];
    AS_UNROLL
    for (int v = 0; v < V; v++) {
        mask[v] = v_first(e.cols - v * VL);
    }
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            __builtin_prefetch(e.c + r * e.ldc + v * VL, 1);
            s[r][v] = v_splat(0);
        }
    }
    if (e.start != NULL) {
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            AS_UNROLL
            for (int v = 0; v < V; v++) {
                s[r][v] = v_load_masked(e.start + r * e.start_row + v * VL, mask[v]);
            }
        }
    }
    tile_chain(R, V, false, STREAM_B, k, a, lda, 1, b, V * VL, s);
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            v_store_masked(e.c + r * e.ldc + v * VL, e.relu ? v_relu(s[r][v]) : s[r][v], mask[v]);
        }
    }
}

typedef void tile_function(int64_t k, const real *a, int64_t lda, const real *b, const tile_end *e);

#define TILE(R, V)                                                                                                     \
    static void tile_##R##_##V(int64_t k, const real *a, int64_t lda, const real *b, const tile_end *e)                \
    {                                                                                                                  \
        tile(R, V, k, a, lda, b, e);                                                                                   \
    }
#define TILES(R) TILE(R, 1) TILE(R, 2)
#define ROW(R) {tile_##R##_1, tile_##R##_2},

EACH_R(TILES)
static tile_function *const tiles[MR][2] = {EACH_R(ROW)};

typedef struct product {
    int64_t n, k; /* of the whole of B */
    const real *b, *bias;
    real *c;
    int64_t ldc;
    bool relu;
} product;

/* Rows [0, m) of a (m, p1 - p0) and of C, columns [j0, j1), chain steps [p0, p1). */
static void block(const product *g, int64_t m, const real *a, int64_t lda, int64_t j0, int64_t j1, int64_t p0,
                  int64_t p1)
{
    const int64_t strips = (m + MR - 1) / MR;
    for (int64_t j = j0; j < j1; j += NR) {
        const int64_t width = panel_width(g->n, j);
        const real *const b = g->b + j * g->k + p0 * width;
        for (int64_t t = 0; t < strips; t++) {
            int64_t i;
            const int rows = strip_rows(m, strips, t, &i);
            real *const c = g->c + i * g->ldc + j;
            const tile_end e = {.start = p0 > 0            ? c
                                         : g->bias != NULL ? g->bias + j
                                                           : NULL,
                                .start_row = p0 > 0 ? g->ldc : 0,
                                .c = c,
                                .ldc = g->ldc,
                                .cols = g->n - j,
                                .relu = g->relu && p1 == g->k};
            tiles[rows - 1][width / VL - 1](p1 - p0, a + i * lda, lda, b, &e);
        }
    }
}

/* The same with a copied first to rows that do not share cache sets. */
static __attribute__((noinline)) void block_copied(const product *g, int64_t m, const real *a, int64_t lda, int64_t j0,
                                                   int64_t j1, int64_t p0, int64_t p1)
{
    _Alignas(64) real copy[BLOCK_A / sizeof(real)];
    const int64_t k = p1 - p0;
    for (int64_t i = 0; i < m; i++) {
        memcpy(copy + i * (k + PAD), a + i * lda, (size_t)k * sizeof(real));
    }
    block(g, m, copy, k + PAD, j0, j1, p0, p1);
}

/* Rows [0, m) of A and C: columns in blocks, and k in equal blocks inside. */
static void rows_block(const product *g, int64_t m, const real *a, int64_t lda)
{
    const int64_t blocks = (g->k + KC - 1) / KC > 0 ? (g->k + KC - 1) / KC : 1;
    const int64_t columns = BLOCK_C / (int64_t)sizeof(real) / m / NR * NR, nc = columns > NR ? columns : NR;
    for (int64_t j = 0; j < g->n; j += nc) {
        for (int64_t q = 0; q < blocks; q++) {
            const int64_t end = j + nc < g->n ? j + nc : g->n, p0 = g->k * q / blocks, p1 = g->k * (q + 1) / blocks;
            if (lda * (int64_t)sizeof(real) % CONFLICT == 0 && end - j > NR) {
                block_copied(g, m, a + p0, lda, j, end, p0, p1);
            } else {
                block(g, m, a + p0, lda, j, end, p0, p1);
            }
        }
    }
}

void AS_V(as_gemm)(int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *packed, const void *bias,
                   bool relu, void *c, int64_t ldc)
{
    const int64_t depth = (k < KC ? k : KC) + PAD;
    const int64_t most = BLOCK_A / (int64_t)sizeof(real) / depth, blocks = (m + most - 1) / most;
    for (int64_t q = 0; q < blocks; q++) {
        const int64_t i = m * q / blocks, rows = m * (q + 1) / blocks - i;
        const product g = {
            .n = n, .k = k, .b = packed, .bias = bias, .c = (real *)c + i * ldc, .ldc = ldc, .relu = relu};
        rows_block(&g, rows, (const real *)a + i * lda, lda);
    }
}
