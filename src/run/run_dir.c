/* Files of a run directory. */
#include "run/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static void tee_line(void *context, as_log_level level, const char *line)
{
    as_run_dir *dir = context;
    if (dir->log_file != NULL) {
        const char *mark = level == AS_LOG_INFO ? "" : level == AS_LOG_WARN ? "warning: " : "error: ";
        fprintf(dir->log_file, "%s%s\n", mark, line);
        fflush(dir->log_file);
    }
    as_log_line(dir->outer, level, "%s", line);
}

static as_status make_folders(const char *path)
{
    char part[512];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = part + 1; *slash != '\0'; slash++) {
        if (*slash == '/') {
            *slash = '\0';
            mkdir(part, 0777);
            *slash = '/';
        }
    }
    if (mkdir(part, 0777) != 0 && errno != EEXIST) {
        AS_FAIL(AS_CANTCREAT, "%s: cannot create the run directory: %s", path, strerror(errno));
    }
    return AS_OK;
}

static as_status take_lock(as_run_dir *dir)
{
    char name[600];
    snprintf(name, sizeof name, "%s/LOCK", dir->path);
    dir->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (dir->lock < 0) {
        AS_FAIL(AS_CANTCREAT, "%s: cannot create: %s", name, strerror(errno));
    }
    const bool locked = flock(dir->lock, LOCK_EX | LOCK_NB) == 0;
    const int reason = errno;
    if (!locked && reason == EWOULDBLOCK) {
        char owner[256] = "";
        const ssize_t n = pread(dir->lock, owner, sizeof owner - 1, 0);
        owner[n > 0 ? n : 0] = '\0';
        owner[strcspn(owner, "\n")] = '\0';
        close(dir->lock);
        dir->lock = -1;
        AS_FAIL(AS_CANTCREAT, "%s: in use by another job (%s)", dir->path, owner[0] != '\0' ? owner : "unknown");
    }
    if (!locked) { /* some network file systems: better unguarded than not at all */
        as_log_line(dir->outer, AS_LOG_WARN, "%s: cannot be locked (%s): another job on it would not be noticed", name,
                    strerror(reason));
    }
    char host[128] = "?", text[256];
    gethostname(host, sizeof host - 1);
    const int n = snprintf(text, sizeof text, "host %s, pid %ld\n", host, (long)getpid());
    if (ftruncate(dir->lock, 0) != 0 || pwrite(dir->lock, text, (size_t)n, 0) != n) {
        AS_FAIL(AS_IO, "%s: cannot write: %s", name, strerror(errno));
    }
    return AS_OK;
}

static as_status open_rank0(as_run_dir *dir)
{
    char name[600];
    AS_TRY(make_folders(dir->path));
    AS_TRY(take_lock(dir));
    snprintf(name, sizeof name, "%s/checkpoints", dir->path);
    AS_TRY(make_folders(name));
    snprintf(name, sizeof name, "%s/log.txt", dir->path);
    dir->log_file = fopen(name, "ae");
    if (dir->log_file == NULL) {
        AS_FAIL(AS_CANTCREAT, "%s: cannot create: %s", name, strerror(errno));
    }
    return AS_OK;
}

as_status as_run_dir_open(as_world *world, const char *path, const as_log *log, as_run_dir *out)
{
    *out = (as_run_dir){.lock = -1, .outer = log};
    as_status status = AS_OK;
    const size_t length = strlen(path);
    if (length == 0 || length >= sizeof out->path - 64) {
        status = as_error_set(AS_CANTCREAT, "run directory: a path of 1..%zu characters expected, found %zu",
                              sizeof out->path - 64, length);
    } else {
        snprintf(out->path, sizeof out->path, "%s", path);
        if (as_world_rank(world) == 0) {
            status = open_rank0(out);
        }
    }
    out->tee = (as_log){.write = tee_line, .context = out};
    return as_world_agree(world, status);
}

void as_run_dir_close(as_run_dir *dir)
{
    if (dir->metrics != NULL) {
        fclose(dir->metrics);
    }
    if (dir->log_file != NULL) {
        fclose(dir->log_file);
    }
    if (dir->lock >= 0) {
        /* Emptied, not removed: a job that opened it meanwhile would lock a file without a name. */
        if (ftruncate(dir->lock, 0) != 0) {
            as_log_line(dir->outer, AS_LOG_WARN, "%s/LOCK: cannot empty: %s", dir->path, strerror(errno));
        }
        close(dir->lock);
    }
    *dir = (as_run_dir){.lock = -1};
}

static void join(const as_run_dir *dir, const char *name, char *path, size_t bytes)
{
    snprintf(path, bytes, "%s/%s", dir->path, name);
}

as_status as_run_dir_write(const as_run_dir *dir, const char *name, const char *text)
{
    char path[700], temporary[720];
    join(dir, name, path, sizeof path);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *file = fopen(temporary, "we");
    bool good = file != NULL;
    if (good) {
        good = fputs(text, file) >= 0;
        good = fflush(file) == 0 && good;
        good = fclose(file) == 0 && good;
        good = good && rename(temporary, path) == 0;
    }
    if (!good) {
        const int error = errno;
        unlink(temporary);
        AS_FAIL(AS_IO, "%s: cannot write: %s", path, strerror(error));
    }
    return AS_OK;
}

bool as_run_dir_has(const as_run_dir *dir, const char *name)
{
    char path[700];
    join(dir, name, path, sizeof path);
    return access(path, F_OK) == 0;
}

void as_run_dir_remove(const as_run_dir *dir, const char *name)
{
    char path[700];
    join(dir, name, path, sizeof path);
    unlink(path);
}

/* The stored line for a history line: the same text up to its closing brace, then one group of timing to the end. A
   line that a full disk or a crash broke off in that group is none. */
static bool same_but_timing(const char *stored, const char *line, size_t length)
{
    static const char timing[] = ",\"timing\":{";
    if (length == 0 || strncmp(stored, line, length - 1) != 0) {
        return false;
    }
    const char *rest = stored + length - 1;
    if (strncmp(rest, timing, strlen(timing)) == 0) {
        rest += strlen(timing);
        rest += strcspn(rest, "{}");
        rest += *rest == '}';
    }
    return strcmp(rest, "}\n") == 0;
}

as_status as_run_dir_metrics(as_run_dir *dir, const char *history)
{
    char path[700];
    join(dir, "metrics.jsonl", path, sizeof path);
    as_text kept = {0};
    FILE *old = fopen(path, "re");
    char *stored = NULL;
    size_t capacity = 0;
    for (const char *line = history; *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        if (old != NULL && getline(&stored, &capacity, old) > 0 && same_but_timing(stored, line, length)) {
            stored[strcspn(stored, "\n")] = '\0';
            as_text_add(&kept, "%s\n", stored);
        } else {
            as_text_add(&kept, "%.*s\n", (int)length, line);
        }
        line += length + (line[length] == '\n');
    }
    free(stored);
    if (old != NULL) {
        fclose(old);
    }
    const as_status status = kept.failed ? as_error_set(AS_NOMEM, "out of memory for the metrics of a run")
                                         : as_run_dir_write(dir, "metrics.jsonl", kept.size > 0 ? kept.data : "");
    as_text_free(&kept);
    AS_TRY(status);
    dir->metrics = fopen(path, "ae");
    if (dir->metrics == NULL) {
        AS_FAIL(AS_IO, "%s: cannot append: %s", path, strerror(errno));
    }
    return AS_OK;
}

void as_run_dir_metric_line(as_run_dir *dir, const char *members, const char *timing)
{
    if (dir->metrics != NULL) {
        const size_t length = strlen(members);
        fprintf(dir->metrics, "%.*s,\"timing\":%s}\n", (int)(length - 1), members, timing);
        fflush(dir->metrics);
    }
}
