/* Schedule one_cycle (Smith and Topin 2018): up from 1 / div_factor to 1 in the first part of the run, then down to
   1 / (div_factor * final_div_factor). PyTorch: OneCycleLR of two phases with max_lr = lr. Momentum is not cycled. */
#include "kernels/scalar_math.h"
#include "nn/schedule.h"

typedef struct one_cycle_options {
    double pct_start, div_factor, final_div_factor;
    int anneal;
} one_cycle_options;

enum { ANNEAL_COS, ANNEAL_LINEAR };
static const char *const anneals[] = {"cos", "linear", NULL};

static const as_field fields[] = {{.name = "pct_start",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(one_cycle_options, pct_start),
                                   .standard = "0.3",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Share of the run in which the rate rises."},
                                  {.name = "div_factor",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(one_cycle_options, div_factor),
                                   .standard = "25",
                                   .min = 1,
                                   .max = 1e12,
                                   .help = "The rate starts at 1 / div_factor of its peak."},
                                  {.name = "final_div_factor",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(one_cycle_options, final_div_factor),
                                   .standard = "1e4",
                                   .min = 1,
                                   .max = 1e12,
                                   .help = "The rate ends at 1 / final_div_factor of its start."},
                                  {.name = "anneal",
                                   .type = AS_FIELD_CHOICE,
                                   .offset = offsetof(one_cycle_options, anneal),
                                   .standard = "cos",
                                   .choices = anneals,
                                   .help = "Shape of both parts."},
                                  AS_FIELDS_END};

static double anneal(int shape, double start, double end, double done)
{
    return shape == ANNEAL_LINEAR ? start + (end - start) * done
                                  : end + (start - end) / 2 * (1 + as_cos_f64(0x1.921fb54442d18p+1 * done));
}

/* The peak is at step pct_start * total - 1, the end at total - 1. */
static double factor(const void *options, int64_t t, int64_t total, int64_t steps_per_epoch,
                     const double state[AS_SCHEDULE_STATE])
{
    (void)steps_per_epoch;
    (void)state;
    const one_cycle_options *o = options;
    const double first = 1 / o->div_factor, last = first / o->final_div_factor;
    const double peak = o->pct_start * (double)total - 1, end = (double)(total - 1), now = (double)t;
    if (now <= peak) {
        return peak > 0 ? anneal(o->anneal, first, 1, now / peak) : 1;
    }
    const double from = peak > 0 ? peak : 0;
    return now < end ? anneal(o->anneal, 1, last, (now - from) / (end - from)) : last;
}

const as_schedule_ops as_schedule_one_cycle = {
    .name = "one_cycle",
    .help = "Rises to the full rate in the first part of the run, then falls far below the start.",
    .formula = "1/div_factor -> 1 -> 1/(div_factor final_div_factor)",
    .fields = fields,
    .options_bytes = sizeof(one_cycle_options),
    .factor = factor,
};
