/* The one contract of everything that is trained: accumulate -> sum -> update. A kind is one file estimator_<kind>.c
   and one row in estimator.def (docs/adding.md). */
#ifndef AS_ESTIMATOR_ESTIMATOR_H
#define AS_ESTIMATOR_ESTIMATOR_H

#include "base/log.h"
#include "comm/sum.h"
#include "data/sampler.h"

typedef struct as_estimator as_estimator;
typedef struct as_estimator_ops as_estimator_ops;
typedef struct as_statistic_ops as_statistic_ops; /* estimator/statistic.h */
struct as_gradients;
struct as_gradients_options;

/* Choices that change speed and never a bit; 0: made by the estimator. For tests and measurements. */
typedef struct as_tuning {
    int owners; /* threads that take lanes of their own from the data to the sum; 1: all threads share all rows */
    int64_t tile_rows;  /* rows whose gradients are summed at a time */
    int64_t chunk_rows; /* rows that a thread takes through layers at a time */
    int chunk_layers;   /* the first layers, which do so; the others take all rows of a tile */
    as_force early;     /* sums of a layer's gradients come before those of the layer below */
    as_force together;  /* threads divide each layer of a prediction, for all rows */
} as_tuning;

/* What an estimator is made from. Borrowed for its life time. */
typedef struct as_setup {
    const as_estimator_ops *kind; /* set by as_estimator_create */
    as_document *document;
    const as_node *model, *optimizer, *schedule; /* config sections */
    int64_t micro_batch;                         /* rows that a rank works on at a time; 0: all */
    double clip_norm, clip_value, ema;           /* 0: off */
    const as_kernels *kernels;
    as_world *world;
    as_team *team;
    const as_lanes *lanes;
    const as_dataset *data; /* training data, or shape-like for evaluation; never NULL */
    const as_normalization *normalization;
    uint64_t seed;
    int64_t capacity; /* most rows of a batch on this rank */
    int64_t stored;   /* bytes of the file that the arrays of the state are read from; 0: none. A configuration in it
                         that asks for more has been forged, and is refused before there is memory for it: DATA */
    int64_t total_steps, steps_per_epoch;
    const as_log *log;
    as_tuning tuning;
} as_setup;

/* One array of the state that a checkpoint holds. */
typedef struct as_state_item {
    char name[256]; /* "/params/dense_1/weight", "/optimizer/m/dense_1/weight" */
    as_dtype type;
    as_shape shape;
    int64_t flat_first; /* >= 0: elements [flat_first, + size) of a vector that is sliced like the parameters */
    void *data;         /* whole array (replicated: the same on all ranks), or of a sliced vector: its slice */
    bool sliced;        /* data points at this rank's slice of the flat vector */
    const char *torch_name, *torch_axes; /* see as_param, like this one: */
    bool adapter;
    int place; /* number of the parameter in its layer */
} as_state_item;

/* What one step did; the same on all ranks. */
typedef struct as_step_report {
    double loss; /* mean over the batch, without penalty */
    double penalty;
    double grad_norm; /* after averaging, before clipping */
    double lr;
    double weight; /* sum of sample weights: what loss was divided by */
    int64_t samples;
    bool done; /* the estimator has converged */
} as_step_report;

/* Of a model that gives a sequence's next token. */
typedef struct as_sequence_facts {
    int64_t context; /* positions that it sees at once, with the one whose successor is asked for */
    int64_t classes; /* tokens */
    bool carries;    /* what it knows of the past goes on beyond the context */
} as_sequence_facts;

enum { AS_TIME_DATA, AS_TIME_FORWARD, AS_TIME_BACKWARD, AS_TIME_SUM, AS_TIME_UPDATE, AS_TIMES };

struct as_estimator_ops {
    const char *name, *help, *formula;
    const as_field *fields; /* the keys of `model:` beside `type`; NULL: none (a network reads its own by itself) */
    size_t options_bytes;
    const as_statistic_ops *statistic; /* NULL: a network */
    bool iterates;                     /* takes several passes until a tolerance is met */
    /* Collective. Makes the estimator from the config: sizes, options, memory (all of it). Errors: CONFIG, NOMEM. */
    as_status (*create)(const as_setup *setup, as_estimator **out);
    void (*destroy)(as_estimator **estimator); /* Collective. */
    /* Collective. Initial state, the same on every rank. */
    as_status (*init)(as_estimator *estimator);
    /* Not collective. sum += this rank's share of the batch, in lane order; no communication, no allocation. */
    as_status (*accumulate)(as_estimator *estimator, const as_batch *batch, int64_t step);
    /* Collective. From the sum to the next state. Nothing is changed unless AS_OK: DIVERGED names layer and step. */
    as_status (*update)(as_estimator *estimator, int64_t step, as_step_report *report);
    /* Not collective. OPTIONAL: that the own rows of other data than those of the setup hold what the model asks of
       them, such as tokens that it knows. Errors: DATA naming sample and layer; NOMEM. */
    as_status (*check)(const as_estimator *estimator, const as_dataset *data);
    /* Not collective. Output of rows of data: out (rows, outputs) as the loss's predict gives it. */
    as_status (*predict)(as_estimator *estimator, const as_batch *batch, double *out);
    /* Collective. Mean loss and metrics of a whole data set (all lanes, one epoch of the sampler into batch); appends
       JSON members to json, loss first. sampler NULL: no rows, which gives the names with null for every number. */
    as_status (*evaluate)(as_estimator *estimator, const as_sampler *sampler, as_batch *batch, struct as_text *json,
                          double *loss);
    /* Not collective. OPTIONAL, both or none: one sequence, token by token. begin makes the memory. extend adds n >= 1
       tokens, after those of earlier calls or, if anew, to an empty sequence, and gives the logits of what comes next,
       out (classes). No more than `context` tokens in all, unless it carries. Errors: CONFIG naming a layer that cannot
       be continued, or what the model gives instead; NOMEM. */
    as_status (*begin)(as_estimator *estimator, as_sequence_facts *facts);
    void (*extend)(as_estimator *estimator, bool anew, int64_t n, const int32_t *token, double *out);
    /* Not collective. OPTIONAL: after a validation (lower is better), for schedules that watch it. */
    void (*observe)(as_estimator *estimator, double validation_loss);
    /* Not collective. Names every array of the state; *items is owned by the estimator. The order is the file order. */
    as_status (*state)(as_estimator *estimator, int *n, as_state_item **items);
    /* Collective. After the arrays of state were filled from a checkpoint. */
    as_status (*restored)(as_estimator *estimator);
    /* Not collective; a world of one process. OPTIONAL: takes adapters into the weights that they adapt, for export;
       the model computes the same, and is not trained any more. */
    void (*fold)(as_estimator *estimator);
    /* Not collective; a world of one process. OPTIONAL: writes the model as an ONNX file. Errors: CONFIG for what ONNX
       cannot say; those of as_onnx_write. */
    as_status (*onnx)(const as_estimator *estimator, const char *path);
    /* Not collective. OPTIONAL: what was estimated, as text (at most 80 columns) or as JSON members. */
    void (*describe)(const as_estimator *estimator, bool json, struct as_text *out);
    /* Collective. OPTIONAL: gradients at any point, for instruments (gradients.h); as_gradients_create calls it. */
    as_status (*gradients)(as_estimator *estimator, const struct as_gradients_options *options,
                           struct as_gradients **out);
    as_sum *(*sum)(as_estimator *estimator); /* for riders: stop flags, failed reads */
    int64_t (*outputs)(const as_estimator *estimator);
    double (*flops)(const as_estimator *estimator);        /* training, per sample */
    const double *(*times)(const as_estimator *estimator); /* (AS_TIMES) seconds so far on this rank */
};

struct as_estimator {
    const as_estimator_ops *ops;
};

const as_estimator_ops *const *as_estimators_get(void);

/* Not collective. The kind that `type` of a model section names; the first row where there is no type. Errors: CONFIG
   with a did-you-mean. */
as_status as_estimator_find(const as_node *model, const as_estimator_ops **out);

/* Collective. Makes the kind that `model: {type: ...}` of the setup names (the first row where there is no type).
   Errors: CONFIG with a did-you-mean; those of the kind. */
as_status as_estimator_create(const as_setup *setup, as_estimator **out);

#endif
