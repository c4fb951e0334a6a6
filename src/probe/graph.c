/* Reading activations and reach from the configuration of layers. */
#include "probe/graph.h"

#include <string.h>

#include "nn/layer_activation.h"

static const char *name_of(const as_node *node)
{
    if (node == NULL || node->kind == AS_NODE_NULL) {
        return "none";
    }
    return node->kind == AS_NODE_SCALAR                   ? node->text
           : node->kind == AS_NODE_MAP && node->count > 0 ? node->key[0]
                                                          : "none";
}

const char *as_graph_activation(const as_layer *layer)
{
    if (strcmp(layer->ops->name, "activation") == 0) {
        return ((const as_nonlinearity *)layer->options)->ops->name;
    }
    if (strcmp(layer->ops->name, "softmax") == 0) {
        return "softmax";
    }
    const as_node *inner = as_node_get(layer->node, layer->ops->name);
    const as_node *own = as_node_get(layer->node, "activation");
    return name_of(own != NULL ? own : as_node_get(inner, "activation"));
}

static bool reshapes(const as_layer *layer)
{
    return strcmp(layer->ops->name, "flatten") == 0 || strcmp(layer->ops->name, "reshape") == 0;
}

const as_layer *as_graph_last(const as_model *model)
{
    int value = model->head[0].value;
    while (value > 0 && reshapes(&model->layer[value - 1])) {
        value = model->layer[value - 1].from[0];
    }
    return value > 0 ? &model->layer[value - 1] : NULL;
}

bool as_graph_linear(const as_model *model)
{
    int learns = 0;
    for (int l = 0; l < model->nlayers; l++) {
        const as_layer *layer = &model->layer[l];
        if (strcmp(layer->ops->name, "dense") == 0 && strcmp(as_graph_activation(layer), "none") == 0) {
            learns++;
        } else if (!reshapes(layer)) {
            return false;
        }
    }
    return learns == 1;
}

bool as_graph_reads_numbers_of_rows(const as_model *model)
{
    enum { VALUES = 64 };
    bool raw[VALUES] = {true}; /* values that are parts of the data */
    int tables = 0;
    for (int l = 0; l < model->nlayers; l++) {
        const as_layer *layer = &model->layer[l];
        bool reads = false;
        for (int k = 0; k < layer->ninputs; k++) {
            reads = reads || (layer->from[k] < VALUES && raw[layer->from[k]]);
        }
        const bool table = strcmp(layer->ops->name, "embedding") == 0;
        const bool cuts = reshapes(layer) || strcmp(layer->ops->name, "slice") == 0;
        if (reads && !table && !(cuts && l + 1 < VALUES)) {
            return false;
        }
        tables += reads && table ? 1 : 0;
        if (l + 1 < VALUES) {
            raw[l + 1] = reads && !table;
        }
    }
    return tables > 0;
}

/* A convolution over more than one position, which has as many before it as behind it. */
static bool convolves(const as_layer *layer)
{
    const as_shape *in = &layer->in[0], *out = &layer->out;
    return strcmp(layer->ops->name, "conv1d") == 0 && layer->nparams > 0 && in->rank == 2 && out->rank == 2 &&
           in->dim[0] == out->dim[0] && layer->param[0].count > in->dim[1] * out->dim[1];
}

const as_layer *as_graph_looks_ahead(const as_model *model)
{
    for (int l = 0; l < model->nlayers; l++) {
        if (model->layer[l].looks_ahead || convolves(&model->layer[l])) {
            return &model->layer[l];
        }
    }
    return NULL;
}

const as_layer *as_graph_find(const as_model *model, const char *name)
{
    for (int l = 0; l < model->nlayers; l++) {
        if (strcmp(model->layer[l].name, name) == 0) {
            return &model->layer[l];
        }
    }
    return NULL;
}
