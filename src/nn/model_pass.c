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

/* Row `row` of the gradient at value v. */
static void *gradient_at(const as_model *model, const as_model_work *work, int v, int64_t row)
{
    return row_at(model, work->dy[v], work->passes[v] ? row - work->near : row, work->ld[v]);
}

/* The same of what is to be added to it. */
static void *more_at(const as_model *model, const as_model_work *work, int k, int64_t row)
{
    return row_at(model, work->more[k], row, work->ldmore[k]);
}

/* Row `row` of value v. */
static void *value_at(const as_model *model, const as_model_work *work, int v, int64_t row)
{
    const bool brief = work->brief != NULL && work->brief[v] != NULL;
    return row_at(model, brief ? work->brief[v] : work->x[v], brief ? row - work->brief_first : row, work->ld[v]);
}

static as_pass make_pass(const as_model *model, const as_model_work *work, const as_model_rows *rows, int i)
{
    const as_layer *layer = &model->layer[i];
    const int64_t first = rows->first;
    as_pass pass = {.kernels = model->kernels,
                    .rows = rows->count,
                    .y = value_at(model, work, i + 1, first),
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
        pass.x[k] = value_at(model, work, v, first);
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

/* dy of value v += what input k of a layer gave, rows of the pass. */
static void add_gradient(const as_model *model, as_model_work *work, const as_model_rows *rows, int v, int k)
{
    const int64_t ld = work->ld[v], n = (rows->count - 1) * ld + as_shape_size(as_model_shape(model, v));
    void *sum = gradient_at(model, work, v, rows->first);
    model->kernels->add(n, sum, more_at(model, work, k, rows->first), sum);
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

/* Labels and weights of positions [first, first + count) on one side of a mixture: 0 their own, 1 their partners'. */
static void mask_side(const as_model *model, const as_model_rows *rows, int side, int64_t first, int64_t count,
                      int32_t *label, double *weight)
{
    if (rows->partner == NULL) {
        as_model_mask(model, rows->label, rows->weight, first, count, label, weight);
        return;
    }
    for (int64_t q = 0; q < count; q++) {
        const int64_t row = (first + q) / model->data.positions, position = (first + q) % model->data.positions;
        const int64_t other = side == 0 ? row : row + rows->partner[row];
        const int32_t own = rows->label == NULL ? 0 : rows->label[other * model->data.positions + position];
        const double share = side == 0 ? rows->share[row] : 1 - rows->share[row];
        label[q] = own >= 0 ? own : 0;
        weight[q] = own >= 0 ? rows->weight[other] * share : 0.0;
    }
}

/* What a head that is not simple goes over. */
typedef struct masked {
    const as_model *model;
    const as_model_head *head;
    const as_model_rows *rows;
    as_loss_pass whole;
    bool first_head;
    double *counted, *own;
    void *scratch; /* gradients of a block, where samples are mixed */
} masked;

/* Positions [first, first + count) on one side. */
static void masked_block(const masked *m, int side, int64_t first, int64_t count)
{
    const as_loss_pass *whole = &m->whole;
    const int64_t positions = m->model->data.positions, all = m->model->data.targets;
    const size_t bytes = m->model->kernels->real_bytes, row = (size_t)whole->ldz * bytes;
    int32_t label[AS_POSITIONS_BLOCK];
    double weight[AS_POSITIONS_BLOCK], loss[AS_POSITIONS_BLOCK];
    mask_side(m->model, m->rows, side, first, count, label, weight);
    for (int64_t q = 0; q < count; q++) {
        if (m->first_head) {
            m->counted[(first + q) / positions] += weight[q];
        }
        weight[q] *= m->head->weight;
    }
    char *dz = whole->dz == NULL ? NULL : (char *)whole->dz + (size_t)first * row;
    const int64_t target = side == 0 ? first : first + m->rows->partner[first];
    as_loss_pass pass = *whole;
    pass.rows = count;
    pass.z = (const char *)whole->z + (size_t)first * row;
    pass.dz = dz == NULL || side == 0 ? dz : m->scratch;
    pass.label = whole->label == NULL ? NULL : label;
    pass.target = whole->target == NULL ? NULL : whole->target + target * all;
    pass.weight = weight;
    pass.loss = loss;
    m->head->loss->rows(&pass);
    for (int64_t q = 0; q < count; q++) {
        whole->loss[(first + q) / positions] += loss[q];
        if (m->own != NULL) {
            m->own[(first + q) / positions] += m->head->weight > 0 ? loss[q] / m->head->weight : (double)NAN;
        }
        if (side == 1 && dz != NULL) {
            char *sum = dz + (size_t)q * row;
            m->model->kernels->add(whole->outputs, sum, (const char *)m->scratch + (size_t)q * row, sum);
        }
    }
}

/* A head where positions are ignored, many, weighted, mixed, or have columns of their own: in blocks with weights of
   their own, whose losses are added to those of their samples. */
static void masked_head(const masked *m)
{
    const int64_t total = m->whole.rows * m->model->data.positions;
    const bool mixed = m->rows->partner != NULL, plain = m->head->targets == m->model->data.targets;
    const int64_t block = !plain || (mixed && m->whole.target != NULL) ? 1 : mixed ? AS_MIX_BLOCK : AS_POSITIONS_BLOCK;
    for (int64_t r = 0; r < m->whole.rows && m->first_head; r++) {
        m->whole.loss[r] = 0;
        m->counted[r] = 0;
    }
    for (int64_t r = 0; m->own != NULL && r < m->whole.rows; r++) {
        m->own[r] = 0;
    }
    for (int64_t first = 0; first < total; first += block) {
        for (int side = 0; side <= (mixed ? 1 : 0); side++) {
            masked_block(m, side, first, total - first < block ? total - first : block);
        }
    }
}

void as_model_loss(const as_model *model, as_model_work *work, const as_model_rows *rows, bool gradient)
{
    const int64_t first = rows->first, positions = model->data.positions;
    const int32_t *label = rows->label;
    const bool plain = rows->partner == NULL && !as_model_masked(model, label, rows->count);
    for (int h = 0; h < model->nheads; h++) {
        const as_model_head *head = &model->head[h];
        const int v = head->value;
        const bool wanted = gradient && model->wants[v];
        const int64_t ld = work->ld[v];
        void *dz = !wanted ? NULL : head->adds ? more_at(model, work, 0, first) : gradient_at(model, work, v, first);
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
        if (h == 0 && plain && head->weight == 1 && head->targets == model->data.targets) {
            head->loss->rows(&pass);
            memcpy(work->counted + first, pass.weight, (size_t)rows->count * sizeof(double));
            if (own != NULL) {
                memcpy(own, pass.loss, (size_t)rows->count * sizeof(double));
            }
        } else {
            const masked m = {.model = model,
                              .head = head,
                              .rows = rows,
                              .whole = pass,
                              .first_head = h == 0,
                              .counted = work->counted + first,
                              .own = own,
                              .scratch = as_model_scratch(model, work, rows->thread)};
            masked_head(&m);
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
    pass.dy = gradient_at(model, work, i + 1, rows->first);
    pass.add_dx = layer->ops->adds_dx && layer->adds[0];
    for (int k = 0; k < layer->ninputs; k++) {
        pass.dx[k] = layer->skips[k]                  ? NULL
                     : layer->adds[k] && !pass.add_dx ? more_at(model, work, k, rows->first)
                                                      : gradient_at(model, work, layer->from[k], rows->first);
    }
    layer->ops->backward(layer, &pass);
    for (int k = 0; k < layer->ninputs; k++) {
        if (layer->adds[k] && !pass.add_dx && rows->count > 0) {
            add_gradient(model, work, rows, layer->from[k], k);
        }
    }
}

static void layer_sums(const as_model *model, const as_model_work *work, int i, const as_model_sums *sums, int thread);

/* Not of layers whose sums are taken later. */
static bool has_sums(const as_model *model, const as_model_work *work, int i, int segment)
{
    const as_layer *layer = &model->layer[i];
    return layer->trains && layer->nparams > 0 && layer->recompute == segment && work->chain[i] == NULL;
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
        if (rows->sums != NULL && has_sums(model, work, i, 0)) {
            if (rows->sums->threads > 1) {
                as_team_barrier(rows->sums->team);
            }
            layer_sums(model, work, i, rows->sums, rows->thread);
        }
        if (rows->sums != NULL && rows->sums->done != NULL) {
            show_done(rows, i, has_sums(model, work, i, 0));
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

/* The sums of one layer into its parts: part[q * parts + p] is parameter q of part p. */
static void layer_accumulate(const as_model *model, const as_model_work *work, int i, const as_tree_program *program,
                             const int64_t *lane_row, bool resume, void *const *part, int thread, int threads)
{
    const as_layer *layer = &model->layer[i];
    int64_t near[AS_LANES_MAX + 1]; /* rows counted from row `near` of the work space */
    for (int l = 0; work->near > 0 && l <= program->lanes; l++) {
        near[l] = lane_row[l] - work->near;
    }
    lane_row = work->near > 0 ? near : lane_row;
    as_accumulate a = {.kernels = model->kernels,
                       .dy = gradient_at(model, work, i + 1, work->near),
                       .ldy = work->ld[i + 1],
                       .saved = row_at(model, work->saved[i], work->near, work->lds[i]),
                       .lds = work->lds[i],
                       .scratch = as_model_scratch(model, work, thread),
                       .program = program,
                       .lane_row = lane_row,
                       .resume = resume,
                       .part = part,
                       .thread = thread,
                       .threads = threads};
    for (int k = 0; k < layer->ninputs; k++) {
        a.x[k] = row_at(model, work->x[layer->from[k]], work->near, work->ld[layer->from[k]]);
        a.ldx[k] = work->ld[layer->from[k]];
    }
    layer->ops->accumulate(layer, &a);
}

/* The sums of one layer into the vectors of the parts. */
static void layer_sums(const as_model *model, const as_model_work *work, int i, const as_model_sums *sums, int thread)
{
    const as_layer *layer = &model->layer[i];
    const int parts = sums->program->parts;
    void *own[AS_LAYER_PARAMS_MAX * PARTS_MAX];
    AS_ASSERT(parts <= PARTS_MAX);
    for (int q = 0; q < layer->nparams; q++) {
        for (int p = 0; p < parts; p++) {
            own[q * parts + p] = (char *)sums->part[p] + (size_t)layer->param[q].offset * model->kernels->real_bytes;
        }
    }
    layer_accumulate(model, work, i, sums->program, sums->lane_row, sums->resume, own, thread, sums->threads);
}

void as_model_accumulate_layers(const as_model *model, const as_model_work *work, int first, int last,
                                const as_model_sums *sums, int thread)
{
    for (int i = last - 1; i >= first; i--) {
        if (has_sums(model, work, i, 0)) {
            layer_sums(model, work, i, sums, thread);
        }
    }
}

void as_model_accumulate_segment(const as_model *model, const as_model_work *work, int segment,
                                 const as_tree_program *program, const int64_t *lane_row, bool resume,
                                 void *const *part, int thread, int threads)
{
    const as_model_sums sums = {
        .program = program, .lane_row = lane_row, .resume = resume, .part = part, .threads = threads};
    for (int i = model->nlayers - 1; i >= 0; i--) {
        if (has_sums(model, work, i, segment)) {
            layer_sums(model, work, i, &sums, thread);
        }
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
