/* HDF5 files (and netCDF-4, which are HDF5): datasets of one file, rows along the first axis. See io/h5.h for what is
 * let in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/format.h"
#include "io/h5.h"

typedef struct options {
    const char *file, *x, *y, *weight;
} options;

static const as_field fields[] = {
    {.name = "file", .type = AS_FIELD_TEXT, .offset = offsetof(options, file), .help = "HDF5 file"},
    {.name = "x",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(options, x),
     .standard = "x",
     .help = "dataset of the inputs"},
    {.name = "y",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(options, y),
     .standard = "y",
     .help = "dataset of the labels or targets; \"\" for none"},
    {.name = "weight",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(options, weight),
     .standard = "",
     .help = "dataset of sample weights"},
    AS_FIELDS_END,
};

struct as_format_file {
    as_h5 *file;
    as_h5_dataset *dataset[AS_PARTS];
    as_dtype type[AS_PARTS];
};

static as_status open_part(as_format_file *file, const options *o, as_part part, const char *name, as_column *column)
{
    if (name == NULL || name[0] == 0) {
        return AS_OK;
    }
    AS_TRY(as_h5_dataset_open(file->file, name, &file->dataset[part]));
    const as_h5_dataset *dataset = file->dataset[part];
    const int rank = as_h5_dataset_rank(dataset);
    if (rank < 1) {
        AS_FAIL(AS_DATA, "%s:%s: expected a dataset with rows, found a scalar", o->file, name);
    }
    *column = (as_column){
        .present = true,
        .rows = as_h5_dataset_dim(dataset, 0),
        .shape = {.rank = rank - 1},
        .type = as_h5_dataset_type(dataset),
    };
    snprintf(column->place, sizeof column->place, "%s:%s", o->file, name);
    for (int axis = 1; axis < rank; axis++) {
        column->shape.dim[axis - 1] = as_h5_dataset_dim(dataset, axis);
    }
    if (column->rows == 0 || as_shape_size(&column->shape) == 0) {
        char text[128];
        AS_FAIL(AS_DATA, "%s: no data: %lld rows of %s", column->place, (long long)column->rows,
                as_shape_text(&column->shape, text, sizeof text));
    }
    column->full_scale = as_dtype_full_scale(column->type);
    column->has_fill = as_h5_dataset_fill(dataset, &column->fill);
    file->type[part] = column->type;
    return AS_OK;
}

static void close_file(as_format_file **file)
{
    if (*file == NULL) {
        return;
    }
    for (int part = 0; part < AS_PARTS; part++) {
        as_h5_dataset_close(&(*file)->dataset[part]);
    }
    as_h5_close(&(*file)->file);
    free(*file);
    *file = NULL;
}

static as_status open_file(const void *opaque, const as_tokenizer *known, as_format_file **out,
                           as_column column[AS_PARTS])
{
    (void)known;
    const options *o = opaque;
    const char *const name[AS_PARTS] = {[AS_PART_X] = o->x, [AS_PART_Y] = o->y, [AS_PART_WEIGHT] = o->weight};
    as_format_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for opening it", o->file);
    }
    memset(column, 0, AS_PARTS * sizeof *column);
    as_status status = as_h5_open(o->file, &file->file);
    for (int part = 0; status == AS_OK && part < AS_PARTS; part++) {
        status = open_part(file, o, (as_part)part, name[part], &column[part]);
    }
    if (status != AS_OK) {
        close_file(&file);
        return status;
    }
    *out = file;
    return AS_OK;
}

static as_status read_part(as_format_file *file, as_part part, int64_t first, int64_t count, void *data)
{
    return as_h5_dataset_read(file->dataset[part], first, count, file->type[part], data);
}

static void inputs_only(void *opaque, const void *like)
{
    options *o = opaque;
    o->x = like != NULL ? ((const options *)like)->x : o->x;
    o->y = o->weight = NULL;
}

extern const as_format_ops as_format_hdf5;
const as_format_ops as_format_hdf5 = {
    .name = "hdf5",
    .help = "datasets of an HDF5 (or netCDF-4) file",
    .fields = fields,
    .options_bytes = sizeof(options),
    .open = open_file,
    .read = read_part,
    .close = close_file,
    .inputs = inputs_only,
};
