/* Whether parts of the training data are exchangeable: variance between them over variance inside of them. */
#ifndef AS_PROBE_SHARDS_H
#define AS_PROBE_SHARDS_H

#include "probe/column.h"

typedef struct as_shards {
    double groups;   /* parts with two rows or more; 0: not measured */
    double rows;     /* of a part, on average */
    double ratio;    /* F: mean square between over mean square within, over columns and targets of equal weight */
    double error;    /* standard error of F when rows are dealt at random: 24 deals */
    double repeated; /* share of rows that have an equal row in another part; NaN: not all rows were seen */
} as_shards;

/* Not collective. By lane, or with batch > 0 by batches of so many samples in the order without shuffling (the first
   32 of them). Errors: NOMEM. */
as_status as_shards_measure(const as_sample *sample, const as_columns *columns, int64_t batch, as_shards *out);

#endif
