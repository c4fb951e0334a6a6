/* Chooses the table of losses of a variant. */
#include "kernels/variant.h"
#include "nn/loss.h"

AS_VARIANT_TABLE(as_loss_ops, as_losses)
