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

enum { PIECE = 64 };

/* For answers q .. of the pass, counted row by row: log(1 + e^-|z|) and sigmoid(z); PIECE of them whatever `count`, as
   one loop that compilers vectorise also when a row has a single output. */
static void functions(const as_loss_pass *pass, int64_t first, int count, real z[PIECE], real log_part[PIECE],
                      real sigmoid[PIECE])
{
    int64_t i = first / pass->outputs, j = first % pass->outputs;
    for (int q = 0; q < PIECE; q++) {
        z[q] = q < count ? ((const real *)pass->z)[i * pass->ldz + j] : 0;
        j++;
        i += j == pass->outputs;
        j = j == pass->outputs ? 0 : j;
    }
    for (int q = 0; q < PIECE; q++) {
        const real e = as_exp(-as_abs(z[q]));
        log_part[q] = as_log1p(e);
        sigmoid[q] = (z[q] < 0 ? e : 1) / (1 + e);
    }
}

static void rows(const as_loss_pass *pass)
{
    const int64_t n = pass->outputs, total = pass->rows * n;
    real z[PIECE], log_part[PIECE], sigmoid[PIECE];
    double sum = 0.0;
    for (int64_t first = 0, i = 0, j = 0; first < total; first += PIECE) {
        const int count = total - first < PIECE ? (int)(total - first) : PIECE;
        functions(pass, first, count, z, log_part, sigmoid);
        for (int q = 0; q < count; q++) {
            const double t = truth(pass, i, j), weight = pass->weight[i];
            sum += (double)(z[q] < 0 ? 0 : z[q]) - t * (double)z[q] + (double)log_part[q];
            if (pass->dz != NULL) {
                ((real *)pass->dz)[i * pass->ldz + j] = (real)(weight * (((double)sigmoid[q] - t) / (double)n));
            }
            if (++j == n) {
                pass->loss[i++] = weight * (sum / (double)n);
                sum = 0.0;
                j = 0;
            }
        }
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
