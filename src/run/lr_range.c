/* The range test of learning rates (Smith, WACV 2017): the step loop without metrics, evaluation and checkpoints. The
   same numbers for every layout. */
#include "run/lr_range.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "run/run_state.h"

static const double keep = 0.9, too_much = 4;

static void judge(as_lr_range *range)
{
    double most = 0;
    range->steepest = -1;
    for (int i = 1; i < range->n; i++) {
        range->best = range->point[i].smooth < range->point[range->best].smooth ? i : range->best;
    }
    for (int i = 1; i <= range->best; i++) { /* rates are evenly spaced in their logarithm */
        const double fall = range->point[i - 1].smooth - range->point[i].smooth;
        if (fall > most) {
            most = fall;
            range->steepest = i;
        }
    }
}

static as_status sweep(as_run *run, as_lr_range *range)
{
    double mean = 0, weight = 0, lowest = (double)INFINITY;
    while (run->progress.step < run->total_steps && !run->stopping) {
        as_step_report report = {0};
        const volatile sig_atomic_t *stop = run->options->stop;
        const as_status status = as_run_step(run, stop != NULL && *stop != 0 ? AS_FLAG_STOP : 0, &report);
        if (status == AS_DIVERGED && range->n > 0) {
            range->diverged = true;
            break;
        }
        AS_TRY(status);
        as_run_advance(run, &report);
        mean = keep * mean + (1 - keep) * report.loss;
        weight = keep * weight + (1 - keep);
        const double smooth = mean / weight;
        range->point[range->n++] = (as_lr_point){.lr = report.lr, .loss = report.loss, .smooth = smooth};
        lowest = smooth < lowest ? smooth : lowest;
        if (smooth > too_much * fabs(lowest)) {
            range->diverged = true;
            break;
        }
    }
    judge(range);
    return AS_OK;
}

as_status as_lr_range_run(const as_run_options *options, as_lr_range *out)
{
    as_run run;
    as_run_options bare = *options;
    bare.dir = NULL;
    *out = (as_lr_range){0};
    as_status status = as_run_open(&bare, &run);
    if (status == AS_OK) {
        out->point = calloc((size_t)run.total_steps, sizeof *out->point);
        status = as_world_agree(run.world, out->point == NULL ? as_error_set(AS_NOMEM, "out of memory for %lld steps",
                                                                             (long long)run.total_steps)
                                                              : AS_OK);
    }
    if (status == AS_OK) {
        status = sweep(&run, out);
    }
    as_run_close(&run);
    return status;
}

void as_lr_range_free(as_lr_range *range)
{
    free(range->point);
    *range = (as_lr_range){0};
}
