/* Which variant runs: the CPU's instruction sets, the user's choice, and the six tables. */
#include "kernels/kernels.h"

#include <string.h>

#include "base/error.h"
#include "kernels/variant.h"

AS_VARIANT_DECLARE(as_kernels, as_kernels)

static bool runs(as_isa isa)
{
    switch (isa) {
#if defined(__x86_64__)
    case AS_AVX512:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("fma");
    case AS_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    case AS_PORTABLE:
        return true;
    default:
        return false;
    }
}

as_isa as_isa_detect(void)
{
    return runs(AS_AVX512) ? AS_AVX512 : runs(AS_AVX2) ? AS_AVX2 : AS_PORTABLE;
}

const char *as_isa_name(as_isa isa)
{
    return isa == AS_AVX512 ? "avx512" : isa == AS_AVX2 ? "avx2" : "portable";
}

bool as_isa_fuses(as_isa isa)
{
#if defined(__FP_FAST_FMA) && defined(__FP_FAST_FMAF)
    (void)isa;
    return true;
#else
    return isa != AS_PORTABLE;
#endif
}

as_status as_isa_choose(const char *name, as_isa *out)
{
    if (name == NULL || name[0] == '\0' || strcmp(name, "auto") == 0) {
        *out = as_isa_detect();
        return AS_OK;
    }
    for (as_isa isa = AS_AVX512; isa <= AS_PORTABLE; isa++) {
        if (strcmp(name, as_isa_name(isa)) != 0) {
            continue;
        }
        if (!runs(isa)) {
            AS_FAIL(AS_USAGE, "instruction set: this CPU cannot run %s; it has %s", name,
                    runs(AS_AVX2) ? "avx2, portable" : "portable");
        }
        *out = isa;
        return AS_OK;
    }
    AS_FAIL(AS_USAGE, "instruction set: expected auto, avx512, avx2 or portable, found %s", name);
}

const as_kernels *as_kernels_get(as_isa isa, as_precision precision)
{
    const as_kernels wanted = {.set = isa, .precision = precision};
    return AS_VARIANT_PICK(as_kernels, as_kernels, &wanted);
}
