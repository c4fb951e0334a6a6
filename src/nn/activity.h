/* Where an activation is flat: its derivative is below 5 % of its largest, so that no gradient goes through. Counts
   over rows and positions, from which units that are dead or saturated follow. All functions: Not collective. */
#ifndef AS_NN_ACTIVITY_H
#define AS_NN_ACTIVITY_H

#include "nn/model.h"
#include "nn/nonlinearity.h"

/* The activation that ends a layer, or NULL. */
static inline const as_nonlinearity *as_layer_activation(const as_layer *layer)
{
    return layer->ops->nonlinearity != NULL ? layer->ops->nonlinearity(layer) : NULL;
}

/* Fills (n) reals with the constant one. */
void as_activity_ones(const as_kernels *kernels, int64_t n, void *ones);

/* A row of the work space, of a layer with an activation: active[u] += 1 for each position where unit u is not flat;
   active[units] += positions. active (units + 1); ones, slope: (reals), the constant one and scratch, reals >= units.
 */
void as_activity_add(const as_model *model, const as_model_work *work, int layer, int64_t row, const void *ones,
                     void *slope, int64_t reals, double *active);

/* Of counts with some position: units that are flat at all of them, and the share of flat pairs of position and unit.
 */
void as_activity_sum(int64_t units, const double *active, double *dead, double *share);

#endif
