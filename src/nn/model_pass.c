/* The passes of a network over rows [first, first + count) of a batch, and the sums over samples.

   All of a thread's rows go through a layer before the next layer sees them; a caller that calls with few rows at a
   time keeps their activations in the cache. Results do not depend on how the rows are divided among calls.

   backward visits the layers at or below which something trains, and no others. Parameters of frozen layers are
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

static void *scratch_of(const as_model *model, const as_model_work *work, int thread)
{
    return row_at(model, work->scratch, thread, as_model_stride(model, model->scratch));
}

static as_pass make_pass(const as_model *model, const as_model_work *work, const as_model_rows *rows, int i)
{
    const as_layer *layer = &model->layer[i];
    const int64_t first = rows->first;
    as_pass pass = {.kernels = model->kernels,
                    .rows = rows->count,
                    .y = row_at(model, work->x[i + 1], first, work->ld[i + 1]),
                    .ldy = work->ld[i + 1],
                    .saved = row_at(model, work->saved[i], first, work->lds[i]),
                    .lds = work->lds[i],
                    .scratch = scratch_of(model, work, rows->thread),
                    .id = rows->id == NULL ? NULL : rows->id + first,
                    .seed = rows->seed,
                    .step = rows->step};
    for (int k = 0; k < layer->ninputs; k++) {
        const int v = layer->from[k];
        pass.x[k] = row_at(model, work->x[v], first, work->ld[v]);
        pass.ldx[k] = work->ld[v];
    }
    return pass;
}

/* First rows of the lanes, counted from the first row of the pass, for layers that look at whole lanes. */
static void find_lanes(const as_model *model, const as_model_rows *rows, int64_t lane_row[AS_LANES_MAX + 1])
{
    for (int l = 0; model->scope == AS_SCOPE_LANE && rows->lanes > 0 && l <= rows->lanes; l++) {
        lane_row[l] = rows->lane_row[l] - rows->first;
    }
}

void as_model_forward(const as_model *model, as_model_work *work, const as_model_rows *rows, bool train)
{
    int64_t lane_row[AS_LANES_MAX + 1];
    find_lanes(model, rows, lane_row);
    for (int i = 0; i < model->nlayers; i++) {
        const void *param[AS_LAYER_PARAMS_MAX] = {NULL}, *packed[AS_LAYER_PARAMS_MAX] = {NULL};
        find_params(model, rows, i, param, packed);
        as_pass pass = make_pass(model, work, rows, i);
        pass.param = param;
        pass.packed = packed;
        pass.train = train;
        pass.lanes = train && model->layer[i].scope == AS_SCOPE_LANE ? rows->lanes : 0;
        pass.lane_row = lane_row;
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

/* dy of value v += what input k of a layer gave, rows of the pass. */
static void add_gradient(const as_model *model, as_model_work *work, const as_model_rows *rows, int v, int k)
{
    const int64_t ld = work->ld[v], n = (rows->count - 1) * ld + as_shape_size(as_model_shape(model, v));
    void *sum = row_at(model, work->dy[v], rows->first, ld);
    model->kernels->add(n, sum, row_at(model, work->more[k], rows->first, ld), sum);
}

static void layer_backward(const as_model *model, as_model_work *work, const as_model_rows *rows,
                           const int64_t *lane_row, int i)
{
    const as_layer *layer = &model->layer[i];
    const void *param[AS_LAYER_PARAMS_MAX] = {NULL}, *packed[AS_LAYER_PARAMS_MAX] = {NULL};
    find_params(model, rows, i, param, packed);
    as_pass pass = make_pass(model, work, rows, i);
    pass.param = param;
    pass.packed = packed;
    pass.train = true;
    pass.lanes = layer->scope == AS_SCOPE_LANE ? rows->lanes : 0;
    pass.lane_row = lane_row;
    pass.dy = row_at(model, work->dy[i + 1], rows->first, work->ld[i + 1]);
    for (int k = 0; k < layer->ninputs; k++) {
        void *dx = layer->adds[k] ? work->more[k] : work->dy[layer->from[k]];
        pass.dx[k] = layer->skips[k] ? NULL : row_at(model, dx, rows->first, pass.ldx[k]);
    }
    layer->ops->backward(layer, &pass);
    for (int k = 0; k < layer->ninputs; k++) {
        if (layer->adds[k]) {
            add_gradient(model, work, rows, layer->from[k], k);
        }
    }
}

void as_model_backward(const as_model *model, as_model_work *work, const as_model_rows *rows)
{
    int64_t lane_row[AS_LANES_MAX + 1];
    if (rows->count < 1) {
        return;
    }
    find_lanes(model, rows, lane_row);
    for (int i = model->nlayers - 1; i >= 0; i--) {
        if (model->wants[i + 1]) {
            layer_backward(model, work, rows, lane_row, i);
        }
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
        as_accumulate a = {.kernels = model->kernels,
                           .dy = work->dy[i + 1],
                           .ldy = work->ld[i + 1],
                           .saved = work->saved[i],
                           .lds = work->lds[i],
                           .scratch = scratch_of(model, work, thread),
                           .program = program,
                           .lane_row = lane_row,
                           .resume = resume,
                           .part = own,
                           .thread = thread,
                           .threads = threads};
        for (int k = 0; k < layer->ninputs; k++) {
            a.x[k] = work->x[layer->from[k]];
            a.ldx[k] = work->ld[layer->from[k]];
        }
        layer->ops->accumulate(layer, &a);
    }
}
