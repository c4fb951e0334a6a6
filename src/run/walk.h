/* One sample through a network, with numbers: every value forward, the gradients backward with a finite difference
   beside them, the sum over the lanes of its batch, and one weight through the optimizer. For those who want to see the
   mathematics; all in double, on one process. */
#ifndef AS_RUN_WALK_H
#define AS_RUN_WALK_H

#include "nn/model.h"
#include "nn/optimizer.h"
#include "run/run.h"

/* A parameter array of the model, and the element of it whose gradient of the sample's loss is the largest. */
typedef struct as_walk_param {
    int layer, param;
    int64_t element;         /* in the array */
    double w, g;             /* its value, and d loss / d w by the chain rule */
    double difference, step; /* (loss(w + step) - loss(w - step)) / (2 step) */
    double norm;             /* of the gradient of the whole array */
} as_walk_param;

/* One lane's share of the gradient of the batch. */
typedef struct as_walk_lane {
    int64_t rows;
    double weight, sum; /* sum over its rows of weight x gradient of the chosen element */
} as_walk_lane;

typedef struct as_walk {
    struct walk_inside *inside; /* the run behind it */
    const as_model *model;
    const as_optimizer *optimizer;
    int64_t step;   /* steps done before */
    int64_t sample; /* its id */
    int32_t label;  /* of its first position */
    int64_t lane;   /* that holds it */
    double loss;
    double **value; /* (nlayers + 1) what each value of the program is for the sample */
    double **delta; /* (nlayers + 1) gradient of the loss there, as backward leaves it; NULL where nothing trains */
    double *predicted, *target; /* (outputs) what the loss makes of the outputs; (targets) */
    int nparams;
    as_walk_param *param; /* (nparams) in order of the model, those that train */
    double *w;            /* (model->nparams) parameters */
    /* The batch, and the element of param[chosen] through the optimizer. */
    int chosen, lanes;
    as_walk_lane *of_lane;       /* (lanes) */
    double batch_weight;         /* what the sum is divided by */
    double gradient;             /* of the batch, as the step takes it: mean, with penalty, clipped */
    double grad_norm, lr, scale; /* scale: of clipping */
    double before, after;        /* the element */
    int nslots;
    as_slot slot[AS_SLOTS_MAX];
    double slot_before[AS_SLOTS_MAX], slot_after[AS_SLOTS_MAX];
} as_walk;

/* Not collective: a world of one process. Makes the run of the configuration (which says precision: float64), trains
   `step` steps without writing anything, walks sample `id` of the training data, and does one more step. Errors: those
   of as_run_train; USAGE for a sample that is not among the training data, naming how many there are, and for a model
   that is no network. as_walk_close also after an error. */
as_status as_walk_open(const as_run_options *options, int64_t id, int64_t step, as_walk *out);
void as_walk_close(as_walk *walk);

#endif
