/* Neural networks: minimises the mean loss of a straight-line program of layers by gradient steps on batches.

   One batch per round; accumulate runs forward and backward and sums gradients in lane order, update runs the optimizer
   on the owned slice. Memory of a rank: its parts of the gradient (1 or 2 vectors in common layouts), parameters and
   packed weights once per node, optimizer state 1/ranks of it, activations of one tile of rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/network.h"

enum {
    PACKED_ROWS = 16,   /* rows that packing takes together */
    BAND = 4 * AS_BLOCK /* least elements of a band */
};

static as_status reserve(as_network *network, int64_t reals, void **slot)
{
    return as_arena_reserve(network->arena, (size_t)reals * network->setup.kernels->real_bytes, slot);
}

/* How many elements to update before they are packed: few enough that they are still in the cache then, and rows in
   multiples of 16, as packing likes them. */
static int64_t band_of(const as_model *model, int layer, int param)
{
    const as_param *x = &model->layer[layer].param[param];
    const bool packed = model->packed_offset[layer * AS_LAYER_PARAMS_MAX + param] >= 0;
    const int64_t row = packed ? PACKED_ROWS * x->shape.dim[x->shape.rank - 1] : AS_BLOCK;
    return row < BAND ? BAND / row * row : row;
}

/* Lists the parameter arrays in the order of the flat vector, and what of it is summed. */
static as_status plan_tensors(as_network *network)
{
    const as_model *model = &network->model;
    network->tensor = calloc((size_t)model->nlayers * AS_LAYER_PARAMS_MAX + 1, sizeof *network->tensor);
    if (network->tensor == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the parameter table of %d layers", model->nlayers);
    }
    for (int l = 0; l < model->nlayers; l++) {
        const as_layer *layer = &model->layer[l];
        for (int p = 0; p < layer->nparams; p++) {
            if (layer->param[p].tied) {
                continue; /* it is another layer's */
            }
            network->tensor[network->ntensors++] = (network_tensor){.first = layer->param[p].offset,
                                                                    .count = layer->param[p].count,
                                                                    .band = band_of(model, l, p),
                                                                    .layer = l,
                                                                    .param = p,
                                                                    .lr_scale = layer->lr_scale,
                                                                    .decay = layer->param[p].decay,
                                                                    .statistic = layer->param[p].statistic,
                                                                    .momentum = layer->param[p].momentum,
                                                                    .trains = as_layer_moves(layer, p)};
            network->statistics = network->statistics || layer->param[p].statistic;
        }
    }
    return as_model_summed(model, AS_BLOCK, &network->summed);
}

/* Learning rates and decays of the tensors, by layer and by the groups of the optimizer. */
static as_status plan_rates(as_network *network)
{
    const as_optimizer *optimizer = &network->optimizer;
    as_grouped *grouped = calloc((size_t)network->ntensors + 1, sizeof *grouped);
    int n = 0;
    if (grouped == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the rates of %d parameters", network->ntensors);
    }
    for (int i = 0; i < network->ntensors; i++) {
        const network_tensor *x = &network->tensor[i];
        const as_layer *layer = &network->model.layer[x->layer];
        if (!x->statistic) {
            grouped[n++] = (as_grouped){.layer = layer->name,
                                        .param = layer->param[x->param].name,
                                        .decays = x->decay,
                                        .lr_scale = x->lr_scale,
                                        .weight_decay = x->decay ? optimizer->weight_decay : 0.0};
        }
    }
    const as_status status = as_groups_apply(&optimizer->groups, n, grouped);
    n = 0;
    for (int i = 0; i < network->ntensors; i++) {
        network_tensor *x = &network->tensor[i];
        if (!x->statistic) {
            x->lr_scale = grouped[n].lr_scale;
            x->weight_decay = grouped[n++].weight_decay;
        }
    }
    free(grouped);
    return status;
}

/* Memory for the widest meeting of the layers that see the whole batch. */
static as_status plan_meeting(as_network *network)
{
    const as_model *model = &network->model;
    int64_t width = 0;
    for (int i = 0; i < model->nlayers; i++) {
        width = model->layer[i].meets > width ? model->layer[i].meets : width;
    }
    network->meeting = (network_meeting){.base = {.meet = network_meet}, .setup = &network->setup};
    as_meeting *meeting = &network->meeting.base;
    AS_TRY(as_arena_reserve(network->arena, (size_t)(network->setup.lanes->count * width) * sizeof(double),
                            (void **)&meeting->lane));
    return as_arena_reserve(network->arena, (size_t)width * sizeof(double), (void **)&meeting->sum);
}

static as_status plan_memory(as_network *network)
{
    const as_setup *setup = &network->setup;
    const size_t bytes = setup->kernels->real_bytes;
    AS_TRY(as_world_shared(setup->world, (size_t)network->n * bytes, &network->params));
    AS_TRY(as_world_shared(setup->world, (size_t)network->model.packed_reals * bytes, &network->packed));
    if (setup->ema > 0) {
        AS_TRY(as_world_shared(setup->world, (size_t)network->n * bytes, &network->average));
        AS_TRY(as_world_shared(setup->world, (size_t)network->model.packed_reals * bytes, &network->average_packed));
    }
    network->nslots = network->optimizer.ops->slots(network->optimizer.options, network->slot_kind);
    for (int s = 0; s < network->nslots; s++) {
        AS_TRY(reserve(network, network->count, &network->slot[s]));
    }
    network->augment_reals = (network->setup.data->width + 63) / 64 * 64 * (network->mixing >= 0 ? 2 : 1);
    if (network->setup.data->augment != NULL) {
        const size_t rows = (size_t)(setup->capacity > 0 ? setup->capacity : 1);
        AS_TRY(as_arena_reserve(network->arena, rows * sizeof *network->partner, (void **)&network->partner));
        AS_TRY(as_arena_reserve(network->arena, rows * sizeof *network->share, (void **)&network->share));
        AS_TRY(reserve(network, network->augment_reals * as_team_size(network->setup.team), &network->augment_work));
    }
    const int64_t blocks = (network->count + AS_BLOCK - 1) / AS_BLOCK;
    AS_TRY(as_arena_reserve(network->arena, (size_t)(2 * blocks) * sizeof(double), (void **)&network->block));
    network->vector = calloc((size_t)network->nvectors + 1, sizeof *network->vector);
    if (network->vector == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d vectors", network->nvectors);
    }
    for (int p = 0; p < setup->lanes->program.parts; p++) {
        network->vector[network->part_slot[p]] = as_sum_part(network->sum, p);
    }
    for (int v = 0; v < network->nvectors; v++) {
        if (network->vector[v] == NULL) {
            AS_TRY(reserve(network, network->n, &network->vector[v]));
        }
    }
    for (int v = setup->lanes->program.parts; v < network->nspares; v++) {
        AS_TRY(reserve(network, network->first_reals, &network->spare[v]));
    }
    int depth = 1;
    for (int t = 0; t < network->ntiles; t++) {
        depth = network->tile[t].program.depth > depth ? network->tile[t].program.depth : depth;
    }
    AS_TRY(network_tensors_plan(network));
    AS_TRY(as_model_work_plan(&network->model, network->cuts.owners * network->cuts.tile_rows,
                              as_team_size(setup->team), depth, true, &network->cuts.passing, network->arena,
                              &network->work));
    AS_TRY(plan_meeting(network));
    AS_TRY(as_arena_commit(network->arena));
    as_model_work_bind(&network->model, &network->work);
    return AS_OK;
}

static as_state_item *add_item(as_network *network, const char *group, const char *slot, const network_tensor *tensor)
{
    as_state_item *item = &network->item[network->nitems++];
    const as_layer *layer = &network->model.layer[tensor->layer];
    const as_param *param = &layer->param[tensor->param];
    snprintf(item->name, sizeof item->name, "/%s%s%s/%s/%s", group, slot[0] != '\0' ? "/" : "", slot, layer->name,
             param->name);
    item->type = network->setup.kernels->precision == AS_FLOAT64 ? AS_F64 : AS_F32;
    item->shape = param->shape;
    item->flat_first = tensor->first;
    item->sliced = true;
    item->torch_name = param->torch_name;
    item->torch_axes = param->torch_axes;
    item->adapter = param->adapter;
    item->place = tensor->param;
    return item;
}

static as_status plan_state(as_network *network)
{
    const size_t most = (size_t)(network->ntensors * (2 + network->nslots + AS_TENSOR_STATES) + 1);
    network->item = calloc(most, sizeof *network->item);
    if (network->item == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the names of %zu state arrays", most);
    }
    const size_t skip = (size_t)network->first * network->setup.kernels->real_bytes;
    for (int i = 0; i < network->ntensors; i++) {
        add_item(network, "params", "", &network->tensor[i])->data = (char *)network->params + skip;
    }
    for (int s = 0; s < network->nslots; s++) {
        for (int i = 0; i < network->ntensors; i++) {
            const unsigned roles = network->slot_kind[s].roles;
            if (network->tensor[i].trains && !network->tensor[i].statistic &&
                (roles == 0 || (roles >> network->tensor[i].role & 1u) != 0)) {
                add_item(network, "optimizer", network->slot_kind[s].name, &network->tensor[i])->data =
                    network->slot[s];
            }
        }
    }
    for (int i = 0; i < network->ntensors; i++) {
        const network_tensor *x = &network->tensor[i];
        for (int s = 0; s < x->nstates; s++) {
            as_state_item *item = add_item(network, "optimizer", x->state_kind[s].name, x);
            item->type = AS_F64;
            item->shape = (as_shape){.rank = 1, .dim = {x->state_kind[s].count}};
            item->flat_first = -1;
            item->sliced = false;
            item->data = x->state[s];
        }
    }
    for (int i = 0; i < network->ntensors && network->average != NULL; i++) {
        add_item(network, "ema", "", &network->tensor[i])->data = (char *)network->average + skip;
    }
    network->item[network->nitems++] = (as_state_item){.name = "/schedule/state",
                                                       .type = AS_F64,
                                                       .shape = {.rank = 1, .dim = {AS_SCHEDULE_STATE}},
                                                       .flat_first = -1,
                                                       .data = network->schedule.state};
    return AS_OK;
}

static as_status plan(as_network *network)
{
    const as_setup *setup = &network->setup;
    network->mixing = as_augment_mixing_row(setup->data->augment);
    const as_model_data data = {.in = setup->data->shape,
                                .target = setup->data->target,
                                .classes = setup->data->classes,
                                .targets = setup->data->targets,
                                .positions = setup->data->positions,
                                .mixes = network->mixing >= 0,
                                .vocabulary = setup->data->vocabulary,
                                .inputs = &setup->data->inputs,
                                .answers = setup->data->target == AS_TARGET_REALS ? &setup->data->answers : NULL};
    AS_TRY(as_model_parse(setup->document, setup->model, setup->kernels, &data, &network->model));
    if (setup->stored > 0 && network->model.nparams > setup->stored / (int64_t)setup->kernels->real_bytes) {
        AS_FAIL(AS_DATA, "%s: /config: a model of %lld parameters, but the file has %lld bytes", setup->data->place,
                (long long)network->model.nparams, (long long)setup->stored);
    }
    const as_layer *const whole = as_model_of_batch(&network->model);
    if (whole != NULL && setup->micro_batch > 0) {
        AS_FAIL(
            AS_CONFIG,
            "%s: layer %s: %s over: batch wants the whole batch at once, found train.micro_batch: %lld; expected 0, or "
            "over: lane",
            as_node_place(whole->node), whole->name, whole->ops->name, (long long)setup->micro_batch);
    }
    AS_TRY(as_optimizer_parse(setup->document, setup->optimizer, setup->kernels, &network->optimizer));
    AS_TRY(as_schedule_parse(setup->document, setup->schedule, &network->schedule));
    network->update = as_update_get(setup->kernels);
    network->n = network->model.nparams;
    AS_TRY(plan_tensors(network));
    AS_TRY(plan_rates(network));
    AS_TRY(network_plan_tiles(network));
    return as_arena_create(&network->arena);
}

static void destroy(as_estimator **estimator)
{
    as_network *network = (as_network *)*estimator;
    if (network == NULL) {
        return;
    }
    as_world *world = network->setup.world;
    as_sum_destroy(&network->sum);
    void **shared[] = {&network->params, &network->packed, &network->average, &network->average_packed};
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        if (*shared[i] != NULL) {
            as_world_shared_free(world, shared[i]);
        }
    }
    network_tensors_close(network);
    network_sequence_destroy(network);
    for (int t = 0; t < network->ntiles; t++) {
        as_tree_program_destroy(&network->tile[t].program);
    }
    for (int t = 0; t < network->nportions; t++) {
        as_tree_program_destroy(&network->portion[t].program);
    }
    as_spans_free(&network->summed);
    free(network->tile);
    free(network->portion);
    free(network->spare);
    free(network->join);
    free(network->part_slot);
    free(network->owner_bad);
    free(network->tensor);
    free(network->vector);
    free(network->item);
    as_model_work_destroy(&network->work);
    as_model_destroy(&network->model);
    as_arena_destroy(&network->arena);
    free(network);
    *estimator = NULL;
}

extern const as_estimator_ops as_estimator_network;

static as_status create(const as_setup *setup, as_estimator **out)
{
    *out = NULL;
    as_network *network = calloc(1, sizeof *network);
    as_status status = AS_OK;
    if (network == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for a network");
    } else {
        network->base.ops = &as_estimator_network;
        network->setup = *setup;
        status = plan(network);
    }
    if (status == AS_OK) {
        status = network_check_data(&network->base, setup->data);
    }
    status = as_world_agree(setup->world, status);
    if (status == AS_OK) {
        status = as_sum_create(setup->world, setup->lanes, setup->kernels, network->n, &network->summed, &network->sum);
    }
    if (status == AS_OK) {
        as_sum_range(network->sum, &network->first, &network->count);
        status = as_world_agree(setup->world, plan_memory(network));
    }
    if (status == AS_OK) {
        status = network_tensors_open(network);
    }
    if (status == AS_OK) {
        status = as_world_agree(setup->world, plan_state(network));
    }
    *out = (as_estimator *)network;
    if (status != AS_OK) {
        destroy(out);
    }
    return status;
}

static as_status restored(as_estimator *estimator)
{
    as_network *network = (as_network *)estimator;
    AS_TRY(network_share(network, network->params, network->packed, true));
    return network_use_judged(network);
}

/* A slot of the own slice to what it starts with; where nothing trains it is not touched. */
static void fill_slot(as_network *network, int slot)
{
    const as_spans *summed = &network->summed;
    const int64_t to = as_spans_before(summed, network->first + network->count);
    for (int64_t i = as_spans_before(summed, network->first), n, first; i < to; i += n) {
        n = as_spans_next(summed, i, to, &first);
        network->update->fill(n, network->slot_kind[slot].initial,
                              network_at(network, network->slot[slot], first - network->first));
    }
}

static as_status init(as_estimator *estimator)
{
    as_network *network = (as_network *)estimator;
    const as_setup *setup = &network->setup;
    as_status status = AS_OK;
    if (as_world_node_rank(setup->world) == 0) {
        status = as_model_init(&network->model, setup->seed, network->params);
        if (network->average != NULL && status == AS_OK) {
            memcpy(network->average, network->params, (size_t)network->n * setup->kernels->real_bytes);
        }
    }
    AS_TRY(as_world_agree(setup->world, status));
    AS_TRY(as_world_barrier(setup->world));
    for (int s = 0; s < network->nslots; s++) {
        if (network->slot_kind[s].roles == 0) { /* others are zeros, and stay untouched where nobody has them */
            fill_slot(network, s);
        }
    }
    if (network->schedule.ops->begin != NULL) {
        network->schedule.ops->begin(network->schedule.state);
    }
    return restored(estimator);
}

static void observe(as_estimator *estimator, double validation_loss)
{
    as_schedule *schedule = &((as_network *)estimator)->schedule;
    if (schedule->ops->observe != NULL) {
        schedule->ops->observe(schedule->options, validation_loss, schedule->state);
    }
}

static as_status state(as_estimator *estimator, int *n, as_state_item **items)
{
    as_network *network = (as_network *)estimator;
    *n = network->nitems;
    *items = network->item;
    return AS_OK;
}

static as_status write_onnx(const as_network *network, as_onnx *model, const char *path)
{
    const as_model *m = &network->model;
    const as_normalization *norm = network->setup.normalization;
    const bool plain = norm == NULL || norm->identity;
    const as_shape *shape = as_model_shape(m, m->head[0].value);
    AS_TRY(as_model_onnx(m, network->use_params, plain ? NULL : norm->scale_real, plain ? NULL : norm->shift_real,
                         "input", "output", model));
    return as_onnx_write(model, path, "network", "input", &m->data.in, "output", shape);
}

static as_status onnx(const as_estimator *estimator, const char *path)
{
    const as_network *network = (const as_network *)estimator;
    as_onnx *model = NULL;
    AS_TRY(as_onnx_create(network->setup.kernels->precision == AS_FLOAT64 ? AS_F64 : AS_F32, &model));
    const as_status status = write_onnx(network, model, path);
    as_onnx_destroy(&model);
    return status;
}

static void fold(as_estimator *estimator)
{
    as_network *network = (as_network *)estimator;
    const as_model *model = &network->model;
    void *const vector[2] = {network->params, network->average};
    for (int v = 0; v < 2; v++) {
        for (int i = 0; i < model->nlayers && vector[v] != NULL; i++) {
            const as_layer *layer = &model->layer[i];
            void *param[AS_LAYER_PARAMS_MAX];
            for (int q = 0; q < layer->nparams; q++) {
                param[q] = network_at(network, vector[v], layer->param[q].offset);
            }
            if (layer->ops->fold != NULL) {
                layer->ops->fold(layer, param);
            }
        }
    }
}

static as_sum *sum(as_estimator *estimator)
{
    return ((as_network *)estimator)->sum;
}

static int64_t outputs(const as_estimator *estimator)
{
    return ((const as_network *)estimator)->model.outputs;
}

static double flops(const as_estimator *estimator)
{
    return as_model_flops(&((const as_network *)estimator)->model, true);
}

static const double *times(const as_estimator *estimator)
{
    return ((const as_network *)estimator)->times;
}

const as_estimator_ops as_estimator_network = {
    .name = "network",
    .help = "a neural network: layers, a loss, an optimizer; one batch per step",
    .formula = "min over w of (sum_i c_i loss(f(x_i; w), y_i)) / (sum_i c_i) + l1 |w|_1 + l2/2 |w|_2^2",
    .create = create,
    .destroy = destroy,
    .init = init,
    .accumulate = network_accumulate,
    .update = network_update,
    .predict = network_predict,
    .check = network_check_data,
    .evaluate = network_evaluate,
    .begin = network_begin,
    .extend = network_extend,
    .observe = observe,
    .state = state,
    .restored = restored,
    .fold = fold,
    .onnx = onnx,
    .gradients = network_gradients,
    .sum = sum,
    .outputs = outputs,
    .flops = flops,
    .times = times,
};
