/* The layer that applies an activation; it goes by the activation's own name (`- relu`, `- leaky_relu: 0.2`). */
#ifndef AS_NN_LAYER_ACTIVATION_H
#define AS_NN_LAYER_ACTIVATION_H

#include "nn/layer.h"
#include "nn/nonlinearity.h"

/* Its ops of a variant; options of the layer are an as_nonlinearity with ops set. Never NULL. */
const as_layer_ops *as_layer_activation_get(const as_kernels *kernels);

#endif
