/* A part of the data is a slice of value 0, made once whoever reads it. The layers are written as if they stood in the
   configuration. */
#include "nn/model_inputs.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const char prefix[] = "input.";
enum { LISTED_MAX = 16 };

static as_status unknown(const as_node *node, const as_data_parts *parts)
{
    as_text known = {0};
    for (int64_t i = 0; parts != NULL && i < parts->n && i < LISTED_MAX; i++) {
        as_text_add(&known, "%s%s%s", i > 0 ? ", " : "", prefix, parts->part[i].name);
    }
    const bool none = known.size == 0;
    const as_status status = as_error_set(
        AS_CONFIG, "%s: from: \"%s\": %s%s", as_node_place(node), node->text,
        none ? "the data have no named parts (a map of datasets in x:, variables or columns give names)" : "expected ",
        none ? "" : known.data);
    as_text_free(&known);
    return status;
}

static as_status find_one(const as_node *node, const as_model_data *data, bool *used)
{
    if (node->kind != AS_NODE_SCALAR || strncmp(node->text, prefix, sizeof prefix - 1) != 0) {
        return AS_OK;
    }
    for (int64_t i = 0; data->inputs != NULL && i < data->inputs->n; i++) {
        if (strcmp(data->inputs->part[i].name, node->text + sizeof prefix - 1) == 0) {
            used[i] = true;
            return AS_OK;
        }
    }
    return unknown(node, data->inputs);
}

as_status as_model_inputs_find(const as_node *node, const as_model_data *data, bool *used)
{
    for (int64_t i = 0; node != NULL && node->kind != AS_NODE_SCALAR && i < node->count; i++) {
        const as_node *below = node->item[i];
        if (node->kind == AS_NODE_MAP && strcmp(node->key[i], "from") == 0) {
            AS_TRY(find_one(below, data, used));
            for (int64_t k = 0; below->kind == AS_NODE_LIST && k < below->count; k++) {
                AS_TRY(find_one(below->item[k], data, used));
            }
        } else {
            AS_TRY(as_model_inputs_find(below, data, used));
        }
    }
    return AS_OK;
}

static as_status add_text(as_document *document, as_node *map, const char *key, const char *text)
{
    as_node *scalar = as_node_create(document, AS_NODE_SCALAR, map->file, map->line, map->column);
    char *copy = as_document_copy(document, text);
    if (scalar == NULL || copy == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the parts of the data");
    }
    scalar->text = copy;
    return as_node_append(document, map, key, map->line, map->column, scalar);
}

/* {kind: {name: NAME, key: text, ...}} */
static as_status add_layer(as_document *document, const as_node *place, const char *kind, const char *name,
                           as_node **item, as_node **options)
{
    *item = as_node_create(document, AS_NODE_MAP, place->file, place->line, place->column);
    *options = as_node_create(document, AS_NODE_MAP, place->file, place->line, place->column);
    if (*item == NULL || *options == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the parts of the data");
    }
    AS_TRY(as_node_append(document, *item, kind, place->line, place->column, *options));
    return add_text(document, *options, "name", name);
}

as_status as_model_inputs_layers(as_document *document, const as_node *place, const as_data_part *part,
                                 as_node *item[2], int *count)
{
    const bool flat = part->shape.rank <= 1;
    char name[AS_PART_NAME_MAX + 16], text[32];
    as_node *options = NULL;
    *count = 1;
    snprintf(name, sizeof name, "input-%.60s%s", part->name, flat ? "" : "-flat");
    for (char *c = name; *c != '\0'; c++) {
        *c = isalnum((unsigned char)*c) || *c == '-' ? *c : '_';
    }
    AS_TRY(add_layer(document, place, "slice", name, &item[0], &options));
    AS_TRY(add_text(document, options, "from", "input"));
    snprintf(text, sizeof text, "%lld", (long long)part->first);
    AS_TRY(add_text(document, options, "start", text));
    snprintf(text, sizeof text, "%lld", (long long)as_shape_size(&part->shape));
    AS_TRY(add_text(document, options, "size", text));
    if (flat) {
        return AS_OK;
    }
    as_node *extents = as_node_create(document, AS_NODE_LIST, place->file, place->line, place->column);
    name[strlen(name) - strlen("-flat")] = '\0';
    AS_TRY(add_layer(document, place, "reshape", name, &item[1], &options));
    if (extents == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the parts of the data");
    }
    for (int a = 0; a < part->shape.rank; a++) {
        snprintf(text, sizeof text, "%lld", (long long)part->shape.dim[a]);
        AS_TRY(add_text(document, extents, NULL, text));
    }
    *count = 2;
    return as_node_append(document, options, "shape", place->line, place->column, extents);
}
