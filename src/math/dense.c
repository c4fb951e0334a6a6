/* Triangles, Cholesky, Householder QR and dependent columns (Golub and Van Loan, Matrix Computations, 4th ed., 3.1,
   4.2, 5.2). All loops run along rows. Cost: Cholesky n^3 / 3, QR 2 m n^2 flops, dependence
   4 m n^2, or m n of a triangle without any. */
#include "math/dense.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernels/vectors.h"

void as_dense_solve_upper(int64_t n, const double *r, int64_t ld, double *x)
{
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    for (int64_t i = n - 1; i >= 0; i--) {
        const double *const row = r + i * ld;
        x[i] = (x[i] - V->dot(n - 1 - i, row + i + 1, x + i + 1)) / row[i];
    }
}

void as_dense_solve_upper_transposed(int64_t n, const double *r, int64_t ld, double *x)
{
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    for (int64_t i = 0; i < n; i++) {
        const double *const row = r + i * ld;
        x[i] /= row[i];
        V->axpy(n - 1 - i, -x[i], row + i + 1, x + i + 1);
    }
}

void as_dense_invert_upper(int64_t n, const double *r, int64_t ld, double *inverse)
{
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    memset(inverse, 0, (size_t)(n * n) * sizeof *inverse);
    for (int64_t i = n - 1; i >= 0; i--) {
        const double *const row = r + i * ld;
        double *const x = inverse + i * n;
        for (int64_t k = i + 1; k < n; k++) {
            V->axpy(n - k, -row[k], inverse + k * n + k, x + k);
        }
        for (int64_t j = i + 1; j < n; j++) {
            x[j] /= row[i];
        }
        x[i] = 1 / row[i];
    }
}

/* Takes row k of R, which is done, from row i of a. */
static void take_row(int64_t n, int64_t k, int64_t i, double *a, const as_vectors *V)
{
    const double *const row = a + k * n;
    if (row[k] != 0) {
        V->axpy(n - i, -row[i], row + i, a + i * n + i);
    }
}

/* Row k of R from what is left of it; whether its pivot is good. */
static bool finish_row(int64_t n, int64_t k, double tolerance, double *a)
{
    double *const row = a + k * n;
    const double first = row[0], pivot = row[k];
    const bool good = pivot > tolerance * first && pivot > 0 && isfinite(pivot);
    memset(row, 0, (size_t)k * sizeof *row);
    if (!good) {
        memset(row + k, 0, (size_t)(n - k) * sizeof *row);
        return false;
    }
    const double root = sqrt(pivot);
    row[k] = root;
    for (int64_t j = k + 1; j < n; j++) {
        row[j] /= root;
    }
    return true;
}

enum { TOGETHER = 8 }; /* rows that others are taken from while they are near */

int64_t as_dense_cholesky(int64_t n, double *a, double tolerance, bool *dependent)
{
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    int64_t rank = 0;
    for (int64_t k = 0; k < n; k++) { /* diagonals wait in the first column, whose own place is used up by then */
        a[k * n] = a[k * n + k];
    }
    for (int64_t first = 0; first < n; first += TOGETHER) {
        const int64_t end = first + TOGETHER < n ? first + TOGETHER : n;
        for (int64_t k = 0; k < first; k++) {
            for (int64_t i = first; i < end; i++) {
                take_row(n, k, i, a, V);
            }
        }
        for (int64_t i = first; i < end; i++) {
            for (int64_t k = first; k < i; k++) {
                take_row(n, k, i, a, V);
            }
            const bool good = finish_row(n, i, tolerance, a);
            rank += good;
            if (dependent != NULL) {
                dependent[i] = !good;
            }
        }
    }
    return rank;
}

static double largest_of(int64_t m, int64_t n, const double *a, int64_t ld)
{
    double largest = 0;
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            largest = fabs(a[i * ld + j]) > largest ? fabs(a[i * ld + j]) : largest;
        }
    }
    return largest;
}

/* The reflector of column k from row k on: v in place below the diagonal with v_k = 1 implied, the diagonal becomes
   |.| with the sign that does not cancel; returns tau. Numbers are divided by the largest, so that nothing overflows.
 */
static double reflector(int64_t m, int64_t k, double *a, int64_t ld)
{
    double *const x = a + k * ld + k;
    const double below = largest_of(m - k - 1, 1, x + ld, ld);
    if (below == 0) {
        return 0;
    }
    const double scale = fabs(x[0]) > below ? fabs(x[0]) : below;
    double square = 0;
    for (int64_t i = 1; i < m - k; i++) {
        const double t = x[i * ld] / scale;
        square += t * t;
    }
    const double alpha = x[0] / scale, length = sqrt(alpha * alpha + square),
                 v0 = alpha + (alpha >= 0 ? length : -length);
    for (int64_t i = 1; i < m - k; i++) {
        x[i * ld] = x[i * ld] / scale / v0;
    }
    x[0] = (alpha >= 0 ? -length : length) * scale;
    return v0 * v0 * 2 / (square + v0 * v0);
}

/* Columns [k + 1, width) of rows k.. by I - tau v v'; then v gives way to zeros and the diagonal becomes positive. */
static void reflect(int64_t m, int64_t k, int64_t width, double tau, double *a, int64_t ld, double *w,
                    const as_vectors *V)
{
    const int64_t rest = width - k - 1;
    double *const x = a + k * ld + k;
    if (tau != 0) {
        memcpy(w, x + 1, (size_t)rest * sizeof *w);
        for (int64_t i = 1; i < m - k; i++) {
            if (x[i * ld] != 0) {
                V->axpy(rest, x[i * ld], x + i * ld + 1, w);
            }
        }
        V->axpy(rest, -tau, w, x + 1);
        for (int64_t i = 1; i < m - k; i++) {
            if (x[i * ld] != 0) {
                V->axpy(rest, -tau * x[i * ld], w, x + i * ld + 1);
                x[i * ld] = 0;
            }
        }
    }
    if (x[0] < 0) {
        for (int64_t j = 0; j <= rest; j++) {
            x[j] = -x[j];
        }
    }
}

as_status as_dense_qr(int64_t m, int64_t n, int64_t extra, double *a, int64_t ld)
{
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    double *const w = malloc((size_t)(n + extra + 1) * sizeof *w);
    if (w == NULL) {
        AS_FAIL(AS_NOMEM, "QR: no memory for a row of %lld", (long long)(n + extra));
    }
    for (int64_t k = 0; k < n && k < m; k++) {
        const double tau = reflector(m, k, a, ld);
        reflect(m, k, n + extra, tau, a, ld, w, V);
    }
    free(w);
    return AS_OK;
}

void as_dense_fix_sign(int64_t n, double *vector)
{
    int64_t largest = 0;
    for (int64_t j = 1; j < n; j++) {
        largest = fabs(vector[j]) > fabs(vector[largest]) ? j : largest;
    }
    const bool turn = n > 0 && vector[largest] < 0;
    for (int64_t j = 0; j < n; j++) {
        vector[j] = vector[j] == 0 ? 0 : turn ? -vector[j] : vector[j]; /* no zero with a sign */
    }
}

/* What a dependence is found with: orthonormal rows q of the independent columns, and the triangle t between them. */
typedef struct dependence {
    int64_t m, n, rank;
    double *column, *q, *t, *h;
    int64_t *which; /* (rank) the independent columns */
    double *length; /* (n) of all columns */
} dependence;

/* Coefficients of column j over the independent ones. */
static void relate(const dependence *d, int64_t j, bool *identified, double *c)
{
    memcpy(d->column, d->h, (size_t)d->rank * sizeof *d->h);
    as_dense_solve_upper(d->rank, d->t, d->n, d->column);
    identified[j] = false;
    for (int64_t k = 0; k < d->rank; k++) {
        const int64_t i = d->which[k];
        if (fabs(d->column[k]) * d->length[i] > 1e-9 * d->length[j]) {
            c[i] = d->column[k];
            identified[i] = false;
        }
    }
}

static void depend(dependence *d, const double *r, int64_t ld, double tolerance, bool *dependent, bool *identified,
                   double *relation)
{
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    for (int64_t j = 0; j < d->n; j++) {
        const double largest = largest_of(d->m, 1, r + j, ld);
        for (int64_t i = 0; i < d->m; i++) {
            d->column[i] = largest > 0 ? r[i * ld + j] / largest : 0;
        }
        const double before = sqrt(V->dot(d->m, d->column, d->column));
        d->length[j] = before * largest;
        memset(d->h, 0, (size_t)d->n * sizeof *d->h);
        for (int pass = 0; pass < 2; pass++) {
            for (int64_t k = 0; k < d->rank; k++) {
                const double h = V->dot(d->m, d->q + k * d->m, d->column);
                V->axpy(d->m, -h, d->q + k * d->m, d->column);
                d->h[k] += h * largest;
            }
        }
        const double left = sqrt(V->dot(d->m, d->column, d->column));
        dependent[j] = !(left > tolerance * before) || d->rank >= d->m;
        if (dependent[j]) {
            relate(d, j, identified, relation + j * d->n);
            continue;
        }
        for (int64_t k = 0; k < d->rank; k++) {
            d->t[k * d->n + d->rank] = d->h[k];
        }
        d->t[d->rank * d->n + d->rank] = left * largest;
        for (int64_t i = 0; i < d->m; i++) {
            d->q[d->rank * d->m + i] = d->column[i] / left;
        }
        d->which[d->rank++] = j;
    }
}

/* Whether r is a triangle whose diagonals, which are what is left of columns beside those before, all stand clear of
   the tolerance. */
static bool clearly_independent(int64_t m, int64_t n, const double *r, int64_t ld, double tolerance)
{
    bool clear = m >= n;
    for (int64_t j = 0; clear && j < n; j++) {
        const double largest = largest_of(m, 1, r + j, ld);
        double square = 0;
        for (int64_t i = 0; i < m && clear && largest > 0; i++) {
            const double x = r[i * ld + j] / largest;
            clear = i <= j || x == 0;
            square += x * x;
        }
        clear = clear && fabs(r[j * ld + j]) > 2 * tolerance * largest * sqrt(square);
    }
    return clear;
}

as_status as_dense_dependence(int64_t m, int64_t n, const double *r, int64_t ld, double tolerance, int64_t *rank,
                              bool *dependent, bool *identified, double *relation)
{
    if (clearly_independent(m, n, r, ld, tolerance)) {
        for (int64_t j = 0; j < n; j++) {
            dependent[j] = false;
            identified[j] = true;
        }
        memset(relation, 0, (size_t)(n * n) * sizeof *relation);
        *rank = n;
        return AS_OK;
    }
    dependence d = {.m = m, .n = n};
    const size_t doubles = (size_t)((m > n ? m : n) + n * m + n * n + 2 * n + 1);
    double *const work = calloc(doubles, sizeof *work);
    d.which = calloc((size_t)n + 1, sizeof *d.which);
    if (work == NULL || d.which == NULL) {
        free(work);
        free(d.which);
        AS_FAIL(AS_NOMEM, "dependent columns: no memory for %lld by %lld", (long long)m, (long long)n);
    }
    d.q = work;
    d.t = d.q + n * m;
    d.h = d.t + n * n;
    d.length = d.h + n;
    d.column = d.length + n;
    memset(relation, 0, (size_t)(n * n) * sizeof *relation);
    for (int64_t j = 0; j < n; j++) {
        identified[j] = true;
    }
    depend(&d, r, ld, tolerance, dependent, identified, relation);
    *rank = d.rank;
    free(work);
    free(d.which);
    return AS_OK;
}
