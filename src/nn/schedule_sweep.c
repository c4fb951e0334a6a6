/* Schedule sweep: the rate rises exponentially, from a share of itself to the whole, over all steps: the range test of
   learning rates (Smith, "Cyclical learning rates for training neural networks", WACV 2017). */
#include "kernels/scalar_math.h"
#include "nn/schedule.h"

typedef struct sweep_options {
    double from;
} sweep_options;

static const as_field fields[] = {{.name = "from",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(sweep_options, from),
                                   .standard = "1e-6",
                                   .min = 1e-30,
                                   .max = 1,
                                   .help = "Factor of the first step; that of the last is 1."},
                                  AS_FIELDS_END};

static double factor(const void *options, int64_t t, int64_t total, int64_t steps_per_epoch,
                     const double state[AS_SCHEDULE_STATE])
{
    (void)steps_per_epoch;
    (void)state;
    const sweep_options *o = options;
    return t >= total - 1 ? 1 : as_pow_f64(o->from, 1 - (double)t / (double)(total - 1));
}

const as_schedule_ops as_schedule_sweep = {
    .name = "sweep",
    .help = "Rises exponentially over all steps, to find a learning rate.",
    .formula = "from^(1 - t / (T - 1))",
    .fields = fields,
    .options_bytes = sizeof(sweep_options),
    .factor = factor,
};
