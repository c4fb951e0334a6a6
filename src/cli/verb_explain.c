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

static as_status explain_config(const as_context *context, const char *path)
{
    const char *set[SETS_MAX];
    char file[1024];
    const int nsets = as_option_all(context, "set", SETS_MAX, set);
    if (nsets > SETS_MAX) {
        AS_FAIL(AS_USAGE, "explain: more than %d --set options", SETS_MAX);
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
        status = as_explain_plan(&config);
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
    AS_OPTION_SET,
    AS_OPTIONS_END,
};

const as_verb as_verb_explain = {
    .name = "explain",
    .arguments = "[KEY|CONFIG]",
    .summary = "What a key or kind means; or the shapes, parameters, operations and memory of a configuration",
    .details = "KEY is a key (optimizer.lr, train.batch), a section (data) or a kind (adam, dense, idx).\nCONFIG is a "
               "file or a "
               "run directory; without argument the built-in configuration.\n",
    .options = options,
    .max_arguments = 1,
    .run = run,
};
