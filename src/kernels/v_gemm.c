/* C = A B with B packed (panel.h). Every element of C is one chain of fused multiply-adds over ascending k that starts
   from the bias. Blocks of k continue the chain through C itself, which stores it exactly.

   Blocking (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34:3, 2008): a block
   of A stays in L2 while the panels of B pass by. Each tile runs beside one panel, and while it computes it fetches its
   share of the panel that comes next into L2, so that B streams from wherever it lies at an even pace. When B itself
   stays in L2, blocks of A are a few strips high: then C, written once, goes by row after row. Strips are made equal
   instead of leaving a short one at the end. With few rows, tiles are wider, for enough chains and streams at once.
   Cost: 2 m n k flops. */
#include "kernels/narrow.h"
#include "kernels/sparse_gemm.h"
#include "kernels/table.h"
#include "kernels/tile.h"

/* Chain steps per block. A panel of 128 KiB streams from L2 into L1 beside tall tiles of wide vectors; beside a tile of
   few rows its 32 KiB stay in L1. */
#if defined(AS_ISA_AVX512)
enum { KC = 1024 };
#else
enum { KC = 32 * 1024 / (2 * V_BYTES) };
#endif
enum {
    BLOCK_A = 512 * 1024,         /* bytes of A per block */
    L2_B = 1792 * 1024,           /* a B of no more bytes than this stays in L2 ... */
    L2_ALL = 2048 * 1024,         /* ... and needs low blocks when A and C take more than this */
    LOW = 6 * MR,                 /* rows of a low block */
    PAD = 64 / (int)sizeof(real), /* reals between copied rows */
    CONFLICT = 4096,              /* rows of A that lie a multiple of this many bytes apart share a set of the L1 */
    COPY_PANELS = 8,              /* they are copied apart when more panels than this pass by */
    STREAM_K = 64,                /* rows of no more reals than this are too short for the hardware to fetch ahead */
    TURN = 4,                     /* chain steps per turn of the loop ... */
    TURN_TALL = 3,                /* ... of a tall tile: as many instructions as the processor's loop buffer holds */
    TALL = MR - 2,                /* rows of a tall tile at least */
    FETCH_C = 128,                /* chains of no fewer steps than this fetch the next tile's part of C */
    SIDE = 8,                     /* panels at most that the tiles of a strip pass by in turn, ... */
    SIDE_B = 32 * 1024,           /* and their bytes: they stay in L1 */
    GROUP = 5,                    /* rows of A that are addressed from one pointer */
    SLOTS = 2 * MR                /* accumulators */
};

/* Where a tile's chains start and end, and what it fetches for the tiles after it. */
typedef struct tile_end {
    const real *start; /* NULL: zero */
    int64_t start_row; /* reals between rows of start; 0: the same row (bias) for all */
    real *c;
    int64_t ldc;
    vmask mask[2]; /* valid columns */
    bool relu;
    int64_t panel;       /* reals between the panels of a wide tile */
    const char *next;    /* first line of B to fetch */
    int64_t next_step;   /* bytes of it per chain step */
    const real *fetch_c; /* first row of C to fetch */
} tile_end;

/* Vector w of a step of B, V of them in a panel and `panel` bytes between panels: addresses that an instruction holds,
   for up to four panels. */
AS_INLINE const char *vector_of(const char *b, const int V, int w, int64_t panel, int64_t panel3)
{
    return b + (w / V == 3 ? panel3 : w / V * panel) + w % V * V_BYTES;
}

/* One step: s[r][w] = fma(a_r, b_w, s[r][w]); row r of A is r % GROUP rows of `row` bytes from x[r / GROUP]. */
AS_INLINE void step(const int R, const int W, const char *const x[], int64_t row, int64_t row3, int64_t at,
                    const char *b, int64_t panel, int64_t panel3, vreal s[SLOTS])
{
    const int V = W == 1 ? 1 : 2;
    vreal y[8];
    AS_UNROLL
    for (int w = 0; w < W; w++) {
        y[w] = v_load((const real *)(vector_of(b, V, w, panel, panel3) + at * V * V_BYTES));
        if (W > 2 && R > 1) {
            v_hold(&y[w]);
        }
    }
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        const int o = r % GROUP;
        const char *const p = x[r / GROUP] + at * (int64_t)sizeof(real) + (o == 3 ? row3 : o * row);
        const vreal z = v_splat(*(const real *)p);
        AS_UNROLL
        for (int w = 0; w < W; w++) {
            s[r * W + w] = fma_into(s[r * W + w], z, y[w]);
        }
    }
}

/* Chains over k steps. A tall tile does not fetch B into L1: its loads lie far enough ahead of their use, and each one
   more takes power, which limits the frequency. Nor does a wide tile of one or two rows: it waits for nothing but B,
   and what fetches ahead takes the place of loads; with more rows, every other line is enough. The compiler is kept
   from choosing other addresses: it would spill them. */
AS_INLINE void chain(const int R, const int W, int64_t k, const real *a, int64_t lda, const char *b, const tile_end *e,
                     vreal s[SLOTS])
{
    const int V = W == 1 ? 1 : 2, groups = (R + GROUP - 1) / GROUP;
    const bool tall = W == 2 && R >= TALL, fetch = !tall && (W <= 2 || R > 2);
    const int turn = tall ? TURN_TALL : TURN, every = W > 2 ? 2 : 1;
    const int64_t next_turn = turn * e->next_step;
    const char *x[(MR + GROUP - 1) / GROUP], *next = e->next;
    int64_t row = lda * (int64_t)sizeof(real), row3 = 3 * row;
    int64_t panel = e->panel * (int64_t)sizeof(real), panel3 = 3 * panel;
    __asm__("" : "+r"(row), "+r"(row3), "+r"(panel), "+r"(panel3));
    AS_UNROLL
    for (int g = 0; g < groups; g++) {
        x[g] = (const char *)a + GROUP * g * row;
        __asm__("" : "+r"(x[g]));
    }
    for (; k >= turn; k -= turn) {
        if (fetch) {
            AS_UNROLL
            for (int q = 0; q < TURN * W; q += every) {
                const int w = q / (TURN * V) * V;
                __builtin_prefetch(vector_of(b, V, w, panel, panel3) + (AHEAD_B * V + q % (TURN * V)) * V_BYTES);
            }
        }
        if (W <= 2) {
            __builtin_prefetch(next, 0, 2);
            next += next_turn;
        }
        AS_UNROLL
        for (int u = 0; u < turn; u++) {
            step(R, W, x, row, row3, u, b, panel, panel3, s);
        }
        b += turn * V * V_BYTES;
        AS_UNROLL
        for (int g = 0; g < groups; g++) {
            x[g] += turn * (int)sizeof(real);
        }
    }
    for (; k > 0; k--) {
        step(R, W, x, row, row3, 0, b, panel, panel3, s);
        b += V * V_BYTES;
        AS_UNROLL
        for (int g = 0; g < groups; g++) {
            x[g] += sizeof(real);
        }
    }
}

/* R rows by W vectors. More than two vectors: panels side by side, all columns valid. */
AS_INLINE void tile(const int R, const int W, int64_t k, const real *a, int64_t lda, const real *b, const tile_end *e)
{
    vmask mask[2];
    vreal s[SLOTS];
    AS_UNROLL
    for (int w = 0; w < W && w < 2; w++) {
        mask[w] = W > 2 ? v_first(VL) : e->mask[w];
    }
    if (k >= FETCH_C) {
        const real *c = e->fetch_c;
        AS_UNROLL
        for (int r = 0; r < R; r++, c += e->ldc) {
            AS_UNROLL
            for (int w = 0; w < W; w++) {
                __builtin_prefetch(c + w * VL, 1);
            }
        }
    }
    AS_UNROLL
    for (int r = 0; r < R * W; r++) {
        s[r] = v_splat(0);
    }
    if (e->start != NULL) {
        const real *from = e->start;
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            AS_UNROLL
            for (int w = 0; w < W; w++) {
                s[r * W + w] = W > 2 ? v_load(from + w * VL) : v_load_masked(from + w * VL, mask[w % 2]);
            }
            from += e->start_row;
            __asm__("" : "+r"(from));
        }
    }
    chain(R, W, k, a, lda, (const char *)b, e, s);
    if (e->relu) {
        AS_UNROLL
        for (int r = 0; r < R * W; r++) {
            s[r] = v_relu(s[r]);
        }
    }
    real *c = e->c;
    const int64_t ldc = e->ldc;
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int w = 0; w < W; w++) {
            if (W > 2) {
                v_store(c + w * VL, s[r * W + w]);
            } else {
                v_store_masked(c + w * VL, s[r * W + w], mask[w % 2]);
            }
        }
        c += ldc;
        __asm__("" : "+r"(c));
    }
}

typedef void tile_function(int64_t k, const real *a, int64_t lda, const real *b, const tile_end *e);

#define TILE(R, W)                                                                                                     \
    static void tile_##R##_##W(int64_t k, const real *a, int64_t lda, const real *b, const tile_end *e)                \
    {                                                                                                                  \
        tile(R, W, k, a, lda, b, e);                                                                                   \
    }
#define TILES(R) TILE(R, 1) TILE(R, 2)
#define ROW(R) {tile_##R##_1, tile_##R##_2},

EACH_R(TILES)
static tile_function *const tiles[MR][2] = {EACH_R(ROW)};

/* Wide tiles: rows, vectors. As many accumulators as registers hold beside the vectors of B. */
#if defined(AS_ISA_AVX512)
#define EACH_WIDE(X) X(1, 8) X(2, 8) X(3, 4) X(4, 4) X(5, 4) X(6, 4)
#elif defined(AS_ISA_AVX2)
#define EACH_WIDE(X) X(1, 8) X(2, 4)
#else
#define EACH_WIDE(X) X(1, 8) X(2, 4)
#endif
#define WIDE(R, W) {tile_##R##_##W, W},

EACH_WIDE(TILE)
static const struct wide_tile {
    tile_function *run;
    int vectors;
} wide_tiles[] = {EACH_WIDE(WIDE)};
enum { WIDE_ROWS = (int)(sizeof wide_tiles / sizeof wide_tiles[0]) };

typedef struct product {
    int64_t n, k; /* of the whole of B */
    const real *b, *bias;
    real *c;
    int64_t ldc;
    bool relu, stream;
    bool onto; /* chains start from C */
} product;

/* The end of the tile at row 0 and column j, for the chain steps [p0, p1). Member by member: a whole that is put
   together and copied is read before it has been written. */
AS_INLINE void end_at(tile_end *e, const product *g, int64_t j, int64_t p0, int64_t p1)
{
    real *const c = g->c + j;
    const bool onto = p0 > 0 || g->onto;
    e->start = onto ? c : g->bias != NULL ? g->bias + j : NULL;
    e->start_row = onto ? g->ldc : 0;
    e->c = c;
    e->ldc = g->ldc;
    e->mask[0] = v_first(g->n - j);
    e->mask[1] = v_first(g->n - j - VL);
    e->relu = g->relu && p1 == g->k;
    e->panel = NR * g->k;
    e->next = (const char *)c;
    e->next_step = 0;
    e->fetch_c = c;
}

static void fetch_rows(const real *a, int64_t count)
{
    for (int64_t q = 0; q < count; q += PAD) {
        __builtin_prefetch(a + q);
    }
}

/* A panel that the tiles of a strip pass by. */
typedef struct passing {
    tile_end end;
    const real *b;
    int64_t vectors;
} passing;

/* The panels of the columns [j, stop) for the first strip; the tiles fetch the panel at j1 after them. */
static passing *pass_by(const product *g, int64_t j, int64_t stop, int64_t p0, int64_t p1, int64_t j1, int64_t strips,
                        passing *q)
{
    const int64_t width1 = panel_width(g->n, j1), from = j1 <= j && p1 < g->k ? p1 : p0;
    for (; j < stop; j += NR, q++) {
        const int64_t width = panel_width(g->n, j);
        q->b = g->b + j * g->k + p0 * width;
        q->vectors = width / VL;
        end_at(&q->end, g, j, p0, p1);
        q->end.next = (const char *)(g->b + j1 * g->k + from * width1);
        q->end.next_step = V_BYTES / strips * (width1 / VL);
    }
    return q;
}

/* Rows [0, m) of a (m, p1 - p0) and of C, columns [j, n): tiles beside one panel, then beside the next; where chains
   are short, strip after strip beside several panels, so that C is written in longer pieces. Short chains take no
   longer than a few divisions: there are none for a tile. */
static void strips_block(const product *g, int64_t m, const real *a, int64_t lda, int64_t j, int64_t p0, int64_t p1)
{
    const int64_t k = p1 - p0, ldc = g->ldc, strips = (m + MR - 1) / MR, low = m / strips, high = m - low * strips;
    const int64_t share = k * V_BYTES / strips; /* bytes of a column of vectors that a tile fetches */
    const int64_t most = SIDE_B / (NR * (int64_t)sizeof(real) * (k + 1)), side = most < 1      ? 1
                                                                                 : most < SIDE ? most
                                                                                               : SIDE;
    const bool stream = g->stream;
    for (; j < g->n; j += side * NR) {
        passing panels[SIDE];
        const bool last = j + side * NR >= g->n;
        const int64_t j1 = !last ? j + side * NR : p1 < g->k ? 0 : j, next = share * (panel_width(g->n, j1) / VL);
        const passing *const stop = pass_by(g, j, last ? g->n : j1, p0, p1, j1, strips, panels);
        const real *x = a, *const after = g->c + j1;
        for (int64_t t = 0; t < strips; t++) {
            const int64_t rows = low + (t < high ? 1 : 0);
            tile_function *const *const run = tiles[rows - 1];
            if (stream) {
                fetch_rows(x + rows * lda, rows * lda);
            }
            for (passing *q = panels; q < stop; q++) {
                tile_end *const e = &q->end;
                e->fetch_c = t + 1 < strips ? e->c + rows * ldc : after;
                run[q->vectors - 1](k, x, lda, q->b, e);
                e->c += rows * ldc;
                e->next += next;
                if (e->start_row > 0) {
                    e->start += rows * e->start_row;
                }
            }
            x += rows * lda;
        }
    }
}

/* Columns in wide tiles, as far as they go; returns the first column that is left. */
static int64_t wide_block(const product *g, int64_t m, const real *a, int64_t lda, int64_t p0, int64_t p1)
{
    const struct wide_tile *const wide = &wide_tiles[m - 1];
    const int64_t width = wide->vectors * VL;
    int64_t j = 0;
    for (; j + width <= g->n; j += width) {
        tile_end e;
        end_at(&e, g, j, p0, p1);
        wide->run(p1 - p0, a, lda, g->b + j * g->k + p0 * NR, &e);
    }
    return j;
}

/* The rows of a copied first to where they do not share cache sets. */
static __attribute__((noinline)) void copied_block(const product *g, int64_t m, const real *a, int64_t lda, int64_t p0,
                                                   int64_t p1)
{
    _Alignas(64) real copy[BLOCK_A / sizeof(real)];
    const int64_t k = p1 - p0;
    for (int64_t i = 0; i < m; i++) {
        memcpy(copy + i * (k + PAD), a + i * lda, (size_t)k * sizeof(real));
    }
    strips_block(g, m, copy, k + PAD, 0, p0, p1);
}

/* What a product chooses by its shape. */
typedef struct choice {
    int64_t rows, steps; /* of a block at most */
    bool copy, wide, narrow;
    bool stream;     /* rows of A come from beyond L2 and are used once: fetch the next strip's */
    as_force sparse; /* AUTO: by what is in A */
} choice;

static choice choose(const as_gemm_tuning *tuning, int64_t m, int64_t n, int64_t k, int64_t lda)
{
    const int64_t bytes = sizeof(real), depth = (k < KC ? k : KC) + PAD;
    const bool low = k * n * bytes <= L2_B && m * (n + k) * bytes > L2_ALL;
    const int64_t fits = BLOCK_A / bytes / depth; /* where they are copied */
    choice c = {.rows = low && LOW < fits ? LOW : fits,
                .steps = KC,
                .copy = lda * bytes % CONFLICT == 0 && n > COPY_PANELS * NR && m > WIDE_ROWS,
                .wide = m <= WIDE_ROWS,
                .narrow = n <= NARROW && k >= VL,
                .stream = n <= NR && lda == k && k <= STREAM_K && m * k * bytes > L2_ALL / 2};
    if (tuning != NULL) {
        c.rows = tuning->rows > 0 && tuning->rows < c.rows ? tuning->rows : c.rows;
        c.steps = tuning->steps > 0 && tuning->steps < KC ? tuning->steps : c.steps;
        c.copy = tuning->copy == AS_AUTO ? c.copy : tuning->copy == AS_ALWAYS;
        c.wide = tuning->wide == AS_AUTO ? c.wide : tuning->wide == AS_ALWAYS && m <= WIDE_ROWS;
        c.narrow = tuning->narrow == AS_AUTO ? c.narrow : tuning->narrow == AS_ALWAYS && n <= NARROW;
        c.stream = tuning->stream == AS_AUTO ? c.stream : tuning->stream == AS_ALWAYS;
        c.sparse = tuning->sparse;
    }
    c.narrow = c.narrow && n > 0 && m >= VL;
    return c;
}

/* The columns of a block without the zeros of A, where that pays; returns the first column that is left. */
static int64_t sparse_block(const choice *by, const product *g, int64_t m, const real *a, int64_t lda, int64_t p0,
                            int64_t p1)
{
    const sparse_product s = {.m = m,
                              .n = g->n,
                              .k = p1 - p0,
                              .a = a,
                              .lda = lda,
                              .b = g->b + p0 * NR,
                              .k_all = g->k,
                              .panel = NR * g->k,
                              .bias = g->bias,
                              .onto = p0 > 0 || g->onto,
                              .relu = g->relu && p1 == g->k,
                              .c = g->c,
                              .ldc = g->ldc};
    return AS_V(as_gemm_sparse)(&s, by->sparse == AS_ALWAYS);
}

static void multiply(const choice *by, const product *whole, int64_t m, const real *a, int64_t lda)
{
    const int64_t k = whole->k;
    const int64_t blocks = (m + by->rows - 1) / by->rows, parts = k > 0 ? (k + by->steps - 1) / by->steps : 1;
    for (int64_t t = 0; t < blocks; t++) {
        const int64_t i = m * t / blocks, rows = m * (t + 1) / blocks - i;
        const real *const from = a + i * lda;
        product g = *whole;
        g.c += i * g.ldc;
        for (int64_t q = 0; q < parts; q++) {
            const int64_t p0 = k * q / parts, p1 = k * (q + 1) / parts;
            const real *const part = from + p0;
            int64_t j = by->sparse != AS_NEVER ? sparse_block(by, &g, rows, part, lda, p0, p1) : 0;
            if (by->copy && j == 0) {
                copied_block(&g, rows, part, lda, p0, p1);
                continue;
            }
            j = by->wide && j == 0 ? wide_block(&g, rows, part, lda, p0, p1) : j;
            if (j < g.n) {
                strips_block(&g, rows, part, lda, j, p0, p1);
            }
        }
    }
}

void AS_V(as_gemm_tuned)(const as_gemm_tuning *tuning, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
                         const void *packed, const void *bias, bool relu, void *c, int64_t ldc)
{
    const choice by = choose(tuning, m, n, k, lda);
    if (by.narrow) {
        AS_V(as_gemm_narrow)(m, n, k, a, lda, packed, bias, relu, c, ldc);
        return;
    }
    const product g = {
        .n = n, .k = k, .b = packed, .bias = bias, .c = c, .ldc = ldc, .relu = relu, .stream = by.stream};
    multiply(&by, &g, m, a, lda);
}

void AS_V(as_gemm)(int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *packed, const void *bias,
                   bool relu, void *c, int64_t ldc)
{
    AS_V(as_gemm_tuned)(NULL, m, n, k, a, lda, packed, bias, relu, c, ldc);
}

void AS_V(as_gemm_add)(int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *packed, void *c,
                       int64_t ldc)
{
    const choice by = choose(NULL, m, n, k, lda);
    const product g = {.n = n, .k = k, .b = packed, .c = c, .ldc = ldc, .stream = by.stream, .onto = true};
    multiply(&by, &g, m, a, lda);
}
