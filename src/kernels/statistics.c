/* The builds of statistics.h. */
#include "kernels/statistics.h"

#include "kernels/variant.h"

AS_DOUBLE_DECLARE(as_statistic_kernels, as_statistic_kernels)

const as_statistic_kernels *as_statistic_kernels_get(as_isa isa)
{
    return AS_DOUBLE_PICK(as_statistic_kernels, as_statistic_kernels, isa);
}
