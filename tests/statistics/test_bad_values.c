/* What no model can be made of, said in one way by every kind: values without squares, rows that do not count. And
   targets that a kind reads in its own way, so that nothing has to be said. */
#include "statistics/fit.h"

#define LABELS ", target: [y]}"
#define VALUES ", target: [y], labels: false}"
#define INPUTS "}"

static const struct {
    const char *name, *keys, *model;
} kinds[] = {
    {"ols", VALUES, "{type: ols}"},
    {"ridge", VALUES, "{type: ridge, alpha: 1}"},
    {"lasso", VALUES, "{type: lasso, alpha: 0.1}"},
    {"bayes_linear", VALUES, "{type: bayes_linear}"},
    {"poisson", VALUES, "{type: poisson}"},
    {"logistic", LABELS, "{type: logistic}"},
    {"linear_svm", LABELS, "{type: linear_svm}"},
    {"gaussian_nb", LABELS, "{type: gaussian_nb}"},
    {"lda", LABELS, "{type: lda}"},
    {"qda", LABELS, "{type: qda}"},
    {"gmm", INPUTS, "{type: gmm, n_components: 2}"},
    {"kmeans", INPUTS, "{type: kmeans, n_clusters: 2}"},
    {"pca", INPUTS, "{type: pca}"},
    {"pca_qr", INPUTS, "{type: pca, solver: qr}"},
    {"covariance", INPUTS, "{type: covariance}"},
    {"hmm", INPUTS, "{type: hmm, n_components: 2}"},
};

static void test_values_without_squares_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const bool answers = strcmp(kinds[i].keys, INPUTS) != 0;
        fitted f;
        const as_status status =
            fit_table(kinds[i].name,
                      answers ? "a,b,y\n1,2,0\n2,5,1\n-1e160,3,0\n4,8,1\n5,1,0\n7,2,1\n6,4,0\n3,3,1\n"
                              : "a,b\n1,2\n2,5\n-1e160,3\n4,8\n5,1\n7,2\n6,4\n3,3\n",
                      kinds[i].keys, kinds[i].model, &f);
        if (status != AS_DATA || strstr(as_error_message(), "row 2, a: 1e+160 in size") == NULL) {
            fail_msg("%s: status %d, %s", kinds[i].name, (int)status, as_error_message());
        }
    }
}

static void test_rows_without_weight_are_refused(void **state)
{
    (void)state;
    fitted f;
    const char *const table = "a,b,y,w\n1,2,3,0\n2,5,1,0\n4,1,2,0\n";
    assert_int_equal(fit_table("weightless", table, ", target: [y], weight: w, labels: false}", "{type: ols}", &f),
                     AS_DATA);
    assert_non_null(strstr(as_error_message(), "the weights of the 3 samples add up to 0"));
    char keys[700];
    snprintf(keys, sizeof keys, ", target: [y], weight: w, labels: false}\n  test: {file: '%s'}", f.csv);
    assert_int_equal(fit_table("weighted", "a,b,y,w\n1,2,3,1\n2,5,1,1\n4,1,2,1\n5,5,1,1\n", keys, "{type: ols}", &f),
                     AS_DATA);
    assert_non_null(strstr(as_error_message(), "test ("));
    assert_non_null(strstr(as_error_message(), "the weights of the 3 samples add up to 0"));
}

/* Whole numbers are counts to a regression, and names to a classifier where they are not 0, 1, 2, ... */
static void test_whole_numbers_are_what_the_model_learns_from(void **state)
{
    (void)state;
    static const char *const labels[] = {"a,y\n1,1\n2,1\n3,2\n4,1\n5,2\n6,2\n",
                                         "a,y\n1,-1\n2,-1\n3,1\n4,-1\n5,1\n6,1\n",
                                         "a,y\n1,0\n2,0\n3,1\n4,0\n5,1\n6,1\n"};
    double slope[3];
    for (int i = 0; i < 3; i++) {
        fitted f;
        assert_int_equal(fit_table("coded", labels[i], ", target: [y]}", "{type: logistic}", &f), AS_OK);
        assert_int_equal(f.file.facts.classes, 2);
        assert_int_equal(f.file.facts.class_names.n, i < 2 ? 2 : 0);
        if (i < 2) {
            assert_string_equal(f.file.facts.class_names.name[0], i == 0 ? "1" : "-1");
        }
        slope[i] = ((const double *)fitted_item(&f, "/params/coef_")->data)[0];
        fitted_close(&f);
    }
    assert_true(slope[0] == slope[2] && slope[1] == slope[2]);
    fitted f;
    assert_int_equal(fit_table("counts", "a,y\n1,1\n2,3\n3,5\n", ", target: [y]}", "{type: ols}", &f), AS_OK);
    assert_int_equal(f.file.facts.target, AS_TARGET_REALS);
    fitted_close(&f);
    assert_int_equal(fit_table("halves", "a,y\n1,1\n2,0.5\n3,0\n", ", target: [y]}", "{type: logistic}", &f), AS_DATA);
    assert_non_null(strstr(as_error_message(), "row 1: expected a whole number as label, found 0.5"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values_without_squares_are_named),
                                       cmocka_unit_test(test_rows_without_weight_are_refused),
                                       cmocka_unit_test(test_whole_numbers_are_what_the_model_learns_from)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
