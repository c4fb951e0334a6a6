/* Mean squared error: the mean over the K targets of a sample of (z - t)^2. The template of a loss: copy this file for
   a new one. The difference and the loss are taken in double, in order of the target; dz = 2 (z - t) / K. */
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
            sum += error * error;
            if (dz != NULL) {
                dz[i * pass->ldz + j] = (real)(weight * (2.0 * error / (double)n));
            }
        }
        pass->loss[i] = weight * (sum / (double)n);
    }
}

static const char *const metrics[] = {"regression", NULL};

const as_loss_ops AS_V(as_loss_mse) = {
    .name = "mse",
    .help = "Mean squared error over the targets of a sample.",
    .formula = "mean_j (z_j - t_j)^2",
    .target = AS_TARGET_REALS,
    .rows = rows,
    .metrics = metrics,
};
