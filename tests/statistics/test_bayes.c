/* Naive Bayes, LDA and QDA against scikit-learn; tables that they refuse. Parameters are sums of 240 numbers, whose
   rounding is below 240 eps = 5e-14 of them: 1e-12 for naive Bayes; matrices of condition below 100: 1e-8. */
#include "statistics/table.h"

#include "base/error.h"
#include "reference/mixtures.h"

static void fit(const char *name, const char *model, bool whole, fitted *f)
{
    char *const text = table_text(whole, 0);
    const as_status status = fit_table(name, text, LABELS, model, f);
    if (status != AS_OK) {
        print_error("%s\n", as_error_message());
    }
    assert_int_equal(status, AS_OK);
    free(text);
}

/* Posterior probabilities of the first five rows. */
static void check_predictions(const fitted *f, const double *expected, double relative)
{
    double out[ROWS * CLASSES];
    fitted_predict(f, out);
    assert_close("probability", out, expected, (int64_t)5 * CLASSES, relative, 0);
}

static void test_table_is_that_of_the_reference(void **state)
{
    (void)state;
    double x[ROWS][COLUMNS], sums[3] = {0};
    int64_t y[ROWS];
    make_table(x, y);
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLUMNS; j++) {
            sums[0] += x[i][j];
            sums[1] += x[i][j] * (j + 1);
        }
        sums[2] += (double)y[i];
    }
    assert_close("sums", sums, table_check, 3, 1e-14, 0);
}

static void test_gaussian(void **state)
{
    (void)state;
    fitted f;
    fit("gaussian", "{type: gaussian_nb}", false, &f);
    assert_array(&f, "/params/theta_", gaussian_theta_, CLASSES * COLUMNS, 1e-12);
    assert_array(&f, "/params/var_", gaussian_var_, CLASSES * COLUMNS, 1e-12);
    assert_array(&f, "/params/class_prior_", gaussian_class_prior_, CLASSES, 1e-12);
    assert_array(&f, "/params/epsilon_", gaussian_epsilon_, 1, 1e-12);
    check_predictions(&f, gaussian_proba, 1e-12);
    fitted_close(&f);
    fit("gaussian", "{type: gaussian_nb, priors: [0.5, 0.25, 0.25], var_smoothing: 1.0e-3}", false, &f);
    assert_array(&f, "/params/var_", gaussian_smooth_var_, CLASSES * COLUMNS, 1e-12);
    check_predictions(&f, gaussian_smooth_proba, 1e-12);
    fitted_close(&f);
}

/* A spread of 2 beside means of 1e6 (whole 16ths, so that the table is the same): nothing may be lost. */
static void test_large_means_lose_nothing(void **state)
{
    (void)state;
    char *const text = table_text(false, 1048576);
    fitted f;
    assert_int_equal(fit_table("large", text, LABELS, "{type: gaussian_nb, var_smoothing: 0}", &f), AS_OK);
    double expected[CLASSES * COLUMNS];
    for (int i = 0; i < CLASSES * COLUMNS; i++) {
        expected[i] = gaussian_var_[i] - gaussian_epsilon_[0];
    }
    assert_array(&f, "/params/var_", expected, CLASSES * COLUMNS, 1e-9); /* eps 1e6 / 2 for each mean */
    fitted_close(&f);
    free(text);
}

static void test_multinomial(void **state)
{
    (void)state;
    fitted f;
    fit("multinomial", "{type: multinomial_nb, alpha: 0.5}", false, &f);
    assert_array(&f, "/params/feature_log_prob_", multinomial_feature_log_prob_, CLASSES * COLUMNS, 1e-12);
    assert_array(&f, "/params/class_log_prior_", multinomial_class_log_prior_, CLASSES, 1e-12);
    assert_array(&f, "/params/feature_count_", multinomial_feature_count_, CLASSES * COLUMNS, 1e-12);
    check_predictions(&f, multinomial_proba, 1e-12);
    fitted_close(&f);
}

static void test_bernoulli(void **state)
{
    (void)state;
    fitted f;
    fit("bernoulli", "{type: bernoulli_nb, alpha: 0.5, binarize: 6, fit_prior: false}", false, &f);
    assert_array(&f, "/params/feature_log_prob_", bernoulli_feature_log_prob_, CLASSES * COLUMNS, 1e-12);
    assert_array(&f, "/params/class_log_prior_", bernoulli_class_log_prior_, CLASSES, 1e-12);
    assert_array(&f, "/params/feature_count_", bernoulli_feature_count_, CLASSES * COLUMNS, 1e-12);
    check_predictions(&f, bernoulli_proba, 1e-12);
    fitted_close(&f);
}

static void test_categorical(void **state)
{
    (void)state;
    enum { MOST = 24 };
    const double *const expected[] = {categorical_0, categorical_1, categorical_2, categorical_3};
    fitted f;
    fit("categorical", "{type: categorical_nb, alpha: 0.5, max_categories: 24}", true, &f);
    for (int j = 0; j < COLUMNS; j++) {
        const int64_t n = fitted_integers(&f, "/params/n_categories_")[j];
        assert_int_equal(n, (int64_t)categorical_n[j]);
        for (int k = 0; k < CLASSES; k++) {
            const double *found = fitted_reals(&f, "/params/feature_log_prob_") + (k * COLUMNS + j) * MOST;
            assert_close("feature_log_prob_", found, expected[j] + k * n, n, 1e-12, 0);
            assert_true(n == MOST || found[n] == -HUGE_VAL);
        }
    }
    check_predictions(&f, categorical_proba, 1e-12);
    fitted_close(&f);
}

static void test_lda(void **state)
{
    (void)state;
    enum { AXES = CLASSES - 1 };
    fitted f;
    fit("lda", "{type: lda}", false, &f);
    assert_array(&f, "/params/means_", lda_means_, CLASSES * COLUMNS, 1e-8);
    assert_array(&f, "/params/covariance_", lda_covariance_, COLUMNS * COLUMNS, 1e-8);
    assert_array(&f, "/params/coef_", lda_coef_, CLASSES * COLUMNS, 1e-8);
    assert_array(&f, "/params/intercept_", lda_intercept_, CLASSES, 1e-8);
    assert_array(&f, "/params/explained_variance_ratio_", lda_ratio, AXES, 1e-8);
    check_predictions(&f, lda_proba, 1e-8);
    const double *scalings = fitted_reals(&f, "/params/scalings_"), *center = fitted_reals(&f, "/params/xbar_");
    double x[ROWS][COLUMNS], projected[5 * AXES] = {0};
    int64_t y[ROWS];
    make_table(x, y);
    for (int i = 0; i < 5 * AXES; i++) {
        for (int j = 0; j < COLUMNS; j++) {
            projected[i] += (x[i / AXES][j] - center[j]) * scalings[j * AXES + i % AXES];
        }
        projected[i] = fabs(projected[i]);
    }
    assert_close("projection", projected, lda_transform, (int64_t)5 * AXES, 1e-8, 1e-10);
    fitted_close(&f);
}

static void test_qda(void **state)
{
    (void)state;
    fitted f;
    fit("qda", "{type: qda}", false, &f);
    assert_array(&f, "/params/covariance_", qda_covariance_, CLASSES * COLUMNS * COLUMNS, 1e-8);
    check_predictions(&f, qda_proba, 1e-8);
    fitted_close(&f);
    fit("qda", "{type: qda, reg_param: 0.1, priors: [0.2, 0.3, 0.5]}", false, &f);
    check_predictions(&f, qda_reg_proba, 1e-8);
    fitted_close(&f);
}

static void refuses(const char *table, const char *model, as_status code, const char *piece)
{
    fitted f;
    const as_status status = fit_table("refused", table, ", target: [y]}", model, &f);
    if (status != code || strstr(as_error_message(), piece) == NULL) {
        fail_msg("%s: expected %d '%s', found %d '%s'", model, code, piece, status, as_error_message());
    }
}

static void test_bad_tables_are_refused(void **state)
{
    (void)state;
    static const char one[] = "a,b,y\n1,2,1\n2,3,1\n4,1,1\n", negative[] = "a,b,y\n1,2,0\n2,-3,1\n4,1,1\n";
    static const char *const kinds[] = {"gaussian_nb", "multinomial_nb", "bernoulli_nb", "categorical_nb", "lda",
                                        "qda"};
    for (int i = 0; i < 6; i++) {
        char model[64];
        snprintf(model, sizeof model, "{type: %s}", kinds[i]);
        refuses(one, model, AS_DATA, "all 3 samples are of class 1");
    }
    refuses(negative, "{type: multinomial_nb}", AS_DATA, "row 1, column b");
    refuses(negative, "{type: categorical_nb}", AS_DATA, "found -3");
    refuses("a,b,y\n1,2.5,0\n2,3,1\n", "{type: categorical_nb}", AS_DATA, "whole numbers from 0 to 31");
    refuses("a,b,y\n1,2,0\n2,77,1\n", "{type: categorical_nb}", AS_DATA, "found 77");
    refuses("a,b,y\n1,2,0\n2,nan,1\n", "{type: lda}", AS_DATA, "row 1");
    refuses("a,b,y\n1,2,0\n1,2,0\n3,4,1\n3,4,1\n", "{type: lda}", AS_DATA, "all 2 columns are constant");
    refuses("a,b,y\n1,2,0\n2,4,0\n3,1,1\n5,2,1\n", "{type: qda}", AS_DATA, "rank 1 of 2 columns");
    refuses("a,b,y\n1,2,0\n2,5,0\n1,7,0\n3,1,1\n", "{type: qda}", AS_DATA,
            "class 1 (samples of weight 1) has rank 0 of 2");
    refuses("a,b,y\n1,2,0\n1,2,0\n3,1,1\n", "{type: gaussian_nb, var_smoothing: 0}", AS_DATA, "no spread in class 0");
    refuses(negative, "{type: gaussian_nb, priors: [0.5, 0.6]}", AS_CONFIG, "a sum of 1.1");
    refuses(negative, "{type: bernoulli_nb, class_prior: [1]}", AS_CONFIG, "one for each class, found 1");
}

/* A class without samples gets no probability, and no number is missing. */
static void test_empty_class_is_never_predicted(void **state)
{
    (void)state;
    static const char *const models[] = {"{type: gaussian_nb}",  "{type: multinomial_nb}",
                                         "{type: bernoulli_nb}", "{type: categorical_nb}",
                                         "{type: lda}",          "{type: qda, reg_param: 0.5}"};
    for (int i = 0; i < 6; i++) {
        double out[8 * 3];
        fitted f;
        assert_int_equal(fit_table("empty", "a,b,y\n1,2,0\n2,4,0\n1,3,0\n2,2,0\n3,1,2\n5,2,2\n4,1,2\n5,1,2\n",
                                   ", target: [y], labels: true}", models[i], &f),
                         AS_OK);
        fitted_predict(&f, out);
        for (int r = 0; r < 8; r++) {
            assert_true(out[r * 3 + 1] == 0);
            assert_true(fabs(out[r * 3] + out[r * 3 + 2] - 1) < 1e-12);
        }
        fitted_close(&f);
    }
}

/* A column that the others give takes no part in the rule and is named; the rest is what it is without it. */
static void test_lda_leaves_dependent_columns_out(void **state)
{
    (void)state;
    static const char with[] = "a,b,c,y\n1,2,3,0\n2,5,7,0\n3,3,6,0\n5,1,6,1\n7,2,9,1\n6,4,10,1\n";
    double out[2][12];
    fitted f;
    assert_int_equal(fit_table("dependent", with, ", target: [y]}", "{type: lda}", &f), AS_OK);
    assert_described(&f, " c\n", true);
    fitted_predict(&f, out[0]);
    fitted_close(&f);
    assert_int_equal(fit_table("dependent", NULL, ", target: [y], features: [a, b]}", "{type: lda}", &f), AS_OK);
    fitted_predict(&f, out[1]);
    assert_close("probability", out[0], out[1], 12, 1e-12, 0);
    fitted_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_that_of_the_reference),
        cmocka_unit_test(test_gaussian),
        cmocka_unit_test(test_large_means_lose_nothing),
        cmocka_unit_test(test_multinomial),
        cmocka_unit_test(test_bernoulli),
        cmocka_unit_test(test_categorical),
        cmocka_unit_test(test_lda),
        cmocka_unit_test(test_qda),
        cmocka_unit_test(test_bad_tables_are_refused),
        cmocka_unit_test(test_empty_class_is_never_predicted),
        cmocka_unit_test(test_lda_leaves_dependent_columns_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
