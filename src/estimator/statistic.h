/* Statistical models: accumulate -> sum -> update where the sum is a vector of doubles of each lane and the update is
   done at once for the whole model. This file is the engine's part (statistic.c, statistic_evaluate.c); a kind is one
   file estimator_<kind>.c that brings an as_statistic_ops, and one row in estimator.def. estimator_gaussian_nb.c is the
   template.

   One pass, which is one step of the run: every lane's statistic is cleared, its rows are added in their order
   (`rows`), lanes are merged along the fixed tree (`merge`), and rank 0 makes the next state from the root (`finish`),
   which all ranks then receive. So a kind writes no communication, and its results are the same bits for every layout.
   All numbers are double whatever the precision of the data. */
#ifndef AS_ESTIMATOR_STATISTIC_H
#define AS_ESTIMATOR_STATISTIC_H

#include "base/arena.h"
#include "base/text.h"
#include "estimator/estimator.h"

typedef struct as_statistic as_statistic;

/* Some rows of one lane, in their order. */
typedef struct as_rows {
    int64_t count;
    const double *x;      /* (count, width), normalised */
    const int32_t *label; /* (count, positions) or NULL */
    const double *target; /* (count, targets) or NULL */
    const double *weight; /* (count) */
    const int64_t *id;    /* (count) sample ids */
    double *scratch;      /* (s->scratch) of this thread; anything */
} as_rows;

/* The class that `allsum predict` names beside the outputs of a row: that of the largest or smallest one, the first of
   equals. */
typedef enum as_class_rule { AS_CLASS_BY_TARGET, AS_CLASS_LARGEST, AS_CLASS_SMALLEST } as_class_rule;

/* A model of linear functions of normalised inputs, and what makes outputs of their values. Where there are fewer
   functions than outputs the last outputs have them: that of the first is 0 before a softmax, else the opposite. */
typedef enum as_link { AS_LINK_NONE, AS_LINK_SOFTMAX, AS_LINK_EXP } as_link;
typedef struct as_linear_form {
    int64_t functions;
    const double *coef, *start; /* (functions, width), (functions) */
    as_link link;
    int64_t factor; /* input, as stored, that the output is multiplied by; -1: none */
} as_linear_form;

/* What the kind does. `sum` is the statistic of a lane, (size) doubles. */
struct as_statistic_ops {
    as_target target;      /* answers that it learns from; AS_TARGET_NONE: none, those of the data are ignored */
    size_t model_bytes;    /* of the kind's own struct, s->model, zero-filled */
    const char *loss;      /* "cross_entropy" (predict gives probabilities of classes) or "mse" (values): how
                              evaluation judges predictions; NULL: by score alone */
    as_class_rule classes; /* BY_TARGET: the largest output where the model learns from labels, else none */
    /* Not collective. Sizes (most, scratch, outputs) and arrays of the model (as_statistic_array). Errors: CONFIG, DATA
       when data and options do not fit, with numbers. */
    as_status (*plan)(as_statistic *s);
    /* Not collective, the same on every rank. OPTIONAL: first values of the arrays, which are zero before. */
    as_status (*init)(as_statistic *s);
    int64_t (*size)(const as_statistic *s);            /* OPTIONAL: doubles of the coming pass, <= most */
    void (*clear)(const as_statistic *s, double *sum); /* OPTIONAL: to zero where absent */
    void (*rows)(const as_statistic *s, const as_rows *rows, double *sum);   /* sum += rows; no allocation */
    void (*merge)(const as_statistic *s, double *left, const double *right); /* OPTIONAL: addition where absent */
    /* Rank 0 alone. The next state from the root of the tree (which it may use up); sets report->loss (per unit of
       weight; NaN is not allowed) and report->done. All arrays then go to all ranks. Errors: DATA, DIVERGED, NOMEM; the
       state is that of the last checkpoint then. */
    as_status (*finish)(as_statistic *s, double *sum, as_step_report *report);
    /* Not collective, on all ranks. OPTIONAL: what follows from the arrays (factors, logarithms), after init, finish
       and restoring. */
    as_status (*ready)(as_statistic *s);
    /* Not collective. Outputs of rows: out (count, outputs). */
    void (*predict)(const as_statistic *s, const as_rows *rows, double *out);
    /* Not collective. OPTIONAL where `loss` is given: loss of each row; (count). Called after predict of the same
       rows, with what that has left in out and in rows->scratch. */
    void (*score)(const as_statistic *s, const as_rows *rows, const double *out, double *loss);
    /* Not collective. OPTIONAL: the model as linear functions, for other programs. */
    as_linear_form (*form)(const as_statistic *s);
    void (*release)(as_statistic *s); /* OPTIONAL: memory that the kind has taken by itself */
    /* Not collective. What was estimated: as text (a table of at most 80 columns) or as JSON members. */
    void (*describe)(const as_statistic *s, bool json, as_text *out);
};

enum { AS_STATISTIC_ARRAYS = 48 };

struct as_statistic {
    as_estimator base;
    const as_statistic_ops *ops;
    as_setup setup;
    const as_kernels *kernels; /* float64 */
    const void *options;       /* of the kind */
    void *model;               /* the kind's own struct */
    int64_t width;             /* elements of a row */
    int64_t classes, targets;
    int64_t most, scratch, outputs; /* set by plan: doubles of a statistic, doubles of scratch of a thread, outputs */
    double flops;                   /* set by plan: of a pass, per row */
    int64_t chunk;                  /* rows that are handed out at a time; plan may change it */
    const double *scale, *shift;    /* (width) rows are handed out as scale * stored + shift, in one rounding, where
                                       the kind sets them (in init or ready); NULL: as the normalisation says */
    int64_t pass;                   /* passes finished */
    double weight, samples;         /* of the last pass: sum of weights, rows; set before finish */

    /* The engine's. */
    const as_batch *batch; /* of the last pass; borrowed */
    as_sum *sum;
    int64_t *passes;
    double *lanes, *root, *x, *thread_scratch;
    as_arena *arena;
    int narrays;
    as_state_item array[AS_STATISTIC_ARRAYS];
    void **where[AS_STATISTIC_ARRAYS];
    int64_t least[AS_STATISTIC_ARRAYS], most_of[AS_STATISTIC_ARRAYS]; /* of arrays of whole numbers */
    double times[AS_TIMES];
};

/* Not collective; in plan. An array of the model, zero at first: "/params/NAME" what is estimated (names of
   scikit-learn), "/inference/NAME" standard errors and tests (names of statsmodels), "/state/NAME" what goes on from
   pass to pass. It is in checkpoints, in state_sha256, and the same on all ranks after every finish. Rank 0 is a single
   number. *data is there after plan. Errors: INTERNAL; NOMEM. */
as_status as_statistic_array(as_statistic *s, const char *name, int rank, const int64_t *dim, double **data);

/* The same of whole numbers, all of which lie in least..most: a file with another is refused before anything is looked
   up by them. AS_STATISTIC_COUNT_MOST: no other bound than what a double holds exactly. */
#define AS_STATISTIC_COUNT_MOST (INT64_C(1) << 53)
as_status as_statistic_integers(as_statistic *s, const char *name, int rank, const int64_t *dim, int64_t least,
                                int64_t most, int64_t **data);

/* Not collective. Name of an input column, a target, a class: as the data call it, else "x0", "y0", "0". Returns the
   buffer. */
const char *as_statistic_column(const as_statistic *s, int64_t column, char buffer[64]);
const char *as_statistic_target(const as_statistic *s, int64_t target, char buffer[64]);
const char *as_statistic_class(const as_statistic *s, int64_t label, char buffer[64]);

/* The functions of as_estimator_ops that all statistical models share. */
as_status as_statistic_create(const as_setup *setup, as_estimator **out);
void as_statistic_destroy(as_estimator **estimator);
as_status as_statistic_init(as_estimator *estimator);
as_status as_statistic_accumulate(as_estimator *estimator, const as_batch *batch, int64_t step);
as_status as_statistic_update(as_estimator *estimator, int64_t step, as_step_report *report);
as_status as_statistic_predict(as_estimator *estimator, const as_batch *batch, double *out);
as_status as_statistic_evaluate(as_estimator *estimator, const as_sampler *sampler, as_batch *batch, as_text *json,
                                double *loss);
as_status as_statistic_state(as_estimator *estimator, int *n, as_state_item **items);
as_status as_statistic_restored(as_estimator *estimator);
as_status as_statistic_onnx(const as_estimator *estimator, const char *path);
void as_statistic_describe(const as_estimator *estimator, bool json, as_text *out);
as_sum *as_statistic_sum(as_estimator *estimator);
int64_t as_statistic_outputs(const as_estimator *estimator);
double as_statistic_flops(const as_estimator *estimator);
const double *as_statistic_times(const as_estimator *estimator);

/* Not collective. Calls `each` with the rows of the batch, chunk by chunk, every lane by one thread and in its order;
   the grouping does not depend on the layout. */
void as_statistic_over_rows(as_statistic *s, const as_batch *batch,
                            void (*each)(void *context, int lane, int64_t first, const as_rows *rows), void *context);

/* For the constant at the end of a kind's file. */
#define AS_STATISTIC_METHODS                                                                                           \
    .create = as_statistic_create, .destroy = as_statistic_destroy, .init = as_statistic_init,                         \
    .accumulate = as_statistic_accumulate, .update = as_statistic_update, .predict = as_statistic_predict,             \
    .evaluate = as_statistic_evaluate, .state = as_statistic_state, .restored = as_statistic_restored,                 \
    .describe = as_statistic_describe, .sum = as_statistic_sum, .outputs = as_statistic_outputs,                       \
    .onnx = as_statistic_onnx, .flops = as_statistic_flops, .times = as_statistic_times

#endif
