/* Means and the centred scatter matrix of rows: what covariance, pca, lasso and elastic_net sum. Rows of a lane are
   taken about the lane's first row, lanes are merged about their means (Chan, Golub, LeVeque 1983), so that a large
   offset costs no digits. */
#ifndef AS_ESTIMATOR_COMOMENT_H
#define AS_ESTIMATOR_COMOMENT_H

#include "estimator/statistic.h"

/* A statistic: doubles at these places, then shift (d), sums about it (d), products (d, d) on and above the diagonal,
 * room (d).
 */
enum { AS_COMOMENT_STARTED, AS_COMOMENT_WEIGHT, AS_COMOMENT_ROWS, AS_COMOMENT_HEAD };

int64_t as_comoment_size(int64_t d);
/* Rows that as_comoment_rows wants at a time, and its doubles of scratch. */
int64_t as_comoment_chunk(int64_t d);
int64_t as_comoment_scratch(int64_t d);
/* Cost: d (d + 8) flops a row. */
void as_comoment_rows(const as_statistic *s, const as_rows *rows, double *sum);
void as_comoment_merge(const as_statistic *s, double *left, const double *right);
/* The same of other rows x (count, d) with the weights of r; room: as_comoment_scratch(d), from a 64-byte boundary. */
void as_comoment_add(const as_statistic *s, const as_rows *r, int64_t d, const double *x, double *room, double *sum);
void as_comoment_join(int64_t d, double *left, const double *right);
/* The root: mean (d) and scatter (d, d), symmetric, inside of sum. */
void as_comoment_finish(int64_t d, double *sum, double **mean, double **scatter);

#endif
