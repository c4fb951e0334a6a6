/* Parts of a data set from one array file each. */
#include "data/arrays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct as_format_file {
    as_array array[AS_PARTS];
};

static as_status open_part(as_format_file *file, as_part part, const char *path,
                           as_status (*open_array)(const char *path, as_array *out), as_column *column)
{
    as_array *array = &file->array[part];
    if (path == NULL || path[0] == 0) {
        return AS_OK;
    }
    AS_TRY(open_array(path, array));
    *column = (as_column){
        .present = true,
        .rows = array->rows,
        .shape = array->shape,
        .type = array->type,
        .full_scale = as_dtype_full_scale(array->type),
    };
    snprintf(column->place, sizeof column->place, "%s", path);
    return AS_OK;
}

as_status as_arrays_open(const as_arrays_options *options, as_status (*open_array)(const char *path, as_array *out),
                         as_format_file **out, as_column column[AS_PARTS])
{
    const char *const path[AS_PARTS] = {
        [AS_PART_X] = options->x, [AS_PART_Y] = options->y, [AS_PART_WEIGHT] = options->weight};
    as_format_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for opening it", options->x);
    }
    memset(column, 0, AS_PARTS * sizeof *column);
    for (int part = 0; part < AS_PARTS; part++) {
        const as_status status = open_part(file, (as_part)part, path[part], open_array, &column[part]);
        if (status != AS_OK) {
            as_arrays_close(&file);
            return status;
        }
    }
    *out = file;
    return AS_OK;
}

as_status as_arrays_read(as_format_file *file, as_part part, int64_t first, int64_t count, void *data)
{
    return as_array_read(&file->array[part], first, count, data);
}

as_status as_arrays_verify(as_format_file *file, as_part part)
{
    as_array *array = &file->array[part];
    if (array->stream == NULL || !as_stream_packed(array->stream)) {
        return AS_OK;
    }
    return as_stream_end(array->stream, array->data_at + array->rows * array->width * array->stored_bytes);
}

void as_arrays_close(as_format_file **file)
{
    if (*file == NULL) {
        return;
    }
    for (int part = 0; part < AS_PARTS; part++) {
        as_array_close(&(*file)->array[part]);
    }
    free(*file);
    *file = NULL;
}
