/* The fields between the delimiters of a CSV file, and the numbers and texts that they say. Of io/csv.c. */
#ifndef AS_IO_CSV_FIELDS_H
#define AS_IO_CSV_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

enum { AS_CSV_TEXT_MAX = 255 };

/* What is read. */
typedef struct as_csv_lines {
    const char *text;
    int64_t bytes;
    char delimiter;
} as_csv_lines;

/* A place between two fields or lines. */
typedef struct as_csv_cursor {
    int64_t at, line, row;
} as_csv_cursor;

typedef struct as_csv_field {
    const char *text;
    int64_t bytes; /* inside the quotes */
    bool quoted, last;
} as_csv_field;

/* The field at the cursor, which moves behind it and its delimiter. False: a quote that does not end, or text after
 * one. */
bool as_csv_next_field(const as_csv_lines *lines, as_csv_cursor *c, as_csv_field *out);

/* To the next line that is not empty; false at the end. */
bool as_csv_next_line(const as_csv_lines *lines, as_csv_cursor *c);

/* What stands between fields, the header being at a cursor: the comma, or another one (; tab |) that cuts the first
   lines into equally many fields where the comma does not. */
char as_csv_delimiter(as_csv_lines lines, as_csv_cursor header);

/* The field without blanks around it. */
as_csv_field as_csv_trimmed(const as_csv_field *f);

/* Whether a text says that there is no value: empty, NA, ... */
bool as_csv_is_missing(const char *text, int64_t n);

/* A number of at most 19 digits without an exponent, rounded once; false for all others. */
bool as_csv_short_number(const char *text, int64_t n, char decimal, double *out);

/* A number, NaN where it is missing; false for what is none. */
bool as_csv_number(const as_csv_field *f, char decimal, double *out);

/* A field as text: without blanks around it, doubled quotes once. False: longer than a level may be. */
bool as_csv_text(const as_csv_field *f, char out[AS_CSV_TEXT_MAX + 1], int64_t *bytes);

#endif
