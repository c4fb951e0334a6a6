/* Statistics of the columns of a sample, and what nearest neighbours make of it: in double, in the order of the rows,
   the same on every rank. */
#ifndef AS_PROBE_COLUMN_H
#define AS_PROBE_COLUMN_H

#include "base/parts.h"
#include "probe/sample.h"

typedef struct as_column_facts {
    double mean, sd;
    double scale;    /* root mean square distance from the median, over rows that are not at the median */
    double distinct; /* values that differ */
    double collide;  /* probability that two rows have the same value */
    double p;        /* of the analysis of variance: the classes, or the slope on the target, differ by chance; 1 where
                        there is nothing to test */
    double f;        /* of that analysis, the largest over targets */
    double f_usual;  /* the largest F of the classes on whether a row has the most frequent value of the column */
    double usual;    /* that value, in units of the stored data */
    double apart;    /* rows that hold one value, far from all others: `odd`; 0: none */
    double odd;      /* in units of the stored data */
    bool orders;     /* the column alone orders the classes, with wider gaps between them than inside of any, or the
                        target is a line of it */
    bool usual_orders; /* so does, in every class, whether a row has the most frequent value */
} as_column_facts;

typedef struct as_columns {
    int64_t n;
    const as_data_parts *names;      /* of them, for messages; NULL: they have numbers. Borrowed */
    as_column_facts *column;         /* (n); NULL: inputs are no numbers (tokens), or too few rows */
    double target_apart, target_odd; /* as `apart` and `odd` of a column: of the first target that has such a value */
    /* The classes, or the target, by the five nearest other rows */
    double neighbour_rows;    /* rows that were asked; 0: not done */
    double neighbour_score;   /* share that is right; of real targets: correlation with the first one */
    double neighbour_chance;  /* the same for the best constant */
    double neighbour_se;      /* standard error of the score under chance */
    double without_score;     /* where a single column orders: the score without it; else NaN */
    double *neighbour_recall; /* (classes) or NULL */
    double *class_rows;       /* (classes) rows of the whole training data, or NULL */
    void *block;
} as_columns;

/* Not collective. class_rows: (classes), copied; may be NULL. Errors: NOMEM. Free with as_columns_free. */
as_status as_columns_make(const as_sample *sample, const double *class_rows, as_columns *out);
void as_columns_free(as_columns *columns);

/* Not collective. "column 'age'", or "column 3" where columns have no names. Returns the buffer. */
enum { AS_COLUMN_NAME_MAX = AS_PART_NAME_MAX + 16 };
const char *as_columns_name(const as_columns *columns, int64_t column, char buffer[AS_COLUMN_NAME_MAX]);

/* Not collective. Upper tail of F with (d1, d2) degrees of freedom. */
double as_tail_f(double f, double d1, double d2);

#endif
