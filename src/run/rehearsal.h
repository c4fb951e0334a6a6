/* Steps of a configuration on made-up rows of the shapes of its data, in memory, on one process: what a step costs here
   before the data are read. Labels and values are random: nothing is learnt, and nothing is written. */
#ifndef AS_RUN_REHEARSAL_H
#define AS_RUN_REHEARSAL_H

#include "estimator/estimator.h"
#include "run/config.h"

/* What to rehearse. Borrowed. */
typedef struct as_rehearsal_options {
    const as_config *config;
    const as_dataset *described; /* of as_dataset_peek */
    int64_t classes;             /* of labels */
    int64_t rows;                /* of a step */
    int lanes;                   /* that these rows are in */
    int threads;
    as_isa isa;
} as_rehearsal_options;

typedef struct as_rehearsal as_rehearsal;

/* Not collective. Makes rows, sampler and estimator. Errors: CONFIG, NOMEM; those of the estimator. Destroy also after
   an error. */
as_status as_rehearsal_create(const as_rehearsal_options *options, as_rehearsal **out);
void as_rehearsal_destroy(as_rehearsal **rehearsal);

/* Not collective. The estimator. Borrowed. */
as_estimator *as_rehearsal_estimator(as_rehearsal *rehearsal);

/* Not collective. Takes up to `steps` steps, for some `seconds` at most, that no clock sees, so that a model that
   begins in another way than it goes on is past its beginning. Returns how many were taken; *over: the last one found
   the model done, or made-up rows did not do for it: no step can follow. */
int64_t as_rehearsal_begin(as_rehearsal *rehearsal, int64_t steps, double seconds, bool *over);

/* Not collective. Takes steps for some `seconds`, at least two after a first one that no clock sees, and gives what
   the faster half of them took on average (the others may have waited for a core), cut into parts (AS_TIMES) as the
   estimator sees them; what it does not see is AS_TIME_DATA. update false: passes over the rows without what follows
   the sum. Errors: those of the estimator. */
as_status as_rehearsal_time(as_rehearsal *rehearsal, double seconds, bool update, double part[AS_TIMES]);

#endif
