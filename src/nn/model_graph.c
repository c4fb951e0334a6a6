/* From the list of layers in a configuration to the straight-line program: each layer's kind, options and name, the
   values that it reads, and shapes from the data upwards.

   A layer without `from:` reads the layer before it, the first one the data. `from: name` and `from: [a, b]` name
   earlier layers, or `input` for the data; so a program has no cycle, and the order of the list is the order of
   computing. */
#include "nn/model_graph.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/kind.h"
#include "nn/layer_activation.h"

enum { LAYERS_MAX = 4096 };

typedef struct builder {
    as_document *document;
    as_model *model;
    const as_node *list; /* the layers, in order */
    int capacity;        /* layers that model->layer has room for */
} builder;

/* What every layer takes beside its own options. */
typedef struct layer_options {
    const char *name;
    as_texts from;
    bool freeze;
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
                                     .help = "Names of the earlier layers that it reads, or input (the data); the "
                                             "layer before it by default."},
                                    {.name = "freeze",
                                     .type = AS_FIELD_BOOL,
                                     .offset = offsetof(layer_options, freeze),
                                     .standard = "false",
                                     .help = "Keeps the parameters as they are."},
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
        return (as_fields_part){f->ops->fields != NULL ? f->ops->fields : as_no_fields, f->options};
    }
    return (as_fields_part){layer->ops->fields != NULL ? layer->ops->fields : as_no_fields, layer->options};
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

/* The layer of a name among the first `upto`; -1: none. */
static int find_name(const as_model *model, int upto, const char *name)
{
    for (int i = 0; i < upto; i++) {
        if (strcmp(model->layer[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* Names become paths in checkpoints. */
static as_status check_name(const as_model *model, int index, const char *name)
{
    const as_layer *layer = &model->layer[index];
    size_t good = 0;
    while (isalnum((unsigned char)name[good]) || name[good] == '_' || name[good] == '-') {
        good++;
    }
    if (name[0] == '\0' || name[good] != '\0' || good >= AS_NAME_MAX) {
        AS_FAIL(AS_CONFIG, "%s: layer name \"%s\": expected 1 to %d letters, digits, _ or -",
                as_node_place(layer->node), name, AS_NAME_MAX - 1);
    }
    if (strcmp(name, "input") == 0) {
        AS_FAIL(AS_CONFIG, "%s: layer name \"input\": that is the name of the data", as_node_place(layer->node));
    }
    if (find_name(model, index, name) >= 0) {
        AS_FAIL(AS_CONFIG, "%s: layer name \"%s\" is used twice", as_node_place(layer->node), name);
    }
    return AS_OK;
}

static bool name_given(const as_node *layers, const char *name)
{
    for (int64_t i = 0; i < layers->count; i++) {
        const as_node *item = layers->item[i];
        const as_node *given =
            item->kind == AS_NODE_MAP && item->count == 1 ? as_node_get(item->item[0], "name") : NULL;
        if (given != NULL && given->kind == AS_NODE_SCALAR && strcmp(given->text, name) == 0) {
            return true;
        }
    }
    return false;
}

/* KIND_n with the smallest n >= 1 that gives a name nobody has or asks for. */
static void make_name(const builder *b, int index, const char *kind, char *name)
{
    for (int n = 1;; n++) {
        snprintf(name, AS_NAME_MAX, "%.48s_%d", kind, n);
        if (find_name(b->model, index, name) < 0 && !name_given(b->list, name)) {
            return;
        }
    }
}

/* The value that `name` stands for in a layer. */
static as_status find_value(const builder *b, int index, const char *name, int *value)
{
    const as_model *model = b->model;
    const as_layer *layer = &model->layer[index];
    if (strcmp(name, "input") == 0) {
        *value = 0;
        return AS_OK;
    }
    *value = find_name(model, index, name) + 1;
    if (*value > 0) {
        return AS_OK;
    }
    if (strcmp(name, layer->name) == 0) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: from: %s: a layer cannot read itself", as_node_place(layer->node),
                layer->name, name);
    }
    if (name_given(b->list, name)) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: from: %s comes later in the list; a layer reads earlier ones alone",
                as_node_place(layer->node), layer->name, name);
    }
    const char **names = calloc((size_t)index + 2, sizeof *names);
    if (names == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the names of %d layers", index);
    }
    names[0] = "input";
    for (int i = 0; i < index; i++) {
        names[i + 1] = model->layer[i].name;
    }
    const char *near = as_nearest_name(name, names);
    const as_status status =
        as_error_set(AS_CONFIG, "%s: layer %s: from: \"%s\" is no earlier layer%s%s%s", as_node_place(layer->node),
                     layer->name, name, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                     near != NULL ? "\"?" : "; expected input or the name of one");
    free(names);
    return status;
}

/* Which values the layer reads, and their shapes. */
static as_status find_inputs(const builder *b, const as_texts *from, int index)
{
    as_model *model = b->model;
    as_layer *layer = &model->layer[index];
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
    layer->from[0] = index; /* the output of the layer before, or the data */
    for (int k = 0; k < (int)from->n; k++) {
        AS_TRY(find_value(b, index, from->v[k], &layer->from[k]));
    }
    for (int k = 0; k < layer->ninputs; k++) {
        layer->in[k] = *as_model_shape(model, layer->from[k]);
        layer->in_size[k] = as_shape_size(&layer->in[k]);
    }
    return AS_OK;
}

static as_status parse_layer(const builder *b, const as_node *node, int index)
{
    as_model *model = b->model;
    as_layer *layer = &model->layer[index];
    const char *kind = NULL;
    const as_node *options = NULL;
    *layer = (as_layer){.node = node, .index = index};
    AS_TRY(as_kind_read(node, "layer", &kind, &options));
    if (options == NULL) { /* messages about missing keys need a place */
        options = as_node_create(b->document, AS_NODE_MAP, node->file, node->line, node->column);
    }
    AS_TRY(choose_kind(b->document, model->kernels, kind, layer));
    make_name(b, index, kind, layer->name);
    layer_options common = {.name = NULL};
    const as_fields_part parts[] = {own_part(layer, model->kernels), {as_layer_fields, &common}};
    AS_TRY(as_fields_parse(parts, 2, b->document, options, layer->name));
    if (common.name != NULL && common.name[0] != '\0') { /* an empty name asks for the default */
        AS_TRY(check_name(model, index, common.name));
        snprintf(layer->name, sizeof layer->name, "%s", common.name);
    }
    layer->trains = !common.freeze;
    layer->lr_scale = common.lr;
    return find_inputs(b, &common.from, index);
}

/* Shapes, parameters and their places in the flat vector. */
static as_status plan_layer(const builder *b, as_layer *layer)
{
    as_model *model = b->model;
    AS_TRY(layer->ops->plan(layer, b->document, model->kernels));
    layer->out_size = as_shape_size(&layer->out);
    if (layer->out_size < 1) {
        AS_FAIL(AS_CONFIG, "%s: layer %s has no output", as_node_place(layer->node), layer->name);
    }
    for (int q = 0; q < layer->nparams; q++) {
        as_param *param = &layer->param[q];
        param->count = as_shape_size(&param->shape);
        param->offset = model->nparams;
        if (param->count < 0 || param->count > (INT64_C(1) << 48) - model->nparams) {
            AS_FAIL(AS_CONFIG, "%s: layer %s has too many parameters", as_node_place(layer->node), layer->name);
        }
        model->nparams += param->count;
    }
    model->scope = layer->scope > model->scope ? layer->scope : model->scope;
    model->scratch = layer->scratch > model->scratch ? layer->scratch : model->scratch;
    return AS_OK;
}

/* Room for one more layer. */
static as_status grow(builder *b)
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

as_status as_model_graph_parse(as_document *document, const as_node *node, const as_node *layers, as_model *model)
{
    if (layers == NULL || layers->kind != AS_NODE_LIST || layers->count < 1 || layers->count > LAYERS_MAX) {
        AS_FAIL(AS_CONFIG, "%s: model.layers: expected a list of 1 to %d layers",
                as_node_place(layers != NULL ? layers : node), LAYERS_MAX);
    }
    builder b = {.document = document, .model = model, .list = layers};
    for (int64_t i = 0; i < layers->count; i++) {
        AS_TRY(grow(&b));
        AS_TRY(parse_layer(&b, layers->item[i], model->nlayers));
        AS_TRY(plan_layer(&b, &model->layer[model->nlayers]));
        model->nlayers++;
    }
    return AS_OK;
}
