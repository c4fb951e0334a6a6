/* LAMB (You et al., "Large batch optimization for deep learning: training BERT in 76 minutes", ICLR 2020, algorithm 2,
   with phi(z) = z). For each tensor, with the bias-corrected moments of Adam:

     r = m^ / (sqrt(v^) + eps) + weight_decay * w
     w = w - lr * |w| / |r| * r

   The ratio is 1 where a norm is zero, and for vectors (biases, scales) unless `vectors` says otherwise. The direction
   is made twice, instead of being kept. Cost: 4 arrays read and 2 written, then 3 read and 1 written. */
#include "kernels/real.h"
#include "kernels/scalar_math.h"
#include "nn/gradient.h"
#include "nn/squares.h"

typedef struct lamb_options {
    double beta1, beta2, eps;
    bool vectors;
} lamb_options;

static const as_field fields[] = {{.name = "beta1",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(lamb_options, beta1),
                                   .standard = "0.9",
                                   .min = 0,
                                   .max = 0.9999999,
                                   .help = "Decay of the mean of gradients."},
                                  {.name = "beta2",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(lamb_options, beta2),
                                   .standard = "0.999",
                                   .min = 0,
                                   .max = 0.9999999,
                                   .help = "Decay of the mean of squared gradients."},
                                  {.name = "eps",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(lamb_options, eps),
                                   .standard = "1e-6",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Added to the root, against division by zero."},
                                  {.name = "vectors",
                                   .type = AS_FIELD_BOOL,
                                   .offset = offsetof(lamb_options, vectors),
                                   .standard = "false",
                                   .help = "Vectors (biases, scales) get a ratio of norms too, not only matrices."},
                                  AS_FIELDS_END};

static int slots(const void *options, as_slot slot[AS_SLOTS_MAX])
{
    (void)options;
    slot[0] = (as_slot){.name = "m"};
    slot[1] = (as_slot){.name = "v"};
    return 2;
}

/* c[0] = 1 / (1 - beta1^t), c[1] = 1 / sqrt(1 - beta2^t) */
static void begin(const void *options, int64_t t, double c[AS_COEFFICIENTS_MAX])
{
    const lamb_options *o = options;
    c[0] = 1 / (1 - as_pow_f64(o->beta1, (double)t));
    c[1] = 1 / __builtin_sqrt(1 - as_pow_f64(o->beta2, (double)t));
}

static void moments(int64_t n, const real *restrict g, real *restrict m, real *restrict v, as_gradient gradient,
                    real rest1, real beta2, real rest2)
{
    for (int64_t i = 0; i < n; i++) {
        const real d = as_gradient_at(gradient, g[i]);
        m[i] = m[i] + rest1 * (d - m[i]);
        v[i] = beta2 * v[i] + rest2 * d * d;
    }
}

/* r of the head comment. */
static void direction(const as_optimizer_pass *pass, real *restrict r)
{
    const lamb_options *o = pass->options;
    const real *restrict w = pass->w, *restrict m = pass->slot[0], *restrict v = pass->slot[1];
    const real first = (real)pass->c[0], root = (real)pass->c[1], eps = (real)o->eps, decay = (real)pass->weight_decay;
    for (int64_t i = 0; i < pass->n; i++) {
        r[i] = first * m[i] / (as_sqrt(v[i]) * root + eps) + decay * w[i];
    }
}

static void prepare(const as_optimizer_pass *pass)
{
    const lamb_options *o = pass->options;
    real r[AS_BLOCK];
    moments(pass->n, pass->g, pass->slot[0], pass->slot[1], as_gradient_of(pass), (real)(1 - o->beta1), (real)o->beta2,
            (real)(1 - o->beta2));
    direction(pass, r);
    pass->sums[0] = as_squares(pass->n, pass->w);
    pass->sums[1] = as_squares(pass->n, r);
}

static void step(const as_optimizer_pass *pass)
{
    const lamb_options *o = pass->options;
    const bool adapts = pass->role != AS_TENSOR_VECTOR || o->vectors;
    const bool both = pass->sums[0] > 0 && pass->sums[1] > 0;
    const double ratio = adapts && both ? __builtin_sqrt(pass->sums[0]) / __builtin_sqrt(pass->sums[1]) : 1;
    const real size = (real)(pass->lr * ratio);
    real r[AS_BLOCK], *restrict w = pass->w;
    direction(pass, r);
    for (int64_t i = 0; i < pass->n; i++) {
        w[i] -= size * r[i];
    }
}

const as_optimizer_ops AS_V(as_optimizer_lamb) = {
    .name = "lamb",
    .help = "Adam whose step is, for each weight, in proportion to the weight's norm: for large batches.",
    .formula = "r = m^ / (sqrt(v^) + eps) + weight_decay w; w = w - lr |w| / |r| r",
    .fields = fields,
    .options_bytes = sizeof(lamb_options),
    .slots = slots,
    .begin = begin,
    .step = step,
    .scope = AS_OPTIMIZER_NORMS,
    .prepare = prepare,
};
