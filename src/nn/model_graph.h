/* Reading the layers of a network: kinds, options, names, what each reads, shapes. */
#ifndef AS_NN_MODEL_GRAPH_H
#define AS_NN_MODEL_GRAPH_H

#include "nn/model.h"

/* Not collective. Fills model->layer, nlayers, nparams, ties, segments, scope and scratch from the list `layers`, with
   the blocks of the map `blocks` (or NULL); model->in and kernels are set. node is the `model:` section, for messages.
   On failure the model holds what as_model_destroy frees. Errors: CONFIG with place, layer, expected and found; NOMEM.
 */
as_status as_model_graph_parse(as_document *document, const as_node *node, const as_node *layers, const as_node *blocks,
                               as_model *model);

#endif
