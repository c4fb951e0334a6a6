/* Rows of a data set that every rank holds alike: what the diagnosis looks at when it judges data. Which rows they are
   is a function of ids and of the size of the set, never of ranks. */
#ifndef AS_PROBE_SAMPLE_H
#define AS_PROBE_SAMPLE_H

#include "data/dataset.h"

typedef struct as_sample {
    int64_t total;  /* rows of the data set */
    int64_t rows;   /* of them here, by ascending id */
    int64_t width;  /* columns of x */
    double *x;      /* (rows, width) as the model sees them: normalised, not augmented. Missing values are NaN */
    int64_t *id;    /* (rows) */
    int64_t *place; /* (rows) in the order without shuffling: sample number of an epoch */
    int32_t *lane;  /* (rows) */
    int32_t *label; /* (rows) or NULL; AS_LABEL_IGNORED where nothing is learnt. Only with one label a row */
    int64_t classes;
    double *target; /* (rows, targets) or NULL */
    int64_t targets;
    void *block; /* owner of the arrays */
} as_sample;

/* Collective. At most `most` rows with at most `elements` inputs together; all of them where they are fewer, else those
   whose mixed id is smallest. normalization NULL: as stored. Errors: NOMEM, the same on all ranks. Free with
   as_sample_free. */
as_status as_sample_gather(as_world *world, const as_dataset *data, const as_normalization *normalization, int64_t most,
                           int64_t elements, as_sample *out);
void as_sample_free(as_sample *sample);

/* Not collective. The limit under which mixed ids are kept, so that about `most` of `rows` are. */
uint64_t as_sample_limit(int64_t rows, int64_t most);

/* Collective. Everything that the ranks bring, one after the other, to all of them. Errors: NOMEM. free(*all). */
as_status as_sample_exchange(as_world *world, const void *mine, size_t bytes, void **all, size_t *total);

/* A 64-bit mix of a number (the finaliser of SplitMix64). */
static inline uint64_t as_mix64(uint64_t z)
{
    z += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Not collective. Of the inputs of a row: equal rows have equal ones. */
uint64_t as_sample_hash(const as_sample *sample, int64_t row);

/* Hashes of the inputs of rows, of all ranks: equal rows have equal hashes. Of a large set only those below a limit of
   the hash, the same for every set, so that shares stay comparable. */
typedef struct as_row_hashes {
    int64_t rows;   /* that were looked at, those whose hash is kept */
    uint64_t *hash; /* (rows) ascending */
} as_row_hashes;

/* Collective. keep: the share of hashes that is kept, (0, 1]. Errors: NOMEM. free(hash). */
as_status as_row_hashes_gather(as_world *world, const as_dataset *data, double keep, as_row_hashes *out);

#endif
