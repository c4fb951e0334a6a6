/* Mixtures of normal densities: shares of the components in a row by Bayes' rule, the statistic of an EM step, and the
   next parameters from it. Used by gmm; lda and qda are such mixtures with the classes as components.

   The statistic is centred at the means of the pass: for component k the weight n_k = sum r, s_k = sum r (x - m_k) and
   S_k = sum r (x - m_k)(x - m_k)', so that the next covariance S_k / n_k - (s_k / n_k)(s_k / n_k)' loses nothing where
   means are large against spreads. Cost a row and component: d^2 flops for the density and 2 d^2 for S_k (full). */
#ifndef AS_ESTIMATOR_MIXTURE_H
#define AS_ESTIMATOR_MIXTURE_H

#include "estimator/statistic.h"

typedef enum as_covariance {
    AS_COVARIANCE_FULL,
    AS_COVARIANCE_DIAGONAL,
    AS_COVARIANCE_TIED,
    AS_COVARIANCE_SPHERICAL
} as_covariance;

typedef struct as_mixture {
    as_covariance kind;
    int64_t k, d;
    double *weights;     /* (k), which add up to 1; 0: the component takes no part */
    double *means;       /* (k, d) */
    double *covariances; /* (k, d, d), (k, d), (d, d) or (k) by kind */
    double *factors;     /* the same shape: upper triangular P with P P' = covariance^-1, or 1 / standard deviation */
    double *constants;   /* (k) ln weight + ln det P - d / 2 ln 2 pi; by ready */
    double *spread;      /* (d) 1 / standard deviation of a spherical component, in turn */
} as_mixture;

/* Shape of the covariances of a kind; returns the rank. */
int as_mixture_shape(as_covariance kind, int64_t k, int64_t d, int64_t dim[3]);
/* Not collective; in plan. Memory for constants; the caller makes the arrays. */
as_status as_mixture_plan(as_statistic *s, as_mixture *m);
void as_mixture_ready(as_mixture *m);

/* Doubles of scratch for the functions below; chunks must have at most AS_COLUMNS rows. */
int64_t as_mixture_scratch(int64_t k, int64_t d);
/* Not collective. Shares (k, AS_COLUMNS) of the rows, in scratch; *total (rows): logarithms of their densities. */
double *as_mixture_shares(const as_statistic *s, const as_mixture *m, const as_rows *rows, const double **total);

/* Doubles of the statistic of an EM step. */
int64_t as_mixture_size(const as_mixture *m);
/* Not collective. Adds rows to component c with factors share * weight; share NULL: 1. Scratch as above: the shares
   stay. */
void as_mixture_add(const as_statistic *s, const as_mixture *m, const as_rows *rows, int64_t c, const double *share,
                    double *sum);
/* Not collective. Means, covariances (with `floor` added to variances) and weights from a statistic. Components whose
   weight is not above `least` stay as they are and are marked in collapsed (k). */
void as_mixture_estimate(as_mixture *m, const double *sum, double floor, double least, bool *collapsed);
/* Not collective. Factors of the covariances; marks components whose covariance is not positive definite (all of them
   for a shared one). work (d, d). */
void as_mixture_factor(as_mixture *m, double *work, bool *collapsed);
/* Variances (d) of all rows of the statistic together. */
void as_mixture_variances(const as_mixture *m, const double *sum, double *variance);

#endif
