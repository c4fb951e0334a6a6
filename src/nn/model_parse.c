/* A network's configuration: reading the `model:` section, with shapes from the input upwards. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/kind.h"
#include "nn/layer_activation.h"
#include "nn/model.h"

typedef struct model_options {
    const char *type;
    const as_node *layers, *loss;
    double l1, l2;
} model_options;

const as_field as_model_fields[] = {
    {.name = "type",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(model_options, type),
     .standard = "network",
     .help = "Kind of model."},
    {.name = "layers",
     .type = AS_FIELD_NODE,
     .offset = offsetof(model_options, layers),
     .standard = "",
     .help = "The layers from the input to the output: each a kind, or {kind: {options}}."},
    {.name = "loss",
     .type = AS_FIELD_NODE,
     .offset = offsetof(model_options, loss),
     .standard = "",
     .help = "The loss: a kind, or {kind: {options}}; cross_entropy for labels and mse for real targets by default."},
    {.name = "l1",
     .type = AS_FIELD_REAL,
     .offset = offsetof(model_options, l1),
     .standard = "0",
     .min = 0,
     .max = 1e6,
     .help = "Penalty l1 * sum |w| over weights (not biases)."},
    {.name = "l2",
     .type = AS_FIELD_REAL,
     .offset = offsetof(model_options, l2),
     .standard = "0",
     .min = 0,
     .max = 1e6,
     .help = "Penalty l2 / 2 * sum w^2 over weights (not biases)."},
    AS_FIELDS_END};

/* What every layer takes beside its own options. */
typedef struct layer_options {
    const char *name;
    bool freeze;
    double lr;
} layer_options;

const as_field as_layer_fields[] = {{.name = "name",
                                     .type = AS_FIELD_TEXT,
                                     .offset = offsetof(layer_options, name),
                                     .standard = "",
                                     .help = "Name in checkpoints and messages; KIND_1, KIND_2, ... by default."},
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

static bool name_taken(const as_model *model, int upto, const char *name)
{
    for (int i = 0; i < upto; i++) {
        if (strcmp(model->layer[i].name, name) == 0) {
            return true;
        }
    }
    return false;
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
    if (name_taken(model, index, name)) {
        AS_FAIL(AS_CONFIG, "%s: layer name \"%s\" is used twice", as_node_place(layer->node), name);
    }
    return AS_OK;
}

static bool name_given_later(const as_node *layers, const char *name)
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
static void make_name(const as_model *model, const as_node *layers, int index, const char *kind, char *name)
{
    for (int n = 1;; n++) {
        snprintf(name, AS_NAME_MAX, "%.48s_%d", kind, n);
        if (!name_taken(model, index, name) && !name_given_later(layers, name)) {
            return;
        }
    }
}

static as_status parse_layer(as_document *document, const as_node *layers, int index, as_model *model)
{
    as_layer *layer = &model->layer[index];
    const char *kind = NULL;
    const as_node *options = NULL;
    layer->node = layers->item[index];
    layer->index = index;
    AS_TRY(as_kind_read(layer->node, "layer", &kind, &options));
    if (options == NULL) { /* messages about missing keys need a place */
        options = as_node_create(document, AS_NODE_MAP, layer->node->file, layer->node->line, layer->node->column);
    }
    AS_TRY(choose_kind(document, model->kernels, kind, layer));
    make_name(model, layers, index, kind, layer->name);
    layer_options common = {.name = NULL};
    const as_fields_part parts[] = {own_part(layer, model->kernels), {as_layer_fields, &common}};
    AS_TRY(as_fields_parse(parts, 2, document, options, layer->name));
    if (common.name != NULL && common.name[0] != '\0') { /* an empty name asks for the default */
        AS_TRY(check_name(model, index, common.name));
        snprintf(layer->name, sizeof layer->name, "%s", common.name);
    }
    layer->trains = !common.freeze;
    layer->lr_scale = common.lr;
    return AS_OK;
}

/* Shapes, parameters and their places in the flat vector. */
static as_status plan_layer(as_document *document, const as_shape *in, as_layer *layer, as_model *model)
{
    layer->in = *in;
    layer->in_size = as_shape_size(in);
    AS_TRY(layer->ops->plan(layer, document, model->kernels));
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
    return AS_OK;
}

static as_status parse_layers(as_document *document, const as_node *node, const as_node *layers, const as_shape *in,
                              as_model *model)
{
    if (layers == NULL || layers->kind != AS_NODE_LIST || layers->count < 1 || layers->count > 4096) {
        AS_FAIL(AS_CONFIG, "%s: model.layers: expected a list of 1 to 4096 layers",
                as_node_place(layers != NULL ? layers : node));
    }
    model->nlayers = (int)layers->count;
    model->layer = calloc((size_t)model->nlayers, sizeof *model->layer);
    model->packed_offset = calloc((size_t)model->nlayers * AS_LAYER_PARAMS_MAX, sizeof *model->packed_offset);
    if (model->layer == NULL || model->packed_offset == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d layers", model->nlayers);
    }
    const as_shape *shape = in;
    bool training_below = false;
    for (int i = 0; i < model->nlayers; i++) {
        as_layer *layer = &model->layer[i];
        AS_TRY(parse_layer(document, layers, i, model));
        AS_TRY(plan_layer(document, shape, layer, model));
        layer->wants_dx = training_below;
        training_below = training_below || (layer->trains && layer->nparams > 0);
        shape = &layer->out;
    }
    if (!training_below) {
        AS_FAIL(AS_CONFIG, "%s: model.layers: no layer has parameters that train", as_node_place(layers));
    }
    return AS_OK;
}

/* Places of the packed forms, each on a cache line. */
static void place_packed(as_model *model)
{
    for (int i = 0; i < model->nlayers; i++) {
        const as_layer *layer = &model->layer[i];
        for (int q = 0; q < AS_LAYER_PARAMS_MAX; q++) {
            const int64_t reals = q < layer->nparams && layer->ops->packed_reals != NULL
                                      ? layer->ops->packed_reals(layer, model->kernels, q)
                                      : 0;
            model->packed_offset[i * AS_LAYER_PARAMS_MAX + q] = reals > 0 ? model->packed_reals : -1;
            model->packed_reals += (reals + 15) / 16 * 16;
        }
    }
}

static as_status choose_loss(as_document *document, const as_node *node, as_target target, as_model *model)
{
    const char *name = target == AS_TARGET_REALS ? "mse" : "cross_entropy";
    const as_node *options = NULL;
    if (node != NULL && node->kind != AS_NODE_NULL) {
        AS_TRY(as_kind_read(node, "loss", &name, &options));
    }
    const as_loss_ops *const *table = as_losses_get(model->kernels);
    const char *names[AS_KINDS_MAX + 1] = {NULL};
    for (int i = 0; table[i] != NULL && i < AS_KINDS_MAX; i++) {
        names[i] = table[i]->name;
    }
    int index = 0;
    AS_TRY(as_kind_find(node, "loss", name, names, &index));
    model->loss = table[index];
    model->loss_options = as_document_alloc(document, model->loss->options_bytes + 1);
    if (model->loss_options == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the options of loss %s", name);
    }
    const as_fields_part part = {model->loss->fields != NULL ? model->loss->fields : as_no_fields, model->loss_options};
    AS_TRY(as_fields_parse(&part, 1, document, options, name));
    if (model->loss->target != AS_TARGET_NONE && target != AS_TARGET_NONE && model->loss->target != target) {
        AS_FAIL(AS_CONFIG, "%s: loss %s learns %s, but the data have %s", as_node_place(node), name,
                model->loss->target == AS_TARGET_LABELS ? "class labels" : "real targets",
                target == AS_TARGET_LABELS ? "class labels" : "real targets");
    }
    return AS_OK;
}

static as_status check_outputs(const as_node *node, as_model *model)
{
    const as_layer *last = &model->layer[model->nlayers - 1];
    model->outputs = last->out_size;
    const int64_t wanted = model->loss->outputs(model->loss_options, model->classes, model->targets);
    if (wanted != model->outputs) {
        const bool labels = model->classes > 0;
        AS_FAIL(AS_CONFIG, "%s: layer %s: loss %s of data with %lld %s expects %lld outputs, found %lld",
                as_node_place(last->node != NULL ? last->node : node), last->name, model->loss->name,
                (long long)(labels ? model->classes : model->targets), labels ? "classes" : "targets",
                (long long)wanted, (long long)model->outputs);
    }
    return AS_OK;
}

static as_status parse(as_document *document, const as_node *node, const as_shape *in, as_target target,
                       as_model *model)
{
    model_options options = {.type = NULL};
    if (node == NULL || node->kind != AS_NODE_MAP) {
        AS_FAIL(AS_CONFIG, "%s: model: expected a map with the layers and the loss", as_node_place(node));
    }
    const as_fields_part part = {as_model_fields, &options};
    AS_TRY(as_fields_parse(&part, 1, document, node, "model"));
    if (options.type == NULL || strcmp(options.type, "network") != 0) {
        AS_FAIL(AS_CONFIG, "%s: model.type: expected network, found %s", as_node_place(node),
                options.type == NULL ? "nothing" : options.type);
    }
    model->l1 = options.l1;
    model->l2 = options.l2;
    model->in_size = as_shape_size(in);
    if (model->in_size < 1) {
        char text[128];
        AS_FAIL(AS_CONFIG, "%s: model: the data have inputs of shape %s, which hold nothing to learn from",
                as_node_place(node), as_shape_text(in, text, sizeof text));
    }
    AS_TRY(parse_layers(document, node, options.layers, in, model));
    AS_TRY(choose_loss(document, options.loss, target, model));
    AS_TRY(check_outputs(node, model));
    place_packed(model);
    return AS_OK;
}

as_status as_model_parse(as_document *document, const as_node *node, const as_kernels *kernels, const as_shape *in,
                         as_target target, int64_t classes, int64_t targets, as_model *out)
{
    *out = (as_model){.kernels = kernels, .classes = classes, .targets = targets};
    const as_status status = parse(document, node, in, target, out);
    if (status != AS_OK) {
        as_model_destroy(out);
    }
    return status;
}
