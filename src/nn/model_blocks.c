/* Lists of layers that stand in the place of a layer: `block` and `repeat`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/model_builder.h"

/* The keys of a block and of a repetition. */
typedef struct block_options {
    const char *use, *name;
    as_texts from;
    bool freeze, recompute;
    int64_t times;
    const as_node *layers;
} block_options;

/* clang-format off */
#define BLOCK_FIELDS                                                                                                   \
    {.name = "name", .type = AS_FIELD_TEXT, .offset = offsetof(block_options, name), .standard = "",                   \
     .help = "Name of its output, and what the names inside begin with; KIND_1, ... by default."},                     \
    {.name = "from", .type = AS_FIELD_TEXTS, .offset = offsetof(block_options, from), .standard = "",                  \
     .help = "The earlier layer that it reads, or input (the data); the layer before it by default."},                 \
    {.name = "freeze", .type = AS_FIELD_BOOL, .offset = offsetof(block_options, freeze), .standard = "false",          \
     .help = "Keeps the parameters of its layers as they are, but for adapters (lora)."},                                                       \
    {.name = "recompute", .type = AS_FIELD_BOOL, .offset = offsetof(block_options, recompute), .standard = "false",    \
     .help = "Keeps its output alone, and computes what is inside again in backward: less memory, more time."}
/* clang-format on */

const as_field as_block_fields[] = {{.name = "use",
                                     .type = AS_FIELD_TEXT,
                                     .offset = offsetof(block_options, use),
                                     .help = "Name of a list of layers in model.blocks, which it stands for."},
                                    BLOCK_FIELDS,
                                    AS_FIELDS_END};

const as_field as_repeat_fields[] = {{.name = "times",
                                      .type = AS_FIELD_INT,
                                      .offset = offsetof(block_options, times),
                                      .min = 1,
                                      .max = AS_GRAPH_LAYERS_MAX,
                                      .help = "How many copies of the layers follow one another."},
                                     {.name = "layers",
                                      .type = AS_FIELD_NODE,
                                      .offset = offsetof(block_options, layers),
                                      .standard = "",
                                      .help = "The layers that are repeated."},
                                     BLOCK_FIELDS,
                                     AS_FIELDS_END};

/* The list in model.blocks that a block stands for. */
static as_status find_block(const as_graph_builder *b, const as_graph_frame *f, const as_node *node, const char *use,
                            const as_node **list)
{
    const as_node *blocks = b->blocks;
    *list = as_node_get(blocks, use);
    if (*list == NULL) {
        const bool map = blocks != NULL && blocks->kind == AS_NODE_MAP;
        const char **names = calloc((size_t)(map ? blocks->count : 0) + 1, sizeof *names);
        if (names == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for the names of blocks");
        }
        for (int64_t i = 0; map && i < blocks->count; i++) {
            names[i] = blocks->key[i];
        }
        const char *near = as_nearest_name(use, names);
        const as_status status =
            as_error_set(AS_CONFIG, "%s: block \"%s\" is not in model.blocks%s%s%s", as_node_place(node), use,
                         near != NULL ? "; did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
        free(names);
        return status;
    }
    for (int64_t i = 0; i < blocks->count; i++) {
        b->used[i] = b->used[i] || blocks->item[i] == *list;
    }
    for (const as_graph_frame *g = f; g != NULL; g = g->outer) {
        if (g->block != NULL && strcmp(g->block, use) == 0) {
            AS_FAIL(AS_CONFIG, "%s: block %s contains itself", as_node_place(node), use);
        }
    }
    return as_graph_check_list(node, use, *list);
}

/* A block or a repetition: its layers in a frame of their own, once or several times. */
as_status as_graph_parse_block(as_graph_builder *b, as_graph_frame *f, const as_node *node, bool repeat,
                               const as_node *options)
{
    block_options o = {.times = 1};
    const as_fields_part part = {repeat ? as_repeat_fields : as_block_fields, &o};
    AS_TRY(as_fields_parse(&part, 1, b->document, options, repeat ? "repeat" : "block"));
    as_graph_frame inner = {.outer = f, .list = o.layers, .block = repeat ? NULL : o.use, .input = f->last};
    inner.freeze = f->freeze || o.freeze;
    inner.segment = f->segment;
    if (repeat) {
        AS_TRY(as_graph_check_list(node, "repeat.layers", o.layers));
    } else {
        AS_TRY(find_block(b, f, node, o.use, &inner.list));
    }
    char name[AS_NAME_MAX];
    AS_TRY(as_graph_choose_name(b, f, node, repeat ? "repeat" : o.use, o.name, name));
    if (o.from.n > 1) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: a block reads 1 input, found %lld", as_node_place(node), name,
                (long long)o.from.n);
    }
    if (o.from.n == 1) {
        AS_TRY(as_graph_find_value(b, f, node, name, "from", o.from.v[0], &inner.input));
    }
    for (int64_t t = 1; t <= (repeat ? o.times : 1); t++) {
        char number[24] = "";
        snprintf(number, sizeof number, repeat ? ".%lld." : ".", (long long)t);
        if (!as_graph_join_name(name, number, inner.prefix)) {
            AS_FAIL(AS_CONFIG, "%s: the name %s%s has more than %d letters", as_node_place(node), name, number,
                    AS_NAME_MAX - 1);
        }
        if (o.recompute && f->segment == 0) {
            inner.segment = ++b->model->segments;
            b->run = false;
        }
        AS_TRY(as_graph_ask_names(b, &inner));
        AS_TRY(as_graph_parse_list(b, &inner));
        inner.input = inner.last;
    }
    f->last = inner.last;
    return as_graph_add_name(b, name, inner.last);
}
