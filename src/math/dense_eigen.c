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

static void tridiagonalise(int64_t n, double *a, double *d, double *e, double *tau, double *p, const as_vectors *V)
{
    for (int64_t k = 0; k + 1 < n; k++) {
        const int64_t m = n - k - 1;
        double *const v = a + k * n + k + 1;
        d[k] = a[k * n + k];
        e[k] = row_reflector(m, v, &tau[k], V);
        if (tau[k] == 0) {
            continue;
        }
        for (int64_t i = 0; i < m; i++) {
            p[i] = tau[k] * V->dot(m, a + (k + 1 + i) * n + k + 1, v);
        }
        V->axpy(m, -tau[k] * V->dot(m, p, v) / 2, v, p);
        for (int64_t i = 0; i < m; i++) {
            double *const row = a + (k + 1 + i) * n + k + 1;
            V->axpy(m, -v[i], p, row);
            V->axpy(m, -p[i], v, row);
        }
    }
    if (n > 0) {
        d[n - 1] = a[(n - 1) * n + n - 1];
        e[n - 1] = 0;
    }
}

/* q (n, n) = Q': row i + 1.. of the trailing block times each reflector. */
static void gather(int64_t n, const double *a, const double *tau, double *q, const as_vectors *V)
{
    memset(q, 0, (size_t)(n * n) * sizeof *q);
    for (int64_t i = 0; i < n; i++) {
        q[i * n + i] = 1;
    }
    for (int64_t k = n - 2; k >= 0; k--) {
        const double *const v = a + k * n + k + 1;
        const int64_t m = n - k - 1;
        for (int64_t i = k + 1; i < n && tau[k] != 0; i++) {
            double *const row = q + i * n + k + 1;
            V->axpy(m, -tau[k] * V->dot(m, row, v), v, row);
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
    double *const work = calloc((size_t)(3 * n + 1), sizeof *work);
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
