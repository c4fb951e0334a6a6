/* Singular values of the weight matrices of a network. */
#ifndef AS_PROBE_SPECTRA_H
#define AS_PROBE_SPECTRA_H

#include "nn/model.h"

enum { AS_SPECTRA_ORDER = 1024 /* most rows or columns, whichever are fewer, that are taken apart */ };

/* Of one matrix; a weight of several axes has its last axis as columns. */
typedef struct as_weight_spectrum {
    char layer[AS_NAME_MAX], param[AS_NAME_MAX];
    int64_t rows, columns;
    bool skipped;     /* too large: only the Frobenius norm is known */
    double frobenius; /* sqrt(sum of squares) */
    double largest, smallest;
    double stable_rank; /* (frobenius / largest)^2: how many directions carry the weight */
    double condition;   /* largest / smallest; infinite for a singular matrix */
    int64_t rank;       /* values above eps * max(rows, columns) * largest */
    int64_t count;      /* min(rows, columns) */
    double *value;      /* (count) descending; NULL where skipped */
} as_weight_spectrum;

typedef struct as_weight_spectra {
    int n;
    as_weight_spectrum *item; /* (n) */
} as_weight_spectra;

/* Not collective. Of all weights with two axes or more at w (the flat vector); eps: of the precision that they are
   stored in. Errors: DIVERGED naming a layer whose weights are not finite; NOMEM. Free with as_weight_spectra_free,
   after failures too. Cost: about 10 m n min(m, n) flops for each. */
as_status as_weight_spectra_make(const as_model *model, const double *w, double eps, as_weight_spectra *out);
void as_weight_spectra_free(as_weight_spectra *spectra);

#endif
