/* Accuracy: the share of samples whose largest output is the label (ties: the first; a row with NaN is never right).
   For the loss bce the outputs are yes/no answers: z > 0 must agree with target > 1/2, and a sample counts one answer
   for each output. The template of a metric: copy this file for a new one. State: (weight of right answers, weight of
   all answers). */
#include "kernels/real.h"
#include "nn/metric.h"
#include "nn/metric_read.h"

static void rows(const as_metric_pass *pass, int64_t classes, double *state)
{
    (void)classes;
    const real *z = pass->z;
    const bool binary = as_metric_binary(pass);
    for (int64_t i = 0; i < pass->rows; i++, z += pass->ldz) {
        const double weight = pass->weight[i];
        if (!binary) {
            state[0] += as_metric_argmax(z, pass->outputs) == pass->label[i] ? weight : 0.0;
            state[1] += weight;
            continue;
        }
        for (int64_t j = 0; j < pass->outputs; j++) {
            state[0] += as_metric_answer(z[j]) == as_metric_truth(pass, i, j) ? weight : 0.0;
            state[1] += weight;
        }
    }
}

static void finish(const as_metric_facts *facts, const double *state, struct as_text *text)
{
    char key[AS_METRIC_KEY];
    as_json_real(text, as_metric_key(facts, "accuracy", key), state[0] / state[1]);
}

const as_metric_ops AS_V(as_metric_accuracy) = {
    .name = "accuracy",
    .help = "Share of right answers, weighted by the sample weights.",
    .formula = "sum w [argmax z = label] / sum w",
    .target = AS_TARGET_NONE,
    .rows = rows,
    .finish = finish,
};
