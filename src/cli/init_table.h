/* A configuration to start from, made for a table. */
#ifndef AS_CLI_INIT_TABLE_H
#define AS_CLI_INIT_TABLE_H

#include "allsum/status.h"
#include "base/text.h"

/* Not collective. Appends the configuration of a statistical model that learns a column of a CSV file (target: its
   name; NULL: the last one) from the others: least squares of numbers, logistic regression of texts and of two values.
   Texts become indicators; columns that are constant, or have more texts than CATEGORIES (.c), are left out and named.
   Errors: those of as_csv_open; DATA no target of that name, no column to learn from; NOMEM. */
as_status as_init_table(const char *file, const char *target, as_text *out);

#endif
