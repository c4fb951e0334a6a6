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

/* A processor without AVX has the portable builds alone: they stand in the place of the others. */
#if defined(__x86_64__)
#define AS_BUILD(name, precision, isa) name##_##precision##_##isa
#else
#define AS_BUILD(name, precision, isa) name##_##precision##_portable
#endif

/* Addresses or arrays by index: `of` is & or nothing. */
#define AS_BUILDS(of, name, precision)                                                                                 \
    of AS_BUILD(name, precision, avx512), of AS_BUILD(name, precision, avx2), of AS_BUILD(name, precision, portable)

#define AS_VARIANT_DECLARE(type, name)                                                                                 \
    AS_DOUBLE_DECLARE(type, name)                                                                                      \
    extern const type AS_BUILD(name, f32, avx512);                                                                     \
    extern const type AS_BUILD(name, f32, avx2);                                                                       \
    extern const type AS_BUILD(name, f32, portable);

#define AS_VARIANT_PICK(type, name, kernels)                                                                           \
    ((const type *const[AS_VARIANTS]){AS_BUILDS(&, name, f32), AS_BUILDS(&, name, f64)}[as_variant_index(kernels)])

/* The same where there are builds in double precision alone to choose from. */
#define AS_DOUBLE_DECLARE(type, name)                                                                                  \
    extern const type AS_BUILD(name, f64, avx512);                                                                     \
    extern const type AS_BUILD(name, f64, avx2);                                                                       \
    extern const type AS_BUILD(name, f64, portable);

#define AS_DOUBLE_PICK(type, name, isa) ((const type *const[]){AS_BUILDS(&, name, f64)}[isa])

/* A table of kinds `as_things`, whose rows `as_thing_ops` are listed in thing.def, has three parts:
     thing_<kind>.c   const as_thing_ops AS_V(as_thing_<kind>) = {...};            compiled per variant
     v_things.c       const as_thing_ops *const AS_V(as_things)[] = {..., NULL};   compiled per variant
     things.c         AS_VARIANT_TABLE(as_thing_ops, as_things)                    compiled once
   The last defines  const as_thing_ops *const *as_things_get(const as_kernels *kernels)  over the six builds. */
#define AS_VARIANT_TABLE(ops, name)                                                                                    \
    extern const ops *const AS_BUILD(name, f32, avx512)[], *const AS_BUILD(name, f32, avx2)[];                         \
    extern const ops *const AS_BUILD(name, f64, avx512)[], *const AS_BUILD(name, f64, avx2)[];                         \
    extern const ops *const AS_BUILD(name, f32, portable)[], *const AS_BUILD(name, f64, portable)[];                   \
    const ops *const *name##_get(const as_kernels *kernels)                                                            \
    {                                                                                                                  \
        static const ops *const *const table[AS_VARIANTS] = {AS_BUILDS(, name, f32), AS_BUILDS(, name, f64)};          \
        return table[as_variant_index(kernels)];                                                                       \
    }

#endif
