/* The libraries behind this room, as found when running. */
#ifndef AS_IO_LIBRARIES_H
#define AS_IO_LIBRARIES_H

#include "base/text.h"

/* Not collective. Appends "HDF5 1.10.8 (serial), zlib 1.2.13, libyaml 0.2.5". */
void as_libraries_write(as_text *text);

#endif
