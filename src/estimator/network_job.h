/* Inside of the network estimator: a tile on its way from the data to the sums. network_passes.c takes its rows forward
   and backward, network_accumulate.c makes the jobs of a step and merges what they leave. */
#ifndef AS_ESTIMATOR_NETWORK_JOB_H
#define AS_ESTIMATOR_NETWORK_JOB_H

#include "estimator/network_pulse.h"

typedef struct network_job {
    as_network *network;
    const network_tile *tile;
    as_model_work work;      /* the network's, with the scratch of the owner */
    int owner, threads;      /* threads that share the tile; barriers are for several */
    int64_t from;            /* row of the batch that lies at row `at` of the work space */
    int64_t at, rows;        /* of the work space */
    const int64_t *lane_row; /* (tile lanes + 1) rows of the work space */
    bool resume;
    bool early; /* backward takes the sums, */
    as_model_sums sums;
} network_job;

/* Whether this thread is the one whose time is taken. */
static inline bool network_job_clocked(const network_job *job, int thread)
{
    return thread == 0 && job->owner == 0;
}

/* Not collective; all threads of the job. Gathers the thread's rows and takes them through all phases: in chunks,
   portions or all together, as the cuts say. Sums of segments, early sums and those of portions are taken on the way.
 */
void network_pass_tile(network_job *job, int thread);

/* What the sums of a job are taken along; part: a vector for each part of its program. */
as_model_sums network_job_sums(network_job *job, void *const *part);

/* The rows of a job, for who feels the step. */
network_rows_done network_job_done(const network_job *job, int thread);

#endif
