/* Huber's loss (1964): quadratic up to delta, linear beyond; the mean over the K targets of a sample, as PyTorch's
   huber_loss. dz = clamp(z - t, -delta, delta) / K. */
#include "kernels/real.h"
#include "nn/loss.h"

typedef struct huber_options {
    double delta;
} huber_options;

static const as_field fields[] = {
    {.name = "delta",
     .type = AS_FIELD_REAL,
     .offset = offsetof(huber_options, delta),
     .standard = "1",
     .min = 1e-30,
     .max = 1e30,
     .help = "Error where the loss turns from quadratic to linear."},
    AS_FIELDS_END,
};

static void rows(const as_loss_pass *pass)
{
    const int64_t n = pass->targets;
    const real *z = pass->z;
    real *dz = pass->dz;
    const double delta = ((const huber_options *)pass->options)->delta;
    for (int64_t i = 0; i < pass->rows; i++) {
        const double *target = pass->target + i * n, weight = pass->weight[i];
        double sum = 0.0;
        for (int64_t j = 0; j < n; j++) {
            const double error = (double)z[i * pass->ldz + j] - target[j], size = error < 0 ? -error : error;
            const double slope = size <= delta ? error : error > 0 ? delta : error < 0 ? -delta : error;
            sum += size <= delta ? 0.5 * error * error : delta * (size - 0.5 * delta);
            if (dz != NULL) {
                dz[i * pass->ldz + j] = (real)(weight * (slope / (double)n));
            }
        }
        pass->loss[i] = weight * (sum / (double)n);
    }
}

static const char *const metrics[] = {"regression", NULL};

const as_loss_ops AS_V(as_loss_huber) = {
    .name = "huber",
    .help = "Quadratic for small errors, linear for large ones.",
    .formula = "mean_j (e^2 / 2 if |e| <= delta else delta (|e| - delta / 2)), e = z_j - t_j",
    .fields = fields,
    .options_bytes = sizeof(huber_options),
    .target = AS_TARGET_REALS,
    .rows = rows,
    .metrics = metrics,
};
