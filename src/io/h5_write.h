/* Writing HDF5 files that keep the promises of checkpoints: the metadata are built by the library in a memory driver
   that cannot fail, raw data are placed by our own checked writes, the file is committed by rename. The result is an
   ordinary HDF5 file (contiguous datasets, format of library 1.8), the same bytes for every layout. */
#ifndef AS_IO_H5_WRITE_H
#define AS_IO_H5_WRITE_H

#include "base/shape.h"
#include "comm/world.h"

/* One piece of a dataset's row-major content that this rank brings: elements [first, first + count). */
typedef struct as_h5_piece {
    int64_t first, count;
    const void *data;
} as_h5_piece;

/* A dataset to write: the same list (but for pieces) on every rank; the pieces of all ranks cover it exactly once. */
typedef struct as_h5_item {
    const char *name; /* "/params/dense_1/weight" */
    as_dtype type;
    int rank;
    const int64_t *dim;
    int npieces;
    const as_h5_piece *piece;
    const char *text; /* instead: a scalar string dataset, written by rank 0 */
} as_h5_item;

typedef struct as_h5_attribute {
    const char *name;
    const char *text;
    int64_t value;
} as_h5_attribute; /* text NULL: int */

/* Collective. Writes path atomically: temporary name in the same folder, every rank writes and fsyncs its pieces, each
   block of 4 MiB is read back by another rank, compared with what was in memory and hashed; a list of contents with the
   hashes goes behind the HDF5 file (docs/formats.md, io/h5_contents.h); then rename and fsync of the folder. After a
   failure the temporary file is gone, older files are untouched, and all ranks return the same status (IO, CANTCREAT)
   and message. digest (32 bytes, may be NULL): SHA-256 of the list, which stands for the whole file. */
as_status as_h5_write(as_world *world, const char *path, int nattributes, const as_h5_attribute *attribute, int nitems,
                      const as_h5_item *item, uint8_t digest[32]);

/* Not collective. Checks a file written by as_h5_write against its own hashes without any HDF5 call. Errors: DATA with
   file, offset, dataset and reason; NOINPUT. digest may be NULL. */
as_status as_h5_verify(const char *path, uint8_t digest[32]);

#endif
