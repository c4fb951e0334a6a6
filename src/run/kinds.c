/* One view of all tables of kinds. Options, help and formulas do not depend on the variant: the portable one is read.
 */
#include "run/kinds.h"

#include "data/augment.h"
#include "data/format.h"
#include "data/generate.h"
#include "estimator/estimator.h"
#include "math/distribution.h"
#include "nn/activation.h"
#include "nn/layer.h"
#include "nn/loss.h"
#include "nn/metric.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "probe/probe.h"
#include "run/export.h"

enum {
    MODELS,
    LAYERS,
    ACTIVATIONS,
    LOSSES,
    METRICS,
    OPTIMIZERS,
    SCHEDULES,
    FORMATS,
    AUGMENTS,
    GENERATORS,
    PROBES,
    DISTRIBUTIONS,
    EXPORTS
};

const as_kind_group as_kind_groups[] = {
    [MODELS] = {"models", "model", "what is trained: `type:` of the model", "model: {type: KIND, ...}"},
    [LAYERS] = {"layers", "model.layers", "rows of `layers:` of a network, from the input to the output",
                "model: {layers: [{KIND: {...}}]}"},
    [ACTIVATIONS] = {"activations", "model.layers",
                     "elementwise functions: `activation:` of a layer, or a layer of their own",
                     "model: {layers: [{KIND: {...}}]}"},
    [LOSSES] = {"losses", "model.loss", "what training minimises", "model: {loss: {KIND: {...}}}"},
    [METRICS] = {"metrics", "metrics", "what an evaluation reports", "reported by evaluations where it applies"},
    [OPTIMIZERS] = {"optimizers", "optimizer", "how the parameters follow the gradient",
                    "optimizer: {type: KIND, ...}"},
    [SCHEDULES] = {"schedules", "schedule", "how the learning rate changes over the steps",
                   "schedule: {type: KIND, ...}"},
    [FORMATS] = {"formats", "data.train", "data files: `format:` of a source", "data: {train: {format: KIND, ...}}"},
    [AUGMENTS] = {"augmentations", "data.augment", "changes of the training inputs: rows of `augment:`",
                  "data: {augment: [{KIND: ...}]}"},
    [GENERATORS] = {"generators", "data generate", "equations: `allsum data generate KIND`",
                    "allsum data generate KIND -o FILE.h5 -s KEY=VALUE"},
    [PROBES] = {"instruments", "probe.instruments", "what is measured beside training: rows of `instruments:`",
                "probe: {every: 100 steps, instruments: [{KIND: ...}]}"},
    [DISTRIBUTIONS] = {"distributions", "distribution", "probability distributions: `allsum distribution KIND`",
                       "allsum distribution KIND KEY=VALUE"},
    [EXPORTS] = {"exports", "export", "files for other programs: `allsum export RUN --to KIND`",
                 "allsum export RUN --to KIND -o FILE"},
    {.name = NULL},
};

/* Visits a NULL-terminated table of ops that have a name and help; k is the row in what follows. */
#define VISIT(index, ops_type, rows, formula_of_k, fields_of_k, bytes_of_k)                                            \
    for (const ops_type *const *k = (rows); *k != NULL; k++) {                                                         \
        visit(context, &(as_kind){.group = as_kind_groups[index].name,                                                 \
                                  .path = as_kind_groups[index].path,                                                  \
                                  .usage = as_kind_groups[index].usage,                                                \
                                  .name = (*k)->name,                                                                  \
                                  .help = (*k)->help,                                                                  \
                                  .formula = (formula_of_k),                                                           \
                                  .fields = (fields_of_k),                                                             \
                                  .options_bytes = (bytes_of_k)});                                                     \
    }

void as_kinds_visit(void (*visit)(void *context, const as_kind *kind), void *context)
{
    const as_kernels *kernels = as_kernels_get(AS_PORTABLE, AS_FLOAT32);
    VISIT(MODELS, as_estimator_ops, as_estimators_get(), (*k)->formula, (*k)->fields, (*k)->options_bytes)
    VISIT(LAYERS, as_layer_ops, as_layers_get(kernels), (*k)->formula, (*k)->fields, (*k)->options_bytes)
    VISIT(ACTIVATIONS, as_activation_ops, as_activations_get(kernels), (*k)->formula, (*k)->fields, (*k)->options_bytes)
    VISIT(LOSSES, as_loss_ops, as_losses_get(kernels), (*k)->formula, (*k)->fields, (*k)->options_bytes)
    VISIT(METRICS, as_metric_ops, as_metrics_get(kernels), (*k)->formula, NULL, 0)
    VISIT(OPTIMIZERS, as_optimizer_ops, as_optimizers_get(kernels), (*k)->formula, (*k)->fields, (*k)->options_bytes)
    VISIT(SCHEDULES, as_schedule_ops, as_schedules_get(), (*k)->formula, (*k)->fields, (*k)->options_bytes)
    VISIT(AUGMENTS, as_augment_ops, as_augments_get(kernels), (*k)->formula, (*k)->fields, (*k)->options_bytes)
    VISIT(GENERATORS, as_generate_ops, as_generators_get(), (*k)->formula, (*k)->fields, (*k)->options_bytes)
    VISIT(PROBES, as_probe_ops, as_probes_get(), (*k)->formula, (*k)->fields, (*k)->options_bytes)
    VISIT(DISTRIBUTIONS, as_distribution_ops, as_distributions_get(), (*k)->formula, (*k)->fields, (*k)->options_bytes)
    VISIT(EXPORTS, as_export_ops, as_exports_get(), NULL, NULL, 0)
    VISIT(FORMATS, as_format_ops, as_formats_get(), NULL, (*k)->fields, (*k)->options_bytes)
}
