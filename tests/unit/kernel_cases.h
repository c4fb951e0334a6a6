/* Arrays of either precision and the variants that this CPU runs, for the tests of kernels. */
#ifndef TESTS_UNIT_KERNEL_CASES_H
#define TESTS_UNIT_KERNEL_CASES_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "kernels/kernels.h"

/* Calls test(kernels) for every variant that this CPU runs. */
static inline void for_each_variant(void (*test)(const as_kernels *kernels))
{
    for (as_isa isa = as_isa_detect(); isa <= AS_PORTABLE; isa++) {
        test(as_kernels_get(isa, AS_FLOAT32));
        test(as_kernels_get(isa, AS_FLOAT64));
    }
}

/* n zeroed reals with 64 bytes of canary behind them. */
static inline void *new_reals(const as_kernels *kernels, int64_t n)
{
    char *const p = calloc((size_t)n * kernels->real_bytes + 64, 1);
    assert_non_null(p);
    memset(p + (size_t)n * kernels->real_bytes, 0x5A, 64);
    return p;
}

/* Frees; fails if something wrote past the end. */
static inline void free_reals(const as_kernels *kernels, void *p, int64_t n)
{
    for (int i = 0; i < 64; i++) {
        assert_int_equal(((char *)p)[(size_t)n * kernels->real_bytes + (size_t)i], 0x5A);
    }
    free(p);
}

/* Normal-looking values of mixed sign and size, with zeros of both signs among them; exact in float, so that both
   precisions see the same numbers. */
static inline double value_at(uint64_t stream, int64_t i)
{
    uint32_t w[4];
    as_rng_words(7, AS_RNG_TEST, (uint32_t)stream, 0, (uint64_t)i, w);
    if (w[1] % 16 == 0) {
        return w[1] % 32 == 0 ? 0.0 : -0.0;
    }
    const double u = (double)as_rng_uniform_f32(w[0]) - 0.5;
    return (double)(float)(w[1] % 7 == 0 ? u * 0x1p-12 : u);
}

static inline void set_real(const as_kernels *kernels, void *p, int64_t i, double value)
{
    if (kernels->precision == AS_FLOAT32) {
        ((float *)p)[i] = (float)value;
    } else {
        ((double *)p)[i] = value;
    }
}

static inline double get_real(const as_kernels *kernels, const void *p, int64_t i)
{
    return kernels->precision == AS_FLOAT32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

static inline void *random_reals(const as_kernels *kernels, int64_t n, uint64_t stream)
{
    void *const p = new_reals(kernels, n);
    for (int64_t i = 0; i < n; i++) {
        set_real(kernels, p, i, value_at(stream, i));
    }
    return p;
}

/* Two of three are zeros of either sign, some of the others so small that products with another one underflow to zeros
 * of either sign, as chains of them do. */
static inline void *sparse_reals(const as_kernels *kernels, int64_t n, uint64_t stream)
{
    const double tiny = kernels->precision == AS_FLOAT32 ? 0x1p-100 : 0x1p-700;
    void *const p = new_reals(kernels, n);
    for (int64_t i = 0; i < n; i++) {
        uint32_t w[4];
        as_rng_words(7, AS_RNG_TEST, (uint32_t)stream, 1, (uint64_t)i, w);
        const double x = value_at(stream, i);
        set_real(kernels, p, i, w[0] % 3 > 0 ? (w[1] % 2 == 0 ? 0.0 : -0.0) : w[2] % 4 == 0 ? x * tiny : x);
    }
    return p;
}

/* Address of element i. */
static inline void *at(const as_kernels *kernels, const void *p, int64_t i)
{
    return (char *)(uintptr_t)p + (size_t)i * kernels->real_bytes;
}

/* The same bits, or both NaN. */
static inline void assert_same_reals(const as_kernels *kernels, const void *a, const void *b, int64_t n,
                                     const char *what)
{
    for (int64_t i = 0; i < n; i++) {
        const double x = get_real(kernels, a, i), y = get_real(kernels, b, i);
        const bool same = isnan(x) ? isnan(y) : memcmp(&x, &y, sizeof x) == 0;
        if (!same) {
            fail_msg("%s (%s, %d bits): element %lld is %a, expected %a", what, kernels->isa, (int)kernels->precision,
                     (long long)i, x, y);
        }
    }
}

#endif
