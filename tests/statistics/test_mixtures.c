/* k-means and Gaussian mixtures against scikit-learn from the same start; tables and starts that they refuse. */
#include "statistics/table.h"

#include "base/error.h"
#include "reference/mixtures.h"

enum { STEPS = 100 };

static void fit(const char *name, const char *model, fitted *f)
{
    char *const text = table_text(false, 0);
    const as_status status = fit_table(name, text, NO_LABELS, model, f);
    if (status != AS_OK) {
        print_error("%s\n", as_error_message());
    }
    assert_int_equal(status, AS_OK);
    free(text);
}

/* "model" with the first three rows as `key`. */
static char *with_rows(const char *model, const char *key)
{
    double x[ROWS][COLUMNS];
    int64_t y[ROWS];
    as_text text = {0};
    make_table(x, y);
    as_text_add(&text, "{%s, %s: ", model, key);
    add_list(&text, (int64_t)CLASSES * COLUMNS, x[0]);
    return text.data;
}

/* Inertia after each number of moves, then labels and distances at the end. Sums of 240 squares: 1e-12. */
static void test_path_of_the_inertia(void **state)
{
    (void)state;
    char *const head = with_rows("type: kmeans, n_clusters: 3, tol: 0", "init");
    char model[1000];
    for (int i = 0; i < 8; i++) {
        snprintf(model, sizeof model, "%s, max_iter: %d}", head, i + 1);
        fitted f;
        fit("path", model, &f);
        assert_array(&f, "/params/inertia_", kmeans_path + i, 1, 1e-12);
        fitted_close(&f);
    }
    double out[ROWS * CLASSES];
    snprintf(model, sizeof model, "%s}", head);
    fitted f;
    fit("end", model, &f);
    assert_array(&f, "/params/cluster_centers_", kmeans_centers, CLASSES * COLUMNS, 1e-12);
    assert_array(&f, "/params/inertia_", kmeans_inertia, 1, 1e-12);
    fitted_predict(&f, out);
    assert_close("distance", out, kmeans_distances, (int64_t)5 * CLASSES, 1e-12, 0);
    for (int i = 0; i < ROWS; i++) {
        int nearest = 0;
        for (int k = 1; k < CLASSES; k++) {
            nearest = out[i * CLASSES + k] < out[i * CLASSES + nearest] ? k : nearest;
        }
        assert_int_equal(nearest, (int)kmeans_labels[i]);
    }
    fitted_close(&f);
    free(head);
}

/* Five tight groups, far apart: the seeding must find every one, whatever the seed; more starts are never worse. */
static void test_seeding_finds_what_is_apart(void **state)
{
    (void)state;
    as_text text = {0};
    as_text_add(&text, "a,b\n");
    for (int i = 0; i < 100; i++) {
        as_text_add(&text, "%d,%d\n", i % 5 * 1000 + i / 20, i % 5 * i % 5 * 500 + i % 3);
    }
    fitted f;
    assert_int_equal(fit_table("apart", text.data, "}", "{type: kmeans, n_clusters: 5}", &f), AS_OK);
    assert_true(*fitted_reals(&f, "/params/inertia_") < 100 * (4 + 1));
    fitted_close(&f);
    as_text_free(&text);
}

/* The middle centre is nearest to nothing: the rule says that it begins at the farthest row, 100. */
static void test_empty_cluster_begins_at_the_farthest_row(void **state)
{
    (void)state;
    fitted f;
    assert_int_equal(fit_table("farthest", "a\n0\n1\n2\n10\n11\n100\n", "}",
                               "{type: kmeans, n_clusters: 3, init: [1, 1000, 20], tol: 0}", &f),
                     AS_OK);
    static const double centers[] = {1, 100, 10.5};
    assert_array(&f, "/params/cluster_centers_", centers, 3, 1e-15);
    fitted_close(&f);
}

/* Equal distances: the lowest index. */
static void test_ties_go_to_the_lowest_index(void **state)
{
    (void)state;
    fitted f;
    assert_int_equal(
        fit_table("ties", "a\n0\n2\n4\n", "}", "{type: kmeans, n_clusters: 2, init: [1, 3], max_iter: 1}", &f), AS_OK);
    static const double centers[] = {1, 4};
    assert_array(&f, "/params/cluster_centers_", centers, 2, 1e-15);
    fitted_close(&f);
}

typedef struct mixture_case {
    const char *kind;
    int64_t precision_size, covariance_size;
    const double *path, *weights, *means, *covariances, *criteria, *proba;
} mixture_case;

/* 100 EM steps from the same start: log-likelihood within 1e-9, and never falling. Differences of rounding (1e-16 a
   step) grow by what EM is sensitive to where components overlap; parameters get 1e-6. */
static void check_path(const mixture_case *c)
{
    double precision[CLASSES * COLUMNS * COLUMNS] = {0}, loss[STEPS + 2];
    char *const head = with_rows("type: gmm, n_components: 3, tol: 0, max_iter: 100", "means_init");
    const int64_t block = c->precision_size % (COLUMNS * COLUMNS) == 0 ? COLUMNS * COLUMNS : 1;
    for (int64_t i = 0; i < c->precision_size; i++) {
        precision[i] = i % block % (COLUMNS + 1) == 0 || block == 1 ? 0.25 : 0;
    }
    as_text text = {0};
    as_text_add(&text,
                "%s, covariance_type: %s, weights_init: [0.33333333333333331, 0.33333333333333331, "
                "0.33333333333333331], precisions_init: ",
                head, c->kind);
    add_list(&text, c->precision_size, precision);
    as_text_add(&text, "}");
    fitted f;
    fit(c->kind, text.data, &f);
    assert_int_equal(fitted_losses(&f, STEPS + 2, loss), STEPS + 1);
    for (int i = 0; i < STEPS; i++) {
        const double found = -loss[i];
        assert_close("log-likelihood", &found, c->path + i, 1, 1e-9, 0);
        assert_true(i == 0 || loss[i] <= loss[i - 1] + 1e-12);
    }
    assert_array(&f, "/params/lower_bound_", c->path + STEPS - 1, 1, 1e-9);
    assert_array(&f, "/params/weights_", c->weights, CLASSES, 1e-6);
    assert_array(&f, "/params/means_", c->means, CLASSES * COLUMNS, 1e-6);
    assert_close("covariances_", fitted_reals(&f, "/params/covariances_"), c->covariances, c->covariance_size, 1e-6,
                 1e-6);
    assert_array(&f, "/params/bic_", c->criteria, 1, 1e-8);
    assert_array(&f, "/params/aic_", c->criteria + 1, 1, 1e-8);
    double out[ROWS * CLASSES];
    fitted_predict(&f, out);
    assert_close("responsibility", out, c->proba, (int64_t)5 * CLASSES, 1e-6, 1e-9);
    fitted_close(&f);
    as_text_free(&text);
    free(head);
}

#define CASE(type, name, precisions, covariances_n)                                                                    \
    {                                                                                                                  \
        .kind = type, .precision_size = precisions, .covariance_size = covariances_n, .path = gmm_##name##_path,       \
        .weights = gmm_##name##_weights, .means = gmm_##name##_means, .covariances = gmm_##name##_covariances,         \
        .criteria = gmm_##name##_bic, .proba = gmm_##name##_proba                                                      \
    }

static void test_hundred_steps_of_em(void **state)
{
    (void)state;
    static const mixture_case cases[] = {
        CASE("full", full, CLASSES * COLUMNS * COLUMNS, CLASSES * COLUMNS * COLUMNS),
        CASE("diagonal", diag, CLASSES * COLUMNS, CLASSES * COLUMNS),
        CASE("tied", tied, COLUMNS * COLUMNS, COLUMNS * COLUMNS),
        CASE("spherical", spherical, CLASSES, CLASSES),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_path(&cases[i]);
    }
}

/* From k-means, with defaults: converges, and more starts are never worse. */
static void test_mixture_from_kmeans(void **state)
{
    (void)state;
    fitted f;
    fit("default", "{type: gmm, n_components: 3}", &f);
    const double one = *fitted_reals(&f, "/params/log_likelihood_");
    assert_int_equal(*fitted_integers(&f, "/params/converged_"), 1);
    assert_described(&f, "converged after", true);
    fitted_close(&f);
    fit("default", "{type: gmm, n_components: 3, n_init: 4}", &f);
    assert_true(*fitted_reals(&f, "/params/log_likelihood_") >= one);
    fitted_close(&f);
}

/* The second component is so far from all rows that none of them is its own: it must begin again, not fail or give
   NaN. */
static void test_collapsed_component_begins_again(void **state)
{
    (void)state;
    fitted f;
    assert_int_equal(fit_table("collapsed", "a\n0\n1\n2\n10\n11\n12\n", "}",
                               "{type: gmm, n_components: 2, means_init: [1, 1.0e6], weights_init: [0.5, 0.5], "
                               "precisions_init: [1, 1]}",
                               &f),
                     AS_OK);
    const double *mean = fitted_reals(&f, "/params/means_"), *weight = fitted_reals(&f, "/params/weights_");
    assert_true(fabs(weight[0] + weight[1] - 1) < 1e-12);
    assert_true(mean[1] > 9 && mean[1] < 13 && mean[0] < 3);
    fitted_close(&f);
}

static void refuses(const char *table, const char *model, as_status code, const char *piece)
{
    fitted f;
    const as_status status = fit_table("refused", table, "}", model, &f);
    if (status != code || strstr(as_error_message(), piece) == NULL) {
        fail_msg("%s: expected %d '%s', found %d '%s'", model, code, piece, status, as_error_message());
    }
}

static void test_bad_tables_are_refused(void **state)
{
    (void)state;
    static const char three[] = "a,b\n1,2\n2,3\n4,1\n", same[] = "a,b\n1,2\n1,2\n3,4\n3,4\n1,2\n";
    refuses(three, "{type: kmeans, n_clusters: 4}", AS_DATA, "3 rows are fewer than the 4 clusters");
    refuses(three, "{type: gmm, n_components: 4}", AS_DATA, "3 rows are fewer than the 4 clusters");
    refuses(same, "{type: kmeans, n_clusters: 3}", AS_DATA, "only 2 distinct values, fewer than the 3");
    refuses(same, "{type: gmm, n_components: 3}", AS_DATA, "only 2 distinct values");
    refuses("a,b\n1,2\n2,nan\n4,1\n", "{type: kmeans, n_clusters: 2}", AS_DATA, "row 1");
    refuses(three, "{type: kmeans, n_clusters: 2, init: [1, 2, 3]}", AS_CONFIG, "expected 4 numbers");
    refuses(three, "{type: gmm, n_components: 2, means_init: [1, 2, 3]}", AS_CONFIG, "expected 4 numbers");
    refuses(three, "{type: gmm, n_components: 2, weights_init: [0.5, 0.6]}", AS_CONFIG, "a sum of 1.1");
    refuses(three, "{type: gmm, precisions_init: [1, 2, 2, 1], means_init: [0, 0], weights_init: [1]}", AS_CONFIG,
            "not positive definite");
    refuses("a,b\n1,2\n1,2\n1,2\n", "{type: gmm, reg_covar: 0}", AS_DIVERGED, "reg_covar 0");
    refuses("a,b\n1,2\n2,2\n3,2\n", "{type: gmm, reg_covar: 0}", AS_DIVERGED, "component 0 of 1 collapsed");
}

/* Identical rows are one cluster; a constant column has the variance reg_covar. */
static void test_degenerate_tables_that_have_an_answer(void **state)
{
    (void)state;
    fitted f;
    assert_int_equal(fit_table("one", "a,b\n1,2\n1,2\n1,2\n", "}", "{type: kmeans, n_clusters: 1}", &f), AS_OK);
    assert_true(*fitted_reals(&f, "/params/inertia_") == 0);
    fitted_close(&f);
    assert_int_equal(fit_table("one", "a,b\n1,2\n2,2\n3,2\n", "}", "{type: gmm}", &f), AS_OK);
    assert_true(fabs(fitted_reals(&f, "/params/covariances_")[3] - 1e-6) < 1e-18);
    fitted_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_of_the_inertia),
        cmocka_unit_test(test_seeding_finds_what_is_apart),
        cmocka_unit_test(test_empty_cluster_begins_at_the_farthest_row),
        cmocka_unit_test(test_ties_go_to_the_lowest_index),
        cmocka_unit_test(test_hundred_steps_of_em),
        cmocka_unit_test(test_mixture_from_kmeans),
        cmocka_unit_test(test_collapsed_component_begins_again),
        cmocka_unit_test(test_bad_tables_are_refused),
        cmocka_unit_test(test_degenerate_tables_that_have_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
