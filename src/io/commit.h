/* Files that appear whole or not at all: written under a temporary name in the same folder, forced to the disk, then
   renamed. Every call checks what the system says; interrupted and short calls are continued at most AS_RETRIES times.
 */
#ifndef AS_IO_COMMIT_H
#define AS_IO_COMMIT_H

#include <stddef.h>
#include <stdint.h>

#include "allsum/status.h"

enum { AS_PATH_MAX = 4096, AS_RETRIES = 100 };

/* Temporary files and files on their way out; both may be removed once their writer is gone. */
#define AS_TEMPORARY_PREFIX ".tmp-"
#define AS_TRASH_PREFIX ".trash-"

typedef struct as_commit {
    char path[AS_PATH_MAX];      /* the name to be */
    char temporary[AS_PATH_MAX]; /* folder/.tmp-<name>.<pid> */
    int descriptor;              /* -1: closed */
} as_commit;

/* Not collective. Fills in the names (the temporary one holds this process's id); nothing is opened. Errors: CANTCREAT
   for a path that is too long. */
as_status as_commit_plan(const char *path, as_commit *out);

/* Not collective. Creates the temporary file (which must not exist), or opens the one that another process created, for
   reading and writing. Errors: CANTCREAT, also where the name to be is a directory, device or pipe. */
as_status as_commit_create(as_commit *file);
as_status as_commit_join(as_commit *file);

/* Not collective. Reserves the space of the whole file: a full disk is known before anything is written. Errors: IO. */
as_status as_commit_reserve(as_commit *file, int64_t bytes);

/* Not collective. All of [offset, offset + bytes). Errors: IO; reading past the end is an error. */
as_status as_commit_write(as_commit *file, int64_t offset, const void *data, int64_t bytes);
as_status as_commit_read(as_commit *file, int64_t offset, void *data, int64_t bytes);

/* Not collective. Forces the data to the disk and asks the system to forget its copy, so that a read comes from the
   disk where it can. A failure is final for this file: the system may have dropped the data. Errors: IO. */
as_status as_commit_sync(as_commit *file);

/* Not collective. Errors: IO when closing reports that data were lost (network file systems). */
as_status as_commit_close(as_commit *file);

/* Not collective. Renames the temporary file (closed by all) to its name and forces the folder to the disk. Errors: IO.
 */
as_status as_commit_publish(as_commit *file);

/* Not collective. Closes; removes the temporary file when `remove` is set. Never fails; the message of the last failure
 * stays. */
void as_commit_abandon(as_commit *file, int remove);

/* Not collective. Reads [offset, offset + bytes) of an open file, as as_commit_read. name is for messages. */
as_status as_file_read(int descriptor, const char *name, int64_t offset, void *data, int64_t bytes);

/* Not collective. Removes a file: renames it to .trash-<name>, forces the folder to the disk, unlinks. Errors: IO. */
as_status as_file_discard(const char *path);

/* Not collective. Forces a folder to the disk. Errors: IO. */
as_status as_folder_sync(const char *folder);

/* Not collective. A whole file at once, by a temporary name that is renamed. Errors: CANTCREAT, IO. */
as_status as_file_write(const char *path, const void *data, size_t bytes);

#endif
