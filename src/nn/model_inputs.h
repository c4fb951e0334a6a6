/* Named parts of the data as values that layers read: `from: input.NAME`. */
#ifndef AS_NN_MODEL_INPUTS_H
#define AS_NN_MODEL_INPUTS_H

#include "base/node.h"
#include "nn/model.h"

/* Not collective. Which parts of data->inputs the layers anywhere below `node` read: sets used[i]. Errors: CONFIG
   naming a part that the data do not have, and those that they have; NOMEM. */
as_status as_model_inputs_find(const as_node *node, const as_model_data *data, bool *used);

/* Not collective. The layers that take a part out of the data, a slice and, for more than one axis, a reshape, as items
   of a list of layers; *count of them. Errors: NOMEM. */
as_status as_model_inputs_layers(as_document *document, const as_node *place, const as_data_part *part,
                                 as_node *item[2], int *count);

#endif
