/* Means of classes and sums of products about them, in one pass: rows update the mean of their class one by one and add
   w n / (n + w) d d' with d the difference to the mean before; lanes merge about their own means (Chan, Golub, LeVeque
   1983), so that nothing is lost where means are large against spreads. Cost: 2 d^2 flops a row. */
#ifndef AS_ESTIMATOR_SCATTER_H
#define AS_ESTIMATOR_SCATTER_H

#include "estimator/statistic.h"

typedef struct as_scatter {
    int64_t classes, d;
    bool pooled; /* one matrix for all classes together */
} as_scatter;

/* Doubles of a statistic; of scratch for rows. */
int64_t as_scatter_size(const as_scatter *c);
int64_t as_scatter_scratch(const as_statistic *s);
/* Weight, mean (d) and matrix (d, d) of a class in a statistic; the matrix is upper and lower. */
double *as_scatter_weight(const as_scatter *c, double *sum, int64_t k);
double *as_scatter_mean(const as_scatter *c, double *sum, int64_t k);
double *as_scatter_matrix(const as_scatter *c, double *sum, int64_t k);
void as_scatter_rows(const as_statistic *s, const as_scatter *c, const as_rows *rows, double *sum);
void as_scatter_merge(const as_scatter *c, double *left, const double *right);
/* trace(P' M P) for M (d, d), P (d, n): what the squares of whitened rows add up to. Cost: 2 d^2 n flops.
   Errors: NOMEM. */
as_status as_scatter_trace(const as_statistic *s, int64_t d, int64_t n, const double *m, const double *p,
                           double *trace);

#endif
