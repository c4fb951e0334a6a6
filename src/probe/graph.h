/* What the graph of a network tells without numbers. */
#ifndef AS_PROBE_GRAPH_H
#define AS_PROBE_GRAPH_H

#include "nn/model.h"

/* Not collective. The activation that a layer applies to its output: "relu", "softmax" for that layer, "none". */
const char *as_graph_activation(const as_layer *layer);
/* Not collective. The layer whose output the first loss reads, past layers that only give numbers another shape. NULL:
   it reads the data. */
const as_layer *as_graph_last(const as_model *model);
/* Not collective. Whether outputs are linear in inputs and in parameters: one dense layer, nothing that bends. */
bool as_graph_linear(const as_model *model);
/* Not collective. Whether the data are numbers of rows of tables: everything that reads them, past layers that cut them
   or give them another shape, is an embedding. Such numbers have no size and no order. */
bool as_graph_reads_numbers_of_rows(const as_model *model);
/* Not collective. The first layer whose outputs at a position depend on inputs at later ones; NULL: none. For layers
   that keep the positions of a sequence. */
const as_layer *as_graph_looks_ahead(const as_model *model);
/* Not collective. The layer of a name, or NULL. */
const as_layer *as_graph_find(const as_model *model, const char *name);

#endif
