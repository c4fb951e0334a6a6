/* The threads of one rank. The only place with OpenMP parallel regions. Results never depend on the number of threads:
   threads own rows or output tiles, never terms of a sum. */
#ifndef AS_KERNELS_TEAM_H
#define AS_KERNELS_TEAM_H

#include <stdint.h>

#include "allsum/status.h"

typedef struct as_team as_team;

/* Not collective. threads >= 1. Checks and sets each thread's MXCSR (round to nearest, no flush to zero).
   Errors: NOMEM; USAGE for a bad count, or stacks below the 3 MiB that kernels' tiles want. */
as_status as_team_create(int threads, as_team **out);
void as_team_destroy(as_team **team);
int as_team_size(const as_team *team);

/* Not collective. Runs body(argument, thread) on every thread of the team, thread 0 being the caller. */
void as_team_run(as_team *team, void (*body)(void *argument, int thread), void *argument);

/* Inside body only, by all threads: nobody passes before all have arrived. Yields when threads exceed cores. */
void as_team_barrier(as_team *team);

/* Not collective. Share `thread` of `threads` of n items in multiples of `grain`: [*first, *first + *count). */
void as_team_share(int64_t n, int64_t grain, int thread, int threads, int64_t *first, int64_t *count);

#endif
