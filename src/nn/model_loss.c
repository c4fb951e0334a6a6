/* Losses of a network over rows [first, first + count) of a batch, and their gradients at the values that heads read.

   A head over rows that all count is one call of its kind. Where positions are ignored, many or weighted, samples are
   mixed, or heads have columns of their own, labels and weights of a block of positions are made first. */
#include <math.h>
#include <string.h>

#include "nn/model_rows.h"

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
        void *dz = !wanted      ? NULL
                   : head->adds ? as_more_row(model, work, 0, first)
                                : as_gradient_row(model, work, v, first);
        double *own = work->head_loss == NULL ? NULL : work->head_loss + h * work->rows + first;
        const as_loss_pass pass = {
            .options = head->options,
            .rows = rows->count,
            .outputs = head->outputs,
            .z = as_row_at(model, work->x[v], first, ld),
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
            as_add_gradient(model, work, rows, v, 0);
        }
    }
}
