/* Making a run: data, lanes, estimator, directory, resume. All ranks do the same calls in the same order. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "io/states.h"
#include "run/run_state.h"
#include "run/weights.h"

static as_status open_part(as_run *run, as_role role, as_run_data *out)
{
    const as_config *c = run->config;
    as_watchdog_stamp(run->watchdog, "reading data", 0);
    AS_TRY(as_dataset_open(&c->data, role, run->world, &run->lanes, (uint64_t)c->seed,
                           role == AS_TRAIN ? NULL : &run->train.data, &out->data));
    out->present = true;
    const bool train = role == AS_TRAIN;
    const int64_t rows = out->data.rows;
    const int64_t eval = c->train.eval_batch < rows ? c->train.eval_batch : rows;
    as_status status = as_sampler_create(&out->data, train ? c->train.batch : eval, train && c->data.shuffle,
                                         (uint64_t)c->seed, &out->sampler);
    if (status == AS_OK) {
        status = as_sampler_batch_create(out->sampler, &out->batch);
    }
    return as_world_agree(run->world, status);
}

static as_status open_data(as_run *run)
{
    const as_config *c = run->config;
    AS_TRY(open_part(run, AS_TRAIN, &run->train));
    if (c->data.validation > 0) {
        AS_TRY(open_part(run, AS_VALIDATION, &run->validation));
    }
    if (c->data.test.ops != NULL) {
        AS_TRY(open_part(run, AS_TEST, &run->test));
    }
    AS_TRY(as_normalization_fit(&c->data, &run->train.data, run->world, run->kernels, &run->normalization));
    as_normalization_fill(&run->normalization, &c->data, &run->train.data);
    if (run->validation.present) {
        as_normalization_fill(&run->normalization, &c->data, &run->validation.data);
    }
    if (run->test.present) {
        as_normalization_fill(&run->normalization, &c->data, &run->test.data);
    }
    return AS_OK;
}

static as_status open_estimator(as_run *run)
{
    const as_config *c = run->config;
    const int64_t batches = as_sampler_batches(run->train.sampler);
    run->total_steps = c->train.steps > 0 ? c->train.steps : c->train.epochs * batches;
    const as_setup setup = {
        .document = c->document,
        .model = c->model,
        .optimizer = c->optimizer,
        .schedule = c->schedule,
        .micro_batch = c->train.micro_batch,
        .clip_norm = c->train.clip_norm,
        .clip_value = c->train.clip_value,
        .ema = c->train.ema,
        .kernels = run->kernels,
        .world = run->world,
        .team = run->team,
        .lanes = &run->lanes,
        .data = &run->train.data,
        .normalization = &run->normalization,
        .seed = (uint64_t)c->seed,
        .capacity = as_sampler_capacity(run->train.sampler),
        .total_steps = run->total_steps,
        .steps_per_epoch = batches,
        .log = run->log,
    };
    as_watchdog_stamp(run->watchdog, "making the model", 0);
    AS_TRY(as_estimator_create(&setup, &run->estimator));
    for (int i = 0; i < 2 && run->estimator->ops->check != NULL; i++) {
        const as_run_data *const part = i == 0 ? &run->validation : &run->test;
        const as_status status = part->present ? run->estimator->ops->check(run->estimator, &part->data) : AS_OK;
        AS_TRY(as_world_agree(run->world, status));
    }
    return run->estimator->ops->init(run->estimator);
}

static as_status load_start(as_run *run)
{
    const as_start_options *start = &run->config->start;
    return start->from == NULL ? AS_OK : as_weights_load(run->world, start, &run->train.data, run->estimator, run->log);
}

/* Collective. Whether a state is there to continue from: then the weights that the run began with are not needed any
   more, and their file may be gone. */
static as_status may_resume(as_run *run, bool *out)
{
    const as_run_options *o = run->options;
    int64_t *step = NULL, n = 0;
    as_status status = AS_OK;
    if (o->dir != NULL && as_world_rank(run->world) == 0) {
        status = as_state_list(o->dir, &step, &n);
    }
    free(step);
    AS_TRY(as_world_agree(run->world, status));
    *out = n > 0 || o->resume == AS_RESUME_PATH;
    return as_world_broadcast(run->world, 0, out, sizeof *out);
}

as_checkpoint_parts as_run_parts(as_run *run)
{
    return (as_checkpoint_parts){
        .config = run->config_text.data,
        .seed = (uint64_t)run->config->seed,
        .lanes = &run->lanes,
        .data = &run->train.data,
        .normalization = &run->normalization,
        .estimator = run->estimator,
        .progress = &run->progress,
        .history = &run->history,
    };
}

/* Writes the state to DIR/name. A full disk must not end the training: the older files are untouched and the next time
   is tried again; *written tells. */
static as_status save_as(as_run *run, const char *name, bool *written)
{
    const as_checkpoint_parts parts = as_run_parts(run);
    char path[600];
    snprintf(path, sizeof path, "%s/%s", run->dir.path, name);
    const as_status status = as_checkpoint_save(run->world, run->dir.path, path, &parts, NULL);
    *written = status == AS_OK;
    if (status == AS_IO || status == AS_CANTCREAT) {
        as_log_line(run->log, AS_LOG_WARN, "no checkpoint at step %lld: %s; training goes on (last good one: %s)",
                    (long long)run->progress.step, as_error_message(),
                    run->last_checkpoint[0] != '\0' ? run->last_checkpoint : "none");
        return AS_OK;
    }
    return status;
}

as_status as_run_save(as_run *run)
{
    char name[64];
    bool written;
    snprintf(name, sizeof name, "checkpoints/step-%012lld.h5", (long long)run->progress.step);
    run->last_save = as_clock_seconds();
    AS_TRY(save_as(run, name, &written));
    if (!written) {
        return AS_OK;
    }
    snprintf(run->last_checkpoint, sizeof run->last_checkpoint, "%s/%s", run->dir.path, name);
    if (as_world_rank(run->world) == 0) {
        as_run_write_status(run, "running", AS_OK); /* what is known of a job that is killed later */
    }
    return as_checkpoint_retain(run->world, run->dir.path, run->config->checkpoint.keep, -1, run->log);
}

as_status as_run_save_best(as_run *run)
{
    bool written;
    as_watchdog_stamp(run->watchdog, "best.h5", run->progress.step);
    return save_as(run, "best.h5", &written);
}

/* Fits a loaded position to this configuration. Where keys were allowed to change, a run that was finished by its
   number of steps may have more of them now, and the epoch that it was in may have fewer batches: then it counts as
   over. */
static void settle_progress(as_run *run)
{
    as_progress *p = &run->progress;
    const int64_t patience = run->config->train.patience;
    const bool changed = run->options->nallow > 0, stale = patience > 0 && p->stale >= patience;
    p->finished = p->step >= run->total_steps || (p->finished && (!changed || stale));
    if (p->index >= as_sampler_batches(run->train.sampler)) {
        p->index = 0;
        p->epoch++;
        p->epoch_loss = p->epoch_weight = 0;
    }
}

/* The checkpoint asked for, unless the directory has come further: then `path`, its newest, stays. A checkpoint that is
   older than others of its directory would be the first to be removed there. */
static as_status choose(as_run *run, char *path, size_t bytes, bool *own)
{
    char asked[600];
    int64_t from = 0, newest = -1;
    AS_TRY(as_checkpoint_resolve(run->world, run->options->resume_path, run->log, asked, sizeof asked));
    AS_TRY(as_world_agree(run->world, as_state_step(asked, &from)));
    AS_TRY(as_world_agree(run->world, path[0] != '\0' ? as_state_step(path, &newest) : AS_OK));
    *own = newest > from;
    if (!*own) {
        snprintf(path, bytes, "%s", asked);
    }
    return AS_OK;
}

/* Continues from the newest valid checkpoint, or from the one asked for. A directory that has come further than that
   one is continued, so that the same command works again after a stop, if what led there is what is asked for now: the
   allowed changes were made when it started. Going back is for another directory. */
static as_status resume(as_run *run)
{
    const as_run_options *o = run->options;
    const as_checkpoint_parts parts = as_run_parts(run);
    char path[600] = "";
    bool own = false;
    AS_TRY(as_checkpoint_find(run->world, run->dir.path, run->log, path, sizeof path));
    if (o->resume == AS_RESUME_PATH) {
        AS_TRY(choose(run, path, sizeof path, &own));
    }
    if (path[0] == '\0') {
        return AS_OK;
    }
    if (o->resume == AS_RESUME_NEVER) {
        AS_FAIL(AS_CANTCREAT,
                "%s: holds a run already (%s); give another directory, or continue it without --resume never",
                run->dir.path, path);
    }
    const as_status status = as_checkpoint_load(run->world, path, own ? 0 : o->nallow, o->allow, &parts);
    if (own && status != AS_OK) {
        AS_FAIL(AS_CANTCREAT, "%s: has come further than %s; to go back to it, give another directory (%s)",
                run->dir.path, o->resume_path, as_error_message());
    }
    AS_TRY(status);
    if (own) {
        as_log_line(run->log, AS_LOG_WARN,
                    "%s has come further than %s and is continued; to go back to it, give another directory",
                    run->dir.path, o->resume_path);
    }
    memcpy(run->last_checkpoint, path, sizeof path);
    settle_progress(run);
    as_log_line(run->log, AS_LOG_INFO, "resume %s: step %lld of %lld%s", path, (long long)run->progress.step,
                (long long)run->total_steps, run->progress.finished ? ", finished" : "");
    return AS_OK;
}

static void write_environment(const as_run *run)
{
    const as_world *world = run->world;
    as_text text = {0};
    as_json_open(&text, NULL, '{');
    as_json_text(&text, "allsum", run->options->version);
    as_json_text(&text, "mpi", as_world_library(world));
    as_json_text(&text, "transport", as_world_transport(world));
    as_json_text(&text, "isa", run->kernels->isa);
    as_json_int(&text, "ranks", as_world_size(world));
    as_json_int(&text, "threads", as_team_size(run->team));
    as_json_int(&text, "nodes", as_world_nodes(world));
    as_json_open(&text, "hosts", '[');
    for (int r = 0; r < as_world_size(world); r++) {
        as_json_text(&text, NULL, as_world_host(world, r));
    }
    as_json_close(&text, ']');
    as_json_close(&text, '}');
    as_text_add(&text, "\n");
    if (as_run_dir_write(&run->dir, "env.json", text.data) != AS_OK) {
        as_log_line(run->log, AS_LOG_WARN, "%s", as_error_message());
    }
    as_text_free(&text);
}

static as_status open_dir(as_run *run)
{
    AS_TRY(as_run_dir_open(run->world, run->options->dir, run->options->log, &run->dir));
    run->log = &run->dir.tee;
    as_checkpoint_clean(run->world, run->dir.path, run->log);
    AS_TRY(resume(run));
    run->opened = true;
    as_status status = AS_OK;
    if (as_world_rank(run->world) == 0) {
        as_run_dir_remove(&run->dir, "STOP");
        write_environment(run);
        status = as_run_dir_write(&run->dir, "config.yaml", run->config_text.data);
        if (status == AS_OK) {
            status = as_run_dir_metrics(&run->dir, run->history.size > 0 ? run->history.data : "");
        }
        as_run_write_status(run, "running", AS_OK);
    }
    return as_world_agree(run->world, status);
}

/* Ranks that were given different things must not train together: parts of different sums would be added, and weights
   packed for one instruction set read by another. */
static as_status compare_ranks(const as_run *run)
{
    struct {
        uint8_t config[32];
        char isa[16];
        int64_t max_steps, resume;
    } mine = {.max_steps = run->options->max_steps, .resume = run->options->resume}, first;
    as_sha256 hash;
    as_sha256_begin(&hash);
    as_sha256_add(&hash, run->config_text.data, run->config_text.size);
    as_sha256_end(&hash, mine.config);
    snprintf(mine.isa, sizeof mine.isa, "%s", run->kernels->isa);
    first = mine;
    AS_TRY(as_world_broadcast(run->world, 0, &first, sizeof first));
    as_status status = AS_OK;
    if (memcmp(first.config, mine.config, sizeof mine.config) != 0) {
        status = as_error_set(AS_CONFIG, "the configuration is another one than that of rank 0");
    } else if (strcmp(first.isa, mine.isa) != 0) {
        status = as_error_set(AS_CONFIG, "instruction set %s, but %s on rank 0: set ALLSUM_ISA to one that all have",
                              mine.isa, first.isa);
    } else if (first.max_steps != mine.max_steps || first.resume != mine.resume) {
        status = as_error_set(AS_USAGE, "--max-steps-this-run or --resume is another than on rank 0");
    }
    return as_world_agree(run->world, status);
}

/* Whether a kind of layer stands anywhere in the model. */
static bool uses(const as_node *node, const char *kind)
{
    bool found = false;
    for (int64_t i = 0; node != NULL && i < node->count && !found; i++) {
        found = (node->kind == AS_NODE_MAP && strcmp(node->key[i], kind) == 0) || uses(node->item[i], kind);
    }
    return found;
}

/* Images with the channels first would be convolved over the wrong axes, without an error. */
static void warn_of_channels(const as_run *run)
{
    const as_shape *s = &run->train.data.shape;
    const as_source *source = &run->config->data.train;
    char text[64];
    if (s->rank != 3 || s->dim[0] > 4 || s->dim[1] < 8 || s->dim[2] < 8 || source->layout != AS_LAYOUT_NHWC ||
        !uses(run->config->model, "conv2d")) {
        return;
    }
    as_log_line(run->log, AS_LOG_WARN,
                "samples of %s are read as images of height %lld and width %lld with %lld channels; %s",
                as_shape_text(s, text, sizeof text), (long long)s->dim[0], (long long)s->dim[1], (long long)s->dim[2],
                source->shape.n > 0 ? "shape has the order height, width, channels"
                                    : "where the file has channels first, data.train needs layout: nchw");
}

static as_status open_all(as_run *run)
{
    const as_run_options *o = run->options;
    const as_config *c = run->config;
    run->kernels = as_kernels_get(o->isa, c->precision == 0 ? AS_FLOAT32 : AS_FLOAT64);
    AS_TRY(as_world_agree(run->world, as_config_write(c, &run->config_text)));
    AS_TRY(compare_ranks(run));
    AS_TRY(as_world_agree(run->world, as_team_create(o->threads, &run->team)));
    AS_TRY(as_watchdog_start(run->world, o->watchdog, o->log, &run->watchdog));
    AS_TRY(as_world_agree(run->world, as_lanes_create(as_config_lanes(c, c->train.batch), run->world, &run->lanes)));
    AS_TRY(open_data(run));
    AS_TRY(open_estimator(run));
    AS_TRY(as_run_check_target(run));
    bool resumes = false;
    AS_TRY(may_resume(run, &resumes));
    if (!resumes) { /* what is wrong with a file is said before anything is written */
        AS_TRY(load_start(run));
    }
    if (o->dir != NULL) {
        AS_TRY(open_dir(run));
    }
    if (resumes && run->last_checkpoint[0] == '\0') {
        as_log_line(run->log, AS_LOG_WARN, "%s: no checkpoint of this run is valid: it begins anew, at step 0",
                    run->dir.path);
        AS_TRY(load_start(run));
    }
    AS_TRY(as_run_probe_open(run));
    const as_dataset *d = &run->train.data;
    const bool passes = run->estimator->ops->statistic != NULL; /* each step is one over all rows */
    char shape[64], length[96];
    if (passes) {
        snprintf(length, sizeof length, "at most %lld passes", (long long)run->total_steps);
    } else {
        snprintf(length, sizeof length, "%lld steps of %lld batches an epoch", (long long)run->total_steps,
                 (long long)as_sampler_batches(run->train.sampler));
    }
    warn_of_channels(run);
    as_log_line(run->log, AS_LOG_INFO, "%d rank%s x %d thread%s, %s%s%s; %lld samples of %s in %d lane%s; %s",
                as_world_size(run->world), as_world_size(run->world) > 1 ? "s" : "", as_team_size(run->team),
                as_team_size(run->team) > 1 ? "s" : "", run->kernels->isa, as_world_size(run->world) > 1 ? ", " : "",
                as_world_size(run->world) > 1 ? as_world_transport(run->world) : "", (long long)d->rows,
                as_shape_text(&d->shape, shape, sizeof shape), run->lanes.lanes, run->lanes.lanes == 1 ? "" : "s",
                length);
    if (d->dropped > 0) {
        as_log_line(run->log, AS_LOG_INFO,
                    "%s: %lld of %lld rows have a missing value and are left out (missing: drop)", d->place,
                    (long long)d->dropped, (long long)d->stored);
    }
    return AS_OK;
}

as_status as_run_open(const as_run_options *options, as_run *out)
{
    *out = (as_run){.options = options,
                    .config = options->config,
                    .world = options->world,
                    .log = options->log,
                    .start = as_clock_seconds(),
                    .train_loss = (double)NAN,
                    .dir = {.lock = -1}};
    out->last_save = out->start;
    return open_all(out);
}

static void close_part(as_run_data *part)
{
    as_sampler_batch_destroy(&part->batch);
    as_sampler_destroy(&part->sampler);
    if (part->present) {
        as_dataset_close(&part->data);
    }
}

void as_run_close(as_run *run)
{
    as_probe_destroy(&run->probe);
    as_sampler_batch_destroy(&run->probe_batch);
    if (run->estimator != NULL) {
        run->estimator->ops->destroy(&run->estimator);
    }
    close_part(&run->test);
    close_part(&run->validation);
    close_part(&run->train);
    as_normalization_destroy(&run->normalization);
    as_lanes_destroy(&run->lanes);
    if (run->watchdog != NULL) {
        as_watchdog_stop(&run->watchdog);
    }
    as_team_destroy(&run->team);
    as_run_dir_close(&run->dir);
    as_text_free(&run->config_text);
    as_text_free(&run->history);
    as_text_free(&run->test_metrics);
    as_text_free(&run->validation_metrics);
}
