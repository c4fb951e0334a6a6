/* Figures of this machine and of the kernels on it, for "allsum bench gemm|conv|attention|elementwise". */
#ifndef AS_RUN_BENCH_H
#define AS_RUN_BENCH_H

#include <stdbool.h>

#include "base/text.h"
#include "kernels/kernels.h"
#include "kernels/team.h"

/* Not collective. Measures on all threads of the team, median and best of several repetitions each, and appends a table
   to text, or one JSON object when json. Takes some ten seconds. Errors: NOMEM.
   All begin with the limits of the machine. gemm: the peak of fused multiply-adds on 1 to all threads; Y = X W at the
   shapes of small and large networks; weight gradients over lanes. conv, attention: forward and gradients. elementwise:
   sums of two arrays from L1 to memory, gathering uint8 rows, packing, squares. */
as_status as_bench_gemm(as_team *team, const as_kernels *kernels, bool json, as_text *text);
as_status as_bench_conv(as_team *team, const as_kernels *kernels, bool json, as_text *text);
as_status as_bench_attention(as_team *team, const as_kernels *kernels, bool json, as_text *text);
as_status as_bench_elementwise(as_team *team, const as_kernels *kernels, bool json, as_text *text);

/* Not collective. Flops per second of fused multiply-adds on registers, on all threads of the team: the arithmetic
   peak. Takes a few milliseconds. */
double as_bench_peak(as_team *team, const as_kernels *kernels);

#endif
