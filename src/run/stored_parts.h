/* The named parts of inputs and targets in a checkpoint. */
#ifndef AS_RUN_STORED_PARTS_H
#define AS_RUN_STORED_PARTS_H

#include "base/parts.h"
#include "base/text.h"
#include "io/h5_contents.h"

/* Not collective. Appends a line "extent extent ... : name" for each part. */
void as_stored_parts_write(const as_data_parts *parts, as_text *text);

/* Not collective. From the text `name` of a file; none there: no parts. width: elements of all parts together. Errors:
   DATA, IO, NOMEM. */
as_status as_stored_parts_read(const as_h5_contents *file, const char *name, int64_t width, as_data_parts *out);

#endif
