/* Vectors of doubles: each build gives the bits of the definition, on empty, ragged, prime and larger extents. */
#include "unit/kernel_cases.h"

#include <math.h>

#include "kernels/scalar_math.h"
#include "kernels/vectors.h"

static double plain_dot(int64_t n, const double *x, const double *y)
{
    double a[16] = {0};
    for (int64_t j = 0; j < n; j++) {
        a[j % 16] = fma(x[j], y[j], a[j % 16]);
    }
    for (int half = 8; half > 0; half /= 2) {
        for (int k = 0; k < half; k++) {
            a[k] += a[k + half];
        }
    }
    return a[0];
}

static void assert_same(const double *found, const double *expected, int64_t n)
{
    assert_memory_equal(found, expected, (size_t)n * sizeof *found);
}

static void test_each_build_gives_the_bits_of_the_definition(void **state)
{
    (void)state;
    static const int64_t extents[] = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 100, 257, 1000};
    enum { MOST = 1001 };
    double x[MOST], y[MOST], a[MOST], b[MOST], c[MOST], d[MOST];
    for (int j = 0; j < MOST; j++) {
        x[j] = sin(j + 1.0) * exp2(j % 7 - 3);
        y[j] = cos(3.0 * j) * exp2(j % 5 - 2);
    }
    for (as_isa isa = as_isa_detect(); isa <= AS_PORTABLE; isa++) {
        const as_vectors *const V = as_vectors_get(isa);
        for (size_t e = 0; e < sizeof extents / sizeof extents[0]; e++) {
            const int64_t n = extents[e];
            const double dot = V->dot(n, x, y), expected = plain_dot(n, x, y);
            assert_same(&dot, &expected, 1);
            double three[3];
            V->gram_pair(n, x, y, three);
            assert_same(three, (double[]){plain_dot(n, x, x), plain_dot(n, y, y), expected}, 3);
            const double C = 0.8, S = 0.6, f = -1.7;
            memcpy(a, x, sizeof a), memcpy(b, y, sizeof b), memcpy(c, x, sizeof c), memcpy(d, y, sizeof d);
            V->rotate(n, C, S, a, b);
            for (int64_t j = 0; j < n; j++) {
                c[j] = fma(C, x[j], S * y[j]);
                d[j] = fma(C, y[j], -S * x[j]);
            }
            assert_same(a, c, MOST);
            assert_same(b, d, MOST);
            V->axpy(n, f, x, b);
            for (int64_t j = 0; j < n; j++) {
                d[j] = fma(f, x[j], d[j]);
            }
            assert_same(b, d, MOST);
            memcpy(b, y, sizeof b), memcpy(c, y, sizeof c), memcpy(d, y, sizeof d);
            V->exp(n, x, b);
            V->log1p(n, b, c);
            V->log(n, b, d);
            for (int64_t j = 0; j < MOST; j++) {
                const double expected_exp = j < n ? as_exp_f64(x[j]) : y[j];
                const double expected_log1p = j < n ? as_log1p_f64(b[j]) : y[j];
                const double expected_log = j < n ? as_log_f64(b[j]) : y[j];
                assert_same(b + j, &expected_exp, 1);
                assert_same(c + j, &expected_log1p, 1);
                assert_same(d + j, &expected_log, 1);
            }
        }
    }
}

/* A chain of rotations of rows is rotations of two rows, one after the other. */
static void test_rotations_upwards_are_one_after_the_other(void **state)
{
    (void)state;
    enum { ROWS = 7, LD = 83 };
    static const int64_t extents[] = {0, 1, 5, 8, 9, 31, 32, 33, 64, 79};
    const double c[ROWS - 1] = {0.8, -0.6, 1, 0.28, 0, 0.96}, s[ROWS - 1] = {0.6, 0.8, 0, -0.96, 1, 0.28};
    for (as_isa isa = as_isa_detect(); isa <= AS_PORTABLE; isa++) {
        const as_vectors *const V = as_vectors_get(isa);
        for (size_t e = 0; e < sizeof extents / sizeof extents[0]; e++) {
            for (int64_t count = 0; count < ROWS; count++) {
                double a[ROWS * LD], b[ROWS * LD];
                for (int j = 0; j < ROWS * LD; j++) {
                    a[j] = b[j] = sin(j + 1.0);
                }
                V->rotate_up(extents[e], count, c, s, a + (ROWS - 1) * LD, LD);
                for (int64_t t = 0; t < count; t++) {
                    double *const x = b + (ROWS - 1 - t) * LD;
                    V->rotate(extents[e], c[t], s[t], x, x - LD);
                }
                assert_same(a, b, ROWS * LD);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_build_gives_the_bits_of_the_definition),
        cmocka_unit_test(test_rotations_upwards_are_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
