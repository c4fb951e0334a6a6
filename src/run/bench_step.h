/* Whole training steps, for "allsum bench step". */
#ifndef AS_RUN_BENCH_STEP_H
#define AS_RUN_BENCH_STEP_H

#include "base/text.h"
#include "comm/world.h"
#include "kernels/kernels.h"
#include "kernels/team.h"

/* Collective. Trains four networks on made-up data of fixed size, sampling, gathering, sum and update included, and
   appends time per step and samples per second (median and range over chunks of steps), share of the arithmetic peak,
   and where the time goes: softmax 784-10 by sgd with batch 256, mlp 784-512-512-10 by adam with batches 128 and 1024
   (uint8 images), and tabular 64-256-256-1 by adam with batch 4096 (float32). A batch is that of all ranks: the same
   work on every layout. Errors: NOMEM, CONFIG. */
as_status as_bench_step(as_world *world, as_team *team, const as_kernels *kernels, bool json, as_text *text);

/* Collective. The same columns for one size of the mlp after the other: along "batch", "width" (of the hidden layers)
   or "depth" (hidden layers), the other two at 128, 512 and 2. Source: bench_sweep.c. Errors: NOMEM, USAGE. */
as_status as_bench_sweep(as_world *world, as_team *team, const as_kernels *kernels, const char *along, bool json,
                         as_text *text);

/* A network to train for a few steps. */
typedef struct as_bench_workload {
    const char *name, *config;         /* config: model and optimizer */
    int64_t width, rows, batch, steps; /* steps of a chunk */
    bool images;                       /* uint8 inputs and 10 classes; else float32 inputs and one real target */
} as_bench_workload;

/* Collective. The head of the table, which returns the arithmetic peak of all ranks; a row; the end. */
double as_bench_step_begin(as_world *world, as_team *team, const as_kernels *kernels, bool json, as_text *text);
as_status as_bench_step_row(as_world *world, as_team *team, const as_kernels *kernels, const as_bench_workload *work,
                            double peak, bool json, as_text *text);
void as_bench_step_end(bool json, as_text *text);

#endif
