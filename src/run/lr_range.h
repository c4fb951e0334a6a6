/* The range test of learning rates: a short training with rising rates that leaves nothing behind. */
#ifndef AS_RUN_LR_RANGE_H
#define AS_RUN_LR_RANGE_H

#include "run/run.h"

typedef struct as_lr_point {
    double lr, loss, smooth; /* smooth: running mean of the losses, corrected for its start */
} as_lr_point;

typedef struct as_lr_range {
    int n;
    as_lr_point *point; /* (n) free with as_lr_range_free */
    bool diverged;      /* it ended before the highest rate */
    int best;           /* point of the lowest smooth loss */
    int steepest;       /* point where the smooth loss falls most for the logarithm of the rate; -1: it never falls */
} as_lr_range;

/* Collective. Trains for all steps of options->config, whose schedule is a sweep, until the smooth loss is 4 times its
   lowest or not finite, and judges what it saw. options->dir is not used: nothing is written. Errors: those of
   as_run_train, but for DIVERGED after the first step. */
as_status as_lr_range_run(const as_run_options *options, as_lr_range *out);
void as_lr_range_free(as_lr_range *range);

#endif
