/* A network's configuration: the `model:` section as a whole. Its layers are read in model_graph.c; here follow what
   is known when all of them are there: which gradients are wanted, where they are added, packed forms, the loss. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "nn/kind.h"
#include "nn/model_graph.h"
#include "nn/model_ties.h"
#include "nn/nonlinearity.h"

enum { TARGETS_LISTED = 16 };

typedef struct model_options {
    const char *type;
    const as_node *layers, *blocks, *loss, *losses;
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
     .help = "The layers from the input to the output: each a kind, or {kind: {options}}; block and repeat for lists."},
    {.name = "blocks",
     .type = AS_FIELD_NODE,
     .offset = offsetof(model_options, blocks),
     .standard = "",
     .help = "Lists of layers by name, which stand where a layer says block: NAME."},
    {.name = "loss",
     .type = AS_FIELD_NODE,
     .offset = offsetof(model_options, loss),
     .standard = "",
     .help = "The loss: a kind, or {kind: {options}}; cross_entropy for labels and mse for real targets by default."},
    {.name = "losses",
     .type = AS_FIELD_NODE,
     .offset = offsetof(model_options, losses),
     .standard = "",
     .help = "Instead of loss: a list of {loss, from, weight, columns}, whose weighted sum is minimised."},
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

typedef struct head_options {
    const as_node *loss;
    const char *name, *from, *target;
    double weight;
    as_ints columns;
} head_options;

const as_field as_head_fields[] = {
    {.name = "loss",
     .type = AS_FIELD_NODE,
     .offset = offsetof(head_options, loss),
     .standard = "",
     .help = "The loss: a kind, or {kind: {options}}; cross_entropy for labels and mse for real targets by default."},
    {.name = "name",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(head_options, name),
     .standard = "",
     .help = "What its metrics are called, NAME.loss and so on; by default the target, the layer, or head_N."},
    {.name = "from",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(head_options, from),
     .standard = "",
     .help = "The layer whose output it judges; the last one by default."},
    {.name = "weight",
     .type = AS_FIELD_REAL,
     .offset = offsetof(head_options, weight),
     .standard = "1",
     .min = 0,
     .max = 1e12,
     .help = "Factor on this loss in the sum."},
    {.name = "target",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(head_options, target),
     .standard = "",
     .help = "The real target that it learns, by its name in the data; all of them by default."},
    {.name = "columns",
     .type = AS_FIELD_INTS,
     .offset = offsetof(head_options, columns),
     .standard = "",
     .min = 0,
     .max = 1e12,
     .help = "First and last of the real targets that it learns, from 0; all of them by default."},
    AS_FIELDS_END};

/* Which values want a gradient, and which readers of a value add theirs to what a later reader gave: gradients come
   from the last reader to the first, and the losses are the first to write. */
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
    bool trains = false;
    for (int h = 0; h < model->nheads; h++) {
        as_model_head *head = &model->head[h];
        head->adds = given[head->value];
        given[head->value] = true;
        trains = trains || model->wants[head->value];
    }
    for (int i = model->nlayers - 1; i >= 0; i--) {
        as_layer *layer = &model->layer[i];
        for (int k = 0; k < layer->ninputs; k++) {
            layer->adds[k] = !layer->skips[k] && given[layer->from[k]];
            given[layer->from[k]] = true;
        }
    }
    free(given);
    if (!trains) {
        AS_FAIL(AS_CONFIG, "%s: model.layers: no layer has parameters that train", as_node_place(layers));
    }
    return AS_OK;
}

/* The only layer that reads a value; NULL: none, several, or a loss as well. */
static as_layer *only_reader(as_model *model, int value)
{
    as_layer *reader = NULL;
    int readers = 0;
    for (int h = 0; h < model->nheads; h++) {
        readers += model->head[h].value == value;
    }
    for (int i = value; i < model->nlayers; i++) {
        for (int k = 0; k < model->layer[i].ninputs; k++) {
            if (model->layer[i].from[k] == value) {
                reader = &model->layer[i];
                readers++;
            }
        }
    }
    return readers == 1 ? reader : NULL;
}

/* Which layers leave the derivative of their relu to the reader of their output. */
static void place_relus(as_model *model)
{
    for (int i = 0; i < model->nlayers; i++) {
        as_layer *layer = &model->layer[i];
        const as_nonlinearity *f = layer->ops->gives_relu ? layer->ops->nonlinearity(layer) : NULL;
        if (f != NULL && strcmp(f->ops->name, "relu") == 0) {
            as_layer *reader = only_reader(model, i + 1);
            if (reader != NULL && reader->ops->takes_relu) {
                layer->relu_held = reader->holds_relu = true;
            }
        }
    }
}

/* Which values need not be kept: those that only layers of one segment read. Layers that share parameters are kept,
   since their sums over samples come last. */
static as_status place_pool(as_model *model)
{
    model->pooled = calloc((size_t)model->nlayers + 1, sizeof *model->pooled);
    if (model->pooled == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d layers", model->nlayers);
    }
    int asked = 0, segments = 0; /* counted anew, since a segment may have lost all its layers */
    for (int i = 0; model->segments > 0 && i < model->nlayers; i++) {
        as_layer *layer = &model->layer[i];
        if (layer->recompute > 0 && !as_layer_shares(model, i)) {
            segments += layer->recompute != asked;
            asked = layer->recompute;
            layer->recompute = segments;
        } else {
            layer->recompute = 0;
        }
        model->pooled[i + 1] = layer->recompute;
    }
    model->segments = segments;
    for (int i = 0; i < model->nlayers; i++) {
        for (int k = 0; k < model->layer[i].ninputs; k++) {
            int *pooled = &model->pooled[model->layer[i].from[k]];
            *pooled = *pooled == model->layer[i].recompute ? *pooled : 0;
        }
    }
    for (int h = 0; h < model->nheads; h++) {
        model->pooled[model->head[h].value] = 0;
    }
    return AS_OK;
}

/* Every output is read, or there was no point in computing it. */
static as_status check_readers(const as_model *model)
{
    for (int v = 1; v <= model->nlayers; v++) {
        bool read = false;
        for (int h = 0; h < model->nheads; h++) {
            read = read || model->head[h].value == v;
        }
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

static as_status choose_loss(as_document *document, const as_node *node, const as_model *model, as_model_head *head)
{
    const as_target target = model->data.target;
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
    head->loss = table[index];
    head->options = as_document_alloc(document, head->loss->options_bytes + 1);
    if (head->options == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the options of loss %s", name);
    }
    const as_fields_part part = {head->loss->fields, head->options};
    AS_TRY(as_fields_parse(&part, 1, document, options, name));
    if (head->loss->target != AS_TARGET_NONE && target != AS_TARGET_NONE && head->loss->target != target) {
        AS_FAIL(AS_CONFIG, "%s: loss %s learns %s, but the data have %s", as_node_place(node), name,
                head->loss->target == AS_TARGET_LABELS ? "class labels" : "real targets",
                target == AS_TARGET_LABELS ? "class labels (labels: false of data.train reads them as real targets)"
                                           : "real targets (labels: true of data.train reads whole numbers as labels)");
    }
    return AS_OK;
}

/* The output that the head judges is as wide as its loss wants, at each of the positions that have a label. */
static as_status check_outputs(const as_node *node, const as_model *model, as_model_head *head)
{
    const as_shape *out = as_model_shape(model, head->value);
    const bool labels = model->data.classes > 0;
    const int64_t positions = model->data.positions, found = as_shape_size(out);
    const as_layer *layer = &model->layer[head->value - 1];
    head->outputs = as_loss_outputs(head->loss, head->options, model->data.classes, head->targets);
    const char *place = as_node_place(layer->node != NULL ? layer->node : node);
    const long long things = (long long)(labels ? model->data.classes : head->targets);
    if (positions == 1 && head->outputs != found) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: loss %s of data with %lld %s%s expects %lld output%s, found %lld%s", place,
                layer->name, head->loss->name, things, labels ? "class" : "real target",
                things == 1 ? ""
                : labels    ? "es"
                            : "s",
                (long long)head->outputs, head->outputs == 1 ? "" : "s", (long long)found,
                labels && things == found + 1 ? " (labels count from 0: the largest one and 1 are the classes; "
                                                "data.train.labels: any makes a class of each)"
                : things > 1                  ? ""
                : labels                      ? " (data.classes tells of more where not all of them occur)"
                                              : " (labels: true of data.train reads whole numbers as labels)");
    }
    if (positions > 1 && (as_shape_positions(out) != positions || as_shape_channels(out) != head->outputs)) {
        char text[64];
        AS_FAIL(AS_CONFIG,
                "%s: layer %s: loss %s of data with %lld labels a sample, of %lld %s, expects %lld outputs at each of "
                "%lld positions, found shape %s",
                place, layer->name, head->loss->name, (long long)positions, things,
                model->data.vocabulary > 0 ? "tokens that the text gave" : "classes", (long long)head->outputs,
                (long long)positions, as_shape_text(out, text, sizeof text));
    }
    return AS_OK;
}

/* The columns of a named target. */
static as_status find_target(const as_node *node, const as_model *model, const char *name, as_model_head *head)
{
    const as_data_parts *answers = model->data.answers;
    as_text known = {0};
    for (int64_t i = 0; answers != NULL && i < answers->n; i++) {
        const as_data_part *part = &answers->part[i];
        if (strcmp(part->name, name) == 0) {
            as_text_free(&known);
            head->column = part->first;
            head->targets = as_shape_size(&part->shape);
            return AS_OK;
        }
        if (i < TARGETS_LISTED) {
            as_text_add(&known, "%s%s", i > 0 ? ", " : "", part->name);
        }
    }
    if (known.size == 0) {
        AS_FAIL(AS_CONFIG, "%s: model.losses: target: \"%s\": the data have no real targets with names",
                as_node_place(node), name);
    }
    const as_status status = as_error_set(AS_CONFIG, "%s: model.losses: target: \"%s\" is none of %s",
                                          as_node_place(node), name, known.failed ? "the targets" : known.data);
    as_text_free(&known);
    return status;
}

static bool head_named(const as_model *model, const as_model_head *head, const char *name)
{
    for (const as_model_head *h = model->head; h < head; h++) {
        if (strcmp(h->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* What the metrics of a head are called. */
static as_status name_head(const as_node *node, const as_model *model, const head_options *o, as_model_head *head)
{
    const char *const wanted = o->name != NULL ? o->name : o->target != NULL ? o->target : o->from;
    if (o->name != NULL && (strlen(o->name) >= sizeof head->name || head_named(model, head, o->name))) {
        AS_FAIL(AS_CONFIG, "%s: model.losses: name: expected a name of its own of at most %d bytes, found \"%s\"",
                as_node_place(node), AS_NAME_MAX - 1, o->name);
    }
    if (wanted != NULL && strlen(wanted) < sizeof head->name && !head_named(model, head, wanted)) {
        memcpy(head->name, wanted, strlen(wanted) + 1);
        return AS_OK;
    }
    snprintf(head->name, sizeof head->name, "head_%d", (int)(head - model->head) + 1);
    return AS_OK;
}

/* An item of `losses:`. */
static as_status parse_head(as_document *document, const as_node *node, as_model *model, as_model_head *head)
{
    head_options o = {.loss = NULL};
    const as_fields_part part = {as_head_fields, &o};
    AS_TRY(as_fields_parse(&part, 1, document, node, "losses"));
    head->weight = o.weight;
    for (int i = 0; o.from != NULL && i < model->nlayers; i++) {
        head->value = strcmp(model->layer[i].name, o.from) == 0 ? i + 1 : head->value;
    }
    if (o.from != NULL && (head->value == 0 || strcmp(model->layer[head->value - 1].name, o.from) != 0)) {
        AS_FAIL(AS_CONFIG, "%s: model.losses: from: \"%s\" is no layer", as_node_place(node), o.from);
    }
    if (o.target != NULL && o.columns.n > 0) {
        AS_FAIL(AS_CONFIG, "%s: model.losses: expected target or columns, found both", as_node_place(node));
    }
    if (o.target != NULL) {
        AS_TRY(find_target(node, model, o.target, head));
    }
    AS_TRY(name_head(node, model, &o, head));
    if (o.columns.n > 0) {
        const int64_t first = o.columns.v[0], last = o.columns.v[o.columns.n - 1];
        if (o.columns.n != 2 || last < first || last >= model->data.targets) {
            AS_FAIL(AS_CONFIG, "%s: model.losses: columns: expected [first, last] of the %lld real targets, from 0",
                    as_node_place(node), (long long)model->data.targets);
        }
        head->column = first;
        head->targets = last - first + 1;
    }
    AS_TRY(choose_loss(document, o.loss, model, head));
    return check_outputs(node, model, head);
}

static as_status parse_heads(as_document *document, const as_node *node, const model_options *options, as_model *model)
{
    const as_node *losses = options->losses;
    const bool several = losses != NULL && losses->kind != AS_NODE_NULL;
    if (several && (options->loss != NULL && options->loss->kind != AS_NODE_NULL)) {
        AS_FAIL(AS_CONFIG, "%s: model: expected loss or losses, found both", as_node_place(losses));
    }
    if (several && (losses->kind != AS_NODE_LIST || losses->count < 1 || losses->count > AS_HEADS_MAX)) {
        AS_FAIL(AS_CONFIG, "%s: model.losses: expected a list of 1 to %d losses", as_node_place(losses), AS_HEADS_MAX);
    }
    model->nheads = several ? (int)losses->count : 1;
    for (int h = 0; h < model->nheads; h++) {
        as_model_head *head = &model->head[h];
        *head = (as_model_head){.value = model->nlayers, .targets = model->data.targets, .weight = 1};
        if (several) {
            AS_TRY(parse_head(document, losses->item[h], model, head));
        } else {
            AS_TRY(choose_loss(document, options->loss, model, head));
            AS_TRY(check_outputs(node, model, head));
        }
    }
    model->outputs = as_shape_size(as_model_shape(model, model->head[0].value));
    for (int h = 0; h < model->nheads && model->data.mixes; h++) { /* gradients of the other label, some at a time */
        const int64_t size = as_shape_size(as_model_shape(model, model->head[h].value));
        const int64_t reals = AS_MIX_BLOCK * as_model_stride(model, size);
        model->scratch = reals > model->scratch ? reals : model->scratch;
    }
    return AS_OK;
}

/* Every token of the data has a row in the tables that read them. */
static as_status check_tokens(const as_model *model)
{
    for (int i = 0; i < model->nlayers; i++) {
        const as_layer *layer = &model->layer[i];
        if (strcmp(layer->ops->name, "embedding") == 0 && layer->from[0] == 0 &&
            layer->param[0].shape.dim[0] < model->data.vocabulary) {
            AS_FAIL(AS_CONFIG, "%s: layer %s: vocabulary: expected at least the %lld tokens of the data, found %lld",
                    as_node_place(layer->node), layer->name, (long long)model->data.vocabulary,
                    (long long)layer->param[0].shape.dim[0]);
        }
    }
    return AS_OK;
}

static as_status parse(as_document *document, const as_node *node, as_model *model)
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
    model->in_size = as_shape_size(&model->data.in);
    if (model->in_size < 1) {
        char text[128];
        AS_FAIL(AS_CONFIG, "%s: model: the data have inputs of shape %s, which hold nothing to learn from",
                as_node_place(node), as_shape_text(&model->data.in, text, sizeof text));
    }
    AS_TRY(as_model_graph_parse(document, node, options.layers, options.blocks, model));
    AS_TRY(check_tokens(model));
    AS_TRY(parse_heads(document, node, &options, model));
    AS_TRY(check_readers(model));
    AS_TRY(place_gradients(options.layers, model));
    place_relus(model);
    AS_TRY(place_pool(model));
    return place_packed(model);
}

as_status as_model_parse(as_document *document, const as_node *node, const as_kernels *kernels,
                         const as_model_data *data, as_model *out)
{
    *out = (as_model){.kernels = kernels, .data = *data};
    const as_status status = parse(document, node, out);
    if (status != AS_OK) {
        as_model_destroy(out);
    }
    return status;
}
