/* One view of all tables of kinds. Options, help and formulas do not depend on the variant: the portable one is read.
 */
#include "run/kinds.h"

#include "nn/activation.h"
#include "nn/loss.h"
#include "nn/metric.h"

const as_kind_group as_kind_groups[] = {
    {"activations", "model.layers.dense.activation",
     "elementwise functions: `activation:` of a layer, or a layer of their own"},
    {"losses", "model.loss", "what training minimises"},
    {"metrics", "model.metrics", "what an evaluation reports"},
    {.name = NULL},
};

/* Visits a NULL-terminated table of ops that have name, help and formula; `table` gives the options of row k. */
#define VISIT(group_index, ops_type, rows, options)                                                                    \
    for (const ops_type *const *k = (rows); *k != NULL; k++) {                                                         \
        visit(context, &(as_kind){.group = as_kind_groups[group_index].name,                                           \
                                  .path = as_kind_groups[group_index].path,                                            \
                                  .name = (*k)->name,                                                                  \
                                  .help = (*k)->help,                                                                  \
                                  .formula = (*k)->formula,                                                            \
                                  .fields = (options)});                                                               \
    }

void as_kinds_visit(void (*visit)(void *context, const as_kind *kind), void *context)
{
    const as_kernels *kernels = as_kernels_get(AS_PORTABLE, AS_FLOAT32);
    VISIT(0, as_activation_ops, as_activations_get(kernels), (*k)->fields)
    VISIT(1, as_loss_ops, as_losses_get(kernels), (*k)->fields)
    VISIT(2, as_metric_ops, as_metrics_get(kernels), NULL)
}
