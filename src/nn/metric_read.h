/* How a metric reads answers from a model's outputs. Included by files compiled per variant, after kernels/real.h. */
#ifndef AS_NN_METRIC_READ_H
#define AS_NN_METRIC_READ_H

#include <string.h>

#include "kernels/real.h"
#include "nn/metric.h"

/* The outputs of the loss bce are independent yes/no answers; of other losses, one score for each class. */
static inline bool as_metric_binary(const as_metric_pass *pass)
{
    return strcmp(pass->loss, "bce") == 0;
}

/* Index of the largest of n scores, the first of equals; -1 if one is NaN, so that it equals no label. */
static inline int64_t as_metric_argmax(const real *z, int64_t n)
{
    int64_t best = 0;
    bool nan = false;
    for (int64_t j = 0; j < n; j++) {
        best = z[j] > z[best] ? j : best;
        nan |= z[j] != z[j];
    }
    return nan ? -1 : best;
}

/* Yes (1) or no (0) from a logit; -1 for NaN. */
static inline int as_metric_answer(real z)
{
    return z != z ? -1 : z > 0;
}

/* What the answer of output j should be: from labels (one output: the label; more: one class against the rest) or from
   real targets (above 1/2). */
static inline int as_metric_truth(const as_metric_pass *pass, int64_t row, int64_t j)
{
    if (pass->label != NULL) {
        return pass->outputs == 1 ? pass->label[row] == 1 : pass->label[row] == j;
    }
    return pass->target[row * pass->targets + j] > 0.5;
}

#endif
