/* Instruments: what is measured beside training. A kind is one file probe_<kind>.c and one row in probe.def; the
   simplest is probe_norms.c: copy it for a new one.

   Two ways. The pulse, on unless it is turned off, reuses what some steps compute anyway (probe/pulse.h), at a cadence
   that costs 1.5 % of the time at the most. Instruments are asked for: at a probed step the gradients of its batch are
   computed again, lane by lane, in memory of the instruments' own (estimator/gradients.h), for about one step more, and
   one more for each of `cosine` and `step`. Neither can change a bit of the training, and what they measure is the same
   for every layout. */
#ifndef AS_PROBE_PROBE_H
#define AS_PROBE_PROBE_H

#include "estimator/gradients.h"
#include "probe/pulse.h"

/* `probe:` of a configuration. */
enum { AS_PROBES_MAX = 16, AS_PROBE_STATE_REALS = 4 };

typedef struct as_probe_ops as_probe_ops;

typedef struct as_probe_options {
    as_every every;
    const char *pulse;   /* as configured */
    int64_t pulse_steps; /* every so many; 0: by its price; -1: never */
    const as_node *instruments;
    int n;
    const as_probe_ops *kind[AS_PROBES_MAX]; /* (n) in the order of the table */
    void *options[AS_PROBES_MAX];
} as_probe_options;

extern const as_field as_probe_fields[];

/* Not collective. `probe: {every: 100 steps, instruments: [norms, {noise: {window: 20}}]}`, `probe: 100 steps`, `probe:
   off`, or `probe: auto`, which is as node NULL: the pulse alone. Without a list, all that cost no more than a few
   gradients. Options are owned by the document. Errors: CONFIG. */
as_status as_probe_parse(as_document *document, const as_node *node, as_probe_options *out);
/* Not collective. Appends the resolved keys. */
as_status as_probe_write(const as_probe_options *options, int indent, as_text *text);

/* What instruments are made for. Borrowed. */
typedef struct as_probe_setup {
    const as_probe_options *options;
    as_estimator *estimator;
    as_world *world;
    as_team *team;
    const as_lanes *lanes;
    const as_dataset *data; /* of training */
    int64_t capacity;       /* most rows of a lane in a batch */
    int64_t batch;          /* samples of a batch; for the pulse */
    int64_t total_steps;
    uint64_t seed;
    double *kept; /* (AS_PROBE_STATE_REALS) numbers of instruments that checkpoints hold; zeros in a new run */
    as_precision precision;
    const as_log *log;
} as_probe_setup;

/* What an instrument sees, after the step. Vectors have n elements in double, the same on all ranks; those that no
   instrument needs are NULL. */
typedef struct as_probe_view {
    const as_probe_setup *setup;
    const as_model *model;
    int nlayers;      /* layers that train or have an activation: those of the record ... */
    const int *layer; /* (nlayers) ... and their places in the model */
    const as_batch *batch;
    int64_t step; /* before it was counted: what masks of dropout are keyed by */
    const as_step_report *report;
    const as_gradients_result *at; /* of the batch at w */
    int64_t n;
    const double *w, *dw;                     /* parameters before the step, and its change of them */
    const double *g;                          /* mean gradient of the batch at w */
    const double *same, *next;                /* at w + dw: of the batch, and of the next one */
    const as_gradients_spread_result *spread; /* of the batch at w */
    const as_probe_records *earlier;
    double *kept; /* (AS_PROBE_STATE_REALS) what step has kept */
    double *work; /* for as_probe_dot */
} as_probe_view;

/* What an instrument needs beside g. */
enum { AS_PROBE_SPREAD = 1, AS_PROBE_SAME = 2, AS_PROBE_NEXT = 4, AS_PROBE_NO_GRADIENT = 8 };

struct as_probe_ops {
    const char *name, *help, *formula;
    const as_field *fields; /* NULL: no options */
    size_t options_bytes;
    unsigned needs;
    bool costly; /* not on unless it is asked for by name */
    /* Collective. OPTIONAL: memory of an instrument. Errors: NOMEM, CONFIG. */
    as_status (*open)(const void *options, const as_probe_setup *setup, const as_model *model, void **state);
    void (*close)(void **state); /* Collective. */
    /* Not collective. OPTIONAL: sees every tile of rows of the batch at w; called by all threads, begin before by one.
     */
    void (*begin)(void *state);
    void (*see)(void *state, const as_gradients_view *view);
    /* Collective. Fills its members of the record, or notes a state. Where loss or gradient of the batch are not
       finite it is not called, unless it says that it needs no gradient. Errors: those of the world. */
    as_status (*measure)(const void *options, void *state, const as_probe_view *view, as_probe_record *record);
    /* Not collective. OPTIONAL: sees every step, probed or not; kept: its numbers that checkpoints hold, zeros at
       first. */
    void (*step)(double kept[AS_PROBE_STATE_REALS], const as_step_report *report);
};

const as_probe_ops *const *as_probes_get(void);

/* Not collective. Whether a layer of the model has parameters of its own that are trained by gradients. */
bool as_probe_trains(const as_model *model, int layer);

/* Not collective. Sum of a[i] b[i] over the trained parameters of a layer of the model. */
double as_probe_dot(const as_probe_view *view, int layer, const double *a, const double *b);

/* The instruments of a run. */
typedef struct as_probe as_probe;

/* Collective. *out is NULL where nothing is to be measured, and all functions take that and do nothing. Errors: CONFIG
   for instruments of a model without gradients; NOMEM; those of the kinds. Destroy with as_probe_destroy (collective),
   before the estimator. */
as_status as_probe_create(const as_probe_setup *setup, as_probe **out);
void as_probe_destroy(as_probe **probe);

/* What is done at a step. */
enum { AS_PROBE_PULSE = 1, AS_PROBE_INSTRUMENTS = 2 };

/* Not collective. What is due at the step after `step` steps, number `index` of its epoch: one of
   AS_PROBE_..., or 0. Where instruments look, there is no need to feel. */
unsigned as_probe_due(const as_probe *probe, int64_t step, int64_t epoch, int64_t index);

/* Collective. Before the step on batch, of what is due: the step will be felt; the gradients at the point where it
   starts. Errors: those of the world. */
as_status as_probe_before(as_probe *probe, unsigned due, const as_batch *batch, int64_t step);

/* Collective. After it: what was felt is read, and all instruments measure; next: the batch that will follow. *out is
   the new record, the last of as_probe_earlier. Errors: those of the world; NOMEM. */
as_status as_probe_after(as_probe *probe, unsigned due, const as_batch *next, const as_step_report *report,
                         int64_t steps, int64_t epoch, const as_probe_record **out);

/* Not collective. Every step, before as_probe_after. */
void as_probe_observe(as_probe *probe, const as_step_report *report);

/* Not collective. Seconds that the instruments of the last probe took on this rank. */
double as_probe_seconds(const as_probe *probe);
/* Not collective. Of that, what costly instruments took, and since they were made, in so many measurements. */
typedef struct as_probe_price {
    double last, sum; /* seconds on this rank; last 0: they did not measure */
    int64_t times;
} as_probe_price;
as_probe_price as_probe_costly(const as_probe *probe);
/* Not collective. Steps from one to the next that is felt, at first; 0: never. */
int64_t as_probe_cadence(const as_probe *probe);

/* Not collective. Records of the run so far; after a resume, those of its history are read into them. */
as_probe_records *as_probe_earlier(as_probe *probe);

#endif
