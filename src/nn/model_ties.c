/* Sums over samples of parameters that several layers share (`share:`).

   The gradient of such a parameter is the sum over samples of what its layers give for the sample. Layers are summed in
   a lane, before the tree: only then is the result the same for every division of the lanes among ranks. So the layers
   that share are taken lane by lane: each layer's chain of the lane goes to a vector of its own (where it may continue
   in the next tile), the vectors are added, the first layer's first, and the sums walk the tree on a stack. Memory: the
   parameters once for each layer, and once for each level of the stack. */
#include "nn/model_ties.h"

#include <string.h>

#include "base/error.h"

enum { LINE = 16 }; /* reals to which vectors are rounded up */

static int64_t rounded(int64_t n)
{
    return (n + LINE - 1) / LINE * LINE;
}

bool as_layer_shares(const as_model *model, int layer)
{
    bool shares = model->layer[layer].share >= 0;
    for (int i = layer + 1; i < model->nlayers && !shares; i++) {
        for (int q = 0; q < model->layer[i].nparams; q++) {
            shares = shares || (model->layer[i].param[q].tied && model->layer[i].param[q].owner_layer == layer);
        }
    }
    return shares;
}

/* Reals of a layer's parameters, its own alone or all. */
static int64_t param_reals(const as_layer *layer, bool all)
{
    int64_t sum = 0;
    for (int q = 0; q < layer->nparams; q++) {
        sum += all || !layer->param[q].tied ? rounded(layer->param[q].count) : 0;
    }
    return sum;
}

static int64_t shared_reals(const as_model *model)
{
    int64_t sum = 0;
    for (int i = 0; i < model->nlayers; i++) {
        sum += as_layer_shares(model, i) ? param_reals(&model->layer[i], false) : 0;
    }
    return sum;
}

as_status as_model_ties_plan(const as_model *model, int depth, as_arena *arena, as_model_work *work)
{
    const size_t bytes = model->kernels->real_bytes;
    for (int i = 0; model->ties && i < model->nlayers; i++) {
        if (as_layer_shares(model, i)) {
            const int64_t reals = param_reals(&model->layer[i], true);
            AS_TRY(as_arena_reserve(arena, (size_t)reals * bytes, &work->chain[i]));
        }
    }
    if (model->ties) {
        AS_TRY(as_arena_reserve(arena, (size_t)(depth * shared_reals(model)) * bytes, &work->stack));
    }
    return AS_OK;
}

static char *at(const as_model *model, void *base, int64_t element)
{
    return (char *)base + (size_t)element * model->kernels->real_bytes;
}

/* Place of parameter q in the layer's chain. */
static char *chain_of(const as_model *model, const as_model_work *work, int layer, int q)
{
    int64_t skip = 0;
    for (int p = 0; p < q; p++) {
        skip += rounded(model->layer[layer].param[p].count);
    }
    return at(model, work->chain[layer], skip);
}

/* The chains of one lane in all layers that share. */
static void sum_lane(const as_model *model, const as_model_work *work, as_layer_sum accumulate, int lane,
                     const int64_t *lane_row, bool resume, int thread, int threads)
{
    int16_t step[2] = {0, AS_TREE_EMIT}, first = (int16_t)lane, lanes = 1;
    const as_tree_program one = {.first = lane,
                                 .lanes = 1,
                                 .steps = 2,
                                 .parts = 1,
                                 .depth = 1,
                                 .step = step,
                                 .part_first = &first,
                                 .part_lanes = &lanes};
    for (int i = 0; i < model->nlayers; i++) {
        void *part[AS_LAYER_PARAMS_MAX];
        if (work->chain[i] == NULL || !model->layer[i].trains) {
            continue;
        }
        for (int q = 0; q < model->layer[i].nparams; q++) {
            part[q] = chain_of(model, work, i, q);
        }
        accumulate(model, work, i, &one, lane_row, resume, part, thread, threads);
    }
}

/* One parameter that is nobody else's copy, and its place in a level of the stack. */
typedef struct shared_param {
    int layer, param;
    int64_t place, offset, first, count; /* the thread's share [first, first + count) of its elements */
} shared_param;

/* The next such parameter after *x; false: that was the last. */
static bool next_param(const as_model *model, const as_model_work *work, int thread, int threads, shared_param *x)
{
    if (x->layer >= 0) {
        x->place += rounded(model->layer[x->layer].param[x->param].count);
    }
    x->param++;
    while (x->layer < model->nlayers) {
        const as_layer *layer = x->layer < 0 ? NULL : &model->layer[x->layer];
        if (layer == NULL || work->chain[x->layer] == NULL || !layer->trains || x->param >= layer->nparams) {
            x->layer++;
            x->param = 0;
        } else if (layer->param[x->param].tied) {
            x->param++;
        } else {
            x->offset = layer->param[x->param].offset;
            as_team_share(layer->param[x->param].count, LINE, thread, threads, &x->first, &x->count);
            return true;
        }
    }
    return false;
}

/* level = the sum of the parameter's chains in all its layers, from the first one on. */
static void push_param(const as_model *model, const as_model_work *work, const shared_param *x, char *level)
{
    const size_t bytes = model->kernels->real_bytes;
    char *sum = level + (size_t)(x->place + x->first) * bytes;
    memcpy(sum, chain_of(model, work, x->layer, x->param) + (size_t)x->first * bytes, (size_t)x->count * bytes);
    for (int i = x->layer + 1; i < model->nlayers; i++) {
        for (int q = 0; q < model->layer[i].nparams; q++) {
            const as_param *param = &model->layer[i].param[q];
            if (param->tied && param->owner_layer == x->layer && param->owner_param == x->param) {
                model->kernels->add(x->count, sum, chain_of(model, work, i, q) + (size_t)x->first * bytes, sum);
            }
        }
    }
}

static void meet(as_team *team)
{
    if (team != NULL) {
        as_team_barrier(team);
    }
}

void as_model_ties_accumulate(const as_model *model, const as_model_work *work, as_layer_sum accumulate,
                              const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                              as_team *team, int thread, int threads)
{
    const size_t bytes = model->kernels->real_bytes, level_bytes = (size_t)shared_reals(model) * bytes;
    char *top = work->stack; /* first free level */
    int parts = 0;
    AS_ASSERT(team != NULL || threads == 1);
    for (int s = 0; s < program->steps; s++) {
        const int step = program->step[s];
        if (step >= 0) {
            meet(team); /* the chains are read no more */
            sum_lane(model, work, accumulate, program->first + step, lane_row + step, resume, thread, threads);
            meet(team);
        } else {
            top -= level_bytes;
        }
        shared_param x = {.layer = -1, .param = -1};
        while (next_param(model, work, thread, threads, &x)) {
            char *here = top + (size_t)(x.place + x.first) * bytes;
            if (step >= 0) {
                push_param(model, work, &x, top);
            } else if (step == AS_TREE_MERGE) {
                model->kernels->add(x.count, here - level_bytes, here, here - level_bytes);
            } else {
                memcpy(at(model, part[parts], x.offset + x.first), here, (size_t)x.count * bytes);
            }
        }
        top += step >= 0 ? level_bytes : 0;
        parts += step == AS_TREE_EMIT;
    }
    meet(team);
}
