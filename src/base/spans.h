/* Spans: some elements of a long vector, as ascending ranges that do not touch. Members are numbered 0 .. count-1 in
   order, so that they can be shared out evenly wherever they lie:

     for (int64_t i = from, n, first; i < to; i += n) {
         n = as_spans_next(spans, i, to, &first);      members [i, i + n) are elements [first, first + n)
     }
*/
#ifndef AS_BASE_SPANS_H
#define AS_BASE_SPANS_H

#include <stdbool.h>
#include <stdint.h>

#include "allsum/status.h"

typedef struct as_span {
    int64_t first, count; /* elements [first, first + count) */
    int64_t before;       /* members of earlier spans */
} as_span;

/* Zero-initialise; free with as_spans_free. */
typedef struct as_spans {
    int n, room;
    as_span *span; /* (n) owned */
    int64_t count; /* members of all */
} as_spans;

/* Adds elements [first, end), widened to whole blocks of `grain` elements but not past `last`, the end of the vector.
   Calls are in ascending order; what touches or overlaps the span before becomes part of it. Errors: NOMEM. */
as_status as_spans_add(as_spans *spans, int64_t first, int64_t end, int64_t grain, int64_t last);
void as_spans_free(as_spans *spans);

/* How many members are elements before this one; whether it is one. Cost: log n. */
int64_t as_spans_before(const as_spans *spans, int64_t element);
static inline bool as_spans_have(const as_spans *spans, int64_t element)
{
    return as_spans_before(spans, element + 1) > as_spans_before(spans, element);
}

/* Members from number `member` on and before number `end` that lie side by side: how many (at least 1 where
   member < end <= count), and the element *first that the first of them is. Cost: log n. */
int64_t as_spans_next(const as_spans *spans, int64_t member, int64_t end, int64_t *first);

#endif
