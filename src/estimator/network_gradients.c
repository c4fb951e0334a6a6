/* Gradients of a network at any point (gradients.h): a second work space, a second set of packed weights and sums in
   double beside those of training. One lane after the other goes through the network, all threads sharing its rows;
   its gradient is converted to double and walks the lane tree on a stack of vectors.

   Where lanes are compared with each other, a lane is taken in two halves, whose gradients are kept as long as that
   takes less than a fixed memory, else computed again. Cost of a run: one forward and backward of the batch, and two
   passes over a vector for each lane; as much again for the spread where gradients were not kept. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "comm/lane_sum.h"
#include "estimator/network_gradients.h"

typedef struct lane_job {
    as_gradients *g;
    const as_gradients_task *task;
    int lane;
    int64_t from, rows; /* of the batch */
    int64_t middle;     /* rows of the first half among them; rows: one half alone */
    int half;           /* where one half alone goes */
    bool resume;
    int64_t lane_row[3]; /* for accumulate */
    as_tree_program program;
    void *part[HALVES];
} lane_job;

bool as_gradients_trains(const as_model *model, int layer, int q)
{
    const as_param *param = &model->layer[layer].param[q];
    return model->layer[layer].trains && !param->tied && !param->statistic;
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

/* The thread's rows: gathered and, where the data say so, augmented. */
static void gather_rows(lane_job *job, int64_t first, int64_t count, int thread)
{
    as_gradients *g = job->g;
    const as_batch *batch = job->task->batch;
    const as_dataset *data = batch->data;
    const bool plain = g->normalization == NULL || g->normalization->identity, changed = data->augment != NULL;
    const void *scale = plain ? NULL : g->normalization->scale_real,
               *shift = plain ? NULL : g->normalization->shift_real;
    void *x = network_gradients_at(g, g->work.x[0], first * g->work.ld[0]);
    const int64_t from = job->from + first;
    g->kernels->gather(count, data->width, data->x, data->type, data->stride, batch->at + from, changed ? NULL : scale,
                       changed ? NULL : shift, x, g->work.ld[0]);
    if (changed) {
        const as_augment_rows rows = {
            .shape = &data->shape,
            .rows = count,
            .x = x,
            .ld = g->work.ld[0],
            .id = batch->id + from,
            .seed = data->seed,
            .epoch = batch->epoch,
            .scale = scale,
            .shift = shift,
            .work = network_gradients_at(g, g->augment_work, thread * ((data->width + 63) / 64 * 64))};
        as_augment_run_get(g->kernels)->rows(data->augment, &rows);
    }
}

static as_model_rows rows_of(const lane_job *job, int64_t first, int64_t count)
{
    const as_gradients *g = job->g;
    const as_batch *batch = job->task->batch;
    const int64_t from = job->from + first;
    return (as_model_rows){
        .params = g->use_params,
        .packed = g->use_packed,
        .first = first,
        .count = count,
        .id = batch->id + from,
        .seed = g->network->setup.seed,
        .step = job->task->step,
        .label = batch->label == NULL ? NULL : batch->label + from * g->model.data.positions,
        .target = batch->target == NULL ? NULL : batch->target + from * g->model.data.targets,
        .weight = batch->weight + from,
    };
}

static void pass_rows(lane_job *job, int64_t first, int64_t count, int thread)
{
    as_gradients *g = job->g;
    const int64_t lane_row[2] = {first, first + count};
    as_model_rows rows = rows_of(job, first, count);
    rows.thread = thread;
    rows.lanes = 1;
    rows.lane_row = lane_row;
    gather_rows(job, first, count, thread);
    as_model_forward(&g->model, &g->work, &rows, true);
    as_model_loss(&g->model, &g->work, &rows, !job->task->loss_alone);
    if (job->task->branches != AS_GRADIENTS_FREE) {
        network_branches(g, job->task->branches, job->from + first, first, count);
    }
    if (!job->task->loss_alone) {
        as_model_backward(&g->model, &g->work, &rows);
    }
}

/* The job's rows, and the sums over them. Layers that see whole lanes get them from one thread. */
static void lane_body(void *argument, int thread)
{
    lane_job *job = argument;
    as_gradients *g = job->g;
    as_team *team = g->network->setup.team;
    const int threads = as_team_size(team);
    int64_t first = 0, count = thread == 0 ? job->rows : 0;
    if (g->model.scope == AS_SCOPE_ROW) {
        as_team_share(job->rows, job->rows >= 64 * threads ? 8 : 1, thread, threads, &first, &count);
    }
    if (count > 0) {
        pass_rows(job, first, count, thread);
    }
    as_team_barrier(team);
    if (job->task->see != NULL) {
        job->task->see(job->task->context, &(as_gradients_view){.model = &g->model,
                                                                .work = &g->work,
                                                                .rows = job->rows,
                                                                .lane = job->lane,
                                                                .thread = thread,
                                                                .threads = threads});
        as_team_barrier(team);
    }
    if (!job->task->loss_alone) {
        as_model_accumulate(&g->model, &g->work, &job->program, job->lane_row, job->resume, job->part, team, thread,
                            threads);
    }
}

/* Loss and weights of the job's rows, in their order. */
static void add_head(const lane_job *job)
{
    as_gradients *g = job->g;
    double *head = g->lane_head + job->lane * AS_HEAD_SIZE;
    for (int64_t r = 0; r < job->rows; r++) {
        head[AS_HEAD_COUNT] += 1;
        head[AS_HEAD_WEIGHT] += g->work.counted[r];
        head[AS_HEAD_LOSS] += g->work.loss[r];
        const int half = job->program.parts == HALVES ? r >= job->middle : job->half;
        g->half_weight[job->lane * HALVES + half] += g->work.counted[r];
    }
}

static void run_rows(lane_job *job)
{
    as_team_run(job->g->network->setup.team, lane_body, job);
    add_head(job);
}

void network_gradients_lane(as_gradients *g, const as_gradients_task *task, int lane, void *const to[HALVES])
{
    const int64_t begin = task->batch->lane_row[lane], end = task->batch->lane_row[lane + 1];
    const bool spread = g->options.spread && !task->loss_alone;
    const int64_t middle = spread ? (end - begin + 1) / 2 : end - begin;
    lane_job job = {.g = g, .task = task, .lane = lane, .from = begin, .rows = end - begin, .middle = middle};
    memset(g->half_weight + lane * HALVES, 0, HALVES * sizeof(double));
    if (job.rows <= g->tile) {
        job.program = program_of(g, spread ? HALVES : 1);
        job.lane_row[1] = middle;
        job.lane_row[2] = job.rows;
        job.part[0] = to[0];
        job.part[1] = to[1];
        run_rows(&job);
        return;
    }
    job.program = program_of(g, 1);
    for (int half = 0; half < (spread ? HALVES : 1); half++) {
        const int64_t from = half == 0 ? begin : begin + middle, to_row = half == 0 ? begin + middle : end;
        job.half = half;
        job.part[0] = to[half];
        for (int64_t at = from; at < to_row; at += g->tile) {
            job.from = at;
            job.rows = to_row - at < g->tile ? to_row - at : g->tile;
            job.lane_row[1] = job.rows;
            job.resume = at > from;
            run_rows(&job);
        }
    }
}

/* to = half (+ half), in double. */
typedef struct convert_job {
    const as_gradients *g;
    void *const *half;
    int halves;
    double *to;
} convert_job;

static void convert_body(void *argument, int thread)
{
    const convert_job *job = argument;
    const as_gradients *g = job->g;
    double other[AS_BLOCK];
    int64_t first, count;
    as_team_share(g->n, AS_BLOCK, thread, as_team_size(g->network->setup.team), &first, &count);
    for (int64_t i = first; i < first + count; i += AS_BLOCK) {
        const int64_t n = first + count - i < AS_BLOCK ? first + count - i : AS_BLOCK;
        g->kernels->to_double(n, network_gradients_at(g, job->half[0], i), job->to + i);
        if (job->halves > 1) {
            g->kernels->to_double(n, network_gradients_at(g, job->half[1], i), other);
            g->doubles->add(n, job->to + i, other, job->to + i);
        }
    }
}

/* A lane's gradient into `to`. */
static void lane_vector(as_gradients *g, const as_gradients_task *task, int lane, double *to)
{
    void *const *half = network_halves(g, lane);
    network_gradients_lane(g, task, lane, half);
    convert_job job = {.g = g, .half = half, .halves = g->options.spread ? HALVES : 1, .to = to};
    as_team_run(g->network->setup.team, convert_body, &job);
}

/* All own lanes along the program of the rank; emitted nodes are parts of the sum. */
static void walk(as_gradients *g, const as_gradients_task *task)
{
    const as_tree_program *program = &g->network->setup.lanes->program;
    int level = 0, emitted = 0;
    for (int i = 0; i < program->steps; i++) {
        const int step = program->step[i];
        if (step >= 0) {
            lane_vector(g, task, step, g->stack + level++ * g->n);
        } else if (step == AS_TREE_MERGE) {
            level--;
            double *left = g->stack + (level - 1) * g->n;
            g->doubles->add(g->n, left, g->stack + level * g->n, left);
        } else {
            memcpy(as_sum_part(g->sum, emitted++), g->stack + --level * g->n, (size_t)g->n * sizeof(double));
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

/* The slice's sum, divided, to all ranks. */
static as_status share_mean(as_gradients *g, double inverse, bool *finite)
{
    int64_t first, count;
    as_sum_range(g->sum, &first, &count);
    const double *slice = as_sum_slice(g->sum);
    AS_TRY(as_world_barrier(g->network->setup.world)); /* nobody reads the mean before */
    for (int64_t i = 0; i < count; i++) {
        g->mean[first + i] = inverse * slice[i];
    }
    AS_TRY(as_sum_share(g->sum, g->mean));
    for (int64_t i = 0; i < g->n && *finite; i++) {
        *finite = isfinite(g->mean[i]) != 0;
    }
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
    AS_TRY(place(g, task->at));
    if (task->branches == AS_GRADIENTS_KEEP) {
        AS_TRY(as_world_agree(g->network->setup.world, network_branches_open(g, task->batch->rows)));
    }
    g->task = *task;
    memset(g->lane_head, 0, (size_t)g->network->setup.lanes->count * AS_HEAD_SIZE * sizeof(double));
    AS_TRY(task->loss_alone ? run_losses(g, task, head) : run_gradients(g, task, head));
    const double inverse = head[AS_HEAD_WEIGHT] > 0 ? 1 / head[AS_HEAD_WEIGHT] : 0;
    out->weight = head[AS_HEAD_WEIGHT];
    out->samples = head[AS_HEAD_COUNT];
    out->loss = head[AS_HEAD_LOSS] * inverse;
    out->finite = isfinite(out->loss) && out->weight > 0;
    return task->loss_alone ? AS_OK : share_mean(g, inverse, &out->finite);
}
