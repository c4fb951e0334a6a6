/* The weight gradients of a variant with their choices open. */
#include "kernels/outer.h"
#include "kernels/variant.h"

AS_VARIANT_DECLARE(as_outer_ops, as_outer)

const as_outer_ops *as_outer_get(const as_kernels *kernels)
{
    return AS_VARIANT_PICK(as_outer_ops, as_outer, kernels);
}
