/* A network as a whole: initial parameters, work space, packing, cost. The passes are in model_pass.c, the
   configuration in model_parse.c.

   Row strides: a cache line is added to strides that are multiples of 512 bytes, because rows at such distances fall
   into few of the cache's sets. */
#include "nn/model.h"

#include <stdlib.h>

#include "base/error.h"
#include "nn/init.h"

as_status as_model_init(const as_model *model, uint64_t seed, void *params)
{
    for (int i = 0; i < model->nlayers; i++) {
        const as_layer *layer = &model->layer[i];
        for (int q = 0; q < layer->nparams; q++) {
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

static as_status reserve_rows(const as_model *model, int64_t rows, int64_t width, as_arena *arena, void **slot)
{
    const size_t bytes = (size_t)rows * (size_t)as_model_stride(model, width) * model->kernels->real_bytes;
    return as_arena_reserve(arena, bytes, slot);
}

as_status as_model_work_plan(const as_model *model, int64_t rows, bool train, as_arena *arena, as_model_work *out)
{
    const size_t n = (size_t)model->nlayers + 1;
    *out = (as_model_work){.rows = rows,
                           .ld = calloc(n, sizeof *out->ld),
                           .x = calloc(n, sizeof *out->x),
                           .dy = calloc(n, sizeof *out->dy),
                           .saved = calloc(n, sizeof *out->saved)};
    if (out->ld == NULL || out->x == NULL || out->dy == NULL || out->saved == NULL) {
        as_model_work_destroy(out);
        AS_FAIL(AS_NOMEM, "out of memory for the work space of %d layers", model->nlayers);
    }
    for (int i = 0; i <= model->nlayers; i++) {
        const int64_t width = i == 0 ? model->in_size : model->layer[i - 1].out_size;
        out->ld[i] = as_model_stride(model, width);
        AS_TRY(reserve_rows(model, rows, width, arena, &out->x[i]));
        /* The gradient at activation i is wanted by the layer below it; the last one takes the loss's. */
        if (train && (i == model->nlayers || model->layer[i].wants_dx)) {
            AS_TRY(reserve_rows(model, rows, width, arena, &out->dy[i]));
        }
        if (i < model->nlayers && model->layer[i].saved > 0) {
            AS_TRY(reserve_rows(model, rows, model->layer[i].saved, arena, &out->saved[i]));
        }
    }
    return as_arena_reserve(arena, (size_t)rows * sizeof *out->loss, (void **)&out->loss);
}

void as_model_work_destroy(as_model_work *work)
{
    free(work->ld);
    free(work->x);
    free(work->dy);
    free(work->saved);
    *work = (as_model_work){.rows = 0};
}

void as_model_pack_param(const as_model *model, int layer, int param, const void *params, int64_t first, int64_t count,
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

void as_model_pack(const as_model *model, const void *params, int64_t first, int64_t count, void *packed)
{
    for (int i = 0; i < model->nlayers; i++) {
        for (int q = 0; q < model->layer[i].nparams; q++) {
            const as_param *param = &model->layer[i].param[q];
            const int64_t begin = first > param->offset ? first : param->offset;
            const int64_t end =
                first + count < param->offset + param->count ? first + count : param->offset + param->count;
            as_model_pack_param(model, i, q, params, begin - param->offset, end - begin, packed);
        }
    }
}

double as_model_flops(const as_model *model, bool training)
{
    double sum = 0;
    for (int i = 0; i < model->nlayers; i++) {
        const as_layer *layer = &model->layer[i];
        const double forward = layer->ops->flops != NULL ? layer->ops->flops(layer) : 0;
        const int passes = 1 + (training && layer->trains && layer->nparams > 0) + (training && layer->wants_dx);
        sum += forward * passes;
    }
    return sum;
}

void as_model_destroy(as_model *model)
{
    free(model->layer);
    free(model->packed_offset);
    *model = (as_model){.nlayers = 0};
}
