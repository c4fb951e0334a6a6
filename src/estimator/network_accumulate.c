/* One rank's share of a step: gather, forward, loss, backward on rows that each thread owns; then the sums over
   samples, lane by lane along the fixed tree.

   The batch is worked on in tiles of whole lanes (one, unless micro_batch or the cache asks for more). A tile gives
   vectors for the nodes of the tree that it covers; vectors of sibling nodes are merged as soon as both are there, so
   what remains are the parts of this rank, whatever the tiles were. A lane longer than a tile continues its chains.

   Either all threads work on every tile, each on its own rows and then on its share of the gradients, or every thread
   owns tiles, works on them alone, and their vectors are joined at the end (network_cuts.h). */
#include "base/clock.h"
#include "base/error.h"
#include "comm/lane_sum.h"
#include "estimator/network_pulse.h"

typedef struct tile_job {
    as_network *network;
    const network_tile *tile;
    as_model_work work;      /* the network's, with the scratch of the owner */
    int owner, threads;      /* threads that share the tile; barriers are for several */
    int64_t from;            /* row of the batch that lies at row `at` of the work space */
    int64_t at, rows;        /* of the work space */
    const int64_t *lane_row; /* (tile lanes + 1) rows of the work space */
    bool resume;
    bool early; /* backward takes the sums, */
    as_model_sums sums;
} tile_job;

as_model_rows network_rows(const as_network *network, const as_batch *batch, int64_t from, int64_t first, int64_t count)
{
    return (as_model_rows){
        .params = network->use_params,
        .packed = network->use_packed,
        .first = first,
        .count = count,
        .id = batch->id + from,
        .seed = network->setup.seed,
        .step = network->step,
        .label = batch->label == NULL ? NULL : batch->label + from * network->model.data.positions,
        .target = batch->target == NULL ? NULL : batch->target + from * network->model.data.targets,
        .weight = batch->weight + from,
    };
}

/* Whether this thread is the one whose time is taken. */
static bool clocked(const tile_job *job, int thread)
{
    return thread == 0 && job->owner == 0;
}

/* What is done with some rows before others are begun: layers [first, last), forward (which the first of them precede
   by the data), backward, or both with the losses in between. */
typedef struct stretch {
    int phase; /* as_model_phase */
    int first, last;
    bool forward, backward;
    int64_t chunk; /* rows at a time */
} stretch;

/* Whether values that forward alone looks at are not kept: who feels the step looks at all of them. */
static bool is_brief(const as_network *network, const stretch *s, int64_t count)
{
    return s->forward && s->first == 0 && network->cuts.passing.forward_layers > 0 &&
           count <= network->cuts.passing.forward_rows && network->pulse == NULL && network->model.segments == 0;
}

/* A stretch of rows [first, first + count) of the work space; they are lanes [lane, lane + lanes) of the tile, or any
   rows where lanes is 0. */
static void pass_rows(tile_job *job, int thread, const stretch *s, int64_t first, int64_t count, int lane, int lanes)
{
    as_network *network = job->network;
    const as_model *model = &network->model;
    const int64_t from = job->from + first - job->at;
    as_model_rows rows = network_rows(network, network->batch, from, first, count);
    rows.thread = thread;
    rows.partner = network->mixing >= 0 ? network->partner + from : NULL;
    rows.share = network->mixing >= 0 ? network->share + from : NULL;
    rows.lanes = lanes;
    rows.lane_row = job->lane_row + lane;
    rows.first_lane = job->tile->lane + lane;
    rows.meeting = model->scope == AS_SCOPE_BATCH ? &network->meeting.base : NULL;
    rows.sums = job->early ? &job->sums : NULL;
    const bool clock = clocked(job, thread), again = model->segments > 0;
    const double t0 = clock ? as_clock_seconds() : 0;
    if (s->phase == 0 && s->forward && s->first == 0) {
        const network_gathering gathering = network_gathering_of(network);
        network_gather_rows(&gathering, network->batch, from, first, count, true, job->owner + thread);
    }
    const double t1 = clock ? as_clock_seconds() : 0;
    as_model_work work = job->work;
    if (is_brief(network, s, count)) {
        as_model_work_brief(model, &work, job->owner + thread, first);
    }
    if (s->forward && !again) {
        as_model_forward_layers(model, &work, &rows, s->first, s->last);
    }
    if (s->forward && s->backward && !again) {
        as_model_loss(model, &work, &rows, true);
    }
    const double t2 = clock ? as_clock_seconds() : 0;
    if (again) {
        as_model_phase(model, &work, &rows, s->phase);
    } else if (s->backward) {
        as_model_backward_layers(model, &work, &rows, s->first, s->last);
    }
    if (clock) {
        network->times[AS_TIME_DATA] += t1 - t0;
        network->times[AS_TIME_FORWARD] += t2 - t1;
        network->times[AS_TIME_BACKWARD] += as_clock_seconds() - t2;
    }
}

/* The thread's rows, in chunks of nearly equal size. */
static void rows_of_tile(tile_job *job, int thread, const stretch *s)
{
    int64_t first, count;
    as_team_share(job->rows, job->rows >= 64 * job->threads ? 8 : 1, thread, job->threads, &first, &count);
    const int64_t all = (count + s->chunk - 1) / s->chunk, chunks = job->early ? 1 : all;
    for (int64_t i = 0; i < chunks; i++) {
        const int64_t begin = count * i / chunks, end = count * (i + 1) / chunks;
        pass_rows(job, thread, s, job->at + first + begin, end - begin, 0, 0);
    }
}

/* The thread's lanes, as many at a time as a chunk holds, and at least one. */
static void lanes_of_tile(tile_job *job, int thread, const stretch *s)
{
    const int64_t *row = job->lane_row;
    int64_t first, count;
    as_team_share(job->tile->lanes, 1, thread, job->threads, &first, &count);
    if (job->network->model.scope == AS_SCOPE_BATCH || job->early) { /* a thread comes once to every meeting */
        pass_rows(job, thread, s, row[first], row[first + count] - row[first], (int)first, (int)count);
        return;
    }
    for (int lane = (int)first; lane < (int)(first + count);) {
        int end = lane + 1;
        while (end < (int)(first + count) && row[end + 1] - row[lane] <= s->chunk) {
            end++;
        }
        pass_rows(job, thread, s, row[lane], row[end] - row[lane], lane, end - lane);
        lane = end;
    }
}

static void stretch_of_tile(tile_job *job, int thread, const stretch *s)
{
    if (job->network->model.scope != AS_SCOPE_ROW) {
        lanes_of_tile(job, thread, s);
    } else {
        rows_of_tile(job, thread, s);
    }
}

static network_rows_done rows_done(const tile_job *job, int thread)
{
    return (network_rows_done){.work = &job->work,
                               .lane = job->tile->lane,
                               .lanes = job->tile->lanes,
                               .lane_row = job->lane_row,
                               .at = job->at,
                               .from = job->from,
                               .thread = thread,
                               .threads = job->threads,
                               .slot = job->owner + thread};
}

/* Who feels the step looks at a layer of the rows of a pass, before what passes is gone. */
static void show_layer(void *context, int layer)
{
    const tile_job *job = context;
    const network_rows_done done = rows_done(job, 0);
    if (job->work.passes[layer + 1]) {
        network_pulse_look_at(job->network->pulse, &done, layer);
    }
}

/* What the sums of a job are taken along. */
static as_model_sums sums_of(tile_job *job, void *const *part)
{
    return (as_model_sums){.program = &job->tile->program,
                           .lane_row = job->lane_row,
                           .resume = job->resume,
                           .part = part,
                           .team = job->network->setup.team,
                           .threads = job->threads,
                           .done = job->network->pulse != NULL ? show_layer : NULL,
                           .context = job};
}

/* A vector of the portions of a tile. */
static void *portion_vector(const tile_job *job, int slot)
{
    return slot < job->tile->program.parts ? job->network->vector[job->tile->slot + slot] : job->network->spare[slot];
}

/* The first layers backward on a portion, and its sums; a long lane in several passes. */
static void backward_of_portion(const tile_job *job, const network_tile *portion)
{
    as_network *network = job->network;
    const int64_t *const row = job->lane_row + portion->lane, first = row[0], last = row[portion->lanes];
    const int64_t most = network_portion_rows(&network->model, &network->cuts, last - first);
    void *const part = portion_vector(job, portion->slot);
    const stretch back = {.first = 0, .last = network->cuts.chunk_layers, .backward = true, .chunk = most};
    int64_t from = first;
    do {
        const int64_t to = last - from < most ? last : from + most, lane_row[2] = {from, to};
        tile_job pass = *job;
        pass.tile = portion;
        pass.from = job->from + from - job->at;
        pass.at = pass.work.near = from;
        pass.rows = to - from;
        pass.lane_row = most < last - first ? lane_row : row;
        pass.resume = from > first;
        pass.early = true;
        pass.sums = sums_of(&pass, &part);
        pass_rows(&pass, 0, &back, from, to - from, 0, portion->lanes);
        from = to;
    } while (from < last);
}

/* The same of all portions: the sums of siblings are added as soon as both are there. Who feels the step adds the last
   two by itself. */
static void backward_of_portions(const tile_job *job)
{
    const as_network *network = job->network;
    const bool split = network->pulse != NULL && job->tile == &network->pulse->tile;
    for (int t = 0; t < network->nportions; t++) {
        const network_tile *portion = &network->portion[t];
        backward_of_portion(job, portion);
        for (int m = 0; m < portion->nmerges - (split && t == network->nportions - 1 ? 1 : 0); m++) {
            void *const left = portion_vector(job, portion->merge[m]);
            network->setup.kernels->add(network->first_reals, left, portion_vector(job, portion->merge[m] + 1), left);
        }
    }
}

/* A phase of the thread's rows: in chunks through the layers that do so, all together through the others. */
static void phase_of_tile(tile_job *job, int thread, int phase)
{
    const as_network *network = job->network;
    const int layers = network->model.nlayers, cut = network->cuts.chunk_layers;
    if (cut == 0 || cut == layers) {
        stretch_of_tile(job, thread, &(stretch){phase, 0, layers, true, true, network->cuts.chunk_rows});
        return;
    }
    stretch_of_tile(job, thread, &(stretch){phase, 0, cut, true, false, network->cuts.chunk_rows});
    stretch_of_tile(job, thread, &(stretch){phase, cut, layers, true, true, network->cuts.tile_rows});
    if (network->nportions > 0) {
        backward_of_portions(job);
        return;
    }
    stretch_of_tile(job, thread, &(stretch){phase, 0, cut, false, true, network->cuts.chunk_rows});
}

/* All phases of the thread's rows; the sums of a segment are taken before the next one uses its memory. */
static void passes_of_tile(tile_job *job, int thread)
{
    as_network *network = job->network;
    const as_model *model = &network->model;
    const bool together = job->threads > 1;
    for (int phase = 0; phase <= 2 * model->segments; phase++) {
        phase_of_tile(job, thread, phase);
        if (together) {
            as_team_barrier(network->setup.team);
        }
        if (phase <= model->segments) {
            continue;
        }
        as_model_accumulate_segment(model, &job->work, 2 * model->segments + 1 - phase, &job->tile->program,
                                    job->lane_row, job->resume, network->vector + job->tile->slot, thread,
                                    job->threads);
        if (together) {
            as_team_barrier(network->setup.team);
        }
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
        if (model->pooled[i] == 0 && network->update->first_bad(width, x) < width) {
            return i - 1;
        }
    }
    return model->nlayers;
}

/* Values of a row that were not kept, once more. */
static void forward_again(const tile_job *job, int64_t row)
{
    const as_network *network = job->network;
    as_model_work work = job->work;
    const as_model_rows rows = network_rows(network, network->batch, job->from + row - job->at, row, 1);
    as_model_forward_layers(&network->model, &work, &rows, 0, network->cuts.passing.forward_layers);
}

/* Remembers a sample whose loss is not finite, for the message of the verdict. */
static void note_bad(const tile_job *job, int64_t row)
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
static void sum_heads(const tile_job *job)
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

/* vector[left] += vector[right], elements [first, first + count). root: that is the sum over all lanes. */
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
static void merge_vectors(const tile_job *job, int thread)
{
    int64_t first, count;
    as_team_share(job->network->n, AS_BLOCK, thread, job->threads, &first, &count);
    for (int m = 0; m < job->tile->nmerges; m++) {
        const bool root = job->tile->root && m == job->tile->nmerges - 1;
        add_vectors(job->network, job->tile->merge[m], job->tile->merge[m] + 1, root, first, count);
    }
}

/* Who feels the step looks at the rows that are done. */
static void show_rows(const tile_job *job, int thread)
{
    const network_rows_done done = rows_done(job, thread);
    network_pulse_look(job->network->pulse, &done);
}

/* What one of the threads that share a tile does for it. */
static void work_on_tile(tile_job *job, int thread)
{
    as_network *network = job->network;
    const bool clock = clocked(job, thread), together = job->threads > 1;
    passes_of_tile(job, thread);
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
static void run_job(tile_job *job)
{
    job->early = job->network->cuts.early;
    job->sums = sums_of(job, job->network->vector + job->tile->slot);
    if (job->network->cuts.owners > 1) {
        work_on_tile(job, 0);
    } else {
        as_team_run(job->network->setup.team, tile_body, job);
    }
}

/* A lane that has more rows than a tile: piece by piece, its chains continued; merges come with the last piece. */
static void run_long_lane(tile_job job, int64_t first, int64_t last)
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
    tile_job job = {.network = network,
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
    int64_t first, count;
    as_team_share(network->n, AS_BLOCK, thread, as_team_size(network->setup.team), &first, &count);
    for (int64_t i = first; i < first + count; i += AS_BLOCK) {
        const int64_t left = first + count - i, n = left < AS_BLOCK ? left : AS_BLOCK;
        for (int j = 0; j < network->njoins; j++) {
            add_vectors(network, network->join[j].left, network->join[j].right, network->join[j].root, i, n);
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
    network->use_params = network->params;
    network->use_packed = network->packed;
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
