/* The table of generators. */
#include "data/generate.h"

#define AS_GENERATE(kind) extern const as_generate_ops as_generate_##kind;
#include "data/generate.def"
#undef AS_GENERATE

static const as_generate_ops *const generators[] = {
#define AS_GENERATE(kind) &as_generate_##kind,
#include "data/generate.def"
#undef AS_GENERATE
    NULL};

const as_generate_ops *const *as_generators_get(void)
{
    return generators;
}
