/* Eigenvalues of symmetric tridiagonal matrices. */
#ifndef AS_MATH_TRIDIAGONAL_H
#define AS_MATH_TRIDIAGONAL_H

#include <stdint.h>

#include "allsum/status.h"

/* Not collective. Implicit QL with Wilkinson's shift. diagonal (n) becomes the eigenvalues, ascending; off (n), of
   which off[i] couples i and i + 1 and off[n-1] is not read, is destroyed. rows (n, width), or NULL: each rotation is
   applied to it as well, so that a Q' with A = Q T Q' becomes the matrix whose row i is the eigenvector of value i (the
   identity gives the eigenvectors of T). The sign of a row is open. Error of a value: a few eps ||T||.
   Errors: DIVERGED where a value was not found in 50 turns, or an entry is not finite. */
as_status as_tridiagonal_eigen(int64_t n, double *diagonal, double *off, double *rows, int64_t width);

#endif
