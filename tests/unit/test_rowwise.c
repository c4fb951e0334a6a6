/* kernels/rowwise.h: sums in the stated order, bit for bit, and what is built on them, for rows of every length around
   the block of 16. */
#include "unit/kernel_cases.h"

#include "unit/math_probe.h"

enum { LONGEST = 350 };

/* Every length around the blocks of 16, then some around the pieces of 256 that longer rows are cut into. */
static int64_t next_length(int64_t n)
{
    return n < 70 ? n + 1 : n == 70 ? 255 : n < 258 ? n + 1 : n + 46;
}

/* The order of a sum as the contract words it: element j to accumulator j mod 16, then 8 + 8, 4 + 4, 2 + 2, 1 + 1. dot:
   y is not NULL and terms are fma(x, y, .). */
static double stated_sum(const as_kernels *kernels, int64_t n, const void *x, const void *y)
{
    double a[16] = {0};
    for (int64_t j = 0; j < n; j++) {
        const double v = get_real(kernels, x, j), w = y == NULL ? 1.0 : get_real(kernels, y, j);
        a[j % 16] = kernels->precision == AS_FLOAT32 ? (double)fmaf((float)v, (float)w, (float)a[j % 16])
                                                     : fma(v, w, a[j % 16]);
    }
    for (int half = 8; half > 0; half /= 2) {
        for (int k = 0; k < half; k++) {
            a[k] = kernels->precision == AS_FLOAT32 ? (double)((float)a[k] + (float)a[k + half]) : a[k] + a[k + half];
        }
    }
    return a[0];
}

static void check_order(const as_kernels *kernels)
{
    const math_probe *probe = math_probe_get(kernels);
    for (int64_t n = 0; n <= LONGEST; n = next_length(n)) {
        void *x = random_reals(kernels, n, 1), *y = random_reals(kernels, n, 2), *result = new_reals(kernels, 1);
        probe->reduce[PROBE_ROW_sum](n, x, result);
        assert_true(get_real(kernels, result, 0) == stated_sum(kernels, n, x, NULL));
        probe->dot(n, x, y, result);
        assert_true(get_real(kernels, result, 0) == stated_sum(kernels, n, x, y));
        probe->reduce[PROBE_ROW_max](n, x, result);
        double max = (double)-INFINITY;
        for (int64_t j = 0; j < n; j++) {
            max = fmax(max, get_real(kernels, x, j));
        }
        assert_true(get_real(kernels, result, 0) == max);
        free_reals(kernels, x, n);
        free_reals(kernels, y, n);
        free_reals(kernels, result, 1);
    }
}

static void test_sums_follow_the_stated_order(void **state)
{
    (void)state;
    for_each_variant(check_order);
}

/* Softmax against long double. Each probability: e^d with d = x - max rounded (relative |d| u), exp, a sum of positive
   terms (n / 16 + 4 roundings), a quotient and a product: within (|d| + n / 16 + 8) u. */
static void check_softmax(const as_kernels *kernels)
{
    const double unit = kernels->precision == AS_FLOAT32 ? 0x1p-23 : 0x1p-52;
    for (int64_t n = 1; n <= LONGEST; n = next_length(n)) {
        void *x = random_reals(kernels, n, 3), *y = new_reals(kernels, n), *result = new_reals(kernels, 1);
        long double max = -HUGE_VALL, sum = 0;
        for (int64_t j = 0; j < n; j++) {
            set_real(kernels, x, j, 20.0 * get_real(kernels, x, j)); /* differences up to 20 */
            max = fmaxl(max, (long double)get_real(kernels, x, j));
        }
        for (int64_t j = 0; j < n; j++) {
            sum += expl((long double)get_real(kernels, x, j) - max);
        }
        math_probe_get(kernels)->softmax(n, x, y);
        for (int64_t j = 0; j < n; j++) {
            const long double p = expl((long double)get_real(kernels, x, j) - max) / sum;
            const double bound = (20.0 + (double)n / 16 + 8.0) * unit * (double)p;
            assert_true(fabs(get_real(kernels, y, j) - (double)p) <= bound);
        }
        math_probe_get(kernels)->reduce[PROBE_ROW_exp_sum](n, x, result);
        assert_true(fabs(get_real(kernels, result, 0) - (double)sum) <=
                    (20.0 + (double)n / 16 + 8.0) * unit * (double)sum);
        math_probe_get(kernels)->softmax(n, x, x); /* in place */
        assert_memory_equal(x, y, (size_t)n * kernels->real_bytes);
        free_reals(kernels, x, n);
        free_reals(kernels, y, n);
        free_reals(kernels, result, 1);
    }
}

static void test_softmax_equals_its_definition(void **state)
{
    (void)state;
    for_each_variant(check_softmax);
}

static void check_edges(const as_kernels *kernels)
{
    const math_probe *probe = math_probe_get(kernels);
    const double huge = kernels->precision == AS_FLOAT32 ? 3e38 : 1.7e308;
    const double inf = (double)INFINITY, nan = (double)NAN;
    double at[3] = {0};
    void *x = new_reals(kernels, 3), *result = new_reals(kernels, 1);
    const double row[][3] = {{huge, -huge, huge}, {-inf, 1, 1}, {nan, 1, 2}, {inf, 0, 0}};
    const double expected[][3] = {{0.5, 0, 0.5}, {0, 0.5, 0.5}, {nan, nan, nan}, {nan, nan, nan}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        for (int j = 0; j < 3; j++) {
            set_real(kernels, x, j, row[i][j]);
        }
        probe->softmax(3, x, x);
        for (int j = 0; j < 3; j++) {
            at[j] = get_real(kernels, x, j);
            assert_true(isnan(expected[i][j]) ? isnan(at[j]) : at[j] == expected[i][j]);
        }
    }
    probe->reduce[PROBE_ROW_exp_sum](0, x, result);
    assert_true(get_real(kernels, result, 0) == 0.0);
    probe->softmax(0, x, x);
    free_reals(kernels, x, 3);
    free_reals(kernels, result, 1);
}

static void test_huge_infinite_and_nan_rows(void **state)
{
    (void)state;
    for_each_variant(check_edges);
}

/* Rows of 257, all variants of a precision: the same bytes. */
static void test_all_variants_give_the_same_bits(void **state)
{
    (void)state;
    enum { N = 257 };
    for (int p = 0; p < 2; p++) {
        const as_precision precision = p == 0 ? AS_FLOAT32 : AS_FLOAT64;
        const as_kernels *portable = as_kernels_get(AS_PORTABLE, precision);
        void *x = random_reals(portable, N, 5), *expected = new_reals(portable, N), *got = new_reals(portable, N);
        math_probe_get(portable)->softmax(N, x, expected);
        for (as_isa isa = as_isa_detect(); isa < AS_PORTABLE; isa++) {
            math_probe_get(as_kernels_get(isa, precision))->softmax(N, x, got);
            assert_memory_equal(got, expected, N * portable->real_bytes);
        }
        free_reals(portable, x, N);
        free_reals(portable, expected, N);
        free_reals(portable, got, N);
    }
}

/* Vector functions against their scalar brothers, bit for bit: a grid over all exponents, both signs, and what is
   special. */
static void check_vectors(const as_kernels *kernels)
{
    enum { N = 4099 };
    const bool f32 = kernels->precision == AS_FLOAT32;
    void *x = new_reals(kernels, N), *expected = new_reals(kernels, N), *got = new_reals(kernels, N);
    const double special[] = {0.0, -0.0, (double)INFINITY, (double)-INFINITY, (double)NAN, -87.0, -708.0, 89.0, -104.0};
    for (int64_t i = 0; i < N; i++) {
        const double u = (double)i / N, size = ldexp(1 + u, (int)(i % 40) - 28);
        set_real(kernels, x, i, i % 5 == 0 ? (f32 ? -130 * u : -800 * u) : i % 2 == 0 ? size : -size);
    }
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        set_real(kernels, x, (int64_t)i * 3 + 1, special[i]);
    }
    for (int k = 0; k < PROBE_VECTORS; k++) {
        for (int64_t i = 0; i < N && k == PROBE_VECTOR_exp_normal; i++) { /* which is for x <= 0 */
            set_real(kernels, x, i, -fabs(get_real(kernels, x, i)));
        }
        math_probe_get(kernels)->vector[k][0](N, x, expected);
        math_probe_get(kernels)->vector[k][1](N, x, got);
        assert_same_reals(kernels, got, expected, N, "vector function");
    }
    free_reals(kernels, x, N), free_reals(kernels, expected, N), free_reals(kernels, got, N);
}

static void test_vector_functions_have_the_bits_of_the_scalar_ones(void **state)
{
    (void)state;
    for_each_variant(check_vectors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_follow_the_stated_order),
        cmocka_unit_test(test_softmax_equals_its_definition),
        cmocka_unit_test(test_huge_infinite_and_nan_rows),
        cmocka_unit_test(test_all_variants_give_the_same_bits),
        cmocka_unit_test(test_vector_functions_have_the_bits_of_the_scalar_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
