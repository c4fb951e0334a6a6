/* What Adam and AdamW share: options, state and the loops; they differ in where the weight decay goes.

   With d = g + l2 * w (l2 = 0 for decoupled decay):

     m = m + (1 - beta1) (d - m),  v = beta2 v + (1 - beta2) d^2,  x = max(x, v) for amsgrad, else v
     w = shrink * w - lr / (1 - beta1^t) * m / (sqrt(x) / sqrt(1 - beta2^t) + eps)

   Moments that have faded are 0 (gradient.h); v only where eps is so large that sqrt(x) is nothing beside it.

   Bias corrections are scalars in double. Cost: one square root and one division for an element, which bound it in the
   L1 cache; 4 arrays read and 3 written (5 and 4 for amsgrad), which bound it in memory. */
#ifndef AS_NN_ADAM_H
#define AS_NN_ADAM_H

#include "kernels/real.h"
#include "kernels/scalar_math.h"
#include "nn/gradient.h"

typedef struct as_adam_options {
    double beta1, beta2, eps;
    bool amsgrad;
} as_adam_options;

static const as_field as_adam_fields[] = {{.name = "beta1",
                                           .type = AS_FIELD_REAL,
                                           .offset = offsetof(as_adam_options, beta1),
                                           .standard = "0.9",
                                           .min = 0,
                                           .max = 0.9999999,
                                           .help = "Decay of the mean of gradients."},
                                          {.name = "beta2",
                                           .type = AS_FIELD_REAL,
                                           .offset = offsetof(as_adam_options, beta2),
                                           .standard = "0.999",
                                           .min = 0,
                                           .max = 0.9999999,
                                           .help = "Decay of the mean of squared gradients."},
                                          {.name = "eps",
                                           .type = AS_FIELD_REAL,
                                           .offset = offsetof(as_adam_options, eps),
                                           .standard = "1e-8",
                                           .min = 0,
                                           .max = 1,
                                           .help = "Added to the root, against division by zero."},
                                          {.name = "amsgrad",
                                           .type = AS_FIELD_BOOL,
                                           .offset = offsetof(as_adam_options, amsgrad),
                                           .standard = "false",
                                           .help = "Divides by the largest second moment so far."},
                                          AS_FIELDS_END};

static inline int as_adam_slots(const void *options, as_slot slot[AS_SLOTS_MAX])
{
    const as_adam_options *o = options;
    slot[0] = (as_slot){.name = "m", .initial = 0};
    slot[1] = (as_slot){.name = "v", .initial = 0};
    slot[2] = (as_slot){.name = "v_max", .initial = 0};
    return o->amsgrad ? 3 : 2;
}

/* c[0] = 1 / (1 - beta1^t), c[1] = 1 / sqrt(1 - beta2^t) */
static inline void as_adam_begin(const void *options, int64_t t, double c[AS_COEFFICIENTS_MAX])
{
    const as_adam_options *o = options;
    c[0] = 1 / (1 - as_pow_f64(o->beta1, (double)t));
    c[1] = 1 / __builtin_sqrt(1 - as_pow_f64(o->beta2, (double)t));
}

/* 2 (1 + beta1) / (1 - beta1) with P = sqrt(v / (1 - beta2^t)) + eps (Cohen et al. 2022). */
static inline double as_adam_stability(const void *options, int64_t t, int64_t n, void *const slot[AS_SLOTS_MAX],
                                       double *inverse)
{
    const as_adam_options *o = options;
    const real *v = slot[o->amsgrad ? 2 : 1];
    const double rest = t > 0 ? 1 - as_pow_f64(o->beta2, (double)t) : 1;
    for (int64_t i = 0; i < n; i++) {
        inverse[i] = 1 / (__builtin_sqrt((double)v[i] / rest) + o->eps);
    }
    return t > 0 ? 2 * (1 + o->beta1) / (1 - o->beta1) : (double)NAN;
}

typedef struct as_adam_scalars {
    as_gradient gradient;
    real size, inverse_root, eps, one_minus_beta1, beta2, one_minus_beta2, l2, shrink, least_v;
} as_adam_scalars;

static inline void as_adam_loop(int64_t n, real *restrict w, const real *restrict g, real *restrict m, real *restrict v,
                                const as_adam_scalars s)
{
    for (int64_t i = 0; i < n; i++) {
        const real d = as_gradient_at(s.gradient, g[i]) + s.l2 * w[i];
        m[i] = as_unless_faded(m[i] + s.one_minus_beta1 * (d - m[i]), AS_FADED);
        v[i] = as_unless_faded(s.beta2 * v[i] + s.one_minus_beta2 * d * d, s.least_v);
        w[i] = s.shrink * w[i] - s.size * (m[i] / (as_sqrt(v[i]) * s.inverse_root + s.eps));
    }
}

static inline void as_amsgrad_loop(int64_t n, real *restrict w, const real *restrict g, real *restrict m,
                                   real *restrict v, real *restrict x, const as_adam_scalars s)
{
    for (int64_t i = 0; i < n; i++) {
        const real d = as_gradient_at(s.gradient, g[i]) + s.l2 * w[i];
        m[i] = as_unless_faded(m[i] + s.one_minus_beta1 * (d - m[i]), AS_FADED);
        v[i] = as_unless_faded(s.beta2 * v[i] + s.one_minus_beta2 * d * d, s.least_v);
        x[i] = x[i] < v[i] ? v[i] : x[i];
        w[i] = s.shrink * w[i] - s.size * (m[i] / (as_sqrt(x[i]) * s.inverse_root + s.eps));
    }
}

/* Coupled decay has shrink 1, decoupled decay l2 0. */
static inline void as_adam_step(const as_optimizer_pass *pass, double l2, double shrink)
{
    const as_adam_options *o = pass->options;
    const as_adam_scalars s = {.gradient = as_gradient_of(pass),
                               .size = (real)(pass->lr * pass->c[0]),
                               .inverse_root = (real)pass->c[1],
                               .eps = (real)o->eps,
                               .one_minus_beta1 = (real)(1 - o->beta1),
                               .beta2 = (real)o->beta2,
                               .one_minus_beta2 = (real)(1 - o->beta2),
                               .l2 = (real)l2,
                               .shrink = (real)shrink,
                               .least_v = o->eps >= 1e-9 ? AS_FADED : 0};
    if (o->amsgrad) {
        as_amsgrad_loop(pass->n, pass->w, pass->g, pass->slot[0], pass->slot[1], pass->slot[2], s);
    } else {
        as_adam_loop(pass->n, pass->w, pass->g, pass->slot[0], pass->slot[1], s);
    }
}

#endif
