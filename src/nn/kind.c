/* Choosing a row of a table of kinds by its name in a configuration. */
#include "nn/kind.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

as_status as_kind_find(const as_node *node, const char *what, const char *name, const char *const *names, int *index)
{
    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0) {
            *index = i;
            return AS_OK;
        }
    }
    const char *near = as_nearest_name(name, names);
    if (near != NULL) {
        AS_FAIL(AS_CONFIG, "%s: unknown %s \"%s\"; did you mean \"%s\"?", as_node_place(node), what, name, near);
    }
    char all[512] = "";
    size_t used = 0;
    for (int i = 0; names[i] != NULL && used < sizeof all; i++) {
        const int n = snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", names[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    AS_FAIL(AS_CONFIG, "%s: unknown %s \"%s\"; expected one of %s", as_node_place(node), what, name, all);
}

as_status as_kind_read(const as_node *node, const char *what, const char **name, const as_node **options)
{
    if (node->kind == AS_NODE_SCALAR) {
        *name = node->text;
        *options = NULL;
        return AS_OK;
    }
    if (node->kind == AS_NODE_MAP && node->count == 1) {
        *name = node->key[0];
        *options = node->item[0];
        return AS_OK;
    }
    AS_FAIL(AS_CONFIG, "%s: expected \"KIND\" or \"KIND: {options}\" for the %s, found %s", as_node_place(node), what,
            node->kind == AS_NODE_MAP    ? "a map with several keys (options go inside the kind's own map)"
            : node->kind == AS_NODE_LIST ? "a list"
                                         : "nothing");
}

const as_field as_type_fields[] = {
    {.name = "type", .type = AS_FIELD_TEXT, .offset = 0, .standard = "", .help = "The kind."}, AS_FIELDS_END};

as_status as_kind_typed(const as_node *node, const char *what, const char *standard, const char *const *names,
                        int *index)
{
    const as_node *type = node != NULL && node->kind == AS_NODE_SCALAR ? node : as_node_get(node, "type");
    if (type == NULL) {
        return as_kind_find(node, what, standard, names, index);
    }
    if (type->kind != AS_NODE_SCALAR) {
        AS_FAIL(AS_CONFIG, "%s: %s.type: expected a name", as_node_place(type), what);
    }
    return as_kind_find(type, what, type->text, names, index);
}
