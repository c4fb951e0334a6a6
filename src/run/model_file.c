/* Rebuilding a model from a checkpoint: the stored configuration gives the program of layers, the stored facts about
   the training data its shapes, the stored arrays its state. */
#include "run/model_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"
#include "data/stored_tokenizer.h"
#include "io/h5_contents.h"
#include "run/stored_names.h"

enum { BATCH_ROWS = 1024, FACTS_MAX = 1 << 24 /* classes, targets, positions of a sample */ };

/* A numeric array of the file, of 1 to `most` elements. */
static as_status read_array(const as_h5_contents *file, const char *name, as_dtype type, int64_t most, void *data,
                            int64_t *count)
{
    const as_h5_stored *item = as_h5_contents_find(file, name);
    *count = item == NULL || item->text || item->type != type ? 0 : as_h5_stored_count(item);
    if (*count < 1 || *count > most) {
        AS_FAIL(AS_DATA, "%s: %s is missing or not as expected", file->path, name);
    }
    return as_h5_contents_read(file, item, 0, *count, data);
}

static as_status read_facts(const as_h5_contents *file, const as_column_options *columns, as_dataset *facts)
{
    int64_t n;
    int32_t target;
    AS_TRY(read_array(file, "/data/target", AS_I32, 1, &target, &n));
    AS_TRY(read_array(file, "/data/classes", AS_I64, 1, &facts->classes, &n));
    AS_TRY(read_array(file, "/data/targets", AS_I64, 1, &facts->targets, &n));
    AS_TRY(read_array(file, "/data/positions", AS_I64, 1, &facts->positions, &n));
    if (target < AS_TARGET_NONE || target > AS_TARGET_REALS || facts->classes < 0 || facts->classes > FACTS_MAX ||
        facts->targets < 0 || facts->targets > FACTS_MAX || facts->positions < 1 || facts->positions > FACTS_MAX) {
        AS_FAIL(AS_DATA, "%s: /data: impossible target %d, %lld classes, %lld targets, %lld positions", file->path,
                (int)target, (long long)facts->classes, (long long)facts->targets, (long long)facts->positions);
    }
    facts->target = (as_target)target;
    AS_TRY(as_stored_tokenizer_read(file, &facts->tokenizer));
    facts->vocabulary = facts->tokenizer == NULL ? 0 : as_tokenizer_vocabulary(facts->tokenizer);
    snprintf(facts->place, sizeof facts->place, "%.500s", file->path);
    const as_h5_stored *shape = as_h5_contents_find(file, "/data/shape");
    if (shape != NULL && shape->type == AS_I64 && !shape->text && shape->bytes == 0) {
        facts->width = 1; /* scalars */
        return as_stored_names_read(file, columns, facts);
    }
    AS_TRY(read_array(file, "/data/shape", AS_I64, AS_SHAPE_MAX, facts->shape.dim, &n));
    facts->shape.rank = (int)n;
    facts->width = as_shape_size(&facts->shape);
    if (facts->width < 1) {
        AS_FAIL(AS_DATA, "%s: /data/shape: samples without elements", file->path);
    }
    return as_stored_names_read(file, columns, facts);
}

/* The stored extents are compared with the width before memory is asked for: they are no more than the file holds. */
static as_status read_normalization(const as_h5_contents *file, const as_kernels *kernels, int64_t width,
                                    as_normalization *out)
{
    double *array[3] = {0};
    static const char *const name[] = {"/normalization/scale", "/normalization/shift", "/normalization/fill"};
    as_status status = AS_OK;
    for (int i = 0; i < 3 && status == AS_OK; i++) {
        int64_t n = 0;
        const as_h5_stored *item = as_h5_contents_find(file, name[i]);
        const int64_t found = item == NULL || item->text ? 0 : as_h5_stored_count(item);
        if (found != width) {
            status = as_error_set(AS_DATA, "%s: %s: expected %lld values, found %lld", file->path, name[i],
                                  (long long)width, (long long)found);
            break;
        }
        array[i] = malloc((size_t)width * sizeof(double));
        status = array[i] == NULL ? as_error_set(AS_NOMEM, "%s: out of memory for %s", file->path, name[i])
                                  : read_array(file, name[i], AS_F64, width, array[i], &n);
    }
    if (status == AS_OK) {
        status = as_normalization_load(width, array[0], array[1], array[2], kernels, out);
    }
    for (int i = 0; i < 3; i++) {
        free(array[i]);
    }
    return status;
}

static as_status read_file(as_model_file *m, const as_h5_contents *file, as_isa isa, int nsets, const char *const *set,
                           char **text)
{
    AS_TRY(as_h5_contents_check(file, 0, 1));
    m->bytes = file->bytes;
    AS_TRY(as_h5_contents_text(file, "/config", text));
    AS_TRY(as_config_parse(m->path, *text, nsets, set, &m->config));
    const as_h5_attribute *lanes = as_h5_contents_attribute(file, "lanes");
    if (lanes == NULL || lanes->text != NULL) {
        AS_FAIL(AS_DATA, "%s: no attribute lanes: not a checkpoint", file->path);
    }
    if (lanes->value < 1 || lanes->value > AS_LANES_MAX) {
        AS_FAIL(AS_DATA, "%s: attribute lanes: expected 1 to %d, found %lld", file->path, (int)AS_LANES_MAX,
                (long long)lanes->value);
    }
    m->kernels = as_kernels_get(isa, m->config.precision == 0 ? AS_FLOAT32 : AS_FLOAT64);
    AS_TRY(as_lanes_create((int)lanes->value, m->world, &m->lanes));
    m->facts.lanes = &m->lanes;
    AS_TRY(read_facts(file, &m->config.data.columns, &m->facts));
    return read_normalization(file, m->kernels, m->facts.width, &m->normalization);
}

/* Rows of the work space: what a step of training needed there at once is enough here. */
static int64_t piece_rows(const as_train_options *train)
{
    const int64_t rows = train->micro_batch > 0 ? train->micro_batch : train->batch;
    return rows > 0 && rows < BATCH_ROWS ? rows : BATCH_ROWS;
}

static as_status make_estimator(as_model_file *m, const char *text, const as_log *log)
{
    const as_config *c = &m->config;
    const as_setup setup = {
        .document = c->document,
        .model = c->model,
        .optimizer = c->optimizer,
        .schedule = c->schedule,
        .ema = c->train.ema,
        .kernels = m->kernels,
        .world = m->world,
        .team = m->team,
        .lanes = &m->lanes,
        .data = &m->facts,
        .normalization = &m->normalization,
        .seed = (uint64_t)c->seed,
        .capacity = BATCH_ROWS,
        .stored = m->bytes,
        .tuning = {.owners = 1, .tile_rows = piece_rows(&c->train)},
        .total_steps = 1,
        .steps_per_epoch = 1,
        .log = log,
    };
    static const char *const anything[] = {"data"};
    AS_TRY(as_estimator_create(&setup, &m->estimator));
    AS_TRY(m->estimator->ops->init(m->estimator));
    const as_checkpoint_parts parts = {.config = text,
                                       .seed = (uint64_t)c->seed,
                                       .lanes = &m->lanes,
                                       .progress = &m->progress,
                                       .estimator = m->estimator};
    return as_checkpoint_load(m->world, m->path, 1, anything, &parts);
}

as_status as_model_file_open(as_world *world, int threads, as_isa isa, const char *path, int nsets,
                             const char *const *set, const as_log *log, as_model_file *out)
{
    *out = (as_model_file){.world = world};
    as_h5_contents *file = NULL;
    char *text = NULL;
    AS_TRY(as_checkpoint_resolve(world, path, log, out->path, sizeof out->path));
    as_status status = as_team_create(threads, &out->team);
    if (status == AS_OK) {
        status = as_h5_contents_open(out->path, &file);
    }
    if (status == AS_OK) {
        status = read_file(out, file, isa, nsets, set, &text);
    }
    as_h5_contents_close(&file);
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        status = make_estimator(out, text, log);
    }
    free(text);
    return status;
}

void as_model_file_close(as_model_file *m)
{
    if (m->estimator != NULL) {
        m->estimator->ops->destroy(&m->estimator);
    }
    as_normalization_destroy(&m->normalization);
    as_lanes_destroy(&m->lanes);
    as_team_destroy(&m->team);
    as_config_destroy(&m->config);
    as_dataset_close(&m->facts);
}

as_status as_model_file_data(const as_model_file *m, as_role role, const as_source *source, as_dataset *data,
                             as_sampler **sampler, as_batch *batch)
{
    as_data_options options = m->config.data;
    if (source != NULL) {
        options.test = *source;
    }
    AS_TRY(as_dataset_open(&options, role, m->world, &m->lanes, (uint64_t)m->config.seed, &m->facts, data));
    as_normalization_fill(&m->normalization, &options, data);
    if (m->estimator->ops->check != NULL) {
        AS_TRY(as_world_agree(m->world, m->estimator->ops->check(m->estimator, data)));
    }
    const int64_t rows = data->rows < BATCH_ROWS ? data->rows : BATCH_ROWS;
    as_status status = as_sampler_create(data, rows, false, (uint64_t)m->config.seed, sampler);
    if (status == AS_OK) {
        status = as_sampler_batch_create(*sampler, batch);
    }
    return as_world_agree(m->world, status);
}

/* The first text below a node that names the file. */
static const char *names_file(const as_node *node, const struct stat *file)
{
    struct stat other;
    if (node == NULL) {
        return NULL;
    }
    if (node->kind == AS_NODE_SCALAR) {
        const bool same = stat(node->text, &other) == 0 && other.st_dev == file->st_dev && other.st_ino == file->st_ino;
        return same ? node->text : NULL;
    }
    const char *found = NULL;
    for (int64_t i = 0; i < node->count && found == NULL; i++) {
        found = names_file(node->item[i], file);
    }
    return found;
}

as_status as_model_file_spare(const as_model_file *model, const char *out)
{
    struct stat file, read;
    if (stat(out, &file) != 0) {
        return AS_OK;
    }
    if (stat(model->path, &read) == 0 && read.st_dev == file.st_dev && read.st_ino == file.st_ino) {
        AS_FAIL(AS_USAGE, "--out %s: is the model itself, and would be replaced", out);
    }
    if (names_file(as_node_get(model->config.root, "data"), &file) != NULL) {
        AS_FAIL(AS_USAGE, "--out %s: is data of %s, and would be replaced", out, model->path);
    }
    as_h5_contents *contents = NULL;
    const bool checkpoint =
        as_h5_contents_open(out, &contents) == AS_OK && as_h5_contents_find(contents, "/config") != NULL;
    as_h5_contents_close(&contents);
    if (checkpoint) {
        AS_FAIL(AS_USAGE, "--out %s: is a checkpoint, and would be replaced", out);
    }
    return AS_OK;
}
