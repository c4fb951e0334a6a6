/* OVERFIT judges the same rows before and after: a rise that single rows share is found, one that their spread explains
   is not, and neither is a spike of the last evaluation or a run whose best state is the one that is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "probe/rule.h"

extern const as_rule as_rule_overfit;

enum { ROWS = 40, EVALUATIONS = 12 };

typedef struct scene {
    as_case c;
    as_network network; /* that there is one is all that is asked */
    as_history_evaluation evaluation[EVALUATIONS];
    int64_t id[ROWS];
    double best[ROWS], end[ROWS], train[ROWS];
    as_finding finding;
} scene;

static double mean(const double *v)
{
    double sum = 0;
    for (int i = 0; i < ROWS; i++) {
        sum += v[i];
    }
    return sum / ROWS;
}

static as_fit fit_of(scene *s, double *losses)
{
    const double m = mean(losses);
    double squares = 0;
    for (int i = 0; i < ROWS; i++) {
        squares += (losses[i] - m) * (losses[i] - m);
    }
    return (as_fit){.rows = ROWS,
                    .loss = m,
                    .loss_se = sqrt(squares) / ROWS,
                    .accuracy = (double)NAN,
                    .id = s->id,
                    .row_loss = losses};
}

/* Losses of rows that spread from 0.05 to 2; at the end each is `rise` higher, and odd and even rows `noise` more and
   less. The lowest validation loss is the third of 12. */
static void set_scene(scene *s, double rise, double noise)
{
    memset(s, 0, sizeof *s);
    for (int i = 0; i < ROWS; i++) {
        s->id[i] = i;
        s->best[i] = 0.05 * (i + 1);
        s->end[i] = s->best[i] + rise + (i % 2 == 0 ? noise : -noise);
        s->train[i] = 0.4 * s->best[i];
    }
    s->c = (as_case){.trained = true, .network = &s->network, .chance = 2, .best_step = 30};
    s->c.best = fit_of(s, s->best);
    s->c.held_out = fit_of(s, s->end);
    s->c.now = fit_of(s, s->train);
    for (int e = 0; e < EVALUATIONS; e++) {
        const double share = e < 3 ? 0 : (e - 2) / (double)(EVALUATIONS - 3);
        s->evaluation[e] = (as_history_evaluation){
            .step = 10 * (e + 1), .train_loss = 1.0 / (e + 1), .loss = (e < 2 ? 1.5 : mean(s->best)) + rise * share};
    }
    s->c.history = (as_history){.nevaluations = EVALUATIONS, .evaluation = s->evaluation};
}

static as_verdict judge(scene *s)
{
    as_text_free(&s->finding.evidence);
    s->finding = (as_finding){.rule = &as_rule_overfit};
    const as_verdict verdict = as_rule_overfit.judge(&s->c, &s->finding);
    as_text_free(&s->finding.evidence);
    return verdict;
}

/* 0.2 of 1.025 is 20 %; differences 0.2 +- 0.1 of 40 rows are 12 standard errors from 0, though rows spread by 0.58,
   which unpaired would make 1.5. */
static void test_a_rise_that_rows_share_is_found(void **state)
{
    scene s;
    (void)state;
    set_scene(&s, 0.2, 0.1);
    assert_int_equal(judge(&s), AS_FOUND);
    assert_int_equal(s.finding.severity, AS_FAULT);
    assert_non_null(strstr(s.finding.sentence, "the same rows"));
}

/* 0.2 +- 0.6: 2 standard errors, p 0.02; and training rows are not far better. */
static void test_a_rise_within_the_spread_of_differences_is_not(void **state)
{
    scene s;
    (void)state;
    set_scene(&s, 0.2, 0.6);
    assert_int_equal(judge(&s), AS_CLEAR);
}

static void test_a_rise_of_5_percent_is_not(void **state)
{
    scene s;
    (void)state;
    set_scene(&s, 0.05, 0.01);
    assert_int_equal(judge(&s), AS_CLEAR);
}

static void test_a_spike_at_the_end_is_not(void **state)
{
    scene s;
    (void)state;
    set_scene(&s, 0.2, 0.1);
    for (int e = 3; e < EVALUATIONS - 1; e++) {
        s.evaluation[e].loss = mean(s.best) + 0.01;
    }
    assert_int_equal(judge(&s), AS_CLEAR);
}

static void test_a_training_loss_that_does_not_fall_is_not(void **state)
{
    scene s;
    (void)state;
    set_scene(&s, 0.2, 0.1);
    for (int e = 0; e < EVALUATIONS; e++) {
        s.evaluation[e].train_loss = 0.5;
    }
    assert_int_equal(judge(&s), AS_CLEAR);
}

static void test_a_run_that_is_left_at_its_best_is_not(void **state)
{
    scene s;
    (void)state;
    set_scene(&s, 0.2, 0.1);
    s.c.held_out = s.c.best;
    assert_int_equal(judge(&s), AS_CLEAR);
}

/* Without best.h5 the spread of the losses is all there is: the same rise is 2.2 standard errors. */
static void test_without_the_best_state_the_spread_decides(void **state)
{
    scene s;
    (void)state;
    set_scene(&s, 0.2, 0.1);
    s.c.best = (as_fit){0};
    assert_int_equal(judge(&s), AS_CLEAR);
}

/* No course at all, but rows known by heart: 0.01 of chance, and others at it. */
static void test_rows_known_by_heart_are_found_without_validations(void **state)
{
    scene s;
    (void)state;
    set_scene(&s, 1, 0.1);
    for (int i = 0; i < ROWS; i++) {
        s.train[i] = 0.01 * s.best[i];
    }
    s.c.now = fit_of(&s, s.train);
    s.c.history.nevaluations = 1;
    assert_int_equal(judge(&s), AS_FOUND);
    assert_non_null(strstr(s.finding.sentence, "by heart"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_rise_that_rows_share_is_found),
        cmocka_unit_test(test_a_rise_within_the_spread_of_differences_is_not),
        cmocka_unit_test(test_a_rise_of_5_percent_is_not),
        cmocka_unit_test(test_a_spike_at_the_end_is_not),
        cmocka_unit_test(test_a_training_loss_that_does_not_fall_is_not),
        cmocka_unit_test(test_a_run_that_is_left_at_its_best_is_not),
        cmocka_unit_test(test_without_the_best_state_the_spread_decides),
        cmocka_unit_test(test_rows_known_by_heart_are_found_without_validations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
