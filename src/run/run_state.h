/* Inside of a run, shared by its files: run.c (the loop), run_open.c (making it), run_record.c (what it writes). */
#ifndef AS_RUN_RUN_STATE_H
#define AS_RUN_RUN_STATE_H

#include "comm/watchdog.h"
#include "probe/watch.h"
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
    as_probe *probe;      /* NULL: no instruments */
    as_watch watch;       /* what was warned of */
    as_batch probe_batch; /* the batch after the one that is probed */
    as_text config_text;
    as_run_dir dir;
    as_watchdog *watchdog;
    as_progress progress;
    as_text history;
    as_text test_metrics, validation_metrics; /* JSON members of the last evaluation */
    int64_t total_steps, steps_here;
    double
        train_loss; /* mean over the epoch, up to its end or to the last evaluation; NaN before, and without weight */
    bool stopping;
    unsigned probed; /* AS_PROBE_... of the running step */
    double start, steady_seconds, last_save, last_poll;
    int64_t steady_samples;
    char last_checkpoint[600];
    bool opened; /* the directory is ours: results are written */
} as_run;

/* Collective. Everything before the first step; nothing is written before all was found good. Errors: those of
   as_run_train. Close with as_run_close (collective), also after an error. */
as_status as_run_open(const as_run_options *options, as_run *out);
void as_run_close(as_run *run);

/* Collective. One step, the same on all ranks whatever the outcome: batch, sum, update. flags: this rank's riders on
   the sum (AS_FLAG_...); run->stopping tells whether any rank asked to stop. Errors: those of the estimator. */
as_status as_run_step(as_run *run, uint32_t flags, as_step_report *report);
/* Collective. Instruments before and after a step; nothing where it is not probed. Errors: those of as_probe_before and
   as_probe_after. */
as_status as_run_probe_before(as_run *run);
as_status as_run_probe_after(as_run *run, const as_step_report *report);
/* Collective. Makes them, and reads the records of a resumed run. Errors: those of as_probe_create. */
as_status as_run_probe_open(as_run *run);
/* Not collective. Moves the position past the batch just used. Returns whether an epoch ended. */
bool as_run_advance(as_run *run, const as_step_report *report);
/* Collective. Errors: INTERNAL, the same on all ranks, where nodes have parameters that differ in a bit. */
as_status as_run_check_replicas(as_run *run);
/* Not collective. Hands the progress to whoever shows it; rank 0 only. */
void as_run_show_progress(const as_run *run, const as_step_report *report);
/* Not collective. A line of metrics.jsonl and of the history, closed and freed here; rank 0 writes. */
void as_run_add_line(as_run *run, as_text *line);
/* Not collective. The line of a step. */
void as_run_record_step(as_run *run, const as_step_report *report);
/* Collective. Evaluates the validation data where there are any, writes the line, and judges early stopping and `best`.
   Errors: those of the estimator's evaluate and of as_run_save_best. */
as_status as_run_record_evaluation(as_run *run);
/* Collective. Saves the state: a numbered checkpoint (then older ones are removed), or DIR/best.h5. IO and CANTCREAT
   are only logged. Errors: others of as_checkpoint_save. */
as_status as_run_save(as_run *run);
as_status as_run_save_best(as_run *run);
/* Collective. That the evaluation will have the metric of train.target: not to be told at the end. Errors: CONFIG. */
as_status as_run_check_target(as_run *run);
/* Not collective. What a checkpoint of the run holds; borrowed from it. */
as_checkpoint_parts as_run_parts(as_run *run);
/* Collective. After the loop: final.h5, test metrics and target when it is finished; status.json and summary.json
   whatever `status` says. Returns the status of the run (STOPPED, TARGET, ...) with its message. */
as_status as_run_finish(as_run *run, as_status status, as_run_result *result);
/* Not collective, rank 0. status.json; a failure is only logged. */
void as_run_write_status(as_run *run, const char *word, as_status status);
/* Not collective. Over the steps after the first few of this process; 0 before. */
double as_run_samples_per_second(const as_run *run);

#endif
