/* The pulse of a network (pulse.h): what a felt step shows to it, and the sums of that.

   Parameters are cut into pieces, tensor by block of the flat vector: the same whoever owns which slice, and the sums
   of a tensor are those of its pieces by as_block_sum. Where one process would add all lanes in one go, its only tile
   is done as two nodes with a vector each, which meet by the same addition. Sums over rows are a chain in each lane,
   then the lane tree. */
#include <string.h>

#include "base/error.h"
#include "comm/lane_sum.h"
#include "estimator/network_pulse.h"
#include "nn/activity.h"

enum { LEFT, RIGHT, BOTH, GRADIENT, WEIGHT, CHANGE, SUMS };     /* of a piece */
enum { OUTPUTS, SUM, SQUARES, DELTAS, DELTA_SQUARES, MOMENTS }; /* of a layer in a lane */
enum { ROWS_MOST = 1024, ROW_CHUNK = 4096 };

/* What things cost, in flops of a matrix product that take as long: a byte of a pass over parameters, a value of a row,
   a layer of a record, a record, and, on the other side, what a step takes besides its products. */
static const double byte_flops = 20, value_flops = 900, layer_flops = 1e6, record_flops = 2e7, step_flops = 5e6;

static bool takes_part(const network_tensor *x)
{
    return x->trains && !x->statistic;
}

/* Whether what the layer gives is of interest, and there after backward. */
static bool sees(const as_model *model, int i)
{
    const as_layer *layer = &model->layer[i];
    return (as_layer_learns(layer) || as_layer_activation(layer) != NULL) && model->pooled[i + 1] == 0 &&
           layer->recompute == 0;
}

/* ---- plan ---- */

/* The tile of all lanes as two: the children of the root, one after the other. */
static as_status split_tile(as_pulse *p)
{
    const as_network *network = p->network;
    const as_tree *tree = &network->setup.lanes->tree;
    as_tree_program left = {0}, right = {0}, *both = &p->tile.program;
    const int middle = tree->split[0];
    p->tile = network->tile[0];
    p->tile.program = (as_tree_program){0};
    as_status status = as_tree_program_make(tree, 0, middle, &left);
    status = status == AS_OK ? as_tree_program_make(tree, middle, tree->lanes - middle, &right) : status;
    if (status == AS_OK) {
        *both = (as_tree_program){.lanes = tree->lanes,
                                  .steps = left.steps + right.steps,
                                  .parts = 2,
                                  .depth = left.depth > right.depth ? left.depth : right.depth};
        int16_t *memory = (int16_t *)(void *)p->steps;
        for (int i = 0; i < left.steps; i++) {
            memory[i] = left.step[i];
        }
        for (int i = 0; i < right.steps; i++) {
            memory[left.steps + i] = (int16_t)(right.step[i] >= 0 ? right.step[i] + middle : right.step[i]);
        }
        both->step = memory;
        both->part_first = memory + both->steps;
        both->part_lanes = both->part_first + 2;
        memcpy(both->part_first, (const int16_t[]){0, (int16_t)middle}, 2 * sizeof *memory);
        memcpy(both->part_lanes, (const int16_t[]){(int16_t)middle, (int16_t)(tree->lanes - middle)},
               2 * sizeof *memory);
        p->tile.nmerges = 1;
        p->tile.merge[0] = p->tile.slot;
        p->tile.root = true;
        p->splits = true;
    }
    as_tree_program_destroy(&left);
    as_tree_program_destroy(&right);
    return status;
}

/* How many of a lane's first rows are looked at: as many as cost a quarter of the step, or a half of writing the
   record. */
static int64_t choose_rows(const as_model *model, int lanes, int64_t batch, double values)
{
    const double step = 0.25 * as_model_flops(model, true) * (double)batch, record = 0.5 * record_flops;
    const double worth = (step > record ? step : record) / (values * value_flops + 1);
    const double most = worth < ROWS_MOST ? worth : ROWS_MOST;
    const int64_t all = (batch + lanes - 1) / lanes, some = (int64_t)(most / lanes);
    return some < 1 ? 1 : some < all ? some : all;
}

as_pulse_plan as_pulse_plan_make(const as_model *model, int lanes, int64_t batch)
{
    double values = 0;
    for (int i = 0; i < model->nlayers; i++) {
        values += sees(model, i) ? (double)model->layer[i].out_size : 0;
    }
    as_pulse_plan plan = {.lane_rows = choose_rows(model, lanes, batch, values)};
    const int64_t rows = plan.lane_rows * lanes;
    const double flops = byte_flops * (double)model->kernels->real_bytes * (double)model->nparams +
                         value_flops * values * (double)(rows < batch ? rows : batch) + layer_flops * model->nlayers +
                         record_flops;
    plan.price = flops / (as_model_flops(model, true) * (double)batch + step_flops);
    return plan;
}

static void plan_layers(as_pulse *p)
{
    const as_model *model = &p->network->model;
    p->slope_reals = ROW_CHUNK;
    for (int i = 0; i < model->nlayers; i++) {
        const as_layer *layer = &model->layer[i];
        const int64_t units = as_shape_channels(&layer->out);
        p->at[i] = p->width;
        if (sees(model, i)) {
            p->width += MOMENTS + (as_layer_activation(layer) != NULL ? units + 1 : 0);
            p->slope_reals = units > p->slope_reals ? units : p->slope_reals;
        }
    }
}

static as_status plan(as_pulse *p, int64_t batch)
{
    const as_network *network = p->network;
    const as_setup *setup = &network->setup;
    const as_model *model = &network->model;
    const size_t size = (size_t)as_world_size(setup->world), threads = (size_t)as_team_size(setup->team);
    const size_t layers = (size_t)model->nlayers, real = setup->kernels->real_bytes, wide = sizeof(double);
    AS_TRY(as_arena_create(&p->plan));
    AS_TRY(as_arena_reserve(p->plan, (layers + 1) * sizeof *p->at, (void **)&p->at));
    AS_TRY(as_arena_reserve(p->plan, (layers + 1) * sizeof *p->layer, (void **)&p->layer));
    AS_TRY(as_arena_reserve(p->plan, (size_t)(4 * setup->lanes->lanes + 8) * sizeof(int16_t), &p->steps));
    AS_TRY(as_arena_commit(p->plan));
    plan_layers(p);
    p->counted = as_pulse_plan_make(model, setup->lanes->lanes, batch);
    if (size == 1 && network->ntiles == 1 && setup->lanes->lanes > 1) {
        AS_TRY(split_tile(p));
    }
    AS_TRY(as_arena_create(&p->arena));
    AS_TRY(network_piece_sums_reserve(network, SUMS, p->arena, &p->pieces));
    AS_TRY(as_arena_reserve(p->arena, (size_t)(p->width * setup->lanes->count) * wide, (void **)&p->lane));
    AS_TRY(as_arena_reserve(p->arena, (size_t)p->width * wide, (void **)&p->total));
    AS_TRY(as_arena_reserve(p->arena, (1 + threads) * (size_t)p->slope_reals * real, &p->slope));
    AS_TRY(as_arena_reserve(p->arena, p->splits ? (size_t)network->n * real : 0, &p->vector));
    return as_arena_commit(p->arena);
}

as_status as_pulse_create(as_estimator *estimator, int64_t batch, as_pulse **out)
{
    *out = NULL;
    if (estimator->ops->gradients == NULL) {
        return AS_OK;
    }
    as_network *network = (as_network *)estimator;
    as_pulse *p = calloc(1, sizeof *p);
    as_status status = AS_OK;
    if (p == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for the pulse of a network");
    } else {
        p->network = network;
        p->measure = as_measure_get(network->setup.kernels);
        p->watch = (as_sum_watch){.see = network_pulse_halves, .context = p};
        status = plan(p, batch);
    }
    *out = p;
    status = as_world_agree(network->setup.world, status);
    if (status != AS_OK) {
        as_pulse_destroy(out);
        return status;
    }
    as_activity_ones(network->setup.kernels, p->slope_reals, p->slope);
    if (p->splits) {
        network->vector[network->nvectors] = p->vector;
    }
    return AS_OK;
}

void as_pulse_destroy(as_pulse **pulse)
{
    as_pulse *p = *pulse;
    if (p == NULL) {
        return;
    }
    as_sum_set_watch(p->network->sum, NULL);
    p->network->pulse = NULL;
    as_arena_destroy(&p->arena);
    as_arena_destroy(&p->plan);
    free(p);
    *pulse = NULL;
}

double as_pulse_price(const as_pulse *pulse)
{
    return pulse->counted.price;
}

const as_model *as_pulse_model(const as_pulse *pulse)
{
    return &pulse->network->model;
}

void as_pulse_feel(as_pulse *p)
{
    memset(p->pieces.mine, 0, (size_t)p->pieces.line * sizeof *p->pieces.mine);
    memset(p->lane, 0, (size_t)(p->width * p->network->setup.lanes->count) * sizeof *p->lane);
    as_sum_set_watch(p->network->sum, &p->watch);
    p->network->pulse = p;
}

/* ---- what the step shows ---- */

void network_pulse_halves(void *context, int64_t first, int64_t count, const void *left, const void *right)
{
    as_pulse *p = context;
    const size_t bytes = p->network->setup.kernels->real_bytes;
    int tensor = network_tensor_at(p->network, first);
    for (network_piece x; network_next_piece(p->network, &tensor, first, count, &x);) {
        double sums[3];
        const size_t skip = (size_t)(x.first - first) * bytes;
        if (!takes_part(x.tensor)) {
            continue;
        }
        double *piece = network_piece_sums_at(&p->pieces, x.tensor, x.first);
        p->measure->pair(x.count, (const char *)left + skip, (const char *)right + skip, sums);
        piece[LEFT] += sums[0]; /* a piece comes in one, unless messages are shorter than blocks */
        piece[RIGHT] += sums[1];
        piece[BOTH] += sums[2];
    }
}

static void gradient_body(void *argument, int thread)
{
    as_pulse *p = argument;
    const as_network *network = p->network;
    const as_kernels *k = network->setup.kernels;
    int64_t first, count;
    as_team_share(network->count, AS_BLOCK, thread, as_team_size(network->setup.team), &first, &count);
    for (int64_t i = first; i < first + count; i += AS_BLOCK) {
        const int64_t left = first + count - i, n = left < AS_BLOCK ? left : AS_BLOCK;
        int tensor = network_tensor_at(network, network->first + i);
        for (network_piece x; network_next_piece(network, &tensor, network->first + i, n, &x);) {
            if (takes_part(x.tensor)) {
                network_piece_sums_at(&p->pieces, x.tensor, x.first)[GRADIENT] =
                    k->sum_squares(x.count, network_at(network, as_sum_slice(network->sum), x.first - network->first));
            }
        }
    }
}

void network_pulse_gradient(as_pulse *p)
{
    as_team_run(p->network->setup.team, gradient_body, p);
}

/* A piece of the optimizer's pass, with the parameters before it. */
static void change_piece(const as_pulse *p, network_step *job, const network_piece *x)
{
    _Alignas(64) char before[AS_BLOCK * sizeof(double)];
    const as_network *network = p->network;
    void *w = network_at(network, network->params, x->first);
    double sums[2], *piece = network_piece_sums_at(&p->pieces, x->tensor, x->first);
    memcpy(before, w, (size_t)x->count * network->setup.kernels->real_bytes);
    network_optimize_piece(job, x->tensor, x->first, x->count);
    p->measure->change(x->count, before, w, sums);
    piece[WEIGHT] = sums[0];
    piece[CHANGE] = sums[1];
}

static void pack_share(as_network *network, int thread)
{
    for (int t = 0; t < network->ntensors; t++) {
        const network_tensor *x = &network->tensor[t];
        int64_t first, end;
        network_share_of_tensor(network, x, thread, &first, &end);
        if (x->trains && first < end) {
            as_model_pack_param(&network->model, x->layer, x->param, network->params, first - x->first, end - first,
                                network->packed);
        }
    }
}

void network_pulse_optimize(as_pulse *p, network_step *job, int thread)
{
    as_network *network = p->network;
    int64_t first, count;
    as_team_share(network->count, AS_BLOCK, thread, as_team_size(network->setup.team), &first, &count);
    for (int64_t i = first; i < first + count; i += AS_BLOCK) {
        const int64_t left = first + count - i, n = left < AS_BLOCK ? left : AS_BLOCK, at = network->first + i;
        int tensor = network_tensor_at(network, at);
        for (network_piece x; network_next_piece(network, &tensor, at, n, &x);) {
            if (takes_part(x.tensor)) {
                change_piece(p, job, &x);
            } else if (x.tensor->trains) {
                network_optimize_piece(job, x.tensor, x.first, x.count);
            }
        }
    }
    as_team_barrier(network->setup.team);
    pack_share(network, thread);
}

/* ---- rows ---- */

/* Rows [first, end) of the work space, which are of one lane. */
static void look_at_rows(const as_pulse *p, const as_model_work *work, int i, int lane, int64_t first, int64_t end,
                         void *slope)
{
    const as_layer *layer = &p->network->model.layer[i];
    const size_t bytes = p->network->setup.kernels->real_bytes;
    const int64_t n = layer->out_size, ld = work->ld[i + 1];
    double *sums = p->lane + lane * p->width + p->at[i];
    for (int64_t r = first; r < end; r++) {
        p->measure->moments(n, (const char *)work->x[i + 1] + (size_t)(r * ld) * bytes, sums + SUM);
        sums[OUTPUTS] += (double)n;
        if (work->dy[i + 1] != NULL) {
            double moments[2] = {0, sums[DELTA_SQUARES]};
            const int64_t q = work->passes[i + 1] ? r - work->near : r;
            p->measure->moments(n, (const char *)work->dy[i + 1] + (size_t)(q * ld) * bytes, moments);
            sums[DELTA_SQUARES] = moments[1];
            sums[DELTAS] += (double)n;
        }
        if (as_layer_activation(layer) != NULL) {
            as_activity_add(&p->network->model, work, i, r, p->slope, slope, p->slope_reals, sums + MOMENTS);
        }
    }
}

void network_pulse_look_at(as_pulse *p, const network_rows_done *done, int layer)
{
    const as_network *network = p->network;
    const int64_t *lane_row = network->batch->lane_row + done->lane;
    char *slope = (char *)p->slope + (size_t)((1 + done->slot) * p->slope_reals) * network->setup.kernels->real_bytes;
    for (int l = 0; l < done->lanes && sees(&network->model, layer); l++) {
        const int64_t before = done->from + done->lane_row[l] - done->at - lane_row[l]; /* rows of the lane */
        const int64_t end = done->lane_row[l] + (p->counted.lane_rows - before);
        look_at_rows(p, done->work, layer, done->lane + l, done->lane_row[l],
                     end < done->lane_row[l + 1] ? end : done->lane_row[l + 1], slope);
    }
}

void network_pulse_look(as_pulse *p, const network_rows_done *done)
{
    for (int i = done->thread; i < p->network->model.nlayers; i += done->threads) {
        if (!done->work->passes[i + 1]) {
            network_pulse_look_at(p, done, i);
        }
    }
}

/* ---- the sums ---- */

static void add_tensors(as_pulse *p, double left, double right)
{
    const as_network *network = p->network;
    const double weight = as_sum_result(network->sum)[AS_HEAD_WEIGHT];
    for (int i = 0; i < network->ntensors; i++) {
        const network_tensor *x = &network->tensor[i];
        double sum[SUMS];
        for (int s = 0; takes_part(x) && s < SUMS; s++) {
            sum[s] = network_piece_sums_of(network, &p->pieces, i, s);
        }
        if (takes_part(x)) {
            as_pulse_layer *layer = &p->layer[x->layer];
            layer->gradient += weight > 0 ? sum[GRADIENT] / (weight * weight) : 0;
            layer->weight += sum[WEIGHT];
            layer->change += sum[CHANGE];
            if (left > 0 && right > 0) {
                const double apart =
                    sum[LEFT] / (left * left) + sum[RIGHT] / (right * right) - 2 * (sum[BOTH] / (left * right));
                layer->apart += apart > 0 ? apart : 0;
            }
        }
    }
}

static void add_rows(as_pulse *p)
{
    const as_model *model = &p->network->model;
    for (int i = 0; i < model->nlayers; i++) {
        as_pulse_layer *out = &p->layer[i];
        const double *sums = p->total + p->at[i], *active = sums + MOMENTS;
        const int64_t units = as_shape_channels(&model->layer[i].out);
        out->units = (double)units;
        if (!sees(model, i)) {
            continue;
        }
        out->outputs = sums[OUTPUTS];
        out->sum = sums[SUM];
        out->squares = sums[SQUARES];
        out->deltas = sums[DELTAS];
        out->delta_squares = sums[DELTA_SQUARES];
        const as_nonlinearity *f = as_layer_activation(&model->layer[i]);
        if (f != NULL && active[units] > 0) {
            out->places = active[units];
            out->two_sided = f->ops->steepest > 0;
            as_activity_sum(units, active, &out->dead, &out->flat);
        }
    }
}

as_status as_pulse_read(as_pulse *p, as_pulse_result *out)
{
    const as_network *network = p->network;
    const as_setup *setup = &network->setup;
    double left[AS_HEAD_SIZE], right[AS_HEAD_SIZE];
    p->network->pulse = NULL;
    as_sum_set_watch(network->sum, NULL);
    as_sum_halves(network->sum, left, right);
    AS_TRY(network_piece_sums_gather(network, &p->pieces));
    AS_TRY(as_lane_sum(setup->world, setup->lanes, p->width, p->lane, p->total));
    memset(p->layer, 0, (size_t)network->model.nlayers * sizeof *p->layer);
    add_tensors(p, left[AS_HEAD_WEIGHT], right[AS_HEAD_WEIGHT]);
    add_rows(p);
    const double all = as_sum_result(network->sum)[AS_HEAD_COUNT],
                 some = (double)(p->counted.lane_rows * setup->lanes->lanes);
    *out = (as_pulse_result){.layer = p->layer,
                             .rows = some < all ? some : all,
                             .left = left[AS_HEAD_WEIGHT],
                             .right = right[AS_HEAD_WEIGHT]};
    return AS_OK;
}
