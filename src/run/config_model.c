/* The model section resolved without data: every layer and the loss with all options of its kind. What needs shapes
   (that they fit, and what follows from them) is checked by as_model_parse. */
#include <string.h>

#include "base/error.h"
#include "estimator/estimator.h"
#include "nn/activation.h"
#include "nn/kind.h"
#include "nn/model.h"
#include "run/config_sections.h"

/* Tables of the kinds `names` (NULL-terminated); fields[i] belongs to names[i]. */
typedef struct kind_names {
    int n;
    const char *name[2 * AS_KINDS_MAX + 1];
    const as_field *fields[2 * AS_KINDS_MAX + 1];
} kind_names;

static void add_name(kind_names *kinds, const char *name, const as_field *fields)
{
    if (kinds->n < 2 * AS_KINDS_MAX) {
        kinds->name[kinds->n] = name;
        kinds->fields[kinds->n++] = fields;
    }
}

/* Reads options by one or two tables and appends them; of nested options the text that was given. */
static as_status resolve(as_document *document, const as_field *own, const as_field *common, const as_node *node,
                         const char *path, int indent, as_text *text)
{
    as_fields_part parts[2] = {{.table = own}, {.table = common}};
    const int nparts = common == NULL ? 1 : 2;
    for (int i = 0; i < nparts; i++) {
        parts[i].options = as_document_alloc(document, as_fields_bytes(parts[i].table));
        if (parts[i].options == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for a configuration");
        }
    }
    AS_TRY(as_fields_parse(parts, nparts, document, node, path));
    for (int i = 0; i < nparts; i++) {
        AS_TRY(as_fields_write(parts[i].table, parts[i].options, indent, text));
        for (const as_field *f = parts[i].table; f != NULL && f->name != NULL; f++) {
            const as_node *nested = f->type == AS_FIELD_NODE ? as_node_get(node, f->name) : NULL;
            if (nested != NULL && nested->kind != AS_NODE_NULL) {
                as_text_add(text, "%*s%s: ", indent, "", f->name);
                as_node_write(nested, text);
                as_text_add(text, "\n");
            }
        }
    }
    return AS_OK;
}

static as_status write_layers(as_document *document, const as_node *model, const as_kernels *kernels, int indent,
                              as_text *text)
{
    const as_node *layers = as_node_get(model, "layers");
    kind_names kinds = {0};
    for (const as_layer_ops *const *k = as_layers_get(kernels); *k != NULL; k++) {
        add_name(&kinds, (*k)->name, (*k)->fields);
    }
    for (const as_activation_ops *const *k = as_activations_get(kernels); *k != NULL; k++) {
        add_name(&kinds, (*k)->name, (*k)->fields);
    }
    if (layers == NULL || layers->kind != AS_NODE_LIST || layers->count < 1) {
        AS_FAIL(AS_CONFIG, "%s: model.layers: expected a list of layers",
                as_node_place(layers != NULL ? layers : model));
    }
    const int plain = kinds.n; /* kinds below are layers, with the keys that all layers take */
    add_name(&kinds, "block", as_block_fields);
    add_name(&kinds, "repeat", as_repeat_fields);
    as_text_add(text, "%*slayers:\n", indent, "");
    for (int64_t i = 0; i < layers->count; i++) {
        const char *kind = NULL;
        const as_node *options = NULL;
        int index = 0;
        AS_TRY(as_kind_read(layers->item[i], "layer", &kind, &options));
        AS_TRY(as_kind_find(layers->item[i], "layer", kind, kinds.name, &index));
        as_text_add(text, "%*s- %s:\n", indent + 2, "", kind);
        AS_TRY(resolve(document, kinds.fields[index], index < plain ? as_layer_fields : NULL, options, kind, indent + 6,
                       text));
    }
    return AS_OK;
}

static as_status write_loss(as_document *document, const as_node *model, const as_kernels *kernels, int indent,
                            as_text *text)
{
    const as_node *loss = as_node_get(model, "loss");
    kind_names kinds = {0};
    const char *kind = NULL;
    const as_node *options = NULL;
    int index = 0;
    if (loss == NULL || loss->kind == AS_NODE_NULL) {
        return AS_OK; /* follows from the data */
    }
    for (const as_loss_ops *const *k = as_losses_get(kernels); *k != NULL; k++) {
        add_name(&kinds, (*k)->name, (*k)->fields);
    }
    AS_TRY(as_kind_read(loss, "loss", &kind, &options));
    AS_TRY(as_kind_find(loss, "loss", kind, kinds.name, &index));
    if (kinds.fields[index] == NULL) {
        as_text_add(text, "%*sloss: %s\n", indent, "", kind);
    } else {
        as_text_add(text, "%*sloss:\n%*s%s:\n", indent, "", indent + 2, "", kind);
    }
    return resolve(document, kinds.fields[index], NULL, options, kind, indent + 4, text);
}

/* A statistical model: its type, then its keys. */
static as_status write_statistic(as_document *document, const as_node *model, const as_estimator_ops *ops, int indent,
                                 as_text *text)
{
    as_text_add(text, "%*stype: %s\n", indent, "", ops->name);
    as_node plain = {.kind = AS_NODE_MAP, .file = model->file, .line = model->line, .column = model->column};
    for (int64_t i = 0; i < model->count; i++) {
        if (strcmp(model->key[i], "type") != 0) {
            AS_TRY(as_node_append(document, &plain, model->key[i], model->key_line[i], model->key_column[i],
                                  model->item[i]));
        }
    }
    return resolve(document, ops->fields, NULL, &plain, "model", indent, text);
}

as_status as_config_model_write(as_document *document, const as_node *model, int indent, as_text *text)
{
    const as_kernels *kernels = as_kernels_get(AS_PORTABLE, AS_FLOAT32);
    const as_estimator_ops *ops = NULL;
    if (model == NULL || model->kind != AS_NODE_MAP) {
        AS_FAIL(AS_CONFIG, "%s: missing section 'model' (a map such as {layers: [...]})", as_node_place(model));
    }
    AS_TRY(as_estimator_find(model, &ops));
    if (ops->statistic != NULL) {
        return write_statistic(document, model, ops, indent, text);
    }
    as_text own = {0}; /* without layers and loss, which come after it */
    as_node plain = {.kind = AS_NODE_MAP, .file = model->file, .line = model->line, .column = model->column};
    for (int64_t i = 0; i < model->count; i++) {
        if (strcmp(model->key[i], "layers") != 0 && strcmp(model->key[i], "loss") != 0) {
            AS_TRY(as_node_append(document, &plain, model->key[i], model->key_line[i], model->key_column[i],
                                  model->item[i]));
        }
    }
    as_status status = resolve(document, as_model_fields, NULL, &plain, "model", indent, &own);
    if (status == AS_OK) {
        as_text_add(text, "%s", own.data != NULL ? own.data : "");
        status = write_layers(document, model, kernels, indent, text);
    }
    as_text_free(&own);
    return status != AS_OK ? status : write_loss(document, model, kernels, indent, text);
}
