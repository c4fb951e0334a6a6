/* Figures of the sum over ranks, for "allsum bench sum". */
#ifndef AS_RUN_BENCH_SUM_H
#define AS_RUN_BENCH_SUM_H

#include "base/text.h"
#include "comm/world.h"
#include "kernels/kernels.h"
#include "kernels/team.h"

/* Collective. For vectors of 1 KiB to 64 MiB: time of as_sum_reduce and of as_sum_share (median over repetitions of the
   slowest rank; every rank rewrites its parts before each repetition), and vector bytes per second of the reduce. Rank
   0 gets the table in text. Errors: NOMEM. */
as_status as_bench_sum(as_world *world, as_team *team, const as_kernels *kernels, as_text *text);

#endif
