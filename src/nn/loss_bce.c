/* Binary cross-entropy from logits: independent yes/no answers with probability sigmoid(z). The mean over the K outputs
   of a sample of max(z, 0) - t z + log(1 + e^-|z|), which neither overflows nor cancels; dz = (sigmoid(z) - t) / K.
   Targets are numbers in [0, 1], or labels: of two classes one output and t = label, of more one output a class and
   t = 1 for the label's own (one against the rest). */
#include "kernels/math.h"
#include "nn/loss.h"

static int64_t outputs(const void *options, int64_t classes, int64_t targets)
{
    (void)options;
    return targets > 0 ? targets : classes == 2 ? 1 : classes;
}

static inline double truth(const as_loss_pass *pass, int64_t i, int64_t j)
{
    if (pass->label == NULL) {
        return pass->target[i * pass->targets + j];
    }
    return pass->label[i] == (pass->outputs == 1 ? 1 : j) ? 1.0 : 0.0;
}

static void rows(const as_loss_pass *pass)
{
    const int64_t n = pass->outputs;
    for (int64_t i = 0; i < pass->rows; i++) {
        const real *z = (const real *)pass->z + i * pass->ldz;
        real *dz = pass->dz == NULL ? NULL : (real *)pass->dz + i * pass->ldz;
        const double weight = pass->weight[i];
        double sum = 0.0;
        for (int64_t j = 0; j < n; j++) {
            const real v = z[j], e = as_exp(-as_abs(v));
            const double t = truth(pass, i, j), positive = (double)(v < 0 ? 0 : v);
            sum += positive - t * (double)v + (double)as_log1p(e);
            if (dz != NULL) {
                const real sigmoid = (v < 0 ? e : 1) / (1 + e);
                dz[j] = (real)(weight * (((double)sigmoid - t) / (double)n));
            }
        }
        pass->loss[i] = weight * (sum / (double)n);
    }
}

/* Probabilities of yes. */
static void predict(const void *options, int64_t count, int64_t width, void *z, int64_t ldz)
{
    (void)options;
    for (int64_t i = 0; i < count; i++) {
        real *row = (real *)z + i * ldz;
        for (int64_t j = 0; j < width; j++) {
            row[j] = as_sigmoid(row[j]);
        }
    }
}

static const char *const metrics[] = {"accuracy", "confusion", NULL};

const as_loss_ops AS_V(as_loss_bce) = {
    .name = "bce",
    .help = "Binary cross-entropy from logits, for independent yes/no answers.",
    .formula = "mean_j (max(z_j, 0) - t_j z_j + log(1 + exp(-|z_j|)))",
    .target = AS_TARGET_NONE,
    .outputs = outputs,
    .rows = rows,
    .predict = predict,
    .metrics = metrics,
};
