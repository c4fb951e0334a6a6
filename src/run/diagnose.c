/* From a path to a case: the configuration, the data, the model at its start and after training, and what was logged.
   Everything that the rules see is the same on every rank. */
#include "run/diagnose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "kernels/scalar_math.h"
#include "run/run_state.h"

enum { SAMPLE_ROWS = 4096, SAMPLE_ELEMENTS = 1 << 20, FIT_ROWS = 4096, TEXT_MOST = 1 << 28 };

typedef struct patient {
    const as_diagnose_options *options;
    as_config config;
    bool configured;
    as_text config_text; /* as it was given: what checkpoints hold */
    as_run_options run_options;
    as_run run;
    bool open;
    as_log silent;
    as_case c;
} patient;

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
static as_status read_shared(const patient *p, const char *name, char **out)
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

static as_status load_config(patient *p)
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
        snprintf(path, sizeof path, "%.1000s%s", o->path, p->c.trained ? "/config.yaml" : "");
        if (p->c.trained && stat(path, &info) != 0) {
            AS_FAIL(AS_NOINPUT, "%s: no run: it has no config.yaml", o->path);
        }
    }
    p->configured = true;
    AS_TRY(as_config_load(o->path != NULL ? 1 : 0, files, o->nsets, o->set, &p->config));
    return as_config_write(&p->config, &p->config_text);
}

/* ---- data and model ---- */

static as_status open_run(patient *p)
{
    const as_diagnose_options *o = p->options;
    p->run_options = (as_run_options){.config = &p->config,
                                      .world = o->world,
                                      .threads = o->threads,
                                      .isa = o->isa,
                                      .version = "",
                                      .log = &p->silent};
    p->open = true;
    return as_run_open(&p->run_options, &p->run);
}

static void close_run(patient *p)
{
    if (p->open) {
        as_run_close(&p->run);
    }
    p->open = false;
}

static double value_of(const as_dataset *data, int64_t row, int64_t column)
{
    const int64_t at = (data->start != NULL ? data->start[row] : row) * data->stride + column;
    return data->type == AS_U8    ? 0.0
           : data->type == AS_F32 ? (double)((const float *)data->x)[at]
                                  : ((const double *)data->x)[at];
}

/* Collective. How many inputs of the training data are missing, and the first of them by id. */
static as_status count_missing(patient *p)
{
    as_config *config = &p->config;
    as_lanes lanes = {0};
    as_dataset data = {0};
    struct {
        double count;
        int64_t id, column;
    } mine = {.id = INT64_MAX}, *all = NULL;
    const size_t ranks = (size_t)as_world_size(p->options->world);
    config->data.missing = AS_MISSING_MEAN;
    as_status status =
        as_world_agree(p->options->world, as_lanes_create(as_config_lanes(config), p->options->world, &lanes));
    if (status == AS_OK) {
        status =
            as_dataset_open(&config->data, AS_TRAIN, p->options->world, &lanes, (uint64_t)config->seed, NULL, &data);
    }
    for (int64_t r = 0; status == AS_OK && r < data.local_rows; r++) {
        for (int64_t j = data.width - 1; j >= 0; j--) {
            if (isnan(value_of(&data, r, j))) {
                mine.count++;
                if (data.id[r] <= mine.id) {
                    mine.id = data.id[r];
                    mine.column = j;
                }
            }
        }
    }
    all = calloc(ranks, sizeof *all);
    if (status == AS_OK) {
        status = as_world_agree(p->options->world, all == NULL ? as_error_set(AS_NOMEM, "out of memory") : AS_OK);
    }
    if (status == AS_OK) {
        status = as_world_all_gather(p->options->world, &mine, sizeof mine, all);
    }
    p->c.missing_id = INT64_MAX;
    for (size_t r = 0; status == AS_OK && r < ranks; r++) {
        p->c.missing += all[r].count;
        if (all[r].id < p->c.missing_id) {
            p->c.missing_id = all[r].id;
            p->c.missing_column = all[r].column;
        }
    }
    free(all);
    as_dataset_close(&data);
    as_lanes_destroy(&lanes);
    return status;
}

/* The reader's message without the rank that it came from. */
static void note_missing(patient *p)
{
    const char *message = as_error_message(), *after = strstr(message, "): ");
    snprintf(p->c.missing_message, sizeof p->c.missing_message, "%.255s",
             strncmp(message, "rank ", 5) == 0 && after != NULL ? after + 3 : message);
}

/* Collective. Opens the run; where values are missing, counts them and opens it without them. */
static as_status open_tolerant(patient *p)
{
    as_status status = open_run(p);
    if (status != AS_DATA || p->config.data.missing != AS_MISSING_ERROR ||
        strstr(as_error_message(), "data.missing") == NULL) {
        return status;
    }
    note_missing(p);
    close_run(p);
    if (count_missing(p) == AS_OK) {
        p->c.missing_message[0] = '\0';
        status = open_run(p);
        if (status == AS_OK || p->c.missing == 0) {
            return status;
        }
        close_run(p);
    }
    p->config.data.missing = AS_MISSING_DROP;
    return open_run(p);
}

/* ---- the case ---- */

static double option_number(const as_node *node, const char *key, double standard)
{
    const as_node *item = as_node_get(node, key);
    double value;
    return item != NULL && item->kind == AS_NODE_SCALAR && as_text_to_real(item->text, &value) ? value : standard;
}

/* One layer with parameters, without an activation, and nothing else that bends. */
static bool is_linear(const as_model *model)
{
    int learns = 0;
    for (int l = 0; l < model->nlayers; l++) {
        const as_layer *layer = &model->layer[l];
        const char *kind = layer->ops->name;
        if (strcmp(kind, "dense") == 0) {
            const as_node *activation = as_node_get(layer->node, "activation");
            const as_node *inner = as_node_get(as_node_get(layer->node, "dense"), "activation");
            activation = activation != NULL ? activation : inner;
            if (activation != NULL && (activation->kind != AS_NODE_SCALAR || strcmp(activation->text, "none") != 0)) {
                return false;
            }
            learns++;
        } else if (strcmp(kind, "flatten") != 0 && strcmp(kind, "reshape") != 0) {
            return false;
        }
    }
    return learns == 1;
}

static void describe_model(patient *p)
{
    as_case *c = &p->c;
    const as_network *network = (const as_network *)p->run.estimator;
    if (strcmp(p->run.estimator->ops->name, "network") != 0) {
        c->family = AS_FAMILY_OTHER;
        return;
    }
    const as_model *model = &network->model;
    const char *optimizer = network->optimizer.ops->name, *loss = model->head[0].loss->name;
    const bool plain = strcmp(optimizer, "sgd") == 0 || strcmp(optimizer, "lars") == 0;
    c->network = network;
    c->family = plain ? AS_FAMILY_PLAIN : AS_FAMILY_ADAPTIVE;
    c->linear = is_linear(model);
    c->lr = network->optimizer.lr;
    c->weight_decay = network->optimizer.weight_decay;
    c->l2 = model->l2;
    c->momentum = option_number(p->config.optimizer, "momentum", 0);
    c->regresses = c->train.target != NULL && !p->config.data.reconstruct &&
                   (strcmp(loss, "mse") == 0 || strcmp(loss, "mae") == 0 || strcmp(loss, "huber") == 0);
}

/* Collective. Rows of each class in all of the training data. */
static as_status count_classes(patient *p, double *out)
{
    const as_dataset *data = &p->run.train.data;
    const size_t n = (size_t)data->classes, ranks = (size_t)as_world_size(p->options->world);
    double *all = calloc(n * (ranks + 1), sizeof *all), *mine = all + n * ranks;
    AS_TRY(as_world_agree(p->options->world,
                          all == NULL ? as_error_set(AS_NOMEM, "out of memory for %zu classes", n) : AS_OK));
    for (int64_t r = 0; r < data->local_rows; r++) {
        if (data->label[r] >= 0) {
            mine[data->label[r]]++;
        }
    }
    const as_status status = as_world_all_gather(p->options->world, mine, n * sizeof *mine, all);
    for (size_t i = 0; i < n * ranks; i++) {
        out[i % n] += all[i];
    }
    free(all);
    return status;
}

/* Collective. Rows of a held out set whose inputs are those of training rows. */
static as_status compare_rows(patient *p, const as_run_data *other, const as_row_hashes *train, double keep)
{
    as_row_hashes held = {0};
    double same = 0;
    AS_TRY(as_row_hashes_gather(p->options->world, &other->data, keep, &held));
    for (int64_t i = 0, t = 0; i < held.rows; i++) {
        while (t < train->rows && train->hash[t] < held.hash[i]) {
            t++;
        }
        same += t < train->rows && train->hash[t] == held.hash[i] ? 1 : 0;
    }
    const double rows = p->c.duplicate_rows + (double)held.rows;
    if (rows > 0) {
        p->c.duplicate_share = (p->c.duplicate_share * p->c.duplicate_rows + same) / rows;
    }
    p->c.duplicate_rows = rows;
    free(held.hash);
    return AS_OK;
}

/* What independent columns with these frequencies would repeat by chance. */
static double expected_duplicates(const as_case *c, double rows)
{
    double collide = 1;
    for (int64_t j = 0; j < c->columns.n; j++) {
        const as_column_facts *x = &c->columns.column[j];
        collide *= x->distinct > 0.5 * (double)c->train.rows ? 0 : x->collide;
    }
    const double none = rows * collide; /* 1 - (1 - q)^n for small q, and its limit */
    return c->columns.n == 0 || none > 30 ? 1 : none < 1e-4 ? none : 1 - as_pow_f64(1 - collide, rows);
}

static as_status find_duplicates(patient *p)
{
    const as_run *run = &p->run;
    const double most = 4e6, rows = (double)run->train.data.rows, keep = rows > most ? most / rows : 1;
    as_row_hashes train = {0};
    if (!run->validation.present && !run->test.present) {
        return AS_OK;
    }
    if (run->train.data.tokenizer != NULL || run->train.data.step > 0) {
        return AS_OK; /* windows over one sequence overlap */
    }
    as_status status = as_row_hashes_gather(p->options->world, &run->train.data, keep, &train);
    if (status == AS_OK && run->validation.present) {
        status = compare_rows(p, &run->validation, &train, keep);
    }
    if (status == AS_OK && run->test.present) {
        status = compare_rows(p, &run->test, &train, keep);
    }
    free(train.hash);
    p->c.duplicate_expected = expected_duplicates(&p->c, rows);
    return status;
}

static as_status look_at_data(patient *p)
{
    as_case *c = &p->c;
    const as_run *run = &p->run;
    const as_dataset *data = &run->train.data;
    as_world *world = p->options->world;
    double *classes = NULL;
    AS_TRY(as_sample_gather(world, data, &run->normalization, SAMPLE_ROWS, SAMPLE_ELEMENTS, &c->train));
    c->classifies = c->train.label != NULL;
    if (data->tokenizer != NULL) {
        return AS_OK;
    }
    if (c->classifies) {
        classes = calloc((size_t)data->classes + 1, sizeof *classes);
        AS_TRY(as_world_agree(world, classes == NULL ? as_error_set(AS_NOMEM, "out of memory for classes") : AS_OK));
        AS_TRY(count_classes(p, classes));
    }
    const as_status status = as_world_agree(world, as_columns_make(&c->train, classes, &c->columns));
    free(classes);
    AS_TRY(status);
    AS_TRY(as_world_agree(world, as_design_measure(&c->train, &c->columns, data->type != AS_F32, &c->design)));
    return find_duplicates(p);
}

static void describe_config(patient *p)
{
    const as_config *config = &p->config;
    as_case *c = &p->c;
    snprintf(c->name, sizeof c->name, "%s", config->name);
    c->batch = config->train.batch;
    c->shuffle = config->data.shuffle;
    c->contiguous = config->data.assign == 1;
    c->normalized = config->data.normalize != AS_NORMALIZE_NONE;
    c->weighted = config->data.class_weights.n > 0;
    c->validation_share = config->data.validation;
    c->clip_norm = config->train.clip_norm;
    c->reconstructs = config->data.reconstruct;
    c->steps = p->run.total_steps;
    c->steps_per_epoch = as_sampler_batches(p->run.train.sampler);
    if (c->batch == 0) {
        c->batch = p->run.train.data.rows;
    }
}

/* ---- after training ---- */

static as_status read_logs(patient *p)
{
    char *text = NULL;
    as_status status = read_shared(p, "metrics.jsonl", &text);
    if (status == AS_OK) {
        status = as_world_agree(p->options->world, as_history_read(text, &p->c.history));
    }
    free(text);
    text = NULL;
    if (status == AS_OK) {
        status = read_shared(p, "status.json", &text);
    }
    if (status == AS_OK) {
        p->c.diverged = strstr(text, "\"diverged\"") != NULL;
    }
    free(text);
    return status;
}

/* Collective. The newest state of the run into the estimator; *found: there is one. */
static as_status load_state(patient *p, bool *found)
{
    static const char *const anything[] = {"data",       "optimizer", "schedule", "train",
                                           "checkpoint", "log",       "name",     "start"};
    char path[700];
    struct stat info;
    snprintf(path, sizeof path, "%.600s/final.h5", p->options->path);
    int there = as_world_rank(p->options->world) == 0 && stat(path, &info) == 0 ? 1 : 0;
    AS_TRY(as_world_broadcast(p->options->world, 0, &there, sizeof there));
    if (there == 0) {
        AS_TRY(as_checkpoint_find(p->options->world, p->options->path, &p->silent, path, sizeof path));
    }
    *found = path[0] != '\0';
    if (!*found) {
        return AS_OK;
    }
    as_checkpoint_parts parts = as_run_parts(&p->run);
    parts.config = p->config_text.data;
    parts.data = NULL;
    parts.normalization = NULL;
    parts.history = NULL;
    return as_checkpoint_load(p->options->world, path, (int)(sizeof anything / sizeof anything[0]), anything, &parts);
}

static as_status fit(patient *p, const as_run_data *part, as_fit *out)
{
    return part->present ? as_fit_measure((as_network *)p->run.estimator, &part->data, FIT_ROWS, out) : AS_OK;
}

static as_status look_at_model(patient *p)
{
    as_case *c = &p->c;
    bool found = false;
    if (c->network == NULL) {
        return AS_OK;
    }
    AS_TRY(as_world_agree(p->options->world, as_case_chance(c->network, &c->train, &c->chance)));
    AS_TRY(fit(p, &p->run.train, &c->first));
    if (!c->trained) {
        return AS_OK;
    }
    AS_TRY(load_state(p, &found));
    if (!found) {
        return AS_OK;
    }
    AS_TRY(fit(p, &p->run.train, &c->now));
    return fit(p, p->run.validation.present ? &p->run.validation : &p->run.test, &c->held_out);
}

static as_status examine(patient *p)
{
    AS_TRY(as_world_agree(p->options->world, load_config(p)));
    AS_TRY(open_tolerant(p));
    describe_config(p);
    AS_TRY(look_at_data(p));
    describe_model(p);
    if (p->c.trained) {
        AS_TRY(read_logs(p));
    }
    return look_at_model(p);
}

as_status as_diagnose(const as_diagnose_options *options, as_diagnose_result *out)
{
    patient *p = calloc(1, sizeof *p);
    *out = (as_diagnose_result){0};
    AS_TRY(as_world_agree(options->world, p == NULL ? as_error_set(AS_NOMEM, "out of memory") : AS_OK));
    p->options = options;
    p->c.chance = (double)NAN;
    as_status status = examine(p);
    if (status == AS_OK) {
        status = as_world_agree(options->world, as_diagnosis_make(&p->c, &out->diagnosis));
    }
    snprintf(out->name, sizeof out->name, "%s", options->path != NULL ? options->path : p->c.name);
    out->trained = p->c.trained;
    as_case_free(&p->c);
    close_run(p);
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
