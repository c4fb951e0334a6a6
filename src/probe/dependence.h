/* Whether the columns of a sample depend on each other: their coefficients in a linear model are then not determined.
 */
#ifndef AS_PROBE_DEPENDENCE_H
#define AS_PROBE_DEPENDENCE_H

#include "probe/column.h"

typedef struct as_dependence {
    int64_t columns;  /* that vary; 0: not measured */
    int64_t rank;     /* of them, centred and of length 1 */
    double smallest;  /* part of a column that the ones before it do not give, the smallest */
    double tolerance; /* under which a column counts as given by the others */
    int64_t column;   /* the first dependent one; -1: none */
    double p; /* that all columns together tell labels or targets by chance: analysis of variance of the regression, the
                 smallest over classes or targets times their number; 1: not tested */
    int64_t terms;      /* that `relation` spells out */
    char relation[768]; /* "0.5 x column 'a' + 2 x column 'c' + 3 more" */
} as_dependence;

/* Not collective. Nothing is measured where it would cost more
   than 3e8 multiplications. Errors: NOMEM. */
as_status as_dependence_measure(const as_sample *sample, const as_columns *columns, as_dependence *out);

/* Not collective. The share of rows whose class a linear model with an intercept can give: 1 where a perceptron comes
   to rest (it does for classes that a plane divides), less where it does not within a budget. Errors: NOMEM. */
as_status as_dependence_separate(const as_sample *sample, const as_columns *columns, double *out);

#endif
