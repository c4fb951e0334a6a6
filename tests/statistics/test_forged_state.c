/* Whole numbers in a checkpoint's state that no fit comes to, with good hashes: refused by the name of their array, or
   used without harm, and never believed as places in memory. Under AddressSanitizer this says more. And configurations
   that ask for more than the file holds. */
#include "base/error.h"
#include "io/h5_contents.h"
#include "io/h5_write.h"
#include "statistics/fit.h"

#define FORGED TEST_SCRATCH "/forged.h5"

enum { ELEMENTS_MOST = 12 }; /* of each array */

static const as_log quiet = {0};

/* A text with its first `from` replaced. free() it. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (at == NULL) {
        fail_msg("no %s in %s", from, text);
    }
    const size_t bytes = strlen(text) + strlen(to) + 1;
    char *out = malloc(bytes);
    assert_non_null(out);
    snprintf(out, bytes, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

/* Copies a checkpoint, element `at` of dataset `which` being `value`; or with another text in the configuration. */
static void forge(as_world *world, const as_h5_contents *c, int which, int64_t at, int64_t value, const char *from,
                  const char *to)
{
    as_h5_item *item = calloc((size_t)c->nitems, sizeof *item);
    as_h5_piece *piece = calloc((size_t)c->nitems, sizeof *piece);
    assert_true(item != NULL && piece != NULL);
    for (int i = 0; i < c->nitems; i++) {
        const as_h5_stored *have = &c->item[i];
        char *data = calloc(1, (size_t)have->bytes + 1);
        assert_non_null(data);
        const int64_t count = have->text ? have->bytes : as_h5_stored_count(have);
        assert_int_equal(as_h5_contents_read(c, have, 0, count, data), AS_OK);
        if (i == which) {
            memcpy(data + at * (int64_t)sizeof value, &value, sizeof value);
        }
        if (from != NULL && strcmp(have->name, "/config") == 0) {
            char *text = replaced(data, from, to);
            free(data);
            data = text;
        }
        piece[i] = (as_h5_piece){.count = count, .data = data};
        item[i] = (as_h5_item){.name = have->name,
                               .type = have->type,
                               .rank = have->rank,
                               .dim = have->dim,
                               .npieces = 1,
                               .piece = &piece[i]};
        item[i].text = have->text ? data : NULL;
    }
    assert_int_equal(as_h5_write(world, FORGED, c->nattributes, c->attribute, c->nitems, item, NULL), AS_OK);
    for (int i = 0; i < c->nitems; i++) {
        free((void *)(uintptr_t)piece[i].data);
    }
    free(item);
    free(piece);
}

/* All that a restored model is asked for: its description, outputs, and one more pass. */
static void use(const as_model_file *m)
{
    const as_estimator_ops *ops = m->estimator->ops;
    as_dataset data = {0};
    as_sampler *sampler = NULL;
    as_batch batch = {0};
    as_text text = {0};
    as_step_report report;
    ops->describe(m->estimator, false, &text);
    ops->describe(m->estimator, true, &text);
    as_text_free(&text);
    assert_int_equal(as_model_file_data(m, AS_TEST, &m->config.data.train, &data, &sampler, &batch), AS_OK);
    as_sampler_fill(sampler, 0, 0, &batch);
    double *out = malloc((size_t)(batch.capacity * ops->outputs(m->estimator)) * sizeof *out);
    assert_non_null(out);
    assert_int_equal(ops->predict(m->estimator, &batch, out), AS_OK);
    assert_int_equal(ops->accumulate(m->estimator, &batch, 0), AS_OK);
    ops->update(m->estimator, 0, &report); /* may fail in words */
    free(out);
    as_sampler_batch_destroy(&batch);
    as_sampler_destroy(&sampler);
    as_dataset_close(&data);
}

static void try_value(as_world *world, const as_h5_contents *c, int which, int64_t at, int64_t value)
{
    as_model_file m;
    forge(world, c, which, at, value, NULL, NULL);
    const as_status status = as_model_file_open(world, 1, as_isa_detect(), FORGED, 0, NULL, &quiet, &m);
    if (status == AS_OK) {
        use(&m);
    } else {
        assert_int_equal(status, AS_DATA);
        assert_non_null(strstr(as_error_message(), FORGED));
    }
    as_model_file_close(&m);
    if ((value == INT64_MIN || value == INT64_MAX) && status == AS_OK) {
        fail_msg("%s[%lld] = %lld was believed", c->item[which].name, (long long)at, (long long)value);
    }
    if (value == INT64_MIN && strstr(as_error_message(), c->item[which].name) == NULL) {
        fail_msg("%s[%lld]: %s", c->item[which].name, (long long)at, as_error_message());
    }
}

static void forge_all(const char *name, const char *table, const char *keys, const char *model, int64_t least)
{
    static const int64_t values[] = {-1, 0, 1, 2, 3, 7, 65535, INT64_C(1) << 32, INT64_MIN, INT64_MAX};
    fitted f;
    as_h5_contents *c = NULL;
    int64_t elements = 0;
    if (fit_table(name, table, keys, model, &f) != AS_OK) {
        fail_msg("%s: %s", model, as_error_message());
    }
    assert_int_equal(as_h5_contents_open(f.file.path, &c), AS_OK);
    for (int i = 0; i < c->nitems; i++) {
        const as_h5_stored *item = &c->item[i];
        const bool own = strncmp(item->name, "/params/", 8) == 0 || strncmp(item->name, "/state/", 7) == 0 ||
                         strncmp(item->name, "/inference/", 11) == 0;
        if (!own || item->text || item->type != AS_I64) {
            continue;
        }
        for (int64_t at = 0; at < as_h5_stored_count(item) && at < ELEMENTS_MOST; at++) {
            for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
                try_value(f.world, c, i, at, values[v]);
            }
            elements++;
        }
    }
    assert_true(elements >= least);
    as_h5_contents_close(&c);
    fitted_close(&f);
}

static const char table[] = "a,b,c,y,k\n"
                            "0,1,2,0.5,0\n1,0,2,1.5,1\n2,1,0,2.5,0\n0,2,1,0.75,1\n1,1,1,1.25,0\n2,0,0,2.75,1\n"
                            "0,0,2,0.25,1\n1,2,0,1.75,0\n2,2,1,3.5,1\n0,1,0,0.125,0\n1,0,1,1.375,1\n2,1,2,2.625,0\n";

#define REALS ", target: [y], labels: false}\n  columns: {use: [a, b, c]}"
#define CLASSES ", target: k, labels: true}\n  columns: {use: [a, b, c]}"
#define INPUTS "}\n  columns: {use: [a, b, c]}"

/* No memory is asked for that the file could not fill. */
static void try_config(const char *name, const char *keys, const char *model, const char *from, const char *to)
{
    fitted f;
    as_model_file m;
    as_h5_contents *c = NULL;
    if (fit_table(name, table, keys, model, &f) != AS_OK) {
        fail_msg("%s: %s", model, as_error_message());
    }
    assert_int_equal(as_h5_contents_open(f.file.path, &c), AS_OK);
    forge(f.world, c, -1, 0, 0, from, to);
    assert_int_equal(as_model_file_open(f.world, 1, as_isa_detect(), FORGED, 0, NULL, &quiet, &m), AS_DATA);
    if (strstr(as_error_message(), "forged.h5: /config: a model of") == NULL) {
        fail_msg("%s: %s", to, as_error_message());
    }
    as_model_file_close(&m);
    as_h5_contents_close(&c);
    fitted_close(&f);
}

static void test_configurations(void **state)
{
    (void)state;
    try_config("forged_units", REALS,
               "{type: network, layers: [dense: {units: 5, name: wide}, dense: 1]}\ntrain: {steps: 1, batch: 12}",
               "units: 5", "units: 1000000000");
    try_config("forged_components", INPUTS, "{type: gmm, n_components: 2, reg_covar: 0.1, max_iter: 2}",
               "n_components: 2", "n_components: 65536");
    try_config("forged_clusters", INPUTS, "{type: kmeans, n_clusters: 2}", "n_clusters: 2", "n_clusters: 1048576");
    try_config("forged_states", INPUTS, "{type: hmm, n_components: 2, reg_covar: 0.1, max_iter: 2}", "n_components: 2",
               "n_components: 4096");
    try_config("forged_categories", CLASSES, "{type: categorical_nb, max_categories: 4}", "max_categories: 4",
               "max_categories: 65536");
}

static void test_linear(void **state)
{
    (void)state;
    forge_all("forged_ols", table, REALS, "{type: ols, robust: true}", 10);
    forge_all("forged_covariance", table, INPUTS, "{type: covariance}", 2);
    forge_all("forged_pca", table, INPUTS, "{type: pca, n_components: 2}", 3);
}

static void test_generalised(void **state)
{
    (void)state;
    forge_all("forged_newton", table, CLASSES, "{type: logistic, penalty: l2, solver: newton}", 5);
    forge_all("forged_lbfgs", table, CLASSES, "{type: logistic, penalty: l2, solver: lbfgs}", 5);
    forge_all("forged_svm", table, CLASSES, "{type: linear_svm}", 5);
}

static void test_classes(void **state)
{
    (void)state;
    forge_all("forged_categorical", table, CLASSES, "{type: categorical_nb, max_categories: 4}", 4);
    forge_all("forged_lda", table, CLASSES, "{type: lda}", 4);
}

static void test_mixtures(void **state)
{
    (void)state;
    forge_all("forged_kmeans", table, INPUTS, "{type: kmeans, n_clusters: 2}", 10);
    forge_all("forged_gmm", table, INPUTS, "{type: gmm, n_components: 2, reg_covar: 0.1, max_iter: 3}", 15);
    forge_all("forged_hmm", table, INPUTS, "{type: hmm, n_components: 2, reg_covar: 0.1, max_iter: 2}", 5);
}

static void test_bayes_net(void **state)
{
    (void)state;
    forge_all("forged_net", table, "}\n  columns: {use: [a, b, c, k], code: all}", "{type: bayes_net, structure: bic}",
              20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configurations), cmocka_unit_test(test_linear),   cmocka_unit_test(test_generalised),
        cmocka_unit_test(test_classes),        cmocka_unit_test(test_mixtures), cmocka_unit_test(test_bayes_net),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
