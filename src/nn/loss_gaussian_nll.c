/* Gaussian negative log-likelihood with learned variance, less the constant log(2 pi) / 2. For K targets the model
   gives 2 K outputs: the means m, then s with variance v = log(1 + e^s) + 1e-6. Loss of a sample: the mean over the K
   targets of (log v + (m - t)^2 / v) / 2, PyTorch's gaussian_nll_loss(m, t, v). The softplus form (Lakshminarayanan,
   Pritzel, Blundell 2017) keeps the loss finite for any s; a log-variance would overflow. Computed in double. dm = (m -
   t) / v / K,  ds = (1 - (m - t)^2 / v) / (2 v) sigmoid(s) / K. */
#include "kernels/math.h"
#include "kernels/scalar_math.h"
#include "nn/loss.h"

#define FLOOR 1e-6 /* PyTorch's eps */

static int64_t outputs(const void *options, int64_t classes, int64_t targets)
{
    (void)options;
    (void)classes;
    return 2 * targets;
}

static void rows(const as_loss_pass *pass)
{
    const int64_t n = pass->targets;
    for (int64_t i = 0; i < pass->rows; i++) {
        const real *z = (const real *)pass->z + i * pass->ldz;
        real *dz = pass->dz == NULL ? NULL : (real *)pass->dz + i * pass->ldz;
        const double *target = pass->target + i * n, weight = pass->weight[i];
        double sum = 0.0;
        for (int64_t j = 0; j < n; j++) {
            const double error = (double)z[j] - target[j], s = (double)z[n + j];
            const double e = as_exp_f64(s < 0 ? s : -s);
            const double variance = (s > 0 ? s : s <= 0 ? 0 : s) + as_log1p_f64(e) + FLOOR;
            const double sigmoid = (s < 0 ? e : 1.0) / (1.0 + e), scaled = error / variance;
            sum += 0.5 * (as_log_f64(variance) + error * scaled);
            if (dz != NULL) {
                dz[j] = (real)(weight * (scaled / (double)n));
                dz[n + j] = (real)(weight * (0.5 * (1.0 - error * scaled) / variance * sigmoid / (double)n));
            }
        }
        pass->loss[i] = weight * (sum / (double)n);
    }
}

/* Means, then variances. */
static void predict(const void *options, int64_t count, int64_t width, void *z, int64_t ldz)
{
    (void)options;
    for (int64_t i = 0; i < count; i++) {
        real *row = (real *)z + i * ldz;
        for (int64_t j = width / 2; j < width; j++) {
            row[j] = as_softplus(row[j]) + AS_R(FLOOR);
        }
    }
}

static const char *const metrics[] = {"regression", NULL};

const as_loss_ops AS_V(as_loss_gaussian_nll) = {
    .name = "gaussian_nll",
    .help =
        "Gaussian negative log-likelihood; the outputs are K means, then K numbers s of variance softplus(s) + 1e-6.",
    .formula = "mean_j (log v_j + (m_j - t_j)^2 / v_j) / 2, v_j = log(1 + exp(s_j)) + 1e-6",
    .target = AS_TARGET_REALS,
    .outputs = outputs,
    .rows = rows,
    .predict = predict,
    .metrics = metrics,
};
