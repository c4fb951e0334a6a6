/* allsum diagnose RUN|CONFIG: what is wrong with a training, why, and what to change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/verb.h"
#include "io/commit.h"
#include "run/diagnose.h"

enum { COLUMNS = 100, TRY_STEPS = 40 };

static void add_trial(const as_trial *t, as_text *out)
{
    static const char *const key[2] = {"as_is", "changed"};
    as_json_open(out, "trial", '{');
    as_json_text(out, "change", t->change);
    as_json_text(out, "not_done", t->why);
    for (int i = 0; t->done && i < 2; i++) {
        as_json_open(out, key[i], '{');
        as_json_int(out, "steps", t->steps[i]);
        as_json_real(out, "loss_before", t->first[i]);
        as_json_real(out, "loss_after", t->last[i]);
        as_json_close(out, '}');
    }
    as_json_close(out, '}');
}

static void write_json(const as_diagnose_result *result, bool tried, as_text *out)
{
    as_json_open(out, NULL, '{');
    as_json_text(out, "name", result->name);
    as_json_text(out, "note", result->note);
    as_diagnosis_json(&result->diagnosis, out);
    as_course_json(&result->course, out);
    if (tried) {
        add_trial(&result->trial, out);
    }
    as_json_close(out, '}');
    as_text_add(out, "\n");
}

static void print_trial(const as_trial *t)
{
    static const char *const name[2] = {"as it is", "changed"};
    if (!t->done) {
        printf("try: not done: %s\n", t->why);
        return;
    }
    printf("try:");
    for (const char *s = t->change; *s != '\0'; s += strspn(s, " ")) {
        const int length = (int)strcspn(s, " ");
        printf(" --set %.*s", length, s);
        s += length;
    }
    printf("\n");
    for (int i = 0; i < 2; i++) {
        printf("  %-9s %lld steps: loss %.4g -> %.4g\n", name[i], (long long)t->steps[i], t->first[i], t->last[i]);
    }
}

static as_status report(const as_context *context, const as_diagnose_options *o, const as_diagnose_result *result)
{
    as_text json = {0}, text = {0};
    char path[1200];
    as_status status = AS_OK;
    write_json(result, o->try_steps > 0, &json);
    if (result->note[0] != '\0') {
        as_text_add(&text, "note: %s\n", result->note);
    }
    as_diagnosis_print(&result->diagnosis, result->name, COLUMNS, &text);
    if (as_diagnosis_count(&result->diagnosis, AS_FAULT) + as_diagnosis_count(&result->diagnosis, AS_WARN) > 0) {
        as_course_print(&result->course, &text);
    }
    if (json.failed || text.failed) {
        status = as_error_set(AS_NOMEM, "out of memory for the diagnosis");
    } else if (result->trained) {
        snprintf(path, sizeof path, "%.1100s/diagnosis.json", o->path);
        if (as_file_write(path, json.data, json.size) != AS_OK) { /* someone else's run: what was found is told */
            as_log_line(&context->log, AS_LOG_WARN, "%s", as_error_message());
        }
    }
    if (status == AS_OK) {
        fputs(as_option_get(context, "json") != NULL ? json.data : text.data, stdout);
        if (o->try_steps > 0 && as_option_get(context, "json") == NULL) {
            print_trial(&result->trial);
        }
    }
    as_text_free(&json);
    as_text_free(&text);
    return status;
}

static as_status run(as_context *context)
{
    const char *sets[AS_OPTION_TIMES];
    as_diagnose_options o = {.path = context->narguments > 0 ? context->argument[0] : NULL,
                             .nsets = as_option_all(context, "set", sets),
                             .set = sets,
                             .try_steps = as_option_get(context, "try") != NULL ? TRY_STEPS : 0,
                             .log = &context->log};
    AS_TRY(as_context_threads(context, &o.threads));
    AS_TRY(as_context_isa(context, &o.isa));
    AS_TRY(as_context_world(context, &o.world));
    as_diagnose_result result;
    as_status status = as_diagnose(&o, &result);
    if (status == AS_OK) {
        status = as_world_agree(o.world, as_world_rank(o.world) == 0 ? report(context, &o, &result) : AS_OK);
    }
    const int faults = as_diagnosis_count(&result.diagnosis, AS_FAULT);
    as_diagnose_free(&result);
    if (status == AS_OK && faults > 0 && as_option_get(context, "strict") != NULL) {
        AS_FAIL(AS_DIVERGED, "diagnose --strict: %d fault%s", faults, faults == 1 ? "" : "s");
    }
    return status;
}

static const as_option options[] = {
    {.name = "strict", .help = "exit 3 where there is a fault"},
    {.name = "try", .help = "40 steps in memory as it is and with the first change that is proposed, side by side"},
    {.name = "json", .help = "one JSON object instead of a text"},
    AS_OPTION_SET,
    AS_OPTION_THREADS,
    AS_OPTIONS_END,
};

const as_verb as_verb_diagnose = {
    .name = "diagnose",
    .arguments = "[RUN|CONFIG]",
    .summary = "What is wrong with a training, why, and what to change",
    .details =
        "CONFIG is judged before training: data, labels, leaks, shards, initial state, learning rate. RUN is a run "
        "directory,\nfinished or not: also by what it logged and what its newest checkpoint says; "
        "RUN/diagnosis.json is written.\n",
    .options = options,
    .max_arguments = 1,
    .computes = true,
    .run = run,
};
