/* What the parts of the HDF5 reader share. */
#ifndef AS_IO_H5_PRIVATE_H
#define AS_IO_H5_PRIVATE_H

#include <hdf5.h>

#include "io/h5.h"

struct as_h5 {
    hid_t id;
    int64_t bytes; /* of the file */
    char path[];
};

/* Not collective. How a dataset is stored, as far as the allow-list looks. */
typedef struct as_h5_storage {
    bool allowed;
    const char *reason; /* why not; static text */
    char text[64];      /* "contiguous", "chunked, deflate" */
} as_h5_storage;

as_h5_storage as_h5_storage_of(hid_t dataset, int64_t file_bytes);

/* Not collective. The nearest native type of an HDF5 number type; false for others. */
bool as_h5_number_type(hid_t type, as_dtype *out);

/* Not collective. Opens an object by hard links alone. Errors: DATA naming file and object. Close with H5Oclose. */
as_status as_h5_object_open(as_h5 *file, const char *name, hid_t *out);

#endif
