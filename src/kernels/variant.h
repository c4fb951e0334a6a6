/* Choosing among the six builds of a file that is compiled once per variant. Such a file ends with one constant,
   `const T AS_V(name)`; the getter next to it, compiled once, is

       AS_VARIANT_DECLARE(as_update_ops, as_update)
       const as_update_ops *as_update_get(const as_kernels *kernels)
       {
           return AS_VARIANT_PICK(as_update_ops, as_update, kernels);
       }
*/
#ifndef AS_KERNELS_VARIANT_H
#define AS_KERNELS_VARIANT_H

#include "kernels/kernels.h"

enum { AS_VARIANTS = 6 };

/* Index of a variant, in the order of the two macros below. */
static inline int as_variant_index(const as_kernels *kernels)
{
    return (int)kernels->set + (kernels->precision == AS_FLOAT64 ? 3 : 0);
}

#define AS_VARIANT_DECLARE(type, name)                                                                                 \
    extern const type name##_f32_avx512, name##_f32_avx2, name##_f32_portable;                                         \
    extern const type name##_f64_avx512, name##_f64_avx2, name##_f64_portable;

#define AS_VARIANT_PICK(type, name, kernels)                                                                           \
    ((const type *const[AS_VARIANTS]){&name##_f32_avx512, &name##_f32_avx2, &name##_f32_portable, &name##_f64_avx512,  \
                                      &name##_f64_avx2, &name##_f64_portable}[as_variant_index(kernels)])

/* A table of kinds `as_things`, whose rows `as_thing_ops` are listed in thing.def, has three parts:
     thing_<kind>.c   const as_thing_ops AS_V(as_thing_<kind>) = {...};            compiled per variant
     v_things.c       const as_thing_ops *const AS_V(as_things)[] = {..., NULL};   compiled per variant
     things.c         AS_VARIANT_TABLE(as_thing_ops, as_things)                    compiled once
   The last defines  const as_thing_ops *const *as_things_get(const as_kernels *kernels)  over the six builds. */
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
