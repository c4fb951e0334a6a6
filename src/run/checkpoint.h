/* Checkpoints of a run: what is in them, how they are committed, kept, found and refused. */
#ifndef AS_RUN_CHECKPOINT_H
#define AS_RUN_CHECKPOINT_H

#include "base/log.h"
#include "base/text.h"
#include "estimator/estimator.h"
#include "probe/probe.h"

enum { AS_FORMAT_VERSION = 1, AS_NUMERICS_VERSION = 3 };

/* Everything of a run that is not the estimator's; the same on all ranks. */
typedef struct as_progress {
    int64_t step;         /* steps done */
    int64_t epoch, index; /* position of the next batch */
    int64_t best_step;
    double best_value; /* validation loss of the best evaluation so far */
    int64_t stale;     /* evaluations since then */
    bool has_best;
    bool finished;
    double epoch_loss, epoch_weight;    /* sums over the epoch so far: the mean training loss */
    double probe[AS_PROBE_STATE_REALS]; /* what instruments keep from step to step */
} as_progress;

typedef struct as_checkpoint_parts {
    const char *config; /* resolved text */
    uint64_t seed;
    const as_lanes *lanes;
    const as_dataset *data; /* fingerprint */
    const as_normalization *normalization;
    as_estimator *estimator;
    as_progress *progress;
    as_text *history; /* metrics lines so far (as in metrics.jsonl, without timing), one per line */
} as_checkpoint_parts;

/* Collective. Writes DIR/checkpoints/step-NNNNNNNNNNNN.h5 (or `path` when not NULL) and verifies it; makes the folder
   when it is missing. normalization and history may be NULL. digest may be NULL; as as_h5_write. Errors: IO, CANTCREAT,
   after which everything is as it was before. */
as_status as_checkpoint_save(as_world *world, const char *dir, const char *path, const as_checkpoint_parts *parts,
                             uint8_t digest[32]);

/* Collective. Newest valid checkpoint of a run directory into path (bytes long; empty text when there is none). Each
   rejected file is named on the log with file, place and reason. */
as_status as_checkpoint_find(as_world *world, const char *dir, const as_log *log, char *path, size_t bytes);

/* Collective. The state that a path stands for, as rank 0 sees it: as_state_seek and as_state_resolve. */
as_status as_checkpoint_seek(as_world *world, const char *path, const as_log *log, char *out, size_t bytes);
as_status as_checkpoint_resolve(as_world *world, const char *path, const as_log *log, char *out, size_t bytes);

/* Collective. Reads a checkpoint into the parts. Refuses by name: another format or numerics version, lanes, seed,
   tree, data fingerprint, configuration keys (unless listed in allow: dotted paths, a section stands for its keys,
   "data" for the fingerprint too), any missing, misshapen or unknown state item. Nothing is changed before all is
   checked. Members of parts that are NULL (seed: without config) are neither checked nor filled, so evaluation needs
   only the estimator. Errors: NOINPUT, DATA, CONFIG, IO. */
as_status as_checkpoint_load(as_world *world, const char *path, int nallow, const char *const *allow,
                             const as_checkpoint_parts *parts);

/* Collective. For the one job that writes into a run directory, at its start: removes temporary files that dead writers
   left in it and in its checkpoints. Failures are only logged. */
void as_checkpoint_clean(as_world *world, const char *dir, const as_log *log);

/* Collective. Keeps the newest `keep` verified checkpoints (and the one of best_step), removes older ones; never
   removes a valid one before `keep` newer valid ones exist. A file that cannot be removed is only logged. Errors:
   NOMEM. */
as_status as_checkpoint_retain(as_world *world, const char *dir, int64_t keep, int64_t best_step, const as_log *log);

#endif
