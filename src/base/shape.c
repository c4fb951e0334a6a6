/* Shapes and element types. */
#include "base/shape.h"

#include <stdio.h>

int64_t as_shape_size(const as_shape *shape)
{
    const int64_t limit = INT64_C(1) << 62;
    int64_t size = 1;
    for (int i = 0; i < shape->rank; i++) {
        const int64_t extent = shape->dim[i];
        if (extent < 0) {
            return -1;
        }
        if (extent > 0 && size > limit / extent) {
            return -1;
        }
        size *= extent;
    }
    return size;
}

char *as_shape_text(const as_shape *shape, char *text, size_t bytes)
{
    size_t used = 0;
    snprintf(text, bytes, "scalar");
    for (int i = 0; i < shape->rank && used < bytes; i++) {
        const int n = snprintf(text + used, bytes - used, i == 0 ? "%lld" : "x%lld", (long long)shape->dim[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    return text;
}

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
    [AS_U8] = {"uint8", 1},    [AS_I8] = {"int8", 1},     [AS_U16] = {"uint16", 2}, [AS_I16] = {"int16", 2},
    [AS_U32] = {"uint32", 4},  [AS_I32] = {"int32", 4},   [AS_U64] = {"uint64", 8}, [AS_I64] = {"int64", 8},
    [AS_F32] = {"float32", 4}, [AS_F64] = {"float64", 8},
};

size_t as_dtype_bytes(as_dtype type)
{
    return dtypes[type].bytes;
}

const char *as_dtype_name(as_dtype type)
{
    return dtypes[type].name;
}
