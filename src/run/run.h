/* Training from a configuration: data, estimator, the step loop, checkpoints, results. */
#ifndef AS_RUN_RUN_H
#define AS_RUN_RUN_H

#include <signal.h>

#include "base/log.h"
#include "estimator/estimator.h"
#include "run/config.h"

typedef enum as_resume { AS_RESUME_AUTO, AS_RESUME_NEVER, AS_RESUME_PATH } as_resume;

/* What a progress line shows; times are seconds of this rank since the run began. */
typedef struct as_run_progress {
    int64_t step, total_steps, epoch, epochs, samples;
    double loss, lr, grad_norm, samples_per_second, flops_per_second, seconds_left;
    double times[AS_TIMES];
} as_run_progress;

typedef struct as_run_options {
    const as_config *config;
    as_world *world;
    int threads;
    as_isa isa;
    const char *dir; /* run directory; made, or continued (NULL: none, for as_lr_range_run alone) */
    as_resume resume;
    const char *resume_path; /* AS_RESUME_PATH */
    int nallow;              /* keys that may differ from the checkpoint's configuration */
    const char *const *allow;
    int64_t max_steps;                 /* stop (STOPPED) after so many steps now; 0: no */
    double max_seconds;                /* stop in time for this many seconds; 0: no */
    double watchdog;                   /* seconds without progress before the job ends; 0: off */
    const volatile sig_atomic_t *stop; /* not 0: stop after this step; may be NULL */
    const char *version;
    const as_log *log;
    void (*progress)(void *context, const as_run_progress *progress); /* NULL: none; rank 0 only */
    void *progress_context;
} as_run_options;

typedef struct as_run_result {
    int64_t steps;
    bool finished;
    as_text test, validation; /* JSON members of the metrics, empty where there are none; free with as_text_free */
    double train_loss;        /* mean over the last epoch; NaN where it is not known */
    double seconds;
} as_run_result;

/* Collective. Trains until the end, a stop, or a failure; the same command continues. Nothing is written before the
   configuration, the data and the model were found good. Returns OK; STOPPED (checkpoint written); TARGET; DIVERGED;
   DATA, NOINPUT, CONFIG, CANTCREAT (directory in use: names host and pid), IO, NOMEM, INTERNAL. */
as_status as_run_train(const as_run_options *options, as_run_result *result);

#endif
