/* The passes of a network over rows [first, first + count) of a batch, and the sums over samples.

   All of a thread's rows go through a layer before the next layer sees them; a caller that calls with few rows at a
   time keeps their activations in the cache. Results do not depend on how the rows are divided among calls.

   backward visits the layers at or below which something trains, and no others. Parameters of frozen layers are
   not summed: their elements of the parts are left as they are, which is zero where the caller cleared them once. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "nn/model_ties.h"

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

void *as_model_scratch(const as_model *model, const as_model_work *work, int thread)
{
    return row_at(model, work->scratch, thread,
                  as_model_stride(model, model->scratch + work->rows * model->scratch_row));
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
                    .scratch = as_model_scratch(model, work, rows->thread),
                    .id = rows->id,
                    .first_lane = rows->first_lane,
                    .thread = rows->thread,
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
    for (int l = 0; model->scope != AS_SCOPE_ROW && rows->lanes > 0 && l <= rows->lanes; l++) {
        lane_row[l] = rows->lane_row[l] - rows->first;
    }
}

/* A thread without rows comes to meetings alone. */
static bool left_out(const as_model *model, const as_model_rows *rows, int i)
{
    return rows->count == 0 && model->layer[i].scope != AS_SCOPE_BATCH;
}

static void forward_part(const as_model *model, as_model_work *work, const as_model_rows *rows, bool train, int first,
                         int last)
{
    int64_t lane_row[AS_LANES_MAX + 1];
    find_lanes(model, rows, lane_row);
    for (int i = first; i < last; i++) {
        const void *param[AS_LAYER_PARAMS_MAX] = {NULL}, *packed[AS_LAYER_PARAMS_MAX] = {NULL};
        if (left_out(model, rows, i)) {
            continue;
        }
        find_params(model, rows, i, param, packed);
        as_pass pass = make_pass(model, work, rows, i);
        pass.param = param;
        pass.packed = packed;
        pass.train = train;
        pass.lanes = train && model->layer[i].scope != AS_SCOPE_ROW ? rows->lanes : 0;
        pass.meeting = train ? rows->meeting : NULL;
        pass.lane_row = lane_row;
        model->layer[i].ops->forward(&model->layer[i], &pass);
    }
}

void as_model_forward(const as_model *model, as_model_work *work, const as_model_rows *rows, bool train)
{
    forward_part(model, work, rows, train, 0, model->nlayers);
}

/* dy of value v += what input k of a layer gave, rows of the pass. */
static void add_gradient(const as_model *model, as_model_work *work, const as_model_rows *rows, int v, int k)
{
    const int64_t ld = work->ld[v], n = (rows->count - 1) * ld + as_shape_size(as_model_shape(model, v));
    void *sum = row_at(model, work->dy[v], rows->first, ld);
    model->kernels->add(n, sum, row_at(model, work->more[k], rows->first, work->ldmore[k]), sum);
}

bool as_model_masked(const as_model *model, const int32_t *label, int64_t rows)
{
    bool masked = model->data.positions > 1;
    for (int64_t r = 0; label != NULL && r < rows && !masked; r++) {
        masked = label[r] < 0;
    }
    return masked;
}

void as_model_mask(const as_model *model, const int32_t *label, const double *weight, int64_t first, int64_t count,
                   int32_t *label_out, double *weight_out)
{
    for (int64_t q = 0; q < count; q++) {
        const bool learnt = label == NULL || label[first + q] >= 0;
        weight_out[q] = learnt ? weight[(first + q) / model->data.positions] : 0.0;
        if (label != NULL) {
            label_out[q] = learnt ? label[first + q] : 0;
        }
    }
}

/* A head where positions are ignored, many, weighted, or have columns of their own: in blocks with weights of their
   own, whose losses are added to those of their samples. */
static void masked_head(const as_model *model, const as_model_head *head, as_loss_pass pass, bool first_head,
                        double *counted, double *own)
{
    const int64_t positions = model->data.positions, total = pass.rows * positions;
    const int64_t all = model->data.targets, block = head->targets == all ? AS_POSITIONS_BLOCK : 1;
    const size_t bytes = model->kernels->real_bytes;
    const as_loss_pass whole = pass;
    int32_t label[AS_POSITIONS_BLOCK];
    double weight[AS_POSITIONS_BLOCK], loss[AS_POSITIONS_BLOCK];
    for (int64_t r = 0; r < whole.rows && first_head; r++) {
        whole.loss[r] = 0;
        counted[r] = 0;
    }
    for (int64_t r = 0; own != NULL && r < whole.rows; r++) {
        own[r] = 0;
    }
    for (int64_t first = 0; first < total; first += block) {
        const int64_t count = total - first < block ? total - first : block;
        as_model_mask(model, whole.label, whole.weight, first, count, label, weight);
        for (int64_t q = 0; q < count; q++) {
            if (first_head) {
                counted[(first + q) / positions] += weight[q];
            }
            weight[q] *= head->weight;
        }
        pass.rows = count;
        pass.z = (const char *)whole.z + (size_t)(first * pass.ldz) * bytes;
        pass.dz = whole.dz == NULL ? NULL : (char *)whole.dz + (size_t)(first * pass.ldz) * bytes;
        pass.label = whole.label == NULL ? NULL : label;
        pass.target = whole.target == NULL ? NULL : whole.target + first * all;
        pass.weight = weight;
        pass.loss = loss;
        head->loss->rows(&pass);
        for (int64_t q = 0; q < count; q++) {
            whole.loss[(first + q) / positions] += loss[q];
            if (own != NULL) {
                own[(first + q) / positions] += head->weight > 0 ? loss[q] / head->weight : (double)NAN;
            }
        }
    }
}

void as_model_loss(const as_model *model, as_model_work *work, const as_model_rows *rows, bool gradient)
{
    const int64_t first = rows->first, positions = model->data.positions;
    const int32_t *label = rows->label;
    const bool masked = as_model_masked(model, label, rows->count);
    for (int h = 0; h < model->nheads; h++) {
        const as_model_head *head = &model->head[h];
        const int v = head->value;
        const bool wanted = gradient && model->wants[v];
        const int64_t ld = work->ld[v];
        void *dz = !wanted      ? NULL
                   : head->adds ? row_at(model, work->more[0], first, work->ldmore[0])
                                : row_at(model, work->dy[v], first, ld);
        double *own = work->head_loss == NULL ? NULL : work->head_loss + h * work->rows + first;
        const as_loss_pass pass = {
            .options = head->options,
            .rows = rows->count,
            .outputs = head->outputs,
            .z = row_at(model, work->x[v], first, ld),
            .ldz = positions > 1 ? head->outputs : ld,
            .label = label,
            .target = rows->target == NULL ? NULL : rows->target + head->column,
            .targets = head->targets,
            .weight = rows->weight,
            .loss = work->loss + first,
            .dz = dz,
        };
        if (h == 0 && !masked && head->weight == 1 && head->targets == model->data.targets) {
            head->loss->rows(&pass);
            memcpy(work->counted + first, pass.weight, (size_t)rows->count * sizeof(double));
            if (own != NULL) {
                memcpy(own, pass.loss, (size_t)rows->count * sizeof(double));
            }
        } else {
            masked_head(model, head, pass, h == 0, work->counted + first, own);
        }
        if (wanted && head->adds && rows->count > 0) {
            add_gradient(model, work, rows, v, 0);
        }
    }
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
    pass.lanes = layer->scope != AS_SCOPE_ROW ? rows->lanes : 0;
    pass.meeting = rows->meeting;
    pass.lane_row = lane_row;
    pass.dy = row_at(model, work->dy[i + 1], rows->first, work->ld[i + 1]);
    for (int k = 0; k < layer->ninputs; k++) {
        void *dx = layer->adds[k] ? work->more[k] : work->dy[layer->from[k]];
        const int64_t ld = layer->adds[k] ? work->ldmore[k] : pass.ldx[k];
        pass.dx[k] = layer->skips[k] ? NULL : row_at(model, dx, rows->first, ld);
    }
    layer->ops->backward(layer, &pass);
    for (int k = 0; k < layer->ninputs; k++) {
        if (layer->adds[k] && rows->count > 0) {
            add_gradient(model, work, rows, layer->from[k], k);
        }
    }
}

static void backward_part(const as_model *model, as_model_work *work, const as_model_rows *rows, int first, int last)
{
    int64_t lane_row[AS_LANES_MAX + 1];
    if (rows->count < 1 && rows->meeting == NULL) {
        return;
    }
    find_lanes(model, rows, lane_row);
    for (int i = last - 1; i >= first; i--) {
        if (model->wants[i + 1] && !left_out(model, rows, i)) {
            layer_backward(model, work, rows, lane_row, i);
        }
    }
}

void as_model_backward(const as_model *model, as_model_work *work, const as_model_rows *rows)
{
    backward_part(model, work, rows, 0, model->nlayers);
}

/* Layers [*first, *end) of a segment; both 0 for segment 0. */
static void find_segment(const as_model *model, int segment, int *first, int *end)
{
    *first = *end = 0;
    for (int i = 0; segment > 0 && i < model->nlayers; i++) {
        if (model->layer[i].recompute == segment) {
            *first = *end == 0 ? i : *first;
            *end = i + 1;
        }
    }
}

void as_model_forward_phase(const as_model *model, as_model_work *work, const as_model_rows *rows, bool train,
                            int phase)
{
    int first, from, end = model->nlayers;
    find_segment(model, phase, &first, &from);
    if (phase < model->segments) {
        find_segment(model, phase + 1, &first, &end);
    }
    forward_part(model, work, rows, train, from, end);
}

void as_model_phase(const as_model *model, as_model_work *work, const as_model_rows *rows, int phase)
{
    const int last = model->segments, segment = 2 * last + 1 - phase;
    int first, end, below, below_end;
    if (phase <= last) {
        as_model_forward_phase(model, work, rows, true, phase);
    }
    if (phase < last) {
        return;
    }
    find_segment(model, segment, &first, &end);
    find_segment(model, segment - 1, &below, &below_end);
    if (phase == last) {
        as_model_loss(model, work, rows, true);
        end = model->nlayers;
    } else if (segment < last) { /* of the last segment the pool still holds everything */
        forward_part(model, work, rows, true, first, end);
    }
    backward_part(model, work, rows, below_end, end);
}

/* The sums of one layer into its parts: part[q * parts + p] is parameter q of part p. */
static void layer_accumulate(const as_model *model, const as_model_work *work, int i, const as_tree_program *program,
                             const int64_t *lane_row, bool resume, void *const *part, int thread, int threads)
{
    const as_layer *layer = &model->layer[i];
    as_accumulate a = {.kernels = model->kernels,
                       .dy = work->dy[i + 1],
                       .ldy = work->ld[i + 1],
                       .saved = work->saved[i],
                       .lds = work->lds[i],
                       .scratch = as_model_scratch(model, work, thread),
                       .program = program,
                       .lane_row = lane_row,
                       .resume = resume,
                       .part = part,
                       .thread = thread,
                       .threads = threads};
    for (int k = 0; k < layer->ninputs; k++) {
        a.x[k] = work->x[layer->from[k]];
        a.ldx[k] = work->ld[layer->from[k]];
    }
    layer->ops->accumulate(layer, &a);
}

void as_model_accumulate_segment(const as_model *model, const as_model_work *work, int segment,
                                 const as_tree_program *program, const int64_t *lane_row, bool resume,
                                 void *const *part, int thread, int threads)
{
    const size_t bytes = model->kernels->real_bytes;
    const int parts = program->parts;
    AS_ASSERT(parts <= PARTS_MAX);
    for (int i = model->nlayers - 1; i >= 0; i--) {
        const as_layer *layer = &model->layer[i];
        if (!layer->trains || layer->nparams == 0 || layer->recompute != segment || work->chain[i] != NULL) {
            continue;
        }
        void *own[AS_LAYER_PARAMS_MAX * PARTS_MAX];
        for (int q = 0; q < layer->nparams; q++) {
            for (int p = 0; p < parts; p++) {
                own[q * parts + p] = (char *)part[p] + (size_t)layer->param[q].offset * bytes;
            }
        }
        layer_accumulate(model, work, i, program, lane_row, resume, own, thread, threads);
    }
}

void as_model_accumulate(const as_model *model, const as_model_work *work, const as_tree_program *program,
                         const int64_t *lane_row, bool resume, void *const *part, as_team *team, int thread,
                         int threads)
{
    as_model_accumulate_segment(model, work, 0, program, lane_row, resume, part, thread, threads);
    if (model->ties) {
        as_model_ties_accumulate(model, work, layer_accumulate, program, lane_row, resume, part, team, thread, threads);
    }
}
