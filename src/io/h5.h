/* Reading ordinary HDF5 files. Other rooms reach HDF5 only through this header and h5_write.h. Untrusted files are
   opened by an allow-list: hard links, contiguous or chunked (deflate, shuffle, fletcher32) datasets of integers or
   floats; no external storage, external or soft links out of the file, or virtual datasets. */
#ifndef AS_IO_H5_H
#define AS_IO_H5_H

#include <stdbool.h>

#include "allsum/status.h"
#include "base/shape.h"
#include "base/text.h"

typedef struct as_h5 as_h5;
typedef struct as_h5_dataset as_h5_dataset;

/* Not collective. Errors: NOINPUT missing; DATA not HDF5 or truncated. */
as_status as_h5_open(const char *path, as_h5 **out);
void as_h5_close(as_h5 **file);

/* Not collective. dims: as in the file, rank <= AS_SHAPE_MAX + 1. type: nearest native type. Errors: DATA naming
   file:dataset (absent: lists what is there; not numeric; external; too large for the file). */
as_status as_h5_dataset_open(as_h5 *file, const char *name, as_h5_dataset **out);
void as_h5_dataset_close(as_h5_dataset **dataset);
int as_h5_dataset_rank(const as_h5_dataset *dataset);
int64_t as_h5_dataset_dim(const as_h5_dataset *dataset, int axis);
as_dtype as_h5_dataset_type(const as_h5_dataset *dataset);
/* _FillValue or missing_value attribute. */
bool as_h5_dataset_fill(const as_h5_dataset *dataset, double *fill);

/* Not collective. Rows [first, first + count) along the first axis into data of element type `type` (converted). Whole
   dataset for rank 0. Single reads stay below 1 GiB. */
as_status as_h5_dataset_read(as_h5_dataset *dataset, int64_t first, int64_t count, as_dtype type, void *data);

/* Not collective. Calls visit for every dataset, in name order; storage is a text about it. What cannot be opened comes
   as no number, and the text says so. */
as_status as_h5_visit(as_h5 *file,
                      as_status (*visit)(void *context, const char *name, int rank, const int64_t *dim, as_dtype type,
                                         bool numeric, const char *storage),
                      void *context);

#endif
