/* Spans of elements: a sorted list, searched by bisection. */
#include "base/spans.h"

#include <stdlib.h>

#include "base/error.h"

as_status as_spans_add(as_spans *spans, int64_t first, int64_t end, int64_t grain, int64_t last)
{
    if (first >= end) {
        return AS_OK;
    }
    const int64_t from = first / grain * grain, rounded = (end + grain - 1) / grain * grain;
    const int64_t to = rounded < last ? rounded : last;
    as_span *before = spans->n > 0 ? &spans->span[spans->n - 1] : NULL;
    if (before != NULL && from <= before->first + before->count) {
        const int64_t more = to - (before->first + before->count);
        before->count += more > 0 ? more : 0;
        spans->count += more > 0 ? more : 0;
        return AS_OK;
    }
    if (spans->n == spans->room) {
        const int room = spans->room == 0 ? 8 : 2 * spans->room;
        as_span *span = realloc(spans->span, (size_t)room * sizeof *span);
        if (span == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for %d spans of elements", room);
        }
        spans->span = span;
        spans->room = room;
    }
    spans->span[spans->n++] = (as_span){.first = from, .count = to - from, .before = spans->count};
    spans->count += to - from;
    return AS_OK;
}

void as_spans_free(as_spans *spans)
{
    free(spans->span);
    *spans = (as_spans){0};
}

int64_t as_spans_before(const as_spans *spans, int64_t element)
{
    int low = 0, high = spans->n; /* the first span that reaches past the element */
    while (low < high) {
        const int middle = (low + high) / 2;
        if (spans->span[middle].first + spans->span[middle].count <= element) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == spans->n) {
        return spans->count;
    }
    const as_span *span = &spans->span[low];
    return span->before + (element > span->first ? element - span->first : 0);
}

int64_t as_spans_next(const as_spans *spans, int64_t member, int64_t end, int64_t *first)
{
    int low = 0, high = spans->n - 1; /* the last span that begins at the member or before */
    while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (spans->span[middle].before <= member) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    const as_span *span = &spans->span[low];
    const int64_t skip = member - span->before, here = span->count - skip;
    *first = span->first + skip;
    return here < end - member ? here : end - member;
}
