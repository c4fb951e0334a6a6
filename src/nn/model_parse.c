/* A network's configuration: the `model:` section as a whole. Its layers are read in model_graph.c; here follow what
   is known when all of them are there: which gradients are wanted, where they are added, packed forms, the loss. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/kind.h"
#include "nn/model_graph.h"

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

/* Which values want a gradient, and which readers of a value add theirs to what a later reader gave: gradients come
   from the last reader to the first, and the loss is the first to write. */
static as_status place_gradients(const as_node *layers, as_model *model)
{
    model->wants = calloc((size_t)model->nlayers + 1, sizeof *model->wants);
    bool *given = calloc((size_t)model->nlayers + 1, sizeof *given);
    if (model->wants == NULL || given == NULL) {
        free(given);
        AS_FAIL(AS_NOMEM, "out of memory for %d layers", model->nlayers);
    }
    for (int i = 0; i < model->nlayers; i++) {
        as_layer *layer = &model->layer[i];
        for (int k = 0; k < layer->ninputs; k++) {
            layer->skips[k] = !model->wants[layer->from[k]];
            layer->wants_dx = layer->wants_dx || !layer->skips[k];
        }
        model->wants[i + 1] = layer->wants_dx || as_layer_learns(layer);
    }
    given[model->nlayers] = true;
    for (int i = model->nlayers - 1; i >= 0; i--) {
        as_layer *layer = &model->layer[i];
        for (int k = 0; k < layer->ninputs; k++) {
            layer->adds[k] = !layer->skips[k] && given[layer->from[k]];
            given[layer->from[k]] = true;
        }
    }
    free(given);
    if (!model->wants[model->nlayers]) {
        AS_FAIL(AS_CONFIG, "%s: model.layers: no layer has parameters that train", as_node_place(layers));
    }
    return AS_OK;
}

/* Every output is read, or there was no point in computing it. */
static as_status check_readers(const as_model *model)
{
    for (int v = 1; v < model->nlayers; v++) {
        bool read = false;
        for (int i = v; i < model->nlayers && !read; i++) {
            for (int k = 0; k < model->layer[i].ninputs; k++) {
                read = read || model->layer[i].from[k] == v;
            }
        }
        if (!read) {
            AS_FAIL(AS_CONFIG, "%s: layer %s: no layer reads its output; expected a later layer with from: %s",
                    as_node_place(model->layer[v - 1].node), model->layer[v - 1].name, model->layer[v - 1].name);
        }
    }
    return AS_OK;
}

/* Places of the packed forms, each on a cache line. */
static as_status place_packed(as_model *model)
{
    model->packed_offset = calloc((size_t)model->nlayers * AS_LAYER_PARAMS_MAX, sizeof *model->packed_offset);
    if (model->packed_offset == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d layers", model->nlayers);
    }
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
    return AS_OK;
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
    AS_TRY(as_model_graph_parse(document, node, options.layers, model));
    AS_TRY(check_readers(model));
    AS_TRY(place_gradients(options.layers, model));
    AS_TRY(choose_loss(document, options.loss, target, model));
    AS_TRY(check_outputs(node, model));
    return place_packed(model);
}

as_status as_model_parse(as_document *document, const as_node *node, const as_kernels *kernels, const as_shape *in,
                         as_target target, int64_t classes, int64_t targets, as_model *out)
{
    *out = (as_model){.kernels = kernels, .in = *in, .classes = classes, .targets = targets};
    const as_status status = parse(document, node, in, target, out);
    if (status != AS_OK) {
        as_model_destroy(out);
    }
    return status;
}
