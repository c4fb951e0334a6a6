/* Tall-skinny QR (Demmel, Grigori, Hoemmen, Langou, "Communication-optimal parallel and sequential QR and LU
   factorizations", SIAM J. Sci. Comput. 34, 2012), without Q. A chunk X below the triangle R: reflectors I - tau v v'
   have v = e_c above and v_x in X, so R stays a triangle. Columns go in panels. A panel is factored by halves (Elmroth
   and Gustavson, IBM J. Res. Dev. 44, 2000), four columns at a time by vectors; then all of its reflectors at once are
   applied to what is right of it:

       W = T' (R_top + V'X),  R_top -= W,  X -= V W,  with T^-1 = diag(1 / tau) + the strict upper part of V'V

   (Puglisi, SIAM J. Sci. Stat. Comput. 13, 1992), whose two products are those of kernels.h: chains over the rows of
   the chunk, chains over the panel. Rows that are fewer than the columns are used up on the way: when nothing but
   rounding is left of every column, that is dropped. Reflectors of it would leave rounding of rounding, down to
   subnormal numbers. */
#include "math/tsqr.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernels/vectors.h"

enum { PANEL = AS_TSQR_PANEL, LEAF = AS_TSQR_LEAF, CHUNK_BYTES = 1 << 20, ROWS_LEAST = 64, ROWS_MOST = 2048 };

int64_t as_tsqr_rows(int64_t n)
{
    const int64_t fit = CHUNK_BYTES / (int64_t)sizeof(double) / (n > 0 ? n : 1) / 16 * 16;
    return fit < ROWS_LEAST ? ROWS_LEAST : fit > ROWS_MOST ? ROWS_MOST : fit;
}

#define ROUNDING (64 * DBL_EPSILON) /* of the length of a column */

/* Reals in whole cache lines. */
static int64_t lines(int64_t reals)
{
    return (reals + 7) / 8 * 8;
}

int64_t as_tsqr_doubles(int64_t n, int64_t rows, const as_kernels *kernels)
{
    return lines(rows * n) + lines(LEAF * rows) + lines(PANEL * n) + lines(n) + lines(kernels->pack_reals(PANEL, n));
}

void as_tsqr_place(int64_t n, int64_t rows, const as_kernels *kernels, double *memory, as_tsqr *out)
{
    *out = (as_tsqr){.n = n, .rows = rows, .K = kernels, .chunk = memory};
    out->leaf = out->chunk + lines(rows * n);
    out->w = out->leaf + lines(LEAF * rows);
    out->square = out->w + lines(PANEL * n);
    out->packed = out->square + lines(n);
}

as_status as_tsqr_create(int64_t n, int64_t rows, const as_kernels *kernels, as_tsqr *out)
{
    const int64_t most = rows > n ? rows : n;
    double *const block = calloc((size_t)as_tsqr_doubles(n, most, kernels) + 1, sizeof *block);
    if (block == NULL) {
        *out = (as_tsqr){0};
        AS_FAIL(AS_NOMEM, "QR: no memory for chunks of %lld rows of %lld columns", (long long)most, (long long)n);
    }
    as_tsqr_place(n, most, kernels, block, out);
    out->block = block;
    return AS_OK;
}

void as_tsqr_destroy(as_tsqr *tsqr)
{
    free(tsqr->block);
    *tsqr = (as_tsqr){0};
}

/* part (k, n) = x'd over rows: k columns of x, n of d. */
static void cross(const as_tsqr *t, int64_t k, int64_t n, int64_t rows, const double *x, const double *d, double *part,
                  int64_t ldp)
{
    int16_t step[] = {0, AS_TREE_EMIT}, first[] = {0}, lanes[] = {1};
    const as_tree_program one = {
        .lanes = 1, .steps = 2, .parts = 1, .depth = 1, .step = step, .part_first = first, .part_lanes = lanes};
    const int64_t lane_row[] = {0, rows};
    void *const parts[] = {part};
    t->K->outer_lanes(k, n, x, t->n, d, t->n, &one, lane_row, false, parts, ldp, 0, 1);
}

/* The reflectors of columns [c, c + k) of the panel at p, applied to columns [j, j + n) of R and of the chunk. */
static void apply(as_tsqr *t, int64_t p, int64_t c, int64_t k, int64_t j, int64_t n, int64_t rows, double *r)
{
    const as_vectors *const V = as_vectors_get(t->K->set);
    double *const w = t->w;
    cross(t, k, n, rows, t->chunk + c, t->chunk + j, w, n);
    for (int64_t i = 0; i < k; i++) {
        double *const wi = w + i * n, *const top = r + (c + i) * t->n + j;
        for (int64_t q = 0; q < n; q++) {
            wi[q] += top[q];
        }
        for (int64_t h = 0; h < i; h++) {
            V->axpy(n, -t->inner[(c + h - p) * PANEL + c + i - p], w + h * n, wi);
        }
        for (int64_t q = 0; q < n; q++) {
            wi[q] *= t->tau[c + i - p];
            top[q] -= wi[q];
        }
    }
    for (int64_t q = 0; q < k * n; q++) {
        w[q] = -w[q];
    }
    memset(t->packed, 0, (size_t)t->K->pack_reals(k, n) * sizeof(double));
    t->K->pack(k, n, w, 0, k * n, t->packed, NULL);
    t->K->gemm_add(rows, n, k, t->chunk + c, t->n, t->packed, t->chunk + j, t->n);
}

/* The reflector of column x below the diagonal *d: x becomes v_x, *d the new diagonal; returns tau. */
static double reflector(const as_vectors *V, int64_t rows, double *x, double *d)
{
    const double square = V->dot(rows, x, x);
    if (square == 0) {
        return 0;
    }
    const double length = sqrt(*d * *d + square), v0 = *d + (*d >= 0 ? length : -length), inverse = 1 / v0;
    *d = *d >= 0 ? -length : length;
    for (int64_t i = 0; i < rows; i++) {
        x[i] *= inverse;
    }
    return 2 * v0 * v0 / (v0 * v0 + square);
}

/* Columns [c, c + k), k <= LEAF, by vectors. */
static void leaf(as_tsqr *t, int64_t p, int64_t c, int64_t k, int64_t rows, double *r)
{
    const as_vectors *const V = as_vectors_get(t->K->set);
    double *const x = t->leaf;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t a = 0; a < k; a++) {
            x[a * rows + i] = t->chunk[i * t->n + c + a];
        }
    }
    for (int64_t a = 0; a < k; a++) {
        double *const row = r + (c + a) * t->n + c;
        const bool fresh = row[a] == 0;
        const double tau = t->tau[c + a - p] = reflector(V, rows, x + a * rows, row + a);
        t->left -= fresh && tau != 0;
        for (int64_t b = a + 1; b < k && tau != 0; b++) {
            const double w = tau * (row[b] + V->dot(rows, x + a * rows, x + b * rows));
            row[b] -= w;
            V->axpy(rows, -w, x + a * rows, x + b * rows);
        }
        for (int64_t b = 0; b < a; b++) {
            t->inner[(c + b - p) * PANEL + c + a - p] = V->dot(rows, x + b * rows, x + a * rows);
        }
    }
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t a = 0; a < k; a++) {
            t->chunk[i * t->n + c + a] = x[a * rows + i];
        }
    }
}

/* Columns [c, c + k) of the panel at p, k <= PANEL, by halves. */
static void panel(as_tsqr *t, int64_t p, int64_t c, int64_t k, int64_t rows, double *r)
{
    if (k <= LEAF) {
        leaf(t, p, c, k, rows, r);
        return;
    }
    const int64_t half = (k / 2 + LEAF - 1) / LEAF * LEAF, rest = k - half;
    panel(t, p, c, half, rows, r);
    apply(t, p, c, half, c + half, rest, rows, r);
    panel(t, p, c + half, rest, rows, r);
    cross(t, half, rest, rows, t->chunk + c, t->chunk + c + half, t->inner + (c - p) * PANEL + c - p + half, PANEL);
}

/* Sums of squares of columns [j, n) of the chunk. */
static void column_squares(const as_tsqr *t, int64_t rows, int64_t j, double *square)
{
    memset(square + j, 0, (size_t)(t->n - j) * sizeof *square);
    for (int64_t i = 0; i < rows; i++) {
        const double *const row = t->chunk + i * t->n;
        for (int64_t c = j; c < t->n; c++) {
            square[c] += row[c] * row[c];
        }
    }
}

/* Whether columns [j, n) are what rounding left of them. */
static bool used_up(const as_tsqr *t, int64_t rows, int64_t j)
{
    column_squares(t, rows, j, t->w); /* free between panels */
    bool all = true;
    for (int64_t c = j; c < t->n && all; c++) {
        all = t->w[c] <= ROUNDING * ROUNDING * t->square[c];
    }
    return all;
}

/* All columns; dimensions: rows of the chunk that are not zero; triangle: its column c has rows 0..c alone. */
static void fold(as_tsqr *t, int64_t rows, int64_t dimensions, bool triangle, double *r)
{
    const bool short_of_rows = dimensions < t->n;
    t->left = dimensions;
    if (short_of_rows) {
        column_squares(t, rows, 0, t->square);
    }
    for (int64_t p = 0; p < t->n; p += PANEL) {
        const int64_t k = t->n - p < PANEL ? t->n - p : PANEL, below = triangle && p + k < rows ? p + k : rows;
        panel(t, p, p, k, below, r);
        if (p + k < t->n) {
            apply(t, p, p, k, p + k, t->n - p - k, below, r);
        }
        if (short_of_rows && t->left <= 0 && used_up(t, rows, p + k)) {
            break;
        }
    }
}

void as_tsqr_fold(as_tsqr *tsqr, int64_t rows, double *r)
{
    AS_ASSERT(rows <= tsqr->rows);
    if (rows > 0) {
        fold(tsqr, rows, rows, false, r);
    }
}

void as_tsqr_merge(as_tsqr *tsqr, double *r, const double *below)
{
    memcpy(tsqr->chunk, below, (size_t)(tsqr->n * tsqr->n) * sizeof *below);
    int64_t dimensions = 0; /* rows that are not zero */
    for (int64_t i = 0; i < tsqr->n; i++) {
        dimensions += below[i * (tsqr->n + 1)] != 0;
    }
    fold(tsqr, tsqr->n, dimensions, true, r);
}

void as_tsqr_finish(int64_t n, double *r)
{
    for (int64_t i = 0; i < n; i++) {
        double *const row = r + i * n;
        const bool turn = row[i] < 0;
        for (int64_t j = i; turn && j < n; j++) {
            row[j] = -row[j];
        }
    }
}
