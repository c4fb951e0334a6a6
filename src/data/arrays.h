/* Formats whose parts are array files of their own (IDX, NPY): they differ only in how a header is read. */
#ifndef AS_DATA_ARRAYS_H
#define AS_DATA_ARRAYS_H

#include "data/format.h"
#include "io/array.h"

typedef struct as_arrays_options {
    const char *x, *y, *weight; /* paths; y and weight may be NULL */
} as_arrays_options;

/* Not collective. The ops of such a format; open_array reads a header. */
as_status as_arrays_open(const as_arrays_options *options, as_status (*open_array)(const char *path, as_array *out),
                         as_format_file **out, as_column column[AS_PARTS]);
as_status as_arrays_read(as_format_file *file, as_part part, int64_t first, int64_t count, void *data);
as_status as_arrays_verify(as_format_file *file, as_part part);
void as_arrays_close(as_format_file **file);

#endif
