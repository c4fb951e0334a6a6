/* Inside of a run, shared by its files: run.c (the loop), run_open.c (making it), run_record.c (what it writes). */
#ifndef AS_RUN_RUN_STATE_H
#define AS_RUN_RUN_STATE_H

#include "comm/watchdog.h"
#include "run/checkpoint.h"
#include "run/run.h"
#include "run/run_dir.h"

/* Riders on the sum. */
enum { AS_FLAG_STOP = 1, AS_FLAG_SAVE = 2 };

/* A data set with what is needed to go through it. */
typedef struct as_run_data {
    bool present;
    as_dataset data;
    as_sampler *sampler;
    as_batch batch;
} as_run_data;

typedef struct as_run {
    const as_run_options *options;
    const as_config *config;
    as_world *world;
    const as_log *log;
    const as_kernels *kernels;
    as_team *team;
    as_lanes lanes;
    as_run_data train, validation, test;
    as_normalization normalization;
    as_estimator *estimator;
    as_text config_text;
    as_run_dir dir;
    as_watchdog *watchdog;
    as_progress progress;
    as_text history;
    as_text test_metrics, validation_metrics; /* JSON members of the last evaluation */
    int64_t total_steps, steps_here;
    double train_loss; /* mean of the last whole epoch; NaN before */
    bool stopping;
    double start, steady_seconds, last_save, last_poll;
    int64_t steady_samples;
    char last_checkpoint[600];
    bool opened; /* the directory is ours: results are written */
} as_run;

/* Collective. Everything before the first step; nothing is written before all was found good. */
as_status as_run_open(const as_run_options *options, as_run *out);
void as_run_close(as_run *run);

/* Collective where they evaluate or save. */
void as_run_record_step(as_run *run, const as_step_report *report);
as_status as_run_record_evaluation(as_run *run);
as_status as_run_save(as_run *run);
as_status as_run_save_best(as_run *run); /* DIR/best.h5 */
as_checkpoint_parts as_run_parts(as_run *run);
as_status as_run_finish(as_run *run, as_status status, as_run_result *result);
void as_run_write_status(as_run *run, const char *word, as_status status);
double as_run_samples_per_second(const as_run *run);

#endif
