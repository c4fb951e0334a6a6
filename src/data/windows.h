/* Samples that are windows over one sequence (tokens of a text, moments of a series): what they are, and how a rank
   keeps the elements of its windows once. */
#ifndef AS_DATA_WINDOWS_H
#define AS_DATA_WINDOWS_H

#include "data/load.h"

/* Not collective. The shapes that `layout:` and `shape:` of the source give the samples of an open one. Errors: CONFIG.
 */
as_status as_load_arrange(const as_source *source, as_load *load);

/* Not collective. Turns the columns of an open source whose rows are moments into columns of windows (load->window).
   Errors: CONFIG for a format that has windows of its own, weights, or too many axes; DATA for fewer moments than a
   window takes. */
as_status as_load_windows(as_load *load, bool inputs);

/* A rank's windows: rows one after the other whose windows follow each other share a run of elements. */
typedef struct as_windows {
    int64_t rows, runs, elements;
    int64_t *id;    /* (rows) */
    int64_t *start; /* (rows) first element of each row in memory */
    int64_t *run;   /* (runs + 1) first row of each run */
} as_windows;

/* Not collective. Members [first, first + count) of the assigned order. Errors: NOMEM. Destroy with
   as_windows_destroy. */
as_status as_windows_plan(const as_load *load, const as_selection *selection, const as_assignment *assignment,
                          int64_t first, int64_t count, as_windows *out);
void as_windows_destroy(as_windows *windows);

/* Not collective. The elements (windows->elements of `type`) into data, run by run in the order of the file. Errors:
   those of as_load_part. */
as_status as_windows_read(const as_load *load, const as_windows *windows, as_dtype type, bool mark, void *data);

#endif
