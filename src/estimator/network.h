/* Inside of the network estimator, shared by its files:

     plan and state            estimator_network.c, network_check.c (the data)
     how rows are cut          network_cuts.c (the choices), network_tiles.c (tiles, vectors and how they meet)
     a step                    network_gather.c, network_passes.c, network_accumulate.c, network_update.c,
                               network_tensors.c and network_pieces.c (sums of whole tensors)
     a felt step               network_pulse.c
     evaluation, prediction    network_evaluate.c, network_extend.c (sequences that go on)
     gradients anywhere        network_gradients.c and _plan.c, network_branches.c, network_spread.c,
                               network_stability.c (for instruments and probes: gradients.h) */
#ifndef AS_ESTIMATOR_NETWORK_H
#define AS_ESTIMATOR_NETWORK_H

#include "estimator/network_cuts.h"
#include "nn/metric.h"
#include "nn/model.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "nn/update.h"

enum { AS_BAD_MAX = 8 };

/* Some consecutive lanes of this rank that are worked on together: a tile or a portion (network_cuts.h). Their program
   emits parts; part i goes to vector slot + i; then merges (left += right) reduce the stack of vectors. */
typedef struct network_tile {
    int owner;       /* the thread that works on it, where threads own lanes; else 0 */
    int lane, lanes; /* own lanes [lane, lane + lanes) */
    as_tree_program program;
    int slot; /* first vector of its parts */
    int nmerges;
    int merge[AS_TREE_DEPTH_MAX]; /* left vector of each merge; right is the next one */
    bool root;                    /* the last merge gives the sum over all lanes */
} network_tile;

/* vector[left] += vector[right], when all owners are done. */
typedef struct network_join {
    int left, right;
    bool root; /* gives the sum over all lanes */
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
    double lr_scale, weight_decay;
    bool decay, trains, statistic;
    as_tensor_role role;
    int64_t rows, columns; /* as a matrix; a vector has one row */
    int64_t piece;         /* number of its first piece: tensors are cut at blocks of the flat vector */
    int owner;             /* rank of the node that solves it (scope TENSOR) */
    int nstates;
    as_tensor_state state_kind[AS_TENSOR_STATES];
    double *state[AS_TENSOR_STATES]; /* seen by the node, the same on all nodes */
    double momentum;                 /* of a statistic */
} network_tensor;

/* A tensor's part of a block of the flat vector. */
typedef struct network_piece {
    const network_tensor *tensor;
    int64_t first, count;
} network_piece;

/* `width` sums of each piece of the trained tensors, of all ranks. */
typedef struct network_piece_sums {
    int width;
    int64_t first;  /* number of the slice's first piece */
    int64_t line;   /* doubles of a rank: how many pieces, and their sums */
    double *mine;   /* (line) */
    double *all;    /* (ranks, line) */
    double *column; /* (width, pieces) of all pieces in order */
} network_piece_sums;

/* What optimizers keep that see more of a tensor than a slice. */
typedef struct network_tensors {
    network_piece_sums norms;
    double *sums;    /* (ntensors, AS_TENSOR_SUMS) */
    void *u;         /* (n) directions, seen by the whole node */
    double *states;  /* of all tensors, seen by the whole node */
    double *scratch; /* for sums of the tensor that is solved */
    void *work;      /* for its products */
} network_tensors;

/* Where lanes meet in the middle of a step (scope batch). */
typedef struct network_meeting {
    as_meeting base;
    const as_setup *setup;
    as_status status; /* of the running step */
} network_meeting;

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
    as_spans summed; /* elements of tensors that train: the others have no gradient, and change nowhere */
    int64_t pieces;  /* of the trained tensors */
    bool statistics; /* some tensor is one */

    void *params, *packed;          /* seen by the whole node */
    void *average, *average_packed; /* the same for averaged weights; NULL when off */
    void *slot[AS_SLOTS_MAX];       /* own slice; not touched where a tensor has none of that kind */
    double *block;                  /* (blocks of the slice, 2): squared norm, penalty */
    network_tensors whole;
    as_arena *arena;
    void *augment_work;    /* (threads, augment_reals): a sample for each thread; NULL: no augmentation */
    int64_t augment_reals; /* of a sample; of two where samples are mixed */
    int mixing;            /* row of the list that mixes samples, or -1 */
    int64_t *partner;      /* (capacity) of the running step: as_model_rows.partner and share, by row of the batch */
    double *share;

    network_cuts cuts;
    int ntiles, nvectors, njoins;
    network_tile *tile; /* (ntiles) owner by owner */
    network_join *join; /* (njoins) in order */
    int16_t *part_slot; /* (parts of the rank) the vectors that are parts of the sum in the end */
    void **vector;      /* (nvectors) */
    as_model_work work;
    int nportions; /* each has the sums of its layers: their elements of a vector, which are the first `first_reals` */
    network_tile *portion; /* (nportions); vectors are those of the tile as far as it has parts, then spare ones */
    int nspares;
    int64_t first_reals;
    void **spare; /* (nspares); the first ones, where the tile has its parts, are NULL */

    const as_batch *batch; /* of the running step */
    int64_t step;
    const void *use_params, *use_packed; /* what forward reads: parameters or averages */
    double times[AS_TIMES];
    struct network_sequence *sequence; /* NULL until one is begun; network_extend.c */
    network_meeting meeting;
    network_bad bad;        /* of the running step, all threads */
    network_bad *owner_bad; /* (owners) */
    struct as_pulse *pulse; /* of the running step, where it is felt (pulse.h); else NULL */
    int nitems;
    as_state_item *item;
} as_network;

/* Rows of a batch on their way into a work space. */
typedef struct network_gathering {
    const as_kernels *kernels;
    const as_normalization *normalization; /* NULL: none */
    const as_model_work *work;             /* whose x[0] gets them */
    void *augment_work;                    /* as those of the network: */
    int64_t augment_reals;
    int mixing;
    int64_t *partner;
    double *share;
} network_gathering;

/* One update, on its way. */
typedef struct network_step {
    as_network *network;
    int64_t t;      /* optimizer step, from 1 */
    double inverse; /* 1 / sum of weights */
    double samples;
    double scale; /* of the slice in the optimizer pass */
    double lr;
    double c[AS_COEFFICIENTS_MAX];
} network_step;

/* First tensor that reaches past element `at` of the flat vector. */
int network_tensor_at(const as_network *network, int64_t at);
/* The next piece at or after *tensor inside [first, first + count) of one block, *tensor then being the one behind it;
   false: there is none. Begin with network_tensor_at(network, first). */
bool network_next_piece(const as_network *network, int *tensor, int64_t first, int64_t count, network_piece *out);

/* Not collective. Reserves sums of pieces; out must stay where it is until the arena is committed. Errors: NOMEM. */
as_status network_piece_sums_reserve(const as_network *network, int width, as_arena *arena, network_piece_sums *out);
/* The (width) sums, of the own slice, of the piece of a trained tensor that begins at an element. */
double *network_piece_sums_at(const network_piece_sums *sums, const network_tensor *x, int64_t element);
/* Collective. Sums of all ranks' pieces. Errors: those of the world. */
as_status network_piece_sums_gather(const as_network *network, network_piece_sums *sums);
/* Not collective. After the gather: sum number s of a tensor. */
double network_piece_sums_of(const as_network *network, const network_piece_sums *sums, int tensor, int s);
/* Not collective. The optimizer (or a running statistic's step) on at most a block of a tensor. */
void network_optimize_piece(network_step *job, const network_tensor *tensor, int64_t first, int64_t count);

as_status network_accumulate(as_estimator *estimator, const as_batch *batch, int64_t step);
as_status network_update(as_estimator *estimator, int64_t step, as_step_report *report);
as_status network_evaluate(as_estimator *estimator, const as_sampler *sampler, as_batch *batch, as_text *json,
                           double *loss);
as_status network_predict(as_estimator *estimator, const as_batch *batch, double *out);
as_status network_gradients(as_estimator *estimator, const struct as_gradients_options *options,
                            struct as_gradients **out);

void network_meet(as_meeting *meeting, int thread, int64_t width);
as_status network_begin(as_estimator *estimator, as_sequence_facts *facts);
void network_extend(as_estimator *estimator, bool anew, int64_t n, const int32_t *token, double *out);
void network_sequence_destroy(as_network *network);

/* Not collective. The own rows of the data hold what layers ask of them. Errors: DATA naming sample and layer; CONFIG;
   NOMEM. */
as_status network_check_data(const as_estimator *estimator, const as_dataset *data);
/* Collective. Other weights in the place of the network's (and of their averages): w (n), the same on all ranks; until
   the next call. For predictions: the optimizer's state stays as it is. Errors: those of the world. */
as_status network_set_params(as_estimator *estimator, const double *w);
/* Not collective. As predict, with layers such as dropout as in training: draw number `draw` of them. Not for models
   with layers that look at whole lanes. */
as_status network_predict_random(as_estimator *estimator, const as_batch *batch, int64_t draw, double *out);

/* Not collective. Cuts; then tiles, portions and vectors by them. Errors: NOMEM. */
as_status network_plan_tiles(as_network *network);
/* Not collective; one thread. Puts `count` rows of the batch from row `from` on, normalised, at rows
   [first, first + count) of the work space. augments: first changed and mixed, where the data say so; slot: a number of
   the caller among all threads. */
void network_gather_rows(const network_gathering *g, const as_batch *batch, int64_t from, int64_t first, int64_t count,
                         bool augments, int slot);
/* Not collective. Who is mixed with whom: the next sample of the lane, the last one with the first. */
void network_gather_partners(const network_gathering *g, const as_batch *batch, int lanes);
/* Not collective. Into the work space of training; the second, rows that are not augmented. */
network_gathering network_gathering_of(const as_network *network);
void network_gather(const as_network *network, const as_batch *batch, int64_t from, int64_t first, int64_t count);
/* Collective. Makes params (or the averages) of all ranks visible on all nodes, packed. all: also those that do not
   train, and the own node's slices are packed here; otherwise only what is summed has changed, and the owners have
   packed it. */
as_status network_share(as_network *network, void *params, void *packed, bool all);
/* Not collective. How tensors are cut, what they are to the optimizer, and the memory for it (filled by the commit of
   the arena). network_tensors_open, collective, comes after the commit. Errors: NOMEM, CONFIG. */
as_status network_tensors_plan(as_network *network);
as_status network_tensors_open(as_network *network);
void network_tensors_close(as_network *network);
/* Collective. What comes before the optimizer's step, for scopes NORMS and TENSOR. Errors: those of the world. */
as_status network_prepare(network_step *step);
/* Not collective. What the optimizer sees of elements [first, first + count) of a tensor: at most a block. */
as_optimizer_pass network_pass(const network_step *step, const network_tensor *tensor, int64_t first, int64_t count);
/* Not collective. Elements [*first, *end) of a tensor and of the own slice that belong to a thread, in whole bands:
   about the rows whose gradient it has summed, so that they are in its cache. */
void network_share_of_tensor(const as_network *network, const network_tensor *x, int thread, int64_t *first,
                             int64_t *end);
/* Address of an element of a vector of the model's precision. */
static inline char *network_at(const as_network *network, void *vector, int64_t element)
{
    return (char *)vector + (size_t)element * network->setup.kernels->real_bytes;
}
/* Collective. Forward reads from now on the weights that are judged: the averages where they are kept. */
as_status network_use_judged(as_network *network);
/* Not collective. Forward reads from now on the weights that steps change. */
void network_use_own(as_network *network);
/* What as_model_* functions see of `count` rows of the batch from row `from` on, which are rows [first, first + count)
   of the work space. */
as_model_rows network_rows(const as_network *network, const as_batch *batch, int64_t from, int64_t first,
                           int64_t count);

#endif
