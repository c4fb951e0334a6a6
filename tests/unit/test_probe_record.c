/* Records of instruments as lines of JSON, there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "allsum/status.h"
#include "probe/record.h"

static void write_line(const as_probe_record *record, as_text *text)
{
    as_text_clear(text);
    as_json_open(text, NULL, '{');
    as_probe_record_write(record, text);
    as_json_close(text, '}');
}

static void test_record_reads_back_to_the_same_line(void **state)
{
    (void)state;
    as_probe_record record, again;
    as_text text = {0}, second = {0};
    bool found;
    assert_int_equal(as_probe_record_make(2, &record), AS_OK);
    record.step = 12;
    record.epoch = 3;
    record.loss = 0.1 + 0.2;
    record.total.noise_scale = 1.0 / 3;
    record.layer[1].grad_norm = 0x1.123456789abcdp-60;
    record.layer[0].update_ratio = (double)INFINITY;
    strcpy(record.layer[0].name, "dense_1");
    strcpy(record.layer[1].name, "head");
    as_probe_record_state(&record, "noise", "%d lane, none to compare", 1);
    write_line(&record, &text);
    assert_int_equal(as_probe_record_read(text.data, &again, &found), AS_OK);
    assert_true(found);
    assert_int_equal(again.nlayers, 2);
    assert_int_equal(again.step, 12);
    assert_string_equal(again.layer[1].name, "head");
    assert_string_equal(again.state[0].state, "1 lane, none to compare");
    assert_true(isinf(again.layer[0].update_ratio)); /* what was measured and not finite is not "not measured" */
    assert_true(isnan(again.layer[0].grad_norm));
    write_line(&again, &second);
    assert_string_equal(text.data, second.data);
    as_probe_record_free(&record);
    as_probe_record_free(&again);
    as_text_free(&text);
    as_text_free(&second);
}

static void test_records_of_a_history(void **state)
{
    (void)state;
    as_probe_records records = {0};
    const char *lines =
        "{\"kind\": \"step\", \"step\": 1}\n"
        "{\"kind\": \"probe\", \"step\": 2, \"epoch\": 0, \"total\": {}, \"layers\": []}\n"
        "{\"kind\": \"probe\", \"step\": 4, \"epoch\": 1, \"loss\": 2.5, \"total\": {\"grad_norm\": 7}, "
        "\"layers\": [{\"name\": \"a\"}], \"timing\": {\"seconds\": 1}}";
    assert_int_equal(as_probe_records_read(&records, lines), AS_OK);
    assert_int_equal(records.n, 2);
    assert_int_equal(records.record[1].step, 4);
    assert_true(records.record[1].total.grad_norm == 7);
    assert_true(records.record[1].loss == 2.5);
    assert_true(isnan(records.record[0].loss));
    as_probe_records_free(&records);
}

static void test_lines_that_break_off_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"kind\": \"probe\", \"step\": 2, \"epoch\": 0, \"total\": {}, \"layers\": [{\"name\": \"a\"",
        "{\"kind\": \"probe\", \"step\": 2, \"epoch\": 0, \"total\": {}}",
        "{\"kind\": \"probe\", \"epoch\": 0, \"total\": {}, \"layers\": []}",
        "{\"kind\": \"probe\", \"step\": 2, \"epoch\": 0, \"total\": 3, \"layers\": []}",
        "{\"kind\": \"probe\", \"step\": 2, \"epoch\": 0, \"total\": {}, \"layers\": [3]}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        as_probe_record record;
        bool found;
        assert_int_equal(as_probe_record_read(bad[i], &record, &found), AS_DATA);
        assert_false(found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_reads_back_to_the_same_line),
        cmocka_unit_test(test_records_of_a_history),
        cmocka_unit_test(test_lines_that_break_off_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
