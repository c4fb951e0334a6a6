/* Special functions against mpmath, and what must hold between them. References: tests/reference/make_special.py. */
#include "math/special.h"

#include "reference/special.h"
#include "unit/kernel_cases.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof *(table)))

/* A value has relative error `bound`, or an absolute one of a few of the smallest numbers where it underflows. */
static void check(const char *what, int row, double found, double expected, double bound)
{
    const bool same = found == expected || fabs(found - expected) <= bound * fabs(expected) + 1e-307;
    if (!same) {
        fail_msg("%s: row %d is %.17g, expected %.17g (relative error %g, bound %g)", what, row, found, expected,
                 fabs(found / expected - 1), bound);
    }
}

/* A logarithm l is right to `bound` relative in e^l, or in l where l is small itself (e^l near 1), or to the rounding
   of l where l is large. */
static void check_log(const char *what, int row, double found, double expected, double bound)
{
    const double allowed = bound * (fabs(expected) < 1 ? fabs(expected) : 1) + 1e-15 * fabs(expected);
    if (!(fabs(found - expected) <= allowed)) {
        fail_msg("%s: row %d is %.17g, expected %.17g (error %g, allowed %g)", what, row, found, expected,
                 fabs(found - expected), allowed);
    }
}

static void test_gamma_functions_are_mpmaths(void **unused)
{
    (void)unused;
    for (int i = 0; i < ROWS(reference_log_gamma); i++) {
        check("log gamma", i, as_log_gamma(reference_log_gamma[i][0]), reference_log_gamma[i][1], 2e-15);
    }
    for (int i = 0; i < ROWS(reference_digamma); i++) {
        check("digamma", i, as_digamma(reference_digamma[i][0]), reference_digamma[i][1], 1e-14);
    }
    for (int i = 0; i < ROWS(reference_log_beta); i++) {
        const double *r = reference_log_beta[i];
        /* Near B = 1 the logarithm has an absolute error of 1e-15. */
        assert_true(fabs(as_log_beta(r[0], r[1]) - r[2]) <= 2e-15 * (fabs(r[2]) + 10));
        assert_true(as_log_beta(r[0], r[1]) == as_log_beta(r[1], r[0]));
    }
}

static void test_error_functions_are_mpmaths(void **unused)
{
    (void)unused;
    for (int i = 0; i < ROWS(reference_erfc); i++) {
        check("erfc", i, as_erfc(reference_erfc[i][0]), reference_erfc[i][1], 1e-13);
        /* log erfc is 0 at 0: relative too. At 1e-20 erfc rounds to 1, its logarithm does not. */
        check_log("log erfc", i, as_log_erfc(reference_log_erfc[i][0]), reference_log_erfc[i][1], 1e-13);
    }
    for (int i = 0; i < ROWS(reference_normal_inverse); i++) {
        const double p = reference_normal_inverse[i][0];
        check("inverse normal", i, as_normal_inverse(p), reference_normal_inverse[i][1], 4e-15 + 1e-16 / (1 - p));
    }
}

/* P and Q to 1e-12 relative in the smaller one, down to e^-700; the larger one to 1e-15 absolute. */
static void test_incomplete_gamma_is_mpmaths(void **unused)
{
    (void)unused;
    for (int i = 0; i < ROWS(reference_log_gamma_pq); i++) {
        const double *r = reference_log_gamma_pq[i];
        check_log("log P", i, as_log_gamma_p(r[0], r[1]), r[2], 1e-12);
        check_log("log Q", i, as_log_gamma_q(r[0], r[1]), r[3], 1e-12);
    }
}

static void test_incomplete_beta_is_mpmaths(void **unused)
{
    (void)unused;
    for (int i = 0; i < ROWS(reference_log_beta_i); i++) {
        const double *r = reference_log_beta_i[i];
        /* y = 1 - x is a rounded number: y^b moves by b 2^-53. Where b is tiny the other tail is near 1. */
        check_log("log I", i, as_log_beta_i(r[0], r[1], r[2], r[3]), r[4], 5e-12 + 2e-14 / r[1] + 1.2e-16 * r[1]);
    }
}

static const double tails[] = {1e-300, 1e-100, 1e-60, 1e-12, 1e-3, 0.2, 0.5};
static const double shapes[] = {1e-3, 0.3, 1, 2.5, 40, 3000, 1e6};

/* f(inverse(p)) = p: a relative error e of x is one of e x f'(x) / f(x) in p, which is at most about
   sqrt(2 a log(1/p)) + a for these families where x moves by 1e-15. */
static void test_inverses_invert(void **unused)
{
    (void)unused;
    for (int t = 0; t < ROWS(tails); t++) {
        const double p = tails[t];
        for (int i = 0; i < ROWS(shapes); i++) {
            const double a = shapes[i];
            const double low = as_gamma_p_inverse(a, p), high = as_gamma_q_inverse(a, p);
            if (low > 0) {
                check("P(P^-1)", i, as_gamma_p(a, low), p, 1e-12 + 1e-14 * sqrt(a * -log(p)));
            } else {
                assert_true(as_log_gamma_p(a, 1e-307) > log(p)); /* it underflowed */
            }
            check("Q(Q^-1)", i, as_gamma_q(a, high), p, 1e-12 + 1e-14 * (sqrt(a * -log(p)) - log(p)));
            for (int j = 0; j < ROWS(shapes); j++) {
                const double b = shapes[j];
                double x, y;
                as_beta_inverse(a, b, p, &x, &y);
                if (x > 1e-290 && y > 1e-290) {
                    check("I(I^-1)", i * 10 + j, as_beta_i(a, b, x, y), p,
                          1e-12 + 1e-14 * (sqrt((a + b) * -log(p)) + b * x + a * y));
                }
                assert_true(x >= 0 && y >= 0 && x <= 1 && y <= 1 && fabs(x + y - 1) < 1e-15);
            }
        }
        check("normal", t, as_normal_cdf(as_normal_inverse(p)), p, 1e-15 * (2 - 3 * log(p)));
    }
}

static void test_outside_of_the_domain_is_nan(void **unused)
{
    (void)unused;
    assert_true(isnan(as_log_gamma(-1)) && isnan(as_digamma(0)) && isnan(as_log_beta(0, 1)));
    assert_true(isnan(as_gamma_p(0, 1)) && isnan(as_gamma_q(1, -1)) && isnan(as_gamma_p(1e13, 1)));
    assert_true(isnan(as_beta_i(1, 1, -0.1, 1.1)) && isnan(as_beta_i(0, 1, 0.5, 0.5)));
    assert_true(isnan(as_gamma_p_inverse(1, 1.5)) && isnan(as_normal_inverse(-0.1)) && isnan(as_normal_inverse(NAN)));
    assert_true(isnan(as_log_gamma(NAN)) && isnan(as_gamma_p(1, NAN)) && isnan(as_erfc(NAN)));
    assert_true(as_gamma_p(2, 0) == 0 && as_gamma_q(2, 0) == 1 && as_gamma_p(2, HUGE_VAL) == 1);
    assert_true(as_beta_i(2, 3, 0, 1) == 0 && as_beta_i(2, 3, 1, 0) == 1);
    assert_true(as_gamma_p_inverse(2, 0) == 0 && as_gamma_p_inverse(2, 1) == HUGE_VAL);
    assert_true(as_normal_inverse(0) == -HUGE_VAL && as_normal_inverse(1) == HUGE_VAL && as_normal_inverse(0.5) == 0);
    assert_true(as_log_gamma(0) == HUGE_VAL && as_log_gamma(1) == 0 && as_log_gamma(2) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gamma_functions_are_mpmaths),
        cmocka_unit_test(test_error_functions_are_mpmaths),
        cmocka_unit_test(test_incomplete_gamma_is_mpmaths),
        cmocka_unit_test(test_incomplete_beta_is_mpmaths),
        cmocka_unit_test(test_inverses_invert),
        cmocka_unit_test(test_outside_of_the_domain_is_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
