/* allsum export RUN|CHECKPOINT --to FORMAT --out FILE: a trained model for other programs. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/model_verb.h"
#include "io/file_kind.h"
#include "run/export.h"

static as_status write_model(const as_context *context, const as_model_file *model)
{
    const char *out = as_option_get(context, "out"), *layout = as_option_get(context, "layout");
    const bool native = layout != NULL && strcmp(layout, "native") == 0;
    const as_export_ops *kind;
    AS_TRY(as_export_find(as_option_get(context, "to"), &kind));
    AS_TRY(as_model_file_spare(model, out));
    AS_TRY(as_export_write(kind, out, native ? AS_WEIGHTS_NATIVE : AS_WEIGHTS_TORCH, model->estimator));
    printf("%s: %s of %s\n", out, kind->name, model->path);
    return AS_OK;
}

static as_status check_options(const as_context *context, const char *format)
{
    const char *layout = as_option_get(context, "layout");
    if (format == NULL || as_option_get(context, "out") == NULL) {
        AS_FAIL(AS_USAGE, "export: --to FORMAT and --out FILE are needed (allsum list exports)");
    }
    const as_export_ops *kind;
    AS_TRY(as_export_find(format, &kind));
    static const char *const others[] = {".h5", ".hdf5", ".nc", ".csv", ".npy", ".yaml", ".json", NULL};
    for (int i = 0; others[i] != NULL; i++) {
        if (as_file_ends(as_option_get(context, "out"), others[i])) {
            AS_FAIL(AS_USAGE, "--out %s: expected a name that ends in .%s, found %s", as_option_get(context, "out"),
                    format, others[i]);
        }
    }
    if (layout != NULL && strcmp(layout, "torch") != 0 && strcmp(layout, "native") != 0) {
        AS_FAIL(AS_USAGE, "--layout %s: expected torch or native", layout);
    }
    if (layout != NULL && kind->model != NULL) {
        AS_FAIL(AS_USAGE, "--layout is of arrays: --to %s holds the whole model", format);
    }
    if (context->launch.size > 1) {
        AS_FAIL(AS_USAGE, "export runs in one process; start it without mpirun");
    }
    return AS_OK;
}

static as_status run(as_context *context)
{
    AS_TRY(check_options(context, as_option_get(context, "to")));
    return as_model_verb(context, context->argument[0], write_model);
}

static const as_option options[] = {
    {.name = "to", .value = "FORMAT", .help = "safetensors, npz, onnx: allsum list exports"},
    {.name = "out", .letter = 'o', .value = "FILE", .help = "file to write"},
    {.name = "layout", .value = "torch|native", .help = "names and axes of the arrays (default: as PyTorch has them)"},
    AS_OPTIONS_END,
};

const as_verb as_verb_export = {
    .name = "export",
    .arguments = "RUN|CHECKPOINT",
    .summary = "Writes a trained model for other programs",
    .details =
        "safetensors and npz hold the arrays, called LAYER.NAME; onnx holds the whole model, from raw samples\n"
        "(normalization included) to the outputs before the loss's own function (logits, not probabilities); of\n"
        "linear models (ols, logistic, poisson, ...) to what predict writes.\n"
        "Low-rank adapters (lora) are taken into the weights that they adapt.\n"
        "The way back is the section start of a configuration: allsum explain start.\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
