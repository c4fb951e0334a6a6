/* Mean absolute error: the mean over the K targets of a sample of |z - t|; dz = sign(z - t) / K, 0 where z = t. */
#include "kernels/real.h"
#include "nn/loss.h"

static void rows(const as_loss_pass *pass)
{
    const int64_t n = pass->targets;
    const real *z = pass->z;
    real *dz = pass->dz;
    for (int64_t i = 0; i < pass->rows; i++) {
        const double *target = pass->target + i * n, weight = pass->weight[i];
        double sum = 0.0;
        for (int64_t j = 0; j < n; j++) {
            const double error = (double)z[i * pass->ldz + j] - target[j];
            const double slope = error > 0 ? 1.0 : error < 0 ? -1.0 : error; /* NaN stays NaN */
            sum += error < 0 ? -error : error;
            if (dz != NULL) {
                dz[i * pass->ldz + j] = (real)(weight * (slope / (double)n));
            }
        }
        pass->loss[i] = weight * (sum / (double)n);
    }
}

static const char *const metrics[] = {"regression", NULL};

const as_loss_ops AS_V(as_loss_mae) = {
    .name = "mae",
    .help = "Mean absolute error over the targets of a sample.",
    .formula = "mean_j |z_j - t_j|",
    .target = AS_TARGET_REALS,
    .rows = rows,
    .metrics = metrics,
};
