/* Learning rate schedules: a factor on the base rate, in double, a pure function of the step (and, for plateau, of the
   validation history kept in the checkpoint). One file schedule_<kind>.c, one row in schedule.def. */
#ifndef AS_NN_SCHEDULE_H
#define AS_NN_SCHEDULE_H

#include "base/fields.h"

enum { AS_SCHEDULE_STATE = 4 };

typedef struct as_schedule_ops {
    const char *name, *help, *formula;
    const as_field *fields;
    size_t options_bytes;
    /* Factor at step t (0-based, after warm-up was taken off) of `total` such steps; steps_per_epoch >= 1. */
    double (*factor)(const void *options, int64_t t, int64_t total, int64_t steps_per_epoch,
                     const double state[AS_SCHEDULE_STATE]);
    /* OPTIONAL: what the tables of options cannot say. Errors: CONFIG. */
    as_status (*check)(const void *options, const as_node *node);
    /* OPTIONAL: first state (zeros otherwise). */
    void (*begin)(double state[AS_SCHEDULE_STATE]);
    /* OPTIONAL: after a validation with the watched value (lower is better). */
    void (*observe)(const void *options, double value, double state[AS_SCHEDULE_STATE]);
} as_schedule_ops;

const as_schedule_ops *const *as_schedules_get(void);

/* A schedule as configured: `schedule: {type: cosine, warmup: 100, ...}`. warmup: linear from 0, (t+1)/warmup. */
typedef struct as_schedule {
    const as_schedule_ops *ops;
    void *options;
    int64_t warmup;
    double state[AS_SCHEDULE_STATE];
} as_schedule;

/* Not collective. node NULL: constant. Errors: CONFIG. */
as_status as_schedule_parse(as_document *document, const as_node *node, as_schedule *out);
/* Not collective. Appends the resolved keys, `type` first. */
struct as_text;
as_status as_schedule_write(const as_schedule *schedule, int indent, struct as_text *text);
extern const as_field as_schedule_fields[]; /* warmup; options struct as_schedule */

/* Not collective, for check. That `every` of a schedule is a number of steps or epochs. Errors: CONFIG. */
as_status as_schedule_period(const as_every *every, const as_node *node);

double as_schedule_factor(const as_schedule *schedule, int64_t step, int64_t total, int64_t steps_per_epoch);

#endif
