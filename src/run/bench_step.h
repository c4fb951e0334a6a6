/* Whole training steps, for "allsum bench step". */
#ifndef AS_RUN_BENCH_STEP_H
#define AS_RUN_BENCH_STEP_H

#include "base/text.h"
#include "comm/world.h"
#include "kernels/kernels.h"
#include "kernels/team.h"

/* Collective. Trains four networks on made-up data of fixed size, sampling, gathering, sum and update included, and
   appends samples per second (median and range over chunks of steps), share of the arithmetic peak, and where the time
   goes: softmax 784-10 by sgd with batch 256, mlp 784-512-512-10 by adam with batches 128 and 1024 (uint8 images), and
   tabular 64-256-256-1 by adam with batch 4096 (float32). A batch is that of all ranks: the same work on every layout.
   Errors: NOMEM, CONFIG. */
as_status as_bench_step(as_world *world, as_team *team, const as_kernels *kernels, bool json, as_text *text);

#endif
