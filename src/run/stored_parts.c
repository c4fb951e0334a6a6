/* Parts follow one another, so that their shapes say where each begins. */
#include "run/stored_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void as_stored_parts_write(const as_data_parts *parts, as_text *text)
{
    for (int i = 0; i < parts->n; i++) {
        const as_data_part *part = &parts->part[i];
        for (int a = 0; a < part->shape.rank; a++) {
            as_text_add(text, "%lld ", (long long)part->shape.dim[a]);
        }
        as_text_add(text, ": %s\n", part->name);
    }
}

/* One line; false where it is none. */
static bool read_line(const char *line, size_t length, int64_t first, as_data_part *out)
{
    const char *end = line + length;
    *out = (as_data_part){.first = first};
    while (line < end && *line != ':') {
        char *after;
        const long long extent = strtoll(line, &after, 10);
        if (after == line || *after != ' ' || extent < 1 || out->shape.rank == AS_SHAPE_MAX) {
            return false;
        }
        out->shape.dim[out->shape.rank++] = extent;
        line = after + 1;
    }
    if (end - line < 3 || line[1] != ' ' || end - line - 2 >= AS_PART_NAME_MAX) {
        return false;
    }
    memcpy(out->name, line + 2, (size_t)(end - line - 2));
    return true;
}

static bool read_lines(const char *text, int64_t width, as_data_parts *out)
{
    int64_t all = 0;
    while (*text != '\0') {
        const size_t length = strcspn(text, "\n");
        as_data_part *part = &out->part[out->n];
        if (out->n == AS_DATA_PARTS_MAX || !read_line(text, length, all, part)) {
            return false;
        }
        const int64_t size = as_shape_size(&part->shape);
        if (size < 1 || size > width - all) {
            return false;
        }
        all += size;
        out->n++;
        text += length + (text[length] == '\n');
    }
    return all == width;
}

as_status as_stored_parts_read(const as_h5_contents *file, const char *name, int64_t width, as_data_parts *out)
{
    char *text = NULL;
    *out = (as_data_parts){0};
    if (as_h5_contents_find(file, name) == NULL) {
        return AS_OK;
    }
    AS_TRY(as_h5_contents_text(file, name, &text));
    const bool good = read_lines(text, width, out);
    free(text);
    if (!good) {
        *out = (as_data_parts){0};
        AS_FAIL(AS_DATA, "%s: %s: expected lines of extents and names of at most %d parts, %lld elements together",
                file->path, name, (int)AS_DATA_PARTS_MAX, (long long)width);
    }
    return AS_OK;
}
