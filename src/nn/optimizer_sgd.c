/* Stochastic gradient descent with momentum (Sutskever et al., ICML 2013, in PyTorch's form). With g the gradient plus
   weight_decay * w:

     b = g at the first step, then momentum * b + (1 - dampening) * g
     w = w - lr * d,  d = g without momentum, g + momentum * b for Nesterov, else b

   The template of an optimizer: copy this file for a new one. Cost: 2 arrays read and 1 written without momentum, 3 and
   2 with it. */
#include "kernels/real.h"
#include "nn/gradient.h"

typedef struct sgd_options {
    double momentum, dampening;
    bool nesterov;
} sgd_options;

static const as_field fields[] = {{.name = "momentum",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(sgd_options, momentum),
                                   .standard = "0",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Share of the previous direction that is kept."},
                                  {.name = "dampening",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(sgd_options, dampening),
                                   .standard = "0",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Share of the gradient that momentum leaves out after the first step."},
                                  {.name = "nesterov",
                                   .type = AS_FIELD_BOOL,
                                   .offset = offsetof(sgd_options, nesterov),
                                   .standard = "false",
                                   .help = "Nesterov's form of momentum."},
                                  AS_FIELDS_END};

static int slots(const void *options, as_slot slot[AS_SLOTS_MAX])
{
    const sgd_options *o = options;
    slot[0] = (as_slot){.name = "momentum", .initial = 0};
    return o->momentum > 0 ? 1 : 0;
}

/* c[0]: factor on the gradient. The first step takes it whole. */
static void begin(const void *options, int64_t t, double c[AS_COEFFICIENTS_MAX])
{
    const sgd_options *o = options;
    c[0] = t == 1 ? 1 : 1 - o->dampening;
}

static void step_plain(int64_t n, real *restrict w, const real *restrict g, as_gradient gradient, real lr, real decay)
{
    for (int64_t i = 0; i < n; i++) {
        w[i] -= lr * (as_gradient_at(gradient, g[i]) + decay * w[i]);
    }
}

static void step_momentum(int64_t n, real *restrict w, const real *restrict g, real *restrict b, as_gradient gradient,
                          real lr, real decay, real momentum, real share)
{
    for (int64_t i = 0; i < n; i++) {
        b[i] = as_unless_faded(momentum * b[i] + share * (as_gradient_at(gradient, g[i]) + decay * w[i]), AS_FADED);
        w[i] -= lr * b[i];
    }
}

static void step_nesterov(int64_t n, real *restrict w, const real *restrict g, real *restrict b, as_gradient gradient,
                          real lr, real decay, real momentum, real share)
{
    for (int64_t i = 0; i < n; i++) {
        const real d = as_gradient_at(gradient, g[i]) + decay * w[i];
        b[i] = as_unless_faded(momentum * b[i] + share * d, AS_FADED);
        w[i] -= lr * (d + momentum * b[i]);
    }
}

static void step(const as_optimizer_pass *pass)
{
    const sgd_options *o = pass->options;
    const real lr = (real)pass->lr, decay = (real)pass->weight_decay, momentum = (real)o->momentum;
    const as_gradient gradient = as_gradient_of(pass);
    if (o->momentum <= 0) {
        step_plain(pass->n, pass->w, pass->g, gradient, lr, decay);
    } else if (o->nesterov) {
        step_nesterov(pass->n, pass->w, pass->g, pass->slot[0], gradient, lr, decay, momentum, (real)pass->c[0]);
    } else {
        step_momentum(pass->n, pass->w, pass->g, pass->slot[0], gradient, lr, decay, momentum, (real)pass->c[0]);
    }
}

/* With b the momentum and s = 1 - dampening: 2 (1 + b) / s for the heavy ball (Polyak 1964), 2 (1 + b) / (1 + 2 b) for
   Nesterov's form without dampening; with it the roots of z^2 - (1 + b - x (1 + b s)) z + b (1 - x) leave the unit
   circle at z = -1: x = 2 (1 + b) / (1 + b + b s). */
static double stability(const void *options, int64_t t, int64_t n, void *const slot[AS_SLOTS_MAX], double *inverse)
{
    const sgd_options *o = options;
    const double b = o->momentum, s = b > 0 ? 1 - o->dampening : 1;
    (void)t;
    (void)slot;
    for (int64_t i = 0; i < n; i++) {
        inverse[i] = 1;
    }
    return b > 0 && o->nesterov ? 2 * (1 + b) / (1 + b + b * s) : s > 0 ? 2 * (1 + b) / s : (double)INFINITY;
}

const as_optimizer_ops AS_V(as_optimizer_sgd) = {
    .name = "sgd",
    .help = "Stochastic gradient descent, with momentum, dampening and Nesterov's form.",
    .formula = "b = momentum b + (1 - dampening) g; w = w - lr b",
    .fields = fields,
    .options_bytes = sizeof(sgd_options),
    .slots = slots,
    .begin = begin,
    .step = step,
    .stability = stability,
};
