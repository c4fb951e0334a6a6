/* Attention in tiles (attention.h has the formulas). Keys, and for the backward pass values, of a head are packed
   transposed once, so that a tile of scores is queries by keys with a chain over the head's width; rows of values,
   keys, queries and gradients are read in place as vectors over the width, or from copies when vectors do not divide
   it.

   Forward: a strip of MR queries against all keys that one of them sees; exact row maxima, e^x, sums; then the strip
   times the values. Backward: a block of STRIPS strips against blocks of KEYS keys: weights and dS of the block stay in
   L2, then dq continues over blocks of keys, dk and dv over blocks of queries, through memory, which stores a chain
   exactly. Hidden keys inside a tile have weight 0 (their score is -inf): they add 0 to every chain, which changes
   nothing but the sign of a zero: so all zeros are made +0 at the end. Blocks and tiles are no part of the result. */
#include "kernels/attention.h"

#include "kernels/attention_tile.h"
#include "kernels/rowwise.h"
#include "kernels/table.h"
#include "kernels/transpose.h"

enum {
    KEYS = 256,                         /* keys of a block of the backward pass; a multiple of NR */
    STRIPS = 4,                         /* strips of a block of the backward pass */
    PAD = 64 / (int)sizeof(real),       /* reals between the rows of scratch */
    LINE = 64 / (int)sizeof(real),      /* scratch arrays start on cache lines */
    ZEROS = (MR + VL - 1) / VL,         /* vectors behind a row's last key that a tile of keys may read */
    BLOCK_LD = KEYS + ZEROS * VL + PAD, /* row stride of a block */
    SIDE = (MR + VL - 1) / VL * VL      /* rows that are reduced side by side: those of a strip, in whole vectors */
};

typedef void score_function(int64_t steps, const real *a, int64_t lda, const real *b, const score_end *end);
typedef void sum_function(int64_t steps, const real *a, int64_t row, const real *b, int64_t ldb, const sum_end *end);

#define TILE(R, V)                                                                                                     \
    static void score_##R##_##V(int64_t steps, const real *a, int64_t lda, const real *b, const score_end *end)        \
    {                                                                                                                  \
        score(R, V, steps, a, lda, b, end);                                                                            \
    }                                                                                                                  \
    static void keys_##R##_##V(int64_t steps, const real *a, int64_t row, const real *b, int64_t ldb,                  \
                               const sum_end *end)                                                                     \
    {                                                                                                                  \
        sum(R, V, false, steps, a, row, b, ldb, end);                                                                  \
    }                                                                                                                  \
    static void queries_##R##_##V(int64_t steps, const real *a, int64_t row, const real *b, int64_t ldb,               \
                                  const sum_end *end)                                                                  \
    {                                                                                                                  \
        sum(R, V, true, steps, a, row, b, ldb, end);                                                                   \
    }
#define TILES(R) TILE(R, 1) TILE(R, 2)
#define SCORES(R) {score_##R##_1, score_##R##_2},
#define OVER_KEYS(R) {keys_##R##_1, keys_##R##_2},
#define OVER_QUERIES(R) {queries_##R##_1, queries_##R##_2},

EACH_R(TILES)
static score_function *const scores[MR][2] = {EACH_R(SCORES)};
static sum_function *const over_keys[MR][2] = {EACH_R(OVER_KEYS)};
static sum_function *const over_queries[MR][2] = {EACH_R(OVER_QUERIES)};

/* Rows of a matrix read as vectors over the width: in place, or a copy padded with zeros. */
typedef struct rows {
    const real *p;
    int64_t ld;
} rows;

/* One head of one sample, and the scratch. */
typedef struct head {
    const as_attention *a;
    int64_t n, m, w, ahead;  /* queries, keys, width, keys - queries */
    const real *q, *o, *d_o; /* first element of the head */
    real *lse, *out, *dq;
    rows v, k, qs, dos;        /* as vectors */
    real *kt, *vt;             /* packed transposed */
    real *bias;                /* (keys rounded up to NR) */
    real *strip;               /* forward: MR rows of scores */
    real *p, *ds, *d;          /* backward: a block of weights and of dS; D (queries) */
    real *part;                /* backward: dq of the block (STRIPS * MR, width) */
    real *dk, *dv;             /* backward: (keys, width) of the group */
    real *copy_a, *copy_b, *c; /* copies of rows */
} head;

static int64_t up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Carves the scratch from work (NULL: counts only); returns its reals. */
static int64_t carve(const as_attention *a, bool backward, real *work, head *h)
{
    const int64_t keys = up(a->keys, NR), width = up(a->width, VL), ragged = width != a->width;
    int64_t used = 0;
    const struct {
        real **at;
        int64_t reals;
    } piece[] = {{&h->kt, a->width * keys},
                 {&h->bias, keys},
                 {&h->strip, backward ? 0 : MR * (keys + PAD)},
                 {&h->copy_a, ragged * a->keys * width},
                 {&h->vt, backward ? a->width * keys : 0},
                 {&h->p, backward ? STRIPS * MR * BLOCK_LD : 0},
                 {&h->ds, backward ? STRIPS * MR * BLOCK_LD : 0},
                 {&h->d, backward ? a->queries : 0},
                 {&h->part, backward ? STRIPS * MR * a->width : 0},
                 {&h->dk, backward ? a->keys * a->width : 0},
                 {&h->dv, backward ? a->keys * a->width : 0},
                 {&h->copy_b, backward * ragged * a->queries * width},
                 {&h->c, backward * ragged * a->queries * width}};
    for (size_t i = 0; i < sizeof piece / sizeof piece[0]; i++) {
        *piece[i].at = work == NULL ? NULL : work + used;
        used += up(piece[i].reals, LINE);
    }
    return used;
}

static int64_t work_reals(const as_attention *a, bool backward)
{
    head h;
    return carve(a, backward, NULL, &h);
}

/* x (count, w), rows ldx apart, transposed into panels of NR columns: element (d, j) of panel j0 at j0 w + d NR. */
static void pack_transposed(int64_t count, int64_t w, const real *x, int64_t ldx, real *panels)
{
    for (int64_t j0 = 0; j0 < count; j0 += VL) {
        real *const to = panels + j0 / NR * NR * w + j0 % NR;
        v_transpose(least(count - j0, VL), w, x + j0 * ldx, ldx, to, NR);
    }
    if (up(count, NR) - up(count, VL) > 0) {
        real *const to = panels + count / NR * NR * w + VL;
        for (int64_t d = 0; d < w; d++) {
            v_store(to + d * NR, v_splat(0));
        }
    }
}

static rows as_vectors(int64_t count, int64_t w, const real *x, int64_t ldx, real *copy)
{
    const int64_t width = up(w, VL);
    if (width == w) {
        return (rows){x, ldx};
    }
    for (int64_t j = 0; j < count; j++) {
        for (int64_t d = 0; d < width; d++) {
            copy[j * width + d] = d < w ? x[j * ldx + d] : 0;
        }
    }
    return (rows){copy, width};
}

static void fill_bias(int64_t keys, const uint8_t *mask, real *bias)
{
    for (int64_t j = 0; j < up(keys, NR); j++) {
        bias[j] = j < keys && (mask == NULL || mask[j] != 0) ? 0 : -AS_INF;
    }
}

/* Keys that query i and those before it see, at most. */
static int64_t limit_of(const head *h, int64_t i)
{
    return h->a->causal ? least(h->m, i + 1 + h->ahead) : h->m;
}

/* Scores of queries [i, i + R) with keys [j0, j1) to z; max (R) or NULL. */
static void strip_scores(const head *h, int R, int64_t i, int64_t j0, int64_t j1, real *z, int64_t ldz, vreal *max)
{
    for (int64_t j = j0; j < j1; j += NR) {
        const score_end e = {.z = z + (j - j0),
                             .ldz = ldz,
                             .bias = h->bias + j,
                             .scale = (real)h->a->scale,
                             .seen = h->a->causal ? i + 1 + h->ahead - j : NR,
                             .max = max};
        scores[R - 1][j1 - j > VL](h->w, h->q + i * h->a->ldq, h->a->ldq, h->kt + j * h->w, &e);
    }
}

/* What is reduced of the rows of a strip, one row after the other; zeros behind the strip's. */
typedef real side_by_side[SIDE][AS_ROW_BLOCK];

static void put_block(const as_row_block *a, real row[AS_ROW_BLOCK])
{
    AS_EACH_V(v)
    {
        v_store(row + v * VL, a->v[v]);
    }
}

/* sum[r] = as_row_tree of row r: the same additions, all rows in one vector. */
static void side_sums(side_by_side x, real sum[SIDE])
{
    real t[AS_ROW_BLOCK * SIDE];
    for (int r = 0; r < SIDE; r += VL) {
        v_transpose(VL, AS_ROW_BLOCK, x[r], AS_ROW_BLOCK, t + r, SIDE);
    }
    for (int half = AS_ROW_BLOCK / 2; half > 0; half /= 2) {
        for (int k = 0; k < half * SIDE; k++) {
            t[k] += t[k + half * SIDE];
        }
    }
    memcpy(sum, t, SIDE * sizeof *sum);
}

/* largest[r] of the elements of max[r], r < R. */
static void side_largest(int R, const vreal max[MR], real largest[SIDE])
{
    real x[SIDE * VL] = {0}, t[VL * SIDE];
    for (int r = 0; r < R; r++) {
        v_store(x + r * VL, max[r]);
    }
    for (int r = 0; r < SIDE; r += VL) {
        v_transpose(VL, VL, x + r * VL, VL, t + r, SIDE);
        vreal m = v_splat(-AS_INF);
        for (int l = 0; l < VL; l++) {
            m = v_max(v_load(t + l * SIDE + r), m);
        }
        v_store(largest + r, m);
    }
}

/* z = e^(z - max), and the accumulators of their sum. count is a multiple of VL. */
static as_row_block row_exp(int64_t count, real *z, real max)
{
    const vreal m = v_splat(max);
    as_row_block a = as_row_splat(0);
    int64_t j = 0;
    for (; j + AS_ROW_BLOCK <= count; j += AS_ROW_BLOCK) {
        AS_EACH_V(v)
        {
            const vreal p = v_exp_normal(v_load(z + j + v * VL) - m);
            v_store(z + j + v * VL, p);
            a.v[v] += p;
        }
    }
    AS_EACH_V(v)
    {
        if (j + v * VL < count) {
            const vreal p = v_exp_normal(v_load(z + j + v * VL) - m);
            v_store(z + j + v * VL, p);
            a.v[v] += p;
        }
    }
    return a;
}

static void forward_strip(const head *h, int R, int64_t i)
{
    const int64_t limit = limit_of(h, i + R - 1), ld = up(h->m, NR) + PAD;
    real shift[SIDE], sum[SIDE], inverse[SIDE], lse[SIDE];
    side_by_side sums = {{0}};
    vreal max[MR];
    for (int r = 0; r < R; r++) {
        max[r] = v_splat(-AS_INF);
    }
    strip_scores(h, R, i, 0, limit, h->strip, ld, max);
    side_largest(R, max, shift);
    for (int r = 0; r < R; r++) {
        shift[r] = shift[r] == -AS_INF ? 0 : shift[r];
        const as_row_block a = row_exp(up(limit, VL), h->strip + r * ld, shift[r]);
        put_block(&a, sums[r]);
    }
    side_sums(sums, sum);
    for (int r = 0; r < SIDE; r++) {
        const real one = AS_R(1) / sum[r], whole = shift[r] + as_log(sum[r]);
        inverse[r] = sum[r] == 0 ? 0 : one;
        lse[r] = sum[r] == 0 ? -AS_INF : whole;
    }
    for (int r = 0; r < R; r++) {
        h->lse[(i + r) * h->a->ldl] = lse[r];
    }
    for (int64_t d = 0; d < h->w; d += NR) {
        const sum_end e = {
            .c = h->out + i * h->a->ldo + d, .ldc = h->a->ldo, .cols = h->w - d, .fresh = true, .factor = inverse};
        over_keys[R - 1][h->w - d > VL](limit, h->strip, ld, h->v.p + d, h->v.ld, &e);
    }
}

static void forward(const as_attention *a, const as_attention_arrays *x)
{
    head h = {.a = a, .n = a->queries, .m = a->keys, .w = a->width, .ahead = a->keys - a->queries};
    const int64_t strips = (h.n + MR - 1) / MR, group = a->heads / a->kv_heads;
    carve(a, false, x->work, &h);
    fill_bias(h.m, x->mask, h.bias);
    for (int64_t g = x->first; g < x->first + x->count; g++) {
        pack_transposed(h.m, h.w, (const real *)x->k + g * h.w, a->ldk, h.kt);
        h.v = as_vectors(h.m, h.w, (const real *)x->v + g * h.w, a->ldv, h.copy_a);
        for (int64_t i = g * group; i < (g + 1) * group; i++) {
            h.q = (const real *)x->q + i * h.w;
            h.out = (real *)x->o + i * h.w;
            h.lse = (real *)x->lse + i;
            for (int64_t t = 0; t < strips; t++) {
                int64_t first;
                const int R = strip_rows(h.n, strips, t, &first);
                forward_strip(&h, R, first);
            }
        }
    }
}

/* Weights and dS of one row from scores and dP, and zeros behind. */
static void row_gradient(int64_t count, real lse, real d, real *p, real *ds)
{
    const vreal shift = v_splat(lse == -AS_INF ? 0 : lse), less = v_splat(d);
    for (int64_t j = 0; j < count; j += VL) {
        const vreal weight = v_exp_normal(v_load(p + j) - shift);
        v_store(p + j, weight);
        v_store(ds + j, weight * (v_load(ds + j) - less));
    }
    for (int64_t j = count; j < count + ZEROS * VL; j += VL) {
        v_store(p + j, v_splat(0));
        v_store(ds + j, v_splat(0));
    }
}

/* Queries [i, i + R) with keys [j0, j1): their rows of the block, and their dq (R, w) as far as these keys go.
 */
static void backward_strip(const head *h, int R, int64_t i, int64_t j0, int64_t j1, real *p, real *ds, real *dq)
{
    const as_attention *const a = h->a;
    const int64_t limit = limit_of(h, i + R - 1), end = least(limit, j1);
    if (end <= j0) {
        return;
    }
    strip_scores(h, R, i, j0, end, p, BLOCK_LD, NULL);
    for (int64_t j = j0; j < end; j += NR) {
        const score_end e = {.z = ds + (j - j0), .ldz = BLOCK_LD};
        scores[R - 1][end - j > VL](h->w, h->d_o + i * a->ldo, a->ldo, h->vt + j * h->w, &e);
    }
    real factor[MR];
    for (int r = 0; r < R; r++) {
        row_gradient(up(end - j0, VL), h->lse[(i + r) * h->a->ldl], h->d[i + r], p + r * BLOCK_LD, ds + r * BLOCK_LD);
        factor[r] = (real)a->scale;
    }
    for (int64_t d = 0; d < h->w; d += NR) {
        const sum_end e = {
            .c = dq + d, .ldc = h->w, .cols = h->w - d, .fresh = j0 == 0, .factor = end == limit ? factor : NULL};
        over_keys[R - 1][h->w - d > VL](end - j0, ds, BLOCK_LD, h->k.p + j0 * h->k.ld + d, h->k.ld, &e);
    }
}

/* dk or dv of keys [j0, j1) += the block's queries [i0, i1): c (keys, width) += block' x. */
static void backward_keys(const head *h, const real *block, int64_t i0, int64_t i1, int64_t j0, int64_t j1, rows x,
                          real *c)
{
    const int64_t strips = (j1 - j0 + MR - 1) / MR;
    for (int64_t t = 0; t < strips; t++) {
        int64_t j;
        const int R = strip_rows(j1 - j0, strips, t, &j);
        const int64_t sees = j0 + j - h->ahead, from = h->a->causal && sees > i0 ? sees : i0;
        for (int64_t d = 0; d < h->w; d += NR) {
            const sum_end e = {.c = c + (j0 + j) * h->w + d, .ldc = h->w, .cols = h->w - d};
            over_queries[R - 1][h->w - d > VL](i1 - from, block + (from - i0) * BLOCK_LD + j, BLOCK_LD,
                                               x.p + from * x.ld + d, x.ld, &e);
        }
    }
}

static void backward_head(const head *h)
{
    const as_attention *const a = h->a;
    const int64_t strips = (h->n + MR - 1) / MR;
    for (int64_t i = 0; i < h->n; i += SIDE) {
        side_by_side dots = {{0}};
        real sum[SIDE];
        for (int64_t r = 0; r < least(SIDE, h->n - i); r++) {
            const as_row_block d = as_row_dot_block(h->w, h->d_o + (i + r) * a->ldo, h->o + (i + r) * a->ldo);
            put_block(&d, dots[r]);
        }
        side_sums(dots, sum);
        memcpy(h->d + i, sum, (size_t)least(SIDE, h->n - i) * sizeof(real));
    }
    for (int64_t i = 0; i < h->n && h->m == 0; i++) {
        memset(h->dq + i * a->ldq, 0, (size_t)h->w * sizeof(real));
    }
    for (int64_t t0 = 0; t0 < strips; t0 += STRIPS) {
        const int64_t t1 = least(t0 + STRIPS, strips), i0 = h->n * t0 / strips, i1 = h->n * t1 / strips;
        const int64_t limit = limit_of(h, i1 - 1);
        for (int64_t j0 = 0; j0 < limit; j0 += KEYS) {
            const int64_t j1 = least(limit, j0 + KEYS);
            for (int64_t t = t0; t < t1; t++) {
                int64_t i;
                const int R = strip_rows(h->n, strips, t, &i);
                const int64_t r = i - i0;
                backward_strip(h, R, i, j0, j1, h->p + r * BLOCK_LD, h->ds + r * BLOCK_LD, h->part + r * h->w);
            }
            backward_keys(h, h->p, i0, i1, j0, j1, h->dos, h->dv);
            backward_keys(h, h->ds, i0, i1, j0, j1, h->qs, h->dk);
        }
        for (int64_t i = i0; i < i1 && h->m > 0; i++) { /* q of these queries is not read again */
            memcpy(h->dq + i * a->ldq, h->part + (i - i0) * h->w, (size_t)h->w * sizeof(real));
        }
    }
}

static void backward(const as_attention *a, const as_attention_arrays *x)
{
    head h = {.a = a, .n = a->queries, .m = a->keys, .w = a->width, .ahead = a->keys - a->queries};
    const int64_t group = a->heads / a->kv_heads;
    const real scale = (real)a->scale;
    carve(a, true, x->work, &h);
    fill_bias(h.m, x->mask, h.bias);
    for (int64_t g = x->first; g < x->first + x->count; g++) {
        const real *const k = (const real *)x->k + g * h.w;
        pack_transposed(h.m, h.w, k, a->ldk, h.kt);
        pack_transposed(h.m, h.w, (const real *)x->v + g * h.w, a->ldv, h.vt);
        h.k = as_vectors(h.m, h.w, k, a->ldk, h.copy_a);
        memset(h.dk, 0, (size_t)(h.m * h.w) * sizeof(real));
        memset(h.dv, 0, (size_t)(h.m * h.w) * sizeof(real));
        for (int64_t i = g * group; i < (g + 1) * group; i++) {
            h.q = (const real *)x->q + i * h.w;
            h.o = (const real *)x->o + i * h.w;
            h.d_o = (const real *)x->d_o + i * h.w;
            h.dq = (real *)x->dq + i * h.w;
            h.lse = (real *)x->lse + i;
            h.qs = as_vectors(h.n, h.w, h.q, a->ldq, h.copy_b);
            h.dos = as_vectors(h.n, h.w, h.d_o, a->ldo, h.c);
            backward_head(&h);
        }
        for (int64_t j = 0; j < h.m; j++) { /* k and v of the group are not read again */
            real *const dk = (real *)x->dk + g * h.w + j * a->ldk;
            for (int64_t d = 0; d < h.w; d++) {
                dk[d] = h.dk[j * h.w + d] * scale;
            }
            memcpy((real *)x->dv + g * h.w + j * a->ldv, h.dv + j * h.w, (size_t)h.w * sizeof(real));
        }
    }
}

const as_attention_kernels AS_V(as_attention) = {
    .work = work_reals,
    .forward = forward,
    .backward = backward,
    .forward_plain = AS_V(as_attention_forward_plain),
    .backward_plain = AS_V(as_attention_backward_plain),
};
