/* The probe of a variant. */
#include "unit/math_probe.h"

#include "kernels/variant.h"

AS_VARIANT_DECLARE(math_probe, math_probe)

const math_probe *math_probe_get(const as_kernels *kernels)
{
    return AS_VARIANT_PICK(math_probe, math_probe, kernels);
}
