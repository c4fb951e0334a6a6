/* The passes of a network over rows [first, first + count) of a batch, and the sums over samples.

   All of a thread's rows go through a layer before the next layer sees them; a caller that calls with few rows at a
   time keeps their activations in the cache. Results do not depend on how the rows are divided among calls.

   backward stops at the lowest layer that trains: nothing below it wants a gradient. Parameters of frozen layers are
   not summed: their elements of the parts are left as they are, which is zero where the caller cleared them once. */
#include "base/error.h"
#include "nn/model.h"

enum { PARTS_MAX = 64 }; /* a program has at most two parts for each level of the tree */

static void *row_at(const as_model *model, void *base, int64_t row, int64_t ld)
{
    return base == NULL ? NULL : (char *)base + (size_t)(row * ld) * model->kernels->real_bytes;
}

/* Pointers to the parameters of layer i, and to their packed forms. */
static void find_params(const as_model *model, const as_model_rows *rows, int i, const void *param[],
                        const void *packed[])
{
    const size_t bytes = model->kernels->real_bytes;
    for (int q = 0; q < model->layer[i].nparams; q++) {
        const int64_t place = model->packed_offset[i * AS_LAYER_PARAMS_MAX + q];
        param[q] = (const char *)rows->params + (size_t)model->layer[i].param[q].offset * bytes;
        packed[q] = place < 0 ? NULL : (const char *)rows->packed + (size_t)place * bytes;
    }
}

static as_pass make_pass(const as_model *model, const as_model_work *work, const as_model_rows *rows, int i)
{
    const int64_t first = rows->first, lds = as_model_stride(model, model->layer[i].saved);
    return (as_pass){.kernels = model->kernels,
                     .rows = rows->count,
                     .x = row_at(model, work->x[i], first, work->ld[i]),
                     .ldx = work->ld[i],
                     .y = row_at(model, work->x[i + 1], first, work->ld[i + 1]),
                     .ldy = work->ld[i + 1],
                     .saved = row_at(model, work->saved[i], first, lds),
                     .lds = lds,
                     .id = rows->id == NULL ? NULL : rows->id + first,
                     .seed = rows->seed,
                     .step = rows->step};
}

void as_model_forward(const as_model *model, as_model_work *work, const as_model_rows *rows, bool train)
{
    for (int i = 0; i < model->nlayers; i++) {
        const void *param[AS_LAYER_PARAMS_MAX] = {NULL}, *packed[AS_LAYER_PARAMS_MAX] = {NULL};
        find_params(model, rows, i, param, packed);
        as_pass pass = make_pass(model, work, rows, i);
        pass.param = param;
        pass.packed = packed;
        pass.train = train;
        model->layer[i].ops->forward(&model->layer[i], &pass);
    }
}

void as_model_loss(const as_model *model, as_model_work *work, const as_model_rows *rows, bool gradient)
{
    const int64_t first = rows->first, ld = work->ld[model->nlayers];
    const as_loss_pass pass = {
        .options = model->loss_options,
        .rows = rows->count,
        .outputs = model->outputs,
        .z = row_at(model, work->x[model->nlayers], first, ld),
        .ldz = ld,
        .label = rows->label == NULL ? NULL : rows->label + first,
        .target = rows->target == NULL ? NULL : rows->target + first * model->targets,
        .targets = model->targets,
        .weight = rows->weight + first,
        .loss = work->loss + first,
        .dz = gradient ? row_at(model, work->dy[model->nlayers], first, ld) : NULL,
    };
    model->loss->rows(&pass);
}

void as_model_backward(const as_model *model, as_model_work *work, const as_model_rows *rows)
{
    for (int i = model->nlayers - 1; i >= 0; i--) {
        const as_layer *layer = &model->layer[i];
        if (!layer->wants_dx && (!layer->trains || layer->nparams == 0)) {
            return;
        }
        const void *param[AS_LAYER_PARAMS_MAX] = {NULL}, *packed[AS_LAYER_PARAMS_MAX] = {NULL};
        find_params(model, rows, i, param, packed);
        as_pass pass = make_pass(model, work, rows, i);
        pass.param = param;
        pass.packed = packed;
        pass.train = true;
        pass.dy = row_at(model, work->dy[i + 1], rows->first, work->ld[i + 1]);
        pass.dx = layer->wants_dx ? row_at(model, work->dy[i], rows->first, work->ld[i]) : NULL;
        layer->ops->backward(layer, &pass);
    }
}

void as_model_accumulate(const as_model *model, const as_model_work *work, const as_tree_program *program,
                         const int64_t *lane_row, bool resume, void *const *part, int thread, int threads)
{
    const size_t bytes = model->kernels->real_bytes;
    const int parts = program->parts;
    AS_ASSERT(parts <= PARTS_MAX);
    for (int i = model->nlayers - 1; i >= 0; i--) {
        const as_layer *layer = &model->layer[i];
        if (!layer->trains || layer->nparams == 0) {
            continue;
        }
        void *own[AS_LAYER_PARAMS_MAX * PARTS_MAX];
        for (int q = 0; q < layer->nparams; q++) {
            for (int p = 0; p < parts; p++) {
                own[q * parts + p] = (char *)part[p] + (size_t)layer->param[q].offset * bytes;
            }
        }
        const as_accumulate a = {.kernels = model->kernels,
                                 .x = work->x[i],
                                 .ldx = work->ld[i],
                                 .dy = work->dy[i + 1],
                                 .ldy = work->ld[i + 1],
                                 .saved = work->saved[i],
                                 .lds = as_model_stride(model, layer->saved),
                                 .program = program,
                                 .lane_row = lane_row,
                                 .resume = resume,
                                 .part = own,
                                 .thread = thread,
                                 .threads = threads};
        layer->ops->accumulate(layer, &a);
    }
}
