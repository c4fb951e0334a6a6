/* The engine's part of statistical models: memory, passes over lanes, the merge along the tree, one update on rank 0.
   Cost of a pass: one read of the rows of this rank, and (parts of all ranks) x size doubles to rank 0. */
#include "estimator/statistic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "comm/lane_sum.h"
#include "nn/kind.h"

/* Doubles that a matrix for each class and lane may have: their bytes fit 64 bits several times over. */
#define SIZE_MOST 0x1p58

enum { CHUNK_MOST = 256, CHUNK_LEAST = 16, CHUNK_ELEMENTS = 32768 };

static as_status add_array(as_statistic *s, const char *name, as_dtype type, int rank, const int64_t *dim, void **data)
{
    if (s->narrays >= AS_STATISTIC_ARRAYS || rank > AS_SHAPE_MAX) {
        AS_FAIL(AS_INTERNAL, "%s: no room for the array %s", s->base.ops->name, name);
    }
    as_state_item *item = &s->array[s->narrays];
    *item = (as_state_item){.type = type, .shape = {.rank = rank}, .flat_first = -1};
    snprintf(item->name, sizeof item->name, "%s", name);
    for (int d = 0; d < rank; d++) {
        item->shape.dim[d] = dim[d];
    }
    if (rank == 0) {
        item->shape = (as_shape){.rank = 1, .dim = {1}};
    }
    const int64_t elements = as_shape_size(&item->shape), bytes = (int64_t)as_dtype_bytes(type);
    if (s->setup.stored > 0 && elements > s->setup.stored / bytes) {
        AS_FAIL(AS_DATA, "%s: /config: a model of %lld numbers in %s, but the file has %lld bytes",
                s->setup.data->place, (long long)elements, name, (long long)s->setup.stored);
    }
    s->where[s->narrays++] = data;
    return as_arena_reserve(s->arena, (size_t)(elements * bytes), data);
}

as_status as_statistic_array(as_statistic *s, const char *name, int rank, const int64_t *dim, double **data)
{
    return add_array(s, name, AS_F64, rank, dim, (void **)data);
}

as_status as_statistic_integers(as_statistic *s, const char *name, int rank, const int64_t *dim, int64_t least,
                                int64_t most, int64_t **data)
{
    const int at = s->narrays;
    AS_TRY(add_array(s, name, AS_I64, rank, dim, (void **)data));
    s->least[at] = least;
    s->most_of[at] = most;
    return AS_OK;
}

static as_status check_integers(const as_statistic *s)
{
    for (int a = 0; a < s->narrays; a++) {
        const as_state_item *item = &s->array[a];
        const int64_t *value = item->type == AS_I64 ? item->data : NULL;
        for (int64_t i = 0; value != NULL && i < as_shape_size(&item->shape); i++) {
            if (value[i] < s->least[a] || value[i] > s->most_of[a]) {
                AS_FAIL(AS_DATA, "%s: element %lld: expected a whole number of %lld to %lld, found %lld", item->name,
                        (long long)i, (long long)s->least[a], (long long)s->most_of[a], (long long)value[i]);
            }
        }
    }
    return AS_OK;
}

_Static_assert(AS_PART_NAME_MAX == 64, "buffers of names");

const char *as_statistic_column(const as_statistic *s, int64_t column, char buffer[64])
{
    return as_parts_name(&s->setup.data->inputs, column, "x", buffer);
}

const char *as_statistic_target(const as_statistic *s, int64_t target, char buffer[64])
{
    return as_parts_name(&s->setup.data->answers, target, "y", buffer);
}

const char *as_statistic_class(const as_statistic *s, int64_t label, char buffer[64])
{
    const as_names *names = &s->setup.data->class_names;
    if (label >= 0 && label < names->n) {
        snprintf(buffer, 64, "%s", names->name[label]);
    } else {
        snprintf(buffer, 64, "%lld", (long long)label);
    }
    return buffer;
}

/* Keys of other sections that have no meaning here, and answers that the kind cannot do without. */
static as_status check_setup(const as_statistic *s)
{
    const as_setup *setup = &s->setup;
    const char *name = s->base.ops->name;
    const as_dataset *data = setup->data;
    static const char *const words[] = {"none", "labels", "real values"};
    if (setup->steps_per_epoch > 1) {
        AS_FAIL(AS_CONFIG, "train.batch: a model of type %s takes all samples in every step; expected batch: full",
                name);
    }
    if (setup->clip_norm > 0 || setup->clip_value > 0 || setup->ema > 0) {
        AS_FAIL(AS_CONFIG, "train: clip_norm, clip_value and ema are for gradients; a model of type %s has none", name);
    }
    if (s->ops->target != AS_TARGET_NONE && s->ops->target != data->target) {
        AS_FAIL(AS_CONFIG, "%s: a model of type %s learns from %s, found %s as targets", data->place, name,
                words[s->ops->target], words[data->target]);
    }
    if (s->ops->target == AS_TARGET_LABELS && data->positions != 1) {
        AS_FAIL(AS_CONFIG, "%s: a model of type %s learns from one label a sample, found %lld", data->place, name,
                (long long)data->positions);
    }
    for (int64_t i = 0; s->ops->target == AS_TARGET_LABELS && data->label != NULL && i < data->local_rows; i++) {
        if (data->label[i] < 0) {
            AS_FAIL(AS_CONFIG,
                    "%s: row %lld: its label is ignored (data.ignore_label), but a model of type %s learns from every "
                    "sample: give it data without such rows",
                    data->place, (long long)data->id[i], name);
        }
    }
    if (data->vocabulary > 0) {
        AS_FAIL(AS_CONFIG, "%s: a model of type %s learns from numbers, found tokens of a text", data->place, name);
    }
    return AS_OK;
}

static as_status read_options(as_statistic *s)
{
    const as_setup *setup = &s->setup;
    const as_estimator_ops *ops = s->base.ops;
    const char *type = NULL;
    void *options = as_document_alloc(setup->document, ops->options_bytes > 0 ? ops->options_bytes : 1);
    if (options == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a configuration");
    }
    const as_fields_part parts[2] = {{ops->fields, options}, {as_type_fields, &type}};
    AS_TRY(as_fields_parse(parts, 2, setup->document, setup->model, "model"));
    s->options = options;
    return AS_OK;
}

static as_status plan(as_statistic *s)
{
    const int threads = as_team_size(s->setup.team);
    const int64_t lanes = s->setup.lanes->count;
    const double columns = 1.0 + (double)s->width + (double)s->targets;
    if (columns * columns * (1.0 + (double)s->classes) * (double)lanes > SIZE_MOST) {
        AS_FAIL(AS_NOMEM, "%s: %lld columns, %lld classes and %lld targets are too many for a model of type %s",
                s->setup.data->place, (long long)s->width, (long long)s->classes, (long long)s->targets,
                s->base.ops->name);
    }
    AS_TRY(read_options(s));
    AS_TRY(check_setup(s));
    AS_TRY(as_arena_create(&s->arena));
    AS_TRY(as_statistic_integers(s, "/state/passes", 0, NULL, 0, AS_STATISTIC_COUNT_MOST, &s->passes));
    const int64_t fit = CHUNK_ELEMENTS / (s->width > 0 ? s->width : 1);
    s->chunk = fit > CHUNK_MOST ? CHUNK_MOST : fit < CHUNK_LEAST ? CHUNK_LEAST : fit;
    AS_TRY(s->ops->plan(s));
    const size_t bytes = sizeof(double);
    AS_TRY(as_arena_reserve(s->arena, (size_t)(lanes * s->most) * bytes, (void **)&s->lanes));
    AS_TRY(as_arena_reserve(s->arena, (size_t)s->most * bytes, (void **)&s->root));
    AS_TRY(as_arena_reserve(s->arena, (size_t)(threads * s->chunk * s->width) * bytes, (void **)&s->x));
    AS_TRY(as_arena_reserve(s->arena, (size_t)(threads * s->scratch) * bytes, (void **)&s->thread_scratch));
    AS_TRY(as_arena_commit(s->arena));
    for (int i = 0; i < s->narrays; i++) {
        s->array[i].data = *s->where[i];
    }
    return AS_OK;
}

void as_statistic_destroy(as_estimator **estimator)
{
    as_statistic *s = (as_statistic *)*estimator;
    if (s != NULL) {
        if (s->ops->release != NULL && s->model != NULL) {
            s->ops->release(s);
        }
        as_sum_destroy(&s->sum);
        as_arena_destroy(&s->arena);
        free(s->model);
        free(s);
    }
    *estimator = NULL;
}

as_status as_statistic_create(const as_setup *setup, as_estimator **out)
{
    *out = NULL;
    const as_statistic_ops *ops = setup->kind->statistic;
    as_statistic *s = calloc(1, sizeof *s);
    as_status status = AS_OK;
    if (s != NULL) {
        s->base.ops = setup->kind;
        s->ops = ops;
        s->setup = *setup;
        s->kernels = as_kernels_get(setup->kernels->set, AS_FLOAT64);
        s->width = setup->data->width;
        s->classes = setup->data->classes;
        s->targets = setup->data->targets;
        s->model = calloc(1, ops->model_bytes > 0 ? ops->model_bytes : 1);
    }
    if (s == NULL || s->model == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for a model of type %s", setup->kind->name);
    } else {
        status = plan(s);
    }
    status = as_world_agree(setup->world, status);
    if (status == AS_OK) {
        status = as_sum_create(setup->world, setup->lanes, s->kernels, 0, NULL, &s->sum);
    }
    *out = (as_estimator *)s;
    if (status != AS_OK) {
        as_statistic_destroy(out);
    }
    return status;
}

static int64_t size_of(const as_statistic *s)
{
    return s->ops->size != NULL ? s->ops->size(s) : s->most;
}

as_status as_statistic_restored(as_estimator *estimator)
{
    as_statistic *s = (as_statistic *)estimator;
    as_status status = check_integers(s);
    s->pass = *s->passes;
    if (status == AS_OK && s->ops->ready != NULL) {
        status = s->ops->ready(s);
    }
    if (status == AS_OK && size_of(s) > s->most) {
        status = as_error_set(AS_DATA, "/state: a pass of %lld numbers, expected at most %lld", (long long)size_of(s),
                              (long long)s->most);
    }
    return as_world_agree(s->setup.world, status);
}

as_status as_statistic_init(as_estimator *estimator)
{
    as_statistic *s = (as_statistic *)estimator;
    AS_TRY(as_world_agree(s->setup.world, s->ops->init != NULL ? s->ops->init(s) : AS_OK));
    return as_statistic_restored(estimator);
}

/* Squares of larger values, added over 1e16 rows, are no numbers. */
#define SQUARE_MOST 1e146

/* What find_largest fills: (lanes, LARGEST_SIZE). */
typedef struct find {
    as_statistic *s;
    double *found;
} find;

typedef struct over_rows {
    as_statistic *s;
    const as_batch *batch;
    void (*each)(void *context, int lane, int64_t first, const as_rows *rows);
    void *context;
} over_rows;

/* Rows [at, at + count) of the batch as they lie in memory, where they are doubles one after the other; else NULL. */
static const double *in_place(const as_statistic *s, const as_batch *b, int64_t at, int64_t count)
{
    const as_dataset *data = b->data;
    bool near = data->type == AS_F64 && data->stride == s->width;
    for (int64_t i = 1; near && i < count; i++) {
        near = b->at[at + i] == b->at[at] + i;
    }
    return near ? (const double *)data->x + b->at[at] * data->stride : NULL;
}

static void over_lanes(void *argument, int thread)
{
    const over_rows *o = argument;
    const as_statistic *s = o->s;
    const as_batch *b = o->batch;
    const as_dataset *data = b->data;
    const as_normalization *norm = s->setup.normalization;
    const bool plain = norm == NULL || norm->identity, own = s->scale != NULL;
    const double *scale = own ? s->scale : plain ? NULL : norm->scale;
    const double *shift = own ? s->shift : plain ? NULL : norm->shift;
    double *x = s->x + thread * s->chunk * s->width;
    for (int lane = thread; lane < s->setup.lanes->count; lane += as_team_size(s->setup.team)) {
        const int64_t end = b->lane_row[lane + 1];
        for (int64_t at = b->lane_row[lane]; at < end; at += s->chunk) {
            const int64_t count = end - at < s->chunk ? end - at : s->chunk;
            const double *const own_rows = scale == NULL ? in_place(s, b, at, count) : NULL;
            if (own_rows == NULL) {
                s->kernels->gather(count, s->width, data->x, data->type, data->stride, b->at + at, scale, shift, x,
                                   s->width);
            }
            const as_rows rows = {
                .count = count,
                .x = own_rows != NULL ? own_rows : x,
                .label = b->label == NULL ? NULL : b->label + at * data->positions,
                .target = b->target == NULL ? NULL : b->target + at * data->targets,
                .weight = b->weight + at,
                .id = b->id + at,
                .scratch = s->thread_scratch + thread * s->scratch,
            };
            o->each(o->context, lane, at, &rows);
        }
    }
}

void as_statistic_over_rows(as_statistic *s, const as_batch *batch,
                            void (*each)(void *context, int lane, int64_t first, const as_rows *rows), void *context)
{
    over_rows o = {.s = s, .batch = batch, .each = each, .context = context};
    as_team_run(s->setup.team, over_lanes, &o);
}

static void add_rows(void *context, int lane, int64_t first, const as_rows *rows)
{
    (void)first;
    as_statistic *s = context;
    double *head = as_sum_head(s->sum, lane);
    for (int64_t i = 0; i < rows->count; i++) {
        head[AS_HEAD_WEIGHT] += rows->weight[i];
    }
    head[AS_HEAD_COUNT] += (double)rows->count;
    s->ops->rows(s, rows, s->lanes + lane * size_of(s));
}

as_status as_statistic_accumulate(as_estimator *estimator, const as_batch *batch, int64_t step)
{
    (void)step;
    as_statistic *s = (as_statistic *)estimator;
    const int64_t size = size_of(s);
    const double t0 = as_clock_seconds();
    s->batch = batch;
    as_sum_clear(s->sum);
    memset(s->lanes, 0, (size_t)(s->setup.lanes->count * size) * sizeof(double));
    for (int lane = 0; lane < s->setup.lanes->count && s->ops->clear != NULL; lane++) {
        s->ops->clear(s, s->lanes + lane * size);
    }
    as_statistic_over_rows(s, batch, add_rows, s);
    s->times[AS_TIME_FORWARD] += as_clock_seconds() - t0;
    return AS_OK;
}

static void combine(const void *context, double *left, const double *right)
{
    const as_statistic *s = context;
    s->ops->merge(s, left, right);
}

/* Rank 0 makes the next state. */
static as_status finish(as_statistic *s, as_step_report *report)
{
    if (as_world_rank(s->setup.world) != 0) {
        return AS_OK;
    }
    if (!(s->weight > 0)) {
        AS_FAIL(AS_DATA, "%s: the weights of the %.0f samples add up to %g", s->setup.data->place, s->samples,
                s->weight);
    }
    report->loss = (double)NAN;
    AS_TRY(s->ops->finish(s, s->root, report));
    if (!isfinite(report->loss)) {
        AS_FAIL(AS_DIVERGED, "%s: the objective is %s after pass %lld", s->base.ops->name,
                isnan(report->loss) ? "not a number" : "infinite", (long long)s->pass + 1);
    }
    *s->passes = s->pass + 1;
    return AS_OK;
}

/* The element of largest magnitude that has come so far: magnitude, row, column (targets behind inputs). */
enum { LARGEST, LARGEST_ROW, LARGEST_COLUMN, LARGEST_SIZE };

static void keep_largest(const void *context, double *left, const double *right)
{
    (void)context;
    if (right[LARGEST] > left[LARGEST]) {
        memcpy(left, right, LARGEST_SIZE * sizeof *left);
    }
}

static void find_largest(void *context, int lane, int64_t first, const as_rows *rows)
{
    (void)first;
    const find *const f = context;
    const as_statistic *const s = f->s;
    double *const found = f->found + lane * LARGEST_SIZE;
    const int64_t targets = rows->target != NULL ? s->targets : 0;
    for (int64_t i = 0; i < rows->count; i++) {
        for (int64_t j = 0; j < s->width + targets && rows->weight[i] > 0; j++) {
            const double x = j < s->width ? rows->x[i * s->width + j] : rows->target[i * targets + j - s->width];
            const double one[LARGEST_SIZE] = {fabs(x), (double)rows->id[i], (double)j};
            keep_largest(NULL, found, one);
        }
    }
}

/* After a failed update: values whose squares are infinite make all sorts of failures, and are named instead. */
static as_status explain(as_statistic *s, as_status status)
{
    const size_t lanes = (size_t)s->setup.lanes->count;
    double root[LARGEST_SIZE] = {0};
    find f = {.s = s, .found = calloc(lanes * LARGEST_SIZE + 1, sizeof *f.found)};
    char text[2048], name[64];
    snprintf(text, sizeof text, "%s", as_error_message());
    as_status found = as_world_agree(s->setup.world, f.found != NULL ? AS_OK : AS_NOMEM);
    if (found == AS_OK) {
        as_statistic_over_rows(s, s->batch, find_largest, &f);
        found = as_lane_merge(s->setup.world, s->setup.lanes, LARGEST_SIZE, f.found, keep_largest, NULL, root);
    }
    if (found == AS_OK) {
        found = as_world_broadcast(s->setup.world, 0, root, sizeof root);
    }
    free(f.found);
    if (found != AS_OK || !(root[LARGEST] > SQUARE_MOST)) {
        return as_error_set(status, "%s", text);
    }
    const int64_t j = (int64_t)root[LARGEST_COLUMN];
    AS_FAIL(AS_DATA,
            "%s: row %.0f, %s: %.6g in size: the squares of such values add up to more than a number can hold; scale "
            "the data",
            s->setup.data->place, root[LARGEST_ROW],
            j < s->width ? as_statistic_column(s, j, name) : as_statistic_target(s, j - s->width, name), root[LARGEST]);
}

/* Everyone gets what rank 0 has made. */
static as_status share(as_statistic *s, as_step_report *report)
{
    as_world *world = s->setup.world;
    AS_TRY(as_world_broadcast(world, 0, report, sizeof *report));
    for (int i = 0; i < s->narrays; i++) {
        const as_state_item *item = &s->array[i];
        const size_t bytes = (size_t)as_shape_size(&item->shape) * as_dtype_bytes(item->type);
        AS_TRY(as_world_broadcast(world, 0, item->data, bytes));
    }
    return as_statistic_restored(&s->base);
}

as_status as_statistic_update(as_estimator *estimator, int64_t step, as_step_report *report)
{
    (void)step;
    as_statistic *s = (as_statistic *)estimator;
    as_world *world = s->setup.world;
    const double t0 = as_clock_seconds();
    AS_TRY(as_sum_reduce(s->sum, s->setup.team));
    const double *head = as_sum_result(s->sum);
    s->weight = head[AS_HEAD_WEIGHT];
    s->samples = head[AS_HEAD_COUNT];
    AS_TRY(
        as_lane_merge(world, s->setup.lanes, size_of(s), s->lanes, s->ops->merge != NULL ? combine : NULL, s, s->root));
    const double t1 = as_clock_seconds();
    *report = (as_step_report){.weight = s->weight, .samples = (int64_t)s->samples};
    const as_status status = as_world_agree(world, finish(s, report));
    if (status == AS_DATA || status == AS_DIVERGED) {
        return explain(s, status);
    }
    AS_TRY(status);
    AS_TRY(share(s, report));
    s->times[AS_TIME_SUM] += t1 - t0;
    s->times[AS_TIME_UPDATE] += as_clock_seconds() - t1;
    return AS_OK;
}

as_status as_statistic_state(as_estimator *estimator, int *n, as_state_item **items)
{
    as_statistic *s = (as_statistic *)estimator;
    *n = s->narrays;
    *items = s->array;
    return AS_OK;
}

void as_statistic_describe(const as_estimator *estimator, bool json, as_text *out)
{
    const as_statistic *s = (const as_statistic *)estimator;
    s->ops->describe(s, json, out);
}

as_sum *as_statistic_sum(as_estimator *estimator)
{
    return ((as_statistic *)estimator)->sum;
}

int64_t as_statistic_outputs(const as_estimator *estimator)
{
    return ((const as_statistic *)estimator)->outputs;
}

double as_statistic_flops(const as_estimator *estimator)
{
    return ((const as_statistic *)estimator)->flops;
}

const double *as_statistic_times(const as_estimator *estimator)
{
    return ((const as_statistic *)estimator)->times;
}
