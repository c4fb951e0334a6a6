/* Logistic and Poisson regression and the linear support vector machine against statsmodels and scikit-learn; separated
   answers, dependent columns and other bad tables. 1e-8 is asked; what is found is 1e-10 or better, where the
   references stop. */
#include "statistics/fit.h"

#include "base/error.h"
#include "reference/glm.h"

#define LABELS ", target: [y], labels: true}"
#define REALS ", target: [y], labels: false}"
#define SHIPS ", target: [incidents], labels: false}"

static char *text_of(const char *const *lines)
{
    as_text text = {0};
    for (; *lines != NULL; lines++) {
        as_text_add(&text, "%s", *lines);
    }
    return text.data;
}

typedef struct expected {
    const double *params, *bse, *tvalues, *pvalues, *conf_int, *hc0, *scalars;
    int64_t n;
} expected;

static void check_inference(const fitted *f, const expected *e)
{
    static const char *const scalars[] = {"llf", "llnull", "prsquared", "llr",          "llr_pvalue",
                                          "aic", "bic",    "deviance",  "null_deviance"};
    char name[64];
    assert_array(f, "/inference/params", e->params, e->n, 1e-8);
    assert_array(f, "/inference/bse", e->bse, e->n, 1e-8);
    assert_array(f, "/inference/tvalues", e->tvalues, e->n, 1e-8);
    assert_array(f, "/inference/pvalues", e->pvalues, e->n, 1e-7); /* the slope of ln p is |z| */
    assert_array(f, "/inference/conf_int", e->conf_int, 2 * e->n, 1e-8);
    assert_array(f, "/inference/HC0_se", e->hc0, e->n, 1e-8);
    for (int i = 0; i < 9; i++) {
        snprintf(name, sizeof name, "/inference/%s", scalars[i]);
        assert_array(f, name, e->scalars + i, 1, 1e-8);
    }
}

static void test_inference_is_that_of_statsmodels(void **state)
{
    (void)state;
    const expected two = {logit_params,   logit_bse,    logit_tvalues, logit_pvalues,
                          logit_conf_int, logit_HC0_se, logit_scalars, 5};
    const expected many = {mnlogit_params,   mnlogit_bse,    mnlogit_tvalues, mnlogit_pvalues,
                           mnlogit_conf_int, mnlogit_HC0_se, mnlogit_scalars, 12};
    char *cancer = text_of(cancer_table), *wine = text_of(wine_table);
    static const char *const models[] = {"{type: logistic}", "{type: logistic, solver: newton}",
                                         "{type: logistic, solver: lbfgs, tol: 1e-3}"};
    for (int i = 0; i < 3; i++) {
        fitted f;
        assert_int_equal(fit_table("logit", cancer, LABELS, models[i], &f), AS_OK);
        check_inference(&f, &two);
        assert_described(&f, "smoothness", true);
        assert_described(&f, "Pearson chi2", true);
        fitted_close(&f);
        assert_int_equal(fit_table("mnlogit", wine, LABELS, models[i], &f), AS_OK);
        check_inference(&f, &many);
        assert_described(&f, "class 2 against class 0", true);
        /* coef_ of all classes add up to 0. */
        const double *coef = fitted_reals(&f, "/params/coef_");
        for (int j = 0; j < 5; j++) {
            assert_true(fabs(coef[j] + coef[5 + j] + coef[10 + j]) < 1e-14);
            assert_true(fabs(coef[5 + j] - coef[j] - mnlogit_params[1 + j]) < 1e-8);
        }
        fitted_close(&f);
    }
    fitted f;
    assert_int_equal(fit_table("logit_hc0", cancer, LABELS, "{type: logistic, cov_type: HC0}", &f), AS_OK);
    assert_array(&f, "/inference/bse", logit_HC0_se, 5, 1e-8);
    assert_array(&f, "/inference/pvalues", logit_HC0_pvalues, 5, 1e-7);
    fitted_close(&f);
    free(cancer);
    free(wine);
}

static as_status fit_ships(const char *name, const char *model, fitted *f)
{
    FILE *file = fopen(TEST_DATA "/../../configs/ships.csv", "r");
    char table[4096];
    assert_non_null(file);
    const size_t n = fread(table, 1, sizeof table - 1, file);
    fclose(file);
    table[n] = 0;
    return fit_table(name, table, SHIPS, model, f);
}

static void test_poisson_with_exposures_is_that_of_statsmodels(void **state)
{
    (void)state;
    const expected e = {poisson_params,   poisson_bse,    poisson_tvalues, poisson_pvalues,
                        poisson_conf_int, poisson_HC0_se, poisson_scalars, 9};
    static const char *const models[] = {"{type: poisson, exposure: months}",
                                         "{type: poisson, exposure: months, solver: lbfgs, tol: 1e-3}"};
    for (int i = 0; i < 2; i++) {
        fitted f;
        assert_int_equal(fit_ships("ships", models[i], &f), AS_OK);
        check_inference(&f, &e);
        assert_array(&f, "/inference/pearson_chi2", poisson_scalars + 9, 1, 1e-8);
        assert_described(&f, "column months is the exposure", true);
        fitted_close(&f);
    }
    fitted f;
    assert_int_equal(fit_ships("ships_none", "{type: poisson, exposure: weeks}", &f), AS_CONFIG);
    assert_non_null(strstr(as_error_message(), "no input column is called weeks"));
}

/* Newton, and L-BFGS whose gradient of 1e-10 leaves an error of about that over the least curvature. */
static void test_penalised_fits_are_those_of_scikit_learn(void **state)
{
    (void)state;
    char *cancer = text_of(cancer_table), *wine = text_of(wine_table), model[160];
    static const char *const solvers[] = {"newton, tol: 1e-8", "lbfgs, tol: 1e-10"};
    for (int i = 0; i < 2; i++) {
        fitted f;
        snprintf(model, sizeof model, "{type: logistic, penalty: l2, C: 0.5, solver: %s}", solvers[i]);
        assert_int_equal(fit_table("l2", wine, LABELS, model, &f), AS_OK);
        assert_array(&f, "/params/coef_", l2_coef, 15, 1e-6);
        assert_close("l2", fitted_reals(&f, "/params/coef_"), l2_coef, 15, 0, 1e-8);
        assert_array(&f, "/params/intercept_", l2_intercept, 3, 1e-6);
        assert_described(&f, "not defined for a penalised fit", true);
        fitted_close(&f);
        snprintf(model, sizeof model, "{type: logistic, penalty: l1, C: 0.02, solver: %s}", solvers[i]);
        assert_int_equal(fit_table("l1", cancer, LABELS, model, &f), AS_OK);
        assert_close("l1", fitted_reals(&f, "/params/coef_"), l1_coef, 4, 0, 1e-8);
        assert_array(&f, "/params/intercept_", l1_intercept, 1, 1e-7);
        for (int j = 0; j < 4; j++) {
            assert_int_equal(fitted_reals(&f, "/params/coef_")[j] == 0, l1_coef[j] == 0);
        }
        fitted_close(&f);
        snprintf(model, sizeof model, "{type: linear_svm, C: 0.3, solver: %s}", solvers[i]);
        assert_int_equal(fit_table("svm", wine, LABELS, model, &f), AS_OK);
        assert_array(&f, "/params/coef_", svm_coef, 15, 1e-7);
        assert_array(&f, "/params/intercept_", svm_intercept, 3, 1e-7);
        assert_described(&f, "squared hinge loss is no likelihood", true);
        fitted_close(&f);
        snprintf(model, sizeof model, "{type: poisson, alpha: 0.5, solver: %s}", solvers[i]);
        assert_int_equal(fit_ships("alpha", model, &f), AS_OK);
        fitted_close(&f);
    }
    fitted f;
    static const char features[] = ", target: [incidents], labels: false, features: [B, C, D, E, built_65, built_70, "
                                   "built_75, sailed_75]}";
    assert_int_equal(fit_table("alpha", NULL, features, "{type: poisson, alpha: 0.5}", &f), AS_OK);
    assert_array(&f, "/params/coef_", alpha_coef, 8, 1e-8);
    assert_array(&f, "/params/intercept_", alpha_intercept, 1, 1e-8);
    fitted_close(&f);
    free(cancer);
    free(wine);
}

/* Weights are numbers of equal rows; columns far from 0 lose nothing but their own digits (1e9 against a spread of 1:
   7 digits are left of x, and coefficients are those of the rounded x, which is exact here). */
static void test_weights_and_offsets(void **state)
{
    (void)state;
    as_text weighted = {0}, repeated = {0}, far = {0};
    as_text_add(&weighted, "a,b,w,y\n");
    as_text_add(&repeated, "a,b,w,y\n");
    as_text_add(&far, "a,b,w,y\n");
    for (int i = 0; i < 60; i++) {
        const int a = i % 7, b = (i * i) % 11, w = 1 + i % 3, y = (i * 7) % 5 < 2;
        as_text_add(&weighted, "%d,%d,%d,%d\n", a, b, w, y);
        as_text_add(&far, "%d,%d,%d,%d\n", 1000000000 + a, b, w, y);
        for (int k = 0; k < w; k++) {
            as_text_add(&repeated, "%d,%d,1,%d\n", a, b, y);
        }
    }
    static const char *const models[] = {"{type: logistic}", "{type: poisson}"};
    static const char *const keys[] = {", target: [y], weight: w, labels: true}",
                                       ", target: [y], weight: w, labels: false}"};
    static const char *const arrays[] = {"/inference/params",  "/inference/bse", "/inference/HC0_se",
                                         "/inference/pvalues", "/inference/bic", "/inference/pearson_chi2"};
    for (int m = 0; m < 2; m++) {
        fitted f, g, h;
        assert_int_equal(fit_table("weighted", weighted.data, keys[m], models[m], &f), AS_OK);
        assert_int_equal(fit_table("repeated", repeated.data, keys[m], models[m], &g), AS_OK);
        assert_int_equal(fit_table("far", far.data, keys[m], models[m], &h), AS_OK);
        for (int i = 0; i < 6; i++) {
            assert_array(&f, arrays[i], fitted_reals(&g, arrays[i]), i < 4 ? 3 : 1, 1e-10);
        }
        assert_array(&h, "/params/coef_", fitted_reals(&f, "/params/coef_"), 2, 1e-10);
        assert_close("bse", fitted_reals(&h, "/inference/bse") + 1, fitted_reals(&f, "/inference/bse") + 1, 2, 1e-10,
                     0);
        fitted_close(&f);
        fitted_close(&g);
        fitted_close(&h);
    }
    as_text_free(&weighted);
    as_text_free(&repeated);
    as_text_free(&far);
}

static void refused(const char *name, const char *table, const char *keys, const char *model, as_status code,
                    const char *part)
{
    fitted f;
    const as_status status = fit_table(name, table, keys, model, &f);
    if (status != code || strstr(as_error_message(), part) == NULL) {
        fail_msg("%s: expected status %d and '%s', found %d and '%s'", name, code, part, status, as_error_message());
    }
}

/* By one column; completely by a sum; by a sum with ties (quasi-complete); multinomial; counts. */
static void test_separation_is_said(void **state)
{
    (void)state;
    refused("one", "a,b,y\n1,3,0\n2,1,0\n3,2,0\n4,2.5,1\n5,1.5,1\n6,2,1\n", LABELS, "{type: logistic}", AS_DATA,
            "column a is 1 to 3 in class 0 and 4 to 6 in all others");
    as_text sum = {0}, ties = {0}, many = {0}, counts = {0};
    as_text_add(&sum, "a,b,c,y\n");
    as_text_add(&ties, "a,b,c,y\n");
    as_text_add(&many, "a,b,c,y\n");
    as_text_add(&counts, "a,b,y\n");
    for (int i = 0; i < 60; i++) {
        const double a = sin(i), b = cos(3 * i), c = sin(5 * i + 1), e = 0.1 * sin(11 * i);
        as_text_add(&sum, "%.9g,%.9g,%.9g,%d\n", a, b, c, a + b + e * 1e-3 > 0.2);
        const bool tie = i % 3 == 0;
        as_text_add(&ties, "%.9g,%.9g,%.9g,%d\n", a, tie ? -a : b, c, tie ? i % 2 : a + b > 0);
        as_text_add(&many, "%.9g,%.9g,%.9g,%d\n", a, b, c, a - b > 0.3 ? 2 : c + 9 * e > 0);
        as_text_add(&counts, "%.9g,%d,%d\n", a, i % 4 == 0, i % 4 == 0 ? 0 : i % 3);
    }
    static const char *const solvers[] = {"{type: logistic, solver: newton}", "{type: logistic, solver: lbfgs}"};
    for (int i = 0; i < 2; i++) {
        refused("sum", sum.data, LABELS, solvers[i], AS_DATA, "the answers are separated");
        refused("ties", ties.data, LABELS, solvers[i], AS_DATA, "the answers are separated");
        refused("many", many.data, LABELS, solvers[i], AS_DATA, "the answers are separated");
    }
    refused("counts", counts.data, REALS, "{type: poisson}", AS_DATA,
            "column b is 0 in every row with a count above 0");
    fitted f;
    assert_int_equal(fit_table("sum", sum.data, LABELS, "{type: logistic, penalty: l2}", &f), AS_OK);
    fitted_close(&f);
    as_text_free(&sum);
    as_text_free(&ties);
    as_text_free(&many);
    as_text_free(&counts);
}

/* a, b, 2a - b + 1, a constant: the relation is named, c alone keeps its error, likelihoods are those without it. */
static void test_dependent_columns_are_named_and_get_no_error(void **state)
{
    (void)state;
    as_text table = {0};
    as_text_add(&table, "a,b,both,c,five,y,n\n");
    for (int i = 0; i < 80; i++) {
        const double a = i % 7, b = i % 5 - 2, c = i % 11;
        as_text_add(&table, "%g,%g,%g,%g,5,%d,%d\n", a, b, 2 * a - b + 1, c, (i * 7) % 3 == 0, (i * 5) % 4);
    }
    static const char *const models[][2] = {
        {"{type: logistic}", ", target: [y], labels: true, features: [a, b, both, c, five]}"},
        {"{type: logistic, solver: lbfgs, tol: 1e-4}", ", target: [y], labels: true, features: [a, b, both, c, five]}"},
        {"{type: poisson}", ", target: [n], labels: false, features: [a, b, both, c, five]}"}};
    for (int i = 0; i < 3; i++) {
        fitted f;
        assert_int_equal(fit_table("dependent", table.data, models[i][1], models[i][0], &f), AS_OK);
        static const int64_t identified[] = {0, 0, 0, 0, 1, 0};
        const double *bse = fitted_reals(&f, "/inference/bse"), *relation = fitted_reals(&f, "/inference/relation");
        for (int t = 0; t < 6; t++) {
            assert_int_equal(fitted_integers(&f, "/inference/identified")[t], identified[t]);
            assert_int_equal(isnan(bse[t]), !identified[t]);
        }
        assert_int_equal(*fitted_integers(&f, "/inference/relations"), 1);
        static const double expected_relation[] = {-1, -2, 1, 1, 0, 0};
        assert_close("relation", relation, expected_relation, 6, 0, 1e-9);
        assert_described(&f, "column five is constant", true);
        assert_described(&f, "not identified", true);
        assert_described(&f, "nan", false);
        fitted_close(&f);
    }
    as_text_free(&table);
}

static void test_bad_tables_are_refused_with_numbers(void **state)
{
    (void)state;
    refused("few", "a,b,c,y\n1,2,5,0\n2,1,3,1\n4,4,4,0\n", LABELS, "{type: logistic}", AS_DATA,
            "3 rows cannot determine 4 coefficients");
    refused("single", "a,y\n1,0\n2,0\n3,0\n", LABELS, "{type: logistic}", AS_DATA, "expected labels of 2 classes");
    refused("ones", "a,y\n1,1\n2,1\n3,1\n", LABELS, "{type: logistic}", AS_DATA, "class 0 has no row of 3");
    refused("ones", NULL, LABELS, "{type: linear_svm}", AS_DATA, "class 0 has no row of 3");
    refused("hole", "a,y\n1,0\n2,2\n3,0\n1,2\n", LABELS, "{type: logistic}", AS_DATA, "class 1 has no row of 4");
    refused("negative", "a,y\n1,0\n2,3\n3,-2\n1,2\n", REALS, "{type: poisson}", AS_DATA,
            "expected counts of 0 or more, found -2 in row 2");
    refused("zeros", "a,y\n1,0\n2,0\n3,0\n", REALS, "{type: poisson}", AS_DATA, "all 3 counts are 0");
    refused("exposed", "a,e,y\n1,1,0\n2,0,3\n3,1,2\n1,4,2\n", REALS, "{type: poisson, exposure: e}", AS_DATA,
            "exposures above 0, found 0 in row 1");
    refused("nan", "a,y\n1,0\nnan,1\n3,0\n", LABELS, "{type: logistic}", AS_DATA, "row 1");
    refused("big", "a,y\n1e200,0\n-1e200,1\n3,0\n2,1\n", LABELS, "{type: logistic}", AS_DATA,
            "row 1, a: 1e+200 in size");
    refused("kind", "a,y\n1,0.5\n2,3\n", REALS, "{type: logistic}", AS_CONFIG, "learns from labels");
}

/* A saturated model meets every count: deviance 0, finite errors. */
static void test_a_perfect_fit(void **state)
{
    (void)state;
    fitted f;
    assert_int_equal(fit_table("perfect", "a,y\n0,1\n1,2\n2,4\n3,8\n", REALS, "{type: poisson}", &f), AS_OK);
    assert_true(fabs(*fitted_reals(&f, "/inference/deviance")) < 1e-12);
    const double slope = log(2);
    assert_array(&f, "/params/coef_", &slope, 1, 1e-12);
    assert_described(&f, "nan", false);
    fitted_close(&f);
    /* As many coefficients as rows. */
    assert_int_equal(fit_table("just", "a,y\n0,1\n1,2\n", REALS, "{type: poisson}", &f), AS_OK);
    assert_array(&f, "/params/coef_", &slope, 1, 1e-12);
    assert_described(&f, "nan", false);
    assert_described(&f, "inf", false);
    fitted_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inference_is_that_of_statsmodels),
        cmocka_unit_test(test_poisson_with_exposures_is_that_of_statsmodels),
        cmocka_unit_test(test_penalised_fits_are_those_of_scikit_learn),
        cmocka_unit_test(test_weights_and_offsets),
        cmocka_unit_test(test_separation_is_said),
        cmocka_unit_test(test_dependent_columns_are_named_and_get_no_error),
        cmocka_unit_test(test_bad_tables_are_refused_with_numbers),
        cmocka_unit_test(test_a_perfect_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
