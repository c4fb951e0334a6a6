/* allsum verify PATH...: checks checkpoints against their own hashes; --diff compares two of them. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "cli/describe.h"
#include "cli/verb.h"
#include "io/h5_write.h"
#include "io/states.h"
#include "run/checkpoint_diff.h"

typedef struct tally {
    int files, bad;
    bool json;
    as_text text;
    char first[2048]; /* what was wrong with the first bad file */
} tally;

static void verify_file(tally *t, const char *path)
{
    uint8_t digest[32];
    char digits[65];
    const bool valid = as_h5_verify(path, digest) == AS_OK;
    t->files++;
    if (!valid && t->bad++ == 0) {
        snprintf(t->first, sizeof t->first, "%s", as_error_message());
    }
    if (t->json) {
        as_json_open(&t->text, NULL, '{');
        as_json_text(&t->text, "path", path);
        as_json_bool(&t->text, "valid", valid);
        if (valid) {
            as_json_text(&t->text, "digest", as_sha256_text(digest, digits));
        } else {
            as_json_text(&t->text, "reason", as_error_message());
        }
        as_json_close(&t->text, '}');
    } else if (valid) {
        printf("valid    %s  %s\n", path, as_sha256_text(digest, digits));
    } else {
        printf("INVALID  %s\n", as_error_message());
    }
}

/* All checkpoints of a run directory. */
static as_status verify_run(tally *t, const char *dir)
{
    char path[4096];
    int64_t *step = NULL, n = 0;
    const int before = t->files;
    AS_TRY(as_state_list(dir, &step, &n));
    for (int64_t i = 0; i < n; i++) {
        as_state_path(dir, step[i], path, sizeof path);
        verify_file(t, path);
    }
    free(step);
    static const char *const names[] = {"best.h5", "final.h5"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        if (access(path, F_OK) == 0) {
            verify_file(t, path);
        }
    }
    if (t->files == before) {
        char members[AS_MEMBERS_TEXT];
        AS_FAIL(AS_DATA, "%s: no checkpoints in this folder%s", dir, as_state_members_text(dir, members));
    }
    return AS_OK;
}

static as_status verify_all(const as_context *context)
{
    tally t = {.json = as_option_get(context, "json") != NULL};
    as_status status = AS_OK;
    if (t.json) {
        as_json_open(&t.text, NULL, '[');
    }
    for (int i = 0; i < context->narguments && status == AS_OK; i++) {
        struct stat facts;
        const char *path = context->argument[i];
        if (stat(path, &facts) != 0) {
            status = as_error_set(AS_NOINPUT, "%s: no such file or folder", path);
        } else if (S_ISDIR(facts.st_mode)) {
            status = verify_run(&t, path);
        } else {
            verify_file(&t, path);
        }
    }
    if (t.json) {
        as_json_close(&t.text, ']');
        printf("%s\n", t.text.data == NULL ? "" : t.text.data);
    }
    as_text_free(&t.text);
    AS_TRY(status);
    if (t.bad > 0) {
        AS_FAIL(AS_DATA, "%d of %d files are not valid checkpoints: %s", t.bad, t.files, t.first);
    }
    return AS_OK;
}

as_status as_verb_compare(const char *a, const char *b)
{
    as_text report = {0};
    bool same = false;
    const as_status status = as_checkpoint_diff(a, b, &report, &same);
    if (status == AS_OK) {
        if (!same) {
            as_text_tame(report.data, true);
        }
        printf("%s", same ? "the same content\n" : report.data);
    }
    as_text_free(&report);
    AS_TRY(status);
    if (!same) {
        AS_FAIL(AS_DATA, "%s and %s differ", a, b);
    }
    return AS_OK;
}

static as_status run(as_context *context)
{
    if (context->launch.rank != 0) {
        return AS_OK;
    }
    if (as_option_get(context, "diff") == NULL) {
        return verify_all(context);
    }
    if (context->narguments != 2) {
        AS_FAIL(AS_USAGE, "verify --diff: expected two files, found %d", context->narguments);
    }
    return as_verb_compare(context->argument[0], context->argument[1]);
}

static const as_option options[] = {
    {.name = "diff", .help = "compare two checkpoints: the first difference of each array, in units in the last place"},
    {.name = "json", .help = "results as JSON"},
    AS_OPTIONS_END,
};

const as_verb as_verb_verify = {
    .name = "verify",
    .arguments = "PATH...",
    .summary = "Check checkpoints against their hashes, or compare two of them",
    .details =
        "PATH is a checkpoint or a run directory. Every byte is read and compared with the hashes in the file itself.\n"
        "Exit code 65 if a file is damaged, or if --diff finds a difference.\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
