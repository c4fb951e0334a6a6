/* Eigenvalues of a symmetric operator that is given only by products, by the Lanczos method. */
#ifndef AS_MATH_LANCZOS_H
#define AS_MATH_LANCZOS_H

#include <stdbool.h>
#include <stdint.h>

#include "allsum/status.h"

/* y = A x, both (n); A symmetric. What it returns is passed on. May be collective: then so is as_lanczos_run, and all
   ranks must give the same y, for all vectors here are replicated. */
typedef as_status (*as_product)(void *context, int64_t n, const double *x, double *y);

typedef struct as_lanczos_options {
    int64_t n;           /* order of A, >= 1 */
    int64_t steps;       /* most products; at most n are made */
    uint64_t seed;       /* the start vector is drawn by it (normal, Philox) ... */
    uint32_t stream;     /* ... and by this: another start for each, as stochastic quadrature wants */
    const double *start; /* (n), or NULL: drawn. Of any length but zero. */
    int64_t wanted;      /* stop early when so many values at either end are known to `tolerance`; 0: make all steps */
    double tolerance;    /* of a residual, relative to the largest |value| */
    bool vectors;        /* keep the Ritz vectors */
} as_lanczos_options;

typedef struct as_lanczos {
    int64_t n, steps; /* products that were made */
    bool exhausted;   /* the Krylov space of the start vector is invariant: its Ritz values are eigenvalues of A */
    double *alpha;    /* (steps) diagonal of T = Q'A Q */
    double *beta;     /* (steps) off-diagonal; the last one couples to the vector that was not taken */
    double *value;    /* (steps) Ritz values, ascending */
    double *residual; /* (steps) ||A v - value v||: an eigenvalue of A lies as near as this */
    double *weight;   /* (steps) squared first components; they sum to 1: quadrature of the spectral density */
    double *vector;   /* (steps, n) Ritz vectors in rows, of unit length, first largest component positive; or NULL */
} as_lanczos;

/* Not collective unless the product is. Memory: (steps + 2) n doubles, as much again for vectors while they are made.
   Zeros *out first; destroy with as_lanczos_destroy, after failures too.
   Errors: USAGE for n, steps < 1 or a start of length zero or not finite; DIVERGED when a product is not finite (names
   which); NOMEM; those of the product. */
as_status as_lanczos_run(const as_lanczos_options *options, as_product product, void *context, as_lanczos *out);
void as_lanczos_destroy(as_lanczos *lanczos);

#endif
