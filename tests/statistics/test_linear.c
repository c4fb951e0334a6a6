/* Ridge, lasso, elastic net and Bayesian regression against scikit-learn and their own optimality conditions. Columns
   are scaled to unit variance, as the references have them. */
#include "statistics/fit.h"

#include "reference/regression.h"

enum { P = 10, ROWS = 442 };
#define SCALED                                                                                                         \
    ", target: [target], features: [age, sex, bmi, bp, s1, s2, s3, s4, s5, s6], labels: false}\n  normalize: mean_std"

static char *diabetes(void)
{
    as_text text = {0};
    as_text_add(&text, "%s", diabetes_head);
    for (int i = 0; diabetes_rows[i] != NULL; i++) {
        as_text_add(&text, "%s", diabetes_rows[i]);
    }
    return text.data;
}

static void test_ridge_of_several_penalties_at_once(void **state)
{
    (void)state;
    char *const table = diabetes();
    fitted f;
    assert_int_equal(fit_table("ridge", table, SCALED, "{type: ridge, alpha: [0.1, 10, 1000]}", &f), AS_OK);
    const double *const path = fitted_reals(&f, "/inference/coef_path");
    assert_close("alpha 0.1", path, ridge_coef_1, P, 1e-9, 0);
    assert_close("alpha 10", path + P, ridge_coef_100, P, 1e-9, 0);
    assert_close("alpha 1000", path + 2 * P, ridge_coef_10000, P, 1e-9, 0);
    /* GCV by its definition for the middle one, with the residual from the rows themselves. */
    double freedom = 0;
    for (int j = 0; j < P; j++) {
        const double s = fitted_reals(&f, "/params/singular_")[j];
        freedom += s * s / (s * s + 10);
    }
    assert_array(&f, "/inference/df", fitted_reals(&f, "/inference/df"), 3, 0);
    assert_close("df", fitted_reals(&f, "/inference/df") + 1, &freedom, 1, 1e-12, 0);
    assert_described(&f, "not defined", true);
    fitted_close(&f);
    free(table);
}

static void test_lasso_and_elastic_net(void **state)
{
    (void)state;
    char *const table = diabetes();
    fitted f;
    assert_int_equal(fit_table("lasso", table, SCALED, "{type: lasso, alpha: 1, tol: 1e-13}", &f), AS_OK);
    assert_close("lasso", fitted_reals(&f, "/params/coef_"), lasso_coef, P, 1e-8, 1e-10);
    assert_array(&f, "/params/intercept_", lasso_coef + P, 1, 1e-12);
    assert_true(*fitted_reals(&f, "/inference/kkt") <= 1e-13);
    fitted_close(&f);
    assert_int_equal(fit_table("net", table, SCALED, "{type: elastic_net, alpha: 0.5, l1_ratio: 0.3, tol: 1e-13}", &f),
                     AS_OK);
    assert_close("elastic net", fitted_reals(&f, "/params/coef_"), elastic_net_coef, P, 1e-8, 1e-10);
    fitted_close(&f);
    free(table);
}

/* A list of penalties that the best one lies beyond is said to: y = a exactly, or without a. */
static void test_penalties_that_end_too_early_are_named(void **state)
{
    (void)state;
    static const char exact[] = "a,y\n1,1.1\n2,1.9\n3,3.1\n4,3.9\n5,5.1\n6,5.9\n";
    static const char noise[] = "a,y\n1,1\n2,-1\n3,-1\n4,1\n5,1\n6,-1\n7,-1\n8,1.1\n";
    fitted f;
    assert_int_equal(fit_table("early", exact, ", target: [y]}", "{type: ridge, alpha: [1, 10]}", &f), AS_OK);
    assert_described(&f, "The smallest penalty is the best of them", true);
    fitted_close(&f);
    assert_int_equal(fit_table("late", noise, ", target: [y]}", "{type: ridge, alpha: [1, 10]}", &f), AS_OK);
    assert_described(&f, "The largest penalty is the best of them", true);
    fitted_close(&f);
    assert_int_equal(fit_table("within", exact, ", target: [y]}", "{type: ridge, alpha: [0, 10]}", &f), AS_OK);
    assert_described(&f, "penalty is the best of them", false); /* none is smaller than 0 */
    fitted_close(&f);
    assert_int_equal(fit_table("without", noise, ", target: [y]}", "{type: lasso, n_alphas: 5}", &f), AS_OK);
    assert_described(&f, "penalty is the best of them", false); /* no coefficient is left */
    fitted_close(&f);
}

/* Along a path: no coefficient at the largest penalty, conditions hold everywhere, RSS falls. */
static void test_a_path_of_penalties(void **state)
{
    (void)state;
    char *const table = diabetes();
    fitted f;
    assert_int_equal(fit_table("path", table, SCALED, "{type: lasso, n_alphas: 40}", &f), AS_OK);
    const double *const nonzero = fitted_reals(&f, "/inference/nonzero"), *const rss =
                                                                              fitted_reals(&f, "/inference/rss");
    const double *const kkt = fitted_reals(&f, "/inference/kkt_path"), *const alphas =
                                                                           fitted_reals(&f, "/inference/alphas");
    assert_true(nonzero[0] == 0 && nonzero[39] >= 9);
    for (int i = 0; i < 40; i++) {
        assert_true(kkt[i] <= 1e-10);
        assert_true(i == 0 || (rss[i] <= rss[i - 1] && alphas[i] < alphas[i - 1]));
    }
    fitted_close(&f);
    free(table);
}

static void test_bayesian_regression_and_its_evidence(void **state)
{
    (void)state;
    char *const table = diabetes();
    fitted f;
    assert_int_equal(fit_table("bayes", table, SCALED, "{type: bayes_linear, tol: 1e-14}", &f), AS_OK);
    assert_array(&f, "/params/coef_", bayes_coef, P, 1e-8);
    assert_array(&f, "/params/alpha_", bayes_alpha_lambda, 1, 1e-9);
    assert_array(&f, "/params/lambda_", bayes_alpha_lambda + 1, 1, 1e-9);
    assert_array(&f, "/inference/bse", bayes_sigma, P, 1e-8);
    /* At its maximum the evidence does not notice what alpha and lambda lack: log density of the normal, to 1e-12. */
    assert_array(&f, "/inference/evidence", bayes_evidence, 1, 1e-12);
    fitted_close(&f);
    free(table);
}

/* A weight says how often a row is there. The same sums in another order: 1e-12 of the solution, and what the turns of
   alpha and lambda lack by tol, 1e-10. */
static void test_bayesian_regression_of_weighted_rows(void **state)
{
    (void)state;
    fitted once, often;
    assert_int_equal(fit_table("bayes_weighted", "a,b,y,w\n1,2,3,2\n2,1,5,1\n4,3,8,3\n5,9,9,1\n7,2,13,2\n",
                               ", target: [y], weight: w, labels: false}", "{type: bayes_linear, tol: 1e-14}", &once),
                     AS_OK);
    assert_int_equal(fit_table("bayes_often",
                               "a,b,y\n1,2,3\n1,2,3\n2,1,5\n4,3,8\n4,3,8\n4,3,8\n5,9,9\n7,2,13\n7,2,13\n",
                               ", target: [y], labels: false}", "{type: bayes_linear, tol: 1e-14}", &often),
                     AS_OK);
    assert_array(&once, "/params/coef_", fitted_reals(&often, "/params/coef_"), 2, 1e-10);
    assert_array(&once, "/params/alpha_", fitted_reals(&often, "/params/alpha_"), 1, 1e-10);
    assert_array(&once, "/params/lambda_", fitted_reals(&often, "/params/lambda_"), 1, 1e-10);
    assert_array(&once, "/inference/evidence", fitted_reals(&often, "/inference/evidence"), 1, 1e-10);
    fitted_close(&once);
    fitted_close(&often);
}

static void test_bad_tables(void **state)
{
    (void)state;
    fitted f;
    assert_int_equal(
        fit_table("flat", "a,y\n1,2\n2,2\n3,2\n", ", target: [y], labels: false}", "{type: bayes_linear}", &f),
        AS_DATA);
    assert_non_null(strstr(as_error_message(), "the same in all 3 rows"));
    assert_int_equal(
        fit_table("still", "a,y\n5,2\n5,1\n5,4\n", ", target: [y], labels: false}", "{type: bayes_linear}", &f),
        AS_DATA);
    assert_int_equal(
        fit_table("none", "a,y\n1,2\n2,1\n", ", target: [y], labels: false}", "{type: ridge, alpha: []}", &f),
        AS_CONFIG);
    /* A constant column and an equal one: no NaN, equal shares. */
    assert_int_equal(fit_table("equal", "a,b,c,y\n1,1,7,2\n2,2,7,1\n4,4,7,5\n3,3,7,5\n",
                               ", target: [y], labels: false}", "{type: ridge, alpha: [0, 1]}", &f),
                     AS_OK);
    const double *const path = fitted_reals(&f, "/inference/coef_path");
    for (int i = 0; i < 2; i++) {
        assert_true(fabs(path[3 * i] - path[3 * i + 1]) < 1e-14 && fabs(path[3 * i + 2]) < 1e-14);
    }
    assert_true(fabs(2 * path[0] - 1.3) < 1e-13);
    fitted_close(&f);
    assert_int_equal(fit_table("equal", NULL, ", target: [y], labels: false}", "{type: lasso, alpha: 0.1}", &f), AS_OK);
    assert_true(fitted_reals(&f, "/params/coef_")[2] == 0);
    fitted_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ridge_of_several_penalties_at_once),
        cmocka_unit_test(test_lasso_and_elastic_net),
        cmocka_unit_test(test_penalties_that_end_too_early_are_named),
        cmocka_unit_test(test_a_path_of_penalties),
        cmocka_unit_test(test_bayesian_regression_and_its_evidence),
        cmocka_unit_test(test_bayesian_regression_of_weighted_rows),
        cmocka_unit_test(test_bad_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
