/* Schedule plateau: the factor falls when the watched value of validation has not improved for more than `patience`
   evaluations. PyTorch: ReduceLROnPlateau, mode min, relative threshold, eps 0. State: the factor, the best value, bad
   evaluations in a row, evaluations of cool-down left; it is kept in checkpoints. */
#include <math.h>

#include "nn/schedule.h"

typedef struct plateau_options {
    double factor;
    int64_t patience;
    double threshold;
    int64_t cooldown;
    double min_factor;
} plateau_options;

enum { FACTOR, BEST, BAD, COOLDOWN };

static const as_field fields[] = {{.name = "factor",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(plateau_options, factor),
                                   .standard = "0.1",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Factor of one fall."},
                                  {.name = "patience",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(plateau_options, patience),
                                   .standard = "10",
                                   .min = 0,
                                   .max = 1e9,
                                   .unit = "evaluations",
                                   .help = "Evaluations without improvement that are borne."},
                                  {.name = "threshold",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(plateau_options, threshold),
                                   .standard = "1e-4",
                                   .min = 0,
                                   .max = 0.999999,
                                   .help = "Relative improvement that counts."},
                                  {.name = "cooldown",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(plateau_options, cooldown),
                                   .standard = "0",
                                   .min = 0,
                                   .max = 1e9,
                                   .unit = "evaluations",
                                   .help = "Evaluations after a fall that do not count as bad."},
                                  {.name = "min_factor",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(plateau_options, min_factor),
                                   .standard = "0",
                                   .min = 0,
                                   .max = 1,
                                   .help = "The factor does not fall below."},
                                  AS_FIELDS_END};

static void begin(double state[AS_SCHEDULE_STATE])
{
    state[FACTOR] = 1;
    state[BEST] = (double)INFINITY;
    state[BAD] = 0;
    state[COOLDOWN] = 0;
}

static double factor(const void *options, int64_t t, int64_t total, int64_t steps_per_epoch,
                     const double state[AS_SCHEDULE_STATE])
{
    (void)options;
    (void)t;
    (void)total;
    (void)steps_per_epoch;
    return state[FACTOR];
}

static void observe(const void *options, double value, double state[AS_SCHEDULE_STATE])
{
    const plateau_options *o = options;
    if (value < state[BEST] * (1 - o->threshold)) {
        state[BEST] = value;
        state[BAD] = 0;
    } else {
        state[BAD] += 1;
    }
    if (state[COOLDOWN] > 0) {
        state[COOLDOWN] -= 1;
        state[BAD] = 0;
    }
    if (state[BAD] > (double)o->patience) {
        state[FACTOR] = fmax(state[FACTOR] * o->factor, o->min_factor);
        state[COOLDOWN] = (double)o->cooldown;
        state[BAD] = 0;
    }
}

const as_schedule_ops as_schedule_plateau = {
    .name = "plateau",
    .help = "Falls when validation has stopped improving.",
    .formula = "factor^(plateaus)",
    .fields = fields,
    .options_bytes = sizeof(plateau_options),
    .factor = factor,
    .begin = begin,
    .observe = observe,
};
