/* From a path to a case: the configuration, the data, the model at its start and after training, and what was logged.
   Everything that the rules see is the same on every rank. */
#include "run/diagnose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/json_read.h"
#include "io/states.h"
#include "probe/graph.h"
#include "run/patient.h"
#include "run/weights.h"

enum { FIT_ROWS = 4096, POINT_ROWS = 1024, TEXT_MOST = 1 << 28 };

/* ---- files ---- */

static as_status read_file(const char *path, char **out)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    *out = NULL;
    if (file == NULL || fstat(fileno(file), &info) != 0 || info.st_size > TEXT_MOST) {
        if (file != NULL) {
            fclose(file);
        }
        AS_FAIL(AS_NOINPUT, "%s: cannot be read", path);
    }
    *out = calloc(1, (size_t)info.st_size + 1);
    if (*out == NULL) {
        fclose(file);
        AS_FAIL(AS_NOMEM, "%s: out of memory for %lld bytes", path, (long long)info.st_size);
    }
    const size_t got = fread(*out, 1, (size_t)info.st_size, file);
    (*out)[got] = '\0';
    fclose(file);
    return AS_OK;
}

/* Collective. A file of the run directory as rank 0 sees it; an empty text where there is none. free(*out). */
static as_status read_shared(const as_patient *p, const char *name, char **out)
{
    as_world *world = p->options->world;
    char path[1200];
    size_t size = 0;
    as_status status = AS_OK;
    *out = NULL;
    snprintf(path, sizeof path, "%.1000s/%s", p->options->path, name);
    if (as_world_rank(world) == 0) {
        status = read_file(path, out);
        if (status == AS_NOINPUT) {
            *out = calloc(1, 1);
            status = *out == NULL ? as_error_set(AS_NOMEM, "out of memory") : AS_OK;
        }
        size = *out == NULL ? 0 : strlen(*out) + 1;
    }
    AS_TRY(as_world_agree(world, status));
    AS_TRY(as_world_broadcast(world, 0, &size, sizeof size));
    if (*out == NULL) {
        *out = calloc(1, size);
    }
    AS_TRY(as_world_agree(world, *out == NULL ? as_error_set(AS_NOMEM, "out of memory for %s", name) : AS_OK));
    return as_world_broadcast(world, 0, *out, size);
}

static as_status load_config(as_patient *p)
{
    const as_diagnose_options *o = p->options;
    struct stat info;
    char path[1200] = "";
    const char *files[1] = {path};
    if (o->path != NULL) {
        if (stat(o->path, &info) != 0) {
            AS_FAIL(AS_NOINPUT, "%s: no such run directory or configuration", o->path);
        }
        p->c.trained = S_ISDIR(info.st_mode);
        const size_t length = strlen(o->path);
        if (length > 3 && strcmp(o->path + length - 3, ".h5") == 0) {
            AS_FAIL(AS_NOINPUT, "%s: a checkpoint alone has no log: give the directory of the run, or its config.yaml",
                    o->path);
        }
        snprintf(path, sizeof path, "%.1000s%s", o->path, p->c.trained ? "/config.yaml" : "");
        if (p->c.trained && stat(path, &info) != 0) {
            char members[AS_MEMBERS_TEXT];
            AS_FAIL(AS_NOINPUT, "%s: no run: it has no config.yaml%s", o->path,
                    as_state_members_text(o->path, members));
        }
    }
    p->configured = true;
    AS_TRY(as_config_load(o->path != NULL ? 1 : 0, files, o->nsets, o->set, &p->config));
    return as_config_write(&p->config, &p->config_text);
}

/* ---- the case ---- */

static double option_number(const as_node *node, const char *key, double standard)
{
    const as_node *item = as_node_get(node, key);
    double value;
    return item != NULL && item->kind == AS_NODE_SCALAR && as_text_to_real(item->text, &value) ? value : standard;
}

static void describe_model(as_patient *p)
{
    as_case *c = &p->c;
    const as_network *network = (const as_network *)p->run.estimator;
    if (strcmp(p->run.estimator->ops->name, "network") != 0) {
        const char *name = p->run.estimator->ops->name;
        const as_node *penalty = as_node_get(p->config.model, "penalty");
        const bool free = penalty == NULL || as_node_is(penalty, "none");
        c->family = AS_FAMILY_OTHER;
        c->separates = c->entropy = strcmp(name, "logistic") == 0;
        c->squares = strcmp(name, "ols") == 0 || strcmp(name, "ridge") == 0 || strcmp(name, "lasso") == 0 ||
                     strcmp(name, "elastic_net") == 0;
        c->likelihood = strcmp(name, "ols") == 0 || strcmp(name, "lda") == 0 ||
                        (free && (c->separates || strcmp(name, "poisson") == 0));
        return;
    }
    const as_model *model = &network->model;
    const char *optimizer = network->optimizer.ops->name, *loss = model->head[0].loss->name;
    const bool plain = strcmp(optimizer, "sgd") == 0 || strcmp(optimizer, "lars") == 0;
    c->network = network;
    c->family = plain ? AS_FAMILY_PLAIN : AS_FAMILY_ADAPTIVE;
    c->linear = as_graph_linear(model);
    c->numbers_of_rows = as_graph_reads_numbers_of_rows(model);
    c->text = p->run.train.data.tokenizer != NULL;
    c->lr = network->optimizer.lr;
    c->weight_decay = network->optimizer.weight_decay;
    c->l2 = model->l2;
    c->separates = c->linear;
    c->likelihood = c->linear && !(c->l2 > 0 || c->weight_decay > 0 || model->l1 > 0);
    c->momentum = option_number(p->config.optimizer, "momentum", 0);
    c->nesterov = as_node_is(as_node_get(p->config.optimizer, "nesterov"), "true");
    c->regresses = c->train.target != NULL && !p->config.data.reconstruct &&
                   (strcmp(loss, "mse") == 0 || strcmp(loss, "mae") == 0 || strcmp(loss, "huber") == 0);
}

static void describe_config(as_patient *p)
{
    const as_config *config = &p->config;
    as_case *c = &p->c;
    snprintf(c->name, sizeof c->name, "%s", config->name);
    c->batch = config->train.batch;
    c->shuffle = config->data.shuffle;
    c->contiguous = config->data.assign == 1;
    c->normalized = config->data.normalize != AS_NORMALIZE_NONE;
    c->weighted = config->data.class_weights.n > 0;
    c->class_weight = config->data.class_weights.v;
    c->nweights = config->data.class_weights.n;
    c->validation_share = config->data.validation;
    c->clip_norm = config->train.clip_norm;
    c->ema = config->train.ema;
    c->augments = p->run.train.data.augment != NULL;
    c->patience = config->train.patience;
    c->reconstructs = config->data.reconstruct;
    c->model_node = config->model;
    c->loads_weights = config->start.from != NULL;
    c->steps = p->run.total_steps;
    c->steps_per_epoch = as_sampler_batches(p->run.train.sampler);
    if (c->batch == 0) {
        c->batch = p->run.train.data.rows;
    }
}

/* ---- after training ---- */

/* What of the log is missing: rules that need it judge by less, or not at all. */
static void note_log(as_case *c)
{
    const as_history *h = &c->history;
    if (h->lines == 0) {
        snprintf(c->note, sizeof c->note, "metrics.jsonl is missing or empty: losses of the run are not known");
    } else if (h->broken > 0) {
        snprintf(
            c->note, sizeof c->note,
            "metrics.jsonl: %lld of %lld lines break off or are no objects, the first is line %lld: what they said "
            "is not judged",
            (long long)h->broken, (long long)h->lines, (long long)h->first_broken);
    } else if (c->final_step > 0 && h->last_step < c->final_step && c->exit_code == 0) {
        snprintf(c->note, sizeof c->note,
                 "metrics.jsonl ends at step %lld, the run at step %lld: what was logged in between is missing",
                 (long long)h->last_step, (long long)c->final_step);
    }
}

/* Lines that break off are passed over: note_log speaks of them. */
static as_status read_records(const char *line, as_probe_records *out)
{
    while (line != NULL && *line != '\0') {
        as_probe_record record;
        bool found;
        const as_status status = as_probe_record_read(line, &record, &found);
        if (status != AS_OK && status != AS_DATA) {
            return status;
        }
        if (status == AS_OK && found) {
            AS_TRY(as_probe_records_add(out, &record));
        }
        const char *end = strchr(line, '\n');
        line = end != NULL ? end + 1 : NULL;
    }
    return AS_OK;
}

/* A text that as_json_text has written, cut where there is no room. */
static void read_failure(const char *object, char *out, size_t bytes)
{
    const char *s = as_json_value(object, "error");
    size_t n = 0;
    for (s = s != NULL && *s == '"' ? s + 1 : ""; *s != '\0' && *s != '"' && n + 1 < bytes; s++) {
        s += *s == '\\' && s[1] != '\0' ? 1 : 0;
        out[n++] = *s;
    }
    out[n] = '\0';
}

static as_status read_logs(as_patient *p)
{
    char *text = NULL;
    as_status status = read_shared(p, "metrics.jsonl", &text);
    if (status == AS_OK) {
        status = as_world_agree(p->options->world, as_history_read(text, &p->c.history));
    }
    if (status == AS_OK) {
        status = as_world_agree(p->options->world, read_records(text, &p->c.records));
        as_course_make(&p->c.records, &p->c.course);
    }
    free(text);
    text = NULL;
    if (status == AS_OK) {
        status = read_shared(p, "status.json", &text);
    }
    if (status == AS_OK) {
        double code = -1;
        p->c.diverged = strstr(text, "\"diverged\"") != NULL;
        p->c.exit_code = as_json_number(text, "exit_code", &code) ? (int64_t)code : -1;
        read_failure(text, p->c.failure, sizeof p->c.failure);
    }
    free(text);
    return status;
}

static as_status load_file(as_patient *p, const char *path)
{
    static const char *const anything[] = {"data", "optimizer", "schedule", "train",    "checkpoint", "log",
                                           "name", "start",     "probe",    "model.l2", "model.l1"};
    as_checkpoint_parts parts = as_run_parts(&p->run);
    parts.config = p->config_text.data;
    parts.data = NULL;
    parts.normalization = NULL;
    parts.history = NULL;
    return as_checkpoint_load(p->options->world, path, (int)(sizeof anything / sizeof anything[0]), anything, &parts);
}

static as_status load_state(as_patient *p)
{
    char path[700];
    AS_TRY(as_checkpoint_seek(p->options->world, p->options->path, &p->silent, path, sizeof path));
    p->saved = path[0] != '\0';
    return p->saved ? load_file(p, path) : AS_OK;
}

as_status as_patient_restore(as_patient *p, bool now)
{
    as_run *run = &p->run;
    run->progress = (as_progress){0};
    AS_TRY(run->estimator->ops->init(run->estimator));
    if (p->config.start.from != NULL) {
        AS_TRY(as_weights_load(run->world, &p->config.start, &run->train.data, run->estimator, &p->silent));
    }
    if (now) {
        AS_TRY(load_state(p));
    }
    run->progress.finished = false;
    if (run->progress.index >= as_sampler_batches(run->train.sampler)) {
        run->progress.index = 0;
        run->progress.epoch++;
    }
    return AS_OK;
}

const as_run_data *as_patient_judged(const as_patient *p)
{
    const as_run *run = &p->run;
    return run->validation.present ? &run->validation : run->test.present ? &run->test : &run->train;
}

static as_status fit(as_patient *p, const as_run_data *part, as_fit *out)
{
    return part->present ? as_fit_measure((as_network *)p->run.estimator, &part->data, FIT_ROWS, out) : AS_OK;
}

static as_status point(as_patient *p, as_point *out)
{
    return as_point_measure((as_network *)p->run.estimator, &p->run.train.data, POINT_ROWS, AS_POINT_CURVATURE, out);
}

/* Collective. The validation rows at their lowest loss, where best.h5 was kept; what cannot be read is not judged. */
static as_status look_at_best(as_patient *p)
{
    char path[700];
    struct stat info;
    as_world *world = p->options->world;
    snprintf(path, sizeof path, "%.600s/best.h5", p->options->path);
    int there = p->run.validation.present && as_world_rank(world) == 0 && stat(path, &info) == 0 ? 1 : 0;
    AS_TRY(as_world_broadcast(world, 0, &there, sizeof there));
    if (there == 0) {
        return AS_OK;
    }
    AS_TRY(as_patient_restore(p, false));
    const as_status status = load_file(p, path);
    if (status == AS_OK) {
        p->c.best_step = p->run.progress.step;
        return fit(p, &p->run.validation, &p->c.best);
    }
    return status == AS_DATA || status == AS_CONFIG || status == AS_NOINPUT ? AS_OK : status;
}

static as_status look_after_training(as_patient *p)
{
    as_case *c = &p->c;
    as_network *network = (as_network *)p->run.estimator;
    AS_TRY(look_at_best(p));
    AS_TRY(as_patient_restore(p, true));
    if (!p->saved) {
        return AS_OK;
    }
    c->final_step = p->run.progress.step;
    c->lr_now =
        network->optimizer.lr *
        as_schedule_factor(&network->schedule, c->final_step > 0 ? c->final_step - 1 : 0, c->steps, c->steps_per_epoch);
    c->cold = c->final_step > network->schedule.warmup && c->lr_now < 0.1 * c->lr;
    note_log(c);
    AS_TRY(fit(p, &p->run.train, &c->now));
    AS_TRY(fit(p, p->run.validation.present ? &p->run.validation : &p->run.test, &c->held_out));
    if (c->ema > 0) {
        network_use_own(network);
        const as_status status = fit(p, as_patient_judged(p), &c->own);
        AS_TRY(network_use_judged(network));
        AS_TRY(status);
    }
    return point(p, &c->point);
}

/* The loss that was logged last, up to a step; NaN: none. */
static double logged_loss(const as_history *h, int64_t step)
{
    double loss = (double)NAN;
    for (int64_t i = 0; i < h->nsteps && h->step[i].step <= step; i++) {
        loss = h->step[i].loss;
    }
    return loss;
}

/* Where a point could not be measured (no checkpoint), records stand in. */
static as_status look_at_records(as_case *c)
{
    const bool begins = c->records.n > 0 && c->course.first == 1;
    if (begins) {
        AS_TRY(as_course_point(&c->records, &c->course, logged_loss(&c->history, 1), true, &c->start));
    }
    return as_course_point(&c->records, &c->course, logged_loss(&c->history, c->course.last), false, &c->point);
}

static as_status look_at_model(as_patient *p)
{
    as_case *c = &p->c;
    if (c->separates && c->classifies) {
        AS_TRY(as_world_agree(p->options->world, as_dependence_separate(&c->train, &c->columns, &c->separation)));
    }
    if (c->network == NULL) {
        c->chance = c->entropy || c->squares ? as_case_guess(c) : (double)NAN;
        return AS_OK;
    }
    AS_TRY(as_world_agree(p->options->world, as_case_chance(c->network, &c->train, &c->chance)));
    AS_TRY(fit(p, &p->run.train, &c->first));
    AS_TRY(point(p, &c->start));
    if (c->trained) {
        AS_TRY(look_after_training(p));
    }
    AS_TRY(as_patient_try_rates(p));
    return as_world_agree(p->options->world, look_at_records(c));
}

static as_status examine(as_patient *p)
{
    AS_TRY(as_world_agree(p->options->world, load_config(p)));
    AS_TRY(as_patient_open_tolerant(p));
    describe_config(p);
    AS_TRY(as_patient_look_at_data(p));
    describe_model(p);
    if (p->c.trained) {
        AS_TRY(read_logs(p));
        note_log(&p->c);
    }
    return look_at_model(p);
}

as_status as_diagnose(const as_diagnose_options *options, as_diagnose_result *out)
{
    as_patient *p = calloc(1, sizeof *p);
    *out = (as_diagnose_result){0};
    AS_TRY(as_world_agree(options->world, p == NULL ? as_error_set(AS_NOMEM, "out of memory") : AS_OK));
    p->options = options;
    p->c.chance = p->c.separation = (double)NAN;
    as_status status = examine(p);
    if (status == AS_OK) {
        status = as_world_agree(options->world, as_diagnosis_make(&p->c, &out->diagnosis));
    }
    if (status == AS_OK && options->try_steps > 0) {
        status = as_patient_try_change(p, &out->diagnosis, &out->trial);
    }
    snprintf(out->name, sizeof out->name, "%s", options->path != NULL ? options->path : p->c.name);
    snprintf(out->note, sizeof out->note, "%s", p->c.note);
    out->trained = p->c.trained;
    out->course = p->c.course;
    as_case_free(&p->c);
    as_patient_close(p);
    if (p->configured) {
        as_config_destroy(&p->config);
    }
    as_text_free(&p->config_text);
    free(p);
    return status;
}

void as_diagnose_free(as_diagnose_result *result)
{
    as_diagnosis_free(&result->diagnosis);
}
