/* The table of one variant. */
#include "kernels/table.h"
#include "kernels/table_conv.h"

#if defined(AS_ISA_AVX512)
#define ISA_NAME "avx512"
#define ISA_SET AS_AVX512
#elif defined(AS_ISA_AVX2)
#define ISA_NAME "avx2"
#define ISA_SET AS_AVX2
#else
#define ISA_NAME "portable"
#define ISA_SET AS_PORTABLE
#endif

extern const as_kernels AS_V(as_kernels);
extern const as_conv_kernels AS_V(as_conv_kernels);

const as_kernels AS_V(as_kernels) = {
    .isa = ISA_NAME,
    .set = ISA_SET,
    .precision = (as_precision)AS_PRECISION,
    .real_bytes = sizeof(real),
    .pack_reals = AS_V(as_pack_reals),
    .pack = AS_V(as_pack),
    .gemm = AS_V(as_gemm),
    .gemm_tuned = AS_V(as_gemm_tuned),
    .gemm_add = AS_V(as_gemm_add),
    .gemm_plain = AS_V(as_gemm_plain),
    .outer_lanes = AS_V(as_outer_lanes),
    .outer_lanes_plain = AS_V(as_outer_lanes_plain),
    .column_sum_lanes = AS_V(as_column_sum_lanes),
    .gather = AS_V(as_gather),
    .add = AS_V(as_add),
    .multiply = AS_V(as_multiply),
    .from_double = AS_V(as_from_double),
    .to_double = AS_V(as_to_double),
    .sum_squares = AS_V(as_sum_squares),
    .attention = &AS_V(as_attention),
    .conv = &AS_V(as_conv_kernels),
    .embedding_lanes = AS_V(as_embedding_lanes),
    .embedding_lanes_plain = AS_V(as_embedding_lanes_plain),
    .norm = &AS_V(as_norm),
    .norm_plain = &AS_V(as_norm_plain),
    .fma_loop = AS_V(as_fma_loop),
};
