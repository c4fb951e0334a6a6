/* allsum explain [KEY|CONFIG]: what a key or kind means, or what a configuration amounts to. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/explain.h"

enum { SETS_MAX = 256 };

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* A whole number from 0 on. */
static as_status read_number(const as_context *context, const char *name, int64_t most, int64_t *out)
{
    const char *text = as_option_get(context, name);
    *out = 0;
    if (text != NULL && (!as_text_to_int(text, out) || *out < 0 || *out > most)) {
        AS_FAIL(AS_USAGE, "--%s: expected a whole number from 0 to %lld, found '%s'", name, (long long)most, text);
    }
    return AS_OK;
}

static as_status explain_config(as_context *context, const char *path)
{
    const char *set[SETS_MAX + 1];
    char file[1024];
    int nsets = as_option_all(context, "set", SETS_MAX, set);
    const bool walk = as_option_get(context, "sample") != NULL;
    int64_t sample, step;
    if (nsets > SETS_MAX) {
        AS_FAIL(AS_USAGE, "explain: more than %d --set options", SETS_MAX);
    }
    AS_TRY(read_number(context, "sample", INT64_C(1) << 50, &sample));
    AS_TRY(read_number(context, "step", 1000000, &step));
    if (walk) {
        set[nsets++] = "precision=float64";
    }
    struct stat info;
    snprintf(file, sizeof file, "%s", path != NULL ? path : "");
    if (path != NULL && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        snprintf(file, sizeof file, "%s/config.yaml", path); /* a run */
    }
    const char *files[] = {file};
    as_config config;
    as_status status = as_config_load(path != NULL ? 1 : 0, files, nsets, set, &config);
    if (status == AS_OK) {
        status = walk ? as_explain_sample(context, &config, sample, step, as_option_get(context, "json") != NULL)
                      : as_explain_plan(&config);
    }
    as_config_destroy(&config);
    return status;
}

static as_status run(as_context *context)
{
    const char *query = context->narguments > 0 ? context->argument[0] : NULL;
    const bool all = as_option_get(context, "all") != NULL, markdown = as_option_get(context, "markdown") != NULL;
    if (all && query != NULL) {
        AS_FAIL(AS_USAGE, "explain: --all takes no argument, found '%s'", query);
    }
    if (markdown && !all) {
        AS_FAIL(AS_USAGE, "explain: --markdown goes with --all");
    }
    if (all) {
        return as_explain_all(markdown);
    }
    if (as_option_get(context, "sample") == NULL &&
        (as_option_get(context, "step") != NULL || as_option_get(context, "json") != NULL)) {
        AS_FAIL(AS_USAGE, "explain: --step and --json go with --sample");
    }
    if (query == NULL || strchr(query, '/') != NULL || ends_with(query, ".yaml") || ends_with(query, ".yml")) {
        return explain_config(context, query);
    }
    bool found = false;
    AS_TRY(as_explain_key(query, &found));
    if (found) {
        return AS_OK;
    }
    return access(query, F_OK) == 0 ? explain_config(context, query) : as_explain_unknown(query);
}

static const as_option options[] = {
    {.name = "all", .letter = 'a', .help = "every key of a configuration"},
    {.name = "markdown", .help = "with --all: as docs/config.md"},
    {.name = "sample", .value = "I", .help = "walk training sample I through the network: all numbers, every formula"},
    {.name = "step", .value = "T", .help = "with --sample: after T steps of training (default 0)"},
    {.name = "json", .help = "with --sample: one JSON object"},
    AS_OPTION_SET,
    AS_OPTIONS_END,
};

const as_verb as_verb_explain = {
    .name = "explain",
    .arguments = "[KEY|CONFIG]",
    .summary = "What a key or kind means; or the shapes, parameters, operations and memory of a configuration",
    .details =
        "KEY is a key (optimizer.lr, train.batch), a section (data) or a kind (adam, dense, idx).\nCONFIG is a "
        "file or a "
        "run directory; without argument the built-in configuration. --sample walks one sample through it:\neach "
        "layer, "
        "the chain rule with finite differences beside it, the batch as a sum over lanes, one weight's update.\n",
    .options = options,
    .max_arguments = 1,
    .run = run,
};
