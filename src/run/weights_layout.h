/* Inside of weights: names and axes of arrays here and in files. */
#ifndef AS_RUN_WEIGHTS_LAYOUT_H
#define AS_RUN_WEIGHTS_LAYOUT_H

#include "run/weights.h"

enum { AS_WEIGHTS_NAME = 256 };

/* "/params/dense_1/weight" of the group "/params/" as "dense_1" and "weight"; false for another group. */
bool as_weights_split(const char *name, const char *group, char layer[AS_WEIGHTS_NAME], const char **param);

/* Extents of our array in the file's layout. */
as_shape as_weights_shape(const as_state_item *item, as_weights_layout layout);

/* Copies between our array and one whose axes are in the order of the layout; to_ours tells the direction. */
void as_weights_turn(const as_state_item *item, as_weights_layout layout, bool to_ours, const double *from, double *to);

/* Element i of an array of float32 or float64. */
void as_weights_put(as_dtype type, void *to, int64_t i, double value);

#endif
