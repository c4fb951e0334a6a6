/* A growing text buffer, and JSON output on top of it. */
#ifndef AS_BASE_TEXT_H
#define AS_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise; free with as_text_free. `failed` is set when memory runs out (further appends do nothing). */
typedef struct as_text {
    char *data; /* NUL-terminated once anything was appended */
    size_t size, capacity;
    bool failed;
} as_text;

void as_text_free(as_text *text);
void as_text_clear(as_text *text);
void as_text_add(as_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A name in the first column of a table: filled up to `width` characters of UTF-8; one that is longer stands before a
   line that begins with as many blanks. */
void as_text_add_name(as_text *text, int width, const char *name);

/* Control characters of a text but tabs become '?' in place: names in a file may hold escapes that a terminal obeys, or
   ends of lines. lines: ends of lines stay. */
void as_text_tame(char *text, bool lines);

/* JSON: commas are put by the writer. key NULL inside arrays. Doubles are the shortest decimal text that reads back to
   the same bits; NaN and infinities become null. Strings are escaped. */
void as_json_open(as_text *text, const char *key, char bracket); /* '{' or '[' */
void as_json_close(as_text *text, char bracket);                 /* '}' or ']' */
void as_json_text(as_text *text, const char *key, const char *value);
void as_json_int(as_text *text, const char *key, int64_t value);
void as_json_real(as_text *text, const char *key, double value);
void as_json_reals(as_text *text, const char *key, int64_t n, const double *value); /* a list of them */
void as_json_bool(as_text *text, const char *key, bool value);
void as_json_raw(as_text *text, const char *key, const char *json); /* a value that is JSON already */

/* Shortest decimal text of a double that reads back to the same bits; buffer of 32 bytes. Returns buffer. */
char *as_real_text(double value, char buffer[32]);

#endif
