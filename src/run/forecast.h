/* The time of a step before anything is trained, and how it scales: from a few steps on made-up rows on this machine
   (rehearsal.h), the bandwidth of its memory, and what is assumed of the network between nodes. */
#ifndef AS_RUN_FORECAST_H
#define AS_RUN_FORECAST_H

#include "run/rehearsal.h"

/* What was measured on this machine. Seconds; parts as in AS_TIMES. */
typedef struct as_machine {
    int threads;           /* of this process: the cores of a node */
    int64_t rows, half;    /* of a measured step, and of a smaller one (equal: it cannot be cut) */
    double one[AS_TIMES];  /* a step of `rows` on one thread */
    double all[AS_TIMES];  /* the same on all threads */
    double less[AS_TIMES]; /* a step of `half` on all threads */
    double peak;           /* flops per second of all threads */
    double bandwidth;      /* bytes per second of adding two arrays of the size of the parameters, all threads */
    double barrier;        /* of all threads */
} as_machine;

/* Assumed of what is between nodes. */
typedef struct as_network_assumption {
    double latency, bandwidth; /* seconds of a message; bytes per second of a node */
} as_network_assumption;

/* Where training runs: nodes with some ranks each, and threads of a rank. */
typedef struct as_placement {
    int nodes, ranks, threads; /* ranks: of a node */
} as_placement;

/* What the model is, for the sum. */
typedef struct as_forecast_model {
    int64_t batch;
    int lanes;
    double vector_bytes; /* of the gradient */
} as_forecast_model;

/* Not collective. Measures for less than a second where a step takes less than 50 ms, with no more rows than batch;
   flops: of one row. Errors: of the rehearsal. */
as_status as_machine_measure(const as_rehearsal_options *options, double flops, double vector_bytes, as_machine *out);

/* Not collective. Seconds of a step by parts; returns their sum. Time between ranks counts as AS_TIME_SUM. NaN where
   memory for the lane tree runs out. */
double as_forecast_step(const as_machine *machine, const as_network_assumption *network, const as_forecast_model *model,
                        const as_placement *layout, double part[AS_TIMES]);

/* Parts of a sum that so many ranks hold: in all, at the most on one, on the first. */
typedef struct as_forecast_parts {
    int64_t all, most, first;
} as_forecast_parts;

/* Not collective. Errors: NOMEM. */
as_status as_forecast_count(int lanes, int ranks, as_forecast_parts *out);

/* Bytes that a rank sends in a step when each is a node of its own: what its parts hold of the others' slices, then its
   own slice to the others. */
double as_forecast_sent(double vector_bytes, int ranks, int64_t parts);

#endif
