/* Inside of the network estimator, shared by its files: plan (estimator_network.c), accumulate (network_accumulate.c),
   update (network_update.c), evaluate and predict (network_evaluate.c). */
#ifndef AS_ESTIMATOR_NETWORK_H
#define AS_ESTIMATOR_NETWORK_H

#include "estimator/estimator.h"
#include "nn/metric.h"
#include "nn/model.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "nn/update.h"

enum { AS_BAD_MAX = 8 };

/* Some consecutive lanes of this rank that are worked on together: at most `micro` rows, or one lane. Their program
   emits parts; part i goes to vector slot + i; then merges (left += right) reduce the stack of vectors. */
typedef struct network_tile {
    int owner;       /* the thread that works on it, where threads own lanes; else 0 */
    int lane, lanes; /* own lanes [lane, lane + lanes) */
    as_tree_program program;
    int slot; /* first vector of its parts */
    int nmerges;
    int merge[AS_TREE_DEPTH_MAX]; /* left vector of each merge; right is the next one */
} network_tile;

/* vector[left] += vector[right], when all owners are done. */
typedef struct network_join {
    int left, right;
} network_join;

/* Samples whose loss is not finite. */
typedef struct network_bad {
    int count;
    int64_t id[AS_BAD_MAX]; /* the first of them */
    int layer;              /* where the first one ceased to be finite; -1: in its input, nlayers: in the loss */
} network_bad;

/* One parameter array, as the update walks the flat vector. */
typedef struct network_tensor {
    int64_t first, count; /* in the flat vector */
    int64_t band;         /* elements that a thread updates and packs at a time: rows of a packed weight */
    int layer, param;
    double lr_scale;
    bool decay, trains, statistic;
    double momentum; /* of a statistic */
} network_tensor;

typedef struct as_network {
    as_estimator base;
    as_setup setup;
    as_model model;
    as_optimizer optimizer;
    as_schedule schedule;
    const as_update_ops *update;
    as_sum *sum;
    int64_t n, first, count; /* flat vector, own slice */
    int nslots;
    as_slot slot_kind[AS_SLOTS_MAX];
    int ntensors;
    network_tensor *tensor;
    bool statistics; /* some tensor is one */

    void *params, *packed;          /* seen by the whole node */
    void *average, *average_packed; /* the same for averaged weights; NULL when off */
    void *slot[AS_SLOTS_MAX];       /* own slice */
    double *block;                  /* (blocks of the slice, 2): squared norm, penalty */
    as_arena *arena;
    void *augment_work; /* (threads, augment_reals): a sample for each thread; NULL: no augmentation */
    int64_t augment_reals;

    int owners;        /* threads that work on tiles of their own; 1: all threads work on every tile together */
    int64_t tile_rows; /* most rows of a tile; the work space has as many for each owner */
    int ntiles, nvectors, njoins;
    network_tile *tile; /* (ntiles) owner by owner */
    network_join *join; /* (njoins) in order */
    int16_t *part_slot; /* (parts of the rank) the vectors that are parts of the sum in the end */
    void **vector;      /* (nvectors) */
    as_model_work work;
    int64_t chunk; /* rows that a thread takes through all layers at a time */

    const as_batch *batch; /* of the running step */
    int64_t step;
    const void *use_params, *use_packed; /* what forward reads: parameters or averages */
    double times[AS_TIMES];
    network_bad bad;        /* of the running step, all threads */
    network_bad *owner_bad; /* (owners) */
    int nitems;
    as_state_item *item;
} as_network;

as_status network_accumulate(as_estimator *estimator, const as_batch *batch, int64_t step);
as_status network_update(as_estimator *estimator, int64_t step, as_step_report *report);
as_status network_evaluate(as_estimator *estimator, const as_sampler *sampler, as_batch *batch, as_text *json,
                           double *loss);
as_status network_predict(as_estimator *estimator, const as_batch *batch, double *out);

/* Not collective. Tiles, owners, vectors, chunk. Errors: NOMEM. */
as_status network_plan_tiles(as_network *network);
/* Not collective; one thread. Puts `count` rows of the batch from row `from` on, normalised, at rows [first, first +
   count) of the work space. */
void network_gather(as_network *network, const as_batch *batch, int64_t from, int64_t first, int64_t count);
/* Collective. Makes params (or the averages) of all ranks visible on all nodes, packed. all: also the own node's slices
   are packed here; otherwise their owners have done it. */
as_status network_share(as_network *network, void *params, void *packed, bool all);
/* Collective. Forward reads from now on the weights that are judged: the averages where they are kept. */
as_status network_use_judged(as_network *network);
/* What as_model_* functions see of `count` rows of the batch from row `from` on, which are rows [first, first + count)
   of the work space. */
as_model_rows network_rows(const as_network *network, const as_batch *batch, int64_t from, int64_t first,
                           int64_t count);

#endif
