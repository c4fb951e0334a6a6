/* The table of coefficients that least squares and generalised linear models show, laid out as statsmodels' summary is:
   a title, pairs of numbers in two columns, rows of coefficient, error, test and interval; 80 columns. */
#ifndef AS_ESTIMATOR_COEF_TABLE_H
#define AS_ESTIMATOR_COEF_TABLE_H

#include "base/text.h"

/* Not collective. "=" and "-" over the width of the table. */
void as_table_rule(as_text *out, char mark);
void as_table_title(as_text *out, const char *title);
/* Not collective. Two names and their values, the second may be NULL. */
void as_table_pair(as_text *out, const char *left, const char *left_value, const char *right, const char *right_value);
/* Not collective. Head of the rows: statistic ("t", "z"), confidence of the interval. */
void as_table_head(as_text *out, const char *statistic, double confidence);
/* Not collective. interval: low, high. */
void as_table_row(as_text *out, const char *name, double coef, double error, double statistic, double p,
                  const double interval[2]);
/* Not collective. A coefficient without errors, and why. */
void as_table_bare(as_text *out, const char *name, double coef, const char *why);

/* Not collective. "12.3457", "1.2346e-07", or the word where the value is not a number; buffer of 32 bytes, returned.
 */
const char *as_table_number(double value, const char *word, char buffer[32]);

#endif
