/* A trained model out of a file: what evaluation and prediction need, rebuilt from a checkpoint alone. */
#ifndef AS_RUN_MODEL_FILE_H
#define AS_RUN_MODEL_FILE_H

#include "run/checkpoint.h"
#include "run/config.h"

typedef struct as_model_file {
    char path[600];   /* the file that was read */
    int64_t bytes;    /* of its arrays and texts */
    as_config config; /* as stored, with overrides */
    as_world *world;
    as_team *team;
    const as_kernels *kernels;
    as_lanes lanes;
    as_dataset facts; /* no rows: shape, target kind, classes of the training data */
    as_normalization normalization;
    as_estimator *estimator;
    as_progress progress;
} as_model_file;

/* Collective. path: a checkpoint file or a run directory (as_checkpoint_resolve). set:
   overrides of the stored configuration (data sources; the model itself must stay). Errors: NOINPUT, DATA, CONFIG,
   NOMEM. Close with as_model_file_close (collective), also after a failure. What is made points into *out, which stays
   where it is. */
as_status as_model_file_open(as_world *world, int threads, as_isa isa, const char *path, int nsets,
                             const char *const *set, const as_log *log, as_model_file *out);
void as_model_file_close(as_model_file *model);

/* Not collective. Refuses to write to a file that would be lost by it: the one the model was read from, another
   checkpoint, and the data that the configuration names. Errors: USAGE. */
as_status as_model_file_spare(const as_model_file *model, const char *out);

/* Collective. Opens a data set for the model: AS_TEST and AS_VALIDATION as configured, AS_PREDICT from `source` (or
   AS_TEST, when source is given). Missing values are filled as in training. Batches have up to 1024 rows. */
as_status as_model_file_data(const as_model_file *model, as_role role, const as_source *source, as_dataset *data,
                             as_sampler **sampler, as_batch *batch);

#endif
