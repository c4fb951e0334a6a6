/* Lanczos and tridiagonal eigenvalues against operators whose spectrum is known in closed form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "math/lanczos.h"
#include "math/tridiagonal.h"

static void assert_near(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("expected %.17g, found %.17g: apart by %g, allowed %g", expected, found, fabs(found - expected),
                 tolerance);
    }
}

/* Eigenvalues of the second difference: 2 - 2 cos(k pi / (n + 1)), k = 1..n. */
static double wave(int64_t n, int64_t k)
{
    return 2 - 2 * cos((double)k * 3.14159265358979323846 / (double)(n + 1));
}

typedef struct counted {
    int products, bad_at;
    const double *diagonal; /* or NULL: the second difference */
} counted;

static as_status multiply(void *context, int64_t n, const double *x, double *y)
{
    counted *const c = context;
    c->products++;
    for (int64_t i = 0; i < n; i++) {
        y[i] = c->diagonal != NULL ? c->diagonal[i] * x[i]
                                   : 2 * x[i] - (i > 0 ? x[i - 1] : 0) - (i + 1 < n ? x[i + 1] : 0);
    }
    if (c->products == c->bad_at) {
        y[n / 2] = NAN;
    }
    return AS_OK;
}

static void test_tridiagonal_values_and_vectors(void **state)
{
    (void)state;
    static const int64_t orders[] = {1, 2, 3, 10, 57};
    for (size_t t = 0; t < sizeof orders / sizeof orders[0]; t++) {
        const int64_t n = orders[t];
        double d[57], e[57], *rows = calloc((size_t)(n * n), sizeof *rows);
        for (int64_t i = 0; i < n; i++) {
            d[i] = 2, e[i] = -1, rows[i * n + i] = 1;
        }
        assert_int_equal(as_tridiagonal_eigen(n, d, e, rows, n), AS_OK);
        for (int64_t k = 0; k < n; k++) {
            assert_near(d[k], wave(n, k + 1), 1e-14 * 4 * 10);
            const double *const v = rows + k * n;
            double square = 0;
            for (int64_t i = 0; i < n; i++) { /* T v = value v */
                const double y = 2 * v[i] - (i > 0 ? v[i - 1] : 0) - (i + 1 < n ? v[i + 1] : 0);
                assert_near(y, d[k] * v[i], 1e-13);
                square += v[i] * v[i];
            }
            assert_near(square, 1, 1e-13);
        }
        free(rows);
    }
    double d[3] = {1, NAN, 2}, e[3] = {1, 1, 0};
    assert_int_equal(as_tridiagonal_eigen(3, d, e, NULL, 0), AS_DIVERGED);
    assert_int_equal(as_tridiagonal_eigen(0, d, e, NULL, 0), AS_OK);
}

/* Wilkinson's matrix W21+: its two largest values agree to 15 digits; 10.746194182903... (Wilkinson 1965, p. 309). */
static void test_tridiagonal_of_wilkinson(void **state)
{
    (void)state;
    double d[21], e[21];
    for (int i = 0; i < 21; i++) {
        d[i] = fabs(i - 10.0), e[i] = 1;
    }
    assert_int_equal(as_tridiagonal_eigen(21, d, e, NULL, 0), AS_OK);
    assert_near(d[20], 10.7461941829034, 2e-13);
    assert_near(d[19], 10.7461941829033, 2e-13);
    assert_near(d[0], -1.12544152211998, 2e-13);
}

static void test_all_steps_give_the_whole_spectrum(void **state)
{
    (void)state;
    enum { N = 60 };
    counted c = {0};
    as_lanczos l;
    assert_int_equal(
        as_lanczos_run(&(as_lanczos_options){.n = N, .steps = 1000, .seed = 3, .vectors = true}, multiply, &c, &l),
        AS_OK);
    assert_int_equal(l.steps, N);
    assert_int_equal(c.products, N);
    double total = 0;
    for (int k = 0; k < N; k++) {
        assert_near(l.value[k], wave(N, k + 1), 1e-12); /* n eps ||A|| = 5e-14, and a factor for the chain of steps */
        assert_true(l.residual[k] == 0);
        total += l.weight[k];
        double y[N];
        multiply(&c, N, l.vector + k * N, y);
        for (int i = 0; i < N; i++) {
            assert_near(y[i], l.value[k] * l.vector[k * N + i], 1e-12);
        }
    }
    assert_near(total, 1, 1e-12);
    as_lanczos_destroy(&l);
}

static void test_residuals_are_those_of_the_vectors_and_bound_the_error(void **state)
{
    (void)state;
    enum { N = 500, STEPS = 30 };
    counted c = {0};
    as_lanczos l;
    assert_int_equal(
        as_lanczos_run(&(as_lanczos_options){.n = N, .steps = STEPS, .seed = 1, .vectors = true}, multiply, &c, &l),
        AS_OK);
    assert_int_equal(l.steps, STEPS);
    assert_false(l.exhausted);
    for (int k = 0; k < STEPS; k++) {
        double y[N], square = 0, nearest = 10;
        multiply(&c, N, l.vector + k * N, y);
        for (int i = 0; i < N; i++) {
            const double r = y[i] - l.value[k] * l.vector[k * N + i];
            square += r * r;
            nearest = fmin(nearest, fabs(l.value[k] - wave(N, i + 1)));
        }
        assert_near(sqrt(square), l.residual[k], 1e-12);
        assert_true(nearest <= l.residual[k] + 1e-12);
    }
    as_lanczos_destroy(&l);
}

/* One value far from a crowd: found to the tolerance in far fewer products than the order. */
static void test_stops_when_the_wanted_ends_are_known(void **state)
{
    (void)state;
    enum { N = 400 };
    double diagonal[N];
    for (int i = 0; i < N; i++) {
        diagonal[i] = i == 17 ? 50 : i == 5 ? -9 : 1 + i * 1e-3;
    }
    counted c = {.diagonal = diagonal};
    as_lanczos l;
    assert_int_equal(
        as_lanczos_run(&(as_lanczos_options){.n = N, .steps = 200, .seed = 7, .wanted = 1, .tolerance = 1e-10},
                       multiply, &c, &l),
        AS_OK);
    assert_true(c.products < 20);
    assert_int_equal(c.products, l.steps);
    assert_near(l.value[l.steps - 1], 50, 1e-10);
    assert_near(l.value[0], -9, 1e-10);
    assert_null(l.vector);
    as_lanczos_destroy(&l);
}

/* Three different values: the Krylov space has three dimensions, whatever the order. */
static void test_an_invariant_space_ends_it(void **state)
{
    (void)state;
    enum { N = 90 };
    double diagonal[N], start[N];
    for (int i = 0; i < N; i++) {
        diagonal[i] = (double)(i % 3) * 1e6 - 1e6;
        start[i] = 1e-200;
    }
    counted c = {.diagonal = diagonal};
    as_lanczos l;
    assert_int_equal(as_lanczos_run(&(as_lanczos_options){.n = N, .steps = 50, .start = start}, multiply, &c, &l),
                     AS_OK);
    assert_true(l.exhausted);
    assert_int_equal(l.steps, 3);
    for (int k = 0; k < 3; k++) {
        assert_near(l.value[k], (k - 1) * 1e6, 1e-9);
        assert_near(l.weight[k], 1.0 / 3, 1e-12);
    }
    as_lanczos_destroy(&l);
    memset(diagonal, 0, sizeof diagonal); /* the zero operator */
    assert_int_equal(as_lanczos_run(&(as_lanczos_options){.n = N, .steps = 50, .seed = 2}, multiply, &c, &l), AS_OK);
    assert_true(l.exhausted && l.steps == 1 && l.value[0] == 0);
    as_lanczos_destroy(&l);
}

static void test_bad_input_is_named(void **state)
{
    (void)state;
    counted c = {.bad_at = 3};
    as_lanczos l;
    assert_int_equal(as_lanczos_run(&(as_lanczos_options){.n = 10, .steps = 5}, multiply, &c, &l), AS_DIVERGED);
    assert_non_null(strstr(as_error_message(), "product 3"));
    as_lanczos_destroy(&l);
    double zero[10] = {0};
    assert_int_equal(as_lanczos_run(&(as_lanczos_options){.n = 10, .steps = 5, .start = zero}, multiply, &c, &l),
                     AS_USAGE);
    as_lanczos_destroy(&l);
    zero[4] = INFINITY;
    assert_int_equal(as_lanczos_run(&(as_lanczos_options){.n = 10, .steps = 5, .start = zero}, multiply, &c, &l),
                     AS_USAGE);
    assert_non_null(strstr(as_error_message(), "element 4"));
    as_lanczos_destroy(&l);
    assert_int_equal(as_lanczos_run(&(as_lanczos_options){.n = 0, .steps = 5}, multiply, &c, &l), AS_USAGE);
    as_lanczos_destroy(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tridiagonal_values_and_vectors),
        cmocka_unit_test(test_tridiagonal_of_wilkinson),
        cmocka_unit_test(test_all_steps_give_the_whole_spectrum),
        cmocka_unit_test(test_residuals_are_those_of_the_vectors_and_bound_the_error),
        cmocka_unit_test(test_stops_when_the_wanted_ends_are_known),
        cmocka_unit_test(test_an_invariant_space_ends_it),
        cmocka_unit_test(test_bad_input_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
