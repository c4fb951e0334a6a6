/* Top-5 accuracy: the share of samples whose label is among the 5 largest outputs (of equal outputs the earlier ranks
   higher; a row with NaN is never right); nothing where there are no more than 5. State: (weight of right answers,
   weight of all). */
#include "kernels/real.h"
#include "nn/metric.h"
#include "nn/metric_read.h"

enum { TOP = 5 };

static void rows(const as_metric_pass *pass, int64_t classes, double *state)
{
    (void)classes;
    const real *z = pass->z;
    for (int64_t i = 0; i < pass->rows; i++, z += pass->ldz) {
        const real own = z[pass->label[i]];
        int64_t above = 0;
        for (int64_t j = 0; j < pass->outputs; j++) {
            above += z[j] > own || (z[j] == own && j < pass->label[i]);
        }
        const bool right = above < TOP && as_metric_argmax(z, pass->outputs) >= 0;
        state[0] += right ? pass->weight[i] : 0.0;
        state[1] += pass->weight[i];
    }
}

static void finish(const as_metric_facts *facts, const double *state, struct as_text *text)
{
    if (facts->outputs <= TOP) {
        return; /* it would be 1 whatever the answers are */
    }
    char key[AS_METRIC_KEY];
    as_json_real(text, as_metric_key(facts, "top_5_accuracy", key), state[0] / state[1]);
}

const as_metric_ops AS_V(as_metric_top_k) = {
    .name = "top_k",
    .help = "Share of samples whose label is among the 5 largest outputs.",
    .formula = "sum w [label in top 5 of z] / sum w",
    .target = AS_TARGET_LABELS,
    .rows = rows,
    .finish = finish,
};
