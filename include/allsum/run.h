/* Allsum from C: train from a configuration, and use what was trained. The same engine as the program `allsum`. */
#ifndef ALLSUM_RUN_H
#define ALLSUM_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "allsum/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A training job. Zero-initialise; 0, false and NULL mean the default. All pointers are borrowed for the call. */
typedef struct as_job {
    int nfiles;
    const char *const *files; /* (nfiles) YAML files, later ones win; none: the embedded digits */
    int nsets;
    const char *const *sets; /* (nsets) overrides "optimizer.lr=3e-4" */
    const char *dir;         /* run directory, made or continued; NULL: runs/NAME */
    int threads;             /* of this rank; 0: 1 */
    const char *isa;         /* "avx512", "avx2", "portable"; NULL: the best of this CPU */
    bool mpi;                /* all ranks of MPI_COMM_WORLD call together; false: this process alone, without MPI */
    int64_t max_steps;       /* stop (STOPPED, with a checkpoint) after so many steps now; 0: no */
    double max_seconds;      /* the same by time; 0: no */
    void (*log)(void *context, int level,
                const char *line); /* level 0 information, 1 warning, 2 error; NULL: silence */
    void *log_context;
} as_job;

/* Collective over all ranks when job->mpi. Trains, or continues the run in job->dir; the result lies there
   (docs/formats.md). MPI is initialised when it is not yet, and then finalised at the end. Returns OK, or a status of
   the table with as_error_message(): STOPPED, TARGET, DIVERGED, CONFIG, DATA, NOINPUT, CANTCREAT, IO, NOMEM, INTERNAL.
 */
as_status as_train(const as_job *job);

/* A trained model in memory. */
typedef struct as_predictor as_predictor;

/* Not collective. path: a checkpoint, or a run directory (its final.h5, else the newest valid checkpoint). threads
   >= 1. Errors: NOINPUT, DATA, CONFIG, NOMEM. Close with as_predictor_close. */
as_status as_predictor_open(const char *path, int threads, as_predictor **out);
void as_predictor_close(as_predictor **predictor);

/* Elements of one input, and of one output. */
int64_t as_predictor_inputs(const as_predictor *predictor);
int64_t as_predictor_outputs(const as_predictor *predictor);

/* Not collective. x (rows, inputs) row-major as the training data were before normalisation, y (rows, outputs):
   probabilities, rates or values, as the loss gives them. A NaN in gives NaN out. Errors: NOMEM. */
as_status as_predictor_run(as_predictor *predictor, int64_t rows, const double *x, double *y);

#ifdef __cplusplus
}
#endif
#endif
