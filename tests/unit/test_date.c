/* Dates as numbers and back: the calendar, offsets, times alone, and what is none of these. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/date.h"

static double days(const char *text, as_date_kind expected)
{
    double value = -1e9;
    if (as_date_read(text, (int64_t)strlen(text), &value) != expected) {
        fail_msg("%s: expected kind %d", text, (int)expected);
    }
    return value;
}

/* Python: (datetime.date(y, m, d) - datetime.date(1970, 1, 1)).days */
static void test_known_days(void **state)
{
    (void)state;
    assert_true(days("1970-01-01", AS_DATE_DAY) == 0);
    assert_true(days("0001-01-01", AS_DATE_DAY) == -719162);
    assert_true(days("1600-02-29", AS_DATE_DAY) == -135081);
    assert_true(days("1899-12-31", AS_DATE_DAY) == -25568);
    assert_true(days("2000-03-01", AS_DATE_DAY) == 11017);
    assert_true(days("2026-11-23", AS_DATE_DAY) == 20780);
    assert_true(days("9999-12-31", AS_DATE_DAY) == 2932896);
    assert_true(days("23.11.2026", AS_DATE_DAY) == 20780);
    assert_true(days("1.3.2000", AS_DATE_DAY) == 11017);
    assert_true(days("2026-11", AS_DATE_DAY) == 20758);
}

static void test_times_and_offsets(void **state)
{
    (void)state;
    assert_true(days("2026-11-23T06:00", AS_DATE_DAY) == 20780.25);
    assert_true(days("2026-11-23 06:00:00.000", AS_DATE_DAY) == 20780.25);
    assert_true(days("2026-11-23T06:00:00Z", AS_DATE_DAY) == 20780.25);
    assert_true(days("2026-11-23T06:00+06:00", AS_DATE_DAY) == 20780);
    assert_true(days("2026-11-23T06:00:00-1800", AS_DATE_DAY) == 20781);
    assert_true(days("2026-11-23T00:00:01.5", AS_DATE_DAY) == 20780 + 1.5 / 86400);
    assert_true(days("12:00", AS_DATE_TIME) == 0.5);
    assert_true(days("0:45:00", AS_DATE_TIME) == 0.03125);
}

static void test_what_is_no_date(void **state)
{
    (void)state;
    static const char *const words[] = {"",         "2026",     "2026-13-01",  "2026-02-29",        "1900-02-29",
                                        "2026-11-", "26-11-23", "2026-11-23x", "2026-11-23T",       "2026-11-23T25:00",
                                        "24:00",    "12:60",    "12",          "2026-11-23T12:00+", "11/23/2026",
                                        "20261123", "12:00Z",   "0000-01-01",  "31.4.2026",         "1.2.26"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_true(days(words[i], AS_DATE_NONE) == -1e9);
    }
}

/* Every day of 800 years there and back, and the years before the first. */
static void test_every_day_comes_back(void **state)
{
    (void)state;
    for (int day = -200000; day < 100000; day++) {
        char text[40];
        as_date_text(AS_DATE_DAY, day, text);
        assert_true(days(text, AS_DATE_DAY) == day);
    }
    char text[40];
    as_date_text(AS_DATE_DAY, -0.25, text);
    assert_string_equal(text, "1969-12-31 18:00:00");
    as_date_text(AS_DATE_TIME, 0.5 + 5.0 / 86400, text);
    assert_string_equal(text, "12:00:05");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_days),
        cmocka_unit_test(test_times_and_offsets),
        cmocka_unit_test(test_what_is_no_date),
        cmocka_unit_test(test_every_day_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
