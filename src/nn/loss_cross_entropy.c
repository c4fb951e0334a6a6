/* Cross-entropy of K classes from logits, with label smoothing a (Szegedy et al. 2016), as PyTorch's cross_entropy:
     loss = log sum_j e^(z_j - m) - (1 - a) (z_y - m) - a / K sum_j (z_j - m),  m = max_j z_j
     dz_j = p_j - (1 - a) [j = y] - a / K,                                      p = softmax(z)
   Subtracting m first keeps logits of any size finite. Sums over j: 16 accumulators (kernels/rowwise.h). */
#include "kernels/rowwise.h"
#include "nn/loss.h"

typedef struct cross_entropy_options {
    double label_smoothing;
} cross_entropy_options;

static const as_field fields[] = {
    {.name = "label_smoothing",
     .type = AS_FIELD_REAL,
     .offset = offsetof(cross_entropy_options, label_smoothing),
     .standard = "0",
     .min = 0,
     .max = 1,
     .help = "Share of the target spread evenly over all classes."},
    AS_FIELDS_END,
};

static int64_t outputs(const void *options, int64_t classes, int64_t targets)
{
    (void)options;
    (void)targets;
    return classes;
}

static double one_row(int64_t n, const real *z, int32_t label, double smoothing, double weight, real *dz)
{
    const real max = as_row_max(n, z);
    const double own = (double)z[label] - (double)max;
    const double all = smoothing > 0 ? as_row_sum_f64(n, z, max) / (double)n : 0.0;
    const real sum = as_row_exp(n, z, max, dz);
    if (dz != NULL) {
        const real scale = (real)weight / sum, even = (real)(weight * smoothing / (double)n);
        for (int64_t j = 0; j < n; j++) {
            dz[j] = as_fma(dz[j], scale, -even);
        }
        dz[label] -= (real)(weight * (1.0 - smoothing));
    }
    return weight * ((double)as_log(sum) - (1.0 - smoothing) * own - smoothing * all);
}

static void rows(const as_loss_pass *pass)
{
    const double smoothing = ((const cross_entropy_options *)pass->options)->label_smoothing;
    for (int64_t i = 0; i < pass->rows; i++) {
        real *dz = pass->dz == NULL ? NULL : (real *)pass->dz + i * pass->ldz;
        pass->loss[i] = one_row(pass->outputs, (const real *)pass->z + i * pass->ldz, pass->label[i], smoothing,
                                pass->weight[i], dz);
    }
}

/* Probabilities. */
static void predict(const void *options, int64_t count, int64_t width, void *z, int64_t ldz)
{
    (void)options;
    for (int64_t i = 0; i < count; i++) {
        as_row_softmax(width, (real *)z + i * ldz, (real *)z + i * ldz);
    }
}

static const char *const metrics[] = {"accuracy", "top_k", "confusion", NULL};

const as_loss_ops AS_V(as_loss_cross_entropy) = {
    .name = "cross_entropy",
    .help = "Cross-entropy of class labels from logits.",
    .formula = "-sum_j q_j log softmax(z)_j, q = (1 - a) onehot(label) + a / K, a = label_smoothing",
    .fields = fields,
    .options_bytes = sizeof(cross_entropy_options),
    .target = AS_TARGET_LABELS,
    .outputs = outputs,
    .rows = rows,
    .predict = predict,
    .metrics = metrics,
};
