/* Principal components: what its files share. estimator_pca.c is the kind, pca_exact.c finds components from a scatter
   matrix or a triangle, pca_random.c by random directions. */
#ifndef AS_ESTIMATOR_PCA_H
#define AS_ESTIMATOR_PCA_H

#include "estimator/linear.h"

enum { AS_PCA_AUTO, AS_PCA_GRAM, AS_PCA_QR, AS_PCA_RANDOMIZED };

typedef struct as_pca_options {
    double n_components;
    int solver;
    bool whiten;
    int64_t oversample, n_iter;
} as_pca_options;

typedef struct as_pca {
    as_linear linear;                                        /* the triangle of [1 X] */
    int64_t most, tries;                                     /* components that the arrays hold; random directions */
    double *mean, *components, *variance, *ratio, *singular; /* (d), (most, d), (most) ... */
    double *noise, *total;                                   /* mean variance of what was left out; all variance */
    double *bound;                                           /* (most) an eigenvalue lies as near to the variance */
    double *basis;                                           /* (d, tries) directions of the coming pass; randomized */
    double *packed;                                          /* basis packed; follows */
    int64_t *kept, *solver;                                  /* components; how they were found */
} as_pca;

/* How the coming pass is made: AS_PCA_GRAM, AS_PCA_QR or AS_PCA_RANDOMIZED. */
int as_pca_pass(const as_statistic *s);
/* Components from all eigenvalues of the scatter, descending, and their vectors in rows, at least `most` of each.
   Errors: DATA when there are fewer rows than components. */
as_status as_pca_keep(as_statistic *s, double weight, double total, int64_t found, const double *value,
                      const double *vector);

/* done: the components are good to 1e-10; otherwise a pass by QR is needed. */
as_status as_pca_gram_finish(as_statistic *s, double *sum, bool *done);
as_status as_pca_qr_finish(as_statistic *s, double *sum);

as_status as_pca_random_init(as_statistic *s);
int64_t as_pca_random_size(const as_statistic *s);
int64_t as_pca_random_scratch(const as_statistic *s);
void as_pca_random_rows(const as_statistic *s, const as_rows *rows, double *sum);
void as_pca_random_merge(const as_statistic *s, double *left, const double *right);
as_status as_pca_random_finish(as_statistic *s, double *sum, bool *done);

#endif
