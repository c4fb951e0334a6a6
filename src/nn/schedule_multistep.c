/* Schedule multistep: the factor falls by gamma at each milestone. PyTorch: MultiStepLR. */
#include "base/error.h"
#include "nn/schedule.h"

typedef struct multistep_options {
    as_ints milestones;
    int unit;
    double gamma;
} multistep_options;

static const char *const units[] = {"steps", "epochs", NULL};

static const as_field fields[] = {{.name = "milestones",
                                   .type = AS_FIELD_INTS,
                                   .offset = offsetof(multistep_options, milestones),
                                   .min = 1,
                                   .max = 1e12,
                                   .help = "Ascending places where the factor falls."},
                                  {.name = "unit",
                                   .type = AS_FIELD_CHOICE,
                                   .offset = offsetof(multistep_options, unit),
                                   .standard = "epochs",
                                   .choices = units,
                                   .help = "What milestones count."},
                                  {.name = "gamma",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(multistep_options, gamma),
                                   .standard = "0.1",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Factor applied at each milestone."},
                                  AS_FIELDS_END};

static as_status check(const void *options, const as_node *node)
{
    const multistep_options *o = options;
    for (int64_t i = 1; i < o->milestones.n; i++) {
        if (o->milestones.v[i] <= o->milestones.v[i - 1]) {
            AS_FAIL(AS_CONFIG, "%s: schedule.milestones: expected ascending numbers, found %lld after %lld",
                    as_node_place(node), (long long)o->milestones.v[i], (long long)o->milestones.v[i - 1]);
        }
    }
    return AS_OK;
}

static double factor(const void *options, int64_t t, int64_t total, int64_t steps_per_epoch,
                     const double state[AS_SCHEDULE_STATE])
{
    (void)total;
    (void)state;
    const multistep_options *o = options;
    const int64_t now = o->unit == 1 ? t / steps_per_epoch : t;
    double product = 1;
    for (int64_t i = 0; i < o->milestones.n && o->milestones.v[i] <= now; i++) {
        product *= o->gamma;
    }
    return product;
}

const as_schedule_ops as_schedule_multistep = {
    .name = "multistep",
    .help = "Falls by gamma at each of the milestones.",
    .formula = "gamma^(milestones passed)",
    .fields = fields,
    .options_bytes = sizeof(multistep_options),
    .factor = factor,
    .check = check,
};
