/* What a trained model said of every row of a data set, beside what was right: the material of intervals, calibration
   and comparisons. Made from `predict` alone, so for any kind of estimator. The rows come in the order of the lanes:
   the same for every layout. */
#ifndef AS_RUN_OUTCOMES_H
#define AS_RUN_OUTCOMES_H

#include "run/model_file.h"

/* Rank 0 has the rows; the others have none. Rows without any label to learn are left out. What a row of several
   labels, or of more than 64 targets, said is not kept, nor more than 2^27 numbers of all: sums are. */
typedef struct as_outcomes {
    int64_t rows;
    as_target target;
    int64_t classes;    /* of labels; 0: real targets */
    int64_t outputs;    /* numbers of a row in `said`: classes, or targets; 0: not kept */
    bool single;        /* one label a row */
    bool probabilities; /* said are probabilities of the classes: in [0, 1], with the sum 1 */
    int64_t *id;        /* (rows) sample ids */
    int32_t *label;     /* (rows) of rows with one label */
    double *weight;     /* (rows) sample weight */
    double *count;      /* (rows) weight x labels that were judged: what loss and right are divided by */
    double *loss;       /* (rows) weight x sum of -ln p[label] (NaN where the model gives no probabilities), or weight x
                           mean squared error over the targets */
    double *right;      /* (rows) weight x number of right classes, or weight x mean absolute error */
    double *worst;      /* (rows) of real targets: the largest |target - prediction| */
    double *said;       /* (rows, outputs) */
    double *truth;      /* (rows, outputs) real targets */
    char place[512];    /* the data */
} as_outcomes;

/* Collective. Whether rows of the model can be judged, which clusters and components cannot: labels with an output for
   each class (or one for two classes), or as many outputs as real targets. The reason where they cannot, else NULL. */
const char *as_outcomes_refuse(const as_model_file *model);

/* Collective. One pass over the data of the role. Errors: CONFIG with the reason of as_outcomes_refuse; those of
   as_model_file_data; NOMEM. Free with as_outcomes_free, also after a failure. */
as_status as_outcomes_collect(const as_model_file *model, as_role role, as_outcomes *out);
void as_outcomes_free(as_outcomes *outcomes);

#endif
