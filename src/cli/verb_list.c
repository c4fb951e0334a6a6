/* allsum list [GROUP]: the tables of kinds. The simplest verb: the template for others. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/verb.h"
#include "probe/rule.h"
#include "run/kinds.h"

/* Prints the kinds of one group. */
static void print_kind(void *group, const as_kind *kind)
{
    if (strcmp(kind->group, group) == 0) {
        printf("  %-18s %s\n", kind->name, kind->help);
    }
}

static void print_verbs(void)
{
    for (const as_verb *const *v = as_verbs_get(); *v != NULL; v++) {
        printf("  %-18s %s\n", (*v)->name, (*v)->summary);
    }
}

static void print_rules(void)
{
    for (const as_rule *const *r = as_rules_get(); *r != NULL; r++) {
        printf("  %-21s %s\n", (*r)->code, (*r)->help);
    }
}

static as_status check_group(const char *wanted)
{
    enum { GROUPS_MAX = 32 };
    const char *names[GROUPS_MAX + 3] = {"verbs", "rules"};
    int n = 2;
    for (const as_kind_group *g = as_kind_groups; g->name != NULL && n <= GROUPS_MAX; g++) {
        names[n++] = g->name;
    }
    for (int i = 0; i < n; i++) {
        if (strcmp(names[i], wanted) == 0) {
            return AS_OK;
        }
    }
    const char *near = as_nearest_name(wanted, names);
    if (near != NULL) {
        AS_FAIL(AS_USAGE, "list: unknown group '%s' (did you mean '%s'?)", wanted, near);
    }
    AS_FAIL(AS_USAGE, "list: unknown group '%s' (see: allsum list)", wanted);
}

static as_status run(as_context *context)
{
    const char *wanted = context->narguments > 0 ? context->argument[0] : NULL;
    if (wanted != NULL) {
        AS_TRY(check_group(wanted));
    }
    for (const as_kind_group *g = as_kind_groups; g->name != NULL; g++) {
        if (wanted == NULL || strcmp(wanted, g->name) == 0) {
            char group[32];
            snprintf(group, sizeof group, "%s", g->name);
            printf("%s (%s)\n", g->name, g->help);
            as_kinds_visit(print_kind, group);
        }
    }
    if (wanted == NULL || strcmp(wanted, "rules") == 0) {
        printf("rules (what diagnose looks for, causes before symptoms: allsum explain CODE)\n");
        print_rules();
    }
    if (wanted == NULL || strcmp(wanted, "verbs") == 0) {
        printf("verbs (what the program does: allsum VERB --help)\n");
        print_verbs();
    }
    return AS_OK;
}

const as_verb as_verb_list = {
    .name = "list",
    .arguments = "[GROUP]",
    .summary = "The kinds of layers, losses, optimizers, data formats and the rest; the rules of diagnose",
    .details = "Without GROUP all of them. `allsum explain NAME` tells the options of one.\n",
    .max_arguments = 1,
    .run = run,
};
