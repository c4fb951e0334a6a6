/* The configuration of a run: one tree from files and overrides, read section by section. */
#include "run/config.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/tree.h"
#include "estimator/estimator.h"
#include "estimator/statistic.h"
#include "io/yaml.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "run/config_sections.h"

/* Sections as the tables see them: numbers that may also be a word are read as texts first. */
typedef struct root_options {
    const char *name, *lanes;
    int64_t seed;
    int precision;
    const as_node *data, *model, *optimizer, *schedule, *train, *start, *checkpoint, *log, *probe;
} root_options;

typedef struct train_section {
    as_train_options options;
    const char *batch;
} train_section;

static const char *const precisions[] = {"float32", "float64", NULL};

#define SECTION(key, text)                                                                                             \
    {                                                                                                                  \
        .name = #key, .type = AS_FIELD_NODE, .offset = offsetof(root_options, key), .standard = "", .help = text       \
    }

/* Words beside whole numbers. */
static const char *const lanes_word[] = {"auto", NULL}, *const batch_word[] = {"full", NULL};
#define BATCH_MAX (INT64_C(1) << 40)

const as_field as_root_fields[] = {
    {.name = "name",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(root_options, name),
     .standard = "",
     .help = "Name of the run and of its directory, runs/NAME; by default that of the file.",
     .free = true},
    {.name = "seed",
     .type = AS_FIELD_INT,
     .offset = offsetof(root_options, seed),
     .standard = "1",
     .min = 0,
     .max = 0x1p53,
     .help = "Key of every random number: initial parameters, order of the samples, dropout, validation split."},
    {.name = "lanes",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(root_options, lanes),
     .standard = "auto",
     .min = 1,
     .max = AS_LANES_MAX,
     .choices = lanes_word,
     .help =
         "Lanes that every batch is cut into, 1 to 4096, at least as many as ranks: part of the numbers like the seed; "
         "auto: 24 where the batch is full or each gets 16 samples of it (of a text: a sample, and 16 tokens), else "
         "the "
         "largest of 16, 12, 8, 6, 4, 3, 2, 1 that does."},
    {.name = "precision",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(root_options, precision),
     .standard = "float32",
     .choices = precisions,
     .help = "Type of parameters, activations and gradients; losses and norms are summed in double."},
    SECTION(data, "Where the samples come from and how they are prepared."),
    SECTION(model, "What is trained."),
    SECTION(optimizer, "How the parameters follow the gradient."),
    SECTION(schedule, "How the learning rate changes over the steps."),
    SECTION(train, "How long and in what batches."),
    SECTION(start, "Weights to begin with."),
    SECTION(checkpoint, "When the state is saved."),
    SECTION(log, "What is reported, and when."),
    SECTION(probe, "Instruments: what is measured beside training, without changing a bit of it."),
    AS_FIELDS_END};

#define TRAIN(key, kind, text) .name = #key, .type = kind, .offset = offsetof(train_section, options.key), .help = text

const as_field as_train_fields[] = {
    {.name = "batch",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(train_section, batch),
     .standard = "128",
     .min = 1,
     .max = BATCH_MAX,
     .choices = batch_word,
     .unit = "samples",
     .help = "Samples of a step over all ranks and threads; full: all of them in every step."},
    {TRAIN(epochs, AS_FIELD_INT, "Passes over the training data; give this or steps."), .standard = "0", .min = 0,
     .max = 1e12},
    {TRAIN(steps, AS_FIELD_INT, "Steps from the beginning of the run; give this or epochs."), .standard = "0", .min = 0,
     .max = 1e15},
    {TRAIN(micro_batch, AS_FIELD_INT,
           "Rows that a rank works on at a time, to save memory (the same bits); 0: all of its rows."),
     .standard = "0", .min = 0, .max = 1e12, .unit = "samples", .free = true},
    {TRAIN(clip_norm, AS_FIELD_REAL, "Largest norm of the whole gradient; a larger one is scaled down to it; 0: off."),
     .standard = "0", .min = 0, .max = 1e300},
    {TRAIN(clip_value, AS_FIELD_REAL, "Largest magnitude of a gradient's elements; 0: off."), .standard = "0", .min = 0,
     .max = 1e300},
    {TRAIN(ema, AS_FIELD_REAL, "Decay per step of the averaged weights, which evaluation then uses; 0: off."),
     .standard = "0", .min = 0, .max = 0.9999999},
    {TRAIN(patience, AS_FIELD_INT, "Evaluations without improvement before training stops early; 0: never."),
     .standard = "0", .min = 0, .max = 1e9},
    {TRAIN(min_delta, AS_FIELD_REAL, "Least change of the watched loss that counts as an improvement."),
     .standard = "0", .min = 0, .max = 1e300},
    {TRAIN(eval_batch, AS_FIELD_INT, "Samples of a batch in evaluations."), .standard = "1024", .min = 1, .max = 1e12,
     .unit = "samples"},
    {TRAIN(target, AS_FIELD_TEXT,
           "\"METRIC >= VALUE\" or \"METRIC <= VALUE\" of the final evaluation; missed: exit code 4."),
     .standard = "", .free = true},
    AS_FIELDS_END};

static const char *const layouts[] = {"torch", "native", "keras", NULL};

#define START(key, kind, text) .name = #key, .type = kind, .offset = offsetof(as_start_options, key), .help = text

const as_field as_start_fields[] = {
    {START(from, AS_FIELD_TEXT,
           "Another run (its final.h5, or its newest checkpoint), a checkpoint, safetensors or NPZ file whose weights "
           "this run begins with."),
     .standard = ""},
    {START(layout, AS_FIELD_CHOICE,
           "How a safetensors or NPZ file keeps the arrays: with PyTorch's names and order of axes, or as here; keras: "
           "an "
           "HDF5 file of Keras."),
     .standard = "torch", .choices = layouts},
    {START(rename, AS_FIELD_TEXTS,
           "What things are called in the file: \"OURS=THEIRS\", for an array (head.weight=fc.weight) or a layer."),
     .standard = ""},
    {START(fresh, AS_FIELD_TEXTS,
           "Layers that start anew, such as a replaced head; what the file has of them is left."),
     .standard = ""},
    {START(ignore, AS_FIELD_TEXTS, "Arrays of the file, or layers of it, that are of no use here."), .standard = ""},
    AS_FIELDS_END};

const as_field as_checkpoint_fields[] = {
    {.name = "every",
     .type = AS_FIELD_EVERY,
     .offset = offsetof(as_checkpoint_options, every),
     .standard = "10 minutes",
     .help = "How often, besides one when training stops: N steps, epochs, seconds, minutes or hours, or never.",
     .free = true},
    {.name = "keep",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_checkpoint_options, keep),
     .standard = "3",
     .min = 1,
     .max = 1e6,
     .help = "Newest verified checkpoints that are kept, besides the best one.",
     .free = true},
    {.name = "best",
     .type = AS_FIELD_BOOL,
     .offset = offsetof(as_checkpoint_options, best),
     .standard = "true",
     .help = "Keeps the checkpoint of the best validation loss.",
     .free = true},
    AS_FIELDS_END};

const as_field as_log_fields[] = {
    {.name = "every",
     .type = AS_FIELD_EVERY,
     .offset = offsetof(as_log_options, every),
     .standard = "50 steps",
     .help = "How often a line of metrics.jsonl is written: N steps or epochs, or never.",
     .free = true},
    {.name = "evaluate",
     .type = AS_FIELD_EVERY,
     .offset = offsetof(as_log_options, evaluate),
     .standard = "1 epochs",
     .help = "How often the validation data are evaluated, besides at the end: N steps or epochs, or never."},
    AS_FIELDS_END};

/* A whole number from 1 to max, or a word that stands for 0. */
static as_status count_or_word(const as_node *section, const char *key, const char *path, const char *text,
                               const char *word, int64_t max, int64_t *out)
{
    const as_node *node = as_node_get(section, key);
    *out = 0;
    if (strcmp(text != NULL ? text : "", word) == 0) {
        return AS_OK;
    }
    if (text == NULL || !as_text_to_int(text, out) || *out < 1 || *out > max) {
        AS_FAIL(AS_CONFIG, "%s: %s: expected %s or a whole number from 1 to %lld, found '%s'", as_node_place(node),
                path, word, (long long)max, text != NULL ? text : "");
    }
    return AS_OK;
}

static as_status parse_root(as_config *c, root_options *o)
{
    const as_fields_part part = {as_root_fields, o};
    if (c->root->kind != AS_NODE_MAP) {
        AS_FAIL(AS_CONFIG, "%s: expected a map of sections (data, model, optimizer, train, ...), found %s",
                as_node_place(c->root), c->root->kind == AS_NODE_NULL ? "nothing" : "something else");
    }
    static const char *const of_model[] = {"loss", "losses", "layers", "blocks", NULL};
    for (int i = 0; of_model[i] != NULL; i++) {
        const as_node *lost = as_node_get(c->root, of_model[i]);
        if (lost != NULL) {
            AS_FAIL(AS_CONFIG, "%s: unknown key '%s': it belongs below model:", as_node_place(lost), of_model[i]);
        }
    }
    AS_TRY(as_fields_parse(&part, 1, c->document, c->root, ""));
    c->name = o->name != NULL ? o->name : c->name;
    for (const char *s = c->name; *s != '\0'; s++) {
        if (*s == '/' || (s == c->name && *s == '.')) {
            AS_FAIL(AS_CONFIG,
                    "%s: name: expected a name for a directory without '/' and not beginning with '.', found '%s'",
                    as_node_place(as_node_get(c->root, "name")), c->name);
        }
    }
    c->seed = o->seed;
    c->precision = o->precision;
    c->model = o->model;
    c->optimizer = o->optimizer;
    c->schedule = o->schedule;
    return count_or_word(c->root, "lanes", "lanes", o->lanes, lanes_word[0], AS_LANES_MAX, &c->lanes);
}

/* "accuracy >= 0.9" */
static as_status check_target(const as_node *node, const char *target)
{
    char name[64], sense[3], number[64];
    double value;
    if (sscanf(target, "%63[^ <>=] %2[<>=] %63[0-9.eE+-]", name, sense, number) != 3 || sense[1] != '=' ||
        sense[0] == '=' || !as_text_to_real(number, &value)) {
        AS_FAIL(AS_CONFIG, "%s: train.target: expected \"METRIC >= VALUE\" or \"METRIC <= VALUE\", found '%s'",
                as_node_place(as_node_get(node, "target")), target);
    }
    return AS_OK;
}

/* Passes over the data that a statistical model may take, where the configuration does not say. */
enum { PASSES = 1000 };

/* A statistical model takes all samples in every step, stops by itself, and tells of each step; it has no optimizer. */
static as_status settle_statistic(as_config *c, const as_statistic_ops *ops, const as_node *train, const as_node *log)
{
    if (c->optimizer != NULL || c->schedule != NULL) {
        AS_FAIL(AS_CONFIG, "%s: a model of type %s has no optimizer and no schedule",
                as_node_place(c->optimizer != NULL ? c->optimizer : c->schedule), as_node_get(c->model, "type")->text);
    }
    c->data.wanted = ops->target;
    c->data.shuffle = false; /* an order within a pass means nothing to it */
    c->train.batch = as_node_get(train, "batch") == NULL ? 0 : c->train.batch;
    c->train.steps = c->train.steps + c->train.epochs == 0 ? PASSES : c->train.steps;
    c->log.every = as_node_get(log, "every") == NULL ? (as_every){.steps = 1} : c->log.every;
    c->log.evaluate = as_node_get(log, "evaluate") == NULL ? (as_every){0} : c->log.evaluate;
    return AS_OK;
}

static as_status parse_train(as_config *c, const as_node *node)
{
    train_section s = {0};
    const as_fields_part part = {as_train_fields, &s};
    AS_TRY(as_fields_parse(&part, 1, c->document, node, "train"));
    c->train = s.options;
    AS_TRY(count_or_word(node, "batch", "train.batch", s.batch, batch_word[0], BATCH_MAX, &c->train.batch));
    if (c->train.epochs > 0 && c->train.steps > 0) {
        AS_FAIL(AS_CONFIG, "%s: train.steps: give epochs (%s) or steps, not both",
                as_node_place(as_node_get(node, "steps")), as_node_place(as_node_get(node, "epochs")));
    }
    return c->train.target == NULL ? AS_OK : check_target(node, c->train.target);
}

static as_status no_minutes(const as_node *section, const char *key, const as_every *every)
{
    if (every->minutes > 0) {
        AS_FAIL(AS_CONFIG, "%s: log.%s: expected steps or epochs: results may not depend on time",
                as_node_place(as_node_get(section, key)), key);
    }
    return AS_OK;
}

static as_status parse_log(as_config *c, const as_node *node)
{
    const as_fields_part part = {as_log_fields, &c->log};
    AS_TRY(as_fields_parse(&part, 1, c->document, node, "log"));
    AS_TRY(no_minutes(node, "every", &c->log.every));
    return no_minutes(node, "evaluate", &c->log.evaluate);
}

/* The sections that are read by others later: their kinds and keys are checked now, before anything is opened. */
static as_status check_kinds(const as_config *c)
{
    as_optimizer optimizer;
    as_schedule schedule;
    as_text text = {0};
    AS_TRY(as_optimizer_parse(c->document, c->optimizer, as_kernels_get(AS_PORTABLE, AS_FLOAT32), &optimizer));
    AS_TRY(as_schedule_parse(c->document, c->schedule, &schedule));
    const as_status status = as_config_model_write(c->document, c->model != NULL ? c->model : c->root, 2, &text);
    as_text_free(&text);
    return status;
}

/* Neither epochs nor steps, or 0 of them. An override, which has no line, is the one that was meant. */
static as_status no_length(const as_node *train, const as_node *root)
{
    const as_node *const epochs = as_node_get(train, "epochs"), *const steps = as_node_get(train, "steps");
    if (epochs == NULL && steps == NULL) {
        AS_FAIL(AS_CONFIG, "%s: train: expected epochs or steps, found neither",
                as_node_place(train != NULL ? train : root));
    }
    const bool by_epochs = epochs != NULL && (steps == NULL || epochs->line == 0);
    AS_FAIL(AS_CONFIG, "%s: train.%s: expected a whole number >= 1 here or for train.%s, found '0'",
            as_node_place(by_epochs ? epochs : steps), by_epochs ? "epochs" : "steps", by_epochs ? "steps" : "epochs");
}

static as_status parse_sections(as_config *c)
{
    root_options o = {0};
    AS_TRY(parse_root(c, &o));
    if (o.model == NULL) {
        AS_FAIL(AS_CONFIG, "%s: missing section 'model' (what is trained; see: allsum explain model)",
                as_node_place(c->root));
    }
    if (o.model->kind != AS_NODE_MAP) {
        const bool word = o.model->kind == AS_NODE_SCALAR;
        AS_FAIL(AS_CONFIG, "%s: model: expected a map such as {type: %s}, found %s%s", as_node_place(o.model),
                word ? o.model->text : "ols", word ? "the word " : "no map", word ? o.model->text : "");
    }
    if (o.data == NULL || o.data->kind == AS_NODE_NULL) {
        AS_FAIL(AS_CONFIG,
                "%s: missing section 'data' (what it learns from, such as data: {train: {format: idx, x: FILE, y: "
                "FILE}}; see: allsum explain data)",
                as_node_place(c->root));
    }
    AS_TRY(as_data_options_parse(c->document, o.data, &c->data));
    AS_TRY(parse_train(c, o.train));
    const as_fields_part start = {as_start_fields, &c->start};
    AS_TRY(as_fields_parse(&start, 1, c->document, o.start, "start"));
    if (c->start.from == NULL && c->start.fresh.n + c->start.ignore.n + c->start.rename.n > 0) {
        AS_FAIL(AS_CONFIG, "%s: start: missing key 'from' (the file whose weights this run begins with)",
                as_node_place(o.start));
    }
    const as_fields_part part = {as_checkpoint_fields, &c->checkpoint};
    AS_TRY(as_fields_parse(&part, 1, c->document, o.checkpoint, "checkpoint"));
    AS_TRY(parse_log(c, o.log));
    AS_TRY(as_probe_parse(c->document, o.probe, &c->probe));
    const as_estimator_ops *ops = NULL;
    AS_TRY(as_estimator_find(c->model, &ops));
    c->statistic = ops->statistic != NULL;
    if (c->statistic) {
        AS_TRY(settle_statistic(c, ops->statistic, o.train, o.log));
    }
    if (c->train.epochs == 0 && c->train.steps == 0) {
        return no_length(o.train, c->root);
    }
    return check_kinds(c);
}

/* standard: the tree is the built-in configuration. */
static as_status finish(as_config *c, bool standard, as_node *root, int nsets, const char *const *set)
{
    for (int i = 0; i < nsets; i++) {
        AS_TRY(as_config_override(c->document, root, set[i]));
    }
    if (standard) {
        as_config_fit_default(root);
    }
    c->root = root;
    return parse_sections(c);
}

/* "fashion-mlp" from "configs/fashion-mlp.yaml". */
static as_status name_of_file(as_config *c, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = as_document_copy(c->document, slash != NULL ? slash + 1 : path);
    if (name == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a configuration");
    }
    char *dot = strrchr(name, '.');
    if (dot != NULL && dot != name) {
        *dot = '\0';
    }
    c->name = name[0] != '\0' && name[0] != '.' ? name : "run";
    return AS_OK;
}

as_status as_config_load(int nfiles, const char *const *file, int nsets, const char *const *set, as_config *out)
{
    *out = (as_config){.name = "run"};
    AS_TRY(as_document_create(&out->document));
    as_node *root = NULL;
    if (nfiles == 0) {
        AS_TRY(as_yaml_parse(out->document, "built-in configuration", as_config_default_text(), &root));
    }
    for (int i = 0; i < nfiles; i++) {
        as_node *over = NULL;
        AS_TRY(as_yaml_read(out->document, file[i], &over));
        AS_TRY(as_config_merge(out->document, root, over, &root));
        AS_TRY(name_of_file(out, file[i]));
    }
    return finish(out, nfiles == 0, root, nsets, set);
}

as_status as_config_parse(const char *name, const char *text, int nsets, const char *const *set, as_config *out)
{
    *out = (as_config){.name = "run"};
    AS_TRY(as_document_create(&out->document));
    as_node *root = NULL;
    AS_TRY(as_yaml_parse(out->document, name, text, &root));
    return finish(out, false, root, nsets, set);
}

void as_config_destroy(as_config *config)
{
    as_document_destroy(&config->document);
    *config = (as_config){0};
}

int as_config_lanes(const as_config *config, int64_t batch)
{
    if (config->lanes > 0) {
        return (int)config->lanes;
    }
    const as_source *const train = &config->data.train;
    const int64_t positions =
        train->ops != NULL && train->ops->positions != NULL ? train->ops->positions(train->options) : 1;
    /* Each lane has a sample, and of positions as many as it wants samples: more of them make no difference. */
    const int64_t each = positions < AS_LANE_SAMPLES ? positions : AS_LANE_SAMPLES;
    return as_lanes_auto(batch > 0 && batch < INT64_MAX / each ? batch * each : INT64_MAX);
}

/* A number, or the word that 0 stands for. */
static const char *number_text(int64_t value, const char *word, char buffer[32])
{
    snprintf(buffer, 32, "%lld", (long long)value);
    return value == 0 ? word : buffer;
}

static as_status write_kinds(const as_config *c, as_text *text)
{
    as_optimizer optimizer;
    as_schedule schedule;
    as_text_add(text, "model:\n");
    AS_TRY(as_config_model_write(c->document, c->model, 2, text));
    if (c->statistic) {
        return AS_OK;
    }
    AS_TRY(as_optimizer_parse(c->document, c->optimizer, as_kernels_get(AS_PORTABLE, AS_FLOAT32), &optimizer));
    as_text_add(text, "optimizer:\n");
    AS_TRY(as_optimizer_write(&optimizer, 2, text));
    AS_TRY(as_schedule_parse(c->document, c->schedule, &schedule));
    as_text_add(text, "schedule:\n");
    return as_schedule_write(&schedule, 2, text);
}

as_status as_config_write(const as_config *config, as_text *text)
{
    char lanes[32], batch[32];
    const root_options root = {.name = config->name,
                               .lanes = number_text(config->lanes, "auto", lanes),
                               .seed = config->seed,
                               .precision = config->precision};
    const train_section train = {.options = config->train, .batch = number_text(config->train.batch, "full", batch)};
    AS_TRY(as_fields_write(as_root_fields, &root, 0, text));
    as_text_add(text, "data:\n");
    AS_TRY(as_data_options_write(&config->data, 2, text));
    AS_TRY(write_kinds(config, text));
    as_text_add(text, "train:\n");
    AS_TRY(as_fields_write(as_train_fields, &train, 2, text));
    as_text_add(text, "start:\n");
    AS_TRY(as_fields_write(as_start_fields, &config->start, 2, text));
    as_text_add(text, "checkpoint:\n");
    AS_TRY(as_fields_write(as_checkpoint_fields, &config->checkpoint, 2, text));
    as_text_add(text, "log:\n");
    AS_TRY(as_fields_write(as_log_fields, &config->log, 2, text));
    as_text_add(text, "probe:\n");
    AS_TRY(as_probe_write(&config->probe, 2, text));
    if (text->failed) {
        AS_FAIL(AS_NOMEM, "out of memory for a configuration");
    }
    return AS_OK;
}
