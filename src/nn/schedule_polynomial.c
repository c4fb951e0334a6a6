/* Schedule polynomial: from 1 to `end` over the run along a power of what is left. PyTorch: PolynomialLR with
   total_iters = total, where end = 0; with power 1 and end it is LinearLR. */
#include "kernels/scalar_math.h"
#include "nn/schedule.h"

typedef struct polynomial_options {
    double power, end;
} polynomial_options;

static const as_field fields[] = {{.name = "power",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(polynomial_options, power),
                                   .standard = "1",
                                   .min = 0.01,
                                   .max = 100,
                                   .help = "Power of the remaining share; 1 is linear."},
                                  {.name = "end",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(polynomial_options, end),
                                   .standard = "0",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Factor that is reached at the end."},
                                  AS_FIELDS_END};

static double factor(const void *options, int64_t t, int64_t total, int64_t steps_per_epoch,
                     const double state[AS_SCHEDULE_STATE])
{
    (void)steps_per_epoch;
    (void)state;
    const polynomial_options *o = options;
    const double left = t < total ? 1 - (double)t / (double)total : 0;
    return o->end + (1 - o->end) * (left > 0 ? as_pow_f64(left, o->power) : 0);
}

const as_schedule_ops as_schedule_polynomial = {
    .name = "polynomial",
    .help = "Falls from 1 to `end` over the run along a power of what is left.",
    .formula = "end + (1 - end) (1 - t / total)^power",
    .fields = fields,
    .options_bytes = sizeof(polynomial_options),
    .factor = factor,
};
