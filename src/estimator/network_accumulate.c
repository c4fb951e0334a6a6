/* One rank's share of a step: passes of the rows of each tile (network_passes.c), then the sums over samples, lane by
   lane along the fixed tree.

   The batch is worked on in tiles of whole lanes (one, unless micro_batch or the cache asks for more). A tile gives
   vectors for the nodes of the tree that it covers; vectors of sibling nodes are merged as soon as both are there, so
   what remains are the parts of this rank, whatever the tiles were. A lane longer than a tile continues its chains.

   Either all threads work on every tile, each on its own rows and then on its share of the gradients, or every thread
   owns tiles, works on them alone, and their vectors are joined at the end (network_cuts.h). */
#include "base/clock.h"
#include "comm/lane_sum.h"
#include "estimator/network_job.h"

/* The layer whose output first holds something non-finite in a row of the work space. */
static int find_bad_layer(const as_network *network, int64_t row)
{
    const as_model_work *work = &network->work;
    const as_model *model = &network->model;
    const size_t bytes = network->setup.kernels->real_bytes;
    for (int i = 0; i <= model->nlayers; i++) {
        const int64_t width = i == 0 ? model->in_size : model->layer[i - 1].out_size;
        const char *x = (const char *)work->x[i] + (size_t)(row * work->ld[i]) * bytes;
        if (model->pooled[i] == 0 && network->update->first_bad(width, x) < width) {
            return i - 1;
        }
    }
    return model->nlayers;
}

/* Values of a row that were not kept, once more. */
static void forward_again(const network_job *job, int64_t row)
{
    const as_network *network = job->network;
    as_model_work work = job->work;
    const as_model_rows rows = network_rows(network, network->batch, job->from + row - job->at, row, 1);
    as_model_forward_layers(&network->model, &work, &rows, 0, network->cuts.passing.forward_layers);
}

/* Remembers a sample whose loss is not finite, for the message of the verdict. */
static void note_bad(const network_job *job, int64_t row)
{
    network_bad *bad = &job->network->owner_bad[job->owner];
    if (bad->count == 0) {
        forward_again(job, row);
        bad->layer = find_bad_layer(job->network, row);
    }
    if (bad->count < AS_BAD_MAX) {
        bad->id[bad->count] = job->network->batch->id[job->from + row - job->at];
    }
    bad->count++;
}

/* What the owners have noted, in the order of the lanes. */
static void collect_bad(as_network *network)
{
    network_bad *all = &network->bad;
    for (int owner = 0; owner < network->cuts.owners; owner++) {
        const network_bad *bad = &network->owner_bad[owner];
        if (all->count == 0) {
            all->layer = bad->layer;
        }
        for (int i = 0; i < bad->count && i < AS_BAD_MAX && all->count + i < AS_BAD_MAX; i++) {
            all->id[all->count + i] = bad->id[i];
        }
        all->count += bad->count;
    }
}

/* Head of the tile's lanes, in row order; one thread. */
static void sum_heads(const network_job *job)
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
                note_bad(job, r);
            }
        }
    }
}

/* Who feels the step sees what is added to the sum over all lanes, block by block; `first` is at one. */
static void show_halves(const as_network *network, int left, int right, int64_t first, int64_t count)
{
    const size_t bytes = network->setup.kernels->real_bytes;
    for (int64_t i = first; i < first + count; i += AS_BLOCK) {
        const int64_t rest = first + count - i, n = rest < AS_BLOCK ? rest : AS_BLOCK;
        const size_t offset = (size_t)i * bytes;
        network_pulse_halves(network->pulse, i, n, (const char *)network->vector[left] + offset,
                             (const char *)network->vector[right] + offset);
    }
}

/* vector[left] += vector[right], elements [first, first + count), which are summed. root: that is the sum over all
 * lanes. */
static void add_vectors(const as_network *network, int left, int right, bool root, int64_t first, int64_t count)
{
    if (root && network->pulse != NULL) {
        show_halves(network, left, right, first, count);
    }
    const as_kernels *k = network->setup.kernels;
    const size_t offset = (size_t)first * k->real_bytes;
    char *to = network->vector[left];
    k->add(count, to + offset, (const char *)network->vector[right] + offset, to + offset);
}

/* The merges of a tile, by its threads in ranges of blocks. */
static void merge_vectors(const network_job *job, int thread)
{
    const as_spans *summed = &job->network->summed;
    int64_t from, count, first;
    as_team_share(summed->count, AS_BLOCK, thread, job->threads, &from, &count);
    for (int m = 0; m < job->tile->nmerges; m++) {
        const bool root = job->tile->root && m == job->tile->nmerges - 1;
        for (int64_t i = from, n; i < from + count; i += n) {
            n = as_spans_next(summed, i, from + count, &first);
            add_vectors(job->network, job->tile->merge[m], job->tile->merge[m] + 1, root, first, n);
        }
    }
}

/* Who feels the step looks at the rows that are done. */
static void show_rows(const network_job *job, int thread)
{
    const network_rows_done done = network_job_done(job, thread);
    network_pulse_look(job->network->pulse, &done);
}

/* What one of the threads that share a tile does for it. */
static void work_on_tile(network_job *job, int thread)
{
    as_network *network = job->network;
    const bool clock = network_job_clocked(job, thread), together = job->threads > 1;
    network_pass_tile(job, thread);
    if (network->pulse != NULL) {
        show_rows(job, thread);
    }
    const double t0 = clock ? as_clock_seconds() : 0;
    if (thread == 0) {
        sum_heads(job);
    }
    if (network->nportions > 0) {
        as_model_accumulate_layers(&network->model, &job->work, network->cuts.chunk_layers, network->model.nlayers,
                                   &job->sums, thread);
    } else if (!network->cuts.early) {
        as_model_accumulate(&network->model, &job->work, &job->tile->program, job->lane_row, job->resume,
                            network->vector + job->tile->slot, together ? network->setup.team : NULL, thread,
                            job->threads);
    }
    if (job->tile->nmerges > 0) {
        if (together) {
            as_team_barrier(network->setup.team);
        }
        merge_vectors(job, thread);
    }
    if (clock) {
        network->times[AS_TIME_BACKWARD] += as_clock_seconds() - t0;
    }
}

static void tile_body(void *argument, int thread)
{
    work_on_tile(argument, thread);
}

/* Now, by its owner; or by all threads together. */
static void run_job(network_job *job)
{
    job->early = job->network->cuts.early;
    job->sums = network_job_sums(job, job->network->vector + job->tile->slot);
    if (job->network->cuts.owners > 1) {
        work_on_tile(job, 0);
    } else {
        as_team_run(job->network->setup.team, tile_body, job);
    }
}

/* A lane that has more rows than a tile: piece by piece, its chains continued; merges come with the last piece. */
static void run_long_lane(network_job job, int64_t first, int64_t last)
{
    const network_tile *tile = job.tile;
    const network_tile part = {
        .owner = tile->owner, .lane = tile->lane, .lanes = tile->lanes, .program = tile->program, .slot = tile->slot};
    const int64_t most = job.network->cuts.tile_rows;
    for (int64_t from = first; from < last; from += most) {
        const bool ends = last - from <= most;
        const int64_t rows = ends ? last - from : most;
        const int64_t lane_row[2] = {job.at, job.at + rows};
        job.tile = ends ? tile : &part;
        job.from = from;
        job.rows = rows;
        job.lane_row = lane_row;
        job.resume = from > first;
        run_job(&job);
    }
}

static void run_tile(as_network *network, const network_tile *tile)
{
    const int64_t *row = network->batch->lane_row + tile->lane;
    const int64_t first = row[0], last = row[tile->lanes];
    int64_t lane_row[AS_LANES_MAX + 1];
    network_job job = {.network = network,
                       .tile = tile,
                       .work = network->work,
                       .owner = tile->owner,
                       .threads = network->cuts.owners > 1 ? 1 : as_team_size(network->setup.team),
                       .from = first,
                       .at = tile->owner * network->cuts.tile_rows,
                       .rows = last - first,
                       .lane_row = lane_row};
    as_model_work_own(&network->model, &job.work, tile->owner);
    job.work.near = network->cuts.passing.backward_layers > 0 ? job.at : 0;
    if (tile->lanes == 1 && last - first > network->cuts.tile_rows) {
        run_long_lane(job, first, last);
        return;
    }
    for (int l = 0; l <= tile->lanes; l++) {
        lane_row[l] = row[l] - first + job.at;
    }
    run_job(&job);
}

/* The vectors of all owners to the parts of the rank, block by block, so that sums of sums stay in the cache. */
static void join_vectors(const as_network *network, int thread)
{
    const as_spans *summed = &network->summed;
    int64_t from, count, first;
    as_team_share(summed->count, AS_BLOCK, thread, as_team_size(network->setup.team), &from, &count);
    for (int64_t i = from, n; i < from + count; i += n) {
        const int64_t end = from + count - i < AS_BLOCK ? from + count : i + AS_BLOCK;
        n = as_spans_next(summed, i, end, &first);
        for (int j = 0; j < network->njoins; j++) {
            add_vectors(network, network->join[j].left, network->join[j].right, network->join[j].root, first, n);
        }
    }
}

static void owner_body(void *argument, int thread)
{
    as_network *network = argument;
    for (int t = 0; t < network->ntiles; t++) {
        if (network->tile[t].owner == thread) {
            run_tile(network, &network->tile[t]);
        }
    }
    as_team_barrier(network->setup.team);
    join_vectors(network, thread);
}

void network_meet(as_meeting *meeting, int thread, int64_t width)
{
    network_meeting *m = (network_meeting *)meeting;
    as_team_barrier(m->setup->team);
    if (thread == 0) {
        const as_status status = as_lane_sum(m->setup->world, m->setup->lanes, width, meeting->lane, meeting->sum);
        m->status = m->status == AS_OK ? status : m->status;
    }
    as_team_barrier(m->setup->team);
}

as_status network_accumulate(as_estimator *estimator, const as_batch *batch, int64_t step)
{
    as_network *network = (as_network *)estimator;
    network->batch = batch;
    network->step = step;
    network->bad.count = 0;
    network->meeting.status = AS_OK;
    const network_gathering gathering = network_gathering_of(network);
    network_gather_partners(&gathering, batch, network->setup.lanes->count);
    network_use_own(network);
    for (int owner = 0; owner < network->cuts.owners; owner++) {
        network->owner_bad[owner].count = 0;
    }
    as_sum_clear(network->sum);
    if (network->cuts.owners > 1) {
        as_team_run(network->setup.team, owner_body, network);
    } else {
        const bool split = network->pulse != NULL && network->pulse->splits;
        for (int t = 0; t < network->ntiles; t++) {
            run_tile(network, split ? &network->pulse->tile : &network->tile[t]);
        }
    }
    collect_bad(network);
    return network->meeting.status;
}
