/* The update passes of a variant. */
#include "nn/update.h"

#include "kernels/variant.h"

AS_VARIANT_DECLARE(as_update_ops, as_update)

const as_update_ops *as_update_get(const as_kernels *kernels)
{
    return AS_VARIANT_PICK(as_update_ops, as_update, kernels);
}
