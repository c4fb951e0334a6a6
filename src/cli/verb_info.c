/* allsum info PATH...: what a data file, checkpoint or run directory holds; --diff compares two checkpoints. */
#include <stdio.h>

#include "base/error.h"
#include "cli/describe.h"
#include "cli/verb.h"

static as_status describe_all(const as_context *context)
{
    const bool json = as_option_get(context, "json") != NULL;
    const bool stats = as_option_get(context, "stats") != NULL;
    as_status status = AS_OK;
    if (!stats && as_option_get(context, "target") != NULL) {
        AS_FAIL(AS_USAGE, "info --target: expected --stats beside it");
    }
    for (int i = 0; i < context->narguments && status == AS_OK; i++) {
        as_description d = {.config = as_option_get(context, "config") != NULL};
        status = stats ? as_describe_stats(context->argument[i], as_option_get(context, "target"), &d)
                       : as_describe(context->argument[i], &d);
        if (status == AS_OK && json) {
            printf("%s\n", d.json.data);
        } else if (status == AS_OK) {
            as_text_tame(d.text.data, true);
            printf("%s", d.text.data);
        }
        as_text_free(&d.text);
        as_text_free(&d.json);
    }
    return status;
}

static as_status run(as_context *context)
{
    if (context->launch.rank != 0) {
        return AS_OK;
    }
    if (as_option_get(context, "diff") == NULL) {
        return describe_all(context);
    }
    if (context->narguments != 2) {
        AS_FAIL(AS_USAGE, "info --diff: expected two files, found %d", context->narguments);
    }
    return as_verb_compare(context->argument[0], context->argument[1]);
}

static const as_option options[] = {
    {.name = "diff", .help = "compare two checkpoints: the first difference of each array, in units in the last place"},
    {.name = "config", .help = "the resolved configuration in a checkpoint too"},
    {.name = "stats", .help = "statistics of a data file, or of the training data of a configuration (.yaml)"},
    {.name = "target", .value = "NAME", .help = "with --stats: the column or dataset whose classes are counted"},
    {.name = "json", .help = "one JSON object for each PATH"},
    AS_OPTIONS_END,
};

const as_verb as_verb_info = {
    .name = "info",
    .arguments = "PATH...",
    .summary = "What a data file, checkpoint or run directory holds",
    .details =
        "PATH is a checkpoint, a run directory, or a data file (HDF5, netCDF, IDX, IDX.gz, NPY, .csv) or one of\n"
        "weights (safetensors, NPZ). Checkpoints are not read through: `allsum verify` does. --diff exits with 65\n"
        "when it finds a difference. --stats reads data through: missing values, mean, standard deviation (n - 1),\n"
        "skewness m3/m2^1.5, excess kurtosis, exact quantiles (linear between order statistics), constant columns,\n"
        "counts of categories and classes, the largest correlations, and what each\ninput says of the label (one-way "
        "ANOVA or chi2, with Holm's and Benjamini-Hochberg's p).\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
