/* Metrics of outcomes with their uncertainty. Not collective: rank 0 has the outcomes, and computes row after row. */
#ifndef AS_RUN_ESTIMATES_H
#define AS_RUN_ESTIMATES_H

#include "math/calibration.h"
#include "math/inference.h"
#include "run/outcomes.h"

/* Metrics of labels, then of real targets. Those of the second line need probabilities of one label a row. With more
   than two classes AUC and average precision are the means over the classes against the rest (those that have rows of
   both kinds); the Brier score is summed over the classes, but for two. */
typedef enum as_measure {
    AS_MEASURE_ACCURACY,
    AS_MEASURE_NLL,
    AS_MEASURE_MCC,
    AS_MEASURE_BRIER,
    AS_MEASURE_ECE,
    AS_MEASURE_AUC,
    AS_MEASURE_AP,
    AS_MEASURE_MSE,
    AS_MEASURE_RMSE,
    AS_MEASURE_MAE,
    AS_MEASURE_R2,
    AS_MEASURES
} as_measure;

typedef struct as_estimate {
    const char *name; /* NULL: not a metric of these outcomes */
    double value, low, high;
    double sd;          /* standard error: of the bootstrap, or sqrt(p (1 - p) / n) */
    const char *method; /* "Wilson" or "bootstrap"; NULL: no interval */
} as_estimate;

/* Wilson's interval where a metric is a share of rows of weight 1; percentiles of `replicates` bootstrap replicates
   elsewhere (0: no intervals but Wilson's). estimate (AS_MEASURES). Errors: NOMEM. */
as_status as_estimates_make(const as_outcomes *outcomes, double level, int64_t replicates, uint64_t seed,
                            as_estimate *estimate);

/* Two models on the same rows: a minus b. */
typedef struct as_comparison {
    int64_t rows;
    double loss[2], right[2];              /* mean losses; accuracies, or mean absolute errors */
    double loss_low, loss_high;            /* bootstrap interval of the difference of the losses */
    double right_low, right_high;          /* and of the other */
    int64_t only_a, only_b;                /* rows that one of them got right; classes alone */
    as_test mcnemar;                       /* exact; classes with one label a row alone: else p is NaN */
    as_test z;                             /* paired, of the losses */
    double bootstrap_p;                    /* two-sided, of the losses: at least 2 / (replicates + 1) */
    double mean_difference, se_difference; /* of the losses */
} as_comparison;

/* Errors: DATA when the rows are not the same; NOMEM. */
as_status as_outcomes_compare(const as_outcomes *a, const as_outcomes *b, double level, int64_t replicates,
                              uint64_t seed, as_comparison *out);

/* Split conformal prediction: calibrated on one set of rows, judged on another. */
typedef struct as_conformal {
    double alpha, quantile;         /* infinite: fewer rows than 1 / alpha - 1 */
    int64_t calibration_rows, rows; /* alpha: share of rows that may be missed */
    int64_t covered;                /* rows whose set or interval has the truth */
    double coverage, low, high;     /* with its exact interval at `level` */
    double size, singles, empty;    /* mean number of classes in a set, or mean width; shares of sets of one, none */
} as_conformal;

/* Score: 1 - p[label], or the largest |y - f| over the targets. Errors: CONFIG without probabilities of one label a
   row; NOMEM. */
as_status as_outcomes_conformal(const as_outcomes *calibration, const as_outcomes *test, double alpha, double level,
                                as_conformal *out);

#endif
