/* Names of layers and blocks: choosing them, and finding what they stand for, in a frame first, then in those around
 * it.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/model_builder.h"

/* FNV-1a (Fowler, Noll, Vo), as RFC 9923 gives it. */
static uint64_t hash_name(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = name; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* Where a name stands in b->place, or the free place where it would. */
static int *place_of(const as_graph_builder *b, const char *name)
{
    uint64_t at = hash_name(name) & (uint64_t)(b->nplaces - 1);
    while (b->place[at] > 0 && strcmp(b->name[b->place[at] - 1].name, name) != 0) {
        at = (at + 1) & (uint64_t)(b->nplaces - 1);
    }
    return &b->place[at];
}

/* NULL: no layer or block has the name, or asks for it. */
static as_graph_name *find_name(const as_graph_builder *b, const char *name)
{
    const int number = b->nplaces > 0 ? *place_of(b, name) : 0;
    return number > 0 ? &b->name[number - 1] : NULL;
}

int as_graph_find_name(const as_graph_builder *b, const char *name)
{
    const as_graph_name *found = find_name(b, name);
    return found != NULL ? found->value : -1;
}

/* Room for one more name, at most half of the places taken. */
static as_status grow_names(as_graph_builder *b)
{
    if (2 * b->nnames < b->nplaces) {
        return AS_OK;
    }
    const int places = b->nplaces > 0 ? 2 * b->nplaces : 64;
    as_graph_name *name = realloc(b->name, (size_t)places / 2 * sizeof *name);
    b->name = name != NULL ? name : b->name;
    int *place = realloc(b->place, (size_t)places * sizeof *place);
    b->place = place != NULL ? place : b->place;
    if (name == NULL || place == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d names of layers", places / 2);
    }
    memset(place, 0, (size_t)places * sizeof *place);
    b->nplaces = places;
    for (int i = 0; i < b->nnames; i++) {
        *place_of(b, name[i].name) = i + 1;
    }
    return AS_OK;
}

as_status as_graph_add_name(as_graph_builder *b, const char *name, int value)
{
    as_graph_name *known = find_name(b, name);
    if (known == NULL) {
        AS_TRY(grow_names(b));
        *place_of(b, name) = b->nnames + 1;
        known = &b->name[b->nnames++];
        *known = (as_graph_name){.known = 1};
        snprintf(known->name, AS_NAME_MAX, "%s", name);
    }
    known->value = value;
    return AS_OK;
}

/* prefix + name; false where that is too long. */
bool as_graph_join_name(const char *prefix, const char *name, char out[AS_NAME_MAX])
{
    const int length = snprintf(out, AS_NAME_MAX, "%s%s", prefix, name);
    return length >= 0 && length < AS_NAME_MAX;
}

/* The name that an item of a list asks for; NULL: none. */
static const char *asked_name(const as_node *item)
{
    const as_node *name = item->kind == AS_NODE_MAP && item->count == 1 ? as_node_get(item->item[0], "name") : NULL;
    return name != NULL && name->kind == AS_NODE_SCALAR && name->text[0] != '\0' ? name->text : NULL;
}

as_status as_graph_ask_names(as_graph_builder *b, const as_graph_frame *f)
{
    for (int64_t i = 0; i < f->list->count; i++) {
        const char *own = asked_name(f->list->item[i]);
        char name[AS_NAME_MAX];
        if (own != NULL && as_graph_join_name(f->prefix, own, name) && find_name(b, name) == NULL) {
            AS_TRY(as_graph_add_name(b, name, -1));
        }
    }
    return AS_OK;
}

/* KIND_n with the smallest n >= 1 that nobody has or asks for. The search goes on where the last one for KIND ended:
   names do not become free again. */
static void default_name(const as_graph_builder *b, const as_graph_frame *f, const char *kind, char own[AS_NAME_MAX])
{
    char name[AS_NAME_MAX];
    snprintf(own, AS_NAME_MAX, "%.48s_1", kind);
    as_graph_name *first = as_graph_join_name(f->prefix, own, name) ? find_name(b, name) : NULL;
    while (first != NULL) {
        snprintf(own, AS_NAME_MAX, "%.48s_%d", kind, ++first->known);
        if (!as_graph_join_name(f->prefix, own, name) || find_name(b, name) == NULL) {
            first->known--; /* it may not be taken after all: the layer can have a name of its own */
            return;
        }
    }
}

/* Names become paths in checkpoints. */
as_status as_graph_choose_name(const as_graph_builder *b, const as_graph_frame *f, const as_node *node,
                               const char *kind, const char *given, char name[AS_NAME_MAX])
{
    char own[AS_NAME_MAX];
    const bool asked = given != NULL && given[0] != '\0'; /* an empty name asks for the default */
    if (!asked) {
        default_name(b, f, kind, own);
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
        const as_graph_name *asked = as_graph_join_name(g->prefix, name, full) ? find_name(b, full) : NULL;
        if (asked != NULL && asked->value < 0) {
            AS_FAIL(AS_CONFIG, "%s: layer %s: %s: %s comes later in the list; a layer reads earlier ones alone",
                    as_node_place(node), reader, key, name);
        }
    }
    const char **names = calloc((size_t)b->nnames + 2, sizeof *names);
    if (names == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d names of layers", b->nnames);
    }
    names[0] = "input";
    for (int i = 0, n = 1; i < b->nnames; i++) {
        if (b->name[i].value >= 0) {
            names[n++] = b->name[i].name;
        }
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
