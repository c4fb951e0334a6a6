/* Chooses the table of activations of a variant. */
#include "kernels/variant.h"
#include "nn/activation.h"

AS_VARIANT_TABLE(as_activation_ops, as_activations)
