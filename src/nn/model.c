/* A network as a whole: initial parameters, work space, packing, cost. The passes are in model_pass.c, losses
   in model_loss.c, sums in model_sums.c, the configuration in model_parse.c.

   Row strides: a cache line is added to strides that are multiples of 512 bytes, because rows at such distances fall
   into few of the cache's sets. */
#include "nn/model.h"

#include <stdlib.h>

#include "base/error.h"
#include "nn/init.h"
#include "nn/model_places.h"
#include "nn/model_rows.h"
#include "nn/model_ties.h"

as_status as_model_init(const as_model *model, uint64_t seed, void *params)
{
    for (int i = 0; i < model->nlayers; i++) {
        const as_layer *layer = &model->layer[i];
        for (int q = 0; q < layer->nparams; q++) {
            if (layer->param[q].tied) {
                continue;
            }
            char *out = (char *)params + (size_t)layer->param[q].offset * model->kernels->real_bytes;
            AS_TRY(as_init_fill(model->kernels, &layer->param[q], seed, i, q, out));
        }
    }
    return AS_OK;
}

int64_t as_model_stride(const as_model *model, int64_t width)
{
    const int64_t bytes = (int64_t)model->kernels->real_bytes, line = 64 / bytes;
    const int64_t stride = (width + line - 1) / line * line;
    return stride * bytes % 512 == 0 ? stride + line : stride;
}

const as_layer *as_model_of_batch(const as_model *model)
{
    for (int i = 0; i < model->nlayers; i++) {
        if (model->layer[i].scope == AS_SCOPE_BATCH) {
            return &model->layer[i];
        }
    }
    return NULL;
}

const as_shape *as_model_shape(const as_model *model, int value)
{
    return value == 0 ? &model->data.in : &model->layer[value - 1].out;
}

/* Stride of rows of `width` reals that go with a value: dense where positions of several rows are one array. */
static int64_t row_stride(const as_model *model, const as_shape *shape, int64_t width)
{
    return shape->rank >= 2 ? width : as_model_stride(model, width);
}

/* Stride of what a layer saves: dense where it sees positions, on either side. */
static int64_t saved_stride(const as_model *model, const as_layer *layer)
{
    bool dense = layer->out.rank >= 2;
    for (int k = 0; k < layer->ninputs; k++) {
        dense = dense || layer->in[k].rank >= 2;
    }
    return dense ? layer->saved : as_model_stride(model, layer->saved);
}

static as_status reserve_rows(const as_model *model, int64_t rows, int64_t ld, as_arena *arena, void **slot)
{
    return as_arena_reserve(arena, (size_t)rows * (size_t)ld * model->kernels->real_bytes, slot);
}

/* Where gradients go that are added to others. */
static as_status reserve_more(const as_model *model, as_arena *arena, as_model_work *work)
{
    int64_t most[AS_INPUTS_MAX] = {0};
    for (int i = 0; i < model->nlayers; i++) {
        const as_layer *layer = &model->layer[i];
        for (int k = 0; k < layer->ninputs; k++) {
            const int64_t ld = work->ld[layer->from[k]];
            most[k] = layer->adds[k] && ld > most[k] ? ld : most[k];
        }
    }
    for (int h = 0; h < model->nheads; h++) {
        const int64_t ld = work->ld[model->head[h].value];
        most[0] = model->head[h].adds && ld > most[0] ? ld : most[0];
    }
    for (int k = 0; k < AS_INPUTS_MAX; k++) {
        if (most[k] > 0) {
            work->ldmore[k] = most[k];
            AS_TRY(reserve_rows(model, work->rows, most[k], arena, &work->more[k]));
        }
    }
    return AS_OK;
}

/* Places in the pool, one array of rows after the other; how much of it a segment takes. */
typedef struct pool_walk {
    char *base; /* NULL: sizes alone */
    size_t used, most;
    int segment;
} pool_walk;

static void walk_pool(const as_model *model, pool_walk *walk, int segment, int64_t reals, void **slot)
{
    if (segment != walk->segment) {
        walk->segment = segment;
        walk->used = 0;
    }
    if (walk->base != NULL) {
        *slot = walk->base + walk->used;
    }
    walk->used += ((size_t)reals * model->kernels->real_bytes + 63) / 64 * 64;
    walk->most = walk->used > walk->most ? walk->used : walk->most;
}

/* All arrays that are in the pool: a segment's are consecutive. */
static void visit_pool(const as_model *model, as_model_work *work, pool_walk *walk)
{
    for (int i = 0; i < model->nlayers; i++) {
        const as_layer *layer = &model->layer[i];
        const int64_t rows = work->rows;
        if (layer->recompute > 0 && layer->saved > 0) {
            walk_pool(model, walk, layer->recompute, rows * work->lds[i], &work->saved[i]);
        }
        if (model->pooled[i + 1] > 0) {
            walk_pool(model, walk, model->pooled[i + 1], rows * work->ld[i + 1], &work->x[i + 1]);
            if (model->wants[i + 1]) {
                walk_pool(model, walk, model->pooled[i + 1], rows * work->ld[i + 1], &work->dy[i + 1]);
            }
        }
    }
}

void as_model_work_bind(const as_model *model, as_model_work *work)
{
    pool_walk walk = {.base = work->pool};
    if (work->pool != NULL) {
        visit_pool(model, work, &walk);
    }
    as_model_places_bind(model, work);
}

as_status as_model_work_plan(const as_model *model, int64_t rows, int threads, int depth, bool train,
                             const as_model_passing *passing, as_arena *arena, as_model_work *out)
{
    const size_t n = (size_t)model->nlayers + 1, owners = passing != NULL ? (size_t)passing->owners : 1;
    *out = (as_model_work){.rows = rows,
                           .owners = (int)owners,
                           .ld = calloc(n, sizeof *out->ld),
                           .lds = calloc(n, sizeof *out->lds),
                           .x = calloc(n, sizeof *out->x),
                           .dy = calloc(owners * n, sizeof *out->dy),
                           .passes = calloc(n, sizeof *out->passes),
                           .place = calloc(n, sizeof *out->place),
                           .saved = calloc(n, sizeof *out->saved),
                           .chain = calloc(n, sizeof *out->chain)};
    if (out->ld == NULL || out->lds == NULL || out->x == NULL || out->dy == NULL || out->saved == NULL ||
        out->chain == NULL || out->passes == NULL || out->place == NULL) {
        as_model_work_destroy(out);
        AS_FAIL(AS_NOMEM, "out of memory for the work space of %d layers", model->nlayers);
    }
    as_model_places_choose(model, passing, out);
    for (int v = 0; v <= model->nlayers; v++) {
        const as_shape *shape = as_model_shape(model, v);
        out->ld[v] = row_stride(model, shape, as_shape_size(shape));
        const bool kept = !train || model->pooled[v] == 0;
        if (kept) {
            AS_TRY(reserve_rows(model, rows, out->ld[v], arena, &out->x[v]));
        }
        if (train && kept && model->wants[v] && !out->passes[v]) {
            AS_TRY(reserve_rows(model, rows, out->ld[v], arena, &out->dy[v]));
        }
        if (v > 0 && model->layer[v - 1].saved > 0) {
            out->lds[v - 1] = saved_stride(model, &model->layer[v - 1]);
            if (!train || model->layer[v - 1].recompute == 0) {
                AS_TRY(reserve_rows(model, rows, out->lds[v - 1], arena, &out->saved[v - 1]));
            }
        }
    }
    if (train) {
        AS_TRY(reserve_more(model, arena, out));
        AS_TRY(as_model_places_plan(model, passing, arena, out));
        AS_TRY(as_model_ties_plan(model, depth, arena, out));
        pool_walk walk = {.base = NULL};
        visit_pool(model, out, &walk);
        if (walk.most > 0) {
            AS_TRY(as_arena_reserve(arena, walk.most, &out->pool));
        }
    }
    AS_TRY(as_arena_reserve(arena, (size_t)rows * sizeof *out->counted, (void **)&out->counted));
    if (model->nheads > 1) {
        const size_t doubles = (size_t)rows * (size_t)model->nheads;
        AS_TRY(as_arena_reserve(arena, doubles * sizeof *out->head_loss, (void **)&out->head_loss));
    }
    AS_TRY(reserve_rows(model, threads, as_model_stride(model, model->scratch + rows * model->scratch_row), arena,
                        &out->scratch));
    return as_arena_reserve(arena, (size_t)rows * sizeof *out->loss, (void **)&out->loss);
}

void *as_model_scratch(const as_model *model, const as_model_work *work, int thread)
{
    return as_row_at(model, work->scratch, thread,
                     as_model_stride(model, model->scratch + work->rows * model->scratch_row));
}

void as_model_work_destroy(as_model_work *work)
{
    free(work->ld);
    free(work->lds);
    free(work->x);
    free(work->dy);
    free(work->saved);
    free(work->chain);
    free(work->passes);
    free(work->place);
    free(work->brief_place);
    free(work->briefs);
    *work = (as_model_work){.rows = 0};
}

static void pack_one(const as_model *model, int layer, int param, const void *params, int64_t first, int64_t count,
                     void *packed)
{
    const size_t bytes = model->kernels->real_bytes;
    const as_layer *l = &model->layer[layer];
    const int64_t place = model->packed_offset[layer * AS_LAYER_PARAMS_MAX + param];
    if (place >= 0 && count > 0) {
        l->ops->pack(l, model->kernels, param, (const char *)params + (size_t)l->param[param].offset * bytes, first,
                     count, (char *)packed + (size_t)place * bytes);
    }
}

void as_model_pack_param(const as_model *model, int layer, int param, const void *params, int64_t first, int64_t count,
                         void *packed)
{
    pack_one(model, layer, param, params, first, count, packed);
    for (int i = layer + 1; model->ties && i < model->nlayers; i++) {
        for (int q = 0; q < model->layer[i].nparams; q++) {
            const as_param *other = &model->layer[i].param[q];
            if (other->tied && other->owner_layer == layer && other->owner_param == param) {
                pack_one(model, i, q, params, first, count, packed);
            }
        }
    }
}

void as_model_pack(const as_model *model, const void *params, int64_t first, int64_t count, void *packed)
{
    for (int i = 0; i < model->nlayers; i++) {
        for (int q = 0; q < model->layer[i].nparams; q++) {
            const as_param *param = &model->layer[i].param[q];
            const int64_t begin = first > param->offset ? first : param->offset;
            const int64_t end =
                first + count < param->offset + param->count ? first + count : param->offset + param->count;
            pack_one(model, i, q, params, begin - param->offset, end - begin, packed);
        }
    }
}

as_status as_model_summed(const as_model *model, int64_t grain, as_spans *out)
{
    for (int i = 0; i < model->nlayers; i++) {
        const as_layer *layer = &model->layer[i];
        for (int q = 0; q < layer->nparams; q++) {
            const as_param *param = &layer->param[q];
            if (as_layer_moves(layer, q)) {
                AS_TRY(as_spans_add(out, param->offset, param->offset + param->count, grain, model->nparams));
            }
        }
    }
    return AS_OK;
}

double as_model_flops(const as_model *model, bool training)
{
    double sum = 0;
    for (int i = 0; i < model->nlayers; i++) {
        const as_layer *layer = &model->layer[i];
        const double forward = layer->ops->flops != NULL ? layer->ops->flops(layer) : 0;
        const int passes = 1 + (training && as_layer_learns(layer)) + (training && layer->wants_dx);
        sum += forward * passes;
    }
    return sum;
}

void as_model_destroy(as_model *model)
{
    free(model->layer);
    free(model->wants);
    free(model->pooled);
    free(model->packed_offset);
    *model = (as_model){.nlayers = 0};
}
