/* The passes of a network over rows [first, first + count) of a batch: forward and backward, and both in phases where
   segments are computed again. Losses come between them (model_loss.c), sums over samples after (model_sums.c), or
   layer by layer inside of backward.

   All of a thread's rows go through a layer before the next layer sees them; a caller that calls with few rows at a
   time keeps their activations in the cache. Results do not depend on how the rows are divided among calls.

   backward visits the layers at or below which something trains, and no others. */
#include "nn/model_rows.h"

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
    const as_layer *layer = &model->layer[i];
    const int64_t first = rows->first;
    as_pass pass = {.kernels = model->kernels,
                    .rows = rows->count,
                    .y = as_value_row(model, work, i + 1, first),
                    .ldy = work->ld[i + 1],
                    .saved = as_row_at(model, work->saved[i], first, work->lds[i]),
                    .lds = work->lds[i],
                    .scratch = as_model_scratch(model, work, rows->thread),
                    .id = rows->id,
                    .first_lane = rows->first_lane,
                    .thread = rows->thread,
                    .seed = rows->seed,
                    .step = rows->step};
    for (int k = 0; k < layer->ninputs; k++) {
        const int v = layer->from[k];
        pass.x[k] = as_value_row(model, work, v, first);
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

/* shares: threads that do this layer for the same rows. */
static void forward_layer(const as_model *model, as_model_work *work, const as_model_rows *rows, bool train,
                          const int64_t *lane_row, int i, int shares)
{
    const void *param[AS_LAYER_PARAMS_MAX] = {NULL}, *packed[AS_LAYER_PARAMS_MAX] = {NULL};
    if (left_out(model, rows, i)) {
        return;
    }
    find_params(model, rows, i, param, packed);
    as_pass pass = make_pass(model, work, rows, i);
    pass.param = param;
    pass.packed = packed;
    pass.train = train;
    pass.lanes = train && model->layer[i].scope != AS_SCOPE_ROW ? rows->lanes : 0;
    pass.meeting = train ? rows->meeting : NULL;
    pass.lane_row = lane_row;
    pass.share = rows->thread;
    pass.shares = shares;
    model->layer[i].ops->forward(&model->layer[i], &pass);
}

/* A thread's part of a layer that all of a team do together. */
static void forward_together(const as_model *model, as_model_work *work, const as_model_rows *rows, bool train,
                             const int64_t *lane_row, int i)
{
    const int threads = as_team_size(rows->together);
    as_model_rows own = *rows;
    int64_t skipped = 0;
    if (!model->layer[i].divides) {
        as_team_share(rows->count, 1, rows->thread, threads, &skipped, &own.count);
        own.first += skipped;
        own.id += skipped;
    }
    forward_layer(model, work, &own, train, lane_row, i, model->layer[i].divides ? threads : 1);
    as_team_barrier(rows->together);
}

static void forward_part(const as_model *model, as_model_work *work, const as_model_rows *rows, bool train, int first,
                         int last)
{
    int64_t lane_row[AS_LANES_MAX + 1];
    find_lanes(model, rows, lane_row);
    for (int i = first; i < last; i++) {
        if (rows->together != NULL) {
            forward_together(model, work, rows, train, lane_row, i);
        } else {
            forward_layer(model, work, rows, train, lane_row, i, 1);
        }
    }
}

void as_model_forward(const as_model *model, as_model_work *work, const as_model_rows *rows, bool train)
{
    forward_part(model, work, rows, train, 0, model->nlayers);
}

void as_model_forward_layers(const as_model *model, as_model_work *work, const as_model_rows *rows, int first, int last)
{
    forward_part(model, work, rows, true, first, last);
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
    pass.dy = as_gradient_row(model, work, i + 1, rows->first);
    pass.add_dx = layer->ops->adds_dx && layer->adds[0];
    for (int k = 0; k < layer->ninputs; k++) {
        pass.dx[k] = layer->skips[k]                  ? NULL
                     : layer->adds[k] && !pass.add_dx ? as_more_row(model, work, k, rows->first)
                                                      : as_gradient_row(model, work, layer->from[k], rows->first);
    }
    layer->ops->backward(layer, &pass);
    for (int k = 0; k < layer->ninputs; k++) {
        if (layer->adds[k] && !pass.add_dx && rows->count > 0) {
            as_add_gradient(model, work, rows, layer->from[k], k);
        }
    }
}

/* One thread looks at all rows, when all have made theirs: met, or to meet. */
static void show_done(const as_model_rows *rows, int i, bool met)
{
    if (rows->sums->threads > 1 && !met) {
        as_team_barrier(rows->sums->team);
    }
    if (rows->thread == 0) {
        rows->sums->done(rows->sums->context, i);
    }
}

static void backward_part(const as_model *model, as_model_work *work, const as_model_rows *rows, int first, int last)
{
    int64_t lane_row[AS_LANES_MAX + 1];
    if (rows->count < 1 && rows->meeting == NULL && rows->sums == NULL) {
        return;
    }
    find_lanes(model, rows, lane_row);
    for (int i = last - 1; i >= first; i--) {
        if (model->wants[i + 1] && !left_out(model, rows, i)) {
            layer_backward(model, work, rows, lane_row, i);
        }
        if (rows->sums != NULL && as_layer_has_sums(model, work, i, 0)) {
            if (rows->sums->threads > 1) {
                as_team_barrier(rows->sums->team);
            }
            as_layer_sums(model, work, i, rows->sums, rows->thread);
        }
        if (rows->sums != NULL && rows->sums->done != NULL) {
            show_done(rows, i, as_layer_has_sums(model, work, i, 0));
        }
    }
}

void as_model_backward(const as_model *model, as_model_work *work, const as_model_rows *rows)
{
    backward_part(model, work, rows, 0, model->nlayers);
}

void as_model_backward_layers(const as_model *model, as_model_work *work, const as_model_rows *rows, int first,
                              int last)
{
    backward_part(model, work, rows, first, last);
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
