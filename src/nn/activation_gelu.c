/* Gaussian error linear unit (Hendrycks and Gimpel 2016), exact or by its tanh approximation:
     erf   y = z Phi(z),                    dy/dz = Phi(z) + z phi(z)
     tanh  y = z (1 + t) / 2, t = tanh(u),  dy/dz = (1 + t) / 2 + z (1 - t^2) u' / 2,  u = sqrt(2 / pi) (z + 0.044715
   z^3) with Phi and phi the standard normal distribution and density. */
#include "kernels/math.h"
#include "nn/activation.h"

enum { GELU_ERF, GELU_TANH };

typedef struct gelu_options {
    int form;
} gelu_options;

static const char *const forms[] = {"erf", "tanh", NULL};
static const as_field fields[] = {
    {.name = "form",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(gelu_options, form),
     .standard = "erf",
     .choices = forms,
     .help = "Exact by the error function, or approximate by tanh."},
    AS_FIELDS_END,
};

#define ROOT_HALF AS_R(0x1.6a09e667f3bcdp-1)    /* sqrt(1 / 2) */
#define ROOT_2_PI AS_R(0x1.9884533d43651p-1)    /* sqrt(2 / pi) */
#define ROOT_HALF_PI AS_R(0x1.9884533d43651p-2) /* 1 / sqrt(2 pi) */
#define CUBIC AS_R(0.044715)
#define FAR AS_R(30) /* both derivatives are 0 or 1 beyond; z^2 cannot overflow before */

static inline real normal_distribution(real z)
{
    return as_fma(AS_R(0.5), as_erf(z * ROOT_HALF), AS_R(0.5));
}

static inline real inner(real z)
{
    return ROOT_2_PI * as_fma(CUBIC * z * z, z, z);
}

static inline real near(real z)
{
    const real low = z < -FAR ? -FAR : z;
    return low > FAR ? FAR : low;
}

static void forward(const void *options, int64_t n, const void *z, void *y)
{
    const real *in = z;
    real *out = y;
    if (((const gelu_options *)options)->form == GELU_ERF) {
        for (int64_t i = 0; i < n; i++) {
            out[i] = in[i] * normal_distribution(in[i]);
        }
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        out[i] = in[i] * as_fma(AS_R(0.5), as_tanh(inner(near(in[i]))), AS_R(0.5));
    }
}

static void backward(const void *options, int64_t n, const void *z, const void *y, void *dy)
{
    (void)y;
    const real *in = z;
    real *d = dy;
    if (((const gelu_options *)options)->form == GELU_ERF) {
        for (int64_t i = 0; i < n; i++) {
            const real v = near(in[i]);
            d[i] *= as_fma(v * ROOT_HALF_PI, as_exp(AS_R(-0.5) * v * v), normal_distribution(v));
        }
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        const real v = near(in[i]), t = as_tanh(inner(v));
        const real slope = ROOT_2_PI * as_fma(3 * CUBIC * v, v, 1);
        d[i] *= as_fma(AS_R(0.5) * v * as_fma(-t, t, 1), slope, as_fma(AS_R(0.5), t, AS_R(0.5)));
    }
}

const as_activation_ops AS_V(as_activation_gelu) = {
    .halves = true,
    .name = "gelu",
    .help = "Gaussian error linear unit.",
    .formula = "y = z (1 + erf(z / sqrt(2))) / 2",
    .fields = fields,
    .options_bytes = sizeof(gelu_options),
    .needs_input = true,
    .forward = forward,
    .backward = backward,
};
