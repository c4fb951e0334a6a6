/* Adagrad (Duchi, Hazan, Singer, JMLR 12, 2011) in PyTorch's form. With g the gradient plus weight_decay * w:

     s = s + g^2, from s = initial_accumulator_value
     w = w - lr / (1 + (t - 1) lr_decay) * g / (sqrt(s) + eps)

   Cost: 3 arrays read and 2 written; one root and one division for an element. */
#include "kernels/real.h"
#include "nn/gradient.h"

typedef struct adagrad_options {
    double lr_decay, initial, eps;
} adagrad_options;

static const as_field fields[] = {{.name = "lr_decay",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(adagrad_options, lr_decay),
                                   .standard = "0",
                                   .min = 0,
                                   .max = 1e6,
                                   .help = "The rate falls as 1 / (1 + steps * lr_decay)."},
                                  {.name = "initial_accumulator_value",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(adagrad_options, initial),
                                   .standard = "0",
                                   .min = 0,
                                   .max = 1e12,
                                   .help = "What the sums of squares start with."},
                                  {.name = "eps",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(adagrad_options, eps),
                                   .standard = "1e-10",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Added to the root, against division by zero."},
                                  AS_FIELDS_END};

static int slots(const void *options, as_slot slot[AS_SLOTS_MAX])
{
    slot[0] = (as_slot){.name = "sum", .initial = ((const adagrad_options *)options)->initial};
    return 1;
}

/* c[0]: factor on the learning rate. */
static void begin(const void *options, int64_t t, double c[AS_COEFFICIENTS_MAX])
{
    c[0] = 1 / (1 + (double)(t - 1) * ((const adagrad_options *)options)->lr_decay);
}

static void step_all(int64_t n, real *restrict w, const real *restrict g, real *restrict s, as_gradient gradient,
                     real lr, real decay, real eps)
{
    for (int64_t i = 0; i < n; i++) {
        const real d = as_gradient_at(gradient, g[i]) + decay * w[i];
        s[i] += d * d;
        w[i] -= lr * (d / (as_sqrt(s[i]) + eps));
    }
}

static void step(const as_optimizer_pass *pass)
{
    const adagrad_options *o = pass->options;
    step_all(pass->n, pass->w, pass->g, pass->slot[0], as_gradient_of(pass), (real)(pass->lr * pass->c[0]),
             (real)pass->weight_decay, (real)o->eps);
}

static double stability(const void *options, int64_t t, int64_t n, void *const slot[AS_SLOTS_MAX], double *inverse)
{
    const adagrad_options *o = options;
    const real *s = slot[0];
    for (int64_t i = 0; i < n; i++) {
        inverse[i] = 1 / ((__builtin_sqrt((double)s[i]) + o->eps) * (1 + (double)t * o->lr_decay));
    }
    return t > 0 ? 2 : (double)NAN;
}

const as_optimizer_ops AS_V(as_optimizer_adagrad) = {
    .name = "adagrad",
    .help = "Divides the gradient by the root of the sum of all its squares so far.",
    .formula = "s = s + g^2; w = w - lr g / (sqrt(s) + eps)",
    .fields = fields,
    .options_bytes = sizeof(adagrad_options),
    .slots = slots,
    .begin = begin,
    .step = step,
    .stability = stability,
};
