/* The configuration: merging, overrides, refusals with their place, the resolved text, and what may change on resume.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/config.h"

static const char base[] = "seed: 3\n"
                           "data:\n"
                           "  train: {format: builtin, name: digits}\n"
                           "model:\n"
                           "  layers:\n"
                           "    - dense: {units: 8, activation: relu}\n"
                           "    - dropout: 0.25\n"
                           "    - relu\n"
                           "    - dense: 10\n"
                           "optimizer: {type: adam, lr: 1e-2}\n"
                           "train: {batch: 32, epochs: 2}\n";

/* Resolved text of base with overrides; the caller frees. */
static char *resolved(const char *text, int nsets, const char *const *set)
{
    as_config c;
    as_text out = {0};
    if (as_config_parse("c.yaml", text, nsets, set, &c) != AS_OK) {
        fail_msg("%s", as_error_message());
    }
    assert_int_equal(as_config_write(&c, &out), AS_OK);
    as_config_destroy(&c);
    return out.data;
}

static void assert_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("'%s' is not in:\n%s", part, text);
    }
}

static void test_values_and_defaults(void **state)
{
    (void)state;
    as_config c;
    assert_int_equal(as_config_parse("c.yaml", base, 0, NULL, &c), AS_OK);
    assert_int_equal(c.seed, 3);
    assert_int_equal(c.lanes, 0);
    assert_int_equal(c.precision, 0);
    assert_int_equal(c.train.batch, 32);
    assert_int_equal(c.train.epochs, 2);
    assert_int_equal(c.train.steps, 0);
    assert_int_equal(c.train.eval_batch, 1024);
    assert_true(c.checkpoint.every.minutes == 10);
    assert_int_equal(c.log.evaluate.epochs, 1);
    assert_null(c.train.target);
    as_config_destroy(&c);
    assert_int_equal(as_config_parse("c.yaml", base, 2, (const char *const[]){"train.batch=full", "lanes=7"}, &c),
                     AS_OK);
    assert_int_equal(c.train.batch, 0);
    assert_int_equal(c.lanes, 7);
    as_config_destroy(&c);
}

/* A lane has 16 samples, or one of a text, with 16 tokens. */
static void test_automatic_lanes(void **state)
{
    (void)state;
    static const struct {
        const char *train, *batch;
        int lanes;
    } rows[] = {
        {"{format: builtin, name: digits}", "16", 1},
        {"{format: builtin, name: digits}", "384", 24},
        {"{format: builtin, name: digits}", "full", 24},
        {"{format: text, file: a.txt, context: 256}", "16", 16},
        {"{format: text, file: a.txt, context: 256}", "5", 4},
        {"{format: text, file: a.txt, context: 256}", "1000000000000", 24},
        {"{format: text, file: a.txt, context: 4}", "16", 4},
        {"{format: text, file: a.txt, context: 1}", "33", 2},
        {"{format: text, file: a.txt, context: 1}", "full", 24},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        as_config c;
        char train[128], batch[64];
        snprintf(train, sizeof train, "data.train=%s", rows[i].train);
        snprintf(batch, sizeof batch, "train.batch=%s", rows[i].batch);
        assert_int_equal(as_config_parse("c.yaml", base, 2, (const char *const[]){train, batch}, &c), AS_OK);
        assert_int_equal(as_config_lanes(&c, c.train.batch), rows[i].lanes);
        as_config_destroy(&c);
    }
}

static void test_resolved_text_reads_back(void **state)
{
    (void)state;
    char *first = resolved(base, 0, NULL), *second = resolved(first, 0, NULL);
    assert_string_equal(first, second);
    assert_contains(first, "lanes: auto\n");
    assert_contains(first, "    - dropout:\n");
    assert_contains(first, "activation: relu\n");
    assert_contains(first, "  type: adam\n");
    assert_contains(first, "beta1: 0.9\n");
    assert_contains(first, "  type: constant\n");
    free(first);
    free(second);
}

static void test_same_meaning_same_text(void **state)
{
    (void)state;
    static const char other[] =
        "train:\n  epochs: 2\n  batch: 3.2e1\n"
        "optimizer: {lr: 0.01, type: 'adam', weight_decay: 0.0}\nprecision: float32\n"
        "model: {type: network, layers: [{dense: {activation: relu, units: 8}}, {dropout: {rate: 0.25}}, relu, "
        "{dense: {units: 10}}]}\ndata: {train: {name: digits, format: builtin}}\nseed: 3\n";
    char *a = resolved(base, 0, NULL), *b = resolved(other, 0, NULL);
    assert_string_equal(a, b);
    free(a);
    free(b);
}

static void test_overrides(void **state)
{
    (void)state;
    const char *const set[] = {"optimizer.lr=0.5",   "model.layers.0.dense.units=12", "train.steps=7",
                               "schedule.type=step", "data.validation=0.1",           "name='a b'"};
    char *text = resolved(base, 6, set);
    assert_contains(text, "lr: 0.5\n");
    assert_contains(text, "units: 12\n");
    assert_contains(text, "steps: 7\n");
    assert_contains(text, "epochs: 0\n"); /* the later of epochs and steps counts */
    assert_contains(text, "type: step\n");
    assert_contains(text, "name: \"a b\"\n");
    free(text);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_files_merge(void **state)
{
    (void)state;
    const char *const files[] = {TEST_SCRATCH "/config-one.yaml", TEST_SCRATCH "/config-two.yaml"};
    as_config c;
    as_text text = {0};
    write_file(files[0], base);
    write_file(files[1], "optimizer: {type: sgd}\ntrain: {steps: 9}\nlog: {every: 10 steps}\n");
    assert_int_equal(as_config_load(2, files, 0, NULL, &c), AS_OK);
    assert_int_equal(as_config_write(&c, &text), AS_OK);
    assert_contains(text.data, "  type: sgd\n"); /* another kind: adam's lr does not stay behind */
    assert_null(strstr(text.data, "lr: 0.01\n"));
    assert_int_equal(c.train.batch, 32);
    assert_int_equal(c.train.steps, 9);
    assert_int_equal(c.train.epochs, 0);
    assert_int_equal(c.log.every.steps, 10);
    assert_string_equal(c.name, "config-two");
    as_text_free(&text);
    as_config_destroy(&c);
    assert_int_equal(as_config_load(1, (const char *const[]){TEST_SCRATCH "/absent.yaml"}, 0, NULL, &c), AS_NOINPUT);
    as_config_destroy(&c);
    remove(files[0]);
    remove(files[1]);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *set, *message;
        as_status status;
    } cases[] = {
        {"optimizer.learning_rte=1",
         "--set optimizer.learning_rte=1: unknown key 'optimizer.learning_rte' (did you mean", AS_CONFIG},
        {"optimiser.lr=1", "--set optimiser.lr=1: unknown key 'optimiser' (did you mean 'optimizer'?)", AS_CONFIG},
        {"train.batch_size=1", "unknown key 'train.batch_size' (did you mean 'batch'?)", AS_CONFIG},
        {"train.batch=0", "train.batch: expected full or a whole number from 1 to", AS_CONFIG},
        {"train.batch=-3", "train.batch: expected full or a whole number from 1 to", AS_CONFIG},
        {"lanes=0", "lanes: expected auto or a whole number from 1 to 4096, found '0'", AS_CONFIG},
        {"lanes=4097", "lanes: expected auto or a whole number from 1 to 4096", AS_CONFIG},
        {"precision=float16", "precision: expected float32 | float64, found 'float16'", AS_CONFIG},
        {"seed=-1", "seed: expected a whole number", AS_CONFIG},
        {"train={}", "train: expected epochs or steps, found neither", AS_CONFIG},
        {"train.epochs=0", "--set train.epochs=0: train.epochs: expected a whole number >= 1 here or for train.steps",
         AS_CONFIG},
        {"train.steps=0", "--set train.steps=0: train.steps: expected a whole number >= 1 here or for train.epochs",
         AS_CONFIG},
        {"seed=", "--set seed=: seed: expected a whole number from 0 to 9007199254740992, found nothing", AS_CONFIG},
        {"lanes=", "lanes: expected auto or a whole number from 1 to 4096, found nothing", AS_CONFIG},
        {"train.batch=",
         "train.batch: expected full or a whole number from 1 to 1099511627776 (samples), found nothing", AS_CONFIG},
        {"precision=", "precision: expected float32 | float64, found nothing", AS_CONFIG},
        {"name=", "name: expected a text, found nothing", AS_CONFIG},
        {"train={epochs: 1, steps: 1}", "give epochs", AS_CONFIG},
        {"train.target=accuracy", "train.target: expected \"METRIC >= VALUE\"", AS_CONFIG},
        {"log.every=5 minutes", "log.every: expected steps or epochs", AS_CONFIG},
        {"optimizer.type=adma", "did you mean \"adam\"?", AS_CONFIG},
        {"schedule.type=cosin", "did you mean \"cosine\"?", AS_CONFIG},
        {"model.loss=cross_entrpy", "did you mean \"cross_entropy\"?", AS_CONFIG},
        {"model.layers.0.dense.unit=3", "unknown key 'dense.unit' (did you mean 'units'?)", AS_CONFIG},
        {"model.layers.0=dens", "did you mean \"dense\"?", AS_CONFIG},
        {"model.layers=[]", "model.layers: expected a list of layers", AS_CONFIG},
        {"model=~", "missing section 'model'", AS_CONFIG},
        {"name=../x", "name: expected a name for a directory", AS_CONFIG},
        {"data=~", "missing section 'data'", AS_CONFIG},
        {"data.train.format=hdf", "data.train.format: unknown data format", AS_CONFIG},
        {"seed", "--set seed: expected KEY=VALUE", AS_USAGE},
        {"=3", "expected KEY=VALUE", AS_USAGE},
        {"seed=[1", "--set seed=[1:2:1: did not find expected", AS_CONFIG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        as_config c;
        const as_status status = as_config_parse("c.yaml", base, 1, &cases[i].set, &c);
        if (status != cases[i].status || strstr(as_error_message(), cases[i].message) == NULL) {
            fail_msg("--set %s: expected %d '%s', found %d '%s'", cases[i].set, cases[i].status, cases[i].message,
                     status, status == AS_OK ? "" : as_error_message());
        }
        as_config_destroy(&c);
    }
}

static void test_places(void **state)
{
    (void)state;
    as_config c;
    assert_int_equal(as_config_parse("c.yaml", "modle: 1\n", 0, NULL, &c), AS_CONFIG);
    assert_string_equal(as_error_message(), "c.yaml:1:1: unknown key 'modle' (did you mean 'model'?)");
    as_config_destroy(&c);
    char text[sizeof base + 64];
    snprintf(text, sizeof text, "%slog: {evry: 3}\n", base);
    assert_int_equal(as_config_parse("c.yaml", text, 0, NULL, &c), AS_CONFIG);
    assert_string_equal(as_error_message(), "c.yaml:12:7: unknown key 'log.evry' (did you mean 'every'?)");
    as_config_destroy(&c);
    assert_int_equal(as_config_parse("c.yaml", "", 0, NULL, &c), AS_CONFIG);
    assert_contains(as_error_message(), "expected a map of sections");
    as_config_destroy(&c);
}

static void differences(const char *set, char out[256])
{
    char *a = resolved(base, 0, NULL), *b = resolved(base, 1, &set);
    as_text text = {0};
    assert_int_equal(as_config_compare(a, b, &text), AS_OK);
    snprintf(out, 256, "%s", text.data != NULL ? text.data : "");
    as_text_free(&text);
    free(a);
    free(b);
}

static void test_compare(void **state)
{
    (void)state;
    static const struct {
        const char *set, *differing;
    } cases[] = {
        {"seed=3", ""},
        {"seed=4", "seed\n"},
        {"optimizer.lr=0.02", "optimizer.lr\n"},
        {"optimizer.lr=0.0100", ""},
        {"model.layers.0.dense.units=9", "model.layers.0.dense.units\n"},
        {"model.layers.1.dropout=0.5", "model.layers.1.dropout.rate\n"},
        {"model.loss=cross_entropy", "model.loss\n"},
        {"train.steps=5", "train.epochs\ntrain.steps\n"},
        {"lanes=4", "lanes\n"},
        {"name=other", ""}, /* free: cannot change the numbers */
        {"checkpoint.every=3 steps", ""},
        {"log.every=1 steps", ""},
        {"train.micro_batch=4", ""},
        {"log.evaluate=7 steps", "log.evaluate\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char found[256];
        differences(cases[i].set, found);
        assert_string_equal(found, cases[i].differing);
    }
}

static void test_built_in_is_the_digits_file(void **state)
{
    (void)state;
    char text[4096];
    FILE *file = fopen(TEST_DATA "/../configs/digits.yaml", "r");
    assert_non_null(file);
    const size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    assert_string_equal(text, as_config_default_text());
    as_config c;
    assert_int_equal(as_config_load(0, NULL, 0, NULL, &c), AS_OK);
    assert_string_equal(c.name, "digits");
    as_config_destroy(&c);
}

/* Every option has help, a default that its own table accepts, and no table names a key twice. */
static void check_table(void *context, const as_config_table *table)
{
    int *n = context;
    *n += 1;
    for (const as_field *f = table->table; f != NULL && f->name != NULL; f++) {
        if (f->help == NULL || f->help[0] == '\0') {
            fail_msg("%s.%s has no help", table->path, f->name);
        }
        for (const as_field *g = table->table; g != f; g++) {
            assert_string_not_equal(f->name, g->name);
        }
    }
    if (table->table != NULL) {
        as_document *document = NULL;
        assert_int_equal(as_document_create(&document), AS_OK);
        void *options = as_document_alloc(document, as_fields_bytes(table->table));
        if (as_fields_default(table->table, document, options) != AS_OK) {
            fail_msg("%s: %s", table->path, as_error_message());
        }
        as_document_destroy(&document);
    }
}

static void test_tables(void **state)
{
    (void)state;
    int n = 0;
    as_config_visit(check_table, &n);
    assert_true(n > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_defaults),
        cmocka_unit_test(test_automatic_lanes),
        cmocka_unit_test(test_resolved_text_reads_back),
        cmocka_unit_test(test_same_meaning_same_text),
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_files_merge),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_built_in_is_the_digits_file),
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
