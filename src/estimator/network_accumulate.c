/* One rank's share of a step: gather, forward, loss, backward on rows that each thread owns; then the sums over
   samples, lane by lane along the fixed tree, divided among threads by output tile.

   The batch is worked on in tiles of whole lanes (one, unless micro_batch or the cache asks for more). A tile gives
   vectors for the nodes of the tree that it covers; vectors of sibling nodes are merged as soon as both are there, so
   what remains are the parts of this rank, whatever the tiles were. A lane longer than a tile continues its chains. */
#include "base/clock.h"
#include "base/error.h"
#include "estimator/network.h"

typedef struct tile_job {
    as_network *network;
    const network_tile *tile;
    int64_t base, rows;      /* rows of the batch that the work space holds now */
    const int64_t *lane_row; /* (tile lanes + 1), counted from base */
    bool resume;
} tile_job;

as_model_rows network_rows(const as_network *network, const as_batch *batch, int64_t base, int64_t first, int64_t count)
{
    return (as_model_rows){
        .params = network->use_params,
        .packed = network->use_packed,
        .first = first,
        .count = count,
        .id = batch->id + base,
        .seed = network->setup.seed,
        .step = network->step,
        .label = batch->label == NULL ? NULL : batch->label + base * network->model.data.positions,
        .target = batch->target == NULL ? NULL : batch->target + base * network->model.data.targets,
        .weight = batch->weight + base,
    };
}

void network_gather(as_network *network, const as_batch *batch, int64_t base, int64_t first, int64_t count)
{
    const as_kernels *k = network->setup.kernels;
    const as_dataset *data = batch->data;
    const as_normalization *norm = network->setup.normalization;
    const bool plain = norm == NULL || norm->identity;
    const as_model_work *work = &network->work;
    k->gather(count, data->width, data->x, data->type, data->stride, batch->at + base + first,
              plain ? NULL : norm->scale_real, plain ? NULL : norm->shift_real,
              (char *)work->x[0] + (size_t)(first * work->ld[0]) * k->real_bytes, work->ld[0]);
}

/* Forward, loss and backward of rows [first, first + count) of the tile; they are lanes [lane, lane + lanes) of it, or
   any rows where lanes is 0. */
static void pass_rows(tile_job *job, int thread, int64_t first, int64_t count, int lane, int lanes)
{
    as_network *network = job->network;
    as_model_rows rows = network_rows(network, network->batch, job->base, first, count);
    rows.thread = thread;
    rows.lanes = lanes;
    rows.lane_row = job->lane_row + lane;
    const double t0 = thread == 0 ? as_clock_seconds() : 0;
    network_gather(network, network->batch, job->base, first, count);
    const double t1 = thread == 0 ? as_clock_seconds() : 0;
    as_model_forward(&network->model, &network->work, &rows, true);
    as_model_loss(&network->model, &network->work, &rows, true);
    const double t2 = thread == 0 ? as_clock_seconds() : 0;
    as_model_backward(&network->model, &network->work, &rows);
    if (thread == 0) {
        network->times[AS_TIME_DATA] += t1 - t0;
        network->times[AS_TIME_FORWARD] += t2 - t1;
        network->times[AS_TIME_BACKWARD] += as_clock_seconds() - t2;
    }
}

/* The thread's rows, chunk by chunk. */
static void rows_of_tile(tile_job *job, int thread, int threads)
{
    as_network *network = job->network;
    int64_t first, count;
    as_team_share(job->rows, job->rows >= 64 * threads ? 8 : 1, thread, threads, &first, &count);
    for (int64_t done = 0; done < count; done += network->chunk) {
        const int64_t here = count - done < network->chunk ? count - done : network->chunk;
        pass_rows(job, thread, first + done, here, 0, 0);
    }
}

/* The thread's lanes, as many at a time as a chunk holds, and at least one. */
static void lanes_of_tile(tile_job *job, int thread, int threads)
{
    const int64_t *row = job->lane_row;
    int64_t first, count;
    as_team_share(job->tile->lanes, 1, thread, threads, &first, &count);
    for (int lane = (int)first; lane < (int)(first + count);) {
        int end = lane + 1;
        while (end < (int)(first + count) && row[end + 1] - row[lane] <= job->network->chunk) {
            end++;
        }
        pass_rows(job, thread, row[lane], row[end] - row[lane], lane, end - lane);
        lane = end;
    }
}

/* The layer whose output first holds something non-finite in a row of the work space. */
static int find_bad_layer(const as_network *network, int64_t row)
{
    const as_model_work *work = &network->work;
    const as_model *model = &network->model;
    const size_t bytes = network->setup.kernels->real_bytes;
    for (int i = 0; i <= model->nlayers; i++) {
        const int64_t width = i == 0 ? model->in_size : model->layer[i - 1].out_size;
        const char *x = (const char *)work->x[i] + (size_t)(row * work->ld[i]) * bytes;
        if (network->update->first_bad(width, x) < width) {
            return i - 1;
        }
    }
    return model->nlayers;
}

/* Remembers a sample whose loss is not finite, for the message of the verdict. */
static void note_bad(as_network *network, int64_t batch_row, int64_t work_row)
{
    if (network->nbad == 0) {
        network->bad_layer = find_bad_layer(network, work_row);
    }
    if (network->nbad < AS_BAD_MAX) {
        network->bad_id[network->nbad] = network->batch->id[batch_row];
    }
    network->nbad++;
}

/* Head of the tile's lanes, in row order; thread 0 alone. */
static void sum_heads(tile_job *job)
{
    as_network *network = job->network;
    for (int l = 0; l < job->tile->lanes; l++) {
        double *head = as_sum_head(network->sum, job->tile->lane + l);
        for (int64_t r = job->lane_row[l]; r < job->lane_row[l + 1]; r++) {
            const double loss = network->work.loss[r];
            head[AS_HEAD_COUNT] += 1.0;
            head[AS_HEAD_WEIGHT] += network->work.counted[r];
            head[AS_HEAD_LOSS] += loss;
            if (!__builtin_isfinite(loss)) {
                note_bad(network, job->base + r, r);
            }
        }
    }
}

/* vector[left] += vector[left + 1] for each merge, by all threads in ranges of blocks. */
static void merge_vectors(const tile_job *job, int thread, int threads)
{
    const as_network *network = job->network;
    const as_kernels *k = network->setup.kernels;
    int64_t first, count;
    as_team_share(network->n, AS_BLOCK, thread, threads, &first, &count);
    const size_t offset = (size_t)first * k->real_bytes;
    for (int m = 0; m < job->tile->nmerges; m++) {
        char *left = network->vector[job->tile->merge[m]];
        const char *right = network->vector[job->tile->merge[m] + 1];
        k->add(count, left + offset, right + offset, left + offset);
    }
}

static void tile_body(void *argument, int thread)
{
    tile_job *job = argument;
    as_network *network = job->network;
    as_team *team = network->setup.team;
    const int threads = as_team_size(team);
    if (network->model.scope == AS_SCOPE_LANE) {
        lanes_of_tile(job, thread, threads);
    } else {
        rows_of_tile(job, thread, threads);
    }
    as_team_barrier(team);
    const double t0 = thread == 0 ? as_clock_seconds() : 0;
    if (thread == 0) {
        sum_heads(job);
    }
    as_model_accumulate(&network->model, &network->work, &job->tile->program, job->lane_row, job->resume,
                        network->vector + job->tile->slot, team, thread, threads);
    if (job->tile->nmerges > 0) {
        as_team_barrier(team);
        merge_vectors(job, thread, threads);
    }
    if (thread == 0) {
        network->times[AS_TIME_BACKWARD] += as_clock_seconds() - t0;
    }
}

/* A lane that has more rows than a tile: piece by piece, its chains continued; merges come with the last piece. */
static void run_long_lane(as_network *network, const network_tile *tile, int64_t first, int64_t last)
{
    const network_tile part = {.lane = tile->lane, .lanes = tile->lanes, .program = tile->program, .slot = tile->slot};
    for (int64_t at = first; at < last; at += network->tile_rows) {
        const bool ends = last - at <= network->tile_rows;
        const int64_t rows = ends ? last - at : network->tile_rows;
        const int64_t lane_row[2] = {0, rows};
        tile_job job = {.network = network,
                        .tile = ends ? tile : &part,
                        .base = at,
                        .rows = rows,
                        .lane_row = lane_row,
                        .resume = at > first};
        as_team_run(network->setup.team, tile_body, &job);
    }
}

as_status network_accumulate(as_estimator *estimator, const as_batch *batch, int64_t step)
{
    as_network *network = (as_network *)estimator;
    network->batch = batch;
    network->step = step;
    network->nbad = 0;
    network->use_params = network->params;
    network->use_packed = network->packed;
    as_sum_clear(network->sum);
    int64_t lane_row[AS_LANES_MAX + 1];
    for (int t = 0; t < network->ntiles; t++) {
        const network_tile *tile = &network->tile[t];
        const int64_t first = batch->lane_row[tile->lane], last = batch->lane_row[tile->lane + tile->lanes];
        if (tile->lanes == 1 && last - first > network->tile_rows) {
            run_long_lane(network, tile, first, last);
            continue;
        }
        for (int l = 0; l <= tile->lanes; l++) {
            lane_row[l] = batch->lane_row[tile->lane + l] - first;
        }
        tile_job job = {.network = network, .tile = tile, .base = first, .rows = last - first, .lane_row = lane_row};
        as_team_run(network->setup.team, tile_body, &job);
    }
    return AS_OK;
}
