/* Cross-entropy of K classes from logits, with label smoothing a (Szegedy et al. 2016), as PyTorch's cross_entropy:
     loss = log sum_j e^(z_j - m) - (1 - a) (z_y - m) - a / K sum_j (z_j - m),  m = max_j z_j
     dz_j = p_j - (1 - a) [j = y] - a / K,                                      p = softmax(z)
   Subtracting m first keeps logits of any size finite. Sums over j: 16 accumulators (kernels/rowwise.h). Up to 16
   classes, where a row does not fill a vector, 16 rows are taken side by side: the same sums, one row in each element.
 */
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

/* What is left of the loss when log sum e^(z - m) is taken away, negated. */
static double credit(int64_t n, const real *z, int32_t label, real max, double smoothing)
{
    const double own = (1.0 - smoothing) * ((double)z[label] - (double)max);
    return smoothing > 0 ? own + smoothing * (as_row_sum_f64(n, z, max) / (double)n) : own;
}

static double one_row(int64_t n, const real *z, int32_t label, double smoothing, double weight, real *dz)
{
    const real max = as_row_max(n, z);
    const double less = credit(n, z, label, max, smoothing);
    const real sum = as_row_exp(n, z, max, dz);
    if (dz != NULL) {
        const real scale = (real)weight / sum, even = (real)(weight * smoothing / (double)n);
        for (int64_t j = 0; j < n; j++) {
            dz[j] = as_fma(dz[j], scale, -even);
        }
        dz[label] -= (real)(weight * (1.0 - smoothing));
    }
    return weight * ((double)as_log(sum) - less);
}

enum { FEW = AS_ROW_BLOCK, SIDE = 16 };

/* e[j][r] = e^(z[r][j] - max[r]) for `count` rows (the others as if 0), sum[r] by the tree over 16 accumulators. */
static void exp_side_by_side(int64_t n, int count, const real *z, int64_t ldz, real e[FEW * SIDE], real max[SIDE],
                             real sum[SIDE])
{
    real tree[FEW * SIDE] = {0};
    for (int64_t j = 0; j < n; j++) {
        for (int r = 0; r < SIDE; r++) {
            e[j * SIDE + r] = r < count ? z[r * ldz + j] : 0;
            max[r] = j == 0 || e[j * SIDE + r] > max[r] ? e[j * SIDE + r] : max[r];
        }
    }
    for (int64_t j = 0; j < n; j++) {
        for (int r = 0; r < SIDE; r++) {
            e[j * SIDE + r] -= max[r];
        }
    }
    for (int64_t i = 0; i < n * SIDE; i++) {
        e[i] = as_exp(e[i]);
        tree[i] = e[i];
    }
    for (int half = FEW / 2; half > 0; half /= 2) {
        for (int i = 0; i < half * SIDE; i++) {
            tree[i] += tree[i + half * SIDE];
        }
    }
    memcpy(sum, tree, SIDE * sizeof *sum);
}

/* `count` rows of a pass from row `first`; at most FEW outputs and SIDE rows. */
static void few_classes(const as_loss_pass *pass, int64_t first, int count, double smoothing)
{
    const int64_t n = pass->outputs, ld = pass->ldz;
    const real *z = (const real *)pass->z + first * ld;
    const double *weight = pass->weight + first;
    const int32_t *label = pass->label + first;
    real e[FEW * SIDE], max[SIDE], sum[SIDE], logarithm[SIDE];
    exp_side_by_side(n, count, z, ld, e, max, sum);
    for (int r = 0; r < SIDE; r++) {
        logarithm[r] = as_log(sum[r]);
    }
    for (int r = 0; r < count; r++) {
        const double less = credit(n, z + r * ld, label[r], max[r], smoothing);
        pass->loss[first + r] = weight[r] * ((double)logarithm[r] - less);
    }
    if (pass->dz == NULL) {
        return;
    }
    real *dz = (real *)pass->dz + first * ld;
    for (int r = 0; r < count; r++) {
        const real scale = (real)weight[r] / sum[r], even = (real)(weight[r] * smoothing / (double)n);
        for (int64_t j = 0; j < n; j++) {
            dz[r * ld + j] = as_fma(e[j * SIDE + r], scale, -even);
        }
        dz[r * ld + label[r]] -= (real)(weight[r] * (1.0 - smoothing));
    }
}

static void rows(const as_loss_pass *pass)
{
    const double smoothing = ((const cross_entropy_options *)pass->options)->label_smoothing;
    if (pass->outputs <= FEW) {
        for (int64_t i = 0; i < pass->rows; i += SIDE) {
            few_classes(pass, i, pass->rows - i < SIDE ? (int)(pass->rows - i) : SIDE, smoothing);
        }
        return;
    }
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

static const char *const metrics[] = {"accuracy", "top_k", "likelihood", "confusion", NULL};

const as_loss_ops AS_V(as_loss_cross_entropy) = {
    .name = "cross_entropy",
    .help = "Cross-entropy of class labels from logits.",
    .formula = "-sum_j q_j log softmax(z)_j, q = (1 - a) onehot(label) + a / K, a = label_smoothing",
    .fields = fields,
    .options_bytes = sizeof(cross_entropy_options),
    .target = AS_TARGET_LABELS,
    .rows = rows,
    .predict = predict,
    .metrics = metrics,
};
