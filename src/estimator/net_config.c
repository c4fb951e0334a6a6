/* Bayesian networks from a configuration: levels, parents and tables are read and checked, each message with its place.
 */
#include "estimator/net_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fields.h"

static as_status copy_name(const char *name, char **out)
{
    const size_t bytes = strlen(name) + 1;
    *out = malloc(bytes);
    if (*out == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a name");
    }
    memcpy(*out, name, bytes);
    return AS_OK;
}

static as_status parse_levels(const as_node *list, const char *name, as_names *out)
{
    static const char *const standard[] = {"no", "yes"};
    for (int i = 0; list == NULL && i < 2; i++) {
        AS_TRY(as_names_add(out, standard[i], (int64_t)strlen(standard[i])));
    }
    if (list != NULL && (list->kind != AS_NODE_LIST || list->count < 1)) {
        AS_FAIL(AS_CONFIG, "%s: nodes.%s.levels: expected a list of names", as_node_place(list), name);
    }
    for (int64_t i = 0; list != NULL && i < list->count; i++) {
        if (list->item[i]->kind != AS_NODE_SCALAR) {
            AS_FAIL(AS_CONFIG, "%s: nodes.%s.levels: expected a name", as_node_place(list->item[i]), name);
        }
        for (int64_t k = 0; k < i; k++) {
            if (strcmp(out->name[k], list->item[i]->text) == 0) {
                AS_FAIL(AS_CONFIG, "%s: nodes.%s.levels: \"%s\" stands there twice", as_node_place(list->item[i]), name,
                        list->item[i]->text);
            }
        }
        AS_TRY(as_names_add(out, list->item[i]->text, (int64_t)strlen(list->item[i]->text)));
    }
    return AS_OK;
}

as_status as_net_parse_parents(const as_node *list, as_net *net, int64_t node)
{
    as_net_node *own = &net->node[node];
    const bool one = list != NULL && list->kind == AS_NODE_SCALAR;
    const int64_t n = list == NULL || list->kind == AS_NODE_NULL ? 0 : one ? 1 : list->count;
    if (n > 0 && !one && list->kind != AS_NODE_LIST) {
        AS_FAIL(AS_CONFIG, "%s: parents of %s: expected a list of nodes", as_node_place(list), own->name);
    }
    own->parent = malloc(((size_t)n + 1) * sizeof *own->parent);
    if (own->parent == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for parents");
    }
    for (int64_t i = 0; i < n; i++) {
        const as_node *item = one ? list : list->item[i];
        int64_t parent = -1;
        if (item->kind != AS_NODE_SCALAR) {
            AS_FAIL(AS_CONFIG, "%s: parents of %s: expected the name of a node", as_node_place(item), own->name);
        }
        if (as_net_find(net, item->text, &parent) != AS_OK) {
            return as_error_prefix(AS_CONFIG, "%s: parents of %s", as_node_place(item), own->name);
        }
        for (int64_t k = 0; k < own->nparents; k++) {
            if (own->parent[k] == parent) {
                AS_FAIL(AS_CONFIG, "%s: parents of %s: \"%s\" stands there twice", as_node_place(item), own->name,
                        item->text);
            }
        }
        own->parent[own->nparents++] = parent;
    }
    return AS_OK;
}

/* Numbers of a table in their order, from nested lists or one row. */
static as_status add_numbers(const as_node *node, const char *name, int64_t most, double *out, int64_t *n)
{
    double value = 0;
    if (node->kind == AS_NODE_LIST) {
        for (int64_t i = 0; i < node->count; i++) {
            AS_TRY(add_numbers(node->item[i], name, most, out, n));
        }
        return AS_OK;
    }
    if (node->kind != AS_NODE_SCALAR || !as_text_to_real(node->text, &value)) {
        AS_FAIL(AS_CONFIG, "%s: nodes.%s.table: expected a number", as_node_place(node), name);
    }
    if (*n < most) {
        out[*n] = value;
    }
    ++*n;
    return AS_OK;
}

static as_status parse_table(const as_node *table, const as_node *place, as_net *net, int64_t node)
{
    as_net_node *own = &net->node[node];
    const int64_t rows = as_net_rows(net, node), levels = own->level.n, wanted = rows * levels;
    int64_t found = 0;
    if (table == NULL) {
        AS_FAIL(AS_CONFIG, "%s: nodes.%s.table: expected %lld rows of %lld probabilities, found none",
                as_node_place(place), own->name, (long long)rows, (long long)levels);
    }
    if (rows > AS_NET_FACTOR_MAX / levels) {
        AS_FAIL(AS_CONFIG, "%s: nodes.%s.table: of too many parents", as_node_place(table), own->name);
    }
    own->table = malloc((size_t)wanted * sizeof *own->table);
    if (own->table == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a table");
    }
    if (table->kind == AS_NODE_MAP) { /* levels of one parent */
        const as_net_node *parent = own->nparents == 1 ? &net->node[own->parent[0]] : NULL;
        for (int64_t l = 0; parent != NULL && l < parent->level.n; l++) {
            const as_node *row = as_node_get(table, parent->level.name[l]);
            if (row == NULL || row->kind != AS_NODE_LIST || row->count != levels) {
                AS_FAIL(AS_CONFIG, "%s: nodes.%s.table: expected %lld probabilities for %s=%s", as_node_place(table),
                        own->name, (long long)levels, parent->name, parent->level.name[l]);
            }
            AS_TRY(add_numbers(row, own->name, wanted, own->table, &found));
        }
        found = parent != NULL && table->count != parent->level.n ? -1 : found;
    } else {
        AS_TRY(add_numbers(table, own->name, wanted, own->table, &found));
    }
    if (found != wanted) {
        AS_FAIL(AS_CONFIG, "%s: nodes.%s.table: expected %lld rows of %lld probabilities, found %lld numbers",
                as_node_place(table), own->name, (long long)rows, (long long)levels, (long long)found);
    }
    return AS_OK;
}

static as_status check_keys(const as_node *map, const char *name)
{
    static const char *const keys[] = {"levels", "parents", "table", NULL};
    if (map->kind != AS_NODE_MAP) {
        AS_FAIL(AS_CONFIG, "%s: nodes.%s: expected {levels: [...], parents: [...], table: [...]}", as_node_place(map),
                name);
    }
    for (int64_t i = 0; i < map->count; i++) {
        int k = 0;
        while (keys[k] != NULL && strcmp(keys[k], map->key[i]) != 0) {
            k++;
        }
        if (keys[k] == NULL) {
            const char *near = as_nearest_name(map->key[i], keys);
            AS_FAIL(AS_CONFIG, "%s: nodes.%s: unknown key \"%s\"%s%s%s", as_node_place(map->item[i]), name, map->key[i],
                    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
        }
    }
    return AS_OK;
}

as_status as_net_parse(const as_node *nodes, as_net *out)
{
    *out = (as_net){0};
    if (nodes == NULL || nodes->kind != AS_NODE_MAP || nodes->count < 1) {
        AS_FAIL(AS_CONFIG, "%s: model.nodes: expected a map such as {rain: {levels: [no, yes], table: [0.8, 0.2]}}",
                nodes != NULL ? as_node_place(nodes) : "configuration");
    }
    out->node = calloc((size_t)nodes->count, sizeof *out->node);
    if (out->node == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %lld nodes", (long long)nodes->count);
    }
    for (int64_t i = 0; i < nodes->count; i++) {
        AS_TRY(check_keys(nodes->item[i], nodes->key[i]));
        out->n++;
        AS_TRY(copy_name(nodes->key[i], &out->node[i].name));
        AS_TRY(parse_levels(as_node_get(nodes->item[i], "levels"), nodes->key[i], &out->node[i].level));
    }
    for (int64_t i = 0; i < nodes->count; i++) {
        AS_TRY(as_net_parse_parents(as_node_get(nodes->item[i], "parents"), out, i));
    }
    for (int64_t i = 0; i < nodes->count; i++) {
        AS_TRY(parse_table(as_node_get(nodes->item[i], "table"), nodes->item[i], out, i));
    }
    const as_status status = as_net_check(out, true);
    return status == AS_OK ? AS_OK : as_error_prefix(status, "%s: model.nodes", as_node_place(nodes));
}
