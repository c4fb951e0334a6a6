/* Where the rows of a work space are, and the sums of one layer: inside of the model, for model_pass.c, model_loss.c
   and model_sums.c. */
#ifndef AS_NN_MODEL_ROWS_H
#define AS_NN_MODEL_ROWS_H

#include "nn/model.h"

/* Row `row` of an array; NULL where there is none. */
static inline void *as_row_at(const as_model *model, void *base, int64_t row, int64_t ld)
{
    return base == NULL ? NULL : (char *)base + (size_t)(row * ld) * model->kernels->real_bytes;
}

/* Row `row` of the gradient at value v. */
static inline void *as_gradient_row(const as_model *model, const as_model_work *work, int v, int64_t row)
{
    return as_row_at(model, work->dy[v], work->passes[v] ? row - work->near : row, work->ld[v]);
}

/* The same of what is to be added to it. */
static inline void *as_more_row(const as_model *model, const as_model_work *work, int k, int64_t row)
{
    return as_row_at(model, work->more[k], row, work->ldmore[k]);
}

/* Row `row` of value v. */
static inline void *as_value_row(const as_model *model, const as_model_work *work, int v, int64_t row)
{
    const bool brief = work->brief != NULL && work->brief[v] != NULL;
    return as_row_at(model, brief ? work->brief[v] : work->x[v], brief ? row - work->brief_first : row, work->ld[v]);
}

/* dy of value v += what input k of a layer gave, rows of the pass. */
static inline void as_add_gradient(const as_model *model, as_model_work *work, const as_model_rows *rows, int v, int k)
{
    const int64_t ld = work->ld[v], n = (rows->count - 1) * ld + as_shape_size(as_model_shape(model, v));
    void *sum = as_gradient_row(model, work, v, rows->first);
    model->kernels->add(n, sum, as_more_row(model, work, k, rows->first), sum);
}

/* Whether a layer has sums of its own, in this segment: not those whose sums are taken later. */
bool as_layer_has_sums(const as_model *model, const as_model_work *work, int layer, int segment);
/* The sums of one layer into the vectors of the parts. */
void as_layer_sums(const as_model *model, const as_model_work *work, int layer, const as_model_sums *sums, int thread);

#endif
