/* How often rows repeat by chance: what a table of few values does, and copies of rows do not. */
#ifndef AS_PROBE_REPEATS_H
#define AS_PROBE_REPEATS_H

#include "probe/column.h"

/* Not collective. At most so many rows of the same source, as a share, have the inputs of one of `rows` others without
   anybody having copied them; 1 without columns. Errors: NOMEM. */
as_status as_repeats_chance(const as_sample *sample, const as_columns *columns, double rows, double *out);

#endif
