/* Schedule constant: the rate as it is. The template of a schedule: copy this file for a new one. */
#include "nn/schedule.h"

static double factor(const void *options, int64_t t, int64_t total, int64_t steps_per_epoch,
                     const double state[AS_SCHEDULE_STATE])
{
    (void)options;
    (void)t;
    (void)total;
    (void)steps_per_epoch;
    (void)state;
    return 1;
}

const as_schedule_ops as_schedule_constant = {
    .name = "constant",
    .help = "The learning rate stays.",
    .formula = "1",
    .factor = factor,
};
