/* LARS (You, Gitman and Ginsburg, "Large batch training of convolutional networks", arXiv:1708.03888, 2017, algorithm
   1). For each tensor, with g its mean gradient:

     lambda = trust |w| / (|g| + weight_decay |w|)
     b = momentum * b + lr * lambda * (g + weight_decay * w)
     w = w - b

   lambda is 1 where a norm is zero, and for vectors (biases, scales) unless `vectors` says otherwise.
   Cost: 2 arrays read, then 3 read and 2 written. */
#include "kernels/real.h"
#include "nn/gradient.h"
#include "nn/squares.h"

typedef struct lars_options {
    double momentum, trust;
    bool vectors;
} lars_options;

static const as_field fields[] = {{.name = "momentum",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(lars_options, momentum),
                                   .standard = "0.9",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Share of the previous step that is kept."},
                                  {.name = "trust",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(lars_options, trust),
                                   .standard = "0.001",
                                   .min = 0,
                                   .max = 1e6,
                                   .help = "Share of a weight's norm that a step of lr 1 has."},
                                  {.name = "vectors",
                                   .type = AS_FIELD_BOOL,
                                   .offset = offsetof(lars_options, vectors),
                                   .standard = "false",
                                   .help = "Vectors (biases, scales) get a ratio of norms too, not only matrices."},
                                  AS_FIELDS_END};

static int slots(const void *options, as_slot slot[AS_SLOTS_MAX])
{
    (void)options;
    slot[0] = (as_slot){.name = "momentum"};
    return 1;
}

static void prepare(const as_optimizer_pass *pass)
{
    const as_gradient gradient = as_gradient_of(pass);
    const real *g = pass->g;
    real d[AS_BLOCK];
    for (int64_t i = 0; i < pass->n; i++) {
        d[i] = as_gradient_at(gradient, g[i]);
    }
    pass->sums[0] = as_squares(pass->n, pass->w);
    pass->sums[1] = as_squares(pass->n, d);
}

static void move(int64_t n, real *restrict w, const real *restrict g, real *restrict b, as_gradient gradient, real size,
                 real decay, real momentum)
{
    for (int64_t i = 0; i < n; i++) {
        b[i] = momentum * b[i] + size * (as_gradient_at(gradient, g[i]) + decay * w[i]);
        w[i] -= b[i];
    }
}

static void step(const as_optimizer_pass *pass)
{
    const lars_options *o = pass->options;
    const bool adapts = pass->role != AS_TENSOR_VECTOR || o->vectors;
    const double w = __builtin_sqrt(pass->sums[0]), g = __builtin_sqrt(pass->sums[1]);
    const double lambda = adapts && w > 0 && g > 0 ? o->trust * w / (g + pass->weight_decay * w) : 1;
    move(pass->n, pass->w, pass->g, pass->slot[0], as_gradient_of(pass), (real)(pass->lr * lambda),
         (real)pass->weight_decay, (real)o->momentum);
}

const as_optimizer_ops AS_V(as_optimizer_lars) = {
    .name = "lars",
    .help = "Momentum whose step is, for each weight, in proportion to the weight's norm: for large batches.",
    .formula = "b = momentum b + lr trust |w| / (|g| + weight_decay |w|) (g + weight_decay w); w = w - b",
    .fields = fields,
    .options_bytes = sizeof(lars_options),
    .slots = slots,
    .step = step,
    .scope = AS_OPTIMIZER_NORMS,
    .prepare = prepare,
};
