/* The triangle of a tall matrix, found by parts: rows are folded into R chunk by chunk, triangles of parts are merged
   along a tree. R'R = A'A; what is never formed is A'A itself, so R has the digits that A has. Columns of targets stand
   behind the others: their part of R is Q'y, and its last diagonal the length of the residual. */
#ifndef AS_MATH_TSQR_H
#define AS_MATH_TSQR_H

#include "kernels/kernels.h"

enum { AS_TSQR_PANEL = 32, AS_TSQR_LEAF = 8 };

/* Work space of one thread for n columns; as_tsqr_place and as_tsqr_create fill it. */
typedef struct as_tsqr {
    int64_t n, rows; /* columns; most rows of a chunk */
    int64_t left;    /* rows of the chunk, less the columns that met a row of the triangle that was zero */
    double *square;  /* (n) of the columns of the chunk as they came */
    double *chunk;   /* (rows, n), to be filled by the caller; weighted rows times the root of their weight */
    double *leaf, *w, *packed;
    const as_kernels *K;
    double tau[AS_TSQR_PANEL];
    double inner[AS_TSQR_PANEL * AS_TSQR_PANEL]; /* strict upper part of V'V of a panel */
    void *block;
} as_tsqr;

/* Rows of a chunk that keep the products fast: a function of n alone. The cut of rows into chunks is part of the order
   of rounding: fill chunks whole, but for the last one. */
int64_t as_tsqr_rows(int64_t n);

/* Not collective. In memory of the caller, as_tsqr_doubles(n, rows) of them, zero or not. kernels: of precision
   float64. The space of a merge is that of n rows. */
int64_t as_tsqr_doubles(int64_t n, int64_t rows, const as_kernels *kernels);
void as_tsqr_place(int64_t n, int64_t rows, const as_kernels *kernels, double *memory, as_tsqr *out);
/* Not collective. In memory of its own, for chunks of `rows` rows and for merges. Errors: NOMEM. */
as_status as_tsqr_create(int64_t n, int64_t rows, const as_kernels *kernels, as_tsqr *out);
void as_tsqr_destroy(as_tsqr *tsqr);

/* Not collective. r (n, n), upper with zeros below (all zero at the start) becomes the triangle of r over the first
   `rows` rows of the chunk, which are destroyed. The diagonal may have either sign. Values beyond 1e150 or less than
   1e-150 lose their squares. Cost: 2 rows n^2 flops at the speed of the matrix product. */
void as_tsqr_fold(as_tsqr *tsqr, int64_t rows, double *r);

/* Not collective. r becomes the triangle of r over `below`, both (n, n) upper. Cost: 2 n^3 / 3 flops. */
void as_tsqr_merge(as_tsqr *tsqr, double *r, const double *below);

/* Not collective. Signs of rows so that the diagonal is >= 0: the one R of its matrix where that has full rank. */
void as_tsqr_finish(int64_t n, double *r);

#endif
