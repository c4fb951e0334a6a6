/* Overrides of the configuration that mend layers, found in the list `layers:` as it was written: the actions of rules
   about signals and units. A change holds for each layer that has the trait, blocks and repeats included. */
#ifndef AS_PROBE_REMEDY_H
#define AS_PROBE_REMEDY_H

#include "probe/rule.h"

/* Not collective. Appends to the action of a finding; true when all that was found has been appended, false (and no
   change of the action) where there is nothing to change, or where it would not fit. */

/* "model.layers.0.dense.init=auto" for each layer whose weights start in a way of their own (init, init_scale); nothing
   where weights come from a file. */
bool as_remedy_init(const as_case *c, as_finding *f);
/* A tenth of its start for the last layer, where it has units that are written as such. */
bool as_remedy_last(const as_case *c, as_finding *f);
/* relu for each layer but the last whose own is flat on both sides (sigmoid, tanh). */
bool as_remedy_flat(const as_case *c, as_finding *f);
/* leaky_relu for those with relu. */
bool as_remedy_relu(const as_case *c, as_finding *f);

/* causal: true for each attention. */
bool as_remedy_causal(const as_case *c, as_finding *f);

/* A small penalty, by the key that the model has for it. */
void as_remedy_restrain(const as_case *c, as_finding *f);

/* The rate of each dropout of more than a half. */
bool as_remedy_dropout(const as_case *c, const char *rate, as_finding *f);
/* The momentum of each batch_norm that has one of its own. */
bool as_remedy_momentum(const as_case *c, double momentum, as_finding *f);

/* The learning rate as one more override. */
void as_remedy_rate(double rate, as_finding *f);

#endif
