/* What the comparisons with oneDNN share. */
#ifndef TESTS_BENCH_ONEDNN_H
#define TESTS_BENCH_ONEDNN_H

#include "kernels/kernels.h"
#include "kernels/team.h"
#include "pair.h"

typedef struct onednn {
    as_team *team;
    const as_kernels *kernels;
    pair_report report;
    char ran[96];
} onednn;

/* Convolutions at the shapes of LeNet and of a residual network. Errors: NOMEM; INTERNAL when oneDNN fails. */
as_status onednn_compare_conv(onednn *o);

#endif
