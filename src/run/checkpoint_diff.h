/* The first difference between two checkpoints: where two runs that should agree part ways. */
#ifndef AS_RUN_CHECKPOINT_DIFF_H
#define AS_RUN_CHECKPOINT_DIFF_H

#include <stdbool.h>

#include "allsum/status.h"
#include "base/text.h"

/* Not collective. Appends lines to report, one for each attribute or dataset that differs: the first differing element,
   both values, their distance in units in the last place, how many elements differ and the largest distance. *same: no
   line was needed. Blocks are not verified. Errors: NOINPUT, DATA, IO, NOMEM. */
as_status as_checkpoint_diff(const char *path_a, const char *path_b, as_text *report, bool *same);

/* Units in the last place between two numbers: how many floats (doubles) lie between them, plus one. -1 when one is
   NaN and the other is not; 0 and -0 are 1 apart. */
int64_t as_ulps_f32(float a, float b);
int64_t as_ulps_f64(double a, double b);

#endif
