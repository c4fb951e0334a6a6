/* Versions of HDF5, zlib and libyaml. */
#include "io/libraries.h"

#include <hdf5.h>
#include <yaml.h>
#include <zlib.h>

void as_libraries_write(as_text *text)
{
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
#ifdef H5_HAVE_PARALLEL
    const char *kind = "parallel";
#else
    const char *kind = "serial";
#endif
    as_text_add(text, "HDF5 %u.%u.%u (%s), zlib %s, libyaml %s", major, minor, release, kind, zlibVersion(),
                yaml_get_version_string());
}
