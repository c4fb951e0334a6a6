/* Loops over the inline functions; compiled once per variant with the library's flags. */
#include "kernels/rowwise.h"
#include "unit/math_probe.h"

#define UNARY(name)                                                                                                    \
    static void unary_##name(int64_t n, const void *x, void *y)                                                        \
    {                                                                                                                  \
        const real *in = x;                                                                                            \
        real *out = y;                                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            out[i] = as_##name(in[i]);                                                                                 \
        }                                                                                                              \
    }
#define MATH_UNARY(name) UNARY(name)
MATH_UNARY_TABLE
#undef MATH_UNARY
UNARY(sigmoid)
UNARY(softplus)

#define MATH_VECTOR(name)                                                                                              \
    static void scalar_##name(int64_t n, const void *x, void *y)                                                       \
    {                                                                                                                  \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            ((real *)y)[i] = as_##name(((const real *)x)[i]);                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void vector_##name(int64_t n, const void *x, void *y)                                                       \
    {                                                                                                                  \
        V_MAP(n, i, m, v_store_masked((real *)y + i, v_##name(v_load_masked((const real *)x + i, m)), m));             \
    }
MATH_VECTOR_TABLE
#undef MATH_VECTOR

static void binary_pow(int64_t n, const void *x, const void *y, void *z)
{
    const real *base = x, *exponent = y;
    real *out = z;
    for (int64_t i = 0; i < n; i++) {
        out[i] = as_pow(base[i], exponent[i]);
    }
}

/* What softmax divides by, and likelihoods are made of. */
static real as_row_exp_sum(int64_t n, const real *x)
{
    return as_row_exp(n, x, as_row_max(n, x), NULL);
}

#define ROW_REDUCTION(name)                                                                                            \
    static void reduce_##name(int64_t n, const void *x, void *result)                                                  \
    {                                                                                                                  \
        *(real *)result = as_row_##name(n, x);                                                                         \
    }
ROW_REDUCTION_TABLE
#undef ROW_REDUCTION

static void dot(int64_t n, const void *x, const void *y, void *result)
{
    *(real *)result = as_row_dot(n, x, y);
}

static void softmax(int64_t n, const void *x, void *y)
{
    as_row_softmax(n, x, y);
}

const math_probe AS_V(math_probe) = {
    .unary =
        {
#define MATH_UNARY(name) [PROBE_##name] = unary_##name,
            MATH_UNARY_TABLE
#undef MATH_UNARY
                [PROBE_sigmoid] = unary_sigmoid,
            [PROBE_softplus] = unary_softplus,
        },
    .vector =
        {
#define MATH_VECTOR(name) [PROBE_VECTOR_##name] = {scalar_##name, vector_##name},
            MATH_VECTOR_TABLE
#undef MATH_VECTOR
        },
    .pow = binary_pow,
    .reduce =
        {
#define ROW_REDUCTION(name) [PROBE_ROW_##name] = reduce_##name,
            ROW_REDUCTION_TABLE
#undef ROW_REDUCTION
        },
    .dot = dot,
    .softmax = softmax,
};
