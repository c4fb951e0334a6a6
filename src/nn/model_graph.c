/* From the list of layers in a configuration to the straight-line program: each layer's kind, options and name, the
   values that it reads, and shapes from the data upwards.

   A layer without `from:` reads the layer before it, the first one the data. `from: name` and `from: [a, b]` name
   earlier layers, or `input` for the data, or `input.NAME` for a named part of them; so a program has no cycle, and the
   order of the list is the order of computing.

   `block: name` stands for the layers of model.blocks.name, and `repeat: {times: n, layers: [...]}` for n copies of a
   list, one after the other. Both open a frame: in it, `input` is what the block reads, names get the block's name and
   a dot in front, and a name is looked for in the frame first, then in those around it. The block's own name stands for
   the output of its last layer. */
#include "nn/model_graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/kind.h"
#include "nn/layer_activation.h"
#include "nn/model_builder.h"
#include "nn/model_inputs.h"

/* What every layer takes beside its own options. */
typedef struct layer_options {
    const char *name;
    as_texts from;
    const char *share;
    bool freeze, recompute;
    double lr;
} layer_options;

const as_field as_layer_fields[] = {{.name = "name",
                                     .type = AS_FIELD_TEXT,
                                     .offset = offsetof(layer_options, name),
                                     .standard = "",
                                     .help = "Name in checkpoints and messages; KIND_1, KIND_2, ... by default."},
                                    {.name = "from",
                                     .type = AS_FIELD_TEXTS,
                                     .offset = offsetof(layer_options, from),
                                     .standard = "",
                                     .help = "Names of the earlier layers that it reads, input (the data) or "
                                             "input.NAME (one part of them); the layer before it by default."},
                                    {.name = "share",
                                     .type = AS_FIELD_TEXT,
                                     .offset = offsetof(layer_options, share),
                                     .standard = "",
                                     .help = "An earlier layer whose parameters of the same names it uses as well."},
                                    {.name = "freeze",
                                     .type = AS_FIELD_BOOL,
                                     .offset = offsetof(layer_options, freeze),
                                     .standard = "false",
                                     .help = "Keeps the parameters as they are, but for adapters (lora)."},
                                    {.name = "recompute",
                                     .type = AS_FIELD_BOOL,
                                     .offset = offsetof(layer_options, recompute),
                                     .standard = "false",
                                     .help = "Computes again in backward what it saves and what only layers after it "
                                             "that ask for the same read, instead of keeping it."},
                                    {.name = "lr",
                                     .type = AS_FIELD_REAL,
                                     .offset = offsetof(layer_options, lr),
                                     .standard = "1",
                                     .min = 0,
                                     .max = 1e6,
                                     .help = "Factor on the learning rate of this layer."},
                                    AS_FIELDS_END};

/* The fields of a layer's kind, and where they live. */
static as_fields_part own_part(const as_layer *layer, const as_kernels *kernels)
{
    if (layer->ops == as_layer_activation_get(kernels)) {
        const as_nonlinearity *f = layer->options;
        return (as_fields_part){f->ops->fields, f->options};
    }
    return (as_fields_part){layer->ops->fields, layer->options};
}

/* Sets ops and default options of the layer from the name of its kind: a row of the layers or of the activations. */
static as_status choose_kind(as_document *document, const as_kernels *kernels, const char *kind, as_layer *layer)
{
    const as_layer_ops *const *layers = as_layers_get(kernels);
    const as_activation_ops *const *activations = as_activations_get(kernels);
    const char *names[2 * AS_KINDS_MAX + 1] = {NULL};
    int nlayers = 0, n = 0, index = 0;
    for (; layers[nlayers] != NULL && nlayers < AS_KINDS_MAX; nlayers++) {
        names[n++] = layers[nlayers]->name;
    }
    for (int i = 0; activations[i] != NULL && i < AS_KINDS_MAX; i++) {
        names[n++] = activations[i]->name;
    }
    AS_TRY(as_kind_find(layer->node, "layer", kind, names, &index));
    layer->ops = index < nlayers ? layers[index] : as_layer_activation_get(kernels);
    layer->options = as_document_alloc(document, layer->ops->options_bytes + 1);
    if (layer->options == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the options of layer %s", kind);
    }
    return index < nlayers ? AS_OK : as_nonlinearity_make(document, activations[index - nlayers], layer->options);
}

/* Which values the layer reads, and their shapes. */
static as_status find_inputs(const as_graph_builder *b, const as_graph_frame *f, const as_texts *from, as_layer *layer)
{
    const as_model *model = b->model;
    const bool any = layer->ops->max_inputs > 0;
    const int least = any ? layer->ops->min_inputs : 1, most = any ? layer->ops->max_inputs : 1;
    const int64_t n = from->n > 0 ? from->n : 1;
    if (n < least || n > most) {
        char range[32];
        snprintf(range, sizeof range, least == most ? "%d" : "%d to %d", least, most);
        AS_FAIL(AS_CONFIG, "%s: layer %s: %s reads %s input%s, found %lld%s", as_node_place(layer->node), layer->name,
                layer->ops->name, range, most == 1 ? "" : "s", (long long)n,
                from->n > 0 ? "" : " (the layer before it, without from:)");
    }
    layer->ninputs = (int)n;
    layer->from[0] = f->last;
    for (int k = 0; k < (int)from->n; k++) {
        AS_TRY(as_graph_find_value(b, f, layer->node, layer->name, "from", from->v[k], &layer->from[k]));
    }
    for (int k = 0; k < layer->ninputs; k++) {
        layer->in[k] = *as_model_shape(model, layer->from[k]);
        layer->in_size[k] = as_shape_size(&layer->in[k]);
    }
    return AS_OK;
}

static as_status parse_layer(const as_graph_builder *b, const as_graph_frame *f, const as_node *node, const char *kind,
                             const as_node *options, as_layer *layer)
{
    const as_model *model = b->model;
    *layer = (as_layer){.node = node, .index = model->nlayers, .share = -1};
    AS_TRY(choose_kind(b->document, model->kernels, kind, layer));
    AS_TRY(as_graph_choose_name(b, f, node, kind, NULL, layer->name));
    layer_options common = {.name = NULL};
    const as_fields_part parts[] = {own_part(layer, model->kernels), {as_layer_fields, &common}};
    AS_TRY(as_fields_parse(parts, 2, b->document, options, layer->name));
    AS_TRY(as_graph_choose_name(b, f, node, kind, common.name, layer->name));
    layer->trains = !common.freeze && !f->freeze;
    layer->recompute = common.recompute ? 1 : 0; /* which segment: see place_segment */
    layer->lr_scale = common.lr;
    if (common.share != NULL) {
        AS_TRY(as_graph_find_value(b, f, node, layer->name, "share", common.share, &layer->share));
        if (--layer->share < 0) {
            AS_FAIL(AS_CONFIG, "%s: layer %s: share: the data have no parameters", as_node_place(node), layer->name);
        }
    }
    return find_inputs(b, f, &common.from, layer);
}

static bool adapts(const as_layer *layer)
{
    bool adapter = false;
    for (int q = 0; q < layer->nparams; q++) {
        adapter = adapter || layer->param[q].adapter;
    }
    return adapter;
}

/* Uses the owner's elements for the parameters that both layers name alike, turned over where the kind can do that. */
static as_status tie_params(const as_graph_builder *b, as_layer *layer)
{
    const as_layer *owner = &b->model->layer[layer->share];
    int tied = 0;
    if (owner->trains != layer->trains) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: share: %s: expected both layers frozen, or none", as_node_place(layer->node),
                layer->name, owner->name);
    }
    if (adapts(owner) || adapts(layer)) {
        AS_FAIL(AS_CONFIG,
                "%s: layer %s: share: %s: a weight with adapters (lora) belongs to one layer, or they could "
                "not be taken into it",
                as_node_place(layer->node), layer->name, owner->name);
    }
    for (int q = 0; q < layer->nparams; q++) {
        as_param *mine = &layer->param[q];
        for (int p = 0; p < owner->nparams; p++) {
            const as_param *its = &owner->param[p];
            if (strcmp(mine->name, its->name) != 0) {
                continue;
            }
            const as_shape turned = {.rank = 2, .dim = {its->shape.dim[1], its->shape.dim[0]}};
            const bool same = mine->shape.rank == its->shape.rank &&
                              memcmp(mine->shape.dim, its->shape.dim, (size_t)its->shape.rank * sizeof(int64_t)) == 0;
            mine->transposed = !same && layer->ops->transposes && its->shape.rank == 2 && mine->shape.rank == 2 &&
                               memcmp(mine->shape.dim, turned.dim, 2 * sizeof(int64_t)) == 0;
            if (!same && !mine->transposed) {
                char found[64], expected[64];
                AS_FAIL(AS_CONFIG, "%s: layer %s: share: %s of layer %s has shape %s, expected %s",
                        as_node_place(layer->node), layer->name, its->name, owner->name,
                        as_shape_text(&its->shape, found, sizeof found),
                        as_shape_text(&mine->shape, expected, sizeof expected));
            }
            mine->tied = true;
            mine->owner_layer = its->tied ? its->owner_layer : layer->share;
            mine->owner_param = its->tied ? its->owner_param : p;
            mine->transposed = mine->transposed != its->transposed;
            mine->offset = its->offset;
            tied++;
        }
    }
    if (tied == 0) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: share: layer %s has no parameter of the same name",
                as_node_place(layer->node), layer->name, owner->name);
    }
    return AS_OK;
}

/* Shapes, parameters and their places in the flat vector. */
static as_status plan_layer(const as_graph_builder *b, as_layer *layer)
{
    as_model *model = b->model;
    AS_TRY(layer->ops->plan(layer, b->document, model->kernels));
    layer->out_size = as_shape_size(&layer->out);
    if (layer->out_size < 1) {
        AS_FAIL(AS_CONFIG, "%s: layer %s has no output", as_node_place(layer->node), layer->name);
    }
    if (layer->share >= 0) {
        AS_TRY(tie_params(b, layer));
        model->ties = true;
    }
    for (int q = 0; q < layer->nparams; q++) {
        as_param *param = &layer->param[q];
        param->count = as_shape_size(&param->shape);
        if (param->tied) {
            continue;
        }
        param->offset = model->nparams;
        if (param->count < 0 || param->count > (INT64_C(1) << 48) - model->nparams) {
            AS_FAIL(AS_CONFIG, "%s: layer %s has too many parameters", as_node_place(layer->node), layer->name);
        }
        model->nparams += param->count;
    }
    model->scope = layer->scope > model->scope ? layer->scope : model->scope;
    model->scratch = layer->scratch > model->scratch ? layer->scratch : model->scratch;
    model->scratch_row = layer->scratch_row > model->scratch_row ? layer->scratch_row : model->scratch_row;
    return AS_OK;
}

/* The segment of a layer that is to be computed again: its block's; or, for layers that ask one by one, that of the
   layer before, where that one asked, too. Layers that share parameters are kept: their sums over samples come last. */
static void place_segment(as_graph_builder *b, const as_graph_frame *f, as_layer *layer)
{
    if (f->segment > 0) {
        layer->recompute = f->segment;
        b->run = false;
    } else {
        const bool asks = layer->recompute > 0;
        b->model->segments += asks && !b->run;
        layer->recompute = asks ? b->model->segments : 0;
        b->run = asks;
    }
}

/* Room for one more layer. */
static as_status grow(as_graph_builder *b)
{
    as_model *model = b->model;
    if (model->nlayers < b->capacity) {
        return AS_OK;
    }
    const int capacity = b->capacity > 0 ? 2 * b->capacity : 16;
    as_layer *layer = realloc(model->layer, (size_t)capacity * sizeof *layer);
    if (layer == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d layers", capacity);
    }
    model->layer = layer;
    b->capacity = capacity;
    return AS_OK;
}

as_status as_graph_check_list(const as_node *place, const char *what, const as_node *layers)
{
    if (layers == NULL || layers->kind != AS_NODE_LIST || layers->count < 1 || layers->count > AS_GRAPH_LAYERS_MAX) {
        AS_FAIL(AS_CONFIG, "%s: %s: expected a list of 1 to %d layers", as_node_place(layers != NULL ? layers : place),
                what, AS_GRAPH_LAYERS_MAX);
    }
    return AS_OK;
}

/* One item of a list. */
static as_status parse_item(as_graph_builder *b, as_graph_frame *f, const as_node *node)
{
    const char *kind = NULL;
    const as_node *options = NULL;
    AS_TRY(as_kind_read(node, "layer", &kind, &options));
    if (options == NULL) { /* messages about missing keys need a place */
        options = as_node_create(b->document, AS_NODE_MAP, node->file, node->line, node->column);
    }
    if (strcmp(kind, "block") == 0 || strcmp(kind, "repeat") == 0) {
        return as_graph_parse_block(b, f, node, kind[0] == 'r', options);
    }
    as_model *model = b->model;
    if (model->nlayers == AS_GRAPH_LAYERS_MAX) {
        AS_FAIL(AS_CONFIG, "%s: model.layers: more than %d layers", as_node_place(node), AS_GRAPH_LAYERS_MAX);
    }
    AS_TRY(grow(b));
    as_layer *layer = &model->layer[model->nlayers];
    AS_TRY(parse_layer(b, f, node, kind, options, layer));
    AS_TRY(plan_layer(b, layer));
    place_segment(b, f, layer);
    f->last = ++model->nlayers;
    return as_graph_add_name(b, layer->name, f->last);
}

as_status as_graph_parse_list(as_graph_builder *b, as_graph_frame *f)
{
    f->last = f->input;
    for (int64_t i = 0; i < f->list->count; i++) {
        AS_TRY(parse_item(b, f, f->list->item[i]));
    }
    return AS_OK;
}

/* The parts of the data that layers read by name, as the first layers; data of one part are that part. used: one for
   each part, all false. */
static as_status add_parts(as_graph_builder *b, as_graph_frame *f, const as_node *layers, bool *used)
{
    const as_model_data *data = &b->model->data;
    AS_TRY(as_model_inputs_find(layers, data, used));
    AS_TRY(as_model_inputs_find(b->blocks, data, used));
    for (int64_t i = 0; data->inputs != NULL && i < data->inputs->n; i++) {
        const as_data_part *part = &data->inputs->part[i];
        as_node *item[2];
        int count = 0;
        char name[AS_NAME_MAX];
        if (used[i] && data->inputs->n > 1) {
            AS_TRY(as_model_inputs_layers(b->document, layers, part, item, &count));
        }
        f->last = 0;
        for (int k = 0; k < count; k++) {
            AS_TRY(parse_item(b, f, item[k]));
        }
        snprintf(name, sizeof name, "input.%s", part->name);
        if (used[i]) {
            AS_TRY(as_graph_add_name(b, name, f->last));
        }
    }
    return AS_OK;
}

as_status as_model_graph_parse(as_document *document, const as_node *node, const as_node *layers, const as_node *blocks,
                               as_model *model)
{
    AS_TRY(as_graph_check_list(node, "model.layers", layers));
    if (blocks != NULL && blocks->kind != AS_NODE_MAP && blocks->kind != AS_NODE_NULL) {
        AS_FAIL(AS_CONFIG, "%s: model.blocks: expected a map from names to lists of layers", as_node_place(blocks));
    }
    as_graph_builder b = {.document = document, .model = model, .blocks = blocks};
    as_graph_frame outermost = {.list = layers};
    const int64_t nblocks = blocks != NULL && blocks->kind == AS_NODE_MAP ? blocks->count : 0;
    b.used = calloc((size_t)nblocks + 1, sizeof *b.used);
    if (b.used == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %lld blocks", (long long)nblocks);
    }
    const int64_t parts = model->data.inputs == NULL ? 0 : model->data.inputs->n;
    bool *used = calloc((size_t)parts + 1, sizeof *used);
    as_status status = used != NULL
                           ? as_graph_ask_names(&b, &outermost)
                           : as_error_set(AS_NOMEM, "out of memory for %lld parts of the data", (long long)parts);
    status = status == AS_OK ? add_parts(&b, &outermost, layers, used) : status;
    free(used);
    status = status == AS_OK ? as_graph_parse_list(&b, &outermost) : status;
    for (int64_t i = 0; i < nblocks && status == AS_OK; i++) {
        if (!b.used[i]) {
            status = as_error_set(AS_CONFIG, "%s: model.blocks: no layer is of block %s; expected `- block: %s`",
                                  as_node_place(blocks->item[i]), blocks->key[i], blocks->key[i]);
        }
    }
    free(b.used);
    free(b.name);
    free(b.place);
    return status;
}
