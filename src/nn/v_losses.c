/* The table of losses of one variant: the rows of loss.def. */
#include "kernels/real.h"
#include "nn/loss.h"

#define AS_LOSS(kind) extern const as_loss_ops AS_V(as_loss_##kind);
#include "nn/loss.def"
#undef AS_LOSS

const as_loss_ops *const AS_V(as_losses)[] = {
#define AS_LOSS(kind) &AS_V(as_loss_##kind),
#include "nn/loss.def"
#undef AS_LOSS
    NULL};
