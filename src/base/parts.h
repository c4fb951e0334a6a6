/* Named parts of a sample: columns of a table, datasets and variables of a file, and what is made of them. */
#ifndef AS_BASE_PARTS_H
#define AS_BASE_PARTS_H

#include "allsum/status.h"
#include "base/shape.h"

enum { AS_PART_NAME_MAX = 64 }; /* of an element for messages; names themselves are of any length */

/* Elements [first, first + size of shape) of one side of a sample. */
typedef struct as_data_part {
    char *name;
    int64_t first;
    as_shape shape;
} as_data_part;

/* The parts of one side of a sample, one after the other; n == 0: it is one piece without a name. Zero-initialise;
   free with as_parts_free. */
typedef struct as_data_parts {
    int64_t n, room;
    as_data_part *part; /* (n), owned with their names */
} as_data_parts;

void as_parts_free(as_data_parts *parts);

/* Not collective. Appends a part of a shape behind those that are there; bytes of the name below 32 become blanks.
   Errors: NOMEM. */
as_status as_parts_add(as_data_parts *parts, const char *name, const as_shape *shape);

/* Not collective. *to, empty, becomes a copy. Errors: NOMEM. */
as_status as_parts_copy(const as_data_parts *from, as_data_parts *to);

/* Elements of all parts. */
int64_t as_parts_width(const as_data_parts *parts);

/* Not collective. Name of an element: "age", "u[3]", or PREFIX and its number where parts have no names. Returns the
   buffer; a name that does not fit is cut. */
const char *as_parts_name(const as_data_parts *parts, int64_t element, const char *prefix,
                          char buffer[AS_PART_NAME_MAX]);

/* Not collective. One part a line, its extents behind a tab where it has several elements; and back. Errors: DATA for
   lines that say something else; NOMEM. */
struct as_text;
void as_parts_write(const as_data_parts *parts, struct as_text *text);
as_status as_parts_read(const char *lines, as_data_parts *out);

#endif
