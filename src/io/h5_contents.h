/* What a file of as_h5_write says about itself: after the end of the HDF5 file comes a text (docs/formats.md) that
   lists attributes, datasets with their places, and a SHA-256 of every block. With it a file is checked, and read,
   without a single call of the HDF5 library. */
#ifndef AS_IO_H5_CONTENTS_H
#define AS_IO_H5_CONTENTS_H

#include <stdbool.h>

#include "base/text.h"
#include "io/h5_write.h"

enum { AS_H5_RANK_MAX = 8, AS_H5_BLOCK = 4 << 20 };

typedef struct as_h5_stored {
    const char *name;
    as_dtype type;
    bool text; /* a string of `bytes` bytes */
    int rank;
    int64_t dim[AS_H5_RANK_MAX];
    int64_t offset, bytes; /* raw data in the file, row-major, little-endian; offset -1: no elements */
} as_h5_stored;

typedef struct as_h5_contents {
    char *path;
    int descriptor;
    int64_t bytes; /* of the HDF5 file, without the text behind it */
    int64_t total; /* of the whole file */
    int nattributes, nitems;
    as_h5_attribute *attribute; /* (nattributes) */
    as_h5_stored *item;         /* (nitems) in the order of writing */
    int64_t nblocks;
    const char **hash;  /* (nblocks) 64 digits each */
    uint8_t digest[32]; /* SHA-256 of the list: stands for the whole file */
    char *text;         /* owner of all names */
} as_h5_contents;

/* Not collective. Opens a file, checks the list against its own hash and the file's length. Errors: NOINPUT; DATA with
   file and reason. Close with as_h5_contents_close. */
as_status as_h5_contents_open(const char *path, as_h5_contents **out);
void as_h5_contents_close(as_h5_contents **contents);

/* Not collective. Checks blocks part, part + parts, ... against their hashes. Errors: DATA naming file, offset and
 * dataset. */
as_status as_h5_contents_check(const as_h5_contents *contents, int part, int parts);

/* Not collective. NULL when absent. Borrowed. */
const as_h5_stored *as_h5_contents_find(const as_h5_contents *contents, const char *name);
const as_h5_attribute *as_h5_contents_attribute(const as_h5_contents *contents, const char *name);

/* Number of elements. */
int64_t as_h5_stored_count(const as_h5_stored *item);

/* Not collective. Elements [first, first + count) of a dataset as stored. Errors: IO, DATA. */
as_status as_h5_contents_read(const as_h5_contents *contents, const as_h5_stored *item, int64_t first, int64_t count,
                              void *data);
/* Not collective. A text, with NUL behind it; free() it. */
as_status as_h5_contents_text(const as_h5_contents *contents, const char *name, char **out);

/* Not collective. For the writer: appends the list without hashes and end; the length that the whole list will have;
   one hash; and the last line, given the text so far. Errors: INTERNAL for a name or text that does not fit on a line.
 */
as_status as_h5_contents_list(int64_t bytes, int nattributes, const as_h5_attribute *attribute, int nitems,
                              const as_h5_item *item, const int64_t *offset, as_text *text);
int64_t as_h5_contents_size(int64_t bytes, size_t list_size);
void as_h5_contents_hash(as_text *text, const uint8_t hash[32]);
void as_h5_contents_end(as_text *text, uint8_t digest[32]);

#endif
