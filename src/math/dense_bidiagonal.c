/* Bidiagonal form by reflectors from both sides (Golub and Van Loan, Matrix Computations, 4th ed., 5.4.8), what
   singular values and ridge regression follow from: values by implicit QL of the tridiagonal matrix with zeros on its
   diagonal and those of B beside it (Golub and Kahan, SIAM J. Numer. Anal. 2, 1965), solutions by rotations that take
   the penalty off row by row (Elden, "Algorithms for the regularization of ill-conditioned least squares problems", BIT
   17, 1977). Rows pass by twice a step. Cost: 8 n^3 / 3 flops, 120 n^2 for values, some 30 n a solution. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernels/vectors.h"
#include "math/dense.h"
#include "math/tridiagonal.h"

/* The reflector I - tau v v' that takes x (n >= 1) to x[0] alone: v in its place with v[0] = 1 left out, x[0] that
   number; returns tau. */
static double reflector(int64_t n, double *x, const as_vectors *V)
{
    double below = 0;
    for (int64_t i = 1; i < n; i++) {
        below = fabs(x[i]) > below ? fabs(x[i]) : below;
    }
    if (below == 0) {
        return 0;
    }
    const double scale = fabs(x[0]) > below ? fabs(x[0]) : below;
    for (int64_t i = 0; i < n; i++) {
        x[i] /= scale;
    }
    const double square = V->dot(n - 1, x + 1, x + 1), length = sqrt(x[0] * x[0] + square);
    const double v0 = x[0] + (x[0] >= 0 ? length : -length);
    x[0] = (x[0] >= 0 ? -length : length) * scale;
    for (int64_t i = 1; i < n; i++) {
        x[i] /= v0;
    }
    return v0 * v0 * 2 / (square + v0 * v0);
}

/* What is taken from row i when it comes: z_i u, columns from k on (length 0: nothing). */
typedef struct pending {
    int64_t length;
    double tau;
    double *u, *z; /* (length) with u[0] = 1; (n) */
} pending;

static void step(const as_bidiagonal *b, int64_t k, pending *q, double *v, double *w, const as_vectors *V)
{
    const int64_t n = b->n, width = n + b->extra, rest = width - k;
    for (int64_t i = k; i < n; i++) {
        v[i - k] = b->a[i * b->ld + k] - (q->length > 0 ? q->z[i] : 0);
    }
    const double tau = reflector(n - k, v, V);
    b->d[k] = v[0];
    v[0] = 1;
    memset(w, 0, (size_t)rest * sizeof *w);
    for (int64_t i = k; i < n; i++) {
        double *const row = b->a + i * b->ld + k;
        V->axpy(q->length, q->length > 0 ? -q->z[i] : 0, q->u, row);
        V->axpy(rest, v[i - k], row, w);
    }
    double *const top = b->a + k * b->ld + k;
    V->axpy(rest, -tau, w, top);
    b->tau[k] = 0;
    b->e[k] = 0;
    q->length = n - k - 1;
    if (q->length > 0) {
        b->tau[k] = reflector(q->length, top + 1, V);
        b->e[k] = top[1];
        memcpy(q->u, top + 1, (size_t)q->length * sizeof *q->u);
        q->u[0] = 1;
    }
    for (int64_t i = k + 1; i < n; i++) {
        double *const row = b->a + i * b->ld + k;
        V->axpy(rest - 1, -tau * v[i - k], w + 1, row + 1);
        q->z[i] = b->tau[k] * V->dot(q->length, row + 1, q->u);
    }
}

as_status as_bidiagonal_make(int64_t n, int64_t extra, double *a, int64_t ld, as_bidiagonal *out)
{
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    *out = (as_bidiagonal){.n = n, .extra = extra, .a = a, .ld = ld};
    out->block = calloc((size_t)(7 * n + extra) + 1, sizeof *out->block);
    if (out->block == NULL) {
        AS_FAIL(AS_NOMEM, "bidiagonal form: no memory for order %lld", (long long)n);
    }
    out->d = out->block;
    out->e = out->d + n;
    out->tau = out->e + n;
    pending q = {.u = out->tau + n, .z = out->tau + 2 * n};
    double *const v = q.z + n, *const w = v + n;
    for (int64_t k = 0; k < n; k++) {
        step(out, k, &q, v, w, V);
    }
    return AS_OK;
}

void as_bidiagonal_destroy(as_bidiagonal *b)
{
    free(b->block);
    *b = (as_bidiagonal){0};
}

as_status as_bidiagonal_values(const as_bidiagonal *b, double *value)
{
    double *const work = calloc((size_t)(4 * b->n) + 1, sizeof *work), *const off = work + 2 * b->n;
    if (work == NULL) {
        AS_FAIL(AS_NOMEM, "singular values: no memory for order %lld", (long long)b->n);
    }
    for (int64_t k = 0; k < b->n; k++) {
        off[2 * k] = b->d[k];
        off[2 * k + 1] = b->e[k];
    }
    const as_status status = as_tridiagonal_eigen(2 * b->n, work, off, NULL, 0);
    for (int64_t k = 0; k < b->n; k++) {
        value[k] = work[2 * b->n - 1 - k] > 0 ? work[2 * b->n - 1 - k] : 0;
    }
    free(work);
    return status;
}

/* Numbers c, s with s x = c y, c x + s y = the length of (x, y), which is returned; y > 0. */
static double rotation(double x, double y, double *c, double *s)
{
    const double large = fabs(x) > y ? fabs(x) : y, p = x / large, q = y / large, length = sqrt(p * p + q * q);
    *c = p / length;
    *s = q / length;
    return length * large;
}

void as_bidiagonal_solve(const as_bidiagonal *b, int64_t t, double root, double *x, double *residual)
{
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    const int64_t n = b->n;
    double *const r = b->block + 3 * n, *const up = r + n; /* work space of the making */
    double below = root, more = 0, c, s; /* what stands in column k of the penalty's rows, and their right side */
    for (int64_t k = 0; k < n; k++) {
        const double right = b->a[k * b->ld + n + t];
        r[k] = rotation(b->d[k], below, &c, &s);
        up[k] = c * b->e[k];
        x[k] = c * right + s * more;
        /* What is left of the penalty's row stands in the next column, where that column's own penalty joins it. */
        const double left = -s * b->e[k], left_right = c * more - s * right;
        below = rotation(left, root, &c, &s);
        more = c * left_right;
    }
    for (int64_t k = n - 1; k >= 0; k--) {
        x[k] = (x[k] - (k + 1 < n ? up[k] * x[k + 1] : 0)) / r[k];
    }
    *residual = 0;
    for (int64_t k = 0; k < n; k++) {
        const double left = b->a[k * b->ld + n + t] - b->d[k] * x[k] - (k + 1 < n ? b->e[k] * x[k + 1] : 0);
        *residual += left * left;
    }
    for (int64_t k = n - 2; k >= 0; k--) {
        double *const u = b->a + k * b->ld + k + 1;
        const double first = u[0];
        u[0] = 1;
        V->axpy(n - k - 1, -b->tau[k] * V->dot(n - k - 1, u, x + k + 1), u, x + k + 1);
        u[0] = first;
    }
}
