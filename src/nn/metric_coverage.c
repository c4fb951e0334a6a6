/* Coverage of quantiles: for each level the share of targets that are not above its output, which is the level where
   the quantiles are right. Outputs are those of loss_quantile.c: all targets of a level, level by level. Of several
   levels they are called coverage_1, coverage_2 and so on. State: sum of weights, then for each level the weighted sum
   of shares. */
#include <stdio.h>

#include "kernels/real.h"
#include "nn/metric.h"

static int64_t size(int64_t outputs, int64_t classes, int64_t targets)
{
    (void)classes;
    return 1 + outputs / targets;
}

static void rows(const as_metric_pass *pass, int64_t classes, double *state)
{
    (void)classes;
    const int64_t n = pass->targets;
    for (int64_t i = 0; i < pass->rows; i++) {
        const real *z = (const real *)pass->z + i * pass->ldz;
        const double *target = pass->target + i * n;
        state[0] += pass->weight[i];
        for (int64_t l = 0; l < pass->outputs / n; l++) {
            double below = 0;
            for (int64_t j = 0; j < n; j++) {
                const double q = (double)z[l * n + j];
                below += q == q ? (target[j] <= q ? 1.0 : 0.0) : q; /* NaN stays NaN */
            }
            state[1 + l] += pass->weight[i] * (below / (double)n);
        }
    }
}

static void finish(const as_metric_facts *facts, const double *state, struct as_text *text)
{
    const int64_t levels = facts->outputs / facts->targets;
    for (int64_t l = 0; l < levels; l++) {
        char key[AS_METRIC_KEY], name[32];
        snprintf(name, sizeof name, levels > 1 ? "coverage_%lld" : "coverage", (long long)l + 1);
        as_json_real(text, as_metric_key(facts, name, key), state[1 + l] / state[0]);
    }
}

const as_metric_ops AS_V(as_metric_coverage) = {
    .name = "coverage",
    .help = "For each level of quantiles (coverage_1, coverage_2 and so on of several), the share of targets that are "
            "not above the output.",
    .formula = "sum w mean_j [t_j <= z_qj] / sum w",
    .target = AS_TARGET_REALS,
    .size = size,
    .rows = rows,
    .finish = finish,
};
