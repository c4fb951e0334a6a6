/* Which samples make a batch: a pure function of (seed, epoch, position). Every sample exactly once per epoch; a batch
   takes its samples evenly from all lanes, unequal by at most one; the last batch of an epoch may be smaller. */
#ifndef AS_DATA_SAMPLER_H
#define AS_DATA_SAMPLER_H

#include "data/dataset.h"

/* The rows of one batch on this rank, lane by lane. */
typedef struct as_batch {
    const as_dataset *data;
    int64_t global_rows; /* samples of the whole batch, all ranks */
    int64_t rows;        /* on this rank */
    int64_t *lane_row;   /* (lanes->count + 1): rows of own lane l are lane_row[l] .. lane_row[l+1]-1 */
    int64_t *row;        /* (rows) index into the data set's local rows */
    int64_t *at;         /* (rows) its input: elements [at[i] * data->stride, + data->width) of data->x */
    int64_t *id;         /* (rows) sample ids */
    int32_t *label;      /* (rows, data->positions) or NULL */
    double *target;      /* (rows, targets) or NULL */
    double *weight;      /* (rows) */
    int64_t capacity;
    int64_t epoch, index; /* index of the batch in its epoch */
    bool kept;            /* all rows in an order of no epoch: filled once */
    void *block;          /* owner of the arrays */
} as_batch;

typedef struct as_sampler as_sampler;

/* Not collective. batch: samples of a whole batch, 1..rows (0: full, all rows). Errors: CONFIG, NOMEM. */
as_status as_sampler_create(const as_dataset *data, int64_t batch, bool shuffle, uint64_t seed, as_sampler **out);
void as_sampler_destroy(as_sampler **sampler);

int64_t as_sampler_batches(const as_sampler *sampler);  /* per epoch */
int64_t as_sampler_capacity(const as_sampler *sampler); /* most rows that a batch has on this rank */

/* Not collective. Memory for a batch of the sampler on this rank. Errors: NOMEM. */
as_status as_sampler_batch_create(const as_sampler *sampler, as_batch *out);
void as_sampler_batch_destroy(as_batch *batch);

/* Not collective. The batch `index` of `epoch` into *batch, which as_sampler_batch_create made (no allocation here). */
void as_sampler_fill(const as_sampler *sampler, int64_t epoch, int64_t index, as_batch *batch);

#endif
