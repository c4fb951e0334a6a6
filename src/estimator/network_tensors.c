/* What optimizers need of whole tensors before their step.

   Scope NORMS: tensors are cut at the blocks of the flat vector, so that their pieces are the same whoever owns which
   slice. Each rank measures the pieces of its slice; all ranks gather the sums and add those of a tensor as
   as_block_sum does. Cost: one pass over the slice and one all-gather of 16 bytes for 1024 elements.

   Scope TENSOR: directions lie in a vector that a node shares. Each rank prepares its slice; slices are shared like
   parameters; then every node solves all tensors, each tensor on one rank of the node with all its threads, the ranks
   about equally loaded. What is kept beside the slots is small, and the same on all nodes. Cost: one more vector for a
   node, one more share, two barriers, and what solving costs, divided by the ranks of a node as far as tensors allow.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/network.h"

static bool takes_part(const network_tensor *x)
{
    return x->trains && !x->statistic;
}

/* Marks the layers whose products a loss reads, through layers without parameters. */
static void mark_heads(const as_model *model, bool *head)
{
    for (int h = 0; h < model->nheads; h++) {
        int layer = model->head[h].value - 1;
        while (layer >= 0 && model->layer[layer].nparams == 0 && model->layer[layer].ninputs == 1) {
            layer = model->layer[layer].from[0] - 1;
        }
        if (layer >= 0) {
            head[layer] = true;
        }
    }
}

static void place_tensor(as_network *network, network_tensor *x, bool head)
{
    const as_param *param = &network->model.layer[x->layer].param[x->param];
    x->columns = as_shape_channels(&param->shape);
    x->rows = x->columns > 0 ? x->count / x->columns : 0;
    x->role = param->shape.rank < 2 ? AS_TENSOR_VECTOR : head || param->table ? AS_TENSOR_END : AS_TENSOR_MATRIX;
    x->piece = network->pieces;
    if (x->count > 0) {
        network->pieces += (x->first + x->count - 1) / AS_BLOCK - x->first / AS_BLOCK + 1;
    }
    const as_optimizer_ops *ops = network->optimizer.ops;
    if (takes_part(x) && ops->states != NULL) {
        x->nstates = ops->states(x->role, x->rows, x->columns, x->state_kind);
    }
}

/* About what solving takes: products of a matrix and its transpose. */
static double weight_of(const network_tensor *x)
{
    const double less = (double)(x->rows < x->columns ? x->rows : x->columns);
    return x->role == AS_TENSOR_MATRIX ? (double)x->count * (1 + less) : (double)x->count;
}

/* The heaviest tensor that has no owner yet goes to the rank with the least to do. */
static as_status choose_owners(as_network *network)
{
    const int ranks = as_world_node_size(network->setup.world);
    double *load = calloc((size_t)ranks, sizeof *load);
    if (load == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the loads of %d ranks", ranks);
    }
    for (int i = 0; i < network->ntensors; i++) {
        network->tensor[i].owner = -1;
    }
    for (int n = 0; n < network->ntensors; n++) {
        int next = -1, least = 0;
        for (int i = 0; i < network->ntensors; i++) {
            const bool free_one = network->tensor[i].owner < 0;
            next =
                free_one && (next < 0 || weight_of(&network->tensor[i]) > weight_of(&network->tensor[next])) ? i : next;
        }
        for (int r = 1; r < ranks; r++) {
            least = load[r] < load[least] ? r : least;
        }
        network->tensor[next].owner = least;
        load[least] += weight_of(&network->tensor[next]);
    }
    free(load);
    return AS_OK;
}

/* The most that any tensor of this rank needs to be solved. */
static as_status plan_solving(as_network *network)
{
    AS_TRY(choose_owners(network));
    const as_optimizer_ops *ops = network->optimizer.ops;
    int64_t blocks = 1, reals = 0;
    for (int i = 0; i < network->ntensors; i++) {
        const network_tensor *x = &network->tensor[i];
        if (x->owner == as_world_node_rank(network->setup.world) && takes_part(x)) {
            const int64_t n = (x->count + AS_BLOCK - 1) / AS_BLOCK;
            const int64_t work =
                ops->work_reals == NULL ? 0 : ops->work_reals(network->setup.kernels, x->role, x->rows, x->columns);
            blocks = n > blocks ? n : blocks;
            reals = work > reals ? work : reals;
        }
    }
    AS_TRY(as_arena_reserve(network->arena, (size_t)blocks * AS_TENSOR_SUMS * sizeof(double),
                            (void **)&network->whole.scratch));
    return as_arena_reserve(network->arena, (size_t)reals * network->setup.kernels->real_bytes, &network->whole.work);
}

as_status network_tensors_plan(as_network *network)
{
    const as_model *model = &network->model;
    const as_optimizer_scope scope = network->optimizer.ops->scope;
    bool *head = calloc((size_t)model->nlayers + 1, sizeof *head);
    if (head == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d layers", model->nlayers);
    }
    mark_heads(model, head);
    for (int i = 0; i < network->ntensors; i++) {
        place_tensor(network, &network->tensor[i], head[network->tensor[i].layer]);
    }
    free(head);
    AS_TRY(as_arena_reserve(network->arena, (size_t)(network->ntensors * AS_TENSOR_SUMS) * sizeof(double),
                            (void **)&network->whole.sums));
    return scope == AS_OPTIMIZER_NORMS
               ? network_piece_sums_reserve(network, AS_TENSOR_SUMS, network->arena, &network->whole.norms)
           : scope == AS_OPTIMIZER_TENSOR ? plan_solving(network)
                                          : AS_OK;
}

as_status network_tensors_open(as_network *network)
{
    as_world *world = network->setup.world;
    if (network->optimizer.ops->scope != AS_OPTIMIZER_TENSOR) {
        return AS_OK;
    }
    int64_t doubles = 0;
    for (int i = 0; i < network->ntensors; i++) {
        for (int s = 0; s < network->tensor[i].nstates; s++) {
            doubles += network->tensor[i].state_kind[s].count;
        }
    }
    AS_TRY(as_world_shared(world, (size_t)network->n * network->setup.kernels->real_bytes, &network->whole.u));
    AS_TRY(as_world_shared(world, (size_t)doubles * sizeof(double), (void **)&network->whole.states));
    double *next = network->whole.states;
    for (int i = 0; i < network->ntensors; i++) {
        for (int s = 0; s < network->tensor[i].nstates; s++) {
            network->tensor[i].state[s] = next;
            next += network->tensor[i].state_kind[s].count;
        }
    }
    return AS_OK;
}

void network_tensors_close(as_network *network)
{
    void *u = network->whole.u, *states = network->whole.states;
    if (u != NULL) {
        as_world_shared_free(network->setup.world, &u);
    }
    if (states != NULL) {
        as_world_shared_free(network->setup.world, &states);
    }
    network->whole = (network_tensors){0};
}

/* Pieces of a tensor that start inside the share of a thread; slices are cut at blocks, so none crosses them. */
static void prepare_share(const network_step *step, const network_tensor *x, int64_t first, int64_t end)
{
    const as_network *network = step->network;
    const network_piece_sums *norms = &network->whole.norms;
    for (int64_t block = first / AS_BLOCK; block * AS_BLOCK < end; block++) {
        const int64_t low = block * AS_BLOCK, high = low + AS_BLOCK, last = x->first + x->count;
        const int64_t from = low > x->first ? low : x->first, to = high < last ? high : last;
        if (from < first || from >= end) {
            continue;
        }
        as_optimizer_pass pass = network_pass(step, x, from, to - from);
        if (norms->mine != NULL) {
            pass.sums = network_piece_sums_at(norms, x, from);
        }
        network->optimizer.ops->prepare(&pass);
    }
}

static void prepare_body(void *argument, int thread)
{
    const network_step *step = argument;
    for (int i = step->network->ntensors - 1; i >= 0; i--) {
        const network_tensor *x = &step->network->tensor[i];
        int64_t first, end;
        network_share_of_tensor(step->network, x, thread, &first, &end);
        if (takes_part(x) && first < end) {
            prepare_share(step, x, first, end);
        }
    }
}

static as_status gather_norms(as_network *network)
{
    network_tensors *whole = &network->whole;
    AS_TRY(network_piece_sums_gather(network, &whole->norms));
    for (int i = 0; i < network->ntensors; i++) {
        for (int s = 0; s < AS_TENSOR_SUMS; s++) {
            whole->sums[i * AS_TENSOR_SUMS + s] = network_piece_sums_of(network, &whole->norms, i, s);
        }
    }
    return AS_OK;
}

static void solve_body(void *argument, int thread)
{
    const network_step *step = argument;
    as_network *network = step->network;
    for (int i = 0; i < network->ntensors; i++) {
        const network_tensor *x = &network->tensor[i];
        if (x->owner != as_world_node_rank(network->setup.world) || !takes_part(x)) {
            continue;
        }
        as_optimizer_tensor tensor = {.options = network->optimizer.options,
                                      .kernels = network->setup.kernels,
                                      .role = x->role,
                                      .rows = x->rows,
                                      .columns = x->columns,
                                      .w = network_at(network, network->params, x->first),
                                      .u = network_at(network, network->whole.u, x->first),
                                      .sums = network->whole.scratch,
                                      .work = network->whole.work,
                                      .c = step->c,
                                      .lr = step->lr * x->lr_scale,
                                      .team = network->setup.team,
                                      .thread = thread,
                                      .threads = as_team_size(network->setup.team)};
        memcpy(tensor.state, x->state, sizeof tensor.state);
        network->optimizer.ops->solve(&tensor);
        as_team_barrier(network->setup.team); /* the next one has the same work space */
    }
}

as_status network_prepare(network_step *step)
{
    as_network *network = step->network;
    as_team_run(network->setup.team, prepare_body, step);
    if (network->optimizer.ops->scope == AS_OPTIMIZER_NORMS) {
        return gather_norms(network);
    }
    AS_TRY(as_sum_share(network->sum, network->whole.u, false));
    as_team_run(network->setup.team, solve_body, step);
    return as_world_barrier(network->setup.world);
}
