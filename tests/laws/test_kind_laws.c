/* Laws of every row of every table of kinds: a name of its own, help, formula and functions, options that fit their
   struct and do not lie on one another, defaults in their own range. */
#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "data/format.h"
#include "estimator/estimator.h"
#include "estimator/statistic.h"
#include "math/distribution.h"
#include "nn/activation.h"
#include "nn/layer.h"
#include "nn/loss.h"
#include "nn/metric.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "probe/probe.h"
#include "probe/rule.h"
#include "run/export.h"
#include "run/kinds.h"

enum { KINDS_MAX = 512 };

typedef struct kinds {
    int n;
    as_kind kind[KINDS_MAX];
} kinds;

static void add_kind(void *context, const as_kind *kind)
{
    kinds *all = context;
    assert_true(all->n < KINDS_MAX);
    all->kind[all->n++] = *kind;
}

static kinds collect(void)
{
    kinds all = {0};
    as_kinds_visit(add_kind, &all);
    assert_true(all.n > 30);
    return all;
}

/* The names of one place of a configuration; activations are chosen where layers are. */
static void test_names_are_words_of_their_own(void **state)
{
    (void)state;
    const kinds all = collect();
    for (int i = 0; i < all.n; i++) {
        const as_kind *k = &all.kind[i];
        assert_true(k->name != NULL);
        if (!islower((unsigned char)k->name[0]) ||
            strspn(k->name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(k->name)) {
            fail_msg("%s: the name \"%s\" is not lower case, digits and underscores", k->group, k->name);
        }
        for (int j = 0; j < i; j++) {
            if (strcmp(k->path, all.kind[j].path) == 0 && strcmp(k->name, all.kind[j].name) == 0) {
                fail_msg("%s: two rows have the name \"%s\": was it copied from the template?", k->group, k->name);
            }
        }
    }
}

static void test_help_and_formula(void **state)
{
    (void)state;
    const kinds all = collect();
    for (int i = 0; i < all.n; i++) {
        const as_kind *k = &all.kind[i];
        if (k->help == NULL || k->help[0] == '\0') {
            fail_msg("%s: %s has no help", k->group, k->name);
        }
        const bool files = strcmp(k->group, "formats") == 0 || strcmp(k->group, "exports") == 0;
        if (!files && (k->formula == NULL || k->formula[0] == '\0')) {
            fail_msg("%s: %s has no formula", k->group, k->name);
        }
    }
}

static void test_options_fit_their_struct(void **state)
{
    (void)state;
    const kinds all = collect();
    for (int i = 0; i < all.n; i++) {
        const as_kind *k = &all.kind[i];
        if (k->fields != NULL && as_fields_bytes(k->fields) > k->options_bytes) {
            fail_msg("%s: %s: its options take %zu bytes, .options_bytes is %zu", k->group, k->name,
                     as_fields_bytes(k->fields), k->options_bytes);
        }
        for (const as_field *f = k->fields; f != NULL && f->name != NULL; f++) {
            for (const as_field *g = k->fields; g != f; g++) {
                if (f->offset == g->offset) {
                    fail_msg("%s: %s: the options %s and %s have the same .offset", k->group, k->name, g->name,
                             f->name);
                }
            }
        }
    }
}

/* A default may be outside only as the word nan or inf. */
static void test_defaults_are_in_range(void **state)
{
    (void)state;
    const kinds all = collect();
    for (int i = 0; i < all.n; i++) {
        for (const as_field *f = all.kind[i].fields; f != NULL && f->name != NULL; f++) {
            double value = 0;
            const bool number = f->type == AS_FIELD_INT || f->type == AS_FIELD_REAL;
            if (!number || (f->min == 0 && f->max == 0)) {
                continue;
            }
            if (!(f->min < f->max)) {
                fail_msg("%s.%s: the range is %g to %g", all.kind[i].name, f->name, f->min, f->max);
            }
            const bool known = f->standard != NULL && as_text_to_real(f->standard, &value) && isfinite(value);
            if (known && (value < f->min || value > f->max)) {
                fail_msg("%s.%s: the default %s is outside %g to %g", all.kind[i].name, f->name, f->standard, f->min,
                         f->max);
            }
        }
    }
}

#define REQUIRE(row, member)                                                                                           \
    do {                                                                                                               \
        if ((row)->member == NULL) {                                                                                   \
            fail_msg("%s has no .%s", (row)->name, #member);                                                           \
        }                                                                                                              \
    } while (0)

static void test_required_members_are_there(void **state)
{
    (void)state;
    const as_kernels *kernels = as_kernels_get(AS_PORTABLE, AS_FLOAT32);
    for (const as_layer_ops *const *k = as_layers_get(kernels); *k != NULL; k++) {
        REQUIRE(*k, plan);
        REQUIRE(*k, forward);
        REQUIRE(*k, backward);
        if ((*k)->packed_reals != NULL) {
            REQUIRE(*k, pack);
        }
    }
    for (const as_activation_ops *const *k = as_activations_get(kernels); *k != NULL; k++) {
        REQUIRE(*k, forward);
        REQUIRE(*k, backward);
        if ((*k)->needs_input) {
            REQUIRE(*k, forward_slope);
        }
    }
    for (const as_loss_ops *const *k = as_losses_get(kernels); *k != NULL; k++) {
        REQUIRE(*k, rows);
        REQUIRE(*k, metrics);
    }
    for (const as_metric_ops *const *k = as_metrics_get(kernels); *k != NULL; k++) {
        REQUIRE(*k, rows);
        REQUIRE(*k, finish);
    }
    for (const as_optimizer_ops *const *k = as_optimizers_get(kernels); *k != NULL; k++) {
        REQUIRE(*k, slots);
        REQUIRE(*k, step);
    }
    for (const as_schedule_ops *const *k = as_schedules_get(); *k != NULL; k++) {
        REQUIRE(*k, factor);
    }
    for (const as_format_ops *const *k = as_formats_get(); *k != NULL; k++) {
        REQUIRE(*k, open);
        REQUIRE(*k, read);
        REQUIRE(*k, close);
    }
    for (const as_probe_ops *const *k = as_probes_get(); *k != NULL; k++) {
        REQUIRE(*k, measure);
    }
}

static void test_required_members_of_statistics_are_there(void **state)
{
    (void)state;
    for (const as_estimator_ops *const *k = as_estimators_get(); *k != NULL; k++) {
        const struct {
            const char *name;
            as_statistic_ops ops;
        } row = {(*k)->name, (*k)->statistic == NULL ? (as_statistic_ops){0} : *(*k)->statistic};
        REQUIRE(*k, create);
        if ((*k)->statistic == NULL) {
            continue;
        }
        REQUIRE(&row, ops.plan);
        REQUIRE(&row, ops.rows);
        REQUIRE(&row, ops.finish);
        REQUIRE(&row, ops.predict);
        REQUIRE(&row, ops.describe);
        if (row.ops.loss == NULL) {
            REQUIRE(&row, ops.score);
        }
    }
    for (const as_distribution_ops *const *k = as_distributions_get(); *k != NULL; k++) {
        if ((*k)->dimension != NULL) {
            REQUIRE(*k, log_density_at);
            REQUIRE(*k, sample_at);
            REQUIRE(*k, moments_at);
            continue;
        }
        REQUIRE(*k, log_density);
        REQUIRE(*k, log_cdf);
        REQUIRE(*k, log_sf);
        REQUIRE(*k, mean);
        REQUIRE(*k, variance);
        REQUIRE(*k, support);
        if (!(*k)->discrete) {
            REQUIRE(*k, quantile);
            REQUIRE(*k, inverse_sf);
        }
    }
}

static const as_rule *rule_of(const char *code)
{
    for (const as_rule *const *r = as_rules_get(); *r != NULL; r++) {
        if (strcmp((*r)->code, code) == 0) {
            return *r;
        }
    }
    return NULL;
}

/* A rule is called as its row in capitals; what it explains are other rules, each once. */
static void test_rules(void **state)
{
    (void)state;
#define AS_RULE(name) #name,
    static const char *const names[] = {
#include "probe/rule.def"
        NULL};
#undef AS_RULE
    for (int i = 0; names[i] != NULL; i++) {
        const as_rule *r = as_rules_get()[i];
        if (strcasecmp(r->code, names[i]) != 0 || strlen(r->code) >= AS_CODE_MAX || rule_of(r->code) != r) {
            fail_msg("the rule of row %s has the code %s", names[i], r->code);
        }
        if (r->help == NULL || r->source == NULL || r->judge == NULL) {
            fail_msg("%s has no help, source or judge", r->code);
        }
        for (const char *const *e = r->explains; e != NULL && *e != NULL; e++) {
            if (rule_of(*e) == NULL || rule_of(*e) == r) {
                fail_msg("%s explains %s, which is no other rule", r->code, *e);
            }
            for (const char *const *f = r->explains; f != e; f++) {
                if (strcmp(*e, *f) == 0) {
                    fail_msg("%s explains %s twice", r->code, *e);
                }
            }
        }
    }
}

static void test_an_export_holds_arrays_or_a_model(void **state)
{
    (void)state;
    for (const as_export_ops *const *k = as_exports_get(); *k != NULL; k++) {
        const as_export_ops *found = NULL;
        if (((*k)->arrays == NULL) == ((*k)->model == NULL)) {
            fail_msg("export %s: expected arrays or model, one of the two", (*k)->name);
        }
        assert_int_equal(as_export_find((*k)->name, &found), AS_OK);
        assert_ptr_equal(found, *k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_words_of_their_own),
        cmocka_unit_test(test_help_and_formula),
        cmocka_unit_test(test_required_members_are_there),
        cmocka_unit_test(test_options_fit_their_struct),
        cmocka_unit_test(test_defaults_are_in_range),
        cmocka_unit_test(test_required_members_of_statistics_are_there),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_an_export_holds_arrays_or_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
