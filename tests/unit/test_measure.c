/* Sums of nn/measure.h, in all variants, against the stated order written out plainly. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nn/measure.h"

enum { MOST = 1031, LANES = 16 };

static const int64_t lengths[] = {0, 1, 15, 16, 17, 31, 64, 97, 1024, MOST};

static double fold(double a[LANES])
{
    for (int half = LANES / 2; half > 0; half /= 2) {
        for (int k = 0; k < half; k++) {
            a[k] += a[k + half];
        }
    }
    return a[0];
}

/* Sum of x[j] y[j]; y NULL: of x[j]. */
static double plain(int64_t n, const double *x, const double *y)
{
    double a[LANES] = {0};
    for (int64_t j = 0; j < n; j++) {
        a[j % LANES] = y != NULL ? fma(x[j], y[j], a[j % LANES]) : a[j % LANES] + x[j];
    }
    return fold(a);
}

/* Numbers that both precisions hold. */
static void fill(double *x, int salt)
{
    for (int64_t j = 0; j < MOST; j++) {
        x[j] = (double)((int)((j * 7919 + salt * 104729) % 2003) - 1001) / 512.0;
    }
}

static void check(const as_kernels *k)
{
    const as_measure_ops *m = as_measure_get(k);
    double x[MOST], y[MOST], d[MOST], a[MOST], b[MOST]; /* a, b: in the precision of the kernels */
    fill(x, 1);
    fill(y, 2);
    for (int64_t j = 0; j < MOST; j++) {
        d[j] = y[j] - x[j];
    }
    k->from_double(MOST, x, a);
    k->from_double(MOST, y, b);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const int64_t n = lengths[i];
        double out[3], two[2], sums[2] = {1, 2};
        m->pair(n, a, b, out);
        assert_true(out[0] == plain(n, x, x) && out[1] == plain(n, y, y) && out[2] == plain(n, x, y));
        m->change(n, a, b, two);
        assert_true(two[0] == plain(n, x, x) && two[1] == plain(n, d, d));
        m->moments(n, a, sums);
        assert_true(sums[0] == 1 + plain(n, x, NULL) && sums[1] == 2 + plain(n, x, x));
    }
    for (int64_t units = 1; units <= 33; units += 8) {
        double count[33] = {0}, expected[33] = {0};
        const int64_t n = MOST / units * units;
        m->reach(n, units, a, 0.5, count);
        for (int64_t j = 0; j < n; j++) {
            expected[j % units] += fabs(x[j]) >= 0.5 ? 1 : 0;
        }
        assert_memory_equal(count, expected, sizeof count);
    }
}

static void test_all_variants_sum_in_the_stated_order(void **state)
{
    (void)state;
    for (int isa = (int)as_isa_detect(); isa <= (int)AS_PORTABLE; isa++) {
        check(as_kernels_get((as_isa)isa, AS_FLOAT32));
        check(as_kernels_get((as_isa)isa, AS_FLOAT64));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_variants_sum_in_the_stated_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
