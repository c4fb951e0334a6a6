/* The three builds of statistics.h. */
#include "kernels/statistics.h"

extern const as_statistic_kernels as_statistic_kernels_f64_avx512, as_statistic_kernels_f64_avx2,
    as_statistic_kernels_f64_portable;

const as_statistic_kernels *as_statistic_kernels_get(as_isa isa)
{
    return isa == AS_AVX512 ? &as_statistic_kernels_f64_avx512
           : isa == AS_AVX2 ? &as_statistic_kernels_f64_avx2
                            : &as_statistic_kernels_f64_portable;
}
