/* Which checkpoints of a run directory are good, and which may go. No pointer to "the latest" is trusted: the folder is
   listed, and every file is judged by its own hashes, by all ranks together. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "io/commit.h"
#include "io/h5_contents.h"
#include "run/checkpoint.h"

enum { DIGITS = 12 };

static int compare_newest_first(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

/* The step of "step-NNNNNNNNNNNN.h5", or -1. */
static int64_t step_of(const char *name)
{
    if (strncmp(name, "step-", 5) != 0 || strspn(name + 5, "0123456789") != DIGITS ||
        strcmp(name + 5 + DIGITS, ".h5") != 0) {
        return -1;
    }
    return strtoll(name + 5, NULL, 10);
}

void as_checkpoint_path(const char *dir, int64_t step, char *path, size_t bytes)
{
    snprintf(path, bytes, "%s/checkpoints/step-%0*lld.h5", dir, DIGITS, (long long)step);
}

as_status as_checkpoint_list(const char *dir, int64_t **out, int64_t *n)
{
    char folder[AS_PATH_MAX];
    snprintf(folder, sizeof folder, "%s/checkpoints", dir);
    *out = NULL;
    *n = 0;
    int64_t capacity = 0;
    DIR *handle = opendir(folder);
    const struct dirent *entry = NULL;
    while (handle != NULL && (entry = readdir(handle)) != NULL) {
        const int64_t step = step_of(entry->d_name);
        if (step < 0) {
            continue;
        }
        if (*n == capacity) {
            capacity = capacity == 0 ? 16 : 2 * capacity;
            int64_t *grown = realloc(*out, (size_t)capacity * sizeof *grown);
            if (grown == NULL) {
                closedir(handle);
                free(*out);
                *out = NULL;
                AS_FAIL(AS_NOMEM, "%s: out of memory for %lld names", folder, (long long)capacity);
            }
            *out = grown;
        }
        (*out)[(*n)++] = step;
    }
    if (handle != NULL) {
        closedir(handle);
    }
    if (*n > 0) {
        qsort(*out, (size_t)*n, sizeof **out, compare_newest_first);
    }
    return AS_OK;
}

/* Collective. The same list on all ranks, as rank 0 sees the folder. */
static as_status share_steps(as_world *world, const char *dir, int64_t **out, int64_t *n)
{
    int64_t *steps = NULL, count = 0;
    AS_TRY(as_world_agree(world, as_world_rank(world) == 0 ? as_checkpoint_list(dir, &steps, &count) : AS_OK));
    as_status status = as_world_broadcast(world, 0, &count, sizeof count);
    if (status == AS_OK && as_world_rank(world) != 0) {
        steps = malloc(((size_t)count + 1) * sizeof *steps);
    }
    if (status == AS_OK) {
        status = as_world_agree(world, steps == NULL && count > 0
                                           ? as_error_set(AS_NOMEM, "out of memory for %lld names", (long long)count)
                                           : AS_OK);
    }
    if (status == AS_OK && count > 0) {
        status = as_world_broadcast(world, 0, steps, (size_t)count * sizeof *steps);
    }
    if (status != AS_OK) {
        free(steps);
        return status;
    }
    *out = steps;
    *n = count;
    return AS_OK;
}

static as_status check_share(as_world *world, const char *path, int64_t step)
{
    as_h5_contents *file = NULL;
    AS_TRY(as_h5_contents_open(path, &file));
    const as_h5_attribute *found = as_h5_contents_attribute(file, "step");
    as_status status = AS_OK;
    if (found == NULL || found->value != step) {
        status = as_error_set(AS_DATA, "%s: holds step %lld", path, (long long)(found == NULL ? -1 : found->value));
    } else {
        status = as_h5_contents_check(file, as_world_rank(world), as_world_size(world));
    }
    as_h5_contents_close(&file);
    return status;
}

/* Collective. Whether a checkpoint is valid; if not, the reason goes to the log of rank 0. */
static bool is_valid(as_world *world, const char *path, int64_t step, const as_log *log)
{
    if (as_world_agree(world, check_share(world, path, step)) == AS_OK) {
        return true;
    }
    if (as_world_rank(world) == 0) {
        as_log_line(log, AS_LOG_WARN, "checkpoint rejected: %s", as_error_message());
    }
    return false;
}

as_status as_checkpoint_find(as_world *world, const char *dir, const as_log *log, char *path, size_t bytes)
{
    int64_t *step = NULL, n = 0;
    char name[AS_PATH_MAX];
    path[0] = '\0';
    AS_TRY(share_steps(world, dir, &step, &n));
    bool found = false;
    for (int64_t i = 0; i < n && !found; i++) {
        as_checkpoint_path(dir, step[i], name, sizeof name);
        found = is_valid(world, name, step[i], log);
    }
    free(step);
    if (found && strlen(name) >= bytes) {
        AS_FAIL(AS_INTERNAL, "%s: longer than %zu bytes", name, bytes);
    }
    if (found) {
        memcpy(path, name, strlen(name) + 1);
    }
    return AS_OK;
}

/* What a path stands for before checkpoints are judged: the file that it is, or final.h5; newer: the directory has
   checkpoints that may be in its place. */
typedef struct candidate {
    bool folder, newer;
    int64_t step; /* of final.h5; -1: there is none */
    char path[AS_PATH_MAX];
} candidate;

/* As this rank sees the path. A final.h5 that cannot be read stays the one that is meant: whoever opens it says why. */
static as_status look(const char *path, candidate *out)
{
    struct stat info;
    int64_t *step = NULL, n = 0;
    *out = (candidate){.step = -1};
    if (stat(path, &info) != 0) {
        AS_FAIL(AS_NOINPUT, "%s: no such file or run directory", path);
    }
    if (strlen(path) >= AS_PATH_MAX - 64) {
        AS_FAIL(AS_NOINPUT, "%.200s...: path too long", path);
    }
    out->folder = S_ISDIR(info.st_mode);
    snprintf(out->path, sizeof out->path, "%s%s", path, out->folder ? "/final.h5" : "");
    if (!out->folder) {
        return AS_OK;
    }
    if (access(out->path, F_OK) == 0 && as_checkpoint_step(out->path, &out->step) != AS_OK) {
        out->step = INT64_MAX;
    }
    AS_TRY(as_checkpoint_list(path, &step, &n));
    out->newer = n > 0 && step[0] > out->step;
    free(step);
    return AS_OK;
}

as_status as_checkpoint_seek(as_world *world, const char *path, const as_log *log, char *out, size_t bytes)
{
    candidate found;
    char newest[AS_PATH_MAX] = "";
    int64_t step = -1;
    AS_TRY(as_world_agree(world, as_world_rank(world) == 0 ? look(path, &found) : AS_OK));
    AS_TRY(as_world_broadcast(world, 0, &found, sizeof found));
    if (found.newer) {
        AS_TRY(as_checkpoint_find(world, path, log, newest, sizeof newest));
    }
    if (newest[0] != '\0') {
        AS_TRY(as_world_agree(world, as_checkpoint_step(newest, &step)));
    }
    const char *const chosen = step > found.step ? newest : found.folder && found.step < 0 ? "" : found.path;
    if (strlen(chosen) >= bytes) {
        AS_FAIL(AS_NOINPUT, "%.200s...: path longer than %zu bytes", chosen, bytes);
    }
    memcpy(out, chosen, strlen(chosen) + 1);
    return AS_OK;
}

as_status as_checkpoint_resolve(as_world *world, const char *path, const as_log *log, char *out, size_t bytes)
{
    AS_TRY(as_checkpoint_seek(world, path, log, out, bytes));
    if (out[0] == '\0') {
        AS_FAIL(AS_DATA, "%s: no state of a run: looked for %s/final.h5 and valid checkpoints %s/checkpoints/step-*.h5",
                path, path, path);
    }
    return AS_OK;
}

as_status as_checkpoint_retain(as_world *world, const char *dir, int64_t keep, int64_t best_step, const as_log *log)
{
    int64_t *step = NULL, n = 0, valid = 0;
    char name[AS_PATH_MAX];
    AS_TRY(share_steps(world, dir, &step, &n));
    const int64_t wanted = keep < 1 ? 1 : keep;
    for (int64_t i = 0; i < n; i++) {
        as_checkpoint_path(dir, step[i], name, sizeof name);
        if (valid < wanted) {
            /* With nothing behind it to remove, a file need not be read. */
            valid += n <= wanted || is_valid(world, name, step[i], log);
        } else if (step[i] != best_step && as_world_rank(world) == 0 && as_file_discard(name) != AS_OK) {
            as_log_line(log, AS_LOG_WARN, "old checkpoint stays: %s", as_error_message());
        }
    }
    free(step);
    return AS_OK;
}

static void clean_folder(const char *folder, const as_log *log)
{
    DIR *handle = opendir(folder);
    const struct dirent *entry = NULL;
    while (handle != NULL && (entry = readdir(handle)) != NULL) {
        char path[AS_PATH_MAX];
        const bool dead = strncmp(entry->d_name, AS_TEMPORARY_PREFIX, strlen(AS_TEMPORARY_PREFIX)) == 0 ||
                          strncmp(entry->d_name, AS_TRASH_PREFIX, strlen(AS_TRASH_PREFIX)) == 0;
        const int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (dead && length > 0 && (size_t)length < sizeof path) {
            const bool gone = unlink(path) == 0;
            as_log_line(log, gone ? AS_LOG_INFO : AS_LOG_WARN, "%s: left by a writer that died%s", path,
                        gone ? ", removed" : ", cannot be removed");
        }
    }
    if (handle != NULL) {
        closedir(handle);
    }
}

void as_checkpoint_clean(as_world *world, const char *dir, const as_log *log)
{
    char folder[AS_PATH_MAX];
    if (as_world_rank(world) != 0) {
        return;
    }
    snprintf(folder, sizeof folder, "%s/checkpoints", dir);
    clean_folder(dir, log);
    clean_folder(folder, log);
}
