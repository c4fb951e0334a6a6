/* Schedule cosine: half a period of the cosine from 1 to `end` over the run (Loshchilov and Hutter, ICLR 2017, without
   restarts). PyTorch: CosineAnnealingLR with T_max = total and eta_min = end * lr. */
#include "kernels/scalar_math.h"
#include "nn/schedule.h"

typedef struct cosine_options {
    double end;
} cosine_options;

static const as_field fields[] = {{.name = "end",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(cosine_options, end),
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
    const cosine_options *o = options;
    const double done = t < total ? (double)t / (double)total : 1;
    return o->end + (1 - o->end) * 0.5 * (1 + as_cos_f64(0x1.921fb54442d18p+1 * done));
}

const as_schedule_ops as_schedule_cosine = {
    .name = "cosine",
    .help = "Falls along half a cosine from 1 to `end` over the run.",
    .formula = "end + (1 - end) (1 + cos(pi t / total)) / 2",
    .fields = fields,
    .options_bytes = sizeof(cosine_options),
    .factor = factor,
};
