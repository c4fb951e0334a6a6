/* What probabilities and scores are worth: calibration, ranking, sets with a guarantee. Pure functions in double; not
   collective. Rows have weights >= 0; a weight of 0 leaves a row out. */
#ifndef AS_MATH_CALIBRATION_H
#define AS_MATH_CALIBRATION_H

#include <stdint.h>

#include "allsum/status.h"

enum { AS_CALIBRATION_BINS = 15 };

/* Rows whose confidence is in (low, low + 1/15]; 0 goes to the first. */
typedef struct as_reliability_bin {
    double weight;
    double confidence, accuracy; /* means; NaN without rows */
} as_reliability_bin;

/* Expected calibration error over 15 equal bins (Guo et al. 2017): mean |confidence - accuracy| of bins, weighted.
   confidence (n) in [0, 1]; correct (n) 0 or 1; bin (15) may be NULL. NaN without weight. */
double as_calibration_error(int64_t n, const double *confidence, const double *correct, const double *weight,
                            as_reliability_bin *bin);

/* Temperature T that minimises the mean -log softmax(log p / T)[label], by Newton's method in 1/T, where it is convex.
   log_p (n, k) row-major. Within [1/64, 64]: an end means that the rows are separated, or that p says nothing. NaN
   without weight. */
double as_temperature(int64_t n, int64_t k, const double *log_p, const int32_t *label, const double *weight);

/* Split conformal prediction: the ceil((n + 1)(1 - alpha))-th smallest of n scores, infinite where that is beyond n.
   score is sorted. */
double as_conformal_quantile(int64_t n, double *score, double alpha);

/* Area under the ROC curve with ties as one half (Mann and Whitney), and average precision sum (R_n - R_n-1) P_n over
   distinct scores. score and positive (n, 0 or 1) by descending score; weight of the i-th is weight[order[i]]. NaN
   where a class is missing. */
void as_ranking(int64_t n, const int32_t *order, const double *score, const double *positive, const double *weight,
                double *auc, double *average_precision);
/* Rows by descending score, ties by number. order (n) is filled. score has no NaN. Errors: NOMEM. */
as_status as_descending(int32_t n, const double *score, int32_t *order);

/* Matthews' correlation of k classes (Gorodkin 2004) from confusion (k, k), true class by row; 0 where one side is
   constant. */
double as_matthews(int64_t k, const double *confusion);

#endif
