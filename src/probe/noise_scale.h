/* The gradient noise scale from several records. */
#ifndef AS_PROBE_NOISE_SCALE_H
#define AS_PROBE_NOISE_SCALE_H

#include "probe/record.h"

/* Not collective. noise_scale of layer l of a record (-1: the total) and its error, from its noise_trace and
   noise_gradient and those of the records before it: the last `window` of those that were taken from as many parts of a
   batch. Left as they are where the mean |G|^2 is not positive. */
void as_noise_scale(const as_probe_records *earlier, int64_t window, as_probe_record *record, int l);

#endif
