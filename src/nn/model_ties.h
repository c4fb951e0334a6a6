/* Sums over samples of parameters that several layers share. */
#ifndef AS_NN_MODEL_TIES_H
#define AS_NN_MODEL_TIES_H

#include "nn/model.h"

/* Not collective. Whether the layer shares parameters with another, either way. */
bool as_layer_shares(const as_model *model, int layer);

/* Not collective. Reserves work->chain and work->stack for programs of at most `depth`. Errors: NOMEM. */
as_status as_model_ties_plan(const as_model *model, int depth, as_arena *arena, as_model_work *work);

/* Not collective; all threads of a team. As as_model_accumulate, for the layers that share. accumulate is called for
   one layer, with a program of one lane and the layer's parts. */
typedef void (*as_layer_sum)(const as_model *model, const as_model_work *work, int layer,
                             const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                             int thread, int threads);
void as_model_ties_accumulate(const as_model *model, const as_model_work *work, as_layer_sum accumulate,
                              const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                              as_team *team, int thread, int threads);

#endif
