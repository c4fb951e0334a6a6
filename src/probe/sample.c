/* Gathering rows of all ranks to all ranks, in the order of their ids. Cost: one pass over the own rows; the rows that
   are kept travel once. */
#include "probe/sample.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* One row on its way: followed by its inputs and targets. */
typedef struct row_head {
    int64_t id, place;
    int32_t label, lane;
} row_head;

static double stored(const as_dataset *data, int64_t element)
{
    return data->type == AS_U8    ? (double)((const uint8_t *)data->x)[element]
           : data->type == AS_F32 ? (double)((const float *)data->x)[element]
                                  : ((const double *)data->x)[element];
}

static int64_t start_of(const as_dataset *data, int64_t row)
{
    return (data->start != NULL ? data->start[row] : row) * data->stride;
}

/* Lane of an own row: rows lie lane after lane. */
static int lane_of(const as_dataset *data, int64_t row)
{
    const as_lanes *lanes = data->lanes;
    const int64_t at = row + data->lane_first[lanes->first];
    int lane = lanes->first;
    while (lane + 1 < lanes->first + lanes->count && data->lane_first[lane + 1] <= at) {
        lane++;
    }
    return lane;
}

static bool has_label(const as_dataset *data)
{
    return data->label != NULL && data->positions == 1;
}

static int64_t targets_of(const as_dataset *data)
{
    return data->target_values != NULL ? data->targets : 0;
}

static void pack_row(const as_dataset *data, const as_normalization *norm, int64_t row, uint8_t *out)
{
    const int lane = lane_of(data, row);
    const int64_t in_lane = row + data->lane_first[data->lanes->first] - data->lane_first[lane];
    const row_head head = {.id = data->id[row],
                           .place = in_lane * data->lanes->lanes + lane,
                           .label = has_label(data) ? data->label[row] : 0,
                           .lane = lane};
    memcpy(out, &head, sizeof head);
    double *x = (double *)(void *)(out + sizeof head);
    const int64_t first = start_of(data, row);
    for (int64_t j = 0; j < data->width; j++) {
        const double v = stored(data, first + j);
        x[j] = norm == NULL || norm->identity ? v : norm->scale[j] * v + norm->shift[j];
    }
    for (int64_t t = 0; t < targets_of(data); t++) {
        x[data->width + t] = data->target_values[row * data->targets + t];
    }
}

static int by_id(const void *a, const void *b)
{
    const int64_t x = ((const row_head *)*(const void *const *)a)->id;
    const int64_t y = ((const row_head *)*(const void *const *)b)->id;
    return x < y ? -1 : x > y;
}

static as_status unpack(as_sample *s, const uint8_t *all, size_t bytes)
{
    const size_t n = (size_t)s->rows;
    const void **row = malloc((n + 1) * sizeof *row);
    s->block = calloc(1, (n + 1) * ((size_t)(s->width + s->targets) * sizeof(double) + 2 * sizeof(int64_t) + 8));
    if (row == NULL || s->block == NULL) {
        free(row);
        AS_FAIL(AS_NOMEM, "out of memory for %lld rows to look at", (long long)s->rows);
    }
    s->x = s->block;
    s->target = s->x + n * (size_t)s->width;
    s->id = (int64_t *)(void *)(s->target + n * (size_t)s->targets);
    s->place = s->id + n;
    s->lane = (int32_t *)(void *)(s->place + n);
    s->label = s->lane + n;
    for (size_t i = 0; i < n; i++) {
        row[i] = all + i * bytes;
    }
    qsort(row, n, sizeof *row, by_id);
    for (size_t i = 0; i < n; i++) {
        const row_head *head = row[i];
        const double *x = (const double *)(const void *)(head + 1);
        memcpy(s->x + i * (size_t)s->width, x, (size_t)s->width * sizeof *x);
        memcpy(s->target + i * (size_t)s->targets, x + s->width, (size_t)s->targets * sizeof *x);
        s->id[i] = head->id;
        s->place[i] = head->place;
        s->lane[i] = head->lane;
        s->label[i] = head->label;
    }
    free(row);
    return AS_OK;
}

as_status as_sample_exchange(as_world *world, const void *mine, size_t bytes, void **all, size_t *total)
{
    const size_t ranks = (size_t)as_world_size(world);
    size_t *size = calloc(2 * ranks + 1, sizeof *size), *offset = size + ranks;
    AS_TRY(as_world_agree(world, size == NULL ? as_error_set(AS_NOMEM, "out of memory for %zu ranks", ranks) : AS_OK));
    as_status status = as_world_all_gather(world, &bytes, sizeof bytes, size);
    *total = 0;
    for (size_t r = 0; r < ranks; r++) {
        *total += size[r];
    }
    *all = malloc(*total + 1);
    if (status == AS_OK) {
        status = as_world_agree(
            world, *all == NULL ? as_error_set(AS_NOMEM, "out of memory for %zu bytes of rows", *total) : AS_OK);
    }
    if (status == AS_OK) {
        status = as_world_gather(world, mine, bytes, *all, offset);
    }
    if (status == AS_OK) {
        status = as_world_broadcast(world, 0, *all, *total);
    }
    free(size);
    if (status != AS_OK) {
        free(*all);
        *all = NULL;
    }
    return status;
}

uint64_t as_sample_limit(int64_t rows, int64_t most)
{
    return rows <= most ? UINT64_MAX : (uint64_t)((double)most / (double)rows * 0x1p64);
}

as_status as_sample_gather(as_world *world, const as_dataset *data, const as_normalization *normalization, int64_t most,
                           int64_t elements, as_sample *out)
{
    *out = (as_sample){.total = data->rows,
                       .width = data->width,
                       .classes = has_label(data) ? data->classes : 0,
                       .targets = targets_of(data)};
    const int64_t fit = elements / (data->width > 0 ? data->width : 1);
    const uint64_t limit = as_sample_limit(data->rows, most < fit ? most : fit > 1 ? fit : 1);
    const size_t bytes = sizeof(row_head) + (size_t)(data->width + targets_of(data)) * sizeof(double);
    size_t kept = 0, total = 0;
    for (int64_t r = 0; r < data->local_rows; r++) {
        kept += as_mix64((uint64_t)data->id[r]) <= limit ? 1 : 0;
    }
    uint8_t *mine = malloc(kept * bytes + 1);
    void *all = NULL;
    AS_TRY(as_world_agree(world, mine == NULL ? as_error_set(AS_NOMEM, "out of memory for %zu rows to look at", kept)
                                              : AS_OK));
    kept = 0;
    for (int64_t r = 0; r < data->local_rows; r++) {
        if (as_mix64((uint64_t)data->id[r]) <= limit) {
            pack_row(data, normalization, r, mine + kept++ * bytes);
        }
    }
    as_status status = as_sample_exchange(world, mine, kept * bytes, &all, &total);
    free(mine);
    if (status == AS_OK) {
        out->rows = (int64_t)(total / bytes);
        status = as_world_agree(world, unpack(out, all, bytes));
    }
    if (status == AS_OK) {
        out->label = has_label(data) ? out->label : NULL;
        out->target = out->targets > 0 ? out->target : NULL;
    }
    free(all);
    return status;
}

void as_sample_free(as_sample *sample)
{
    free(sample->block);
    *sample = (as_sample){0};
}

static int by_hash(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* -0 and 0 are the same input. */
static uint64_t hash_row(const as_dataset *data, int64_t row)
{
    const int64_t first = start_of(data, row);
    uint64_t hash = 0;
    for (int64_t j = 0; j < data->width; j++) {
        const double v = stored(data, first + j) + 0.0;
        uint64_t bits;
        memcpy(&bits, &v, sizeof bits);
        hash = as_mix64(hash ^ bits);
    }
    return hash;
}

as_status as_row_hashes_gather(as_world *world, const as_dataset *data, double keep, as_row_hashes *out)
{
    const uint64_t limit = keep >= 1 ? UINT64_MAX : (uint64_t)(keep * 0x1p64);
    uint64_t *mine = malloc((size_t)(data->local_rows + 1) * sizeof *mine);
    void *all = NULL;
    size_t kept = 0, total = 0;
    *out = (as_row_hashes){0};
    AS_TRY(as_world_agree(world, mine == NULL ? as_error_set(AS_NOMEM, "out of memory for hashes of rows") : AS_OK));
    for (int64_t r = 0; r < data->local_rows; r++) {
        mine[kept] = hash_row(data, r);
        kept += mine[kept] <= limit ? 1 : 0;
    }
    const as_status status = as_sample_exchange(world, mine, kept * sizeof *mine, &all, &total);
    free(mine);
    if (status == AS_OK) {
        out->hash = all;
        out->rows = (int64_t)(total / sizeof *out->hash);
        qsort(out->hash, (size_t)out->rows, sizeof *out->hash, by_hash);
    }
    return status;
}

uint64_t as_sample_hash(const as_sample *s, int64_t row)
{
    uint64_t hash = 0;
    for (int64_t j = 0; j < s->width; j++) {
        uint64_t bits;
        const double v = s->x[row * s->width + j] + 0.0; /* one zero */
        memcpy(&bits, &v, sizeof bits);
        hash = as_mix64(hash ^ bits);
    }
    return hash;
}
