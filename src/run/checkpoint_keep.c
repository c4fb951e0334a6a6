/* Which checkpoints of a run directory are good, and which may go. No pointer to "the latest" is trusted: the folder is
   listed, and every file is judged by its own hashes, by all ranks together. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "io/commit.h"
#include "io/states.h"
#include "run/checkpoint.h"

/* Collective. The same list on all ranks, as rank 0 sees the folder. */
static as_status share_steps(as_world *world, const char *dir, int64_t **out, int64_t *n)
{
    int64_t *steps = NULL, count = 0;
    AS_TRY(as_world_agree(world, as_world_rank(world) == 0 ? as_state_list(dir, &steps, &count) : AS_OK));
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

/* Collective. Whether a checkpoint is valid; if not, the reason goes to the log of rank 0. */
static bool is_valid(as_world *world, const char *path, int64_t step, const as_log *log)
{
    if (as_world_agree(world, as_state_check(path, step, as_world_rank(world), as_world_size(world))) == AS_OK) {
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
        as_state_path(dir, step[i], name, sizeof name);
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

as_status as_checkpoint_seek(as_world *world, const char *path, const as_log *log, char *out, size_t bytes)
{
    AS_TRY(as_world_agree(world, as_world_rank(world) == 0 ? as_state_seek(path, log, out, bytes) : AS_OK));
    return as_world_broadcast(world, 0, out, bytes);
}

as_status as_checkpoint_resolve(as_world *world, const char *path, const as_log *log, char *out, size_t bytes)
{
    AS_TRY(as_checkpoint_seek(world, path, log, out, bytes));
    return out[0] != '\0' ? AS_OK : as_state_none(path);
}

as_status as_checkpoint_retain(as_world *world, const char *dir, int64_t keep, int64_t best_step, const as_log *log)
{
    int64_t *step = NULL, n = 0, valid = 0;
    char name[AS_PATH_MAX];
    AS_TRY(share_steps(world, dir, &step, &n));
    const int64_t wanted = keep < 1 ? 1 : keep;
    for (int64_t i = 0; i < n; i++) {
        as_state_path(dir, step[i], name, sizeof name);
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
