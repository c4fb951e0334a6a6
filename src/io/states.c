/* States of a run in its directory, as files: checkpoints/step-NNNNNNNNNNNN.h5, and final.h5 at its end. No pointer to
   "the latest" is trusted: the folder is listed. */
#include "io/states.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "io/commit.h"
#include "io/h5_contents.h"

enum { DIGITS = 12 };

static int compare_largest_first(const void *a, const void *b)
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

/* The number of "member-N", or -1. */
static int64_t member_of(const char *name)
{
    const size_t digits = strncmp(name, "member-", 7) == 0 ? strspn(name + 7, "0123456789") : 0;
    const bool good = digits > 0 && digits <= 9 && name[7] != '0' && name[7 + digits] == '\0';
    return good ? strtoll(name + 7, NULL, 10) : -1;
}

void as_state_path(const char *dir, int64_t step, char *path, size_t bytes)
{
    snprintf(path, bytes, "%s/checkpoints/step-%0*lld.h5", dir, DIGITS, (long long)step);
}

/* The numbers of the entries of a folder that have one, largest first. */
static as_status list_numbers(const char *folder, int64_t (*number_of)(const char *name), int64_t **out, int64_t *n)
{
    *out = NULL;
    *n = 0;
    int64_t capacity = 0;
    DIR *handle = opendir(folder);
    const struct dirent *entry = NULL;
    while (handle != NULL && (entry = readdir(handle)) != NULL) {
        const int64_t number = number_of(entry->d_name);
        if (number < 0) {
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
        (*out)[(*n)++] = number;
    }
    if (handle != NULL) {
        closedir(handle);
    }
    if (*n > 0) {
        qsort(*out, (size_t)*n, sizeof **out, compare_largest_first);
    }
    return AS_OK;
}

as_status as_state_list(const char *dir, int64_t **out, int64_t *n)
{
    char folder[AS_PATH_MAX];
    snprintf(folder, sizeof folder, "%s/checkpoints", dir);
    return list_numbers(folder, step_of, out, n);
}

as_status as_state_members(const char *dir, int64_t **out, int64_t *n)
{
    return list_numbers(dir, member_of, out, n);
}

const char *as_state_members_text(const char *dir, char text[AS_MEMBERS_TEXT])
{
    int64_t *member = NULL, n = 0;
    text[0] = '\0';
    if (as_state_members(dir, &member, &n) != AS_OK || n == 0) {
        return text;
    }
    const long long first = (long long)member[n - 1], last = (long long)member[0];
    free(member);
    if (n == 1) {
        snprintf(text, AS_MEMBERS_TEXT, "; its member %s/member-%lld is a run", dir, first);
    } else {
        snprintf(text, AS_MEMBERS_TEXT, "; its %lld members %s/member-%lld %s %s/member-%lld are runs", (long long)n,
                 dir, first, n == 2 ? "and" : "...", dir, last);
    }
    return text;
}

as_status as_state_step(const char *path, int64_t *step)
{
    as_h5_contents *file = NULL;
    AS_TRY(as_h5_contents_open(path, &file));
    const as_h5_attribute *found = as_h5_contents_attribute(file, "step");
    as_status status = AS_OK;
    if (found == NULL) {
        status = as_error_set(AS_DATA, "%s: not a checkpoint: attribute step is missing", path);
    } else {
        *step = found->value;
    }
    as_h5_contents_close(&file);
    return status;
}

as_status as_state_check(const char *path, int64_t step, int part, int parts)
{
    as_h5_contents *file = NULL;
    AS_TRY(as_h5_contents_open(path, &file));
    const as_h5_attribute *found = as_h5_contents_attribute(file, "step");
    as_status status = AS_OK;
    if (found == NULL || found->value != step) {
        status = as_error_set(AS_DATA, "%s: holds step %lld", path, (long long)(found == NULL ? -1 : found->value));
    } else {
        status = as_h5_contents_check(file, part, parts);
    }
    as_h5_contents_close(&file);
    return status;
}

/* The newest valid checkpoint of a directory that is further than `least`, into path; "": none. */
static as_status find_newer(const char *dir, int64_t least, const as_log *log, char *path, size_t bytes)
{
    int64_t *step = NULL, n = 0;
    bool found = false;
    AS_TRY(as_state_list(dir, &step, &n));
    for (int64_t i = 0; i < n && step[i] > least && !found; i++) {
        as_state_path(dir, step[i], path, bytes);
        found = as_state_check(path, step[i], 0, 1) == AS_OK;
        if (!found) {
            as_log_line(log, AS_LOG_WARN, "checkpoint rejected: %s", as_error_message());
        }
    }
    free(step);
    if (!found) {
        path[0] = '\0';
    }
    return AS_OK;
}

as_status as_state_seek(const char *path, const as_log *log, char *out, size_t bytes)
{
    struct stat info;
    char final[AS_PATH_MAX];
    int64_t step = -1;
    if (stat(path, &info) != 0) {
        AS_FAIL(AS_NOINPUT, "%s: no such file or run directory", path);
    }
    if (strlen(path) + 64 > bytes || strlen(path) + 64 > sizeof final) {
        AS_FAIL(AS_NOINPUT, "%.200s...: path longer than %zu bytes", path, bytes - 64);
    }
    if (!S_ISDIR(info.st_mode)) {
        memcpy(out, path, strlen(path) + 1);
        return AS_OK;
    }
    snprintf(final, sizeof final, "%s/final.h5", path);
    const bool ended = access(final, F_OK) == 0;
    if (ended && as_state_step(final, &step) != AS_OK) {
        step = INT64_MAX; /* it stays the one that is meant: whoever opens it says what is wrong */
    }
    AS_TRY(find_newer(path, step, log, out, bytes));
    if (out[0] == '\0' && ended) {
        memcpy(out, final, strlen(final) + 1);
    }
    return AS_OK;
}

as_status as_state_none(const char *path)
{
    char members[AS_MEMBERS_TEXT];
    AS_FAIL(AS_DATA, "%s: no state of a run: looked for %s/final.h5 and valid checkpoints %s/checkpoints/step-*.h5%s",
            path, path, path, as_state_members_text(path, members));
}

as_status as_state_resolve(const char *path, const as_log *log, char *out, size_t bytes)
{
    AS_TRY(as_state_seek(path, log, out, bytes));
    return out[0] != '\0' ? AS_OK : as_state_none(path);
}
