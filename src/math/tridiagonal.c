/* Implicit QL for symmetric tridiagonal matrices (Bowdler, Martin, Reinsch, Wilkinson, "The QR and QL algorithms for
   symmetric matrices", Numer. Math. 11, 1968; Golub and Van Loan, Matrix Computations, 4th ed., 8.3). Eigenvectors are
   kept as rows, so that a rotation works on neighbours in memory. Cost: about 30 n^2, and 6 n^2 width for the rows. */
#include "math/tridiagonal.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "kernels/vectors.h"

enum { TURNS_MAX = 50 };

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

static void swap_rows(int64_t width, double *a, double *b)
{
    for (int64_t j = 0; j < width; j++) {
        const double t = a[j];
        a[j] = b[j];
        b[j] = t;
    }
}

/* Ascending order by insertion: the rotations leave little to sort. */
static void sort(int64_t n, double *d, double *rows, int64_t width)
{
    for (int64_t i = 1; i < n; i++) {
        for (int64_t j = i; j > 0 && d[j] < d[j - 1]; j--) {
            const double t = d[j];
            d[j] = d[j - 1];
            d[j - 1] = t;
            if (rows != NULL) {
                swap_rows(width, rows + j * width, rows + (j - 1) * width);
            }
        }
    }
}

/* One QL sweep from m up to l. */
static void sweep(int64_t l, int64_t m, double *d, double *e, double *rows, int64_t width, const as_vectors *V)
{
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
        if (rows != NULL) {
            V->rotate(width, c, s, rows + (i + 1) * width, rows + i * width);
        }
    }
    if (i < l) {
        d[l] -= p;
        e[l] = g;
        e[m] = 0;
    }
}

as_status as_tridiagonal_eigen(int64_t n, double *d, double *e, double *rows, int64_t width)
{
    const as_vectors *V = as_vectors_get(as_isa_detect());
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(d[i]) || (i + 1 < n && !isfinite(e[i]))) {
            AS_FAIL(AS_DIVERGED, "eigenvalues of a tridiagonal matrix: entry %lld of %lld is not finite", (long long)i,
                    (long long)n);
        }
    }
    if (n > 0) {
        e[n - 1] = 0;
    }
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
            sweep(l, m, d, e, rows, width, V);
        }
    }
    sort(n, d, rows, width);
    return AS_OK;
}
