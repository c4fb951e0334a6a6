/* Figures of the sum over ranks, for "allsum bench sum". */
#ifndef AS_RUN_BENCH_SUM_H
#define AS_RUN_BENCH_SUM_H

#include "base/text.h"
#include "comm/lanes.h"
#include "kernels/kernels.h"
#include "kernels/team.h"

enum { AS_BENCH_SUM_LEAST = 1 << 10, AS_BENCH_SUM_MOST = 64 << 20 }; /* bytes of the vectors that are measured */

/* Seconds of one size: median over repetitions of the slowest rank (least: the fastest repetition). */
typedef struct as_bench_sum_row {
    size_t bytes;
    double reduce, least, share;
    int repeats;
    double seconds; /* that it took in all, the same on all ranks */
} as_bench_sum_row;

/* Collective. Lanes as a large batch has them: 24, or one a rank. Destroy with as_lanes_destroy. Errors: NOMEM. */
as_status as_bench_sum_lanes(as_world *world, as_lanes *lanes);

/* Collective. Times as_sum_reduce and as_sum_share of a vector of `bytes`; every rank rewrites its parts before each
   repetition. About a second and a half at the most, or three repetitions. Errors: NOMEM. */
as_status as_bench_sum_size(as_world *world, as_team *team, const as_lanes *lanes, const as_kernels *kernels,
                            size_t bytes, as_bench_sum_row *row);

/* Collective. The same for vectors of 1 KiB to 64 MiB, with vector bytes per second of the reduce; sizes that do not
   begin in 20 seconds are left out, which is said. Rank 0 gets the
   table, or one JSON object, in text. Errors: NOMEM. */
as_status as_bench_sum(as_world *world, as_team *team, const as_kernels *kernels, bool json, as_text *text);

#endif
