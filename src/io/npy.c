/* NPY header: magic, version, length, then a Python dictionary {'descr': '<f4', 'fortran_order': False, 'shape': (n,
   m), }. Source: NumPy Enhancement Proposal 1. Numbers only; no objects or records; Fortran
   order in archives alone. */
#include "io/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { HEADER_MAX = 64 << 10 };

/* The text after `'key':`, or NULL. */
static const char *value_of(const char *header, const char *key)
{
    char quoted[32];
    for (int quote = 0; quote < 2; quote++) {
        snprintf(quoted, sizeof quoted, quote == 0 ? "'%s'" : "\"%s\"", key);
        const char *at = strstr(header, quoted);
        if (at == NULL) {
            continue;
        }
        at += strlen(quoted);
        at += strspn(at, " ");
        if (*at == ':') {
            return at + 1 + strspn(at + 1, " ");
        }
    }
    return NULL;
}

static as_status read_type(as_array *array, const char *text)
{
    static const struct {
        const char *code;
        as_dtype type;
        int bytes;
    } types[] = {{"u1", AS_U8, 1},  {"b1", AS_U8, 1},  {"i1", AS_I8, 1},  {"u2", AS_U16, 2},
                 {"i2", AS_I16, 2}, {"u4", AS_U32, 4}, {"i4", AS_I32, 4}, {"u8", AS_U64, 8},
                 {"i8", AS_I64, 8}, {"f2", AS_F32, 2}, {"f4", AS_F32, 4}, {"f8", AS_F64, 8}};
    const char *path = as_stream_path(array->stream);
    char descr[8] = {0};
    const char quote = text != NULL ? *text : 0;
    if (quote == '\'' || quote == '"') {
        const size_t length = strcspn(text + 1, quote == '"' ? "\"" : "'");
        snprintf(descr, sizeof descr, "%.*s", (int)(length < 7 ? length : 7), text + 1);
    }
    const char order = descr[0];
    if (order != '<' && order != '>' && order != '|' && order != '=') {
        AS_FAIL(AS_DATA, "%s: expected a NPY number type such as '<f4', found '%s'", path, descr);
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(descr + 1, types[i].code) == 0) {
            array->type = types[i].type;
            array->stored_bytes = types[i].bytes;
            array->half = strcmp(types[i].code, "f2") == 0;
            const bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
            array->swap = types[i].bytes > 1 && ((order == '>' && little) || (order == '<' && !little));
            return AS_OK;
        }
    }
    AS_FAIL(AS_DATA, "%s: expected integers or floats of 1 to 8 bytes, found NPY type '%s'", path, descr);
}

static as_status read_shape(as_array *array, const char *text)
{
    const char *path = as_stream_path(array->stream);
    if (text == NULL || *text != '(') {
        AS_FAIL(AS_DATA, "%s: corrupt NPY header: no shape", path);
    }
    int axes = 0;
    for (text++; *(text += strspn(text, " ,")) != ')';) {
        char *end = NULL;
        const long long extent = *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : -1;
        if (extent < 0 || extent == INT64_MAX) {
            AS_FAIL(AS_DATA, "%s: corrupt NPY header: bad extent in its shape", path);
        }
        text = end + (*end == 'L');
        if (axes > AS_SHAPE_MAX) {
            AS_FAIL(AS_DATA, "%s: expected at most %d axes, found more", path, AS_SHAPE_MAX + 1);
        }
        if (axes == 0) {
            array->rows = extent;
        } else {
            array->shape.dim[axes - 1] = extent;
        }
        axes++;
    }
    if (axes == 0) {
        AS_FAIL(AS_DATA, "%s: expected an array with rows, found a scalar", path);
    }
    array->shape.rank = axes - 1;
    return AS_OK;
}

static as_status parse_header(as_array *array, const char *header)
{
    AS_TRY(read_type(array, value_of(header, "descr")));
    AS_TRY(read_shape(array, value_of(header, "shape")));
    const char *fortran = value_of(header, "fortran_order");
    if (fortran == NULL || (strncmp(fortran, "False", 5) != 0 && strncmp(fortran, "True", 4) != 0)) {
        AS_FAIL(AS_DATA, "%s: corrupt NPY header: no fortran_order", as_stream_path(array->stream));
    }
    array->columns = fortran[0] == 'T' && array->shape.rank > 0;
    return as_array_check(array);
}

static as_status read_header(as_array *array)
{
    const char *path = as_stream_path(array->stream);
    uint8_t head[12];
    AS_TRY(as_stream_read(array->stream, 0, 10, head, "the NPY header"));
    if (memcmp(head, "\x93NUMPY", 6) != 0) {
        AS_FAIL(AS_DATA, "%s: expected a NPY file (first bytes 93 'NUMPY'), found %02X %02X %02X %02X", path, head[0],
                head[1], head[2], head[3]);
    }
    if (head[6] < 1 || head[6] > 3) {
        AS_FAIL(AS_DATA, "%s: expected NPY version 1 to 3, found %d.%d", path, head[6], head[7]);
    }
    int64_t length = (int64_t)head[8] | (int64_t)head[9] << 8, at = 10;
    if (head[6] > 1) {
        AS_TRY(as_stream_read(array->stream, 10, 2, head + 10, "the NPY header"));
        length |= (int64_t)head[10] << 16 | (int64_t)head[11] << 24;
        at = 12;
    }
    if (length > HEADER_MAX) {
        AS_FAIL(AS_DATA, "%s: expected a NPY header of at most %d bytes, found %lld", path, HEADER_MAX,
                (long long)length);
    }
    char *header = calloc(1, (size_t)length + 1);
    if (header == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for its header", path);
    }
    array->data_at = at + length;
    as_status status = as_stream_read(array->stream, at, (size_t)length, header, "the NPY header");
    if (status == AS_OK) {
        status = parse_header(array, header);
    }
    free(header);
    return status;
}

as_status as_array_open_npy(const char *path, as_array *out)
{
    as_stream *stream = NULL;
    *out = (as_array){0};
    AS_TRY(as_stream_open(path, &stream));
    AS_TRY(as_array_from_npy(stream, out));
    if (out->columns) {
        as_array_close(out);
        AS_FAIL(AS_DATA,
                "%s: expected rows one after the other (C order), found Fortran order; save it with "
                "numpy.ascontiguousarray",
                path);
    }
    return AS_OK;
}

as_status as_array_from_npy(as_stream *stream, as_array *out)
{
    *out = (as_array){.stream = stream};
    const as_status status = read_header(out);
    if (status != AS_OK) {
        as_array_close(out);
    }
    return status;
}
