/* Named parts of a sample: a growing list that owns its names. An element is found by its part, from the first on. */
#include "base/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fields.h"
#include "base/text.h"

void as_parts_free(as_data_parts *parts)
{
    for (int64_t i = 0; i < parts->n; i++) {
        free(parts->part[i].name);
    }
    free(parts->part);
    *parts = (as_data_parts){0};
}

int64_t as_parts_width(const as_data_parts *parts)
{
    const as_data_part *last = parts->n == 0 ? NULL : &parts->part[parts->n - 1];
    return last == NULL ? 0 : last->first + as_shape_size(&last->shape);
}

static as_status add(as_data_parts *parts, const char *name, size_t length, const as_shape *shape)
{
    if (parts->n == parts->room) {
        const int64_t room = parts->room == 0 ? 16 : 2 * parts->room;
        as_data_part *part = realloc(parts->part, (size_t)room * sizeof *part);
        if (part == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for %lld names of columns", (long long)room);
        }
        parts->part = part;
        parts->room = room;
    }
    as_data_part *part = &parts->part[parts->n];
    *part = (as_data_part){.name = malloc(length + 1), .first = as_parts_width(parts), .shape = *shape};
    if (part->name == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a name");
    }
    for (size_t i = 0; i < length; i++) {
        part->name[i] = (unsigned char)name[i] < 32 ? ' ' : name[i];
    }
    part->name[length] = '\0';
    parts->n++;
    return AS_OK;
}

as_status as_parts_add(as_data_parts *parts, const char *name, const as_shape *shape)
{
    return add(parts, name, strlen(name), shape);
}

as_status as_parts_copy(const as_data_parts *from, as_data_parts *to)
{
    for (int64_t i = 0; i < from->n; i++) {
        AS_TRY(as_parts_add(to, from->part[i].name, &from->part[i].shape));
    }
    return AS_OK;
}

const char *as_parts_name(const as_data_parts *parts, int64_t element, const char *prefix,
                          char buffer[AS_PART_NAME_MAX])
{
    int64_t low = 0, high = parts->n; /* the last part that begins at or before the element */
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        low = parts->part[middle].first <= element ? middle : low;
        high = parts->part[middle].first <= element ? high : middle;
    }
    const as_data_part *part = parts->n == 0 ? NULL : &parts->part[low];
    const int64_t at = part == NULL ? -1 : element - part->first, size = part == NULL ? 0 : as_shape_size(&part->shape);
    if (at < 0 || at >= size) {
        snprintf(buffer, AS_PART_NAME_MAX, "%.32s%lld", prefix, (long long)element);
    } else if (size == 1) {
        snprintf(buffer, AS_PART_NAME_MAX, "%s", part->name);
    } else {
        snprintf(buffer, AS_PART_NAME_MAX, "%.40s[%lld]", part->name, (long long)at);
    }
    return buffer;
}

void as_parts_write(const as_data_parts *parts, as_text *text)
{
    for (int64_t i = 0; i < parts->n; i++) {
        const as_data_part *part = &parts->part[i];
        as_text_add(text, "%s", part->name);
        for (int d = 0; d < part->shape.rank; d++) {
            as_text_add(text, "\t%lld", (long long)part->shape.dim[d]);
        }
        as_text_add(text, "\n");
    }
}

/* "name", "name\t64\t64" */
static as_status read_line(const char *line, size_t length, as_data_parts *out)
{
    const char *tab = memchr(line, '\t', length), *end = line + length;
    const size_t name = tab == NULL ? length : (size_t)(tab - line);
    as_shape shape = {0};
    while (tab != NULL) {
        char number[32] = "";
        const char *next = memchr(tab + 1, '\t', (size_t)(end - tab - 1));
        const size_t digits = (size_t)((next == NULL ? end : next) - tab - 1);
        int64_t extent = 0;
        if (digits < sizeof number) {
            memcpy(number, tab + 1, digits);
        }
        if (shape.rank == AS_SHAPE_MAX || !as_text_to_int(number, &extent) || extent < 1) {
            AS_FAIL(AS_DATA, "expected the extents of \"%.*s\" behind its name", (int)(name < 60 ? name : 60), line);
        }
        shape.dim[shape.rank++] = extent;
        tab = next;
    }
    if (as_shape_size(&shape) < 1) {
        AS_FAIL(AS_DATA, "expected a size of \"%.*s\"", (int)(name < 60 ? name : 60), line);
    }
    return add(out, line, name, &shape);
}

as_status as_parts_read(const char *lines, as_data_parts *out)
{
    for (const char *at = lines; *at != '\0';) {
        const size_t length = strcspn(at, "\n");
        AS_TRY(read_line(at, length, out));
        at += length + (at[length] != '\0');
    }
    return AS_OK;
}
