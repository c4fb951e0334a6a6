/* Metrics of an evaluation. One file metric_<kind>.c (per variant), one row in metric.def. Each is a vector of sums
   over samples, so it is exact for every layout: accumulate per lane, tree over lanes, then finish once. */
#ifndef AS_NN_METRIC_H
#define AS_NN_METRIC_H

#include "base/text.h"
#include "nn/loss.h"

typedef struct as_metric_pass {
    int64_t rows, outputs;
    const void *z;
    int64_t ldz; /* model output, before the loss's predict */
    const int32_t *label;
    const double *target;
    int64_t targets;
    const double *weight;
    const char *loss; /* name of the loss: decides how z is read (bce: sign; others: argmax) */
} as_metric_pass;

/* What finish needs to know beside the sums. */
typedef struct as_metric_facts {
    int64_t outputs, classes, targets;
    double label_bytes; /* of tokens: bytes of text that a label stands for on average; NaN where that is not known */
} as_metric_facts;

typedef struct as_metric_ops {
    const char *name, *help, *formula;
    as_target target; /* AS_TARGET_NONE: labels or reals, whichever the pass has */
    bool tokens;      /* only where labels are tokens of a text */
    /* Doubles of state for a model of `outputs` outputs. */
    int64_t (*size)(int64_t outputs, int64_t classes, int64_t targets);
    void (*rows)(const as_metric_pass *pass, int64_t classes, double *state); /* state += */
    /* Writes its results as JSON members ("accuracy": 0.97, ...) into text. */
    void (*finish)(const as_metric_facts *facts, const double *state, struct as_text *text);
} as_metric_ops;

const as_metric_ops *const *as_metrics_get(const as_kernels *kernels);

#endif
