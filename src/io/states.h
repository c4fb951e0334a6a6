/* Where the states of a run are: its checkpoints, and final.h5. */
#ifndef AS_IO_STATES_H
#define AS_IO_STATES_H

#include <stddef.h>
#include <stdint.h>

#include "allsum/status.h"
#include "base/log.h"

/* Not collective. The steps of all DIR/checkpoints/step-*.h5, newest first (n may be 0), free() them; and the path of
   one. Errors: NOMEM. */
as_status as_state_list(const char *dir, int64_t **step, int64_t *n);
void as_state_path(const char *dir, int64_t step, char *path, size_t bytes);

/* Not collective. The numbers N of all DIR/member-N, where `allsum train --members` keeps its runs, largest first (n
   may be 0), free() them. Errors: NOMEM. And for the end of a message: "; its 3 members DIR/member-1 ... DIR/member-3
   are runs", or "" where there are none. Returns text. */
enum { AS_MEMBERS_TEXT = 1200 };
as_status as_state_members(const char *dir, int64_t **member, int64_t *n);
const char *as_state_members_text(const char *dir, char text[AS_MEMBERS_TEXT]);

/* Not collective. The step that a file was saved after (only its list of contents is verified). Errors: NOINPUT, DATA,
   IO. */
as_status as_state_step(const char *path, int64_t *step);
/* Not collective. That a file holds that step, and blocks part, part + parts, ... are what their hashes say. Errors:
   NOINPUT, DATA, IO. */
as_status as_state_check(const char *path, int64_t step, int part, int parts);

/* Not collective. The state that a path stands for, into out: a file itself; of a run directory final.h5, or its newest
   valid checkpoint where there is no final.h5 or the run has gone on since; "" where a directory has none. Files that
   are rejected are named on the log. Errors: NOINPUT for a path that is not there; NOMEM. */
as_status as_state_seek(const char *path, const as_log *log, char *out, size_t bytes);
/* The same, but a directory without is DATA, naming what was looked for. */
as_status as_state_resolve(const char *path, const as_log *log, char *out, size_t bytes);
/* Not collective. That error. */
as_status as_state_none(const char *path);

#endif
