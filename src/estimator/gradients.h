/* Gradients of a network at any point, on any batch, lane by lane, in either precision; the network itself is only
   read. For instruments: what is computed here never reaches the training.

   Passes are those of training (dropout is on, with the masks of the step that is given). The mean gradient is a sum
   over lanes along the lane tree, in the precision of the passes: the same bits for every layout. */
#ifndef AS_ESTIMATOR_GRADIENTS_H
#define AS_ESTIMATOR_GRADIENTS_H

#include "estimator/estimator.h"
#include "nn/model.h"

typedef struct as_gradients as_gradients;

/* Rows [0, lane_row[lanes]) of the work space after forward, loss and backward, for whoever looks at values; a lane may
   come in several pieces. Called by all threads, each of which must do its share and sum nothing over threads. */
typedef struct as_gradients_view {
    const as_model *model;
    const as_model_work *work;
    int lane, lanes;         /* lanes [lane, lane + lanes) of the rank */
    const int64_t *lane_row; /* (lanes + 1) their rows, from 0 */
    int64_t from;            /* row of the batch that lies first */
    int thread, threads;
} as_gradients_view;

typedef struct as_gradients_options {
    as_precision precision;
    int64_t lane_rows; /* most rows of a lane in a batch */
    bool spread;       /* some tasks ask for it */
    bool quiet;        /* layers that draw at random while training, such as dropout, do not */
} as_gradients_options;

/* Where kinks (relu, max_pool) are: each row goes the way that its values say; also, that way is kept for later; or the
   way is the one that was kept for the row. With FOLLOW at points near that of KEEP, on the same batch, the gradient is
   that of a smooth function: differences of it are exact to rounding, and curvature is what automatic differentiation
   calls it. */
typedef enum as_gradients_branches { AS_GRADIENTS_FREE, AS_GRADIENTS_KEEP, AS_GRADIENTS_FOLLOW } as_gradients_branches;

/* What goes backwards from the loss: its gradient at the outputs; that, kept for each row, and nothing is computed
   behind it; or what was kept, at another point, in its place. With b(u) the gradient at w of the outputs' products
   with what was kept at w + u, (b(h v) - b(-h v)) / 2h is the Gauss-Newton product J'H_L J v. One loss only. */
typedef enum as_gradients_source { AS_GRADIENTS_LOSS, AS_GRADIENTS_KEEP_SOURCE, AS_GRADIENTS_KEPT } as_gradients_source;

/* What is computed. */
typedef struct as_gradients_task {
    const as_batch *batch;
    int64_t step;     /* enters the masks of dropout */
    const double *at; /* (n) the point, the same on all ranks; NULL: the parameters of the network */
    bool loss_alone;  /* no backward */
    bool spread;      /* as_gradients_spread will be called after it */
    void (*see)(void *context, const as_gradients_view *view); /* or NULL */
    void *context;
    as_gradients_branches branches;
    as_gradients_source source;
} as_gradients_task;

typedef struct as_gradients_result {
    double loss;   /* mean over the batch, without penalty */
    double weight; /* what it was divided by */
    double samples;
    bool finite; /* loss and gradient */
} as_gradients_result;

/* How far the gradients of lanes, g_l of weight b_l, are from their mean g. Row i of the matrices is layer i of the
   model; row nlayers is all layers together, row nlayers + 1 those whose rows do not depend on each other. */
typedef struct as_gradients_spread_result {
    int lanes;       /* V */
    double *weight;  /* (V) b_l */
    double *halves;  /* (V) 1 where both halves of the lane have weight, else 0 */
    double *between; /* (nlayers + 2, V): b_l |g_l - g|^2 */
    double *within;  /* (nlayers + 2, V): b' b'' / b |g_l' - g_l''|^2 of the halves of a lane; 0 without two halves */
    double *along;   /* (nlayers + 2, V): (g_l - g)'g */
} as_gradients_spread_result;

/* Collective. Errors: CONFIG for an estimator that has no gradients, and for layers that look at whole lanes of more
   than 65536 rows; NOMEM. Destroy with as_gradients_destroy (collective). */
as_status as_gradients_create(as_estimator *estimator, const as_gradients_options *options, as_gradients **out);
void as_gradients_destroy(as_gradients **gradients);

/* Not collective. The model in the precision of the passes; elements of the flat vector are those of the network's. */
const as_model *as_gradients_model(const as_gradients *gradients);

/* Not collective. The network's parameters (n) now. */
void as_gradients_params(const as_gradients *gradients, double *out);

/* Collective. Mean loss, and with it the mean gradient, which as_gradients_mean then gives. A loss that is not finite
   is no error: result->finite tells. Errors: those of the world. */
as_status as_gradients_run(as_gradients *gradients, const as_gradients_task *task, as_gradients_result *out);

/* Not collective. The mean gradient (n) of the last run, without penalty; 0 where nothing trains. Borrowed, until the
   next run; the same memory for the ranks of a node. */
const double *as_gradients_mean(const as_gradients *gradients);

/* Collective. Of the last run. Errors: those of the world. *out is borrowed until the next call. */
as_status as_gradients_spread(as_gradients *gradients, as_gradients_spread_result *out);

/* What the optimizer is to curvature. */
typedef struct as_gradients_optimizer {
    const char *name;
    double lr;     /* before the schedule */
    double factor; /* steps on a quadratic shrink while lr * lambda_max(scale * (H + decay)) < factor; NaN: not known */
    bool plain;    /* scale is 1 everywhere */
} as_gradients_optimizer;

/* Collective. After `step` steps: its scale of each element of the gradient (0 where nothing trains) and the decay that
   it and the penalty l2 add to the diagonal of the Hessian, (n) each. Errors: those of the world. */
as_status as_gradients_stability(as_gradients *gradients, int64_t step, double *scale, double *decay,
                                 as_gradients_optimizer *out);

/* Not collective. The learning rate of the step after `step` steps. */
double as_gradients_rate(const as_gradients *gradients, int64_t step, int64_t total_steps, int64_t steps_per_epoch);

/* Not collective. Whether parameter q of layer i belongs to it and is trained by gradients. */
bool as_gradients_trains(const as_model *model, int layer, int q);

/* Not collective. Sum of a[i] b[i] over elements [first, first + count), in double: blocks of 1024, in each element j
   to accumulator j mod 16, blocks along a balanced tree. The same bits for every team. work: (count / 1024 + 1). */
double as_gradients_dot(as_team *team, int64_t count, const double *a, const double *b, double *work);

#endif
