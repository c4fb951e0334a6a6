/* What no model can be made of, said in one way by every kind: values without squares, rows that do not count. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values_without_squares_are_named),
                                       cmocka_unit_test(test_rows_without_weight_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
