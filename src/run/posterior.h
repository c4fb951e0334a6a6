/* What could also have been the weights: approximate posteriors of a trained network, from which predictions draw.

   Laplace (D. MacKay, Neural Computation 4, 1992; the last layer alone: Kristiadi et al. 2020; the generalised
   Gauss-Newton matrix in the Hessian's place: Daxberger et al. 2021):
     w ~ N(w*, (G + delta I)^-1),  G = sum_i c_i J_i' H_i J_i over the training rows, J = d outputs / d w,
     H = diag(p) - p p' for classes, 1 / sigma^2 for values with the residual variance sigma^2.
   The prior's precision delta follows from the evidence: delta = gamma / |w*|^2, gamma = sum_k l_k / (l_k + delta) over
   the eigenvalues of G (MacKay's fixed point), unless it is given.
   SWAG (Maddox et al. 2019, equation 1), from K checkpoints of the run:
     w = mean + sd z / sqrt 2 + D u / sqrt(2 (K - 1)). */
#ifndef AS_RUN_POSTERIOR_H
#define AS_RUN_POSTERIOR_H

#include "run/model_file.h"

enum { AS_POSTERIOR_WEIGHTS = 1500 }; /* most weights of a Laplace approximation with full covariance */

typedef enum as_posterior_kind {
    AS_POSTERIOR_LAST_LAYER,
    AS_POSTERIOR_DIAGONAL,
    AS_POSTERIOR_FULL,
    AS_POSTERIOR_SWAG
} as_posterior_kind;

typedef struct as_posterior_options {
    as_posterior_kind kind;
    const char *path; /* run directory or checkpoint, as for as_model_file_open */
    int nsets;
    const char *const *set;
    as_isa isa;
    int threads;
    int64_t rows;     /* most training rows that G is summed over; it is scaled up to all of them */
    double precision; /* delta; 0: by the evidence */
    const as_log *log;
} as_posterior_options;

typedef struct as_posterior {
    as_posterior_kind kind;
    int64_t n;               /* parameters of the model */
    double *mean;            /* (n) */
    int64_t k;               /* those that vary */
    int64_t *index;          /* (k) their places */
    double *value;           /* (k) eigenvalues of G, or its diagonal */
    double *vector;          /* (k, k) eigenvectors in rows; NULL: diagonal */
    double delta, effective; /* gamma: parameters that the data determine */
    double noise;            /* sigma^2 of values; 0 for classes */
    int64_t rows, of;        /* rows that G was summed over, of how many */
    int64_t members;         /* SWAG: checkpoints */
    double *sd;              /* SWAG (n) */
    double *deviation;       /* SWAG (members, n) */
} as_posterior;

/* Not collective: every rank finds the same posterior by itself, from all the training data (Laplace) or the
   checkpoints (SWAG). Errors: CONFIG for models and losses that have none here, naming what is expected; those of
   as_model_file_open. Free with as_posterior_free, also after an error. */
as_status as_posterior_find(const as_posterior_options *options, as_posterior *out);
void as_posterior_free(as_posterior *posterior);

/* Not collective. Draw number s into w (n): a function of (posterior, seed, s). Errors: NOMEM. */
as_status as_posterior_draw(const as_posterior *posterior, uint64_t seed, uint32_t s, double *w);

#endif
