/* Formats of files by signature, then by ending (file_kind.h). A netCDF-4 file is HDF5 and is read as that. */
#include "io/file_kind.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

bool as_file_ends(const char *path, const char *end)
{
    const size_t n = strlen(path), m = strlen(end);
    return n >= m && strcasecmp(path + n - m, end) == 0;
}

static const char *by_signature(const char *path)
{
    uint8_t head[8] = {0};
    struct stat facts; /* a pipe would be waited for */
    FILE *const file = stat(path, &facts) == 0 && S_ISREG(facts.st_mode) ? fopen(path, "rb") : NULL;
    if (file == NULL) {
        return NULL;
    }
    const size_t n = fread(head, 1, sizeof head, file);
    fclose(file);
    return n < sizeof head                             ? NULL
           : memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0 ? "hdf5"
           : memcmp(head, "CDF", 3) == 0               ? "netcdf"
           : memcmp(head, "\x93NUMPY", 6) == 0         ? "npy"
                                                       : NULL;
}

const char *as_file_format(const char *path)
{
    static const char *const ends[][2] = {
        {".csv", "csv"},    {".tsv", "csv"},      {".h5", "hdf5"},     {".hdf5", "hdf5"},  {".nc", "netcdf"},
        {".cdf", "netcdf"}, {".nc.gz", "netcdf"}, {".npy", "npy"},     {".npy.gz", "npy"}, {".idx", "idx"},
        {".idx.gz", "idx"}, {".txt", "text"},     {".txt.gz", "text"},
    };
    const char *format = by_signature(path);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0] && format == NULL; i++) {
        format = as_file_ends(path, ends[i][0]) ? ends[i][1] : NULL;
    }
    return format != NULL ? format : strstr(path, "ubyte") != NULL ? "idx" : NULL;
}
