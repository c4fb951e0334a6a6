/* Parameter groups by patterns of names. */
#include "nn/parameter_groups.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum { NAME_LENGTH = 256, LISTED = 12 };

const as_field as_group_fields[] = {
    {.name = "match",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(as_group, match),
     .help = "Names LAYER.PARAMETER that the group is for: * stands for any characters, ? for one."},
    {.name = "lr",
     .type = AS_FIELD_REAL,
     .offset = offsetof(as_group, lr),
     .standard = "1",
     .min = 0,
     .max = 1e6,
     .help = "Factor on the learning rate."},
    {.name = "weight_decay",
     .type = AS_FIELD_REAL,
     .offset = offsetof(as_group, weight_decay),
     .standard = "0",
     .min = 0,
     .max = 1e6,
     .help = "Decay of the weights among them; if it is not given, that of the optimizer. Biases and norms have none."},
    AS_FIELDS_END};

as_status as_groups_parse(as_document *document, const as_node *node, as_groups *out)
{
    *out = (as_groups){0};
    if (node == NULL || node->kind == AS_NODE_NULL) {
        return AS_OK;
    }
    if (node->kind != AS_NODE_LIST) {
        AS_FAIL(AS_CONFIG, "%s: optimizer.groups: expected a list such as [{match: \"head.*\", lr: 0.1}]",
                as_node_place(node));
    }
    out->group = as_document_alloc(document, (size_t)(node->count + 1) * sizeof *out->group);
    if (out->group == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %lld parameter groups", (long long)node->count);
    }
    for (int64_t i = 0; i < node->count; i++) {
        as_group *group = &out->group[out->n++];
        const as_fields_part part = {as_group_fields, group};
        AS_TRY(as_fields_parse(&part, 1, document, node->item[i], "optimizer.groups"));
        if (group->match == NULL) {
            AS_FAIL(AS_CONFIG, "%s: optimizer.groups: match: expected a pattern of names, found nothing",
                    as_node_place(node->item[i]));
        }
        group->node = node->item[i];
        group->decays = as_node_get(node->item[i], "weight_decay") != NULL;
    }
    return AS_OK;
}

/* Goes back to the last `*` where the rest does not fit. */
static bool matches(const char *pattern, const char *name)
{
    const char *star = NULL, *resume = NULL;
    while (*name != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            resume = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star;
            name = ++resume;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static as_status nothing_matches(const as_group *group, int n, const as_grouped *parameter)
{
    char names[LISTED * 48] = "";
    size_t used = 0;
    int listed = 0;
    for (; listed < n && listed < LISTED && used < sizeof names - 100; listed++) {
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%.60s.%.20s", listed > 0 ? ", " : "",
                                 parameter[listed].layer, parameter[listed].param);
    }
    AS_FAIL(AS_CONFIG, "%s: optimizer.groups: no parameter's name matches '%s'; there are: %s%s",
            as_node_place(group->node), group->match, names, listed < n ? ", ..." : "");
}

as_status as_groups_apply(const as_groups *groups, int n, as_grouped *parameter)
{
    for (int g = 0; g < groups->n; g++) {
        const as_group *group = &groups->group[g];
        int found = 0, decaying = 0;
        for (int i = 0; i < n; i++) {
            char name[NAME_LENGTH];
            snprintf(name, sizeof name, "%s.%s", parameter[i].layer, parameter[i].param);
            if (matches(group->match, name)) {
                found++;
                decaying += parameter[i].decays ? 1 : 0;
            }
        }
        if (found == 0) {
            return nothing_matches(group, n, parameter);
        }
        if (group->decays && group->weight_decay > 0 && decaying == 0) {
            AS_FAIL(AS_CONFIG, "%s: optimizer.groups: weight_decay %g for '%s', but it matches only biases and norms",
                    as_node_place(group->node), group->weight_decay, group->match);
        }
    }
    for (int i = 0; i < n; i++) {
        char name[NAME_LENGTH];
        snprintf(name, sizeof name, "%s.%s", parameter[i].layer, parameter[i].param);
        for (int g = groups->n - 1; g >= 0; g--) {
            const as_group *group = &groups->group[g];
            if (matches(group->match, name)) {
                parameter[i].lr_scale *= group->lr;
                if (group->decays && parameter[i].decays) {
                    parameter[i].weight_decay = group->weight_decay;
                }
                break;
            }
        }
    }
    return AS_OK;
}
