/* Names of layers and blocks: choosing them, and finding what they stand for, in a frame first, then in those around
 * it.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/model_builder.h"

int as_graph_find_name(const as_graph_builder *b, const char *name)
{
    for (int i = 0; i < b->nnames; i++) {
        if (strcmp(b->name[i].name, name) == 0) {
            return b->name[i].value;
        }
    }
    return -1;
}

as_status as_graph_add_name(as_graph_builder *b, const char *name, int value)
{
    if (b->nnames == b->name_capacity) {
        const int capacity = b->name_capacity > 0 ? 2 * b->name_capacity : 32;
        as_graph_name *more = realloc(b->name, (size_t)capacity * sizeof *more);
        if (more == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for %d names of layers", capacity);
        }
        b->name = more;
        b->name_capacity = capacity;
    }
    snprintf(b->name[b->nnames].name, AS_NAME_MAX, "%s", name);
    b->name[b->nnames++].value = value;
    return AS_OK;
}

/* prefix + name; false where that is too long. */
bool as_graph_join_name(const char *prefix, const char *name, char out[AS_NAME_MAX])
{
    const int length = snprintf(out, AS_NAME_MAX, "%s%s", prefix, name);
    return length >= 0 && length < AS_NAME_MAX;
}

static bool name_given(const as_node *layers, const char *name)
{
    for (int64_t i = 0; i < layers->count; i++) {
        const as_node *item = layers->item[i];
        const as_node *given =
            item->kind == AS_NODE_MAP && item->count == 1 ? as_node_get(item->item[0], "name") : NULL;
        if (as_node_is(given, name)) {
            return true;
        }
    }
    return false;
}

/* The full name of a layer or block: the one given, or else KIND_n with the smallest n >= 1 that nobody has or asks
   for. Names become paths in checkpoints. */
as_status as_graph_choose_name(const as_graph_builder *b, const as_graph_frame *f, const as_node *node,
                               const char *kind, const char *given, char name[AS_NAME_MAX])
{
    char own[AS_NAME_MAX];
    const bool asked = given != NULL && given[0] != '\0'; /* an empty name asks for the default */
    for (int n = 1; !asked; n++) {
        snprintf(own, sizeof own, "%.48s_%d", kind, n);
        if (!as_graph_join_name(f->prefix, own, name) ||
            (as_graph_find_name(b, name) < 0 && !name_given(f->list, own))) {
            break;
        }
    }
    size_t good = 0;
    while (asked && (isalnum((unsigned char)given[good]) || given[good] == '_' || given[good] == '-')) {
        good++;
    }
    if (asked && (given[good] != '\0' || good >= AS_NAME_MAX)) {
        AS_FAIL(AS_CONFIG, "%s: layer name \"%s\": expected 1 to %d letters, digits, _ or -", as_node_place(node),
                given, AS_NAME_MAX - 1);
    }
    if (!as_graph_join_name(f->prefix, asked ? given : own, name)) {
        AS_FAIL(AS_CONFIG, "%s: the name %s%s has more than %d letters", as_node_place(node), f->prefix,
                asked ? given : own, AS_NAME_MAX - 1);
    }
    if (asked && strcmp(given, "input") == 0) {
        AS_FAIL(AS_CONFIG, "%s: layer name \"input\": that is the name of the data", as_node_place(node));
    }
    if (as_graph_find_name(b, name) >= 0) {
        AS_FAIL(AS_CONFIG, "%s: layer name \"%s\" is used twice", as_node_place(node), name);
    }
    return AS_OK;
}

/* Why a name stands for nothing. */
static as_status name_error(const as_graph_builder *b, const as_graph_frame *f, const as_node *node, const char *reader,
                            const char *key, const char *name)
{
    char full[AS_NAME_MAX];
    if (as_graph_join_name(f->prefix, name, full) && strcmp(full, reader) == 0) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: %s: %s: a layer cannot read itself", as_node_place(node), reader, key, name);
    }
    for (const as_graph_frame *g = f; g != NULL; g = g->outer) {
        if (name_given(g->list, name)) {
            AS_FAIL(AS_CONFIG, "%s: layer %s: %s: %s comes later in the list; a layer reads earlier ones alone",
                    as_node_place(node), reader, key, name);
        }
    }
    const char **names = calloc((size_t)b->nnames + 2, sizeof *names);
    if (names == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d names of layers", b->nnames);
    }
    names[0] = "input";
    for (int i = 0; i < b->nnames; i++) {
        names[i + 1] = b->name[i].name;
    }
    const char *near = as_nearest_name(name, names);
    const as_status status =
        as_error_set(AS_CONFIG, "%s: layer %s: %s: \"%s\" is no earlier layer%s%s%s", as_node_place(node), reader, key,
                     name, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                     near != NULL ? "\"?" : "; expected input or the name of one");
    free(names);
    return status;
}

/* The value that `name` stands for in a frame. */
as_status as_graph_find_value(const as_graph_builder *b, const as_graph_frame *f, const as_node *node,
                              const char *reader, const char *key, const char *name, int *value)
{
    if (strcmp(name, "input") == 0) {
        *value = f->input;
        return AS_OK;
    }
    for (const as_graph_frame *g = f; g != NULL; g = g->outer) {
        char full[AS_NAME_MAX];
        if (as_graph_join_name(g->prefix, name, full) && (*value = as_graph_find_name(b, full)) >= 0) {
            return AS_OK;
        }
    }
    return name_error(b, f, node, reader, key, name);
}
