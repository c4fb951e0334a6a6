/* NPY files, plain or gzip-packed: one for x, one for y, one for weights. See io/array.h. */
#include "data/arrays.h"

static const as_field fields[] = {
    {.name = "x", .type = AS_FIELD_TEXT, .offset = offsetof(as_arrays_options, x), .help = "NPY file of the inputs"},
    {.name = "y",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(as_arrays_options, y),
     .standard = "",
     .help = "NPY file of the labels or targets"},
    {.name = "weight",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(as_arrays_options, weight),
     .standard = "",
     .help = "NPY file of sample weights"},
    AS_FIELDS_END,
};

static as_status open_files(const void *options, const as_known *known, as_format_file **out,
                            as_column column[AS_PARTS])
{
    (void)known;
    return as_arrays_open(options, as_array_open_npy, out, column);
}

const as_format_ops as_format_npy = {
    .name = "npy",
    .help = "NPY array files (plain or .gz)",
    .fields = fields,
    .options_bytes = sizeof(as_arrays_options),
    .open = open_files,
    .read = as_arrays_read,
    .verify = as_arrays_verify,
    .close = as_arrays_close,
};
