/* Laws of every schedule: PyTorch's factors where the two coincide, warm-up before any, values in (0, 1] that are a
   function of the step, and configurations that read back. References: tests/reference/make_schedules.py. */
#include "nn/schedule.h"

#include "base/text.h"
#include "io/yaml.h"
#include "reference/schedules.h"
#include "unit/kernel_cases.h"

enum {
    CASES = sizeof reference_schedule / sizeof *reference_schedule,
    PLATEAUS = sizeof reference_plateau / sizeof *reference_plateau
};

static as_status parse(as_document *document, const char *config, as_schedule *schedule)
{
    as_node *root = NULL;
    char text[256];
    snprintf(text, sizeof text, "schedule: %s", config);
    assert_int_equal(as_yaml_parse(document, "test.yaml", text, &root), AS_OK);
    return as_schedule_parse(document, as_node_get(root, "schedule"), schedule);
}

static void open_schedule(as_document **document, const char *config, as_schedule *schedule)
{
    assert_int_equal(as_document_create(document), AS_OK);
    if (parse(*document, config, schedule) != AS_OK) {
        fail_msg("%s: %s", config, as_error_message());
    }
}

/* PyTorch multiplies factors step by step (cosine and polynomial too): 24 steps of a few roundings, 1e-14, magnified
   where the factor itself falls towards 0: 1e-13 of the base rate. */
static void test_factors_are_pytorchs(void **unused)
{
    (void)unused;
    for (int i = 0; i < (int)CASES; i++) {
        as_document *document = NULL;
        as_schedule schedule;
        open_schedule(&document, reference_schedule[i].config, &schedule);
        for (int t = 0; t < SCHEDULE_STEPS; t++) {
            const double factor = as_schedule_factor(&schedule, t, SCHEDULE_STEPS, 4);
            if (!(fabs(factor - reference_schedule[i].factor[t]) <= 1e-13)) {
                fail_msg("%s: step %d is %.17g, PyTorch has %.17g", reference_schedule[i].config, t, factor,
                         reference_schedule[i].factor[t]);
            }
        }
        as_document_destroy(&document);
    }
}

static void test_every_schedule_has_a_reference(void **unused)
{
    (void)unused;
    for (const as_schedule_ops *const *k = as_schedules_get(); *k != NULL; k++) {
        bool found = false;
        for (int i = 0; i < (int)(CASES + PLATEAUS); i++) {
            char type[64];
            const char *config = i < (int)CASES ? reference_schedule[i].config : reference_plateau[i - CASES].config;
            found = found || (sscanf(config, "{type: %63[a-z0-9_]", type) == 1 && strcmp(type, (*k)->name) == 0);
        }
        if (!found) {
            fail_msg("schedule %s has no case in tests/reference/make_schedules.py", (*k)->name);
        }
    }
}

static void test_plateau_is_pytorchs(void **unused)
{
    (void)unused;
    for (int i = 0; i < (int)PLATEAUS; i++) {
        as_document *document = NULL;
        as_schedule schedule;
        open_schedule(&document, reference_plateau[i].config, &schedule);
        assert_true(as_schedule_factor(&schedule, 0, SCHEDULE_STEPS, 4) == 1);
        for (int t = 0; t < SCHEDULE_STEPS; t++) {
            schedule.ops->observe(schedule.options, schedule_value[t], schedule.state);
            const double factor = as_schedule_factor(&schedule, t, SCHEDULE_STEPS, 4);
            if (!(fabs(factor - reference_plateau[i].factor[t]) <= 1e-13)) {
                fail_msg("%s: after value %d it is %.17g, PyTorch has %.17g", reference_plateau[i].config, t, factor,
                         reference_plateau[i].factor[t]);
            }
        }
        as_document_destroy(&document);
    }
}

static const char *example(const char *name, char *text, size_t bytes)
{
    snprintf(text, bytes, "{type: %s%s", name, strcmp(name, "multistep") == 0 ? ", milestones: [2, 5]" : "");
    return text;
}

/* Warm-up rises linearly to the schedule's own start; afterwards the schedule runs over what is left of the run. */
static void test_warmup_goes_before_any(void **unused)
{
    (void)unused;
    const as_schedule_ops *const *table = as_schedules_get();
    for (int k = 0; table[k] != NULL; k++) {
        as_document *plain_document = NULL, *warm_document = NULL;
        as_schedule plain, warm;
        char kind[128], config[192];
        example(table[k]->name, kind, sizeof kind);
        snprintf(config, sizeof config, "%s}", kind);
        open_schedule(&plain_document, config, &plain);
        snprintf(config, sizeof config, "%s, warmup: 5}", kind);
        open_schedule(&warm_document, config, &warm);
        const double start = as_schedule_factor(&plain, 0, 40, 4);
        for (int t = 0; t < 5; t++) {
            assert_true(as_schedule_factor(&warm, t, 45, 4) == start * ((double)(t + 1) / 5));
        }
        for (int t = 0; t < 40; t++) {
            const double factor = as_schedule_factor(&plain, t, 40, 4);
            assert_true(as_schedule_factor(&warm, 5 + t, 45, 4) == factor);
            if (!(factor > 0 && factor <= 1)) {
                fail_msg("%s: the factor at step %d of 40 is %g", table[k]->name, t, factor);
            }
        }
        as_document_destroy(&plain_document);
        as_document_destroy(&warm_document);
    }
}

/* Runs of 0, 1 and 2 steps, steps beyond the end, and warm-up longer than the run give finite factors in [0, 1]. */
static void test_short_and_overlong_runs(void **unused)
{
    (void)unused;
    const as_schedule_ops *const *table = as_schedules_get();
    for (int k = 0; table[k] != NULL; k++) {
        as_document *document = NULL;
        as_schedule schedule;
        char kind[128], config[192];
        for (int warmup = 0; warmup < 4; warmup++) {
            snprintf(config, sizeof config, "%s, warmup: %d}", example(table[k]->name, kind, sizeof kind), warmup);
            open_schedule(&document, config, &schedule);
            for (int total = 0; total < 4; total++) {
                for (int64_t t = 0; t < 6; t++) {
                    const double factor = as_schedule_factor(&schedule, t, total, 1);
                    const double late = as_schedule_factor(&schedule, (INT64_C(1) << 40) + t, total, 1);
                    if (!(factor >= 0 && factor <= 1) || !(late >= 0 && late <= 1)) {
                        fail_msg("%s: of %d steps, the factor at step %d is %g, at 2^40 %g", config, total, (int)t,
                                 factor, late);
                    }
                }
            }
            as_document_destroy(&document);
        }
    }
}

static void test_epochs_are_steps(void **unused)
{
    (void)unused;
    static const char *const pair[][2] = {
        {"{type: step, every: 2 epochs}", "{type: step, every: 14 steps}"},
        {"{type: exponential, every: 2 epochs}", "{type: exponential, every: 14 steps}"},
        {"{type: multistep, milestones: [1, 3]}", "{type: multistep, milestones: [7, 21], unit: steps}"}};
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        as_document *document[2] = {NULL};
        as_schedule schedule[2];
        open_schedule(&document[0], pair[i][0], &schedule[0]);
        open_schedule(&document[1], pair[i][1], &schedule[1]);
        for (int t = 0; t < 50; t++) {
            assert_true(as_schedule_factor(&schedule[0], t, 50, 7) == as_schedule_factor(&schedule[1], t, 50, 7));
        }
        as_document_destroy(&document[0]);
        as_document_destroy(&document[1]);
    }
}

static void test_wrong_configurations_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        const char *config, *says;
    } wrong[] = {{"{type: cosin}", "cosine"},
                 {"{type: step, every: 5 minutes}", "minutes"},
                 {"{type: step, every: never}", "never"},
                 {"{type: exponential, every: never}", "never"},
                 {"{type: multistep, milestones: [5, 5]}", "ascending"},
                 {"{type: multistep}", "milestones"},
                 {"{type: constant, gamma: 1}", "gamma"},
                 {"{type: cosine, warmup: -1}", "warmup"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        as_document *document = NULL;
        as_schedule schedule;
        assert_int_equal(as_document_create(&document), AS_OK);
        assert_int_equal(parse(document, wrong[i].config, &schedule), AS_CONFIG);
        if (strstr(as_error_message(), wrong[i].says) == NULL || strstr(as_error_message(), "test.yaml:1:") == NULL) {
            fail_msg("%s: message \"%s\"", wrong[i].config, as_error_message());
        }
        as_document_destroy(&document);
    }
}

static void test_written_configurations_read_back(void **unused)
{
    (void)unused;
    for (int i = 0; i < (int)(CASES + PLATEAUS); i++) {
        as_document *document = NULL;
        as_node *root = NULL;
        as_schedule schedule;
        as_text one = {0}, two = {0};
        open_schedule(&document, i < (int)CASES ? reference_schedule[i].config : reference_plateau[i - CASES].config,
                      &schedule);
        assert_int_equal(as_schedule_write(&schedule, 0, &one), AS_OK);
        assert_int_equal(as_yaml_parse(document, "written.yaml", one.data, &root), AS_OK);
        assert_int_equal(as_schedule_parse(document, root, &schedule), AS_OK);
        assert_int_equal(as_schedule_write(&schedule, 0, &two), AS_OK);
        assert_string_equal(one.data, two.data);
        as_text_free(&one);
        as_text_free(&two);
        assert_int_equal(as_schedule_parse(document, NULL, &schedule), AS_OK);
        assert_string_equal(schedule.ops->name, "constant");
        as_document_destroy(&document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_factors_are_pytorchs),
        cmocka_unit_test(test_every_schedule_has_a_reference),
        cmocka_unit_test(test_plateau_is_pytorchs),
        cmocka_unit_test(test_warmup_goes_before_any),
        cmocka_unit_test(test_short_and_overlong_runs),
        cmocka_unit_test(test_epochs_are_steps),
        cmocka_unit_test(test_wrong_configurations_are_refused),
        cmocka_unit_test(test_written_configurations_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
