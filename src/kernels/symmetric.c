/* The three builds of symmetric.h. */
#include "kernels/symmetric.h"

extern const as_symmetric_kernels as_symmetric_kernels_f64_avx512, as_symmetric_kernels_f64_avx2,
    as_symmetric_kernels_f64_portable;

const as_symmetric_kernels *as_symmetric_kernels_get(as_isa isa)
{
    return isa == AS_AVX512 ? &as_symmetric_kernels_f64_avx512
           : isa == AS_AVX2 ? &as_symmetric_kernels_f64_avx2
                            : &as_symmetric_kernels_f64_portable;
}
