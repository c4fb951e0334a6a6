/* Parameter groups: patterns, the last match counts, what decays. */
#include "nn/parameter_groups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "io/yaml.h"

enum { N = 4 };

/* Applies groups to embed.weight, block_1.weight, block_1.bias, head.weight with decay 0.5 and factors 1, 2, 2, 1. */
static as_status apply(const char *list, as_grouped parameter[N])
{
    const as_grouped start[N] = {
        {.layer = "embed", .param = "weight", .decays = true, .lr_scale = 1, .weight_decay = 0.5},
        {.layer = "block_1", .param = "weight", .decays = true, .lr_scale = 2, .weight_decay = 0.5},
        {.layer = "block_1", .param = "bias", .lr_scale = 2},
        {.layer = "head", .param = "weight", .decays = true, .lr_scale = 1, .weight_decay = 0.5}};
    as_document *document = NULL;
    as_node *root = NULL;
    as_groups groups;
    memcpy(parameter, start, sizeof start);
    assert_int_equal(as_document_create(&document), AS_OK);
    assert_int_equal(as_yaml_parse(document, "test.yaml", list, &root), AS_OK);
    as_status status = as_groups_parse(document, root, &groups);
    if (status == AS_OK) {
        status = as_groups_apply(&groups, N, parameter);
    }
    as_document_destroy(&document);
    return status;
}

static void expect(const char *list, const double lr[N], const double decay[N])
{
    as_grouped p[N];
    if (apply(list, p) != AS_OK) {
        fail_msg("%s: %s", list, as_error_message());
    }
    for (int i = 0; i < N; i++) {
        if (p[i].lr_scale != lr[i] || p[i].weight_decay != decay[i]) {
            fail_msg("%s: %s.%s has lr %g and decay %g, expected %g and %g", list, p[i].layer, p[i].param,
                     p[i].lr_scale, p[i].weight_decay, lr[i], decay[i]);
        }
    }
}

static void test_patterns_choose(void **unused)
{
    (void)unused;
    const double decay[N] = {0.5, 0.5, 0, 0.5};
    expect("[]", (double[N]){1, 2, 2, 1}, decay);
    expect("[{match: head.weight, lr: 3}]", (double[N]){1, 2, 2, 3}, decay);
    expect("[{match: '*', lr: 3}]", (double[N]){3, 6, 6, 3}, decay);
    expect("[{match: '*.weight', lr: 3}]", (double[N]){3, 6, 2, 3}, decay);
    expect("[{match: 'block_?.*', lr: 3}]", (double[N]){1, 6, 6, 1}, decay);
    expect("[{match: '*e*.*w*ght', lr: 0}]", (double[N]){0, 2, 2, 0}, decay);
    expect("[{match: '*d.weight**', lr: 3}]", (double[N]){3, 2, 2, 3}, decay);
}

static void test_the_last_match_counts(void **unused)
{
    (void)unused;
    expect("[{match: '*', lr: 3}, {match: 'head*', lr: 5}]", (double[N]){3, 6, 6, 5}, (double[N]){0.5, 0.5, 0, 0.5});
    expect("[{match: '*', weight_decay: 0.1}, {match: 'head*', lr: 5}]", (double[N]){1, 2, 2, 5},
           (double[N]){0.1, 0.1, 0, 0.5});
}

static void test_decay_is_for_what_decays(void **unused)
{
    (void)unused;
    expect("[{match: 'block_1.*', weight_decay: 0.25}]", (double[N]){1, 2, 2, 1}, (double[N]){0.5, 0.25, 0, 0.5});
    expect("[{match: '*', weight_decay: 0}]", (double[N]){1, 2, 2, 1}, (double[N]){0, 0, 0, 0});
}

static void test_wrong_groups_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        const char *list, *says;
    } wrong[] = {{"[{match: heads.*}]", "no parameter's name matches 'heads.*'; there are: embed.weight"},
                 {"[{match: ''}]", "match"},
                 {"[{match: head}]", "matches 'head'"},
                 {"[{match: '?head.weight'}]", "matches '?head.weight'"},
                 {"[{match: '*.bias', weight_decay: 0.1}]", "only biases"},
                 {"[{match: '*', lr: -1}]", "lr"},
                 {"[{match: '*', rate: 1}]", "rate"},
                 {"{match: '*'}", "expected a list"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        as_grouped p[N];
        assert_int_equal(apply(wrong[i].list, p), AS_CONFIG);
        if (strstr(as_error_message(), wrong[i].says) == NULL || strstr(as_error_message(), "test.yaml:1:") == NULL) {
            fail_msg("%s: message \"%s\"", wrong[i].list, as_error_message());
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_choose),
        cmocka_unit_test(test_the_last_match_counts),
        cmocka_unit_test(test_decay_is_for_what_decays),
        cmocka_unit_test(test_wrong_groups_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
