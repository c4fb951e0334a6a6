/* Lion (Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, algorithm 2):

     w = w - lr (sign(beta1 m + (1 - beta1) g) + weight_decay w),  m = beta2 m + (1 - beta2) g,  sign(0) = 0

   Cost: 3 arrays read and 2 written. */
#include "kernels/real.h"
#include "nn/gradient.h"

typedef struct lion_options {
    double beta1, beta2;
} lion_options;

static const as_field fields[] = {{.name = "beta1",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(lion_options, beta1),
                                   .standard = "0.9",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Weight of the momentum in the direction."},
                                  {.name = "beta2",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(lion_options, beta2),
                                   .standard = "0.99",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Decay of the momentum."},
                                  AS_FIELDS_END};

static int slots(const void *options, as_slot slot[AS_SLOTS_MAX])
{
    (void)options;
    slot[0] = (as_slot){.name = "m", .initial = 0};
    return 1;
}

typedef struct lion_scalars {
    as_gradient gradient;
    real lr, beta1, one_minus_beta1, beta2, one_minus_beta2, decay;
} lion_scalars;

static void step_all(int64_t n, real *restrict w, const real *restrict g, real *restrict m, const lion_scalars s)
{
    for (int64_t i = 0; i < n; i++) {
        const real x = as_gradient_at(s.gradient, g[i]);
        const real d = s.beta1 * m[i] + s.one_minus_beta1 * x;
        const real sign = d > 0 ? AS_R(1) : d < 0 ? AS_R(-1) : d; /* zero and NaN stay */
        w[i] -= s.lr * (sign + s.decay * w[i]);
        m[i] = s.beta2 * m[i] + s.one_minus_beta2 * x;
    }
}

static void step(const as_optimizer_pass *pass)
{
    const lion_options *o = pass->options;
    const lion_scalars s = {.gradient = as_gradient_of(pass),
                            .lr = (real)pass->lr,
                            .beta1 = (real)o->beta1,
                            .one_minus_beta1 = (real)(1 - o->beta1),
                            .beta2 = (real)o->beta2,
                            .one_minus_beta2 = (real)(1 - o->beta2),
                            .decay = (real)pass->weight_decay};
    step_all(pass->n, pass->w, pass->g, pass->slot[0], s);
}

const as_optimizer_ops AS_V(as_optimizer_lion) = {
    .name = "lion",
    .help = "Steps of equal size in every element, by the sign of an interpolated momentum; decoupled weight decay.",
    .formula = "w = w - lr (sign(beta1 m + (1 - beta1) g) + weight_decay w)",
    .fields = fields,
    .options_bytes = sizeof(lion_options),
    .slots = slots,
    .step = step,
};
