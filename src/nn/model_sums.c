/* Sums over samples of a network, layer by layer from the last to the first: each layer adds what backward left of its
   rows to the vectors of the parts, lane by lane along the tree. Parameters of frozen layers are not summed: their
   elements of the parts are left as they are, which is zero where the caller cleared them once. */
#include "base/error.h"
#include "nn/model_rows.h"
#include "nn/model_ties.h"

enum { PARTS_MAX = 64 }; /* a program has at most two parts for each level of the tree */

bool as_layer_has_sums(const as_model *model, const as_model_work *work, int i, int segment)
{
    const as_layer *layer = &model->layer[i];
    return layer->trains && layer->nparams > 0 && layer->recompute == segment && work->chain[i] == NULL;
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
                       .dy = as_gradient_row(model, work, i + 1, work->near),
                       .ldy = work->ld[i + 1],
                       .saved = as_row_at(model, work->saved[i], work->near, work->lds[i]),
                       .lds = work->lds[i],
                       .scratch = as_model_scratch(model, work, thread),
                       .program = program,
                       .lane_row = lane_row,
                       .resume = resume,
                       .part = part,
                       .thread = thread,
                       .threads = threads};
    for (int k = 0; k < layer->ninputs; k++) {
        a.x[k] = as_row_at(model, work->x[layer->from[k]], work->near, work->ld[layer->from[k]]);
        a.ldx[k] = work->ld[layer->from[k]];
    }
    layer->ops->accumulate(layer, &a);
}

void as_layer_sums(const as_model *model, const as_model_work *work, int i, const as_model_sums *sums, int thread)
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
        if (as_layer_has_sums(model, work, i, 0)) {
            as_layer_sums(model, work, i, sums, thread);
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
        if (as_layer_has_sums(model, work, i, segment)) {
            as_layer_sums(model, work, i, &sums, thread);
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
