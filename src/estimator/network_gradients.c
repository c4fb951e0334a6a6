/* Gradients of a network at any point (gradients.h): a second work space, a second set of packed weights and sums
   beside those of training. As many lanes as a tile holds go through the network together; their gradients are summed
   lane by lane and walk the lane tree, in the precision of the passes: on a stack of vectors, or, where nothing but the
   sum is wanted and one tile has all lanes of the rank, inside of the kernels, to the same bits.

   Where lanes are compared with each other, a lane is taken in two halves, whose gradients are kept as long as that
   takes less than a fixed memory, else computed again. Cost of a run: one forward and backward of the batch; with a
   stack, two passes over a vector for each lane; as much again for the spread where gradients were not kept. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "comm/lane_sum.h"
#include "estimator/network_gradients.h"

/* Rows of the batch in the work space: lanes [lane, lane + lanes) of the rank, or a piece of one that is too long. */
typedef struct tile_job {
    as_gradients *g;
    const as_gradients_task *task;
    int lane, lanes;
    int64_t from, rows;      /* of the batch */
    const int64_t *lane_row; /* (lanes + 1) from 0 */
} tile_job;

/* The sum over rows of the work space along a program. */
typedef struct sum_job {
    as_gradients *g;
    const as_tree_program *program;
    const int64_t *lane_row;
    bool resume;
    void *const *part;
} sum_job;

bool as_gradients_trains(const as_model *model, int layer, int q)
{
    return as_layer_moves(&model->layer[layer], q) && !model->layer[layer].param[q].statistic;
}

const as_model *as_gradients_model(const as_gradients *g)
{
    return &g->model;
}

const double *as_gradients_mean(const as_gradients *g)
{
    return g->mean;
}

void as_gradients_params(const as_gradients *g, double *out)
{
    g->network->setup.kernels->to_double(g->n, g->network->params, out);
}

/* A program that emits each of `leaves` lanes as a part. */
static as_tree_program program_of(as_gradients *g, int leaves)
{
    return (as_tree_program){.lanes = leaves,
                             .steps = 2 * leaves,
                             .parts = leaves,
                             .depth = 1,
                             .step = g->steps,
                             .part_first = g->first,
                             .part_lanes = g->lanes};
}

/* Into the own work space, mixed as the task's data want it. */
static network_gathering gathering_of(const as_gradients *g)
{
    return (network_gathering){.kernels = g->kernels,
                               .normalization = g->normalization,
                               .work = &g->work,
                               .augment_work = g->augment_work,
                               .augment_reals = g->network->augment_reals,
                               .mixing = g->mixing,
                               .partner = g->partner,
                               .share = g->share};
}

static as_model_rows rows_of(const tile_job *job, int64_t first, int64_t count)
{
    const as_gradients *g = job->g;
    const int64_t from = job->from + first;
    as_model_rows rows = network_rows(g->network, job->task->batch, from, first, count);
    rows.params = g->use_params;
    rows.packed = g->use_packed;
    rows.step = job->task->step;
    rows.partner = g->mixing >= 0 ? g->partner + from : NULL;
    rows.share = g->mixing >= 0 ? g->share + from : NULL;
    return rows;
}

/* Rows [first, first + count) of the tile; they are lanes [lane, lane + lanes) of it where layers see whole lanes.
   Where they see the whole batch, the tile has all lanes of the rank, and lanes meet as in training. */
static void pass_rows(tile_job *job, int64_t first, int64_t count, int lane, int lanes, int thread)
{
    as_gradients *g = job->g;
    as_model_rows rows = rows_of(job, first, count);
    rows.thread = thread;
    rows.lanes = lanes;
    rows.lane_row = job->lane_row + lane;
    rows.first_lane = job->lane + lane;
    rows.meeting = g->model.scope == AS_SCOPE_BATCH ? &g->network->meeting.base : NULL;
    const network_gathering gathering = gathering_of(g);
    network_gather_rows(&gathering, job->task->batch, job->from + first, first, count, true, thread);
    as_model_forward(&g->model, &g->work, &rows, true);
    as_model_loss(&g->model, &g->work, &rows, !job->task->loss_alone || job->task->source != AS_GRADIENTS_LOSS);
    if (job->task->source != AS_GRADIENTS_LOSS) {
        network_source(g, job->task->source, job->from + first, first, count);
    }
    if (job->task->branches != AS_GRADIENTS_FREE) {
        network_branches(g, job->task->branches, job->from + first, first, count);
    }
    if (!job->task->loss_alone) {
        as_model_backward(&g->model, &g->work, &rows);
    }
}

static void pass_body(void *argument, int thread)
{
    tile_job *job = argument;
    as_gradients *g = job->g;
    as_team *team = g->network->setup.team;
    const int threads = as_team_size(team);
    int64_t first, count;
    if (g->model.scope == AS_SCOPE_BATCH) { /* every thread comes to every meeting once */
        as_team_share(job->lanes, 1, thread, threads, &first, &count);
        const int64_t row = job->lane_row[first];
        pass_rows(job, row, job->lane_row[first + count] - row, (int)first, (int)count, thread);
    } else if (g->model.scope == AS_SCOPE_LANE) {
        as_team_share(job->lanes, 1, thread, threads, &first, &count);
        for (int64_t l = first; l < first + count; l++) {
            const int64_t rows = job->lane_row[l + 1] - job->lane_row[l];
            if (rows > 0) {
                pass_rows(job, job->lane_row[l], rows, (int)l, 1, thread);
            }
        }
    } else {
        const int64_t chunk = g->network->cuts.chunk_rows;
        as_team_share(job->rows, job->rows >= 64 * threads ? 8 : 1, thread, threads, &first, &count);
        for (int64_t done = 0; done < count; done += chunk) {
            pass_rows(job, first + done, count - done < chunk ? count - done : chunk, 0, 0, thread);
        }
    }
    if (job->task->see != NULL) {
        as_team_barrier(team);
        job->task->see(job->task->context, &(as_gradients_view){.model = &g->model,
                                                                .work = &g->work,
                                                                .from = job->from,
                                                                .lane = job->lane,
                                                                .lanes = job->lanes,
                                                                .lane_row = job->lane_row,
                                                                .thread = thread,
                                                                .threads = threads});
    }
}

/* Loss and weights of the tile's lanes, in the order of rows; of the rows from `middle` on as the second half of a lane
   (one lane), or of each lane's own. */
static void add_heads(const tile_job *job, int64_t middle)
{
    as_gradients *g = job->g;
    for (int l = 0; l < job->lanes; l++) {
        double *head = g->lane_head + (job->lane + l) * AS_HEAD_SIZE;
        double *weight = g->half_weight + (job->lane + l) * HALVES;
        const int64_t rows = job->lane_row[l + 1] - job->lane_row[l], half = middle >= 0 ? middle : (rows + 1) / 2;
        for (int64_t i = 0; i < rows; i++) {
            const int64_t r = job->lane_row[l] + i;
            head[AS_HEAD_COUNT] += 1;
            head[AS_HEAD_WEIGHT] += g->work.counted[r];
            head[AS_HEAD_LOSS] += g->work.loss[r];
            weight[i >= half] += g->work.counted[r];
        }
    }
}

static void sum_body(void *argument, int thread)
{
    const sum_job *job = argument;
    as_team *team = job->g->network->setup.team;
    as_model_accumulate(&job->g->model, &job->g->work, job->program, job->lane_row, job->resume, job->part, team,
                        thread, as_team_size(team));
}

static void sum_rows(as_gradients *g, const as_tree_program *program, const int64_t *lane_row, bool resume,
                     void *const *part)
{
    sum_job job = {.g = g, .program = program, .lane_row = lane_row, .resume = resume, .part = part};
    as_team_run(g->network->setup.team, sum_body, &job);
}

/* Takes lanes from `lane` on through the network, as many as the tile holds. */
static void load(as_gradients *g, const as_gradients_task *task, int lane)
{
    const int64_t *row = task->batch->lane_row;
    const int own = g->network->setup.lanes->count;
    int end = lane + 1;
    while (end < own && row[end + 1] - row[lane] <= g->tile) {
        end++;
    }
    for (int l = lane; l <= end; l++) {
        g->lane_row[l - lane] = row[l] - row[lane];
    }
    memset(g->half_weight + lane * HALVES, 0, (size_t)(end - lane) * HALVES * sizeof(double));
    tile_job job = {.g = g,
                    .task = task,
                    .lane = lane,
                    .lanes = end - lane,
                    .from = row[lane],
                    .rows = row[end] - row[lane],
                    .lane_row = g->lane_row};
    as_team_run(g->network->setup.team, pass_body, &job);
    add_heads(&job, -1);
    g->loaded = lane;
    g->loaded_end = end;
}

/* A lane that has more rows than the tile: each half (or all of it) piece by piece, its chains continued. */
static void run_long_lane(as_gradients *g, const as_gradients_task *task, int lane, int halves, void *const to[HALVES])
{
    const int64_t begin = task->batch->lane_row[lane], end = task->batch->lane_row[lane + 1];
    const int64_t middle = halves > 1 ? begin + (end - begin + 1) / 2 : end;
    const as_tree_program program = program_of(g, 1);
    g->loaded = g->loaded_end = -1;
    memset(g->half_weight + lane * HALVES, 0, HALVES * sizeof(double));
    for (int half = 0; half < halves; half++) {
        const int64_t from = half == 0 ? begin : middle, stop = half == 0 ? middle : end;
        for (int64_t at = from; at < stop; at += g->tile) {
            const int64_t lane_row[2] = {0, stop - at < g->tile ? stop - at : g->tile};
            tile_job job = {
                .g = g, .task = task, .lane = lane, .lanes = 1, .from = at, .rows = lane_row[1], .lane_row = lane_row};
            as_team_run(g->network->setup.team, pass_body, &job);
            add_heads(&job, half == 0 ? job.rows : 0);
            if (!task->loss_alone) {
                sum_rows(g, &program, lane_row, at > from, &to[half]);
            }
        }
    }
}

/* The gradient of a lane, in halves where they are wanted. */
void network_gradients_lane(as_gradients *g, const as_gradients_task *task, int lane, void *const to[HALVES])
{
    const int64_t *row = task->batch->lane_row;
    const int halves = task->spread ? HALVES : 1;
    if (row[lane + 1] - row[lane] > g->tile) {
        run_long_lane(g, task, lane, halves, to);
        return;
    }
    if (lane < g->loaded || lane >= g->loaded_end) {
        load(g, task, lane);
    }
    if (task->loss_alone) {
        return;
    }
    const int64_t first = g->lane_row[lane - g->loaded], last = g->lane_row[lane - g->loaded + 1];
    const int64_t lane_row[HALVES + 1] = {first, halves > 1 ? first + (last - first + 1) / 2 : last, last};
    const as_tree_program program = program_of(g, halves);
    sum_rows(g, &program, lane_row, false, to);
}

/* to = a + b, reals of the passes, by all threads. */
typedef struct add_job {
    const as_gradients *g;
    void *a, *b, *to;
} add_job;

static void add_body(void *argument, int thread)
{
    const add_job *job = argument;
    const as_gradients *g = job->g;
    const as_spans *summed = &g->network->summed;
    int64_t from, count, first;
    as_team_share(summed->count, AS_BLOCK, thread, as_team_size(g->network->setup.team), &from, &count);
    for (int64_t i = from, n; i < from + count; i += n) {
        n = as_spans_next(summed, i, from + count, &first);
        g->kernels->add(n, network_gradients_at(g, job->a, first), network_gradients_at(g, job->b, first),
                        network_gradients_at(g, job->to, first));
    }
}

static void add_vectors(as_gradients *g, void *a, void *b, void *to)
{
    add_job job = {.g = g, .a = a, .b = b, .to = to};
    as_team_run(g->network->setup.team, add_body, &job);
}

/* A lane's gradient into `to`. */
static void lane_vector(as_gradients *g, const as_gradients_task *task, int lane, void *to)
{
    if (!task->spread) {
        void *const one[HALVES] = {to, NULL};
        network_gradients_lane(g, task, lane, one);
        return;
    }
    void *const *half = network_halves(g, lane);
    network_gradients_lane(g, task, lane, half);
    add_vectors(g, half[0], half[1], to);
}

/* All own lanes along the program of the rank; emitted nodes are parts of the sum. */
static void walk(as_gradients *g, const as_gradients_task *task)
{
    const as_tree_program *program = &g->network->setup.lanes->program;
    const int own = g->network->setup.lanes->count;
    const size_t vector = (size_t)g->n * g->kernels->real_bytes;
    int level = 0, emitted = 0;
    if (!task->spread && task->batch->lane_row[own] <= g->tile) {
        void *part[2 * AS_TREE_DEPTH_MAX];
        for (int p = 0; p < program->parts; p++) {
            part[p] = as_sum_part(g->sum, p);
        }
        load(g, task, 0);
        sum_rows(g, program, g->lane_row, false, part);
        return;
    }
    for (int i = 0; i < program->steps; i++) {
        const int step = program->step[i];
        if (step >= 0) {
            lane_vector(g, task, step, network_gradients_at(g, g->stack, level++ * g->n));
        } else if (step == AS_TREE_MERGE) {
            level--;
            void *left = network_gradients_at(g, g->stack, (level - 1) * g->n);
            add_vectors(g, left, network_gradients_at(g, g->stack, level * g->n), left);
        } else {
            memcpy(as_sum_part(g->sum, emitted++), network_gradients_at(g, g->stack, --level * g->n), vector);
        }
    }
}

/* The point into memory that the node sees, packed. */
static as_status place(as_gradients *g, const double *at)
{
    as_world *world = g->network->setup.world;
    const bool same = g->kernels->precision == g->network->setup.kernels->precision;
    if (at == NULL && same) {
        g->use_params = g->network->params;
        g->use_packed = g->network->packed;
        return AS_OK;
    }
    int64_t first, count;
    as_team_share(g->n, AS_BLOCK, as_world_node_rank(world), as_world_node_size(world), &first, &count);
    AS_TRY(as_world_barrier(world)); /* nobody reads the point before */
    for (int64_t i = first; i < first + count; i += AS_BLOCK) {
        double block[AS_BLOCK];
        const int64_t n = first + count - i < AS_BLOCK ? first + count - i : AS_BLOCK;
        if (at == NULL) {
            g->network->setup.kernels->to_double(n, network_at(g->network, g->network->params, i), block);
        }
        g->kernels->from_double(n, at == NULL ? block : at + i, network_gradients_at(g, g->params, i));
    }
    AS_TRY(as_world_barrier(world));
    as_model_pack(&g->model, g->params, first, count, g->packed);
    g->use_params = g->params;
    g->use_packed = g->packed;
    return as_world_barrier(world);
}

as_status network_gradients_share(as_gradients *g, double factor)
{
    as_world *world = g->network->setup.world;
    int64_t first, count;
    AS_TRY(as_sum_share(g->sum, g->total, true));
    as_team_share(g->n, AS_BLOCK, as_world_node_rank(world), as_world_node_size(world), &first, &count);
    if (count > 0) {
        g->kernels->to_double(count, network_gradients_at(g, g->total, first), g->mean + first);
    }
    for (int64_t i = first; i < first + count; i++) {
        g->mean[i] *= factor;
    }
    return as_world_barrier(world);
}

/* The slice's sum, divided, to all ranks. */
static as_status share_mean(as_gradients *g, double inverse, bool *finite)
{
    int64_t first, count;
    as_sum_range(g->sum, &first, &count);
    AS_TRY(as_world_barrier(g->network->setup.world)); /* nobody reads the mean before */
    memcpy(network_gradients_at(g, g->total, first), as_sum_slice(g->sum), (size_t)count * g->kernels->real_bytes);
    AS_TRY(network_gradients_share(g, inverse));
    double sum = 0;
    for (int64_t i = 0; i < g->n; i++) {
        sum += 0 * g->mean[i];
    }
    *finite = *finite && sum == 0;
    return AS_OK;
}

/* Losses of all own lanes; their sum along the tree. */
static as_status run_losses(as_gradients *g, const as_gradients_task *task, double head[AS_HEAD_SIZE])
{
    const as_lanes *lanes = g->network->setup.lanes;
    for (int l = 0; l < lanes->count; l++) {
        network_gradients_lane(g, task, l, g->half);
    }
    return as_lane_sum(g->network->setup.world, lanes, AS_HEAD_SIZE, g->lane_head, head);
}

static as_status run_gradients(as_gradients *g, const as_gradients_task *task, double head[AS_HEAD_SIZE])
{
    as_sum_clear(g->sum);
    walk(g, task);
    for (int l = 0; l < g->network->setup.lanes->count; l++) {
        memcpy(as_sum_head(g->sum, l), g->lane_head + l * AS_HEAD_SIZE, AS_HEAD_SIZE * sizeof(double));
    }
    AS_TRY(as_sum_reduce(g->sum, g->network->setup.team));
    memcpy(head, as_sum_result(g->sum), AS_HEAD_SIZE * sizeof(double));
    return AS_OK;
}

as_status as_gradients_run(as_gradients *g, const as_gradients_task *task, as_gradients_result *out)
{
    double head[AS_HEAD_SIZE] = {0};
    *out = (as_gradients_result){.finite = true};
    AS_ASSERT(task->source != AS_GRADIENTS_KEEP_SOURCE || task->loss_alone);
    AS_ASSERT(!task->spread || (g->options.spread && !task->loss_alone));
    g->mixing = task->batch->data->augment != NULL ? g->network->mixing : -1;
    const network_gathering gathering = gathering_of(g);
    network_gather_partners(&gathering, task->batch, g->network->setup.lanes->count);
    AS_TRY(place(g, task->at));
    if (task->branches == AS_GRADIENTS_KEEP) {
        AS_TRY(as_world_agree(g->network->setup.world, network_branches_open(g, task->batch->rows)));
    }
    if (task->source == AS_GRADIENTS_KEEP_SOURCE) {
        AS_TRY(as_world_agree(g->network->setup.world, network_source_open(g, task->batch->rows)));
    }
    g->task = *task;
    memset(g->lane_head, 0, (size_t)g->network->setup.lanes->count * AS_HEAD_SIZE * sizeof(double));
    g->loaded = g->loaded_end = -1;
    g->task.see = NULL; /* should lanes be taken again, they have been seen */
    g->network->meeting.status = AS_OK;
    AS_TRY(task->loss_alone ? run_losses(g, task, head) : run_gradients(g, task, head));
    AS_TRY(g->network->meeting.status);
    const double inverse = head[AS_HEAD_WEIGHT] > 0 ? 1 / head[AS_HEAD_WEIGHT] : 0;
    out->weight = head[AS_HEAD_WEIGHT];
    out->samples = head[AS_HEAD_COUNT];
    out->loss = head[AS_HEAD_LOSS] * inverse;
    out->finite = isfinite(out->loss) && out->weight > 0;
    return task->loss_alone ? AS_OK : share_mean(g, inverse, &out->finite);
}
