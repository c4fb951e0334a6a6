/* Quantile loss (Koenker, Bassett, Econometrica 46, 1978), also called pinball loss: its least mean is where a share q
   of the targets lies below z. For L levels and K targets the outputs are K of the first level, then K of the next one;
   the mean over all K L of them. e = t - z: q e where e > 0, (q - 1) e where e < 0; dz = -q, 1 - q, and 0 where z = t.
   Levels are fitted each by itself: nothing keeps the outputs of two of them in order. */
#include "kernels/real.h"
#include "nn/loss.h"

typedef struct quantile_options {
    as_reals levels;
} quantile_options;

static const as_field fields[] = {
    {.name = "levels",
     .type = AS_FIELD_REALS,
     .offset = offsetof(quantile_options, levels),
     .standard = "0.5",
     .min = 1e-9,
     .max = 1 - 1e-9,
     .help = "Shares of the targets that are to lie below the outputs: one output for each level and target."},
    AS_FIELDS_END,
};

static int64_t outputs(const void *options, int64_t classes, int64_t targets)
{
    (void)classes;
    return targets * ((const quantile_options *)options)->levels.n;
}

static void rows(const as_loss_pass *pass)
{
    const as_reals levels = ((const quantile_options *)pass->options)->levels;
    const int64_t n = pass->targets;
    const double all = (double)(n * levels.n);
    const real *z = pass->z;
    real *dz = pass->dz;
    for (int64_t i = 0; i < pass->rows; i++) {
        const double *target = pass->target + i * n, weight = pass->weight[i];
        double sum = 0.0;
        for (int64_t j = 0; j < n * levels.n; j++) {
            const double q = levels.v[j / n], error = target[j % n] - (double)z[i * pass->ldz + j];
            const double slope = error > 0 ? -q : error < 0 ? 1 - q : error; /* NaN stays NaN */
            sum -= slope * error;
            if (dz != NULL) {
                dz[i * pass->ldz + j] = (real)(weight * (slope / all));
            }
        }
        pass->loss[i] = weight * (sum / all);
    }
}

static const char *const metrics[] = {"coverage", NULL};

const as_loss_ops AS_V(as_loss_quantile) = {
    .name = "quantile",
    .help = "Quantiles of the targets, at one level or several: the pinball loss.",
    .formula = "mean_qj max(q e, (q - 1) e), e = t_j - z_qj",
    .fields = fields,
    .options_bytes = sizeof(quantile_options),
    .target = AS_TARGET_REALS,
    .outputs = outputs,
    .rows = rows,
    .metrics = metrics,
};
