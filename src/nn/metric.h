/* Metrics of an evaluation. One file metric_<kind>.c (per variant), one row in metric.def. Each is a vector of sums
   over samples, so it is exact for every layout: accumulate per lane, tree over lanes, then finish once. */
#ifndef AS_NN_METRIC_H
#define AS_NN_METRIC_H

#include "base/parts.h"
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
    const char *prefix; /* of all names that are written ("energy."); NULL: none */
    const as_data_parts *answers; /* named parts of the data's real targets, or NULL */
    int64_t column;               /* the first of those targets that is judged */
} as_metric_facts;

enum { AS_METRIC_KEY = 160 };

/* A name with the prefix. Returns out. */
static inline const char *as_metric_key(const as_metric_facts *facts, const char *name, char out[AS_METRIC_KEY])
{
    const char *prefix = facts->prefix != NULL ? facts->prefix : "";
    size_t n = 0;
    for (const char *p = prefix; *p != '\0' && n + 1 < AS_METRIC_KEY; p++) {
        out[n++] = *p;
    }
    for (const char *p = name; *p != '\0' && n + 1 < AS_METRIC_KEY; p++) {
        out[n++] = *p;
    }
    out[n] = '\0';
    return out;
}

typedef struct as_metric_ops {
    const char *name, *help, *formula;
    as_target target; /* AS_TARGET_NONE: labels or reals, whichever the pass has */
    bool tokens;      /* only where labels are tokens of a text */
    /* OPTIONAL: doubles of state for a model of `outputs` outputs; 2 where absent. */
    int64_t (*size)(int64_t outputs, int64_t classes, int64_t targets);
    void (*rows)(const as_metric_pass *pass, int64_t classes, double *state); /* state += */
    /* Writes its results as JSON members ("accuracy": 0.97, ...) into text. */
    void (*finish)(const as_metric_facts *facts, const double *state, struct as_text *text);
} as_metric_ops;

static inline int64_t as_metric_size(const as_metric_ops *ops, int64_t outputs, int64_t classes, int64_t targets)
{
    return ops->size != NULL ? ops->size(outputs, classes, targets) : 2;
}

const as_metric_ops *const *as_metrics_get(const as_kernels *kernels);

#endif
