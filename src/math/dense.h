/* Dense linear algebra on small matrices of doubles, row-major: triangles, Cholesky, QR, eigenvalues, singular values,
   dependent columns. The same bits on every machine: all is made of kernels/vectors.h, by one thread; no LAPACK. Orders
   up to about a thousand take a second or less. Nothing here is collective. Functions that need work space allocate it
   and may fail with NOMEM. */
#ifndef AS_MATH_DENSE_H
#define AS_MATH_DENSE_H

#include <stdbool.h>
#include <stdint.h>

#include "allsum/status.h"

/* -- Triangles. r (n, n) upper, rows ld apart; what lies below the diagonal is not read. -- */

/* R x = b and R' x = b, in place; diagonal not zero. */
void as_dense_solve_upper(int64_t n, const double *r, int64_t ld, double *x);
void as_dense_solve_upper_transposed(int64_t n, const double *r, int64_t ld, double *x);
/* inverse (n, n) = R^-1, zero below the diagonal. */
void as_dense_invert_upper(int64_t n, const double *r, int64_t ld, double *inverse);

/* -- Cholesky. -- */

/* a (n, n) symmetric, upper half read, becomes R with R'R = A, diagonal >= 0 and zeros below. A pivot that is no more
   than tolerance times what the diagonal was (or not a number) marks column j as dependent on those before it: its
   row of R becomes zero. dependent (n) may be NULL. Returns the rank. */
int64_t as_dense_cholesky(int64_t n, double *a, double tolerance, bool *dependent);

/* -- Orthogonal factors. -- */

/* Householder QR of a (m, n + extra), rows ld apart, in place: the upper triangle of the first n columns becomes R with
   diagonal >= 0, below it zeros; the other columns become Q' times them. m may be less than n. Rows that are zero below
   the triangle cost nothing. */
as_status as_dense_qr(int64_t m, int64_t n, int64_t extra, double *a, int64_t ld);

/* -- Spectra. -- */

/* Signs of a vector (n): the element of largest magnitude, the first of equals, becomes positive. */
void as_dense_fix_sign(int64_t n, double *vector);

/* Eigenvalues of the symmetric a (n, n; destroyed), descending; vector (n, n) has those in rows, signs fixed, or NULL.
   Householder tridiagonalisation and implicit QL. Error of a value: a few n eps |largest value|.
   Errors: DIVERGED where a is not finite. */
as_status as_dense_eigen(int64_t n, double *a, double *value, double *vector);

/* Singular values of a (m, n), m >= n, descending, by one-sided Jacobi on a QR factor with column pivoting: each is
   accurate relative to itself as far as scaling of columns can make it. a has n + extra columns in rows ld apart and is
   destroyed. right (n, n): right singular vectors in rows, signs fixed, an orthonormal basis whatever the rank.
   left (n, extra), or NULL: U' times the extra columns (the identity gives U'), U orthonormal whatever the rank.
   Errors: DIVERGED where a is not finite. */
as_status as_dense_svd(int64_t m, int64_t n, int64_t extra, double *a, int64_t ld, double *value, double *right,
                       double *left);

/* -- Bidiagonal form: what needs singular values, but no singular vectors. -- */

typedef struct as_bidiagonal {
    int64_t n, extra, ld;
    double *a;     /* of the caller: reflectors from the right in rows, U' times the extra columns */
    double *d, *e; /* (n) diagonal; (n) what stands right of it, the last 0 */
    double *tau, *block;
} as_bidiagonal;

/* A = U B V' of a (n, n + extra), rows ld apart, which out goes on to use. Destroy with as_bidiagonal_destroy, after
   failures too. Errors: NOMEM. Cost: 8 n^3 / 3 flops. */
as_status as_bidiagonal_make(int64_t n, int64_t extra, double *a, int64_t ld, as_bidiagonal *out);
void as_bidiagonal_destroy(as_bidiagonal *b);

/* Singular values (n), descending. Error of each: a few eps |largest|. */
as_status as_bidiagonal_values(const as_bidiagonal *b, double *value);

/* x (n) = argmin |A x - y|^2 + root^2 |x|^2 for y extra column t and root > 0; *residual = |A x - y|^2. */
void as_bidiagonal_solve(const as_bidiagonal *b, int64_t t, double root, double *x, double *residual);

/* -- Which columns depend on others. -- */

/* Columns of r (m, n) in order: column j is dependent when what is left of it beside the independent ones before it is
   no more than tolerance of its length. relation (n, n): for a dependent j, row j has c with column j = sum_k c_k
   column k over the independent k < j (c_k = 0 where the term is below 1e-9 of the column); other rows are zero.
   Returns in *rank the number of independent columns. identified (n): column j has no part in any relation, so that
   its coefficient is determined by the data. */
as_status as_dense_dependence(int64_t m, int64_t n, const double *r, int64_t ld, double tolerance, int64_t *rank,
                              bool *dependent, bool *identified, double *relation);

#endif
