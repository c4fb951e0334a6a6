/* Eigenvalues of a dense symmetric matrix: Householder tridiagonalisation (Golub and Van Loan, 8.3.1), then implicit
   QL. Reflectors are gathered from the last to the first into Q', whose rows the rotations then turn into
   eigenvectors. Cost: 2 n^3 flops, 4 n^3 / 3 for Q' and about 9 n^3 for the rotations of vectors. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernels/vectors.h"
#include "math/dense.h"
#include "math/tridiagonal.h"

/* Row k of a: its reflector over columns k + 1.. in place with v_0 = 1, and tau; the off-diagonal element is returned.
 */
static double row_reflector(int64_t n, double *x, double *tau, const as_vectors *V)
{
    double scale = 0;
    for (int64_t i = 1; i < n; i++) {
        scale = fabs(x[i]) > scale ? fabs(x[i]) : scale;
    }
    *tau = 0;
    if (scale == 0) {
        const double keep = x[0];
        x[0] = 1;
        return keep;
    }
    scale = fabs(x[0]) > scale ? fabs(x[0]) : scale;
    for (int64_t i = 0; i < n; i++) {
        x[i] /= scale;
    }
    const double square = V->dot(n - 1, x + 1, x + 1), length = sqrt(x[0] * x[0] + square);
    const double v0 = x[0] + (x[0] >= 0 ? length : -length), off = (x[0] >= 0 ? -length : length) * scale;
    for (int64_t i = 1; i < n; i++) {
        x[i] /= v0;
    }
    *tau = v0 * v0 * 2 / (square + v0 * v0);
    x[0] = 1;
    return off;
}

/* What step k - 1 leaves to be taken from row i: v_i p + p_i v, whose elements begin at row and column k. */
typedef struct pending {
    int64_t first; /* k; n: nothing */
    const double *v, *p;
} pending;

/* Columns from j on of row i of a. */
static void settle(const pending *q, int64_t n, int64_t i, int64_t j, double *a, const as_vectors *V)
{
    const int64_t at = i - q->first, from = j - q->first;
    if (q->first < n) {
        V->axpy(n - j, -q->v[at], q->p + from, a + i * n + j);
        V->axpy(n - j, -q->p[at], q->v + from, a + i * n + j);
    }
}

/* Rows are brought up to date as the next step multiplies them, so that each passes by once. p: (2, n). */
static void tridiagonalise(int64_t n, double *a, double *d, double *e, double *tau, double *p, const as_vectors *V)
{
    pending q = {.first = n};
    for (int64_t k = 0; k < n; k++) {
        const int64_t m = n - k - 1;
        double *const v = a + k * n + k + 1, *const now = p + k % 2 * n;
        settle(&q, n, k, k, a, V);
        d[k] = a[k * n + k];
        e[k] = 0;
        if (m == 0) {
            break;
        }
        e[k] = row_reflector(m, v, &tau[k], V);
        for (int64_t i = 0; i < m; i++) {
            settle(&q, n, k + 1 + i, k + 1, a, V);
            now[i] = tau[k] == 0 ? 0 : tau[k] * V->dot(m, a + (k + 1 + i) * n + k + 1, v);
        }
        q = (pending){.first = n};
        if (tau[k] != 0) {
            V->axpy(m, -tau[k] * V->dot(m, now, v) / 2, v, now);
            q = (pending){.first = k + 1, .v = v, .p = now};
        }
    }
}

enum { TOGETHER = 8 }; /* rows that meet a reflector while it is near */

/* q (n, n) = Q': row i + 1.. of the trailing block times each reflector. */
static void gather(int64_t n, const double *a, const double *tau, double *q, const as_vectors *V)
{
    memset(q, 0, (size_t)(n * n) * sizeof *q);
    for (int64_t i = 0; i < n; i++) {
        q[i * n + i] = 1;
    }
    for (int64_t first = 0; first < n; first += TOGETHER) {
        const int64_t end = first + TOGETHER < n ? first + TOGETHER : n;
        for (int64_t k = end - 2; k >= 0; k--) {
            const double *const v = a + k * n + k + 1;
            const int64_t m = n - k - 1;
            for (int64_t i = first > k ? first : k + 1; i < end && tau[k] != 0; i++) {
                double *const row = q + i * n + k + 1;
                V->axpy(m, -tau[k] * V->dot(m, row, v), v, row);
            }
        }
    }
}

/* Descending order, signs. */
static void finish(int64_t n, double *value, double *vector)
{
    for (int64_t i = 0; i < n / 2; i++) {
        const double t = value[i];
        value[i] = value[n - 1 - i];
        value[n - 1 - i] = t;
        for (int64_t j = 0; vector != NULL && j < n; j++) {
            const double u = vector[i * n + j];
            vector[i * n + j] = vector[(n - 1 - i) * n + j];
            vector[(n - 1 - i) * n + j] = u;
        }
    }
    for (int64_t i = 0; vector != NULL && i < n; i++) {
        as_dense_fix_sign(n, vector + i * n);
    }
}

as_status as_dense_eigen(int64_t n, double *a, double *value, double *vector)
{
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    double *const work = calloc((size_t)(4 * n + 1), sizeof *work);
    if (work == NULL) {
        AS_FAIL(AS_NOMEM, "eigenvalues: no memory for order %lld", (long long)n);
    }
    double *const off = work, *const tau = off + n, *const p = tau + n;
    tridiagonalise(n, a, value, off, tau, p, V);
    if (vector != NULL) {
        gather(n, a, tau, vector, V);
    }
    const as_status status = as_tridiagonal_eigen(n, value, off, vector, n);
    free(work);
    AS_TRY(status);
    finish(n, value, vector);
    return AS_OK;
}
