/* RMSprop (Tieleman and Hinton 2012), also centered (Graves 2013, equation 38 ff.), in PyTorch's form. With g the
   gradient plus weight_decay * w:

     s = alpha s + (1 - alpha) g^2,  a = a + (1 - alpha) (g - a) for centered, else 0
     d = g / (sqrt(s - a^2) + eps)
     w = w - lr * b,  b = momentum b + d with momentum, else d

   Rounding can make s - a^2 negative (equal gradients); it is taken as 0 then, where PyTorch gives NaN.
   Cost: 3 to 5 arrays read and 2 to 4 written; one root and one division for an element. */
#include "kernels/real.h"
#include "nn/gradient.h"

typedef struct rmsprop_options {
    double alpha, eps, momentum;
    bool centered;
} rmsprop_options;

static const as_field fields[] = {
    {.name = "alpha",
     .type = AS_FIELD_REAL,
     .offset = offsetof(rmsprop_options, alpha),
     .standard = "0.99",
     .min = 0,
     .max = 1,
     .help = "Decay of the mean of squared gradients."},
    {.name = "eps",
     .type = AS_FIELD_REAL,
     .offset = offsetof(rmsprop_options, eps),
     .standard = "1e-8",
     .min = 0,
     .max = 1,
     .help = "Added to the root, against division by zero."},
    {.name = "momentum",
     .type = AS_FIELD_REAL,
     .offset = offsetof(rmsprop_options, momentum),
     .standard = "0",
     .min = 0,
     .max = 1,
     .help = "Share of the previous direction that is kept."},
    {.name = "centered",
     .type = AS_FIELD_BOOL,
     .offset = offsetof(rmsprop_options, centered),
     .standard = "false",
     .help = "Divides by the standard deviation of the gradient instead of its root mean square."},
    AS_FIELDS_END};

/* Slots: square, then mean (centered), then momentum. */
static int slots(const void *options, as_slot slot[AS_SLOTS_MAX])
{
    const rmsprop_options *o = options;
    int n = 0;
    slot[n++] = (as_slot){.name = "square", .initial = 0};
    if (o->centered) {
        slot[n++] = (as_slot){.name = "mean", .initial = 0};
    }
    if (o->momentum > 0) {
        slot[n++] = (as_slot){.name = "momentum", .initial = 0};
    }
    return n;
}

enum { CHUNK = 256 };

/* d (n <= CHUNK) = g / (sqrt(s) + eps), plain or centered. */
static void direction(int64_t n, const real *restrict w, const real *restrict g, real *restrict s, real *restrict d,
                      as_gradient gradient, real decay, real alpha, real rest, real eps)
{
    for (int64_t i = 0; i < n; i++) {
        const real x = as_gradient_at(gradient, g[i]) + decay * w[i];
        s[i] = alpha * s[i] + rest * x * x;
        d[i] = x / (as_sqrt(s[i]) + eps);
    }
}

static void direction_centered(int64_t n, const real *restrict w, const real *restrict g, real *restrict s,
                               real *restrict a, real *restrict d, as_gradient gradient, real decay, real alpha,
                               real rest, real eps)
{
    for (int64_t i = 0; i < n; i++) {
        const real x = as_gradient_at(gradient, g[i]) + decay * w[i];
        s[i] = alpha * s[i] + rest * x * x;
        a[i] = a[i] + rest * (x - a[i]);
        const real variance = s[i] - a[i] * a[i];
        d[i] = x / (as_sqrt(variance < 0 ? AS_R(0) : variance) + eps);
    }
}

static void move(int64_t n, real *restrict w, const real *restrict d, real lr)
{
    for (int64_t i = 0; i < n; i++) {
        w[i] -= lr * d[i];
    }
}

static void move_momentum(int64_t n, real *restrict w, real *restrict b, const real *restrict d, real lr, real momentum)
{
    for (int64_t i = 0; i < n; i++) {
        b[i] = momentum * b[i] + d[i];
        w[i] -= lr * b[i];
    }
}

static void step(const as_optimizer_pass *pass)
{
    const rmsprop_options *o = pass->options;
    const real lr = (real)pass->lr, decay = (real)pass->weight_decay, alpha = (real)o->alpha;
    const real rest = (real)(1 - o->alpha), eps = (real)o->eps;
    const as_gradient gradient = as_gradient_of(pass);
    for (int64_t first = 0; first < pass->n; first += CHUNK) {
        const int64_t n = pass->n - first < CHUNK ? pass->n - first : CHUNK;
        real d[CHUNK];
        real *w = (real *)pass->w + first, *s = (real *)pass->slot[0] + first;
        const real *g = (const real *)pass->g + first;
        if (o->centered) {
            direction_centered(n, w, g, s, (real *)pass->slot[1] + first, d, gradient, decay, alpha, rest, eps);
        } else {
            direction(n, w, g, s, d, gradient, decay, alpha, rest, eps);
        }
        if (o->momentum > 0) {
            move_momentum(n, w, (real *)pass->slot[o->centered ? 2 : 1] + first, d, lr, (real)o->momentum);
        } else {
            move(n, w, d, lr);
        }
    }
}

static double stability(const void *options, int64_t t, int64_t n, void *const slot[AS_SLOTS_MAX], double *inverse)
{
    const rmsprop_options *o = options;
    const real *s = slot[0];
    for (int64_t i = 0; i < n; i++) {
        const double mean = o->centered ? (double)((const real *)slot[1])[i] : 0, v = (double)s[i] - mean * mean;
        inverse[i] = 1 / (__builtin_sqrt(v > 0 ? v : 0) + o->eps);
    }
    return t > 0 ? 2 * (1 + o->momentum) : (double)NAN;
}

const as_optimizer_ops AS_V(as_optimizer_rmsprop) = {
    .name = "rmsprop",
    .help = "Divides the gradient by the running root of its mean square, or by its deviation (centered).",
    .formula = "s = alpha s + (1 - alpha) g^2; w = w - lr g / (sqrt(s) + eps)",
    .fields = fields,
    .options_bytes = sizeof(rmsprop_options),
    .slots = slots,
    .step = step,
    .stability = stability,
};
