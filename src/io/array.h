/* One array of numbers in a file of its own: IDX (LeCun's MNIST format) and NPY (NumPy format 1.0 to 3.0), plain or
   gzip-packed. Rows run along the first axis. */
#ifndef AS_IO_ARRAY_H
#define AS_IO_ARRAY_H

#include "base/shape.h"
#include "io/stream.h"

typedef struct as_array {
    as_stream *stream;
    int64_t rows;
    as_shape shape;   /* of one row */
    as_dtype type;    /* as handed out by as_array_read */
    int stored_bytes; /* of one element in the file */
    bool swap;        /* the file's byte order is not the machine's */
    bool columns;     /* elements are in Fortran order: the first axis runs fastest */
    bool half;        /* IEEE binary16 in the file, AS_F32 handed out */
    int64_t data_at;  /* offset of the first element */
    int64_t width;    /* elements of a row */
} as_array;

/* Not collective. Reads the header and checks it against the length of the file. Errors: NOINPUT; DATA wrong magic,
   unknown type, no rows, sizes that do not fit the file; IO; NOMEM. Close with as_array_close. */
as_status as_array_open_idx(const char *path, as_array *out);
as_status as_array_open_npy(const char *path, as_array *out);
void as_array_close(as_array *array);

/* Not collective. The same for NPY content behind an open stream, which the array takes over; it may be in Fortran
   order, where rows are not one after the other and as_array_read is for all of them. */
as_status as_array_from_npy(as_stream *stream, as_array *out);

/* Not collective. Rows [first, first + count), 0 <= first, first + count <= rows, in native byte order: count * width
   elements of `type`. Reading the last row also checks the end of a packed file. Errors: DATA, IO naming the row. */
as_status as_array_read(as_array *array, int64_t first, int64_t count, void *data);

/* IEEE binary16 to binary32, exactly. */
float as_half_value(uint16_t half);

/* Not collective. For the header readers: element count, row width and size of the data against the file. */
as_status as_array_check(as_array *array);

#endif
