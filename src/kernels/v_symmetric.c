/* Sums of products of rows with themselves (symmetric.h), a rank-k update of which only what is on and above the
   diagonal is computed. Rows come in blocks of AS_SYMMETRIC_ROWS: a block is taken about the shift and packed in panels
   of VL columns, and adds up its columns on the way; then tiles of VL rows by up to three panels of the result stay in
   registers while chains run over the block. Three panels serve all tiles above them, whose factors pass by from L2,
   and the rows of the coming block are called from memory meanwhile. Below the diagonal nothing is computed but what
   lies in the tiles on it: d (d + VL) flops a row, where a whole product has 2 d^2. */
#include "kernels/symmetric.h"
#include "kernels/tile.h"

#if AS_PRECISION == 64

enum {
    WIDE = 3,                              /* panels of a tile */
    NEAR = 32,                             /* panels of factors that stay in L2 */
    TOGETHER = 4,                          /* panels that are packed at once */
    STRIDE = (AS_SYMMETRIC_ROWS + 1) * VL, /* doubles of a panel: neighbours do not share the sets of a cache */
    CALL_EVERY = 4,                        /* steps of a chain after which coming rows are called */
    CALL_BYTES = 128,                      /* a pair of cache lines: processors fetch the second by themselves */
};

_Static_assert((int)VL <= (int)AS_SYMMETRIC_PANEL, "room of packed columns");

/* The rows of a block, packed: `y` about the shift, `z` times their factors; what comes next in memory, which may lie
   behind the data: it is called, never read. */
typedef struct block {
    int64_t rows, d;
    const double *y, *z;
    const double *next, *end;
} block;

/* N panels from column j: (x - shift) to y, times the factors to z, and the sums of that. */
AS_INLINE void pack_panels(const int N, const bool scaled, const as_symmetric *s, int64_t at, int64_t rows, int64_t j,
                           double *y, double *z)
{
    vmask m[TOGETHER];
    vreal shift[TOGETHER], sum[TOGETHER];
    AS_UNROLL
    for (int v = 0; v < N; v++) {
        m[v] = v_first(s->d - j - v * VL);
        shift[v] = s->shift != NULL ? v_load_masked(s->shift + j + v * VL, m[v]) : v_splat(0);
        sum[v] = s->first != NULL ? v_load_masked(s->first + j + v * VL, m[v]) : v_splat(0);
    }
    const double *x = s->x + at * s->ldx + j;
    for (int64_t r = 0; r < rows; r++, x += s->ldx) {
        AS_UNROLL
        for (int v = 0; v < N; v++) {
            vreal a = v_load_masked(x + v * VL, m[v]) - shift[v];
            v_store(y + v * STRIDE + r * VL, a);
            if (scaled) {
                a *= v_splat(s->factor[at + r]);
                v_store(z + v * STRIDE + r * VL, a);
            }
            sum[v] += a;
        }
    }
    AS_UNROLL
    for (int v = 0; v < N; v++) {
        if (s->first != NULL) {
            v_store_masked(s->first + j + v * VL, sum[v], m[v]);
        }
    }
}

static void pack(const as_symmetric *s, int64_t at, int64_t rows, double *y, double *z)
{
    for (int64_t j = 0; j < s->d; j += TOGETHER * VL) {
        const int64_t left = (s->d - j + VL - 1) / VL;
        double *const to = y + j / VL * STRIDE, *const times = z + j / VL * STRIDE;
#define PACK(N)                                                                                                        \
    (s->factor != NULL ? pack_panels(N, true, s, at, rows, j, to, times)                                               \
                       : pack_panels(N, false, s, at, rows, j, to, times))
        left == 1 ? PACK(1) : left == 2 ? PACK(2) : left == 3 ? PACK(3) : PACK(TOGETHER);
    }
}

/* The chains of a tile, added to the result but for what lies below the diagonal. */
AS_INLINE void add_tile(const int V, int64_t d, int64_t i, int64_t j, vreal s[VL][WIDE], double *out, int64_t ldo)
{
    AS_UNROLL
    for (int r = 0; r < VL; r++) {
        if (i * VL + r >= d) {
            break;
        }
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            double *const to = out + (i * VL + r) * ldo + (j + v) * VL;
            const vmask m = v_first(d - (j + v) * VL);
            if (j + v > i) {
                v_store_masked(to, v_load_masked(to, m) + s[r][v], m);
                continue;
            }
            double part[VL];
            v_store(part, s[r][v]);
            for (int c = r; c < VL && i * VL + c < d; c++) {
                to[c] += part[c];
            }
        }
    }
}

/* Rows of panel i by V panels from j >= i on: chains over the block, added to out. */
AS_INLINE void tile(const int V, block *b, int64_t i, int64_t j, double *out, int64_t ldo)
{
    vreal s[VL][WIDE];
    AS_UNROLL
    for (int r = 0; r < VL; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            s[r][v] = v_splat(0);
        }
    }
    const double *y = b->y + i * STRIDE, *z = b->z + j * STRIDE;
    for (int64_t k = 0; k < b->rows; k += CALL_EVERY) {
        const int steps = b->rows - k < CALL_EVERY ? (int)(b->rows - k) : CALL_EVERY;
        if (b->next < b->end) {
            __builtin_prefetch(b->next, 0, 2);
            b->next += CALL_BYTES / sizeof *b->next;
        }
#pragma GCC unroll 2
        for (int q = 0; q < steps; q++, y += VL, z += VL) {
            vreal w[WIDE];
            AS_UNROLL
            for (int v = 0; v < V; v++) {
                w[v] = v_load(z + v * STRIDE);
            }
            AS_UNROLL
            for (int r = 0; r < VL; r++) {
                const vreal a = v_splat(y[r]);
                AS_UNROLL
                for (int v = 0; v < V; v++) {
                    s[r][v] = v_fma(a, w[v], s[r][v]);
                }
            }
        }
    }
    add_tile(V, b->d, i, j, s, out, ldo);
}

static void tile_1(block *b, int64_t i, int64_t j, double *out, int64_t ldo)
{
    tile(1, b, i, j, out, ldo);
}

static void tile_2(block *b, int64_t i, int64_t j, double *out, int64_t ldo)
{
    tile(2, b, i, j, out, ldo);
}

static void tile_3(block *b, int64_t i, int64_t j, double *out, int64_t ldo)
{
    tile(3, b, i, j, out, ldo);
}

/* All tiles: the narrow group of panels comes first, where it has the fewest tiles. */
static void tiles(block *b, double *out, int64_t ldo)
{
    static void (*const of[WIDE + 1])(block *, int64_t, int64_t, double *, int64_t) = {NULL, tile_1, tile_2, tile_3};
    const int64_t panels = (b->d + VL - 1) / VL, first = panels % WIDE > 0 ? panels % WIDE : WIDE;
    for (int64_t near = 0; near < panels; near += NEAR) {
        for (int64_t j = 0, wide = first; j < panels; j += wide, wide = WIDE) {
            for (int64_t i = near; i < j + wide && i < near + NEAR; i++) {
                const int64_t from = i > j ? i : j;
                of[j + wide - from](b, i, from, out, ldo);
            }
        }
    }
}

static void add(const as_symmetric *s, double *room)
{
    double *const y = room, *const z = s->factor != NULL ? room + as_symmetric_packed(s->d) : y;
    for (int64_t at = 0; at < s->count; at += AS_SYMMETRIC_ROWS) {
        const int64_t rows = s->count - at < AS_SYMMETRIC_ROWS ? s->count - at : AS_SYMMETRIC_ROWS;
        const double *const next = s->x + (at + rows) * s->ldx;
        pack(s, at, rows, y, z);
        block b = {.rows = rows, .d = s->d, .y = y, .z = z, .next = next, .end = next + AS_SYMMETRIC_ROWS * s->ldx};
        tiles(&b, s->out, s->ldo);
    }
}

const as_symmetric_kernels AS_V(as_symmetric_kernels) = {.add = add};

#endif
