/* From the sum to the next parameters. The verdict (finite, clipping) is reached by all ranks alike before anything is
   changed; then each rank runs the optimizer on its slice, block by block, packs the new weights, and shares them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "estimator/network_pulse.h"

/* Calls visit for the pieces of tensors inside [first, first + count) of the flat vector. */
typedef void (*visit_piece)(network_step *job, const network_tensor *tensor, int64_t first, int64_t count,
                            int64_t block);

static void visit_block(network_step *job, int64_t first, int64_t count, int64_t block, visit_piece visit)
{
    int tensor = network_tensor_at(job->network, first);
    for (network_piece x; network_next_piece(job->network, &tensor, first, count, &x);) {
        visit(job, x.tensor, x.first, x.count, block);
    }
}

static void penalize_piece(network_step *job, const network_tensor *tensor, int64_t first, int64_t count, int64_t block)
{
    as_network *network = job->network;
    const as_model *model = &network->model;
    if (!tensor->trains || tensor->statistic) {
        return; /* A frozen gradient stays the zero that it began with; a statistic has none. */
    }
    const bool on = tensor->decay;
    network->block[2 * block + 1] += network->update->penalize(
        count, network_at(network, as_sum_slice(network->sum), first - network->first),
        network_at(network, network->params, first), job->inverse, on ? model->l1 : 0.0, on ? model->l2 : 0.0);
}

static bool has_penalty(const as_network *network)
{
    return network->model.l1 > 0 || network->model.l2 > 0;
}

void network_share_of_tensor(const as_network *network, const network_tensor *x, int thread, int64_t *first,
                             int64_t *end)
{
    const int64_t slice = network->first, last = slice + network->count;
    const int64_t from = x->first > slice ? x->first : slice;
    const int64_t to = x->first + x->count < last ? x->first + x->count : last;
    *first = *end = from;
    if (from >= to) {
        return;
    }
    const int64_t low = (from - x->first) / x->band, high = (to - x->first + x->band - 1) / x->band;
    int64_t band, bands;
    as_team_share(high - low, 1, thread, as_team_size(network->setup.team), &band, &bands);
    const int64_t begin = x->first + (low + band) * x->band, stop = begin + bands * x->band;
    *first = begin > from ? begin : from;
    *end = stop < to ? stop : to;
}

static void square_piece(network_step *job, const network_tensor *tensor, int64_t first, int64_t count, int64_t block)
{
    as_network *network = job->network;
    if (!tensor->statistic) {
        network->block[2 * block] += network->setup.kernels->sum_squares(
            count, network_at(network, as_sum_slice(network->sum), first - network->first));
    }
}

/* Norms (and penalties) of the blocks that start inside [first, end). Those that are not summed stay zero. */
static void measure_blocks(network_step *job, int64_t first, int64_t end)
{
    as_network *network = job->network;
    const int64_t last = (end - network->first + AS_BLOCK - 1) / AS_BLOCK;
    for (int64_t block = (first - network->first + AS_BLOCK - 1) / AS_BLOCK; block < last; block++) {
        const int64_t i = block * AS_BLOCK, left = network->count - i, n = left < AS_BLOCK ? left : AS_BLOCK;
        if (!as_spans_have(&network->summed, network->first + i)) {
            continue;
        }
        network->block[2 * block + 1] = 0;
        if (has_penalty(network)) {
            visit_block(job, network->first + i, n, block, penalize_piece);
        }
        if (network->statistics) {
            network->block[2 * block] = 0;
            visit_block(job, network->first + i, n, block, square_piece);
        } else {
            network->block[2 * block] =
                network->setup.kernels->sum_squares(n, network_at(network, as_sum_slice(network->sum), i));
        }
    }
}

/* The sum has measured the blocks already, where there is nothing to add or leave out. */
static bool take_squares(as_network *network)
{
    const double *squares = as_sum_squares(network->sum);
    if (squares == NULL || has_penalty(network) || network->statistics) {
        return false;
    }
    for (int64_t block = 0; block * AS_BLOCK < network->count; block++) {
        network->block[2 * block] = squares[block];
        network->block[2 * block + 1] = 0;
    }
    return true;
}

static void measure_body(void *argument, int thread)
{
    network_step *job = argument;
    for (int i = 0; i < job->network->ntensors; i++) {
        int64_t first, end;
        network_share_of_tensor(job->network, &job->network->tensor[i], thread, &first, &end);
        measure_blocks(job, first, end);
    }
}

/* A running statistic follows the batch's mean of it; averages of weights take it as it is. */
static void follow_piece(network_step *job, const network_tensor *tensor, int64_t first, int64_t count)
{
    as_network *network = job->network;
    void *w = network_at(network, network->params, first);
    if (job->samples > 0) {
        network->update->follow(count, tensor->momentum, 1 / job->samples,
                                network_at(network, as_sum_slice(network->sum), first - network->first), w);
    }
    if (network->average != NULL) {
        memcpy(network_at(network, network->average, first), w, (size_t)count * network->setup.kernels->real_bytes);
    }
}

as_optimizer_pass network_pass(const network_step *step, const network_tensor *tensor, int64_t first, int64_t count)
{
    as_network *network = step->network;
    const int64_t local = first - network->first;
    as_optimizer_pass pass = {.options = network->optimizer.options,
                              .n = count,
                              .w = network_at(network, network->params, first),
                              .g = network_at(network, as_sum_slice(network->sum), local),
                              .scale = step->scale,
                              .clip = network->setup.clip_value,
                              .c = step->c,
                              .lr = step->lr * tensor->lr_scale,
                              .weight_decay = tensor->weight_decay,
                              .role = tensor->role};
    for (int s = 0; s < network->nslots; s++) {
        pass.slot[s] = network_at(network, network->slot[s], local);
    }
    if (network->whole.sums != NULL) {
        pass.sums = network->whole.sums + (tensor - network->tensor) * AS_TENSOR_SUMS;
    }
    if (network->whole.u != NULL) {
        pass.u = network_at(network, network->whole.u, first);
    }
    return pass;
}

void network_optimize_piece(network_step *job, const network_tensor *tensor, int64_t first, int64_t count)
{
    if (tensor->statistic) {
        follow_piece(job, tensor, first, count);
        return;
    }
    as_network *network = job->network;
    const as_optimizer_pass pass = network_pass(job, tensor, first, count);
    network->optimizer.ops->step(&pass);
    if (network->average != NULL) {
        network->update->average(count, network->setup.ema, pass.w, network_at(network, network->average, first));
    }
}

/* Band by band, each packed while it is in the cache; from the last tensor to the first, because the next step begins
   with the first. */
static void optimize_body(void *argument, int thread)
{
    network_step *job = argument;
    as_network *network = job->network;
    if (network->pulse != NULL) {
        network_pulse_optimize(network->pulse, job, thread);
        return;
    }
    for (int t = network->ntensors - 1; t >= 0; t--) {
        const network_tensor *x = &network->tensor[t];
        int64_t first, end;
        network_share_of_tensor(network, x, thread, &first, &end);
        while (x->trains && first < end) {
            const int64_t stop = first + x->band - (first - x->first) % x->band, to = stop < end ? stop : end;
            for (int64_t i = first; i < to; i += AS_BLOCK) {
                network_optimize_piece(job, x, i, to - i < AS_BLOCK ? to - i : AS_BLOCK);
            }
            as_model_pack_param(&network->model, x->layer, x->param, network->params, first - x->first, to - first,
                                network->packed);
            first = to;
        }
    }
}

/* Names what was not finite: each rank tells what it saw, the lowest one that saw something speaks. Samples come first:
   the gradient of every rank is spoiled by a sample of one. */
static as_status diverged(as_network *network, int64_t step, double loss, double norm)
{
    loss = isnan(loss) ? (double)NAN : loss; /* its sign says nothing, and would be printed */
    norm = isnan(norm) ? (double)NAN : norm;
    const as_model *model = &network->model;
    as_status mine = AS_OK;
    if (network->bad.count > 0) {
        char ids[256];
        size_t used = 0;
        for (int i = 0; i < network->bad.count && i < AS_BAD_MAX; i++) {
            used += (size_t)snprintf(ids + used, sizeof ids - used, "%s%lld", i > 0 ? ", " : "",
                                     (long long)network->bad.id[i]);
        }
        const char *where = network->bad.layer < 0                ? "the input"
                            : network->bad.layer < model->nlayers ? model->layer[network->bad.layer].name
                                                                  : "the loss";
        mine = as_error_set(AS_DIVERGED, "step %lld: loss is %g; not finite first in %s, for sample%s %s%s",
                            (long long)step, loss, where, network->bad.count > 1 ? "s" : "", ids,
                            network->bad.count > AS_BAD_MAX ? " and others" : "");
    }
    AS_TRY(as_world_agree(network->setup.world, mine));
    const int64_t bad = network->update->first_bad(network->count, as_sum_slice(network->sum));
    if (bad < network->count) {
        const network_tensor *x = &network->tensor[network_tensor_at(network, network->first + bad)];
        mine = as_error_set(AS_DIVERGED, "step %lld: gradient norm is %g (loss %g); not finite first in %s of layer %s",
                            (long long)step, norm, loss, model->layer[x->layer].param[x->param].name,
                            model->layer[x->layer].name);
    }
    AS_TRY(as_world_agree(network->setup.world, mine));
    AS_FAIL(AS_DIVERGED, "step %lld: loss is %g, gradient norm is %g", (long long)step, loss, norm);
}

/* This rank's share of what its node packs: of all parameters, or of those that have moved. */
static void pack_share(const as_network *network, const void *params, void *packed, bool all)
{
    const as_world *world = network->setup.world;
    const as_spans *summed = &network->summed;
    int64_t from, count, first;
    as_team_share(all ? network->n : summed->count, AS_BLOCK, as_world_node_rank(world), as_world_node_size(world),
                  &from, &count);
    if (all) {
        as_model_pack(&network->model, params, from, count, packed);
        return;
    }
    for (int64_t i = from, n; i < from + count; i += n) {
        n = as_spans_next(summed, i, from + count, &first);
        as_model_pack(&network->model, params, first, n, packed);
    }
}

as_status network_share(as_network *network, void *params, void *packed, bool all)
{
    as_world *world = network->setup.world;
    AS_TRY(as_sum_share(network->sum, params, all));
    if (all || as_world_nodes(world) > 1) {
        pack_share(network, params, packed, all);
        AS_TRY(as_world_barrier(world));
    }
    return AS_OK;
}

as_status network_update(as_estimator *estimator, int64_t step, as_step_report *report)
{
    as_network *network = (as_network *)estimator;
    as_team *team = network->setup.team;
    const double t0 = as_clock_seconds();
    AS_TRY(as_sum_reduce(network->sum, team));
    if (network->pulse != NULL) {
        network_pulse_gradient(network->pulse);
    }
    const double *head = as_sum_result(network->sum);
    const double weight = head[AS_HEAD_WEIGHT];
    network_step job = {
        .network = network, .t = step + 1, .inverse = weight > 0 ? 1.0 / weight : 0.0, .samples = head[AS_HEAD_COUNT]};
    if (!take_squares(network)) {
        as_team_run(team, measure_body, &job);
    }
    double sums[2];
    AS_TRY(as_sum_blocks(network->sum, 2, network->block, sums));
    const double t1 = as_clock_seconds();
    network->times[AS_TIME_SUM] += t1 - t0;

    job.scale = has_penalty(network) ? 1.0 : job.inverse;
    const double norm = sqrt(sums[0]) * job.scale;
    *report = (as_step_report){.loss = head[AS_HEAD_LOSS] * job.inverse,
                               .penalty = sums[1],
                               .grad_norm = norm,
                               .weight = weight,
                               .samples = (int64_t)head[AS_HEAD_COUNT]};
    if (!isfinite(report->loss) || !isfinite(norm)) {
        return diverged(network, step, report->loss, norm);
    }
    if (network->setup.clip_norm > 0 && norm > network->setup.clip_norm) {
        job.scale *= network->setup.clip_norm / norm;
    }
    job.lr = network->optimizer.lr *
             as_schedule_factor(&network->schedule, step, network->setup.total_steps, network->setup.steps_per_epoch);
    report->lr = job.lr;
    if (network->optimizer.ops->begin != NULL) {
        network->optimizer.ops->begin(network->optimizer.options, job.t, job.c);
    }
    if (network->optimizer.ops->scope != AS_OPTIMIZER_ELEMENT) {
        AS_TRY(network_prepare(&job));
    }
    as_team_run(team, optimize_body, &job);
    const double t2 = as_clock_seconds();
    network->times[AS_TIME_UPDATE] += t2 - t1;
    AS_TRY(network_share(network, network->params, network->packed, false));
    network->times[AS_TIME_SUM] += as_clock_seconds() - t2;
    return AS_OK;
}
