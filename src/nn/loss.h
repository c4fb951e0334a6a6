/* Losses, from logits or raw outputs. One file loss_<kind>.c (per variant), one row in loss.def. */
#ifndef AS_NN_LOSS_H
#define AS_NN_LOSS_H

#include "base/fields.h"
#include "base/target.h"
#include "kernels/kernels.h"

typedef struct as_loss_pass {
    const void *options;
    int64_t rows, outputs; /* outputs = width of z */
    const void *z;
    int64_t ldz;          /* model output (rows, outputs) */
    const int32_t *label; /* (rows), AS_TARGET_LABELS */
    const double *target;
    int64_t targets;      /* (rows, targets), AS_TARGET_REALS */
    const double *weight; /* (rows) sample weights x class weights */
    double *loss;         /* (rows) out: weight * loss of the row */
    void *dz;             /* out: weight * d loss / d z, ld = ldz; NULL: not wanted. May alias z. */
} as_loss_pass;

typedef struct as_loss_ops {
    const char *name, *help, *formula;
    const as_field *fields;
    size_t options_bytes;
    as_target target; /* AS_TARGET_NONE: labels or reals, whichever the pass has */
    /* OPTIONAL: width that the model must end with, for `classes` labels or `targets` real values per sample; as many
       where absent. */
    int64_t (*outputs)(const void *options, int64_t classes, int64_t targets);
    void (*rows)(const as_loss_pass *pass);
    /* Prediction from z in place: probabilities, means...; NULL: z itself. */
    void (*predict)(const void *options, int64_t rows, int64_t outputs, void *z, int64_t ldz);
    const char *const *metrics; /* names of the metrics that an evaluation reports (those whose target the data has);
                                   NULL-terminated */
} as_loss_ops;

static inline int64_t as_loss_outputs(const as_loss_ops *ops, const void *options, int64_t classes, int64_t targets)
{
    return ops->outputs != NULL              ? ops->outputs(options, classes, targets)
           : ops->target == AS_TARGET_LABELS ? classes
                                             : targets;
}

const as_loss_ops *const *as_losses_get(const as_kernels *kernels);

#endif
