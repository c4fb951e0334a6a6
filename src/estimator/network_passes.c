/* The passes of a tile: gather, forward, loss and backward on rows that each thread owns, cut as network_cuts.c says.
 */
#include "base/clock.h"
#include "estimator/network_job.h"

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
static void pass_rows(network_job *job, int thread, const stretch *s, int64_t first, int64_t count, int lane, int lanes)
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
    const bool clock = network_job_clocked(job, thread), again = model->segments > 0;
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
static void rows_of_tile(network_job *job, int thread, const stretch *s)
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
static void lanes_of_tile(network_job *job, int thread, const stretch *s)
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

static void stretch_of_tile(network_job *job, int thread, const stretch *s)
{
    if (job->network->model.scope != AS_SCOPE_ROW) {
        lanes_of_tile(job, thread, s);
    } else {
        rows_of_tile(job, thread, s);
    }
}

network_rows_done network_job_done(const network_job *job, int thread)
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
    const network_job *job = context;
    const network_rows_done done = network_job_done(job, 0);
    if (job->work.passes[layer + 1]) {
        network_pulse_look_at(job->network->pulse, &done, layer);
    }
}

as_model_sums network_job_sums(network_job *job, void *const *part)
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
static void *portion_vector(const network_job *job, int slot)
{
    return slot < job->tile->program.parts ? job->network->vector[job->tile->slot + slot] : job->network->spare[slot];
}

/* The first layers backward on a portion, and its sums; a long lane in several passes. */
static void backward_of_portion(const network_job *job, const network_tile *portion)
{
    as_network *network = job->network;
    const int64_t *const row = job->lane_row + portion->lane, first = row[0], last = row[portion->lanes];
    const int64_t most = network_portion_rows(&network->model, &network->cuts, last - first);
    void *const part = portion_vector(job, portion->slot);
    const stretch back = {.first = 0, .last = network->cuts.chunk_layers, .backward = true, .chunk = most};
    int64_t from = first;
    do {
        const int64_t to = last - from < most ? last : from + most, lane_row[2] = {from, to};
        network_job pass = *job;
        pass.tile = portion;
        pass.from = job->from + from - job->at;
        pass.at = pass.work.near = from;
        pass.rows = to - from;
        pass.lane_row = most < last - first ? lane_row : row;
        pass.resume = from > first;
        pass.early = true;
        pass.sums = network_job_sums(&pass, &part);
        pass_rows(&pass, 0, &back, from, to - from, 0, portion->lanes);
        from = to;
    } while (from < last);
}

/* The same of all portions: the sums of siblings are added as soon as both are there. Who feels the step adds the last
   two by itself. */
static void backward_of_portions(const network_job *job)
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
static void phase_of_tile(network_job *job, int thread, int phase)
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

void network_pass_tile(network_job *job, int thread)
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
