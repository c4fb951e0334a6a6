/* Chooses the table of layers of a variant. */
#include "kernels/variant.h"
#include "nn/layer.h"
#include "nn/layer_activation.h"

AS_VARIANT_TABLE(as_layer_ops, as_layers)
AS_VARIANT_DECLARE(as_layer_ops, as_layer_activation)

const as_layer_ops *as_layer_activation_get(const as_kernels *kernels)
{
    return AS_VARIANT_PICK(as_layer_ops, as_layer_activation, kernels);
}
