/* The inline functions of kernels/math.h and kernels/rowwise.h as plain loops, compiled once per variant
   (v_math_probe.c), so that tests can call the code that a compiler makes of them for each instruction set. */
#ifndef TESTS_UNIT_MATH_PROBE_H
#define TESTS_UNIT_MATH_PROBE_H

#include "kernels/kernels.h"

/* MATH_UNARY(name): long double libm has a function of that name with l behind it. */
#define MATH_UNARY_TABLE                                                                                               \
    MATH_UNARY(exp)                                                                                                    \
    MATH_UNARY(expm1)                                                                                                  \
    MATH_UNARY(log)                                                                                                    \
    MATH_UNARY(log1p)                                                                                                  \
    MATH_UNARY(tanh)                                                                                                   \
    MATH_UNARY(erf)                                                                                                    \
    MATH_UNARY(sin)                                                                                                    \
    MATH_UNARY(cos)

/* MATH_VECTOR(name): as_<name> has a brother v_<name> in kernels/vector_math.h. */
#define MATH_VECTOR_TABLE                                                                                              \
    MATH_VECTOR(exp)                                                                                                   \
    MATH_VECTOR(sigmoid)                                                                                               \
    MATH_VECTOR(exp_normal)

#define ROW_REDUCTION_TABLE                                                                                            \
    ROW_REDUCTION(max)                                                                                                 \
    ROW_REDUCTION(sum)                                                                                                 \
    ROW_REDUCTION(exp_sum)

enum {
#define MATH_UNARY(name) PROBE_##name,
    MATH_UNARY_TABLE
#undef MATH_UNARY
        PROBE_sigmoid,
    PROBE_softplus,
    PROBE_UNARY
};

enum {
#define ROW_REDUCTION(name) PROBE_ROW_##name,
    ROW_REDUCTION_TABLE
#undef ROW_REDUCTION
        PROBE_REDUCTIONS
};

enum {
#define MATH_VECTOR(name) PROBE_VECTOR_##name,
    MATH_VECTOR_TABLE
#undef MATH_VECTOR
        PROBE_VECTORS
};

/* Arrays of the variant's real. */
typedef struct math_probe {
    void (*unary[PROBE_UNARY])(int64_t n, const void *x, void *y);
    void (*vector[PROBE_VECTORS][2])(int64_t n, const void *x, void *y); /* as_<name>, v_<name> */
    void (*pow)(int64_t n, const void *x, const void *y, void *z);
    void (*reduce[PROBE_REDUCTIONS])(int64_t n, const void *x, void *result);
    void (*dot)(int64_t n, const void *x, const void *y, void *result);
    void (*softmax)(int64_t n, const void *x, void *y);
} math_probe;

const math_probe *math_probe_get(const as_kernels *kernels);

#endif
