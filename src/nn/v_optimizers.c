/* The table of optimizers of one variant: the rows of optimizer.def. */
#include "kernels/real.h"
#include "nn/optimizer.h"

#define AS_OPTIMIZER(kind) extern const as_optimizer_ops AS_V(as_optimizer_##kind);
#include "nn/optimizer.def"
#undef AS_OPTIMIZER

const as_optimizer_ops *const AS_V(as_optimizers)[] = {
#define AS_OPTIMIZER(kind) &AS_V(as_optimizer_##kind),
#include "nn/optimizer.def"
#undef AS_OPTIMIZER
    NULL};
