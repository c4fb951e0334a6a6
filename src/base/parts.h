/* Named parts of a sample: fields of an HDF5 or netCDF file, columns of a table. */
#ifndef AS_BASE_PARTS_H
#define AS_BASE_PARTS_H

#include "base/shape.h"

enum { AS_PART_NAME_MAX = 48, AS_DATA_PARTS_MAX = 16 };

/* A named part of a sample's inputs, or of its targets: elements [first, first + size of shape). */
typedef struct as_data_part {
    char name[AS_PART_NAME_MAX];
    int64_t first;
    as_shape shape;
} as_data_part;

/* The parts of one side of a sample, one after the other; n == 0: it is one piece without a name. */
typedef struct as_data_parts {
    int n;
    as_data_part part[AS_DATA_PARTS_MAX];
} as_data_parts;

#endif
