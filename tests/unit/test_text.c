/* Growing text, shortest doubles, JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fields.h"
#include "base/json_read.h"
#include "base/rng.h"
#include "base/text.h"

static void test_text_grows_and_clears(void **state)
{
    (void)state;
    as_text text = {0};
    for (int i = 0; i < 1000; i++) {
        as_text_add(&text, "%d,", i % 10);
    }
    assert_int_equal(text.size, 2000);
    assert_int_equal(strlen(text.data), 2000);
    assert_memory_equal(text.data + 1996, "8,9,", 5);
    as_text_clear(&text);
    assert_int_equal(text.size, 0);
    assert_string_equal(text.data, "");
    as_text_add(&text, "%s", "");
    assert_string_equal(text.data, "");
    as_text_free(&text);
    assert_null(text.data);
}

static void test_real_text_known(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.0, "0"},
                 {-0.0, "-0"},
                 {0.1, "0.1"},
                 {1.0 / 3.0, "0.3333333333333333"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {1e22, "1e+22"},
                 {123456789012345680.0, "1.2345678901234568e+17"},
                 {DBL_MAX, "1.7976931348623157e+308"},
                 {DBL_MIN, "2.2250738585072014e-308"},
                 {5e-324, "5e-324"},
                 {-3e-310, "-3e-310"},
                 {100.0, "100"},
                 {HUGE_VAL, "inf"},
                 {-HUGE_VAL, "-inf"},
                 {(double)NAN, "nan"}};
    char buffer[32];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(as_real_text(cases[i].value, buffer), cases[i].text);
    }
}

static void test_real_text_round_trip(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        uint32_t words[4];
        as_rng_words(1, AS_RNG_TEST, 0, 0, i, words);
        const uint64_t bits = ((uint64_t)words[0] << 32) | words[1]; /* any exponent, any sign */
        double value, back;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        char buffer[32];
        assert_true(as_text_to_real(as_real_text(value, buffer), &back));
        assert_memory_equal(&back, &value, sizeof value);
        assert_memory_equal(&(double){strtod(buffer, NULL)}, &value, sizeof value);
        assert_true(strlen(buffer) <= 24);
    }
}

static void test_numbers_ignore_the_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    bool found = false;
    for (int i = 0; i < 4 && !found; i++) {
        found = setlocale(LC_ALL, names[i]) != NULL && localeconv()->decimal_point[0] == ',';
    }
    if (!found) {
        skip(); /* no such locale on this machine */
    }
    char buffer[32];
    double value;
    assert_string_equal(as_real_text(0.30000000000000004, buffer), "0.30000000000000004");
    assert_true(as_text_to_real("0.30000000000000004", &value));
    assert_true(value == 0.30000000000000004);
    assert_false(as_text_to_real("0,5", &value));
    setlocale(LC_ALL, "C");
}

static void test_json(void **state)
{
    (void)state;
    as_text text = {0};
    as_json_open(&text, NULL, '{');
    as_json_text(&text, "name", "a \"b\"\\\n\t\x01 \xc3\xa9 \xff\xc3");
    as_json_int(&text, "n", INT64_MIN);
    as_json_open(&text, "list", '[');
    as_json_real(&text, NULL, 0.5);
    as_json_real(&text, NULL, (double)NAN);
    as_json_real(&text, NULL, -HUGE_VAL);
    as_json_open(&text, NULL, '[');
    as_json_close(&text, ']');
    as_json_close(&text, ']');
    as_json_open(&text, "map", '{');
    as_json_close(&text, '}');
    as_json_bool(&text, "ok", true);
    as_json_text(&text, "none", NULL);
    as_json_close(&text, '}');
    as_text_add(&text, "\n");
    as_json_open(&text, NULL, '{');
    as_json_close(&text, '}');
    assert_string_equal(text.data, "{\"name\": \"a \\\"b\\\"\\\\\\n\\t\\u0001 \xc3\xa9 \\ufffd\\ufffd\", "
                                   "\"n\": -9223372036854775808, \"list\": [0.5, null, null, []], \"map\": {}, "
                                   "\"ok\": true, \"none\": null}\n{}");
    assert_false(text.failed);
    as_text_free(&text);
}

static void test_what_is_json(void **state)
{
    (void)state;
    static const char *const good[] = {
        "0",   "-1.5e+7", " [1, {\"a\": null}, []] ", "{}", "{\"a\":{\"b\":[true,false]}}", "\"x\\\"\\u00e9\"",
        "1E5", "\n{ }\n"};
    static const char *const bad[] = {"",     " ",           "01",    "+1",      "1.",       ".5",         "1e",
                                      "nan",  "{",           "{a:1}", "{\"a\"}", "{\"a\":}", "[1,]",       "[1 2]",
                                      "\"a",  "\"\\x\"",     "{}}",   "tru",     "\"a\nb\"", "{\"a\":1,}", "-",
                                      "0x10", "\"\\u12g4\"", "1 2",   "truex",   "\"\xff\"", "[[]",        "\"\\"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!as_json_valid(good[i])) {
            fail_msg("refused: %s", good[i]);
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (as_json_valid(bad[i])) {
            fail_msg("taken: %s", bad[i]);
        }
    }
    char deep[2 * 66 + 1] = "";
    for (int depth = 64; depth <= 66; depth++) { /* 64 lists inside of the outermost one */
        memset(deep, '[', (size_t)depth);
        memset(deep + depth, ']', (size_t)depth);
        deep[2 * depth] = '\0';
        assert_int_equal(as_json_valid(deep), depth <= 65);
    }
}

/* What a terminal would obey does not get through; letters of all alphabets do. */
static void test_control_characters_are_tamed(void **state)
{
    (void)state;
    char text[] = "a\x1b[31m\tb\x7f \xc3\xa9 \xc2\x9b \xc2\xa9 \xe2\x82\xac\nc\r\xc2";
    as_text_tame(text, true);
    assert_string_equal(text, "a?[31m\tb? \xc3\xa9 ?? \xc2\xa9 \xe2\x82\xac\nc?\xc2");
    as_text_tame(text, false);
    assert_string_equal(text, "a?[31m\tb? \xc3\xa9 ?? \xc2\xa9 \xe2\x82\xac?c?\xc2");
    assert_int_equal(as_error_set(AS_DATA, "%s: no array", "x\x1b\ny"), AS_DATA);
    assert_string_equal(as_error_message(), "x??y: no array");
    assert_int_equal(as_error_prefix(AS_DATA, "f\x07"), AS_DATA);
    assert_string_equal(as_error_message(), "f?: x??y: no array");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_grows_and_clears),
        cmocka_unit_test(test_real_text_known),
        cmocka_unit_test(test_real_text_round_trip),
        cmocka_unit_test(test_numbers_ignore_the_locale),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_what_is_json),
        cmocka_unit_test(test_control_characters_are_tamed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
