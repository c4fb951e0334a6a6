/* Tables of kinds that are compiled once per variant (instruction set x precision), and how one is chosen.
   A table `as_things` of rows `as_thing_ops` has three parts, for the rows listed in thing.def:
     thing_<kind>.c   const as_thing_ops AS_V(as_thing_<kind>) = {...};            compiled per variant
     v_things.c       const as_thing_ops *const AS_V(as_things)[] = {..., NULL};   compiled per variant
     things.c         AS_VARIANT_TABLE(as_thing_ops, as_things)                    defines as_things_get, compiled once
 */
#ifndef AS_KERNELS_VARIANTS_H
#define AS_KERNELS_VARIANTS_H

#include <string.h>

#include "kernels/kernels.h"

enum { AS_VARIANTS = 6 };

/* Position of a variant in the order of AS_VARIANT_TABLE. */
static inline int as_variant_index(const as_kernels *kernels)
{
    const int isa = strcmp(kernels->isa, "avx512") == 0 ? 0 : strcmp(kernels->isa, "avx2") == 0 ? 1 : 2;
    return (kernels->precision == AS_FLOAT32 ? 0 : 3) + isa;
}

/* Defines  const ops *const *name_get(const as_kernels *kernels)  over the six builds of the array `name`. */
#define AS_VARIANT_TABLE(ops, name)                                                                                    \
    extern const ops *const name##_f32_avx512[], *const name##_f32_avx2[], *const name##_f32_portable[];               \
    extern const ops *const name##_f64_avx512[], *const name##_f64_avx2[], *const name##_f64_portable[];               \
    const ops *const *name##_get(const as_kernels *kernels)                                                            \
    {                                                                                                                  \
        static const ops *const *const table[AS_VARIANTS] = {name##_f32_avx512, name##_f32_avx2, name##_f32_portable,  \
                                                             name##_f64_avx512, name##_f64_avx2, name##_f64_portable}; \
        return table[as_variant_index(kernels)];                                                                       \
    }

#endif
