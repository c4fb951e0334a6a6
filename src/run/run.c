/* The step loop. This file is docs/step.md in C: config -> sampler -> batch -> accumulate -> sum -> verdict -> update
   -> metrics -> checkpoint. The same for every estimator; a full-batch method takes its whole shard per step. */
#include "run/run.h"

#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "run/run_state.h"

/* Whether this rank asks all to stop or to save; rides on the sum, so that all learn it at the same step. */
static uint32_t wishes(as_run *run)
{
    const as_run_options *o = run->options;
    uint32_t flags = o->stop != NULL && *o->stop != 0 ? AS_FLAG_STOP : 0;
    if (as_world_rank(run->world) != 0) {
        return flags;
    }
    const double now = as_clock_seconds();
    if (now - run->last_poll > 1.0) {
        run->last_poll = now;
        flags |= as_run_dir_has(&run->dir, "STOP") ? AS_FLAG_STOP : 0;
    }
    if (o->max_seconds > 0 && now - run->start > o->max_seconds) {
        flags |= AS_FLAG_STOP;
    }
    const double minutes = run->config->checkpoint.every.minutes;
    if (minutes > 0 && now - run->last_save > 60 * minutes) {
        flags |= AS_FLAG_SAVE;
    }
    return flags;
}

bool as_run_advance(as_run *run, const as_step_report *report)
{
    as_progress *p = &run->progress;
    p->step++;
    p->epoch_loss += report->loss * report->weight;
    p->epoch_weight += report->weight;
    if (++p->index < as_sampler_batches(run->train.sampler)) {
        return false;
    }
    p->index = 0;
    p->epoch++;
    return true;
}

static bool due(const as_every *every, int64_t step, bool epoch_ended, int64_t epoch)
{
    return (every->steps > 0 && step % every->steps == 0) ||
           (every->epochs > 0 && epoch_ended && epoch % every->epochs == 0);
}

as_status as_run_step(as_run *run, uint32_t flags, as_step_report *report)
{
    as_progress *p = &run->progress;
    const as_estimator_ops *ops = run->estimator->ops;
    as_watchdog_stamp(run->watchdog, "computing", p->step);
    as_sampler_fill(run->train.sampler, p->epoch, p->index, &run->train.batch);
    const as_status mine = ops->accumulate(run->estimator, &run->train.batch, p->step);
    as_sum *sum = ops->sum(run->estimator);
    if (mine != AS_OK) {
        as_sum_fail(sum, mine, as_error_message());
    }
    as_sum_flag(sum, flags);
    as_watchdog_stamp(run->watchdog, "the sum", p->step);
    AS_TRY(ops->update(run->estimator, p->step, report));
    run->stopping = (as_sum_flags(sum) & AS_FLAG_STOP) != 0;
    return AS_OK;
}

/* A step with what is wished of it, timed. */
static as_status step(as_run *run, as_step_report *report)
{
    AS_TRY(as_run_probe_before(run));
    const double t0 = as_clock_seconds();
    AS_TRY(as_run_step(run, wishes(run), report));
    if (run->steps_here >= 3) { /* The first ones touch memory for the first time. */
        run->steady_seconds += as_clock_seconds() - t0;
        run->steady_samples += report->samples;
    }
    run->steps_here++;
    return AS_OK;
}

/* What follows a step: metrics, evaluation, checkpoint; in this order, so that a checkpoint holds their effects. */
static as_status after_step(as_run *run, const as_step_report *report)
{
    as_progress *p = &run->progress;
    const as_config *c = run->config;
    const bool save_asked = (as_sum_flags(run->estimator->ops->sum(run->estimator)) & AS_FLAG_SAVE) != 0;
    const bool epoch_ended = as_run_advance(run, report);
    p->finished = p->step >= run->total_steps || report->done;
    if (p->finished && !report->done && run->estimator->ops->iterates) {
        as_log_line(run->log, AS_LOG_WARN,
                    "model.type: %s: stopped after %lld passes before its tolerance was met; "
                    "give it more: train.steps",
                    run->estimator->ops->name, (long long)p->step);
    }
    as_run_show_progress(run, report);
    if (due(&c->log.every, p->step, epoch_ended, p->epoch) || p->step == 1 || p->finished) {
        as_run_record_step(run, report);
    }
    AS_TRY(as_run_probe_after(run, report));
    const bool evaluation = due(&c->log.evaluate, p->step, epoch_ended, p->epoch) || p->finished;
    if (epoch_ended || evaluation) {
        run->train_loss = p->epoch_weight > 0 ? p->epoch_loss / p->epoch_weight : (double)NAN;
    }
    const bool save = save_asked || due(&c->checkpoint.every, p->step, epoch_ended, p->epoch);
    if (evaluation || save) {
        AS_TRY(as_run_check_replicas(run));
    }
    if (evaluation) {
        as_watchdog_stamp(run->watchdog, "evaluation", p->step);
        AS_TRY(as_run_record_evaluation(run));
    }
    if (epoch_ended) {
        p->epoch_loss = p->epoch_weight = 0;
    }
    if (run->options->max_steps > 0 && run->steps_here >= run->options->max_steps) {
        run->stopping = true;
    }
    if (p->finished || run->stopping || save) {
        as_watchdog_stamp(run->watchdog, "a checkpoint", p->step);
        AS_TRY(as_run_save(run));
    }
    return AS_OK;
}

as_status as_run_train(const as_run_options *options, as_run_result *result)
{
    as_run run;
    *result = (as_run_result){0};
    as_status status = as_run_open(options, &run);
    while (status == AS_OK && !run.progress.finished && !run.stopping) {
        as_step_report report = {0};
        status = step(&run, &report);
        if (status == AS_OK) {
            status = after_step(&run, &report);
        }
    }
    status = as_run_finish(&run, status, result);
    as_run_close(&run);
    return status;
}
