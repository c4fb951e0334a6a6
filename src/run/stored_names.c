/* Names of columns, targets and classes, on their way into a checkpoint and back. */
#include "run/stored_names.h"

#include <stdlib.h>

#include "base/error.h"
#include "data/design.h"

static const char *const places[AS_STORED_NAMES] = {"/data/columns", "/data/target_names", "/data/class_names",
                                                    "/data/design"};

as_status as_stored_names_make(const as_dataset *data, as_stored_names *out)
{
    as_parts_write(&data->inputs, &out->text[0]);
    as_parts_write(&data->answers, &out->text[1]);
    as_names_write(&data->class_names, &out->text[2]);
    if (data->design != NULL) {
        as_design_write(data->design, &out->text[3]);
    }
    for (int i = 0; i < AS_STORED_NAMES; i++) {
        if (out->text[i].failed) {
            AS_FAIL(AS_NOMEM, "out of memory for the names of columns");
        }
    }
    return AS_OK;
}

void as_stored_names_free(as_stored_names *names)
{
    for (int i = 0; i < AS_STORED_NAMES; i++) {
        as_text_free(&names->text[i]);
    }
}

void as_stored_names_list(const as_stored_names *names, as_h5_item *item, int *n)
{
    for (int i = 0; i < AS_STORED_NAMES; i++) {
        if (names->text[i].size > 0) {
            item[(*n)++] = (as_h5_item){.name = places[i], .text = names->text[i].data};
        }
    }
}

/* The text of a place; NULL: there is none. */
static as_status read_text(const as_h5_contents *file, int place, char **out)
{
    *out = NULL;
    return as_h5_contents_find(file, places[place]) == NULL ? AS_OK : as_h5_contents_text(file, places[place], out);
}

static as_status check_count(const as_h5_contents *file, int place, int64_t found, int64_t expected)
{
    if (found != expected) {
        AS_FAIL(AS_DATA, "%s: %s: expected names of %lld columns, found %lld", file->path, places[place],
                (long long)expected, (long long)found);
    }
    return AS_OK;
}

static as_status read_parts(const as_h5_contents *file, int place, int64_t width, as_data_parts *out)
{
    char *text = NULL;
    AS_TRY(read_text(file, place, &text));
    as_status status = text == NULL ? AS_OK : as_parts_read(text, out);
    if (status != AS_OK) {
        status = as_error_prefix(status, "%s: %s", file->path, places[place]);
    } else if (text != NULL) {
        status = check_count(file, place, as_parts_width(out), width);
    }
    free(text);
    return status;
}

/* What makes the columns, where the configuration has some made. */
static as_status read_design(const as_h5_contents *file, const as_column_options *columns, as_dataset *data)
{
    char *text = NULL;
    if (!columns->given) {
        return AS_OK;
    }
    AS_TRY(read_text(file, 3, &text));
    if (text == NULL) {
        AS_FAIL(AS_DATA, "%s: %s is missing", file->path, places[3]);
    }
    as_status status = as_design_read(text, columns, &data->design);
    status = status == AS_OK ? check_count(file, 3, data->design->columns, data->width)
                             : as_error_prefix(status, "%s: %s", file->path, places[3]);
    free(text);
    return status;
}

as_status as_stored_names_read(const as_h5_contents *file, const as_column_options *columns, as_dataset *data)
{
    char *text = NULL;
    AS_TRY(read_parts(file, 0, data->width, &data->inputs));
    AS_TRY(read_parts(file, 1, data->target == AS_TARGET_LABELS ? data->positions : data->targets, &data->answers));
    AS_TRY(read_design(file, columns, data));
    AS_TRY(read_text(file, 2, &text));
    as_status status = text == NULL ? AS_OK : as_names_read(text, &data->class_names);
    if (status == AS_OK && data->class_names.n > data->classes) {
        status = check_count(file, 2, data->class_names.n, data->classes);
    }
    free(text);
    return status;
}
