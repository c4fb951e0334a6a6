/* The gradient noise scale from several records. */
#ifndef AS_PROBE_NOISE_SCALE_H
#define AS_PROBE_NOISE_SCALE_H

#include "probe/record.h"

enum { AS_NOISE_ERRORS_FROM = 4 }; /* records, from which on their scatter gives the error */

/* Over records, of a layer or the total: how many, sums of S and of G2, of (S - R G2)^2 for a ratio R, and of se_S^2 +
   R^2 se_G2^2. */
typedef struct as_noise_sums {
    double n, s, g, squares, own;
} as_noise_sums;

/* Not collective. Of layer l (-1: the total), over the records from `from` on that were taken from so many parts. */
as_noise_sums as_noise_sums_of(const as_probe_records *records, int64_t from, double lanes, int l, double ratio);
/* Not collective. Of the scale s / g, for sums with R = s / g > 0. */
double as_noise_scale_error(const as_noise_sums *w);

/* Not collective. noise_scale of layer l of a record (-1: the total) and its error, from its noise_trace and
   noise_gradient and those of the records before it: the last `window` of those that were taken from as many parts of a
   batch. Left as they are where the mean |G|^2 is not positive. */
void as_noise_scale(const as_probe_records *earlier, int64_t window, as_probe_record *record, int l);

#endif
