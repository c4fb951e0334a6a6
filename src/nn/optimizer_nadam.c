/* NAdam: Adam with Nesterov's momentum (Dozat, ICLR workshop 2016) in PyTorch's form. With g the gradient plus
   weight_decay * w, and mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), P_t = mu_1 ... mu_t:

     m = m + (1 - beta1) (g - m),  v = beta2 v + (1 - beta2) g^2
     w = w - lr (1 - mu_t) / (1 - P_t) * g / r - lr mu_{t+1} / (1 - P_{t+1}) * m / r,  r = sqrt(v / (1 - beta2^t)) + eps

   P_t is multiplied out anew at each step, so that it is a function of t alone; the product stops below 2^-60, where
   1 - P_t is 1. Cost: as adam, and for each step at most 60 / -log2(beta1) multiplications. */
#include "kernels/real.h"
#include "kernels/scalar_math.h"
#include "nn/gradient.h"

typedef struct nadam_options {
    double beta1, beta2, eps, momentum_decay;
} nadam_options;

static const as_field fields[] = {{.name = "beta1",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(nadam_options, beta1),
                                   .standard = "0.9",
                                   .min = 0,
                                   .max = 0.99999,
                                   .help = "Decay of the mean of gradients."},
                                  {.name = "beta2",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(nadam_options, beta2),
                                   .standard = "0.999",
                                   .min = 0,
                                   .max = 0.9999999,
                                   .help = "Decay of the mean of squared gradients."},
                                  {.name = "eps",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(nadam_options, eps),
                                   .standard = "1e-8",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Added to the root, against division by zero."},
                                  {.name = "momentum_decay",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(nadam_options, momentum_decay),
                                   .standard = "4e-3",
                                   .min = 0,
                                   .max = 1e3,
                                   .help = "How fast the momentum rises from beta1 / 2 to beta1."},
                                  AS_FIELDS_END};

static int slots(const void *options, as_slot slot[AS_SLOTS_MAX])
{
    (void)options;
    slot[0] = (as_slot){.name = "m", .initial = 0};
    slot[1] = (as_slot){.name = "v", .initial = 0};
    return 2;
}

/* c[0] = (1 - mu_t) / (1 - P_t), c[1] = mu_{t+1} / (1 - P_{t+1}), c[2] = 1 / (1 - beta2^t) */
static void begin(const void *options, int64_t t, double c[AS_COEFFICIENTS_MAX])
{
    const nadam_options *o = options;
    const double ratio = as_pow_f64(0.96, o->momentum_decay);
    double product = 1, power = 1;
    for (int64_t i = 1; i <= t && product > 0x1p-60; i++) {
        power *= ratio;
        product *= o->beta1 * (1 - 0.5 * power);
    }
    const double now = o->beta1 * (1 - 0.5 * as_pow_f64(0.96, (double)t * o->momentum_decay));
    const double next = o->beta1 * (1 - 0.5 * as_pow_f64(0.96, (double)(t + 1) * o->momentum_decay));
    c[0] = (1 - now) / (1 - product);
    c[1] = next / (1 - product * next);
    c[2] = 1 / (1 - as_pow_f64(o->beta2, (double)t));
}

typedef struct nadam_scalars {
    as_gradient gradient;
    real by_gradient, by_mean, correction, eps, one_minus_beta1, beta2, one_minus_beta2, l2;
} nadam_scalars;

static void step_all(int64_t n, real *restrict w, const real *restrict g, real *restrict m, real *restrict v,
                     const nadam_scalars s)
{
    for (int64_t i = 0; i < n; i++) {
        const real d = as_gradient_at(s.gradient, g[i]) + s.l2 * w[i];
        m[i] = as_unless_faded(m[i] + s.one_minus_beta1 * (d - m[i]), AS_FADED);
        v[i] = s.beta2 * v[i] + s.one_minus_beta2 * d * d;
        w[i] -= (s.by_gradient * d + s.by_mean * m[i]) / (as_sqrt(v[i] * s.correction) + s.eps);
    }
}

static void step(const as_optimizer_pass *pass)
{
    const nadam_options *o = pass->options;
    const nadam_scalars s = {.gradient = as_gradient_of(pass),
                             .by_gradient = (real)(pass->lr * pass->c[0]),
                             .by_mean = (real)(pass->lr * pass->c[1]),
                             .correction = (real)pass->c[2],
                             .eps = (real)o->eps,
                             .one_minus_beta1 = (real)(1 - o->beta1),
                             .beta2 = (real)o->beta2,
                             .one_minus_beta2 = (real)(1 - o->beta2),
                             .l2 = (real)pass->weight_decay};
    step_all(pass->n, pass->w, pass->g, pass->slot[0], pass->slot[1], s);
}

const as_optimizer_ops AS_V(as_optimizer_nadam) = {
    .name = "nadam",
    .help = "Adam with Nesterov's momentum; weight decay is added to the gradient.",
    .formula = "w = w - lr (a_t g + b_t m) / (sqrt(v') + eps)",
    .fields = fields,
    .options_bytes = sizeof(nadam_options),
    .slots = slots,
    .begin = begin,
    .step = step,
};
