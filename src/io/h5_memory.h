/* The metadata of an HDF5 file in memory: a file driver for the library that cannot fail, and the layout that it gives.
 */
#ifndef AS_IO_H5_MEMORY_H
#define AS_IO_H5_MEMORY_H

#include "io/h5_write.h"

typedef struct as_h5_page as_h5_page;

/* The bytes that the library wrote, page by page; all others are zero. Zero-initialise. */
typedef struct as_h5_memory {
    as_h5_page *page; /* (n) sorted by address */
    int64_t n, capacity;
    int64_t bytes; /* length of the file */
    bool failed;   /* memory ran out; the content is not complete */
} as_h5_memory;

void as_h5_memory_free(as_h5_memory *memory);

/* Not collective. Bytes [first, first + count) of the file into data. */
void as_h5_memory_copy(const as_h5_memory *memory, int64_t first, int64_t count, uint8_t *data);

/* Not collective. Number of elements and of bytes that an item stores; -1 when the extents overflow. */
int64_t as_h5_item_count(const as_h5_item *item);
int64_t as_h5_item_bytes(const as_h5_item *item);

/* Not collective. Describes a file with these attributes and items to the HDF5 library: memory receives the metadata,
   and offset (nitems) the place of each item's raw data (-1: it has none). Nothing is read from the pieces. Errors:
   INTERNAL naming the item that HDF5 refused; NOMEM. */
as_status as_h5_layout(int nattributes, const as_h5_attribute *attribute, int nitems, const as_h5_item *item,
                       as_h5_memory *memory, int64_t *offset);

#endif
