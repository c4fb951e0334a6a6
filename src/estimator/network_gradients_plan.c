/* Memory for gradients at points of one's own choice: a model in the wanted precision, a work space for a part of one
   lane, vectors. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/network_gradients.h"

enum {
    TILE_ROWS = 4096,        /* rows that are worked on at a time */
    WHOLE_LANE_ROWS = 65536, /* the same, for layers that see whole lanes or batches */
    WORK_BYTES = 1 << 28,    /* what the tile may take */
    KEPT_BYTES = 1 << 28     /* what kept gradients may take */
};

/* Rows of a lane that are worked on at a time. */
static as_status choose_tile(as_gradients *g)
{
    const int64_t lane = g->options.lane_rows > 0 ? g->options.lane_rows : 1;
    const int64_t rows = lane * g->network->setup.lanes->count, micro = g->network->setup.micro_batch;
    const int64_t room = WORK_BYTES / network_row_bytes(&g->model, g->model.nlayers);
    int64_t tile = micro > 0 && micro < TILE_ROWS ? micro : TILE_ROWS;
    tile = tile < room ? tile : room > 0 ? room : 1;
    g->tile = tile < rows ? tile : rows;
    if (g->model.scope != AS_SCOPE_ROW) { /* the rows of a batch meet: they are all there at once */
        const int64_t whole = g->model.scope == AS_SCOPE_BATCH ? rows : lane;
        g->tile = g->tile > whole ? g->tile : whole;
        if (whole > WHOLE_LANE_ROWS) {
            AS_FAIL(AS_CONFIG, "%s of %lld rows is too long for a layer that looks at it as a whole: take at most %d",
                    whole == lane ? "a lane" : "a batch", (long long)whole, WHOLE_LANE_ROWS);
        }
    }
    return AS_OK;
}

static as_status plan_kept(as_gradients *g)
{
    const int own = g->network->setup.lanes->count;
    const size_t vector = (size_t)g->n * g->kernels->real_bytes;
    if (!g->options.spread || (size_t)own * HALVES * vector > KEPT_BYTES) {
        return AS_OK;
    }
    g->kept = calloc((size_t)own * HALVES, sizeof *g->kept);
    if (g->kept == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the gradients of %d lanes", own);
    }
    for (int i = 0; i < own * HALVES; i++) {
        AS_TRY(as_arena_reserve(g->arena, vector, &g->kept[i]));
    }
    return AS_OK;
}

static as_status plan_spread(as_gradients *g)
{
    const as_lanes *lanes = g->network->setup.lanes;
    const int ranks = as_world_size(g->network->setup.world);
    const size_t layers = (size_t)g->model.nlayers, all = (size_t)lanes->lanes,
                 width = HALVES + NETWORK_SPREAD_SUMS * layers;
    const size_t matrix = all * (layers + 2);
    int first, most;
    as_tree_share(lanes->lanes, ranks, 0, &first, &most);
    const struct {
        size_t count;
        double **slot;
    } arrays[] = {{(size_t)most * width, &g->table}, {(size_t)most * (size_t)ranks * width, &g->all},
                  {all, &g->spread.weight},          {all, &g->spread.halves},
                  {matrix, &g->spread.between},      {matrix, &g->spread.within},
                  {matrix, &g->spread.along}};
    g->spread.lanes = lanes->lanes;
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        AS_TRY(as_arena_reserve(g->arena, arrays[i].count * sizeof(double), (void **)arrays[i].slot));
    }
    return AS_OK;
}

static as_status plan_memory(as_gradients *g)
{
    const as_setup *setup = &g->network->setup;
    const size_t vector = (size_t)g->n * g->kernels->real_bytes;
    const size_t own = (size_t)setup->lanes->count, blocks = (size_t)(g->n / AS_BLOCK + 1);
    const int64_t samples = g->network->augment_reals * as_team_size(setup->team);
    const int depth = setup->lanes->program.depth > 1 ? setup->lanes->program.depth : 1;
    AS_TRY(as_arena_create(&g->arena));
    for (int h = 0; h < HALVES; h++) {
        AS_TRY(as_arena_reserve(g->arena, vector, &g->half[h]));
    }
    for (int k = 0; k < NETWORK_SPREAD_SUMS; k++) {
        AS_TRY(as_arena_reserve(g->arena, blocks * sizeof(double), (void **)&g->block[k]));
    }
    AS_TRY(as_arena_reserve(g->arena, (size_t)(setup->lanes->program.depth + 1) * vector, &g->stack));
    AS_TRY(as_arena_reserve(g->arena, (own + 1) * sizeof *g->lane_row, (void **)&g->lane_row));
    AS_TRY(as_arena_reserve(g->arena, own * AS_HEAD_SIZE * sizeof(double), (void **)&g->lane_head));
    AS_TRY(as_arena_reserve(g->arena, own * HALVES * sizeof(double), (void **)&g->half_weight));
    if (g->network->mixing >= 0) {
        const size_t rows = (size_t)(g->options.lane_rows > 0 ? g->options.lane_rows : 1) * own;
        AS_TRY(as_arena_reserve(g->arena, rows * sizeof *g->partner, (void **)&g->partner));
        AS_TRY(as_arena_reserve(g->arena, rows * sizeof *g->share, (void **)&g->share));
    }
    AS_TRY(as_arena_reserve(g->arena, (size_t)samples * g->kernels->real_bytes, &g->augment_work));
    AS_TRY(plan_kept(g));
    AS_TRY(plan_spread(g));
    AS_TRY(as_model_work_plan(&g->model, g->tile, as_team_size(setup->team), depth, true, NULL, g->arena, &g->work));
    AS_TRY(as_arena_commit(g->arena));
    as_model_work_bind(&g->model, &g->work);
    return AS_OK;
}

/* Everything is kept: a tile has few rows, and whoever looks at values wants to see them. */
static void forget_segments(as_model *model)
{
    model->segments = 0;
    for (int i = 0; i < model->nlayers; i++) {
        model->layer[i].recompute = 0;
        model->pooled[i + 1] = 0;
    }
}

static as_status plan(as_gradients *g)
{
    const as_setup *setup = &g->network->setup;
    const as_model_data data = {.in = setup->data->shape,
                                .target = setup->data->target,
                                .classes = setup->data->classes,
                                .targets = setup->data->targets,
                                .mixes = g->network->mixing >= 0,
                                .positions = setup->data->positions};
    const as_normalization *norm = setup->normalization;
    AS_TRY(as_model_parse(setup->document, setup->model, g->kernels, &data, &g->model));
    forget_segments(&g->model);
    for (int i = 0; i < g->model.nlayers && g->options.quiet; i++) {
        const as_layer *const layer = &g->model.layer[i];
        if (as_layer_draws(layer)) {
            *layer->ops->chance(layer) = 0;
        }
    }
    g->normalization = norm;
    if (norm != NULL && g->kernels->precision != setup->kernels->precision) {
        AS_TRY(as_normalization_load(norm->width, norm->scale, norm->shift, norm->fill, g->kernels, &g->own));
        g->normalization = &g->own;
    }
    g->n = g->model.nparams;
    AS_TRY(choose_tile(g));
    return plan_memory(g);
}

void as_gradients_destroy(as_gradients **gradients)
{
    as_gradients *g = *gradients;
    if (g == NULL) {
        return;
    }
    as_sum_destroy(&g->sum);
    void **shared[] = {&g->params, &g->packed, &g->total, (void **)&g->mean};
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        if (*shared[i] != NULL) {
            as_world_shared_free(g->network->setup.world, shared[i]);
        }
    }
    as_model_work_destroy(&g->work);
    as_model_destroy(&g->model);
    as_normalization_destroy(&g->own);
    as_arena_destroy(&g->arena);
    free(g->kept);
    free(g->branch);
    free(g->source);
    free(g);
    *gradients = NULL;
}

static as_status open_shared(as_gradients *g)
{
    const as_setup *setup = &g->network->setup;
    const size_t bytes = g->kernels->real_bytes;
    AS_TRY(as_world_shared(setup->world, (size_t)g->n * bytes, &g->params));
    AS_TRY(as_world_shared(setup->world, (size_t)g->model.packed_reals * bytes, &g->packed));
    AS_TRY(as_world_shared(setup->world, (size_t)g->n * bytes, &g->total));
    AS_TRY(as_world_shared(setup->world, (size_t)g->n * sizeof(double), (void **)&g->mean));
    return as_sum_create(setup->world, setup->lanes, g->kernels, g->n, &g->network->summed, &g->sum);
}

as_status network_gradients(as_estimator *estimator, const as_gradients_options *options, as_gradients **out)
{
    as_network *network = (as_network *)estimator;
    const as_setup *setup = &network->setup;
    as_status status = AS_OK;
    as_gradients *g = calloc(1, sizeof *g);
    *out = g;
    if (g == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for gradients");
    } else {
        g->network = network;
        g->options = *options;
        g->kernels = as_kernels_get(setup->kernels->set, options->precision);
        memcpy(g->steps, (const int16_t[]){0, AS_TREE_EMIT, 1, AS_TREE_EMIT}, sizeof g->steps);
        memcpy(g->first, (const int16_t[]){0, 1}, sizeof g->first);
        memcpy(g->lanes, (const int16_t[]){1, 1}, sizeof g->lanes);
        status = plan(g);
    }
    status = as_world_agree(setup->world, status);
    if (status == AS_OK) {
        status = open_shared(g);
    }
    if (status != AS_OK) {
        as_gradients_destroy(out);
    }
    return status;
}

as_status as_gradients_create(as_estimator *estimator, const as_gradients_options *options, as_gradients **out)
{
    *out = NULL;
    if (estimator->ops->gradients == NULL) {
        AS_FAIL(AS_CONFIG, "a model of type %s has no gradients to look at", estimator->ops->name);
    }
    return estimator->ops->gradients(estimator, options, out);
}
