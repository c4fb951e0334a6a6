/* Gaussian error linear unit (Hendrycks and Gimpel 2016), exact or by its tanh approximation:
     erf   y = z Phi(z),                    dy/dz = Phi(z) + z phi(z)
     tanh  y = z (1 + tanh u) / 2 = z s,    dy/dz = s + z s (1 - s) 2 u',
           s = 1 / (1 + e^-2u),  u = sqrt(2 / pi) (z + 0.044715 z^3)
   with Phi and phi the standard normal distribution and density. */
#include "kernels/vector_math.h"
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

#define ROOT_HALF AS_R(0x1.6a09e667f3bcdp-1)      /* sqrt(1 / 2) */
#define TWICE_ROOT_2_PI AS_R(0x1.9884533d43651p0) /* 2 sqrt(2 / pi) */
#define ROOT_HALF_PI AS_R(0x1.9884533d43651p-2)   /* 1 / sqrt(2 pi) */
#define CUBIC AS_R(0.044715)
#define FAR AS_R(30) /* both derivatives are 0 or 1 beyond; z^2 cannot overflow before */

static inline real normal_distribution(real z)
{
    return as_fma(AS_R(0.5), as_erf(z * ROOT_HALF), AS_R(0.5));
}

static inline real near(real z)
{
    const real low = z < -FAR ? -FAR : z;
    return low > FAR ? FAR : low;
}

/* s and 1 - s, both without cancellation; z within FAR. */
AS_INLINE vreal v_share(vreal z, vreal *rest)
{
    const vreal one = v_splat(1), cubic = v_fma(v_splat(CUBIC) * z * z, z, z), u = v_splat(TWICE_ROOT_2_PI) * cubic;
    const vreal e = v_exp_normal(-v_abs(u)), large = one / (one + e), small = e * large;
    const vbits negative = (vbits)(u < v_splat(0));
    *rest = v_choose(negative, large, small);
    return v_choose(negative, small, large);
}

AS_INLINE vreal v_near(vreal z)
{
    return v_max(v_splat(-FAR), v_min(v_splat(FAR), z));
}

/* dy/dz of the approximation; z within FAR. */
AS_INLINE vreal v_slope(vreal z, vreal s, vreal rest)
{
    const vreal twice = v_splat(TWICE_ROOT_2_PI) * v_fma(v_splat(3 * CUBIC) * z, z, v_splat(1));
    return v_fma(z * s * rest, twice, s);
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
    V_MAP(n, i, m, {
        const vreal v = v_load_masked(in + i, m);
        vreal rest;
        v_store_masked(out + i, v * v_share(v_near(v), &rest), m);
    })
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
    V_MAP(n, i, m, {
        vreal rest;
        const vreal v = v_near(v_load_masked(in + i, m)), s = v_share(v, &rest);
        v_store_masked(d + i, v_load_masked(d + i, m) * v_slope(v, s, rest), m);
    })
}

static void forward_slope(const void *options, int64_t n, void *z, void *y)
{
    real *restrict in = z, *restrict out = y;
    if (((const gelu_options *)options)->form == GELU_ERF) {
        for (int64_t i = 0; i < n; i++) {
            const real v = near(in[i]), p = normal_distribution(in[i]);
            out[i] = in[i] * p;
            in[i] = as_fma(v * ROOT_HALF_PI, as_exp(AS_R(-0.5) * v * v), p);
        }
        return;
    }
    V_MAP(n, i, m, {
        vreal rest;
        const vreal z_i = v_load_masked(in + i, m), v = v_near(z_i), s = v_share(v, &rest);
        v_store_masked(out + i, z_i * s, m);
        v_store_masked(in + i, v_slope(v, s, rest), m);
    })
}

/* y = z / 2 (1 + erf(z / sqrt(2))), or z / 2 (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))). */
static void onnx(const void *options, as_onnx *model, const char *z, const char *y)
{
    const bool exact = ((const gelu_options *)options)->form == 0;
    char a[AS_ONNX_NAME_MAX], b[AS_ONNX_NAME_MAX], c[AS_ONNX_NAME_MAX], t[AS_ONNX_NAME_MAX], one[AS_ONNX_NAME_MAX];
    char sum[AS_ONNX_NAME_MAX], half[AS_ONNX_NAME_MAX], scaled[AS_ONNX_NAME_MAX], cube[AS_ONNX_NAME_MAX];
    as_onnx_real(model, as_onnx_name(y, "one", one), 1);
    as_onnx_real(model, as_onnx_name(y, "half", half), 0.5);
    as_onnx_real(model, as_onnx_name(y, "c", c), exact ? 0x1.6a09e667f3bcdp-1 : 0x1.9884533d43651p-1);
    if (!exact) {
        as_onnx_real(model, as_onnx_name(y, "cubic", cube), 0.044715);
        as_onnx_node(model, "Mul", (const char *const[]){z, z, NULL}, as_onnx_name(y, "square", a), NULL);
        as_onnx_node(model, "Mul", (const char *const[]){a, cube, NULL}, as_onnx_name(y, "share", b), NULL);
        as_onnx_node(model, "Add", (const char *const[]){b, one, NULL}, as_onnx_name(y, "factor", a), NULL);
        as_onnx_node(model, "Mul", (const char *const[]){z, a, NULL}, as_onnx_name(y, "bent", b), NULL);
    }
    as_onnx_node(model, "Mul", (const char *const[]){exact ? z : b, c, NULL}, as_onnx_name(y, "argument", scaled),
                 NULL);
    as_onnx_node(model, exact ? "Erf" : "Tanh", (const char *const[]){scaled, NULL}, as_onnx_name(y, "t", t), NULL);
    as_onnx_node(model, "Add", (const char *const[]){t, one, NULL}, as_onnx_name(y, "sum", sum), NULL);
    as_onnx_node(model, "Mul", (const char *const[]){z, half, NULL}, as_onnx_name(y, "z_half", a), NULL);
    as_onnx_node(model, "Mul", (const char *const[]){a, sum, NULL}, y, NULL);
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
    .forward_slope = forward_slope,
    .onnx = onnx,
};
