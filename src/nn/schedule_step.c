/* Schedule step: the factor falls by gamma every period. PyTorch: StepLR. The power is by multiplication in double, at
   most some 1,100 of them until it is 0 or inf. */
#include "nn/schedule.h"

typedef struct step_options {
    as_every every;
    double gamma;
} step_options;

static const as_field fields[] = {{.name = "every",
                                   .type = AS_FIELD_EVERY,
                                   .offset = offsetof(step_options, every),
                                   .standard = "10 epochs",
                                   .help = "Period, in steps or epochs."},
                                  {.name = "gamma",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(step_options, gamma),
                                   .standard = "0.1",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Factor applied once a period."},
                                  AS_FIELDS_END};

static as_status check(const void *options, const as_node *node)
{
    return as_schedule_period(&((const step_options *)options)->every, node);
}

static double factor(const void *options, int64_t t, int64_t total, int64_t steps_per_epoch,
                     const double state[AS_SCHEDULE_STATE])
{
    (void)total;
    (void)state;
    const step_options *o = options;
    double product = 1;
    for (int64_t i = t / (o->every.steps + o->every.epochs * steps_per_epoch); i > 0 && product > 0; i--) {
        if (o->gamma >= 1) {
            break;
        }
        product *= o->gamma;
    }
    return product;
}

const as_schedule_ops as_schedule_step = {
    .name = "step",
    .help = "Falls by gamma every period.",
    .formula = "gamma^floor(t / every)",
    .fields = fields,
    .options_bytes = sizeof(step_options),
    .factor = factor,
    .check = check,
};
