/* Principal components and covariance against numpy; graded and distant columns; random directions within their bound.
 */
#include "statistics/fit.h"

#include <float.h>

#include "reference/regression.h"

enum { P = 10 };
#define COLUMNS ", features: [age, sex, bmi, bp, s1, s2, s3, s4, s5, s6]}"

static char *diabetes(void)
{
    as_text text = {0};
    as_text_add(&text, "%s", diabetes_head);
    for (int i = 0; diabetes_rows[i] != NULL; i++) {
        as_text_add(&text, "%s", diabetes_rows[i]);
    }
    return text.data;
}

/* Both ways give numpy's spectrum to 1e-10; the components, signs included, to the gaps between its values. */
static void test_the_spectrum_is_that_of_numpy(void **state)
{
    (void)state;
    static const char *const solvers[] = {"auto", "gram", "qr"};
    char *const table = diabetes();
    for (int i = 0; i < 3; i++) {
        char model[64];
        fitted f;
        snprintf(model, sizeof model, "{type: pca, solver: %s}", solvers[i]);
        assert_int_equal(fit_table("pca", table, COLUMNS, model, &f), AS_OK);
        assert_array(&f, "/params/singular_values_", pca_singular_values, P, 1e-10);
        assert_array(&f, "/params/explained_variance_", pca_explained_variance, P, 1e-10);
        assert_close("components", fitted_reals(&f, "/params/components_"), pca_components, (int64_t)P * P, 0, 1e-9);
        fitted_close(&f);
    }
    free(table);
}

static void test_covariance_is_that_of_numpy(void **state)
{
    (void)state;
    char *const table = diabetes();
    fitted f;
    assert_int_equal(fit_table("covariance", table, COLUMNS, "{type: covariance}", &f), AS_OK);
    assert_close("covariance", fitted_reals(&f, "/params/covariance_"), covariance, (int64_t)P * P, 1e-10, 1e-10);
    assert_close("correlation", fitted_reals(&f, "/inference/correlation"), correlation, (int64_t)P * P, 1e-10, 1e-12);
    const double *const c = fitted_reals(&f, "/params/covariance_"), *const q = fitted_reals(&f, "/params/precision_");
    for (int i = 0; i < P; i++) {
        for (int j = 0; j < P; j++) {
            double sum = 0;
            for (int k = 0; k < P; k++) {
                sum += c[i * P + k] * q[k * P + j];
            }
            assert_true(fabs(sum - (i == j)) < 1e-9);
        }
    }
    fitted_close(&f);
    free(table);
}

/* Columns of 1, 1e-4, 1e-8 and 1e-12 that are orthogonal by construction: the scatter has lost the small ones, auto
   sees that and takes the triangle, which keeps every digit. */
static void test_graded_columns_keep_their_digits(void **state)
{
    (void)state;
    as_text table = {0};
    as_text_add(&table, "a,b,c,d\n");
    for (int i = 0; i < 64; i++) { /* Walsh functions */
        as_text_add(&table, "%d,%de-4,%de-8,%de-12\n", i & 1 ? 1 : -1, i & 2 ? 1 : -1, i & 4 ? 1 : -1, i & 8 ? 1 : -1);
    }
    fitted f;
    assert_int_equal(fit_table("graded", table.data, "}", "{type: pca}", &f), AS_OK);
    for (int k = 0; k < 4; k++) {
        const double expected = 8 * pow(10, -4 * k);
        assert_close("singular value", fitted_reals(&f, "/params/singular_values_") + k, &expected, 1, 1e-13, 0);
        assert_true(fitted_reals(&f, "/params/components_")[5 * k] == 1);
    }
    assert_described(&f, "found by qr", true);
    fitted_close(&f);
    as_text_free(&table);
}

/* x = 1e9 + k / 8: sums of squares would have nothing left of the spread. */
static void test_distant_columns_keep_their_spread(void **state)
{
    (void)state;
    as_text table = {0};
    as_text_add(&table, "a,b\n");
    for (int i = 0; i < 100; i++) {
        as_text_add(&table, "%.3f,%.3f\n", 1e9 + i / 8.0, 1e9 - (i % 10) / 8.0);
    }
    fitted f;
    assert_int_equal(fit_table("distant", table.data, "}", "{type: covariance}", &f), AS_OK);
    const double first = 100.0 * (100.0 * 100 - 1) / 12 / 99 / 64, second = 10 * 10 * (10.0 * 10 - 1) / 12 / 99 / 64;
    assert_close("variance", fitted_reals(&f, "/params/covariance_"), &first, 1, 1e-12, 0);
    assert_close("variance", fitted_reals(&f, "/params/covariance_") + 3, &second, 1, 1e-12, 0);
    fitted_close(&f);
    as_text_free(&table);
}

/* The same columns by their triangle: the spectrum is that of the columns near zero. Differences of neighbours are
   exact, so what is left is the rounding of a QR of spreads of 10: some 1e-15. */
static void test_the_triangle_of_distant_columns(void **state)
{
    (void)state;
    double expected[3] = {0};
    for (int far = 0; far < 2; far++) {
        as_text table = {0};
        as_text_add(&table, "a,b,c\n");
        for (int i = 0; i < 100; i++) {
            as_text_add(&table, "%.3f,%.3f,%.3f\n", 1e9 * far + i / 8.0, -2e9 * far - (i * i % 10) / 8.0,
                        5e8 * far + (i * i % 7) / 8.0 + i / 4.0);
        }
        fitted f;
        assert_int_equal(fit_table("far", table.data, "}", "{type: pca, solver: qr}", &f), AS_OK);
        const double *const found = fitted_reals(&f, "/params/explained_variance_");
        if (far) {
            assert_close("variances", found, expected, 3, 1e-13, 0);
        }
        memcpy(expected, found, sizeof expected);
        fitted_close(&f);
        as_text_free(&table);
    }
}

/* Components by random directions: each variance within its stated bound of one of the exact ones, and the first ones
   to 1e-8; whitened scores have the identity as covariance. */
static void test_random_directions_stay_within_their_bound(void **state)
{
    (void)state;
    as_text table = {0};
    for (int j = 0; j < 60; j++) {
        as_text_add(&table, "%sx%d", j > 0 ? "," : "", j);
    }
    as_text_add(&table, "\n");
    for (int i = 0; i < 200; i++) {
        for (int j = 0; j < 60; j++) {
            as_text_add(&table, "%s%.6f", j > 0 ? "," : "", 100 * sin(i * (j + 1.0) + 0.3 * j) / (1 + j));
        }
        as_text_add(&table, "\n");
    }
    fitted f, g;
    assert_int_equal(fit_table("exact", table.data, "}", "{type: pca, solver: qr}", &f), AS_OK);
    assert_int_equal(fit_table("random", table.data, "}", "{type: pca, solver: randomized, n_components: 5}", &g),
                     AS_OK);
    const double *const exact = fitted_reals(&f, "/params/explained_variance_");
    const double *const found = fitted_reals(&g, "/params/explained_variance_"), *const bound = fitted_reals(
                                                                                     &g, "/inference/error_bound");
    for (int k = 0; k < 5; k++) {
        double nearest = HUGE_VAL;
        for (int j = 0; j < 60; j++) {
            nearest = fmin(nearest, fabs(found[k] - exact[j]));
        }
        assert_true(nearest <= bound[k] + 1e-12 * exact[0]);
        assert_true(bound[k] < 0.05 * exact[0] && found[k] <= exact[k] * (1 + 1e-12));
        /* Halko's measure: sqrt of the variance no further than 1.05 of the first that is left out. */
        assert_true(sqrt(exact[k]) - sqrt(found[k]) <= 0.05 * sqrt(exact[5]));
    }
    assert_array(&g, "/inference/total_variance", fitted_reals(&f, "/inference/total_variance"), 1, 1e-12);
    fitted_close(&f);
    fitted_close(&g);
    as_text_free(&table);
}

static void test_bad_tables(void **state)
{
    (void)state;
    fitted f;
    assert_int_equal(fit_table("few", "a,b,c\n1,2,3\n2,1,3\n", "}", "{type: pca, n_components: 3}", &f), AS_DATA);
    assert_non_null(strstr(as_error_message(), "3 components of 2 rows"));
    assert_int_equal(fit_table("few", NULL, "}", "{type: pca, n_components: 4}", &f), AS_CONFIG);
    assert_int_equal(fit_table("one", "a,b\n1,2\n", "}", "{type: pca}", &f), AS_DATA);
    assert_int_equal(fit_table("one", NULL, "}", "{type: covariance}", &f), AS_DATA);
    /* Constant and equal columns: zeros, names, no NaN. */
    assert_int_equal(fit_table("equal", "a,b,c\n1,1,5\n2,2,5\n4,4,5\n", "}", "{type: covariance}", &f), AS_OK);
    assert_described(&f, "constant", true);
    assert_described(&f, "b =  1 a", true);
    assert_described(&f, "nan", false);
    fitted_close(&f);
    assert_int_equal(fit_table("equal", NULL, "}", "{type: pca, whiten: true}", &f), AS_OK);
    assert_described(&f, "nan", false);
    assert_true(fitted_reals(&f, "/params/explained_variance_")[2] < 1e-20);
    fitted_close(&f);
    assert_int_equal(
        fit_table("share", "a,b,c\n1,1,5\n2,-2,5.1\n4,3,5\n0,5,5.2\n", "}", "{type: pca, n_components: 0.9}", &f),
        AS_OK);
    assert_int_equal(*fitted_integers(&f, "/params/n_components_"), 2);
    fitted_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_spectrum_is_that_of_numpy),
        cmocka_unit_test(test_covariance_is_that_of_numpy),
        cmocka_unit_test(test_graded_columns_keep_their_digits),
        cmocka_unit_test(test_distant_columns_keep_their_spread),
        cmocka_unit_test(test_the_triangle_of_distant_columns),
        cmocka_unit_test(test_random_directions_stay_within_their_bound),
        cmocka_unit_test(test_bad_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
