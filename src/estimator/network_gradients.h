/* Inside of gradients at points of one's own choice, shared by network_gradients.c (the passes), network_spread.c
   (lanes against each other) and network_gradients_plan.c (memory). */
#ifndef AS_ESTIMATOR_NETWORK_GRADIENTS_H
#define AS_ESTIMATOR_NETWORK_GRADIENTS_H

#include "estimator/gradients.h"
#include "estimator/network.h"

enum { HALVES = 2, NETWORK_SPREAD_SUMS = 3 };

struct as_gradients {
    as_network *network;
    as_gradients_options options;
    const as_kernels *kernels;
    as_model model;
    as_normalization own; /* in the other precision */
    const as_normalization *normalization;
    as_model_work work;
    as_arena *arena;
    int64_t n, tile;
    void *params, *packed;               /* of points; seen by the node */
    const void *use_params, *use_packed; /* what the passes read */
    void *half[HALVES];                  /* (n) reals of the kernels */
    void **kept;                         /* (own lanes, HALVES), or NULL */
    void *stack;                         /* (depth, n) reals of the kernels */
    void *total;                         /* (n) the same; seen by the node */
    int64_t *lane_row;                   /* (own lanes + 1) rows of what is loaded ... */
    int loaded, loaded_end;              /* ... lanes [loaded, loaded_end) */
    double *mean;                        /* (n) seen by the node */
    as_sum *sum;
    double *lane_head;   /* (own lanes, AS_HEAD_SIZE) */
    double *half_weight; /* (own lanes, HALVES) */
    double *table, *all; /* spread: of the own lanes, of all ranks, in order */
    as_gradients_spread_result spread;
    double *block[NETWORK_SPREAD_SUMS]; /* (blocks of the longest tensor) */
    as_gradients_task task;             /* of the last run, for its spread */
    void *augment_work;
    int mixing;       /* of the task: row of the list of augmentations that mixes samples, or -1 */
    int64_t *partner; /* (rows of a batch) as in the network */
    double *share;
    uint8_t *branch; /* (rows of a batch, branch_bytes) */
    int64_t branch_bytes, branch_rows;
    char *source; /* (source_rows, outputs of the loss) reals */
    int64_t source_rows;
    int16_t steps[4], first[HALVES], lanes[HALVES]; /* of the programs */
};

/* Not collective. The gradients of the halves of a lane (or of the whole lane as the first) into to[]. */
void network_gradients_lane(as_gradients *g, const as_gradients_task *task, int lane, void *const to[HALVES]);

/* Collective. Slices of total, as their owners have filled them, times a factor into mean on all ranks. */
as_status network_gradients_share(as_gradients *g, double factor);

/* Not collective; by the thread that owns the rows, between forward and backward. Keeps the branches of `count` rows of
   the batch from row `from` on, which are rows [first, ...) of the work space, or goes back to those that were kept. */
void network_branches(as_gradients *g, as_gradients_branches what, int64_t from, int64_t first, int64_t count);
/* Not collective. Room for those of the rows of a batch. Errors: NOMEM. */
as_status network_branches_open(as_gradients *g, int64_t rows);

/* The same for gradients of the loss at the outputs. Errors: CONFIG for several losses; NOMEM. */
void network_source(as_gradients *g, as_gradients_source what, int64_t from, int64_t first, int64_t count);
as_status network_source_open(as_gradients *g, int64_t rows);

/* Not collective. Where the halves of a lane go: kept ones, or the same for all lanes. */
static inline void *const *network_halves(const as_gradients *g, int lane)
{
    return g->kept != NULL ? g->kept + lane * HALVES : g->half;
}

static inline void *network_gradients_at(const as_gradients *g, void *base, int64_t element)
{
    return (char *)base + (size_t)element * g->kernels->real_bytes;
}

#endif
