/* Reading netCDF classic files (CDF-1, CDF-2 with 64-bit offsets, CDF-5), plain or gzip-packed. netCDF-4 files are
   HDF5: see io/h5.h. Sizes are checked against the length of the file before anything is read by them. */
#ifndef AS_IO_NETCDF_H
#define AS_IO_NETCDF_H

#include <stdbool.h>

#include "allsum/status.h"
#include "base/shape.h"

enum { AS_NETCDF_AXES_MAX = AS_SHAPE_MAX + 1 };

typedef struct as_netcdf as_netcdf;

typedef struct as_netcdf_variable {
    const char *name;
    int axes;
    int dimension[AS_NETCDF_AXES_MAX]; /* numbers of the axes' dimensions, slowest first */
    int64_t extent[AS_NETCDF_AXES_MAX];
    int64_t elements;
    as_dtype type;         /* as stored */
    int nfill;             /* values that mean "missing", as stored: _FillValue, missing_value, else netCDF's own */
    double fill[2];        /* (nfill) */
    double scale, offset;  /* value = scale x stored + offset (scale_factor, add_offset) */
    int64_t begin, stride; /* bytes: where the data are; from one record to the next, 0: no records */
} as_netcdf_variable;

/* Not collective. Errors: NOINPUT missing; DATA not netCDF classic, corrupt, truncated, no variable; IO; NOMEM. Close
   with as_netcdf_close. */
as_status as_netcdf_open(const char *path, as_netcdf **out);
void as_netcdf_close(as_netcdf **file);

int as_netcdf_variables(const as_netcdf *file);
const as_netcdf_variable *as_netcdf_variable_at(const as_netcdf *file, int index);
const char *as_netcdf_dimension(const as_netcdf *file, int number);

/* Not collective. The variable of a name. Errors: DATA absent (the nearest name, or some) or not of numbers. */
as_status as_netcdf_find(const as_netcdf *file, const char *name, const as_netcdf_variable **out);

/* Not collective. Elements [first, first + count) in row-major order, unpacked; missing ones are NaN. */
void as_netcdf_read(const as_netcdf *file, const as_netcdf_variable *variable, int64_t first, int64_t count,
                    double *data);

#endif
