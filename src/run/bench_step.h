/* Whole training steps, for "allsum bench step". */
#ifndef AS_RUN_BENCH_STEP_H
#define AS_RUN_BENCH_STEP_H

#include "base/text.h"
#include "comm/world.h"
#include "kernels/kernels.h"
#include "kernels/team.h"

/* Collective. Trains four networks on made-up data of fixed size, sampling, gathering, sum and update included, and
   appends samples per second (median and range over chunks of steps), share of the arithmetic peak, and where the time
   goes: softmax 784-10, batch 256, sgd            mlp 784-512-512-10, batch 128 and 1024, adam tabular 64-256-256-1,
   batch 4096, adam    (uint8 images for the first three, float32 for the last) batch is global: the same work on every
   layout. Errors: NOMEM, CONFIG. */
as_status as_bench_step(as_world *world, as_team *team, const as_kernels *kernels, bool json, as_text *text);

#endif
