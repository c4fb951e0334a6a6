/* allsum bench gemm|conv|attention|elementwise|io|sum|step: what the machine and the kernels reach here. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fields.h"
#include "cli/verb.h"
#include "run/bench.h"
#include "run/bench_io.h"
#include "run/bench_step.h"
#include "run/bench_sum.h"

static const char *const subjects[] = {"gemm", "conv", "attention", "elementwise", "io", "sum", "step", NULL};

/* Measures the subject into text. The sum and the steps are collective; the others are measured by every rank for
 * itself. */
static as_status measure(as_context *context, as_world *world, as_team *team, const as_kernels *kernels, as_text *text)
{
    const char *const subject = context->argument[0];
    const bool json = as_option_get(context, "json") != NULL;
    if (strcmp(subject, "gemm") == 0) {
        return as_bench_gemm(team, kernels, json, text);
    }
    if (strcmp(subject, "conv") == 0) {
        return as_bench_conv(team, kernels, json, text);
    }
    if (strcmp(subject, "attention") == 0) {
        return as_bench_attention(team, kernels, json, text);
    }
    if (strcmp(subject, "elementwise") == 0) {
        return as_bench_elementwise(team, kernels, json, text);
    }
    if (strcmp(subject, "step") == 0) {
        const char *const along = as_option_get(context, "sweep");
        if (along != NULL) {
            return as_bench_sweep(world, team, kernels, along, json, text);
        }
        return as_bench_step(world, team, kernels, json, text);
    }
    if (strcmp(subject, "io") == 0) {
        const char *const dir = as_option_get(context, "dir");
        return as_bench_io(world, dir != NULL ? dir : ".", json, text);
    }
    return as_bench_sum(world, team, kernels, json, text);
}

static as_status check_subject(const char *subject)
{
    for (int i = 0; subjects[i] != NULL; i++) {
        if (strcmp(subjects[i], subject) == 0) {
            return AS_OK;
        }
    }
    const char *const near = as_nearest_name(subject, subjects);
    AS_FAIL(AS_USAGE, "bench: expected gemm, conv, attention, elementwise, io, sum or step, found '%s'%s%s%s", subject,
            near != NULL ? " (did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?)" : "");
}

/* An option of another subject would be of no use, silently. */
static as_status check_options(const as_context *context)
{
    static const char *const own[][2] = {{"dir", "io"}, {"sweep", "step"}};
    for (int i = 0; i < 2; i++) {
        const char *const value = as_option_get(context, own[i][0]);
        if (value != NULL && strcmp(context->argument[0], own[i][1]) != 0) {
            AS_FAIL(AS_USAGE, "bench %s: --%s belongs to bench %s", context->argument[0], own[i][0], own[i][1]);
        }
        if (value != NULL && value[0] == '\0') {
            AS_FAIL(AS_USAGE, "bench: --%s: expected a value, found none", own[i][0]);
        }
    }
    return AS_OK;
}

static as_status run(as_context *context)
{
    int threads;
    as_isa isa;
    as_world *world;
    as_team *team = NULL;
    as_text text = {0};
    int64_t bits = 32;
    AS_TRY(check_subject(context->argument[0]));
    AS_TRY(check_options(context));
    AS_TRY(as_option_int(context, "precision", 32, 64, &bits));
    if (bits != 32 && bits != 64) {
        AS_FAIL(AS_USAGE, "--precision: expected 32 or 64, found %lld", (long long)bits);
    }
    AS_TRY(as_context_threads(context, &threads));
    AS_TRY(as_context_isa(context, &isa));
    AS_TRY(as_context_world(context, &world));
    as_status status = as_world_agree(world, as_team_create(threads, &team));
    if (status == AS_OK) {
        status = measure(context, world, team, as_kernels_get(isa, (as_precision)bits), &text);
    }
    if (status == AS_OK && as_world_rank(world) == 0 && text.data != NULL) {
        fputs(text.data, stdout);
    }
    as_text_free(&text);
    if (team != NULL) {
        as_team_destroy(&team);
    }
    return status;
}

static const as_option options[] = {
    AS_OPTION_THREADS,
    {.name = "precision", .value = "BITS", .help = "32 (default) or 64"},
    {.name = "dir", .value = "DIR", .help = "io: folder for the files (default: the current one)"},
    {.name = "sweep", .value = "AXIS", .help = "step: along batch, width or depth instead of the four networks"},
    {.name = "json", .help = "one JSON object instead of a table"},
    AS_OPTIONS_END,
};

const as_verb as_verb_bench = {
    .name = "bench",
    .arguments = "gemm|conv|attention|elementwise|io|sum|step",
    .summary = "Measure kernels, sums, files and steps on this machine",
    .details =
        "gemm         matrix products and weight gradients beside the arithmetic peak\n"
        "conv         convolutions of two small networks for images\n"
        "attention    causal attention, forward and backward\n"
        "elementwise  passes over memory: sums, gathering, packing\n"
        "io           checkpoints and data files, in the folder --dir\n"
        "sum          the sum over ranks beside its bytes (run under mpirun)\n"
        "step         whole training steps of four networks\n\n"
        "The first four begin with the limits of this machine: multiply-adds, and memory at three sizes of arrays. "
        "Median and best of nine repetitions (one alone where it takes longer than two seconds); with several ranks "
        "they measure at the same time and rank 0 "
        "reports its own figures.\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .computes = true,
    .run = run,
};
