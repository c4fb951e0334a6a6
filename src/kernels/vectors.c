/* The builds of vectors.h. */
#include "kernels/vectors.h"

#include "kernels/variant.h"

AS_DOUBLE_DECLARE(as_vectors, as_vectors)

const as_vectors *as_vectors_get(as_isa isa)
{
    return AS_DOUBLE_PICK(as_vectors, as_vectors, isa);
}
