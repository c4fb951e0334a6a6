/* The header is a list of dimensions, of attributes and of variables, big-endian throughout; then come the data of
   variables without records, then records, each with its piece of every variable that has them. Source: "The NetCDF
   Classic Format Specification" (Unidata). */
#include "io/netcdf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fields.h"
#include "io/stream.h"

enum {
    LIST_DIMENSION = 10,
    LIST_VARIABLE = 11,
    LIST_ATTRIBUTE = 12,
    COUNT_MAX = 1 << 16,
    NAME_MAX_BYTES = 1024,
    NEAR_MAX = 256
};
#define ELEMENTS_MAX (INT64_C(1) << 56)

enum { NC_BYTE = 1, NC_CHAR, NC_SHORT, NC_INT, NC_FLOAT, NC_DOUBLE, NC_UBYTE, NC_USHORT, NC_UINT, NC_INT64, NC_UINT64 };

typedef struct dimension {
    char *name;
    int64_t extent; /* 0: records */
} dimension;

struct as_netcdf {
    as_stream *stream;
    const uint8_t *data;
    int64_t bytes, at; /* at: of the header reader */
    int version;
    int64_t records;
    int ndimensions, nvariables;
    dimension *dimension;
    as_netcdf_variable *variable;
    char **name; /* (nvariables) */
    bool *text;  /* (nvariables) of characters */
    char path[];
};

static const struct {
    as_dtype type;
    int bytes;
    double fill; /* netCDF's own; bytes have none */
} types[] = {[NC_BYTE] = {AS_I8, 1, (double)NAN},
             [NC_CHAR] = {AS_U8, 1, (double)NAN},
             [NC_SHORT] = {AS_I16, 2, -32767},
             [NC_INT] = {AS_I32, 4, -2147483647},
             [NC_FLOAT] = {AS_F32, 4, 0x1.ep122},
             [NC_DOUBLE] = {AS_F64, 8, 0x1.ep122},
             [NC_UBYTE] = {AS_U8, 1, (double)NAN},
             [NC_USHORT] = {AS_U16, 2, 65535},
             [NC_UINT] = {AS_U32, 4, 4294967295.0},
             [NC_INT64] = {AS_I64, 8, -9223372036854775806.0},
             [NC_UINT64] = {AS_U64, 8, 18446744073709551614.0}};

/* ---- the header ---- */

static as_status fail_header(const as_netcdf *f, const char *what)
{
    AS_FAIL(AS_DATA, "%s: corrupt netCDF header at byte %lld: %s", f->path, (long long)f->at, what);
}

static as_status take(as_netcdf *f, int64_t bytes, const uint8_t **out)
{
    if (bytes < 0 || bytes > f->bytes - f->at) {
        AS_FAIL(AS_DATA, "%s: truncated: the netCDF header goes on beyond byte %lld", f->path, (long long)f->bytes);
    }
    *out = f->data + f->at;
    f->at += bytes;
    return AS_OK;
}

static uint64_t big_endian(const uint8_t *from, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) {
        v = v << 8 | from[i];
    }
    return v;
}

static as_status take_whole(as_netcdf *f, int bytes, int64_t *out)
{
    const uint8_t *from = NULL;
    AS_TRY(take(f, bytes, &from));
    *out = bytes == 4 ? (int64_t)(int32_t)(uint32_t)big_endian(from, 4) : (int64_t)big_endian(from, 8);
    return AS_OK;
}

/* A count: 4 bytes, 8 in CDF-5. */
static as_status take_count(as_netcdf *f, int64_t most, int64_t *out)
{
    AS_TRY(take_whole(f, f->version == 5 ? 8 : 4, out));
    return *out < 0 || *out > most ? fail_header(f, "a count out of range") : AS_OK;
}

static as_status take_name(as_netcdf *f, char **out)
{
    int64_t n = 0;
    const uint8_t *from = NULL;
    AS_TRY(take_count(f, NAME_MAX_BYTES, &n));
    AS_TRY(take(f, (n + 3) / 4 * 4, &from));
    *out = calloc((size_t)n + 1, 1);
    if (*out == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for a name", f->path);
    }
    memcpy(*out, from, (size_t)n);
    return AS_OK;
}

static as_status take_list(as_netcdf *f, int64_t kind, int64_t *count)
{
    int64_t tag = 0;
    AS_TRY(take_whole(f, 4, &tag));
    AS_TRY(take_count(f, COUNT_MAX, count));
    return tag != kind && (tag != 0 || *count != 0) ? fail_header(f, "an unexpected list") : AS_OK;
}

static double number_at(const uint8_t *from, as_dtype type)
{
    const uint64_t v = big_endian(from, (int)as_dtype_bytes(type));
    switch (type) {
    case AS_U8:
    case AS_U16:
    case AS_U32:
    case AS_U64:
        return (double)v;
    case AS_I8:
        return (double)(int8_t)(uint8_t)v;
    case AS_I16:
        return (double)(int16_t)(uint16_t)v;
    case AS_I32:
        return (double)(int32_t)(uint32_t)v;
    case AS_I64:
        return (double)(int64_t)v;
    case AS_F32: {
        const uint32_t bits = (uint32_t)v;
        float value;
        memcpy(&value, &bits, sizeof value);
        return (double)value;
    }
    case AS_F64:
        break;
    }
    double value;
    memcpy(&value, &v, sizeof value);
    return value;
}

/* The attributes of a variable (NULL: of the file). */
static as_status take_attributes(as_netcdf *f, as_netcdf_variable *variable)
{
    int64_t count = 0;
    AS_TRY(take_list(f, LIST_ATTRIBUTE, &count));
    for (int64_t i = 0; i < count; i++) {
        char *name = NULL;
        int64_t type = 0, n = 0;
        const uint8_t *from = NULL;
        as_status status = take_name(f, &name);
        status = status == AS_OK ? take_whole(f, 4, &type) : status;
        if (status == AS_OK && (type < NC_BYTE || type > NC_UINT64)) {
            status = fail_header(f, "an unknown type of attribute");
        }
        status = status == AS_OK ? take_count(f, f->bytes, &n) : status;
        status = status == AS_OK ? take(f, (n * types[type].bytes + 3) / 4 * 4, &from) : status;
        if (status == AS_OK && variable != NULL && type != NC_CHAR && n > 0) {
            const double value = number_at(from, types[type].type);
            const bool fill = strcmp(name, "_FillValue") == 0 || strcmp(name, "missing_value") == 0;
            if (fill && variable->nfill < 2) {
                variable->fill[variable->nfill++] = value;
            }
            variable->scale = strcmp(name, "scale_factor") == 0 ? value : variable->scale;
            variable->offset = strcmp(name, "add_offset") == 0 ? value : variable->offset;
        }
        free(name);
        AS_TRY(status);
    }
    return AS_OK;
}

static as_status take_dimensions(as_netcdf *f)
{
    int64_t count = 0;
    AS_TRY(take_list(f, LIST_DIMENSION, &count));
    f->dimension = calloc((size_t)count + 1, sizeof *f->dimension);
    if (f->dimension == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for %lld dimensions", f->path, (long long)count);
    }
    for (; f->ndimensions < count; f->ndimensions++) {
        AS_TRY(take_name(f, &f->dimension[f->ndimensions].name));
        AS_TRY(take_count(f, INT64_MAX, &f->dimension[f->ndimensions].extent));
    }
    return AS_OK;
}

static as_status take_variable(as_netcdf *f, int index)
{
    as_netcdf_variable *v = &f->variable[index];
    int64_t axes = 0, number = 0, type = 0, size = 0;
    AS_TRY(take_name(f, &f->name[index]));
    AS_TRY(take_count(f, COUNT_MAX, &axes));
    *v = (as_netcdf_variable){.name = f->name[index], .axes = (int)axes, .elements = 1, .scale = 1};
    for (int64_t i = 0; i < axes; i++) {
        AS_TRY(take_count(f, f->ndimensions - 1, &number));
        const int64_t extent = f->dimension[number].extent;
        if (i < AS_NETCDF_AXES_MAX) {
            v->dimension[i] = (int)number;
            v->extent[i] = extent;
        }
        if (i > 0 && extent == 0) {
            return fail_header(f, "records that are not the first axis");
        }
        if (extent > ELEMENTS_MAX / v->elements) {
            return fail_header(f, "a variable of more elements than any file has");
        }
        v->elements *= extent > 0 ? extent : 1;
    }
    AS_TRY(take_attributes(f, v));
    AS_TRY(take_whole(f, 4, &type));
    if (type < NC_BYTE || type > NC_UINT64) {
        return fail_header(f, "an unknown type of variable");
    }
    v->type = types[type].type;
    f->text[index] = type == NC_CHAR;
    if (v->nfill == 0 && !isnan(types[type].fill)) {
        v->fill[v->nfill++] = types[type].fill;
    }
    AS_TRY(take_whole(f, f->version == 5 ? 8 : 4, &size)); /* not needed, and not believed */
    return take_whole(f, f->version == 1 ? 4 : 8, &v->begin);
}

static as_status take_variables(as_netcdf *f)
{
    int64_t count = 0;
    AS_TRY(take_list(f, LIST_VARIABLE, &count));
    f->variable = calloc((size_t)count + 1, sizeof *f->variable);
    f->name = calloc((size_t)count + 1, sizeof *f->name);
    f->text = calloc((size_t)count + 1, sizeof *f->text);
    if (f->variable == NULL || f->name == NULL || f->text == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for %lld variables", f->path, (long long)count);
    }
    if (count == 0) {
        AS_FAIL(AS_DATA, "%s: a netCDF file without variables", f->path);
    }
    for (; f->nvariables < count; f->nvariables++) {
        AS_TRY(take_variable(f, f->nvariables));
    }
    return AS_OK;
}

/* Places and sizes of all data, against the length of the file. Until here, elements are those of one record. */
static as_status place_data(as_netcdf *f)
{
    int64_t record = 0, alone = 0;
    int holders = 0;
    for (int i = 0; i < f->nvariables; i++) {
        const as_netcdf_variable *v = &f->variable[i];
        if (v->elements > f->bytes) {
            AS_FAIL(AS_DATA, "%s:%s: claims more elements than the file has bytes", f->path, v->name);
        }
        if (v->axes > 0 && v->extent[0] == 0) {
            alone = v->elements * (int64_t)as_dtype_bytes(v->type);
            record += (alone + 3) / 4 * 4;
            holders++;
        }
    }
    record = holders == 1 ? alone : record; /* one variable alone is not padded */
    for (int i = 0; i < f->nvariables; i++) {
        as_netcdf_variable *v = &f->variable[i];
        const int64_t bytes = v->elements * (int64_t)as_dtype_bytes(v->type);
        const bool records = v->axes > 0 && v->extent[0] == 0;
        if (records) {
            v->extent[0] = f->records;
            v->stride = record;
            if (record < 1 || f->records > f->bytes / record) {
                AS_FAIL(AS_DATA, "%s:%s: claims %lld records, more than the file can hold", f->path, v->name,
                        (long long)f->records);
            }
            v->elements *= f->records;
        }
        const int64_t last = records && f->records > 0 ? (f->records - 1) * record : 0;
        if (v->begin < 0 || v->begin > f->bytes || (v->elements > 0 && last + bytes > f->bytes - v->begin)) {
            AS_FAIL(AS_DATA, "%s:%s: truncated: needs %lld bytes, the file has %lld", f->path, v->name,
                    (long long)(v->begin + last + bytes), (long long)f->bytes);
        }
    }
    return AS_OK;
}

static as_status read_header(as_netcdf *f)
{
    const uint8_t *magic = NULL;
    if (f->bytes < 8 || memcmp(f->data, "CDF", 3) != 0 || (f->data[3] != 1 && f->data[3] != 2 && f->data[3] != 5)) {
        const bool h5 = f->bytes >= 8 && memcmp(f->data, "\x89HDF\r\n\x1a\n", 8) == 0;
        AS_FAIL(AS_DATA, "%s: expected a netCDF classic file (CDF, version 1, 2 or 5)%s", f->path,
                h5 ? ", found HDF5: netCDF-4 files are read by format: hdf5" : "");
    }
    AS_TRY(take(f, 4, &magic));
    f->version = magic[3];
    AS_TRY(take_whole(f, f->version == 5 ? 8 : 4, &f->records));
    if (f->records < 0) {
        AS_FAIL(AS_DATA, "%s: the number of records is not known (a file that was not closed)", f->path);
    }
    AS_TRY(take_dimensions(f));
    AS_TRY(take_attributes(f, NULL));
    AS_TRY(take_variables(f));
    return place_data(f);
}

as_status as_netcdf_open(const char *path, as_netcdf **out)
{
    const size_t length = strlen(path) + 1;
    as_netcdf *f = calloc(1, sizeof *f + length);
    if (f == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for opening it", path);
    }
    memcpy(f->path, path, length);
    as_status status = as_stream_open(path, &f->stream);
    status = status == AS_OK ? as_stream_content(f->stream, &f->data, &f->bytes) : status;
    status = status == AS_OK ? read_header(f) : status;
    if (status != AS_OK) {
        as_netcdf_close(&f);
        return status;
    }
    *out = f;
    return AS_OK;
}

void as_netcdf_close(as_netcdf **file)
{
    as_netcdf *f = *file;
    if (f == NULL) {
        return;
    }
    for (int i = 0; f->dimension != NULL && i <= f->ndimensions; i++) { /* the last one may be half read */
        free(f->dimension[i].name);
    }
    for (int i = 0; f->name != NULL && i <= f->nvariables; i++) {
        free(f->name[i]);
    }
    free(f->dimension);
    free(f->variable);
    free(f->name);
    free(f->text);
    as_stream_close(&f->stream);
    free(f);
    *file = NULL;
}

/* ---- use ---- */

int as_netcdf_variables(const as_netcdf *file)
{
    return file->nvariables;
}

const as_netcdf_variable *as_netcdf_variable_at(const as_netcdf *file, int index)
{
    return &file->variable[index];
}

const char *as_netcdf_dimension(const as_netcdf *file, int number)
{
    return file->dimension[number].name;
}

as_status as_netcdf_find(const as_netcdf *file, const char *name, const as_netcdf_variable **out)
{
    const char *names[NEAR_MAX + 1] = {NULL};
    char some[256] = "";
    for (int i = 0; i < file->nvariables; i++) {
        const as_netcdf_variable *v = &file->variable[i];
        if (strcmp(v->name, name) == 0) {
            if (file->text[i] || v->axes > AS_NETCDF_AXES_MAX) {
                AS_FAIL(AS_DATA, "%s:%s: expected numbers on at most %d axes, found %s", file->path, name,
                        (int)AS_NETCDF_AXES_MAX, file->text[i] ? "characters" : "more");
            }
            *out = v;
            return AS_OK;
        }
        if (i < NEAR_MAX) {
            names[i] = v->name;
        }
        const size_t used = strlen(some);
        snprintf(some + used, sizeof some - used, "%s%s", used > 0 ? ", " : "", v->name);
    }
    const char *near = as_nearest_name(name, names);
    AS_FAIL(AS_DATA, "%s: no variable \"%s\"%s%s%s; it has %s", file->path, name,
            near != NULL ? "; did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "", some);
}

void as_netcdf_read(const as_netcdf *file, const as_netcdf_variable *v, int64_t first, int64_t count, double *data)
{
    const int64_t bytes = (int64_t)as_dtype_bytes(v->type);
    const int64_t record = v->stride == 0 || v->extent[0] == 0 ? v->elements : v->elements / v->extent[0];
    const bool packed = v->scale != 1 || v->offset != 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t r = record == 0 ? 0 : (first + i) / record, inside = first + i - r * record;
        const double value = number_at(file->data + v->begin + r * v->stride + inside * bytes, v->type);
        const bool missing = (v->nfill > 0 && value == v->fill[0]) || (v->nfill > 1 && value == v->fill[1]);
        data[i] = missing ? (double)NAN : packed ? v->scale * value + v->offset : value;
    }
}
