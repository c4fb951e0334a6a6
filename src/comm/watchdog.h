/* Ends a hung job: a thread of each rank that makes no MPI calls but the final abort. Every rank stamps what it does
   into memory that the node shares; when a stamp is older than its limit, the watchdog names the missing rank and
   what the others wait for, and ends the job with exit code 74. */
#ifndef AS_COMM_WATCHDOG_H
#define AS_COMM_WATCHDOG_H

#include "base/log.h"
#include "comm/world.h"

typedef struct as_watchdog as_watchdog;

/* Collective. limit: seconds without progress of any rank before the job ends (0 disables). Errors: NOMEM. */
as_status as_watchdog_start(as_world *world, double limit, const as_log *log, as_watchdog **out);

/* Not collective, cheap (two stores): this rank now enters phase (a static text, "sum", "checkpoint") of a step. */
void as_watchdog_stamp(as_watchdog *watchdog, const char *phase, int64_t step);

/* Collective. */
void as_watchdog_stop(as_watchdog **watchdog);

#endif
