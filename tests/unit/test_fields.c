/* Option tables: defaults, values, refusals, and text that reads back to the same bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/fields.h"
#include "base/text.h"
#include "io/yaml.h"

typedef struct options {
    double rate;
    bool nesterov;
    int64_t n;
    const char *text;
    int choice;
    as_reals reals;
    as_ints ints;
    as_texts texts;
    as_every every;
    const as_node *node;
    double free_range;
} options;

static const char *const colours[] = {"red", "green", "blue", NULL};

static const as_field table[] = {
    {.name = "rate",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, rate),
     .standard = "0.001",
     .min = 0,
     .max = 1,
     .help = "Rate."},
    {.name = "nesterov",
     .type = AS_FIELD_BOOL,
     .offset = offsetof(options, nesterov),
     .standard = "false",
     .help = "Look ahead."},
    {.name = "n",
     .type = AS_FIELD_INT,
     .offset = offsetof(options, n),
     .standard = "64KiB",
     .min = 1,
     .max = 1e18,
     .unit = "bytes",
     .help = "Count."},
    {.name = "text", .type = AS_FIELD_TEXT, .offset = offsetof(options, text), .standard = "", .help = "Text."},
    {.name = "choice",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(options, choice),
     .standard = "green",
     .choices = colours,
     .help = "Colour."},
    {.name = "reals",
     .type = AS_FIELD_REALS,
     .offset = offsetof(options, reals),
     .standard = "0.1, 0.2",
     .help = "Numbers."},
    {.name = "ints",
     .type = AS_FIELD_INTS,
     .offset = offsetof(options, ints),
     .standard = "",
     .min = 0,
     .max = 9,
     .help = "Numbers."},
    {.name = "texts", .type = AS_FIELD_TEXTS, .offset = offsetof(options, texts), .standard = "", .help = "Names."},
    {.name = "every",
     .type = AS_FIELD_EVERY,
     .offset = offsetof(options, every),
     .standard = "2 epochs",
     .help = "How often."},
    {.name = "node", .type = AS_FIELD_NODE, .offset = offsetof(options, node), .standard = "", .help = "Anything."},
    {.name = "free_range",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, free_range),
     .standard = "nan",
     .help = "Any number."},
    AS_FIELDS_END};

typedef struct common {
    int64_t units;
} common;

static const as_field required[] = {
    {.name = "units", .type = AS_FIELD_INT, .offset = offsetof(common, units), .min = 1, .max = 1e9, .help = "Width."},
    AS_FIELDS_END};

static as_document *document;

static int open_document(void **state)
{
    (void)state;
    return as_document_create(&document) == AS_OK ? 0 : -1;
}

static int close_document(void **state)
{
    (void)state;
    as_document_destroy(&document);
    return 0;
}

static as_status parse(const char *text, options *out)
{
    as_node *node = NULL;
    assert_int_equal(as_yaml_parse(document, "t", text, &node), AS_OK);
    *out = (options){0};
    const as_fields_part part = {.table = table, .options = out};
    return as_fields_parse(&part, 1, document, node, "opt");
}

static void test_defaults(void **state)
{
    (void)state;
    options o = {0};
    assert_int_equal(as_fields_default(table, document, &o), AS_OK);
    assert_true(o.rate == 0.001);
    assert_false(o.nesterov);
    assert_int_equal(o.n, 65536);
    assert_null(o.text);
    assert_int_equal(o.choice, 1);
    assert_int_equal(o.reals.n, 2);
    assert_true(o.reals.v[1] == 0.2);
    assert_int_equal(o.ints.n, 0);
    assert_int_equal(o.every.epochs, 2);
    assert_null(o.node);
    assert_true(isnan(o.free_range));
    static const as_field broken[] = {{.name = "n", .type = AS_FIELD_INT, .standard = "x", .help = "h"}, AS_FIELDS_END};
    assert_int_equal(as_fields_default(broken, document, &o), AS_INTERNAL);
}

static void test_values(void **state)
{
    (void)state;
    options o;
    assert_int_equal(parse("rate: 5e-1\nnesterov: yes\nn: 1e6\ntext: 'a b'\nchoice: blue\nreals: [1, -2.5]\nints: 7\n"
                           "texts: [x, '']\nevery: 1.5 hours\nnode: {k: v}\n",
                           &o),
                     AS_OK);
    assert_true(o.rate == 0.5 && o.nesterov && o.n == 1000000 && o.choice == 2);
    assert_string_equal(o.text, "a b");
    assert_true(o.reals.n == 2 && o.reals.v[1] == -2.5);
    assert_true(o.ints.n == 1 && o.ints.v[0] == 7);
    assert_true(o.texts.n == 2 && strcmp(o.texts.v[0], "x") == 0);
    assert_true(o.every.minutes == 90 && o.every.steps == 0 && o.every.epochs == 0);
    assert_string_equal(as_node_get(o.node, "k")->text, "v");
    assert_int_equal(parse("every: 20", &o), AS_OK);
    assert_int_equal(o.every.steps, 20);
    assert_int_equal(parse("every: never", &o), AS_OK);
    assert_true(o.every.steps == 0 && o.every.epochs == 0 && o.every.minutes == 0);
    assert_int_equal(parse("", &o), AS_OK); /* null: all defaults */
    assert_true(o.rate == 0.001);
    assert_int_equal(parse("0.25", &o), AS_OK); /* shorthand: the first field */
    assert_true(o.rate == 0.25 && o.n == 65536);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"rat: 1", "t:1:1: unknown key 'opt.rat' (did you mean 'rate'?)"},
        {"zzzzzz: 1",
         "t:1:1: unknown key 'opt.zzzzzz' (known: rate, nesterov, n, text, choice, reals, ints, texts, every, "
         "node, free_range)"},
        {"rate: 2", "t:1:7: opt.rate: expected a number from 0 to 1, found '2'"},
        {"rate: x", "t:1:7: opt.rate: expected a number from 0 to 1, found 'x'"},
        {"rate: nan", "t:1:7: opt.rate: expected a number from 0 to 1, found 'nan'"},
        {"free_range: inf", "t:1:13: opt.free_range: expected a number, found 'inf'"},
        {"rate: [1]", "t:1:7: opt.rate: expected a number from 0 to 1, found a list"},
        {"rate:", "t:1:6: opt.rate: expected a number from 0 to 1, found nothing"},
        {"nesterov:", "t:1:10: opt.nesterov: expected true or false, found nothing"},
        {"n:", "t:1:3: opt.n: expected a whole number from 1 to 1e+18 (bytes), found nothing"},
        {"choice:", "t:1:8: opt.choice: expected red | green | blue, found nothing"},
        {"every:", "t:1:7: opt.every: expected a number of steps, epochs, seconds, minutes or hours, or never, found "
                   "nothing"},
        {"ints:", "t:1:6: opt.ints: expected a list of whole numbers, found nothing"},
        {"nesterov: 1", "t:1:11: opt.nesterov: expected true or false, found '1'"},
        {"n: 1.5", "t:1:4: opt.n: expected a whole number from 1 to 1e+18 (bytes), found '1.5'"},
        {"n: 0", "t:1:4: opt.n: expected a whole number from 1 to 1e+18 (bytes), found '0'"},
        {"choice: gren", "t:1:9: opt.choice: expected red | green | blue, found 'gren' (did you mean 'green'?)"},
        {"choice: xyzzy", "t:1:9: opt.choice: expected red | green | blue, found 'xyzzy'"},
        {"ints: [1, 99]", "t:1:11: opt.ints: expected a whole number from 0 to 9, found '99'"},
        {"reals: [[1]]", "t:1:9: opt.reals: expected a single value in the list, found a list"},
        {"reals: {a: 1}", "t:1:8: opt.reals: expected a list of numbers, found a map"},
        {"text: [a]", "t:1:7: opt.text: expected a text, found a list"},
        {"every: 5 weeks",
         "t:1:8: opt.every: expected a number of steps, epochs, seconds, minutes or hours, or never, found "
         "'5 weeks'"},
        {"every: 0 steps",
         "t:1:8: opt.every: expected a number of steps, epochs, seconds, minutes or hours, or never, found "
         "'0 steps'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        options o;
        assert_int_equal(parse(cases[i].text, &o), AS_CONFIG);
        assert_string_equal(as_error_message(), cases[i].message);
    }
}

static void test_two_tables_and_required(void **state)
{
    (void)state;
    options o = {0};
    common c = {0};
    const as_fields_part parts[] = {{.table = required, .options = &c}, {.table = table, .options = &o}};
    as_node *node = NULL;
    assert_int_equal(as_yaml_parse(document, "t", "units: 3\nrate: 0.5", &node), AS_OK);
    assert_int_equal(as_fields_parse(parts, 2, document, node, "dense"), AS_OK);
    assert_true(c.units == 3 && o.rate == 0.5);
    assert_int_equal(as_yaml_parse(document, "t", "12", &node), AS_OK);
    assert_int_equal(as_fields_parse(parts, 2, document, node, "dense"), AS_OK);
    assert_int_equal(c.units, 12);
    assert_int_equal(as_yaml_parse(document, "t", "rate: 0.5", &node), AS_OK);
    assert_int_equal(as_fields_parse(parts, 2, document, node, "dense"), AS_CONFIG);
    assert_string_equal(as_error_message(), "t:1:1: dense: missing key 'units' (Width.)");
    const as_fields_part none = {.table = NULL, .options = NULL};
    assert_int_equal(as_yaml_parse(document, "t", "rate: 0.5", &node), AS_OK);
    assert_int_equal(as_fields_parse(&none, 1, document, node, "relu"), AS_CONFIG);
    assert_string_equal(as_error_message(), "t:1:1: unknown key 'relu.rate' (known: none)");
    as_text text = {0};
    assert_int_equal(as_fields_default(NULL, document, NULL), AS_OK);
    assert_int_equal(as_fields_write(NULL, NULL, 2, &text), AS_OK);
    assert_true(text.data == NULL && as_fields_bytes(NULL) == 0);
}

static void test_written_text_reads_back(void **state)
{
    (void)state;
    static const char *const inputs[] = {
        "", "rate: 0.1\ntext: \"a: b # c \\\" \\\\ \\n\"\nreals: [0.30000000000000004, 1e300]\nints: [1, 2]\n",
        "text: 'null'\ntexts: [a b, '', ~x, '- y', '@z', \"\\u00e9\"]\nevery: 10 minutes",
        "text: -x\nevery: never\nn: 1GiB"};
    for (int i = 0; i < 4; i++) {
        options o, again;
        as_text first = {0}, second = {0};
        assert_int_equal(parse(inputs[i], &o), AS_OK);
        assert_int_equal(as_fields_write(table, &o, 2, &first), AS_OK);
        char *body =
            strstr(first.data, "  free_range: nan\n"); /* a default that cannot be typed in is not in this test */
        assert_non_null(body);
        assert_int_equal(parse(first.data, &again), AS_OK);
        assert_int_equal(as_fields_write(table, &again, 2, &second), AS_OK);
        assert_string_equal(first.data, second.data);
        assert_true(again.rate == o.rate && again.n == o.n);
        assert_true((o.text == NULL) == (again.text == NULL));
        if (o.text != NULL) {
            assert_string_equal(o.text, again.text);
        }
        assert_int_equal(o.texts.n, again.texts.n);
        for (int64_t j = 0; j < o.texts.n; j++) {
            assert_string_equal(o.texts.v[j], again.texts.v[j]);
        }
        as_text_free(&first);
        as_text_free(&second);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool real, whole;
        double value;
    } cases[] = {{"1", true, true, 1},
                 {"-0", true, true, 0},
                 {"+7", true, true, 7},
                 {"1e3", true, true, 1000},
                 {"1.5e1", true, true, 15},
                 {"1.5", true, false, 1.5},
                 {".5", true, false, 0.5},
                 {"5.", true, true, 5},
                 {"1e-3", true, false, 0.001},
                 {"64KiB", false, true, 65536},
                 {"2GiB", false, true, 2147483648.0},
                 {"", false, false, 0},
                 {"-", false, false, 0},
                 {".", false, false, 0},
                 {"1e", false, false, 0},
                 {"0x10", false, false, 0},
                 {"1 ", false, false, 0},
                 {" 1", false, false, 0},
                 {"1,5", false, false, 0},
                 {"1e400", false, false, 0},
                 {"1e18", true, true, 1e18},
                 {"1e19", true, false, 1e19},
                 {"9223372036854775808", true, false, 0x1p63},
                 {"0e999999999999", true, true, 0},
                 {"0.1e1", true, true, 1},
                 {"1_000", false, false, 0},
                 {"123456789.123456789", true, false, 123456789.123456789}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double real = -99;
        int64_t whole = -99;
        if (as_text_to_real(cases[i].text, &real) != cases[i].real) {
            fail_msg("real '%s'", cases[i].text);
        }
        if (as_text_to_int(cases[i].text, &whole) != cases[i].whole) {
            fail_msg("int '%s'", cases[i].text);
        }
        assert_true(!cases[i].real || real == cases[i].value);
        assert_true(!cases[i].whole || (double)whole == cases[i].value);
    }
    double d;
    assert_true(as_text_to_real("-.inf", &d) && isinf(d) && d < 0);
    assert_true(as_text_to_real("NaN", &d) && isnan(d));
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"lr", "weight_decay", "batch", "epochs", "momentum", "type", NULL};
    static const struct {
        const char *word, *nearest;
    } cases[] = {{"learning_rate", "lr"},
                 {"batch_size", "batch"},
                 {"epoch", "epochs"},
                 {"max_epochs", "epochs"},
                 {"weigth_decay", "weight_decay"},
                 {"weight-decay", "weight_decay"},
                 {"momentun", "momentum"},
                 {"tpye", "type"},
                 {"Lr", "lr"},
                 {"qwertyuiop", NULL},
                 {"", NULL},
                 {"x", NULL},
                 {"decay", "weight_decay"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *found = as_nearest_name(cases[i].word, names);
        if ((found == NULL) != (cases[i].nearest == NULL) || (found != NULL && strcmp(found, cases[i].nearest) != 0)) {
            fail_msg("'%s': expected %s, found %s", cases[i].word, cases[i].nearest != NULL ? cases[i].nearest : "none",
                     found != NULL ? found : "none");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, open_document, close_document),
        cmocka_unit_test_setup_teardown(test_values, open_document, close_document),
        cmocka_unit_test_setup_teardown(test_refused, open_document, close_document),
        cmocka_unit_test_setup_teardown(test_two_tables_and_required, open_document, close_document),
        cmocka_unit_test_setup_teardown(test_written_text_reads_back, open_document, close_document),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
