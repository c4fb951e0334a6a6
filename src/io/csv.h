/* Tables of numbers as text: a header row with the names of the columns, then one row a line (RFC 4180: fields may
   stand in double quotes, with quotes inside doubled; lines end with LF or CRLF). Empty lines are skipped. Empty
   fields, NA, N/A, NaN, null (and <NA>, #N/A, n/a, nan, NULL) are NaN. */
#ifndef AS_IO_CSV_H
#define AS_IO_CSV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/date.h"
#include "base/names.h"
#include "base/text.h"

typedef struct as_csv as_csv;

/* Not collective. Maps the file, reads the header, finds the rows and checks that each has as many fields as the
   header. A comma as delimiter stands for ; or a tab or | where the header has one of these and no comma, or where
   that one and not the comma cuts the first lines into equally many fields.
   Errors: NOINPUT; DATA empty, no header, no rows, a ragged row (line and row), an open quote; IO; NOMEM. */
as_status as_csv_open(const char *path, char delimiter, as_csv **out);
void as_csv_close(as_csv **csv);

/* Not collective. The character before the fraction of numbers from now on: '.' (the default) or ','. Errors: CONFIG
   the delimiter. */
as_status as_csv_set_decimal(as_csv *csv, char decimal);

/* Not collective. Whether more columns are numbers with a comma before their fraction, which is what is read from then
   on. */
bool as_csv_find_decimal(as_csv *csv);

int64_t as_csv_rows(const as_csv *csv);
int as_csv_columns(const as_csv *csv);
const char *as_csv_name(const as_csv *csv, int column); /* borrowed */

/* Not collective. The column of a name. Errors: DATA absent (the nearest name, or all) or present twice. */
as_status as_csv_find(const as_csv *csv, const char *name, int *out);

/* Not collective. Rows [first, first + count) into data (count, width): column c goes to slot[c], or nowhere if that is
   -1. Errors: DATA naming line, row and column of a field that is no number. */
as_status as_csv_read(as_csv *csv, int64_t first, int64_t count, const int *slot, int64_t width, double *data);

/* Not collective. The distinct texts of a column, without blanks around them, ascending by bytes; missing fields are
   none of them. *out stays empty where all fields are numbers or missing. Errors: DATA for more than `most`, or a text
   of more than 255 bytes; NOMEM. */
as_status as_csv_texts(as_csv *csv, int column, int64_t most, as_names *out);

/* Not collective. As as_csv_texts, of a column of numbers: they are texts too. */
as_status as_csv_words(as_csv *csv, int column, int64_t most, as_names *out);

/* Not collective. From now on as_csv_read gives of this column the places of its texts among `known` (ascending,
   borrowed), NaN where they are missing, and of others -1 or, as `strict`, an error DATA naming line, row and column.
   NULL: numbers again. */
void as_csv_code(as_csv *csv, int column, const as_names *known, bool strict);

/* Not collective. How many fields of a column are neither numbers nor missing, and the line of the first of them. */
int64_t as_csv_odd(as_csv *csv, int column, int64_t *line);

/* Not collective. Whether all fields of a column that are not missing are days, or all are times (base/date.h). */
as_date_kind as_csv_dates(as_csv *csv, int column);

/* Not collective. From now on a column of dates is read as days since 1970-01-01, or as shares of a day where it holds
   times alone. Errors: DATA naming line, row and column of a field that is neither, or not what the first one is. */
as_status as_csv_date(as_csv *csv, int column);

/* Not collective. Whether every field of a column is written as a whole number of at most 15 digits. */
bool as_csv_whole(as_csv *csv, int column);

/* Not collective. Appends prefix (plain) and word as one field of a line: in quotes where word holds what stands
 * between fields. */
void as_csv_write_field(const char *prefix, const char *word, as_text *text);

#endif
