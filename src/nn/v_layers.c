/* The table of layer kinds of one variant. */
#include "kernels/real.h"
#include "nn/layer.h"

#define AS_LAYER(kind) extern const as_layer_ops AS_V(as_layer_##kind);
#include "nn/layer.def"
#undef AS_LAYER
const as_layer_ops *const AS_V(as_layers)[] = {
#define AS_LAYER(kind) &AS_V(as_layer_##kind),
#include "nn/layer.def"
#undef AS_LAYER
    NULL};
