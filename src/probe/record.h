/* What instruments have measured at one step: numbers for the whole network and for each layer with parameters. A
   number that was not measured is NaN, one that came out as not finite is infinite (null in JSON); why an instrument
   that is on gave none is its state, in words. The same on every rank, for every layout.

   A record is a line {"kind": "probe", ...} of metrics.jsonl, and is read back from it to the same bits: so records of
   a resumed run are those of an uninterrupted one. The JSON keys are the names of the members. */
#ifndef AS_PROBE_RECORD_H
#define AS_PROBE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "allsum/status.h"
#include "base/text.h"

enum { AS_PROBE_NAME_MAX = 96, AS_PROBE_STATES = 16, AS_PROBE_STATE_MAX = 96 };

/* Of a layer with parameters or an activation, or of all of them together (as_probe_record.total). Gradients are those
   of the mean loss of the batch, without penalty and clipping. */
typedef struct as_probe_layer {
    char name[AS_PROBE_NAME_MAX]; /* of the layer; "" in the total */
    /* norms */
    double grad_norm, weight_norm, update_norm, update_ratio; /* |g|, |w|, |dw| of this step, |dw| / |w| */
    /* signal: over rows, positions and units of what the layer gives, and of the gradient of the loss of a sample there
       (before its activation where the layer has one of its own) */
    double signal_mean, signal_sd, delta_rms;
    /* units: shares of the layer's units (columns of a weight, channels) */
    double units;     /* how many */
    double dead;      /* the derivative of the activation is below 5 % of its largest on every row of the batch */
    double saturated; /* pairs of row and unit where it is; NaN for kinds that are zero on one side (relu) */
    double duplicate; /* units whose weights equal those of another one */
    /* noise: gradient g = G + noise; S = tr(Sigma) for one sample, G2 = |G|^2, both unbiased (McCandlish et al. 2018)
     */
    double noise_trace, noise_trace_se, noise_gradient, noise_gradient_se;
    double noise_scale, noise_scale_se; /* mean S / mean G2 over the last probes: the critical batch; NaN: G2 <= 0 */
    /* lanes: variance of gradients between lanes over that inside of them: 1 for exchangeable lanes */
    double lane_ratio, lane_ratio_se;
    /* cosine: of this step's gradient and the next one's, on the next batch at the new parameters */
    double cosine;
} as_probe_layer;

typedef struct as_probe_record {
    int64_t step, epoch; /* steps done, as in lines of kind "step" */
    double loss, lr;     /* of instruments; the lines of steps have those of the pulse */
    double weight;       /* of the batch: what the loss is divided by; B of the noise scale */
    double samples;      /* of the batch */
    double lanes;        /* parts of the batch that gave the noise: lanes with samples, or the 2 halves of the pulse */
    double rows;         /* of the pulse: those that signal and units were taken over; else they are all samples */
    as_probe_layer total;
    /* noise */
    double norm_test; /* sqrt(S / (B |g|^2)) = relative error of the batch's gradient */
    /* step */
    double step_fraction; /* tau = dw'H dw / -(g'dw): 1 a step to the minimum along it, 2 as high on the other side */
    /* spikes: steps since the last probe whose loss was over 3 times its running mean; the largest ratio */
    double spikes, spike_ratio;
    /* curvature of the mean loss over `curvature_rows` rows, in double; errors bound the distance to an eigenvalue */
    double lambda_max, lambda_max_error, lambda_min, lambda_min_error;
    double sharpness;       /* what the optimizer's limit is about: lambda_max of P^-1 H, or of H */
    double lr_limit;        /* largest stable rate of this optimizer */
    double lr_ratio;        /* lr / lr_limit */
    double curvature_rows;  /* rows that the loss was taken over */
    double curvature_exact; /* 1: all rows of the training data */
    int nstates;
    struct {
        char probe[24];                 /* kind: "noise" */
        char state[AS_PROBE_STATE_MAX]; /* "one lane: no variance between lanes" */
    } state[AS_PROBE_STATES];
    int nlayers;
    as_probe_layer *layer; /* (nlayers) in order of the network */
} as_probe_record;

/* Not collective. All numbers NaN, no states. Errors: NOMEM. Free with as_probe_record_free. */
as_status as_probe_record_make(int nlayers, as_probe_record *out);
void as_probe_record_free(as_probe_record *record);

/* Not collective. signal_mean and signal_sd from the sum and the sum of squares of so many values, delta_rms from those
   of deltas; left as they are where there are none. */
void as_probe_layer_signal(as_probe_layer *layer, double values, const double sums[2], double deltas,
                           double delta_squares);

/* Not collective. Notes why an instrument gave no number. */
void as_probe_record_state(as_probe_record *record, const char *probe, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Not collective. Appends the members of the line (kind, step, epoch, ..., layers) to an object that is open. */
void as_probe_record_write(const as_probe_record *record, as_text *json);

/* Not collective. A line of metrics.jsonl back into a record, which as_probe_record_free frees; *found tells whether
   the line is of kind "probe". Errors: DATA for a line that breaks off; NOMEM. */
as_status as_probe_record_read(const char *line, as_probe_record *out, bool *found);

/* All records of a run, oldest first. Zero-initialise; free with as_probe_records_free. */
typedef struct as_probe_records {
    int64_t n, capacity;
    as_probe_record *record; /* (n) */
} as_probe_records;

/* Not collective. Takes over the record. Errors: NOMEM (the record is freed). */
as_status as_probe_records_add(as_probe_records *records, as_probe_record *record);
/* Not collective. Appends those of all lines of a text (a history, or metrics.jsonl). Errors: DATA, NOMEM. */
as_status as_probe_records_read(as_probe_records *records, const char *lines);
void as_probe_records_free(as_probe_records *records);

#endif
