/* Implicit QL for symmetric tridiagonal matrices (Bowdler, Martin, Reinsch, Wilkinson, "The QR and QL algorithms for
   symmetric matrices", Numer. Math. 11, 1968; Golub and Van Loan, Matrix Computations, 4th ed., 8.3). Eigenvectors are
   kept as rows, so that a rotation works on neighbours in memory. Rotations of rows are put off and then done all at
   once for a few columns after the other, which stay in the cache meanwhile: the same rotations in the same order, so
   the same bits. Cost: about 30 n^2, and 6 n^2 width for the rows. */
#include "math/tridiagonal.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernels/vectors.h"

enum {
    TURNS_MAX = 50,
    STRIP = 64,         /* columns of rows that are turned together */
    PUT_OFF_MOST = 256, /* sweeps */
    PUT_OFF = 1 << 17,  /* rotations; one sweep always fits */
};

/* Rotations that rows wait for, sweep after sweep: the last row of each, and where its rotations begin. */
typedef struct turns {
    int64_t n, width;
    double *rows;  /* (n, width) */
    double *strip; /* (n, STRIP) */
    double *c, *s; /* (most) */
    int64_t most, count, sweeps;
    int64_t last[PUT_OFF_MOST], first[PUT_OFF_MOST + 1];
} turns;

static as_status turns_create(int64_t n, double *rows, int64_t width, turns *t)
{
    t->n = n;
    t->width = width;
    t->rows = rows;
    t->most = n < PUT_OFF / 64 ? 64 * n : n < PUT_OFF ? PUT_OFF : n;
    t->count = t->sweeps = t->first[0] = 0;
    t->c = malloc((size_t)(2 * t->most + n * STRIP + 1) * sizeof *t->c);
    if (t->c == NULL) {
        AS_FAIL(AS_NOMEM, "eigenvalues of a tridiagonal matrix: no memory for order %lld", (long long)n);
    }
    t->s = t->c + t->most;
    t->strip = t->s + t->most;
    return AS_OK;
}

static void do_turns(turns *t, const as_vectors *V)
{
    for (int64_t j = 0; j < t->width && t->count > 0; j += STRIP) {
        const int64_t some = t->width - j < STRIP ? t->width - j : STRIP;
        for (int64_t i = 0; i < t->n; i++) {
            memcpy(t->strip + i * STRIP, t->rows + i * t->width + j, (size_t)some * sizeof *t->strip);
        }
        for (int64_t q = 0; q < t->sweeps; q++) {
            const int64_t from = t->first[q];
            V->rotate_up(some, t->first[q + 1] - from, t->c + from, t->s + from, t->strip + t->last[q] * STRIP, STRIP);
        }
        for (int64_t i = 0; i < t->n; i++) {
            memcpy(t->rows + i * t->width + j, t->strip + i * STRIP, (size_t)some * sizeof *t->strip);
        }
    }
    t->count = t->sweeps = 0;
}

/* Room for a sweep of m rotations, the first of which turns rows m and m - 1 of those that end with `last`. */
static void begin_sweep(turns *t, int64_t last, int64_t m, const as_vectors *V)
{
    if (t->sweeps == PUT_OFF_MOST || t->count + m > t->most) {
        do_turns(t, V);
    }
    t->last[t->sweeps++] = last;
}

static void put_off(turns *t, double c, double s)
{
    t->c[t->count] = c;
    t->s[t->count] = s;
    t->first[t->sweeps] = ++t->count;
}

/* sqrt(a^2 + b^2) without overflow; libm's hypot differs between machines. */
static double length2(double a, double b)
{
    const double x = fabs(a), y = fabs(b), large = x > y ? x : y, small = x > y ? y : x;
    if (large == 0) {
        return 0;
    }
    const double t = small / large;
    return large * sqrt(1 + t * t);
}

/* Ascending order by insertion, of equals as they come; from (n), or NULL: where each value stood. */
static void sort(int64_t n, double *d, double *from)
{
    for (int64_t i = 0; i < n; i++) {
        const double value = d[i];
        int64_t j = i;
        for (; j > 0 && value < d[j - 1]; j--) {
            d[j] = d[j - 1];
            if (from != NULL) {
                from[j] = from[j - 1];
            }
        }
        d[j] = value;
        if (from != NULL) {
            from[j] = (double)i;
        }
    }
}

/* Rows in the order of their values. */
static void sort_rows(turns *t, double *d)
{
    double *const from = t->c;
    sort(t->n, d, from);
    for (int64_t j = 0; j < t->width; j += STRIP) {
        const size_t some = (size_t)(t->width - j < STRIP ? t->width - j : STRIP) * sizeof(double);
        for (int64_t i = 0; i < t->n; i++) {
            memcpy(t->strip + i * STRIP, t->rows + i * t->width + j, some);
        }
        for (int64_t i = 0; i < t->n; i++) {
            memcpy(t->rows + i * t->width + j, t->strip + (int64_t)from[i] * STRIP, some);
        }
    }
}

/* One QL sweep from m up to l. */
static void sweep(int64_t l, int64_t m, double *d, double *e, turns *t, const as_vectors *V)
{
    if (t != NULL) {
        begin_sweep(t, m, m - l, V);
        t->first[t->sweeps] = t->count;
    }
    double g = (d[l + 1] - d[l]) / (2 * e[l]), r = length2(g, 1);
    g = d[m] - d[l] + e[l] / (g + (g >= 0 ? r : -r));
    double s = 1, c = 1, p = 0;
    int64_t i = m - 1;
    for (; i >= l; i--) {
        const double f = s * e[i], b = c * e[i];
        r = length2(f, g);
        e[i + 1] = r;
        if (r == 0) { /* the matrix splits here */
            d[i + 1] -= p;
            e[m] = 0;
            break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        if (t != NULL) {
            put_off(t, c, s);
        }
    }
    if (i < l) {
        d[l] -= p;
        e[l] = g;
        e[m] = 0;
    }
}

static as_status all_values(int64_t n, double *d, double *e, turns *t, const as_vectors *V)
{
    /* Relative to its neighbours where they are graded; where they are themselves rounding errors of a matrix without
       full rank, to the whole matrix. */
    double small = 0;
    for (int64_t i = 0; i < n; i++) {
        const double row = fabs(d[i]) + fabs(e[i]);
        small = row > small ? row : small;
    }
    small *= DBL_EPSILON / 4;
    for (int64_t l = 0; l < n; l++) {
        for (int turn = 0;; turn++) {
            int64_t m = l;
            while (m + 1 < n && fabs(e[m]) > small && fabs(e[m]) > DBL_EPSILON * (fabs(d[m]) + fabs(d[m + 1]))) {
                m++;
            }
            if (m == l) {
                break;
            }
            if (turn == TURNS_MAX) {
                AS_FAIL(AS_DIVERGED, "eigenvalues of a tridiagonal matrix: value %lld of %lld not found in %d turns",
                        (long long)l, (long long)n, TURNS_MAX);
            }
            sweep(l, m, d, e, t, V);
        }
    }
    return AS_OK;
}

as_status as_tridiagonal_eigen(int64_t n, double *d, double *e, double *rows, int64_t width)
{
    const as_vectors *V = as_vectors_get(as_isa_detect());
    turns t;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(d[i]) || (i + 1 < n && !isfinite(e[i]))) {
            AS_FAIL(AS_DIVERGED, "eigenvalues of a tridiagonal matrix: entry %lld of %lld is not finite", (long long)i,
                    (long long)n);
        }
    }
    if (n > 0) {
        e[n - 1] = 0;
    }
    if (rows != NULL) {
        AS_TRY(turns_create(n, rows, width, &t));
    }
    const as_status status = all_values(n, d, e, rows != NULL ? &t : NULL, V);
    if (rows == NULL) {
        sort(n, d, NULL);
        return status;
    }
    do_turns(&t, V);
    sort_rows(&t, d);
    free(t.c);
    return status;
}
