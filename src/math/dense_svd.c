/* Singular values by one-sided Jacobi with a preconditioner (Drmac and Veselic, "New fast and accurate Jacobi SVD
   algorithm", SIAM J. Matrix Anal. Appl. 29, 2008): A P = Q R by QR with column pivoting, then rotations make the rows
   of R orthogonal: J'R = S V'. Rows of R are what converges fast; J is never kept: columns beside A take part in all
   steps and become U' times them. Cost: 2 m n^2 for R, then per sweep of 4 to 6 about 4 n^3. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernels/vectors.h"
#include "math/dense.h"

enum { SWEEPS_MAX = 60 };

typedef struct svd {
    int64_t m, n, width; /* width = n + extra */
    double *a;
    int64_t ld;
    double *square; /* (n) squared lengths of columns, then of rows */
    int64_t *order; /* (n) column that stands at each place; behind it the order of the rows */
    const as_vectors *V;
} svd;

/* The longest column from k on comes to k. */
static void pivot(const svd *s, int64_t k)
{
    memset(s->square, 0, (size_t)s->n * sizeof *s->square);
    for (int64_t i = k; i < s->m; i++) {
        const double *const row = s->a + i * s->ld;
        for (int64_t j = k; j < s->n; j++) {
            s->square[j] += row[j] * row[j];
        }
    }
    int64_t best = k;
    for (int64_t j = k + 1; j < s->n; j++) {
        best = s->square[j] > s->square[best] ? j : best;
    }
    if (best == k) {
        return;
    }
    for (int64_t i = 0; i < s->m; i++) {
        double *const row = s->a + i * s->ld, t = row[k];
        row[k] = row[best];
        row[best] = t;
    }
    const int64_t t = s->order[k];
    s->order[k] = s->order[best];
    s->order[best] = t;
}

static as_status precondition(const svd *s)
{
    for (int64_t k = 0; k < s->n; k++) {
        pivot(s, k);
        /* One step of QR on the columns from k on. */
        AS_TRY(as_dense_qr(s->m - k, 1, s->width - k - 1, s->a + k * s->ld + k, s->ld));
    }
    return AS_OK;
}

/* Rows p < q of R are made orthogonal; whether they were not. */
static bool rotate(const svd *s, int64_t p, int64_t q)
{
    double *const x = s->a + p * s->ld, *const y = s->a + q * s->ld;
    const double xx = s->square[p], yy = s->square[q];
    if (xx == 0 || yy == 0) {
        return false;
    }
    const double xy = s->V->dot(s->n, x, y);
    if (fabs(xy) <= DBL_EPSILON * sqrt((double)s->n) * sqrt(xx) * sqrt(yy)) {
        return false;
    }
    const double zeta = (yy - xx) / (2 * xy), root = sqrt(1 + zeta * zeta);
    const double t = fabs(zeta) > 1e150 ? 1 / (2 * zeta) : 1 / (zeta + (zeta >= 0 ? root : -root));
    const double c = 1 / sqrt(1 + t * t);
    s->V->rotate(s->width, c, -c * t, x, y);
    s->square[p] = s->V->dot(s->n, x, x);
    s->square[q] = s->V->dot(s->n, y, y);
    return true;
}

static as_status sweeps(const svd *s)
{
    for (int64_t i = 0; i < s->n; i++) {
        s->square[i] = s->V->dot(s->n, s->a + i * s->ld, s->a + i * s->ld);
    }
    for (int turn = 0; turn < SWEEPS_MAX; turn++) {
        bool any = false;
        for (int64_t p = 0; p + 1 < s->n; p++) {
            for (int64_t q = p + 1; q < s->n; q++) {
                any = rotate(s, p, q) || any;
            }
        }
        if (!any) {
            return AS_OK;
        }
    }
    AS_FAIL(AS_DIVERGED, "singular values: %lld columns are not orthogonal after %d sweeps", (long long)s->n,
            SWEEPS_MAX);
}

/* A unit vector orthogonal to the first k rows of right: the coordinate axis that is farthest from them. */
static void complete(int64_t n, int64_t k, double *right, const as_vectors *V)
{
    double *const x = right + k * n;
    int64_t best = 0;
    double most = -1;
    for (int64_t j = 0; j < n; j++) {
        double left = 1;
        for (int64_t i = 0; i < k; i++) {
            left -= right[i * n + j] * right[i * n + j];
        }
        if (left > most) {
            most = left;
            best = j;
        }
    }
    memset(x, 0, (size_t)n * sizeof *x);
    x[best] = 1;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < k; i++) {
            V->axpy(n, -V->dot(n, right + i * n, x), right + i * n, x);
        }
    }
    const double length = sqrt(V->dot(n, x, x));
    for (int64_t j = 0; j < n; j++) {
        x[j] /= length;
    }
}

/* Rows in descending order of length to value, right (back in the order of columns) and left. */
static void collect(const svd *s, double unit, double *value, double *right, double *left)
{
    const int64_t n = s->n, extra = s->width - n;
    int64_t *const rank = s->order + n;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = i;
        for (; at > 0 && s->square[i] > s->square[rank[at - 1]]; at--) {
            rank[at] = rank[at - 1];
        }
        rank[at] = i;
    }
    for (int64_t k = 0; k < n; k++) {
        const double *const row = s->a + rank[k] * s->ld;
        const double length = sqrt(s->square[rank[k]]);
        double *const v = right + k * n;
        value[k] = length * unit;
        if (length > 0) {
            for (int64_t j = 0; j < n; j++) {
                v[s->order[j]] = row[j] / length;
            }
        } else {
            complete(n, k, right, s->V);
        }
        double before[2] = {0};
        for (int64_t j = 0; j < n && before[0] == 0; j++) {
            before[0] = v[j], before[1] = (double)j;
        }
        as_dense_fix_sign(n, v);
        const double sign = before[0] * v[(int64_t)before[1]] < 0 ? -1 : 1;
        for (int64_t j = 0; left != NULL && j < extra; j++) {
            left[k * extra + j] = sign * row[n + j];
        }
    }
}

as_status as_dense_svd(int64_t m, int64_t n, int64_t extra, double *a, int64_t ld, double *value, double *right,
                       double *left)
{
    double largest = 0;
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            if (!isfinite(a[i * ld + j])) {
                AS_FAIL(AS_DIVERGED, "singular values: element (%lld, %lld) is not finite", (long long)i, (long long)j);
            }
            largest = fabs(a[i * ld + j]) > largest ? fabs(a[i * ld + j]) : largest;
        }
    }
    int exponent = 0;
    (void)frexp(largest, &exponent); /* a power of two, so that squares neither overflow nor vanish */
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            a[i * ld + j] = ldexp(a[i * ld + j], -exponent);
        }
    }
    svd s = {.m = m, .n = n, .width = n + extra, .a = a, .ld = ld, .V = as_vectors_get(as_isa_detect())};
    s.square = malloc((size_t)(n + 1) * sizeof *s.square);
    s.order = malloc((size_t)(2 * n + 1) * sizeof *s.order);
    as_status status = AS_OK;
    if (s.square == NULL || s.order == NULL) {
        status = as_error_set(AS_NOMEM, "singular values: no memory for %lld columns", (long long)n);
    } else {
        for (int64_t j = 0; j < n; j++) {
            s.order[j] = j;
        }
        status = precondition(&s);
        status = status == AS_OK ? sweeps(&s) : status;
    }
    if (status == AS_OK) {
        collect(&s, ldexp(1, exponent), value, right, left);
    }
    free(s.square);
    free(s.order);
    return status;
}
