/* Data formats: files to rows. A kind is one file format_<kind>.c and one row in format.def. */
#ifndef AS_DATA_FORMAT_H
#define AS_DATA_FORMAT_H

#include "base/fields.h"
#include "base/shape.h"

typedef enum as_part { AS_PART_X, AS_PART_Y, AS_PART_WEIGHT, AS_PARTS } as_part;

/* One array of a data file: rows samples of a shape. */
typedef struct as_column {
    bool present;
    char place[512];   /* "file.h5:/fields/u" for messages */
    int64_t rows;
    as_shape shape;    /* of one sample; scalar labels have rank 0 */
    as_dtype type;     /* as handed out by read */
    bool has_fill;     /* values equal to fill count as missing */
    double fill;
} as_column;

typedef struct as_format_file as_format_file; /* defined by each kind */

typedef struct as_format_ops {
    const char *name, *help;
    const as_field *fields;   /* the keys beside `format:` */
    size_t options_bytes;
    /* Not collective. Opens and checks everything (magic, sizes against the file's length); fills column[AS_PARTS].
       Errors: NOINPUT missing; DATA truncated, corrupt, empty, wrong magic, with file and dataset, expected and found. */
    as_status (*open)(const void *options, as_format_file **out, as_column column[AS_PARTS]);
    /* Rows [first, first + count) of a part, native byte order, into data. Errors: DATA, IO naming file, dataset and row. */
    as_status (*read)(as_format_file *file, as_part part, int64_t first, int64_t count, void *data);
    void (*close)(as_format_file **file);
    bool sequential;          /* reading backwards is expensive (a compressed stream) */
} as_format_ops;

const as_format_ops *const *as_formats_get(void);

/* `train: {format: idx, ...}` as parsed. */
typedef struct as_source {
    const as_format_ops *ops; /* NULL: absent */
    void *options;
} as_source;

as_status as_source_parse(as_document *document, const as_node *node, const char *path, as_source *out);
as_status as_source_write(const as_source *source, int indent, struct as_text *text);

#endif
