/* Inside of the network estimator: what a felt step calls. */
#ifndef AS_ESTIMATOR_NETWORK_PULSE_H
#define AS_ESTIMATOR_NETWORK_PULSE_H

#include <stdlib.h>

#include "estimator/network.h"
#include "estimator/pulse.h"
#include "nn/measure.h"

struct as_pulse {
    as_network *network;
    const as_measure_ops *measure;
    as_arena *plan, *arena;
    as_sum_watch watch;
    as_pulse_plan counted;

    bool splits;       /* one process that would add all lanes in one go: */
    network_tile tile; /* takes this tile in place of its own, */
    void *steps;       /* whose program is here, */
    void *vector;      /* (n) and has one vector more */

    network_piece_sums pieces;

    int64_t *at, width;  /* (nlayers) where the sums of a layer begin among those of a lane */
    double *lane;        /* (own lanes, width) */
    double *total;       /* (width) */
    int64_t slope_reals; /* of a chunk of a row */
    void *slope;         /* (1 + threads, slope_reals) ones, and derivatives */
    as_pulse_layer *layer;
};

/* Rows of the work space that have been through backward: of own lanes [lane, lane + lanes), from their place `at`,
   which is row `from` of the batch. */
typedef struct network_rows_done {
    const as_model_work *work;
    int lane, lanes;
    const int64_t *lane_row; /* (lanes + 1) of the work space */
    int64_t at, from;
    int thread, threads; /* that share them */
    int slot;            /* of the caller among all threads */
} network_rows_done;

/* Not collective; what all threads that share rows call, none of which goes on to other rows before. look: at layers
   whose gradients stay; look_at: at one whose gradient passes, when backward is through it. */
void network_pulse_look(as_pulse *p, const network_rows_done *done);
void network_pulse_look_at(as_pulse *p, const network_rows_done *done, int layer);
/* Not collective. The children of the root, before they are added: as_sum_watch.see; context is the pulse. */
void network_pulse_halves(void *context, int64_t first, int64_t count, const void *left, const void *right);
/* Not collective. The sum of gradients, before penalties are added to it. */
void network_pulse_gradient(as_pulse *p);
/* Not collective; inside a team. The optimizer and packing, as in any step. */
void network_pulse_optimize(as_pulse *p, network_step *job, int thread);

#endif
