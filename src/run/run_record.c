/* What a run writes beside checkpoints: metrics lines, status, summary. Everything outside "timing" is the same bytes
   for every layout. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json_read.h"
#include "io/h5_contents.h"
#include "run/run_state.h"

double as_run_samples_per_second(const as_run *run)
{
    return run->steady_seconds > 0 ? (double)run->steady_samples / run->steady_seconds : 0.0;
}

static void add_timing(const as_run *run, as_text *text)
{
    static const char *const phase[AS_TIMES] = {"data", "forward", "backward", "sum", "update"};
    const double *times = run->estimator->ops->times(run->estimator);
    as_json_open(text, NULL, '{');
    as_json_real(text, "seconds", as_clock_seconds() - run->start);
    as_json_real(text, "samples_per_second", as_run_samples_per_second(run));
    for (int i = 0; i < AS_TIMES; i++) {
        as_json_real(text, phase[i], times[i]);
    }
    as_json_close(text, '}');
}

/* A line of metrics.jsonl, kept in the history of checkpoints without timing. */
void as_run_add_line(as_run *run, as_text *line)
{
    as_json_close(line, '}');
    as_text_add(&run->history, "%s\n", line->data);
    if (as_world_rank(run->world) == 0) {
        as_text timing = {0};
        add_timing(run, &timing);
        as_run_dir_metric_line(&run->dir, line->data, timing.data);
        as_text_free(&timing);
    }
    as_text_free(line);
}

static void begin_line(const as_run *run, const char *kind, as_text *line)
{
    as_json_open(line, NULL, '{');
    as_json_text(line, "kind", kind);
    as_json_int(line, "step", run->progress.step);
    as_json_int(line, "epoch", run->progress.epoch);
}

void as_run_show_progress(const as_run *run, const as_step_report *report)
{
    const as_run_options *o = run->options;
    if (o->progress == NULL || as_world_rank(run->world) != 0) {
        return;
    }
    const double rate = as_run_samples_per_second(run);
    const double left = (double)(run->total_steps - run->progress.step);
    as_run_progress p = {
        .step = run->progress.step,
        .total_steps = run->total_steps,
        .epoch = run->progress.epoch,
        .epochs = run->config->train.epochs,
        .samples = report->samples,
        .loss = report->loss,
        .lr = report->lr,
        .grad_norm = report->grad_norm,
        .samples_per_second = rate,
        .flops_per_second = rate * run->estimator->ops->flops(run->estimator),
        .seconds_left = rate > 0 ? left * (double)report->samples / rate : (double)NAN,
    };
    memcpy(p.times, run->estimator->ops->times(run->estimator), sizeof p.times);
    o->progress(o->progress_context, &p);
}

void as_run_record_step(as_run *run, const as_step_report *report)
{
    as_text line = {0};
    begin_line(run, "step", &line);
    as_json_int(&line, "samples", report->samples);
    as_json_real(&line, "loss", report->loss);
    if (report->penalty != 0) {
        as_json_real(&line, "penalty", report->penalty);
    }
    as_json_real(&line, "lr", report->lr);
    as_json_real(&line, "grad_norm", report->grad_norm);
    as_run_add_line(run, &line);
}

/* Members of an evaluation of one data set into out. */
static as_status evaluate(as_run *run, as_run_data *part, as_text *out, double *loss)
{
    as_text_clear(out);
    as_json_open(out, NULL, '{');
    AS_TRY(run->estimator->ops->evaluate(run->estimator, part->sampler, &part->batch, out, loss));
    as_json_close(out, '}');
    return AS_OK;
}

/* Early stopping and `best` watch the validation loss. */
static as_status judge(as_run *run, double loss)
{
    as_progress *p = &run->progress;
    const as_config *c = run->config;
    if (run->estimator->ops->observe != NULL) {
        run->estimator->ops->observe(run->estimator, loss);
    }
    const bool first = !p->has_best || (isnan(p->best_value) && !isnan(loss));
    if (first || loss < p->best_value - c->train.min_delta) {
        p->has_best = true;
        p->best_value = loss;
        p->best_step = p->step;
        p->stale = 0;
        return c->checkpoint.best ? as_run_save_best(run) : AS_OK;
    }
    p->stale++;
    if (c->train.patience > 0 && p->stale >= c->train.patience) {
        p->finished = true;
        as_log_line(run->log, AS_LOG_INFO,
                    "early stop: no better validation loss than %.6g (step %lld) in %lld evaluations", p->best_value,
                    (long long)p->best_step, (long long)p->stale);
    }
    return AS_OK;
}

as_status as_run_record_evaluation(as_run *run)
{
    as_progress *p = &run->progress;
    as_text line = {0};
    begin_line(run, "evaluation", &line);
    as_json_real(&line, "train_loss", run->train_loss);
    double loss = (double)NAN;
    as_status status = AS_OK;
    if (run->validation.present) {
        status = evaluate(run, &run->validation, &run->validation_metrics, &loss);
        if (status == AS_OK) {
            as_json_raw(&line, "validation", run->validation_metrics.data);
        }
    }
    if (status != AS_OK) {
        as_text_free(&line);
        return status;
    }
    as_run_add_line(run, &line);
    as_text brief = {0};
    as_text_add(&brief, "step %lld/%lld epoch %lld: train loss %.4f", (long long)p->step, (long long)run->total_steps,
                (long long)p->epoch, run->train_loss);
    if (run->validation.present) {
        as_text_add(&brief, "; validation ");
        as_json_brief(run->validation_metrics.data, &brief);
    }
    as_log_line(run->log, AS_LOG_INFO, "%s", brief.data);
    as_text_free(&brief);
    as_watch_evaluation(&run->watch, p->step, run->train_loss, loss, run->log);
    return run->validation.present ? judge(run, loss) : AS_OK;
}

void as_run_write_status(as_run *run, const char *word, as_status status)
{
    as_text text = {0};
    as_json_open(&text, NULL, '{');
    as_json_text(&text, "status", word);
    as_json_int(&text, "step", run->progress.step);
    as_json_int(&text, "epoch", run->progress.epoch);
    as_json_int(&text, "exit_code", status);
    if (status != AS_OK && status != AS_STOPPED) {
        as_json_text(&text, "error", as_error_message());
    }
    const bool ends = status == AS_OK && strcmp(word, "running") != 0;
    as_json_bool(&text, "resumable", run->last_checkpoint[0] != '\0' && !ends);
    as_json_text(&text, "checkpoint", run->last_checkpoint);
    as_json_close(&text, '}');
    as_text_add(&text, "\n");
    if (as_run_dir_write(&run->dir, "status.json", text.data) != AS_OK) {
        as_log_line(run->log, AS_LOG_WARN, "%s", as_error_message());
    }
    as_text_free(&text);
}

/* Adds the bytes of a dataset, as stored, to one or two hashes. */
static as_status hash_dataset(const as_h5_contents *file, const char *name, as_sha256 *a, as_sha256 *b)
{
    const as_h5_stored *item = as_h5_contents_find(file, name);
    if (item == NULL) {
        AS_FAIL(AS_DATA, "%s: %s is missing", file->path, name);
    }
    const int64_t count = as_h5_stored_count(item);
    void *data = malloc((size_t)item->bytes + 1);
    if (data == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory to hash %s (%lld bytes)", name, (long long)item->bytes);
    }
    const as_status status = as_h5_contents_read(file, item, 0, count, data);
    if (status == AS_OK) {
        as_sha256_add(a, data, (size_t)item->bytes);
        if (b != NULL) {
            as_sha256_add(b, data, (size_t)item->bytes);
        }
    }
    free(data);
    return status;
}

/* params_sha256: the arrays below /params in file order; state_sha256: all state arrays and the position. */
static as_status hash_state(as_run *run, const char *path, char params[65], char whole[65])
{
    int n = 0;
    as_state_item *items = NULL;
    AS_TRY(run->estimator->ops->state(run->estimator, &n, &items));
    as_sha256 state, parameters;
    uint8_t digest[32];
    as_sha256_begin(&state);
    as_sha256_begin(&parameters);
    as_h5_contents *file = NULL;
    AS_TRY(as_h5_contents_open(path, &file));
    as_status status = AS_OK;
    for (int i = 0; i < n && status == AS_OK; i++) {
        const bool is_param = strncmp(items[i].name, "/params/", 8) == 0;
        status = hash_dataset(file, items[i].name, &state, is_param ? &parameters : NULL);
    }
    as_h5_contents_close(&file);
    AS_TRY(status);
    char position[128];
    const as_progress *p = &run->progress;
    const int length = snprintf(position, sizeof position, "step %lld epoch %lld index %lld", (long long)p->step,
                                (long long)p->epoch, (long long)p->index);
    as_sha256_add(&state, position, (size_t)length);
    as_sha256_end(&parameters, digest);
    as_sha256_text(digest, params);
    as_sha256_end(&state, digest);
    as_sha256_text(digest, whole);
    return AS_OK;
}

/* Collective. Largest resident memory of any rank, in bytes; of this one alone when there is no room to ask. */
static double peak_memory(const as_run *run)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const double mine = (double)usage.ru_maxrss * 1024.0;
    double peak = mine;
    double *all = malloc((size_t)as_world_size(run->world) * sizeof *all);
    const as_status room = as_world_agree(run->world, all == NULL ? AS_NOMEM : AS_OK);
    if (room == AS_OK && as_world_all_gather(run->world, &mine, sizeof mine, all) == AS_OK) {
        for (int r = 0; r < as_world_size(run->world); r++) {
            peak = all[r] > peak ? all[r] : peak;
        }
    }
    free(all);
    return peak;
}

static void write_summary(as_run *run, const char *word, double memory)
{
    const double rate = as_run_samples_per_second(run);
    char params[65] = "", state[65] = "";
    if (run->last_checkpoint[0] != '\0' && hash_state(run, run->last_checkpoint, params, state) != AS_OK) {
        as_log_line(run->log, AS_LOG_WARN, "no hashes in summary.json: %s", as_error_message());
    }
    as_text text = {0};
    as_json_open(&text, NULL, '{');
    as_json_text(&text, "status", word);
    as_json_int(&text, "steps", run->progress.step);
    as_json_int(&text, "epochs", run->progress.epoch);
    as_json_real(&text, "train_loss", run->train_loss);
    as_json_raw(&text, "validation", run->validation_metrics.size > 0 ? run->validation_metrics.data : "{}");
    as_json_raw(&text, "test", run->test_metrics.size > 0 ? run->test_metrics.data : "{}");
    as_json_text(&text, "params_sha256", params);
    as_json_text(&text, "state_sha256", state);
    as_json_text(&text, "checkpoint", run->last_checkpoint);
    as_json_int(&text, "lanes", run->lanes.lanes);
    as_json_int(&text, "ranks", as_world_size(run->world));
    as_json_int(&text, "threads", as_team_size(run->team));
    as_json_text(&text, "isa", run->kernels->isa);
    as_json_real(&text, "wall_seconds", as_clock_seconds() - run->start);
    as_json_real(&text, "samples_per_second", rate);
    as_json_real(&text, "flops_per_second", rate * run->estimator->ops->flops(run->estimator));
    as_json_real(&text, "peak_rss_bytes", memory);
    as_json_close(&text, '}');
    as_text_add(&text, "\n");
    if (as_run_dir_write(&run->dir, "summary.json", text.data) != AS_OK) {
        as_log_line(run->log, AS_LOG_WARN, "%s", as_error_message());
    }
    as_text_free(&text);
}

/* That an object has a number of this name; an evaluation of no rows has null in its place. */
static as_status find_metric(const char *object, const char *name)
{
    as_json_member member;
    as_text known = {0};
    while (as_json_next(&object, &member)) {
        if (as_json_is(&member, name) && member.value[0] != '[' && member.value[0] != '{') {
            as_text_free(&known);
            return AS_OK;
        }
        if (member.value[0] != '[' && member.value[0] != '{') {
            as_text_add(&known, "%s%.*s", known.size == 0 ? "" : ", ", (int)member.key_length, member.key);
        }
    }
    const as_status status =
        as_error_set(AS_CONFIG, "train.target: metric '%s' is not among those of the evaluation: %s", name,
                     known.data != NULL ? known.data : "(none)");
    as_text_free(&known);
    return status;
}

as_status as_run_check_target(as_run *run)
{
    char name[64] = "";
    as_text metrics = {0};
    double loss;
    if (run->config->train.target == NULL) {
        return AS_OK;
    }
    if (!run->test.present && !run->validation.present) {
        AS_FAIL(AS_CONFIG, "train.target: neither data.test nor data.validation is given to measure it by");
    }
    sscanf(run->config->train.target, "%63s", name);
    as_json_open(&metrics, NULL, '{');
    as_status status = run->estimator->ops->evaluate(run->estimator, NULL, NULL, &metrics, &loss);
    as_json_close(&metrics, '}');
    if (status == AS_OK) {
        status =
            as_world_agree(run->world, metrics.failed ? as_error_set(AS_NOMEM, "out of memory for names of metrics")
                                                      : find_metric(metrics.data, name));
    }
    as_text_free(&metrics);
    return status;
}

/* `train.target: accuracy >= 0.9` against the test metrics (validation metrics where there is no test set). */
static as_status check_target(const as_run *run)
{
    const char *target = run->config->train.target;
    if (target == NULL) {
        return AS_OK;
    }
    char name[64], sense[3];
    double limit, value;
    if (sscanf(target, "%63s %2[<>=] %lf", name, sense, &limit) != 3) {
        AS_FAIL(AS_CONFIG, "train.target: expected \"METRIC >= VALUE\" or \"METRIC <= VALUE\", found \"%s\"", target);
    }
    const as_text *metrics = run->test.present ? &run->test_metrics : &run->validation_metrics;
    if (metrics->size == 0 || !as_json_number(metrics->data, name, &value)) {
        AS_FAIL(AS_CONFIG, "train.target: metric '%s' is not among those of the evaluation", name);
    }
    if (sense[0] == '>' ? value >= limit : value <= limit) {
        return AS_OK;
    }
    AS_FAIL(AS_TARGET, "target missed: %s is %.6g, wanted %s %.6g", name, value, sense, limit);
}

/* The finished model: final.h5 and the test metrics. */
static as_status complete(as_run *run, as_run_result *result)
{
    char path[600];
    const as_checkpoint_parts parts = as_run_parts(run);
    snprintf(path, sizeof path, "%s/final.h5", run->dir.path);
    as_watchdog_stamp(run->watchdog, "the final file", run->progress.step);
    AS_TRY(as_checkpoint_save(run->world, run->dir.path, path, &parts, NULL));
    memcpy(run->last_checkpoint, path, sizeof path);
    if (!run->test.present) {
        return AS_OK;
    }
    double loss = (double)NAN;
    as_watchdog_stamp(run->watchdog, "the test data", run->progress.step);
    AS_TRY(evaluate(run, &run->test, &run->test_metrics, &loss));
    as_text_add(&result->test, "%s", run->test_metrics.data);
    as_text brief = {0};
    as_json_brief(run->test_metrics.data, &brief);
    as_log_line(run->log, AS_LOG_INFO, "test: %s", brief.data);
    as_text_free(&brief);
    return check_target(run);
}

static const char *word_of(as_status status)
{
    switch (status) {
    case AS_OK:
    case AS_TARGET:
        return "finished";
    case AS_STOPPED:
        return "stopped";
    case AS_DIVERGED:
        return "diverged";
    default:
        return "failed";
    }
}

as_status as_run_finish(as_run *run, as_status status, as_run_result *result)
{
    if (!run->opened) {
        return status; /* Nothing was written, nothing is. */
    }
    if (status == AS_OK && run->progress.finished) {
        status = complete(run, result);
    } else if (status == AS_OK) {
        status = as_error_set(AS_STOPPED, "stopped at step %lld of %lld; checkpoint %s; the same command continues",
                              (long long)run->progress.step, (long long)run->total_steps,
                              run->last_checkpoint[0] != '\0' ? run->last_checkpoint : "none");
    } else if (status == AS_DIVERGED) {
        status = as_error_set(AS_DIVERGED, "%s; last good checkpoint: %s; why: allsum diagnose %s", as_error_message(),
                              run->last_checkpoint[0] != '\0' ? run->last_checkpoint : "none", run->dir.path);
    }
    char *message = strdup(as_error_message());
    const double memory = peak_memory(run);
    if (as_world_rank(run->world) == 0) {
        as_run_write_status(run, word_of(status), status);
        write_summary(run, word_of(status), memory);
    }
    if (status != AS_OK && message != NULL) {
        as_error_set(status, "%s", message);
    }
    free(message);
    result->steps = run->progress.step;
    result->finished = run->progress.finished;
    as_text_add(&result->validation, "%s", run->validation_metrics.data != NULL ? run->validation_metrics.data : "");
    result->train_loss = run->train_loss;
    result->seconds = as_clock_seconds() - run->start;
    return status;
}
