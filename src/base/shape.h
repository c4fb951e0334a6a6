/* Shapes of one sample, and element types of stored data. */
#ifndef AS_BASE_SHAPE_H
#define AS_BASE_SHAPE_H

#include <stddef.h>
#include <stdint.h>

enum { AS_SHAPE_MAX = 6 };

/* Extents of one sample (the batch axis is not part of it). rank 0 is a scalar (size 1). */
typedef struct as_shape {
    int rank;
    int64_t dim[AS_SHAPE_MAX];
} as_shape;

/* Element types that data sets and checkpoints hold in memory. */
typedef enum as_dtype { AS_U8, AS_I8, AS_U16, AS_I16, AS_U32, AS_I32, AS_U64, AS_I64, AS_F32, AS_F64 } as_dtype;

/* Not collective. Product of the extents; -1 if an extent is negative or the product passes 2^62. */
int64_t as_shape_size(const as_shape *shape);

/* Not collective. Writes "28x28x1" ("scalar" for rank 0) into text (bytes long); returns text. */
char *as_shape_text(const as_shape *shape, char *text, size_t bytes);

size_t as_dtype_bytes(as_dtype type);
const char *as_dtype_name(as_dtype type);

#endif
