/* Schedule exponential: the factor falls smoothly, by gamma in a period. PyTorch: ExponentialLR, where every = 1 step
   of the scheduler. */
#include "kernels/scalar_math.h"
#include "nn/schedule.h"

typedef struct exponential_options {
    double gamma;
    as_every every;
} exponential_options;

static const as_field fields[] = {{.name = "gamma",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(exponential_options, gamma),
                                   .standard = "0.95",
                                   .min = 1e-12,
                                   .max = 1,
                                   .help = "Factor of a whole period."},
                                  {.name = "every",
                                   .type = AS_FIELD_EVERY,
                                   .offset = offsetof(exponential_options, every),
                                   .standard = "1 epochs",
                                   .help = "Period, in steps or epochs."},
                                  AS_FIELDS_END};

static as_status check(const void *options, const as_node *node)
{
    return as_schedule_period(&((const exponential_options *)options)->every, node);
}

static double factor(const void *options, int64_t t, int64_t total, int64_t steps_per_epoch,
                     const double state[AS_SCHEDULE_STATE])
{
    (void)total;
    (void)state;
    const exponential_options *o = options;
    const int64_t period = o->every.steps + o->every.epochs * steps_per_epoch;
    return as_pow_f64(o->gamma, (double)t / (double)period);
}

const as_schedule_ops as_schedule_exponential = {
    .name = "exponential",
    .help = "Falls smoothly, by gamma in every period.",
    .formula = "gamma^(t / every)",
    .fields = fields,
    .options_bytes = sizeof(exponential_options),
    .factor = factor,
    .check = check,
};
