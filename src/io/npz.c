/* NPZ: a ZIP archive with one member NAME.npy for each array, stored or deflated. Written without compression (as
   numpy.savez does), each member's data on a multiple of 64 bytes so that it can be mapped. ZIP64 is not used.
   Source: APPNOTE.TXT of PKWARE, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16 (end record);
   NumPy Enhancement Proposal 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "io/array.h"
#include "io/commit.h"
#include "io/tensors.h"

enum {
    LOCAL = 30,   /* bytes of a local header before the name */
    CENTRAL = 46, /* bytes of an entry of the central directory before the name */
    END = 22,     /* bytes of the end record before its comment */
    COMMENT_MAX = 65535,
    NPY_HEADER = 256, /* bytes of the longest NPY header that is written: 8 extents of 19 digits */
    EXPANSION_MAX = 1032,
    ALIGN = 64,
    PADDING_ID = 0x4E50 /* extra field that only fills */
};

#define ZIP_MAX INT64_C(0xFFFFFFFE)

static void put(uint8_t *to, int bytes, uint64_t value)
{
    for (int i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t get(const uint8_t *from, int bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value |= (uint32_t)from[i] << (8 * i);
    }
    return value;
}

/* One member on its way into the archive. */
typedef struct member {
    char name[512];
    uint8_t header[NPY_HEADER]; /* of NPY */
    int64_t header_bytes, bytes, at;
    uint32_t crc;
} member;

static const char *code_of(as_dtype type)
{
    static const char *const code[] = {
        [AS_U8] = "|u1",  [AS_I8] = "|i1",  [AS_U16] = "<u2", [AS_I16] = "<i2", [AS_U32] = "<u4",
        [AS_I32] = "<i4", [AS_U64] = "<u8", [AS_I64] = "<i8", [AS_F32] = "<f4", [AS_F64] = "<f8"};
    return code[type];
}

static as_status plan_member(const char *path, const as_tensor *t, member *m)
{
    char shape[NPY_HEADER] = "";
    size_t used = 0;
    int64_t count = 1;
    for (int k = 0; k < t->rank; k++) {
        count *= t->dim[k];
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%lld%s", (long long)t->dim[k],
                                 t->rank == 1      ? ","
                                 : k + 1 < t->rank ? ", "
                                                   : "");
    }
    m->bytes = count * (int64_t)as_dtype_bytes(t->type);
    if (strlen(t->name) + 5 > sizeof m->name || m->bytes > ZIP_MAX - NPY_HEADER) {
        AS_FAIL(AS_DATA, "%s: %.80s: an array of an NPZ file has less than 4 GiB and a name of at most %zu bytes", path,
                t->name, sizeof m->name - 5);
    }
    snprintf(m->name, sizeof m->name, "%s.npy", t->name);
    char text[NPY_HEADER];
    const int length = snprintf(text, sizeof text - 12, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                                code_of(t->type), shape);
    m->header_bytes = (10 + length + 1 + ALIGN - 1) / ALIGN * ALIGN;
    memset(m->header, ' ', sizeof m->header);
    memcpy(m->header, "\x93NUMPY\x01\x00", 8);
    put(m->header + 8, 2, (uint64_t)m->header_bytes - 10);
    memcpy(m->header + 10, text, (size_t)length);
    m->header[m->header_bytes - 1] = '\n';
    uLong crc = crc32(0, m->header, (uInt)m->header_bytes);
    for (int64_t at = 0; at < m->bytes;) {
        const int64_t piece = m->bytes - at < (1 << 30) ? m->bytes - at : (1 << 30);
        crc = crc32(crc, (const uint8_t *)t->data + at, (uInt)piece);
        at += piece;
    }
    m->crc = (uint32_t)crc;
    return AS_OK;
}

/* The fields that local header and directory share, from the needed version to the length of the name. */
static void put_common(const member *m, uint8_t *to)
{
    put(to, 2, 20);         /* version needed */
    put(to + 2, 2, 0x0800); /* names are UTF-8 */
    put(to + 4, 2, 0);      /* stored */
    put(to + 6, 2, 0);      /* time 00:00 ... */
    put(to + 8, 2, 0x0021); /* ... of 1980-01-01: the same bytes at any time */
    put(to + 10, 4, m->crc);
    put(to + 14, 4, (uint64_t)(m->header_bytes + m->bytes));
    put(to + 18, 4, (uint64_t)(m->header_bytes + m->bytes));
    put(to + 22, 2, strlen(m->name));
}

static as_status write_member(as_commit *file, const as_tensor *t, member *m, int64_t *at)
{
    uint8_t local[LOCAL + sizeof m->name + 4 + ALIGN] = {0};
    const size_t length = strlen(m->name);
    m->at = *at;
    int64_t start = *at + LOCAL + (int64_t)length;
    const int64_t extra = 4 + (ALIGN - (start + 4) % ALIGN) % ALIGN;
    put(local, 4, 0x04034B50);
    put_common(m, local + 4);
    put(local + 28, 2, (uint64_t)extra);
    memcpy(local + LOCAL, m->name, length);
    put(local + LOCAL + length, 2, PADDING_ID);
    put(local + LOCAL + length + 2, 2, (uint64_t)extra - 4);
    start += extra;
    AS_TRY(as_commit_write(file, *at, local, start - *at));
    AS_TRY(as_commit_write(file, start, m->header, m->header_bytes));
    AS_TRY(as_commit_write(file, start + m->header_bytes, t->data, m->bytes));
    *at = start + m->header_bytes + m->bytes;
    return AS_OK;
}

static as_status write_directory(as_commit *file, int n, const member *m, int64_t at)
{
    const int64_t start = at;
    for (int i = 0; i < n; i++) {
        uint8_t entry[CENTRAL + sizeof m->name] = {0};
        const size_t length = strlen(m[i].name);
        put(entry, 4, 0x02014B50);
        put(entry + 4, 2, 20);
        put_common(&m[i], entry + 6);
        put(entry + 42, 4, (uint64_t)m[i].at);
        memcpy(entry + CENTRAL, m[i].name, length);
        AS_TRY(as_commit_write(file, at, entry, CENTRAL + (int64_t)length));
        at += CENTRAL + (int64_t)length;
    }
    uint8_t end[END] = {0};
    put(end, 4, 0x06054B50);
    put(end + 8, 2, (uint64_t)n);
    put(end + 10, 2, (uint64_t)n);
    put(end + 12, 4, (uint64_t)(at - start));
    put(end + 16, 4, (uint64_t)start);
    return as_commit_write(file, at, end, END);
}

static as_status write_archive(const char *path, as_commit *file, int n, const as_tensor *tensor, member *m)
{
    int64_t at = 0;
    AS_TRY(as_commit_create(file));
    for (int i = 0; i < n; i++) {
        AS_TRY(plan_member(path, &tensor[i], &m[i]));
        AS_TRY(write_member(file, &tensor[i], &m[i], &at));
    }
    if (n > 65534 || at > ZIP_MAX - (int64_t)n * (CENTRAL + (int64_t)sizeof m->name)) {
        AS_FAIL(AS_DATA, "%s: an NPZ file holds less than 4 GiB in at most 65534 arrays", path);
    }
    AS_TRY(write_directory(file, n, m, at));
    AS_TRY(as_commit_sync(file));
    AS_TRY(as_commit_close(file));
    return as_commit_publish(file);
}

as_status as_npz_write(const char *path, int n, const as_tensor *tensor)
{
    as_commit file;
    AS_TRY(as_commit_plan(path, &file));
    member *m = calloc((size_t)n + 1, sizeof *m);
    as_status status = m == NULL ? as_error_set(AS_NOMEM, "%s: out of memory for its directory", path)
                                 : write_archive(path, &file, n, tensor, m);
    if (status != AS_OK) {
        as_commit_abandon(&file, 1);
    }
    free(m);
    return status;
}

/* The content of a member, unpacked; free() it. */
static as_status unpack(const as_tensor_file *file, const as_stored_tensor *t, char **out)
{
    char *packed = malloc((size_t)t->bytes + 1), *content = malloc((size_t)t->content + 1);
    as_status status = AS_OK;
    *out = NULL;
    if (packed == NULL || content == NULL) {
        status = as_error_set(AS_NOMEM, "%s: out of memory for %s", file->path, t->name);
    } else {
        status = as_stream_read(file->stream, t->offset, (size_t)t->bytes, t->method == 0 ? content : packed, t->name);
    }
    if (status == AS_OK && t->method != 0) {
        z_stream z = {.next_in = (Bytef *)packed,
                      .avail_in = (uInt)t->bytes,
                      .next_out = (Bytef *)content,
                      .avail_out = (uInt)t->content};
        const bool good = inflateInit2(&z, -MAX_WBITS) == Z_OK && inflate(&z, Z_FINISH) == Z_STREAM_END &&
                          (int64_t)z.total_out == t->content;
        inflateEnd(&z);
        status = good ? AS_OK : as_error_set(AS_DATA, "%s: %s: corrupt deflated content", file->path, t->name);
    }
    free(packed);
    if (status == AS_OK && crc32(0, (const Bytef *)content, (uInt)t->content) != t->crc) {
        status = as_error_set(AS_DATA, "%s: %s: its checksum is wrong", file->path, t->name);
    }
    if (status != AS_OK) {
        free(content);
        return status;
    }
    *out = content;
    return AS_OK;
}

/* Takes over content. */
static as_status open_member(const as_tensor_file *file, const as_stored_tensor *t, char *content, as_array *array)
{
    char name[700];
    as_stream *stream = NULL;
    snprintf(name, sizeof name, "%s: %.180s", file->path, t->name);
    AS_TRY(as_stream_open_memory(name, content, t->content, &stream));
    return as_array_from_npy(stream, array);
}

/* From Fortran order: element (i_0, i_1, ...) stands at i_0 + d_0 (i_1 + d_1 (i_2 + ...)). */
static as_status turn(const as_tensor_file *file, const as_stored_tensor *t, as_dtype type, const void *raw,
                      double *out)
{
    double *column = malloc((size_t)t->count * sizeof *column + 1);
    if (column == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for %s", file->path, t->name);
    }
    as_dtype_to_double(type, t->count, raw, column);
    for (int64_t i = 0; i < t->count; i++) {
        int64_t rest = i, at = 0, stride = t->count;
        for (int k = t->rank - 1; k >= 0; k--) {
            stride /= t->dim[k];
            at += rest % t->dim[k] * stride;
            rest /= t->dim[k];
        }
        out[i] = column[at];
    }
    free(column);
    return AS_OK;
}

as_status as_npz_read(const as_tensor_file *file, const as_stored_tensor *tensor, double *out)
{
    as_array array;
    char *content;
    AS_TRY(unpack(file, tensor, &content));
    AS_TRY(open_member(file, tensor, content, &array));
    as_status status = AS_OK;
    void *raw = malloc((size_t)tensor->count * 8 + 1);
    if (raw == NULL) {
        status = as_error_set(AS_NOMEM, "%s: out of memory for %s", file->path, tensor->name);
    } else {
        status = as_array_read(&array, 0, array.rows, raw);
    }
    if (status == AS_OK && !array.columns) {
        as_dtype_to_double(array.type, tensor->count, raw, out);
    } else if (status == AS_OK) {
        status = turn(file, tensor, array.type, raw, out);
    }
    free(raw);
    as_array_close(&array);
    return status;
}

/* The last entry, which cannot be read, from the list to those that are left out, with the message of the moment. */
static as_status leave(as_tensor_file *file)
{
    as_left_tensor *grown = realloc(file->left, (size_t)(file->nleft + 1) * sizeof *grown);
    if (grown == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for its list of arrays", file->path);
    }
    file->left = grown;
    grown[file->nleft++] = (as_left_tensor){.name = file->tensor[--file->n].name, .why = strdup(as_error_message())};
    return AS_OK;
}

/* Shape of the last entry from its NPY header. Arrays that are no arrays of numbers with rows (scalars, texts) are
   left out of the list. */
static as_status describe(as_tensor_file *file)
{
    as_stored_tensor *t = &file->tensor[file->n - 1];
    as_array array;
    char *content;
    AS_TRY(unpack(file, t, &content));
    if (open_member(file, t, content, &array) != AS_OK) {
        return leave(file);
    }
    t->type = as_dtype_name(array.type);
    t->rank = array.shape.rank + 1;
    t->dim[0] = array.rows;
    memcpy(t->dim + 1, array.shape.dim, (size_t)array.shape.rank * sizeof t->dim[0]);
    t->count = array.rows * array.width;
    as_array_close(&array);
    return AS_OK;
}

/* One entry of the directory, at byte `at` of it; *at moves to the next one. */
static as_status list_entry(as_tensor_file *file, const uint8_t *directory, int64_t size, int64_t *at)
{
    const uint8_t *e = directory + *at;
    const int64_t limit = as_stream_limit(file->stream);
    const int64_t length = size - *at >= CENTRAL ? get(e + 28, 2) : 0;
    if (size - *at < CENTRAL || get(e, 4) != 0x02014B50 || size - *at < CENTRAL + length) {
        AS_FAIL(AS_DATA, "%s: corrupt directory of the archive", file->path);
    }
    *at += CENTRAL + length + get(e + 30, 2) + get(e + 32, 2);
    as_stored_tensor *t = as_tensor_file_add(file);
    const size_t bare = length > 4 && memcmp(e + CENTRAL + length - 4, ".npy", 4) == 0 ? (size_t)length - 4 : 0;
    if (t != NULL) {
        t->name = strndup((const char *)e + CENTRAL, bare > 0 ? bare : (size_t)length);
    }
    if (t == NULL || t->name == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for its list of arrays", file->path);
    }
    uint8_t local[LOCAL];
    const int64_t header = get(e + 42, 4);
    t->method = (int)get(e + 10, 2);
    t->crc = get(e + 16, 4);
    t->bytes = get(e + 20, 4);
    t->content = get(e + 24, 4);
    if (header > limit - LOCAL) {
        AS_FAIL(AS_DATA, "%s: %s: its place %lld lies behind the end", file->path, t->name, (long long)header);
    }
    AS_TRY(as_stream_read(file->stream, header, LOCAL, local, t->name));
    t->offset = header + LOCAL + get(local + 26, 2) + get(local + 28, 2);
    if (get(local, 4) != 0x04034B50 || t->offset > limit - t->bytes || (t->method != 0 && t->method != 8) ||
        (get(e + 8, 2) & 1) != 0 || (t->method == 0 ? t->content != t->bytes : t->content / EXPANSION_MAX > t->bytes)) {
        AS_FAIL(AS_DATA, "%s: %s: expected a stored or deflated member inside the file, below 4 GiB", file->path,
                t->name);
    }
    if (bare == 0) { /* not an array */
        free(t->name);
        file->n--;
        return AS_OK;
    }
    return describe(file);
}

as_status as_npz_list(as_tensor_file *file)
{
    const int64_t limit = as_stream_limit(file->stream);
    const int64_t tail = limit < END + COMMENT_MAX ? limit : END + COMMENT_MAX;
    uint8_t *end = malloc((size_t)tail + 1), *directory = NULL;
    if (end == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for its directory", file->path);
    }
    as_status status = as_stream_read(file->stream, limit - tail, (size_t)tail, end, "the end record");
    int64_t at = tail - END;
    while (status == AS_OK && at >= 0 && get(end + at, 4) != 0x06054B50) {
        at--;
    }
    int64_t size = 0, start = 0, entries = 0;
    if (status == AS_OK && at >= 0) {
        entries = get(end + at + 10, 2);
        size = get(end + at + 12, 4);
        start = get(end + at + 16, 4);
    }
    if (status == AS_OK && (at < 0 || start > limit - size)) {
        status = as_error_set(AS_DATA, "%s: truncated or corrupt: no directory of the archive (ZIP64 is not read)",
                              file->path);
    }
    free(end);
    if (status == AS_OK) {
        directory = malloc((size_t)size + 1);
        status = directory == NULL ? as_error_set(AS_NOMEM, "%s: out of memory for its directory", file->path)
                                   : as_stream_read(file->stream, start, (size_t)size, directory, "the directory");
    }
    int64_t place = 0;
    for (int64_t i = 0; i < entries && status == AS_OK; i++) {
        status = list_entry(file, directory, size, &place);
    }
    if (status == AS_OK && file->n == 0 && file->nleft == 0) {
        const bool torch = memmem(directory, (size_t)size, "data.pkl", 8) != NULL;
        status = as_error_set(AS_DATA, "%s: expected an NPZ file, found an archive without NPY arrays%s", file->path,
                              torch ? " (of torch.save: safetensors.torch.save_file writes one that is read)" : "");
    }
    free(directory);
    return status;
}
