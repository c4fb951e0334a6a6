/* Bytes of a data file at any offset, plain or gzip-packed (told by its first bytes). A packed file is read forwards;
   going back starts again from its beginning. */
#ifndef AS_IO_STREAM_H
#define AS_IO_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allsum/status.h"

typedef struct as_stream as_stream;

/* Not collective. Opens a regular file for reading. Errors: NOINPUT missing; DATA empty or no regular file; IO; NOMEM.
   Close with as_stream_close. */
as_status as_stream_open(const char *path, as_stream **out);
void as_stream_close(as_stream **stream);

/* Not collective. A stream over `size` bytes of memory, which it takes over (malloc'd; freed also on failure). name is
   for messages. Errors: NOMEM. */
as_status as_stream_open_memory(const char *name, void *data, int64_t size, as_stream **out);

const char *as_stream_path(const as_stream *stream);
bool as_stream_packed(const as_stream *stream);

/* Not collective. Content bytes: exact for a plain file; for a packed one the most that the format can expand to
   (1032 times the file, RFC 1951), a bound for whatever the content claims of itself. */
int64_t as_stream_limit(const as_stream *stream);

/* Not collective. Bytes [at, at + bytes) into data. what: named in messages ("row 12"). Errors: DATA truncated or
   corrupt; IO. */
as_status as_stream_read(as_stream *stream, int64_t at, size_t bytes, void *data, const char *what);

/* Not collective. The whole content, mapped (a packed one: inflated); borrowed from the stream. Errors: DATA corrupt;
   IO; NOMEM. */
as_status as_stream_content(as_stream *stream, const uint8_t **data, int64_t *bytes);

/* Not collective. Checks that the content ends at `at`; of a packed file, which must have been read up to there, also
   its checksum. Errors: DATA. */
as_status as_stream_end(as_stream *stream, int64_t at);

#endif
