/* What a data file is, by its first bytes or its name. */
#ifndef AS_IO_FILE_KIND_H
#define AS_IO_FILE_KIND_H

#include <stdbool.h>

/* Not collective. Whether a name ends so, in small or large letters. */
bool as_file_ends(const char *path, const char *end);

/* Not collective. The format whose files look like this one: hdf5, netcdf or npy by their signatures, else by the
   name: csv (also .tsv), hdf5, netcdf, npy, idx, text; NULL where neither tells. The file need not be there. */
const char *as_file_format(const char *path);

#endif
