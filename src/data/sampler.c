/* After T samples of an epoch lane l has given (T - l + V - 1) / V: samples are dealt to the lanes like cards, so a
   batch is even within one and its share of a lane is known without looking at the batches before. Inside a lane the
   order is a keyed permutation of the lane's rows. Cost of a fill: 35 ns a row, permutation and cache misses half each.
 */
#include "data/sampler.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/rng.h"
#include "data/assign.h"

struct as_sampler {
    const as_dataset *data;
    int64_t batch;
    bool shuffle;
    uint64_t seed;
};

as_status as_sampler_create(const as_dataset *data, int64_t batch, bool shuffle, uint64_t seed, as_sampler **out)
{
    if (batch < 0 || batch > data->rows) {
        AS_FAIL(AS_CONFIG, "train.batch: expected 1 to %lld samples (rows of %s), found %lld", (long long)data->rows,
                data->place, (long long)batch);
    }
    as_sampler *sampler = malloc(sizeof *sampler);
    if (sampler == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a sampler");
    }
    *sampler = (as_sampler){
        .data = data,
        .batch = batch == 0 ? data->rows : batch,
        .shuffle = shuffle,
        .seed = seed,
    };
    *out = sampler;
    return AS_OK;
}

void as_sampler_destroy(as_sampler **sampler)
{
    free(*sampler);
    *sampler = NULL;
}

int64_t as_sampler_batches(const as_sampler *sampler)
{
    return (sampler->data->rows + sampler->batch - 1) / sampler->batch;
}

int64_t as_sampler_capacity(const as_sampler *sampler)
{
    const int64_t own = sampler->data->lanes->count, lanes = sampler->data->lanes->lanes;
    const int64_t rest = sampler->batch % lanes;
    const int64_t most = sampler->batch / lanes * own + (rest < own ? rest : own);
    return most < sampler->data->local_rows ? most : sampler->data->local_rows;
}

as_status as_sampler_batch_create(const as_sampler *sampler, as_batch *out)
{
    const as_dataset *data = sampler->data;
    as_arena *arena = NULL;
    *out = (as_batch){.data = data, .capacity = as_sampler_capacity(sampler)};
    AS_TRY(as_arena_create(&arena));
    out->block = arena;
    const size_t n = (size_t)out->capacity;
    as_status status =
        as_arena_reserve(arena, ((size_t)data->lanes->count + 1) * sizeof(int64_t), (void **)&out->lane_row);
    if (status == AS_OK) {
        status = as_arena_reserve(arena, n * sizeof(int64_t), (void **)&out->row);
    }
    if (status == AS_OK && data->start != NULL) {
        status = as_arena_reserve(arena, n * sizeof(int64_t), (void **)&out->at);
    }
    if (status == AS_OK) {
        status = as_arena_reserve(arena, n * sizeof(int64_t), (void **)&out->id);
    }
    if (status == AS_OK) {
        status = as_arena_reserve(arena, n * sizeof(double), (void **)&out->weight);
    }
    if (status == AS_OK && data->target == AS_TARGET_LABELS) {
        status = as_arena_reserve(arena, n * (size_t)data->positions * sizeof(int32_t), (void **)&out->label);
    }
    if (status == AS_OK && data->target == AS_TARGET_REALS) {
        status = as_arena_reserve(arena, n * (size_t)data->targets * sizeof(double), (void **)&out->target);
    }
    if (status == AS_OK) {
        status = as_arena_commit(arena);
    }
    out->at = data->start != NULL ? out->at : out->row;
    if (status != AS_OK) {
        as_sampler_batch_destroy(out);
    }
    return status;
}

void as_sampler_batch_destroy(as_batch *batch)
{
    as_arena *arena = batch->block;
    as_arena_destroy(&arena);
    *batch = (as_batch){0};
}

/* Samples [from, to) of lane `lane`'s epoch, whose rows start at local row `first`. */
static int64_t draw_lane(const as_sampler *sampler, int64_t epoch, int lane, int64_t from, int64_t to, int64_t first,
                         int64_t *row)
{
    const int64_t rows = as_dealt(sampler->data->rows, lane, sampler->data->lanes->lanes);
    if (from == to) {
        return 0;
    }
    if (!sampler->shuffle) {
        for (int64_t i = from; i < to; i++) {
            row[i - from] = first + i;
        }
        return to - from;
    }
    const as_permutation p = as_permutation_make(sampler->seed, AS_RNG_ORDER, (uint32_t)epoch, (uint32_t)lane, rows);
    as_permutation_range(&p, from, to - from, row);
    for (int64_t i = 0; i < to - from; i++) {
        row[i] += first;
    }
    return to - from;
}

/* The inputs of the row that begins at an element, normalised: its targets. */
static void own_inputs(const as_dataset *data, int64_t start, double *target)
{
    const double *scale = data->normalization->scale, *shift = data->normalization->shift;
    const int64_t n = data->width;
    if (data->type == AS_U8) {
        const uint8_t *x = (const uint8_t *)data->x + start;
        for (int64_t j = 0; j < n; j++) {
            target[j] = scale[j] * (double)x[j] + shift[j];
        }
    } else if (data->type == AS_F32) {
        const float *x = (const float *)data->x + start;
        for (int64_t j = 0; j < n; j++) {
            target[j] = scale[j] * (double)x[j] + shift[j];
        }
    } else {
        const double *x = (const double *)data->x + start;
        for (int64_t j = 0; j < n; j++) {
            target[j] = scale[j] * x[j] + shift[j];
        }
    }
}

/* The labels of the row that begins at an element. */
static void next_tokens(const as_dataset *data, int64_t start, int32_t *label)
{
    const int64_t from = start + data->ahead;
    if (data->type == AS_U8) {
        const uint8_t *token = (const uint8_t *)data->x + from;
        for (int64_t i = 0; i < data->positions; i++) {
            label[i] = token[i];
        }
    } else {
        const uint16_t *token = (const uint16_t *)data->x + from;
        for (int64_t i = 0; i < data->positions; i++) {
            label[i] = token[i];
        }
    }
}

/* n rows of `bytes` bytes. */
static void take_rows(int64_t n, const int64_t *row, size_t bytes, const void *from, void *to)
{
    for (int64_t i = 0; i < n; i++) {
        memcpy((char *)to + (size_t)i * bytes, (const char *)from + (size_t)row[i] * bytes, bytes);
    }
}

/* What the rows carry beside their inputs. One array after the other, in loops so short that the processor has dozens
   of rows under way: they lie anywhere in memory. */
static void take_columns(const as_dataset *data, as_batch *batch)
{
    const int64_t n = batch->rows, *const row = batch->row;
    for (int64_t i = 0; i < n; i++) {
        batch->id[i] = data->id[row[i]];
    }
    for (int64_t i = 0; i < n; i++) {
        batch->weight[i] = data->weight[row[i]];
    }
    for (int64_t i = 0; data->start != NULL && i < n; i++) {
        batch->at[i] = data->start[row[i]];
    }
    for (int64_t i = 0; data->ahead > 0 && data->target == AS_TARGET_LABELS && i < n; i++) {
        next_tokens(data, data->start[row[i]], batch->label + i * data->positions);
    }
    if (data->label != NULL && data->positions == 1) {
        for (int64_t i = 0; i < n; i++) {
            batch->label[i] = data->label[row[i]];
        }
    } else if (data->label != NULL) {
        take_rows(n, row, (size_t)data->positions * sizeof(int32_t), data->label, batch->label);
    }
    for (int64_t i = 0; data->reconstruct && i < n; i++) {
        own_inputs(data, batch->at[i] * data->stride, batch->target + i * data->targets);
    }
    if (data->target_values != NULL && data->targets == 1) {
        for (int64_t i = 0; i < n; i++) {
            batch->target[i] = data->target_values[row[i]];
        }
    } else if (data->target_values != NULL) {
        take_rows(n, row, (size_t)data->targets * sizeof(double), data->target_values, batch->target);
    }
}

void as_sampler_fill(const as_sampler *sampler, int64_t epoch, int64_t index, as_batch *batch)
{
    const as_dataset *data = sampler->data;
    const as_lanes *lanes = data->lanes;
    const int64_t begin = index * sampler->batch;
    const int64_t end = data->rows - begin < sampler->batch ? data->rows : begin + sampler->batch;
    AS_ASSERT(index >= 0 && begin < data->rows);
    batch->epoch = epoch;
    batch->index = index;
    if (batch->kept) {
        return;
    }
    batch->kept = !sampler->shuffle && end - begin == data->rows;
    batch->global_rows = end - begin;
    batch->rows = 0;
    for (int l = 0; l < lanes->count; l++) {
        const int lane = lanes->first + l;
        batch->lane_row[l] = batch->rows;
        batch->rows +=
            draw_lane(sampler, epoch, lane, as_dealt(begin, lane, lanes->lanes), as_dealt(end, lane, lanes->lanes),
                      data->lane_first[lane] - data->lane_first[lanes->first], batch->row + batch->rows);
    }
    batch->lane_row[lanes->count] = batch->rows;
    take_columns(data, batch);
}
