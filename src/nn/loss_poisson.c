/* Poisson negative log-likelihood of counts t with log-rate z, less the constant log t!: the mean over the K targets of
   a sample of e^z - t z, as PyTorch's poisson_nll_loss(log_input=True), in double. dz = (e^z - t) / K. A log-rate above
   709 overflows: no finite number is that loss. */
#include "kernels/math.h"
#include "kernels/scalar_math.h"
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
            const double out = (double)z[i * pass->ldz + j], rate = as_exp_f64(out);
            const double slope = rate - target[j];
            sum += rate - target[j] * out;
            if (dz != NULL) {
                dz[i * pass->ldz + j] = (real)(weight * (slope / (double)n));
            }
        }
        pass->loss[i] = weight * (sum / (double)n);
    }
}

static void predict(const void *options, int64_t count, int64_t width, void *z, int64_t ldz)
{
    (void)options;
    real *rate = z;
    for (int64_t i = 0; i < count; i++) {
        for (int64_t j = 0; j < width; j++) {
            rate[i * ldz + j] = as_exp(rate[i * ldz + j]);
        }
    }
}

static const char *const metrics[] = {"regression", NULL};

const as_loss_ops AS_V(as_loss_poisson) = {
    .name = "poisson",
    .help = "Poisson negative log-likelihood; the outputs are log-rates.",
    .formula = "mean_j (exp(z_j) - t_j z_j)",
    .target = AS_TARGET_REALS,
    .rows = rows,
    .predict = predict,
    .metrics = metrics,
};
