/* The run directory: lock, resolved configuration, status, summary, log and metrics files. Rank 0 writes; nothing here
   enters a result. */
#ifndef AS_RUN_RUN_DIR_H
#define AS_RUN_RUN_DIR_H

#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "comm/world.h"

typedef struct as_run_dir {
    char path[512];
    int lock;      /* descriptor; -1 on ranks above 0 */
    FILE *metrics; /* append; NULL on ranks above 0 */
    FILE *log_file;
    as_log tee; /* writes to the caller's log and to log.txt */
    const as_log *outer;
} as_run_dir;

/* Collective. Makes the directory (and parents) and takes its lock. Errors: CANTCREAT; in use: names host and pid. */
as_status as_run_dir_open(as_world *world, const char *path, const as_log *log, as_run_dir *out);
/* Not collective. Closes the files and gives the lock back. */
void as_run_dir_close(as_run_dir *dir);

/* Not collective, rank 0. Writes DIR/name by temporary name and rename. Errors: IO. */
as_status as_run_dir_write(const as_run_dir *dir, const char *name, const char *text);
/* Not collective. Whether DIR/name exists. */
bool as_run_dir_has(const as_run_dir *dir, const char *name);
/* Not collective. Removes DIR/name if it is there. */
void as_run_dir_remove(const as_run_dir *dir, const char *name);

/* Not collective, rank 0. Opens metrics.jsonl so that it holds the lines of `history` (one per line, without timing)
   and nothing after them: lines already in the file that say the same keep their timing. Errors: IO. */
as_status as_run_dir_metrics(as_run_dir *dir, const char *history);
/* Not collective, rank 0. Appends a line: `members` (JSON object without timing, "{...}") with timing added. */
void as_run_dir_metric_line(as_run_dir *dir, const char *members, const char *timing);

#endif
