/* The three builds of vectors.h. */
#include "kernels/vectors.h"

extern const as_vectors as_vectors_f64_avx512, as_vectors_f64_avx2, as_vectors_f64_portable;

const as_vectors *as_vectors_get(as_isa isa)
{
    return isa == AS_AVX512 ? &as_vectors_f64_avx512 : isa == AS_AVX2 ? &as_vectors_f64_avx2 : &as_vectors_f64_portable;
}
