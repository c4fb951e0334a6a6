/* Lists of texts: names of columns and classes, levels of categories. */
#ifndef AS_BASE_NAMES_H
#define AS_BASE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "allsum/status.h"

/* Zero-initialise; free with as_names_free. */
typedef struct as_names {
    int64_t n, room;
    char **name; /* (n), owned */
} as_names;

void as_names_free(as_names *names);

/* Not collective. Appends `bytes` bytes of text; bytes < 32 (line ends, tabs) become blanks, so that a list can be
   written one name a line. Errors: NOMEM. */
as_status as_names_add(as_names *names, const char *text, int64_t bytes);

/* Not collective. The same for a list that ascends by bytes (strcmp): nothing where the text is there already.
   Errors: NOMEM. */
as_status as_names_insert(as_names *names, const char *text, int64_t bytes);

/* Place of a text in an ascending list, or -1. */
int64_t as_names_find(const as_names *ascending, const char *text, int64_t bytes);

/* Whether names are 0, 1, ... n - 1: all are whole numbers, and different as texts. */
bool as_names_count_from_zero(const as_names *ascending);

/* Not collective. *to, empty, becomes a copy. Errors: NOMEM. */
as_status as_names_copy(const as_names *from, as_names *to);

/* Not collective. One name a line, and back. Errors: NOMEM. */
struct as_text;
void as_names_write(const as_names *names, struct as_text *text);
as_status as_names_read(const char *lines, as_names *out);

#endif
