/* The builds of symmetric.h. */
#include "kernels/symmetric.h"

#include "kernels/variant.h"

AS_DOUBLE_DECLARE(as_symmetric_kernels, as_symmetric_kernels)

const as_symmetric_kernels *as_symmetric_kernels_get(as_isa isa)
{
    return AS_DOUBLE_PICK(as_symmetric_kernels, as_symmetric_kernels, isa);
}
