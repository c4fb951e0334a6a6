/* The table of optimizers of a variant, and an optimizer's configuration. */
#include "base/error.h"
#include "base/text.h"
#include "kernels/variant.h"
#include "nn/kind.h"
#include "nn/optimizer.h"

AS_VARIANT_TABLE(as_optimizer_ops, as_optimizers)

const as_field as_optimizer_fields[] = {
    {.name = "lr",
     .type = AS_FIELD_REAL,
     .offset = offsetof(as_optimizer, lr),
     .standard = "0.001",
     .min = 0,
     .max = 1e6,
     .help = "Learning rate before the schedule."},
    {.name = "weight_decay",
     .type = AS_FIELD_REAL,
     .offset = offsetof(as_optimizer, weight_decay),
     .standard = "0",
     .min = 0,
     .max = 1e6,
     .help = "Decay of weights (not biases), in the way of the kind: added to the gradient, or decoupled."},
    {.name = "groups",
     .type = AS_FIELD_NODE,
     .offset = offsetof(as_optimizer, groups_node),
     .standard = "",
     .help = "Learning rates and decays by name: a list of {match, lr, weight_decay}; where several match, the last "
             "counts."},
    AS_FIELDS_END};

as_status as_optimizer_parse(as_document *document, const as_node *node, const as_kernels *kernels, as_optimizer *out)
{
    *out = (as_optimizer){.ops = NULL};
    const as_optimizer_ops *const *table = as_optimizers_get(kernels);
    const char *names[AS_KINDS_MAX + 1] = {NULL};
    for (int i = 0; table[i] != NULL && i < AS_KINDS_MAX; i++) {
        names[i] = table[i]->name;
    }
    int index = 0;
    AS_TRY(as_kind_typed(node, "optimizer", "sgd", names, &index));
    out->ops = table[index];
    out->options = as_document_alloc(document, out->ops->options_bytes + 1);
    if (out->options == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the options of optimizer %s", out->ops->name);
    }
    const char *type = NULL;
    const as_fields_part parts[] = {
        {as_optimizer_fields, out}, {out->ops->fields, out->options}, {as_type_fields, &type}};
    AS_TRY(
        as_fields_parse(parts, 3, document, node != NULL && node->kind == AS_NODE_SCALAR ? NULL : node, "optimizer"));
    return as_groups_parse(document, out->groups_node, &out->groups);
}

as_status as_optimizer_write(const as_optimizer *optimizer, int indent, struct as_text *text)
{
    as_text_add(text, "%*stype: %s\n", indent, "", optimizer->ops->name);
    AS_TRY(as_fields_write(as_optimizer_fields, optimizer, indent, text));
    if (optimizer->groups.n > 0) {
        as_text_add(text, "%*sgroups: ", indent, "");
        as_node_write(optimizer->groups_node, text);
        as_text_add(text, "\n");
    }
    return as_fields_write(optimizer->ops->fields, optimizer->options, indent, text);
}
