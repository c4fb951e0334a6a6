/* Whether what columns do together tells labels or targets, where none of them does alone: a walk that is drawn back
   and one that is not, halves that mirror each other, a pair of letters somewhere in a word. */
#ifndef AS_PROBE_PATTERN_H
#define AS_PROBE_PATTERN_H

#include "probe/column.h"

typedef struct as_patterns {
    int64_t tested; /* numbers of a row that were asked; 0: none */
    double p;       /* the smallest p of them, times `tested`; 1: nothing to ask */
    char name[96];  /* of the one that tells most */
} as_patterns;

/* Not collective. Errors: NOMEM. */
as_status as_patterns_measure(const as_sample *sample, const as_columns *columns, as_patterns *out);

#endif
