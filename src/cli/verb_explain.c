/* allsum explain [KEY|CONFIG]: what a key or kind means, or what a configuration amounts to. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/explain.h"
#include "io/file_kind.h"
#include "io/states.h"

enum { NOISE_STEPS = 16 };
static const double latency_us = 5, bandwidth_gb = 10; /* of a common cluster: what 100 Gbit/s give */

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

static as_status read_options(const as_context *context, as_explain_options *o)
{
    double latency = latency_us, bandwidth = bandwidth_gb;
    *o = (as_explain_options){.json = as_option_get(context, "json") != NULL,
                              .time = as_option_get(context, "no-time") == NULL,
                              .noise = as_option_get(context, "noise") != NULL,
                              .noise_steps = NOISE_STEPS};
    AS_TRY(as_option_int(context, "noise-steps", 1, 100000, &o->noise_steps));
    AS_TRY(as_option_real(context, "network-latency", 0, 1e6, &latency));
    AS_TRY(as_option_real(context, "network-bandwidth", 1e-6, 1e6, &bandwidth));
    o->latency = latency * 1e-6;
    o->bandwidth = bandwidth * 1e9;
    if (!o->noise && as_option_get(context, "noise-steps") != NULL) {
        AS_FAIL(AS_USAGE, "explain: --noise-steps goes with --noise");
    }
    if (!o->time &&
        (as_option_get(context, "network-latency") != NULL || as_option_get(context, "network-bandwidth") != NULL)) {
        AS_FAIL(AS_USAGE, "explain: --network-latency and --network-bandwidth do not go with --no-time");
    }
    AS_TRY(as_context_threads(context, &o->threads));
    return as_context_isa(context, &o->isa);
}

static as_status explain_config(as_context *context, const char *path)
{
    const char *set[AS_OPTION_TIMES + 2];
    char file[1024], probe[96];
    as_explain_options options;
    int nsets = as_option_all(context, "set", set);
    const bool walk = as_option_get(context, "sample") != NULL;
    int64_t sample, step;
    AS_TRY(read_number(context, "sample", INT64_C(1) << 50, &sample));
    AS_TRY(read_number(context, "step", 1000000, &step));
    if (walk) {
        set[nsets++] = "precision=float64";
    }
    AS_TRY(read_options(context, &options));
    if (options.noise) {
        snprintf(probe, sizeof probe, "probe={every: 1 steps, instruments: [{noise: {window: %lld}}]}",
                 (long long)options.noise_steps);
        set[nsets++] = probe;
    }
    struct stat info;
    snprintf(file, sizeof file, "%s", path != NULL ? path : "");
    if (path != NULL && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        snprintf(file, sizeof file, "%s/config.yaml", path); /* a run */
        options.run = path;
        char members[AS_MEMBERS_TEXT];
        if (stat(file, &info) != 0) {
            AS_FAIL(AS_NOINPUT, "%s: no run: it has no config.yaml%s", path, as_state_members_text(path, members));
        }
    }
    const char *files[] = {file};
    as_config config;
    as_status status = as_config_load(path != NULL ? 1 : 0, files, nsets, set, &config);
    if (status == AS_OK) {
        status =
            walk ? as_explain_sample(context, &config, sample, step, options.json) : as_explain_plan(&config, &options);
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
    const bool sample = as_option_get(context, "sample") != NULL;
    if (!sample && as_option_get(context, "step") != NULL) {
        AS_FAIL(AS_USAGE, "explain: --step goes with --sample");
    }
    if (sample && as_option_get(context, "noise") != NULL) {
        AS_FAIL(AS_USAGE, "explain: --noise does not go with --sample");
    }
    if (query == NULL || strchr(query, '/') != NULL || as_file_ends(query, ".yaml") || as_file_ends(query, ".yml")) {
        return explain_config(context, query);
    }
    if (as_option_get(context, "json") != NULL && access(query, F_OK) != 0) {
        AS_FAIL(AS_USAGE, "explain: --json goes with a configuration, and there is no file '%s'", query);
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
    {.name = "no-time", .help = "the plan alone: nothing is measured"},
    {.name = "network-latency", .value = "US", .help = "microseconds of a message between nodes (assumed: 5)"},
    {.name = "network-bandwidth", .value = "GB/S", .help = "1e9 bytes per second of a node's network (assumed: 10)"},
    {.name = "noise", .help = "the critical batch, by some private steps: ranks x batch that reach a loss soonest"},
    {.name = "noise-steps", .value = "N", .help = "with --noise: how many steps (16)"},
    {.name = "json", .help = "of a configuration: one JSON object"},
    AS_OPTION_THREADS,
    AS_OPTION_SET,
    AS_OPTIONS_END,
};

const as_verb as_verb_explain = {
    .name = "explain",
    .arguments = "[KEY|CONFIG]",
    .summary = "What a key or kind means; or what a configuration will take: memory, time, ranks",
    .details =
        "KEY is a key (optimizer.lr, train.batch), a section (data) or a kind (adam, dense, idx).\nCONFIG is a "
        "file or a "
        "run directory; without argument the built-in configuration. --sample walks one sample through it:\neach "
        "layer, "
        "the chain rule with finite differences beside it, the batch as a sum over lanes, one weight's update.\nTimes "
        "are measured in less than a second, with steps on "
        "made-up rows, and carried over to ranks, threads and nodes.\nOf a run that has ended, what it took is set "
        "beside the forecast.\n",
    .options = options,
    .max_arguments = 1,
    .computes = true,
    .run = run,
};
