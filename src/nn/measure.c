/* The measuring passes of a variant. */
#include "nn/measure.h"

#include "kernels/variant.h"

AS_VARIANT_DECLARE(as_measure_ops, as_measure)

const as_measure_ops *as_measure_get(const as_kernels *kernels)
{
    return AS_VARIANT_PICK(as_measure_ops, as_measure, kernels);
}
