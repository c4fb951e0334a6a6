/* The pulse as records: when it is felt, halves to noise, and what the records of a run say together. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "probe/course.h"
#include "probe/pulse.h"

enum { RECORDS = 20 };

static void test_cadence_keeps_the_price_under_a_share(void **state)
{
    (void)state;
    assert_int_equal(as_pulse_cadence(0), 10);
    assert_int_equal(as_pulse_cadence(0.15), 10);
    assert_int_equal(as_pulse_cadence(0.151), 20);
    assert_int_equal(as_pulse_cadence(1), 100);
    assert_int_equal(as_pulse_cadence(10), 1000);
    assert_true(as_pulse_cadence(1e300) >= 1000000);
    assert_true(as_pulse_cadence((double)NAN) == 10);
}

static void test_long_runs_are_felt_less_often(void **state)
{
    (void)state;
    int64_t felt = 0;
    assert_true(as_pulse_due(10, 0) && as_pulse_due(10, 2550) && !as_pulse_due(10, 2551));
    assert_true(!as_pulse_due(10, 2570) && as_pulse_due(10, 2580));
    for (int64_t step = 0; step < 10 * 256 * 64; step++) {
        felt += as_pulse_due(10, step) ? 1 : 0;
    }
    assert_int_equal(felt, 256 + 6 * 128); /* 256, then 128 for every doubling */
    assert_true(as_pulse_due(1, INT64_C(1) << 60));
}

/* Records of two layers: the first half of the units of "b" die at step 110; the noise is 40 +- 8 in turn, |G|^2 is 2.
 */
static void make_records(as_probe_records *r)
{
    for (int i = 0; i < RECORDS; i++) {
        as_probe_record x;
        assert_int_equal(as_probe_record_make(2, &x), AS_OK);
        x.step = 1 + 10 * i;
        x.weight = x.samples = x.rows = 128;
        x.lanes = 2;
        x.spikes = i == 4 ? 3 : 0;
        x.spike_ratio = i == 4 ? 5 : 1;
        x.total.grad_norm = 2.0 / (i + 1);
        x.total.noise_trace = i % 2 == 0 ? 32 : 48;
        x.total.noise_gradient = 2;
        for (int l = 0; l < 2; l++) {
            snprintf(x.layer[l].name, sizeof x.layer[l].name, "%s", l == 0 ? "a" : "b");
            x.layer[l].weight_norm = 1;
            x.layer[l].update_ratio = l == 0 ? 1e-3 : 1e-2;
            x.layer[l].delta_rms = l == 0 ? 1e-2 * (i + 1) : 1;
            x.layer[l].dead = l == 1 && i >= 11 ? 0.75 : 0.125;
        }
        assert_int_equal(as_probe_records_add(r, &x), AS_OK);
    }
}

static void test_records_say_it_together(void **state)
{
    (void)state;
    as_probe_records r = {0};
    as_course c;
    as_text text = {0};
    make_records(&r);
    as_course_make(&r, &c);
    assert_int_equal(c.records, RECORDS);
    assert_true(c.first == 1 && c.last == 191 && c.batch == 128);
    assert_true(c.gradient[0] == 2 && c.gradient[1] == 0.1);
    assert_true(c.scale == 20);
    /* S - scale G2 is +-8 in turn: sd of the mean of ten, over |G|^2 */
    assert_true(fabs(c.scale_se * 2 * 10 - sqrt(640 * 10 / 9.0)) < 1e-12);
    assert_string_equal(c.slow.name, "a");
    assert_string_equal(c.fast.name, "b");
    assert_string_equal(c.dead.name, "b");
    assert_true(c.dead.value == 0.75 && c.dead.step == 111 && isnan(c.saturated.value));
    assert_true(c.backward == 0.2 && c.backward_min == 0.01);
    assert_true(c.spikes == 3 && c.spike_ratio == 5 && c.spike_step == 41);
    as_course_print(&c, &text);
    assert_non_null(strstr(text.data, "dead at most 75 % (b, over a half since step 111)"));
    for (const char *s = text.data; *s != '\0'; s += strcspn(s, "\n") + 1) {
        assert_true(strcspn(s, "\n") <= 100);
    }
    as_text_free(&text);
    as_probe_records_free(&r);
}

static void test_last_records_stand_in_for_a_point(void **state)
{
    (void)state;
    as_probe_records r = {0};
    as_course c;
    as_point point = {0}, measured = {.measured = true, .loss = 7};
    make_records(&r);
    as_course_make(&r, &c);
    assert_int_equal(as_course_point(&r, &c, 1, false, &point), AS_OK);
    assert_true(point.measured && point.finite && point.rows == 128 && point.loss == 1);
    assert_true(point.trace == 40 && point.gradient == 2 + 40.0 / 128); /* with the noise of a batch */
    assert_true(point.nlayers == 2 && point.layer[1].dead == 0.75 && isnan(point.lambda_max));
    as_point_free(&point);
    assert_int_equal(as_course_point(&r, &c, 1, false, &measured), AS_OK);
    assert_true(measured.loss == 7 && measured.nlayers == 0);
    as_probe_records_free(&r);
}

static void test_no_records_say_nothing(void **state)
{
    (void)state;
    const as_probe_records none = {0};
    as_course c;
    as_point point = {0};
    as_text text = {0};
    as_course_make(&none, &c);
    as_course_print(&c, &text);
    as_course_json(&c, &text);
    assert_int_equal(text.size, 0);
    assert_int_equal(as_course_point(&none, &c, 1, true, &point), AS_OK);
    assert_false(point.measured);
    as_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cadence_keeps_the_price_under_a_share),
        cmocka_unit_test(test_long_runs_are_felt_less_often),
        cmocka_unit_test(test_records_say_it_together),
        cmocka_unit_test(test_last_records_stand_in_for_a_point),
        cmocka_unit_test(test_no_records_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
