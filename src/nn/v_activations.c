/* The table of activations of one variant: the rows of activation.def. */
#include "kernels/real.h"
#include "nn/activation.h"

#define AS_ACTIVATION(kind) extern const as_activation_ops AS_V(as_activation_##kind);
#include "nn/activation.def"
#undef AS_ACTIVATION

const as_activation_ops *const AS_V(as_activations)[] = {
#define AS_ACTIVATION(kind) &AS_V(as_activation_##kind),
#include "nn/activation.def"
#undef AS_ACTIVATION
    NULL};
