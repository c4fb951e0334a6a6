/* Time for measurements only; never for anything that enters a result. */
#ifndef AS_BASE_CLOCK_H
#define AS_BASE_CLOCK_H

/* Seconds of a monotonic clock. */
double as_clock_seconds(void);

#endif
