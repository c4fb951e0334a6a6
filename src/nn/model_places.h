/* Places of gradients and values that pass (as_model_passing of model.h), of which values are called brief: inside of
   the model, called by as_model_work_plan. */
#ifndef AS_NN_MODEL_PLACES_H
#define AS_NN_MODEL_PLACES_H

#include "nn/model.h"

/* Not collective. Which gradients pass, into work->passes (zeros before). passing NULL: none. */
void as_model_places_choose(const as_model *model, const as_model_passing *passing, as_model_work *work);
/* Not collective. Their places, and memory for all owners. Errors: NOMEM. */
as_status as_model_places_plan(const as_model *model, const as_model_passing *passing, as_arena *arena,
                               as_model_work *work);
/* Not collective. After the arena was committed: addresses, for all owners. */
void as_model_places_bind(const as_model *model, as_model_work *work);

#endif
