/* Atomic commit of files: O_EXCL under a temporary name, fallocate, pwrite, fsync, rename, fsync of the folder, as the
   POSIX guarantees of rename and fsync require. Interrupted calls are retried a bounded number of times, so that a file
   system that interrupts for ever ends in an error, not in a hang. */
#include "io/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* Splits a path: the length of its folder part ("" gives 0) and the name after it. */
static const char *name_of(const char *path, int *folder_length)
{
    const char *slash = strrchr(path, '/');
    *folder_length = slash == NULL ? 0 : (int)(slash - path) + 1;
    return slash == NULL ? path : slash + 1;
}

as_status as_commit_plan(const char *path, as_commit *out)
{
    int folder = 0;
    const char *name = name_of(path, &folder);
    out->descriptor = -1;
    const int n = snprintf(out->path, sizeof out->path, "%s", path);
    const int m = snprintf(out->temporary, sizeof out->temporary, "%.*s" AS_TEMPORARY_PREFIX "%s.%ld", folder, path,
                           name, (long)getpid());
    if (n < 0 || m < 0 || (size_t)m >= sizeof out->temporary) {
        AS_FAIL(AS_CANTCREAT, "%.200s...: path too long", path);
    }
    return AS_OK;
}

static as_status open_temporary(as_commit *file, int flags)
{
    for (int i = 0; i < AS_RETRIES; i++) {
        file->descriptor = open(file->temporary, flags | O_RDWR | O_CLOEXEC, 0644);
        if (file->descriptor >= 0) {
            return AS_OK;
        }
        if (errno != EINTR) {
            break;
        }
    }
    AS_FAIL(AS_CANTCREAT, "%s: cannot create %s: %s", file->path, file->temporary, strerror(errno));
}

as_status as_commit_create(as_commit *file)
{
    struct stat state; /* renaming would put a file in the place of a device such as /dev/null */
    if (stat(file->path, &state) == 0 && !S_ISREG(state.st_mode)) {
        AS_FAIL(AS_CANTCREAT, "%s: expected a file or a new name, found %s", file->path,
                S_ISDIR(state.st_mode) ? "a directory" : "a device or pipe");
    }
    return open_temporary(file, O_CREAT | O_EXCL);
}

as_status as_commit_join(as_commit *file)
{
    return open_temporary(file, 0);
}

as_status as_commit_reserve(as_commit *file, int64_t bytes)
{
    int failed = -1;
    for (int i = 0; i < AS_RETRIES && failed != 0; i++) {
        failed = fallocate(file->descriptor, 0, 0, bytes);
        if (failed != 0 && errno != EINTR) {
            break;
        }
    }
    if (failed != 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) {
        /* The file system cannot reserve: a full disk will show when writing. */
        failed = ftruncate(file->descriptor, bytes);
    }
    if (failed != 0) {
        AS_FAIL(AS_IO, "%s: cannot reserve %lld bytes: %s", file->path, (long long)bytes, strerror(errno));
    }
    return AS_OK;
}

as_status as_commit_write(as_commit *file, int64_t offset, const void *data, int64_t bytes)
{
    const char *next = data;
    const int64_t end = offset + bytes;
    int idle = 0; /* calls in a row without progress */
    while (offset < end) {
        const ssize_t n = pwrite(file->descriptor, next, (size_t)(end - offset), offset);
        if (n > 0) {
            next += n;
            offset += n;
            idle = 0;
        } else if ((n < 0 && errno != EINTR) || ++idle >= AS_RETRIES) {
            AS_FAIL(AS_IO, "%s: cannot write %lld bytes at offset %lld: %s", file->path, (long long)(end - offset),
                    (long long)offset, n < 0 ? strerror(errno) : "no progress");
        }
    }
    return AS_OK;
}

as_status as_file_read(int descriptor, const char *name, int64_t offset, void *data, int64_t bytes)
{
    char *next = data;
    const int64_t end = offset + bytes;
    int idle = 0;
    while (offset < end) {
        const ssize_t n = pread(descriptor, next, (size_t)(end - offset), offset);
        if (n > 0) {
            next += n;
            offset += n;
            idle = 0;
        } else if (n == 0 || errno != EINTR || ++idle >= AS_RETRIES) {
            AS_FAIL(AS_IO, "%s: cannot read %lld bytes at offset %lld: %s", name, (long long)(end - offset),
                    (long long)offset, n == 0 ? "the file ends there" : strerror(errno));
        }
    }
    return AS_OK;
}

as_status as_commit_read(as_commit *file, int64_t offset, void *data, int64_t bytes)
{
    return as_file_read(file->descriptor, file->path, offset, data, bytes);
}

static int sync_descriptor(int descriptor)
{
    int failed = -1;
    for (int i = 0; i < AS_RETRIES && failed != 0; i++) {
        failed = fsync(descriptor);
        if (failed != 0 && errno != EINTR) {
            break;
        }
    }
    return failed;
}

as_status as_commit_sync(as_commit *file)
{
    if (sync_descriptor(file->descriptor) != 0) {
        AS_FAIL(AS_IO, "%s: cannot force the file to the disk: %s", file->path, strerror(errno));
    }
    posix_fadvise(file->descriptor, 0, 0, POSIX_FADV_DONTNEED);
    return AS_OK;
}

as_status as_commit_close(as_commit *file)
{
    const int failed = close(file->descriptor);
    file->descriptor = -1;
    /* Linux closes the descriptor even when it reports an interruption, and the data were forced to the disk before. */
    if (failed != 0 && errno != EINTR) {
        AS_FAIL(AS_IO, "%s: closing failed: %s", file->path, strerror(errno));
    }
    return AS_OK;
}

as_status as_folder_sync(const char *folder)
{
    const char *name = folder[0] == '\0' ? "." : folder;
    int descriptor = -1;
    for (int i = 0; i < AS_RETRIES && descriptor < 0; i++) {
        descriptor = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (descriptor < 0 && errno != EINTR) {
            break;
        }
    }
    const int failed = descriptor < 0 ? -1 : sync_descriptor(descriptor);
    const int reason = errno;
    if (descriptor >= 0) {
        close(descriptor);
    }
    /* Some file systems have no fsync of folders and say EINVAL. */
    if (failed != 0 && reason != EINVAL) {
        AS_FAIL(AS_IO, "%s: cannot force the folder to the disk: %s", name, strerror(reason));
    }
    return AS_OK;
}

static as_status sync_folder_of(const char *path)
{
    int length = 0;
    char folder[AS_PATH_MAX];
    name_of(path, &length);
    snprintf(folder, sizeof folder, "%.*s", length, path);
    return as_folder_sync(folder);
}

as_status as_commit_publish(as_commit *file)
{
    if (rename(file->temporary, file->path) != 0) {
        AS_FAIL(AS_IO, "%s: cannot rename %s: %s", file->path, file->temporary, strerror(errno));
    }
    const as_status status = sync_folder_of(file->path);
    return status == AS_OK ? AS_OK : as_error_prefix(status, "%s is written and renamed", file->path);
}

void as_commit_abandon(as_commit *file, int remove)
{
    if (file->descriptor >= 0) {
        close(file->descriptor);
        file->descriptor = -1;
    }
    if (remove) {
        unlink(file->temporary);
    }
}

as_status as_file_discard(const char *path)
{
    int folder = 0;
    const char *name = name_of(path, &folder);
    char trash[AS_PATH_MAX];
    const int n = snprintf(trash, sizeof trash, "%.*s" AS_TRASH_PREFIX "%s", folder, path, name);
    if (n < 0 || (size_t)n >= sizeof trash) {
        AS_FAIL(AS_IO, "%.200s...: path too long", path);
    }
    if (rename(path, trash) != 0) {
        AS_FAIL(AS_IO, "%s: cannot rename it for removal: %s", path, strerror(errno));
    }
    AS_TRY(sync_folder_of(path));
    if (unlink(trash) != 0) {
        AS_FAIL(AS_IO, "%s: cannot remove it: %s", trash, strerror(errno));
    }
    return AS_OK;
}

static as_status write_whole(as_commit *file, const void *data, size_t bytes)
{
    AS_TRY(as_commit_write(file, 0, data, (int64_t)bytes));
    AS_TRY(as_commit_sync(file));
    AS_TRY(as_commit_close(file));
    return as_commit_publish(file);
}

as_status as_file_write(const char *path, const void *data, size_t bytes)
{
    as_commit file;
    AS_TRY(as_commit_plan(path, &file));
    AS_TRY(as_commit_create(&file));
    const as_status status = write_whole(&file, data, bytes);
    if (status != AS_OK) {
        as_commit_abandon(&file, 1);
    }
    return status;
}
