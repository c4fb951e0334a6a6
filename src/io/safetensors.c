/* Safetensors: 8 bytes with the length of the header (little-endian), the header, a JSON object
     {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {...}},
   padded with spaces to a multiple of 8, then the data, which offsets count from. Source: the format's description in
   the safetensors repository of Hugging Face. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_read.h"
#include "io/array.h"
#include "io/commit.h"
#include "io/tensors.h"

enum { HEADER_MAX = 100 << 20, PIECE = 16 << 10 };

typedef enum element {
    E_F64,
    E_F32,
    E_F16,
    E_BF16,
    E_I64,
    E_U64,
    E_I32,
    E_U32,
    E_I16,
    E_U16,
    E_I8,
    E_U8,
    E_BOOL,
    ELEMENTS
} element;

static const struct {
    const char *name;
    int bytes;
    as_dtype type; /* F16 and BF16 are converted */
} types[ELEMENTS] = {{"F64", 8, AS_F64}, {"F32", 4, AS_F32}, {"F16", 2, AS_U16}, {"BF16", 2, AS_U16},
                     {"I64", 8, AS_I64}, {"U64", 8, AS_U64}, {"I32", 4, AS_I32}, {"U32", 4, AS_U32},
                     {"I16", 2, AS_I16}, {"U16", 2, AS_U16}, {"I8", 1, AS_I8},   {"U8", 1, AS_U8},
                     {"BOOL", 1, AS_U8}};

static const char *name_of(as_dtype type)
{
    int e = E_F64;
    while (types[e].type != type || e == E_F16 || e == E_BF16) {
        e++;
    }
    return types[e].name;
}

static int64_t count_of(const as_tensor *tensor)
{
    int64_t count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        count *= tensor->dim[i];
    }
    return count;
}

static void make_header(const char *metadata, int n, const as_tensor *tensor, as_text *text)
{
    int64_t at = 0;
    as_json_open(text, NULL, '{');
    if (metadata != NULL) {
        as_text_add(text, "\"__metadata__\":{%s}", metadata);
    }
    for (int i = 0; i < n; i++) {
        const int64_t bytes = count_of(&tensor[i]) * (int64_t)as_dtype_bytes(tensor[i].type);
        if (metadata != NULL && i == 0) {
            as_text_add(text, ",");
        }
        as_json_open(text, tensor[i].name, '{');
        as_json_text(text, "dtype", name_of(tensor[i].type));
        as_json_open(text, "shape", '[');
        for (int k = 0; k < tensor[i].rank; k++) {
            as_json_int(text, NULL, tensor[i].dim[k]);
        }
        as_json_close(text, ']');
        as_json_open(text, "data_offsets", '[');
        as_json_int(text, NULL, at);
        as_json_int(text, NULL, at + bytes);
        as_json_close(text, ']');
        as_json_close(text, '}');
        at += bytes;
    }
    as_json_close(text, '}');
    while (text->size % 8 != 0 && !text->failed) {
        as_text_add(text, " ");
    }
}

static as_status write_all(as_commit *file, const as_text *header, int n, const as_tensor *tensor)
{
    uint8_t length[8];
    for (int i = 0; i < 8; i++) {
        length[i] = (uint8_t)((uint64_t)header->size >> (8 * i));
    }
    AS_TRY(as_commit_create(file));
    AS_TRY(as_commit_write(file, 0, length, 8));
    AS_TRY(as_commit_write(file, 8, header->data, (int64_t)header->size));
    int64_t at = 8 + (int64_t)header->size;
    for (int i = 0; i < n; i++) {
        const int64_t bytes = count_of(&tensor[i]) * (int64_t)as_dtype_bytes(tensor[i].type);
        AS_TRY(as_commit_write(file, at, tensor[i].data, bytes));
        at += bytes;
    }
    AS_TRY(as_commit_sync(file));
    AS_TRY(as_commit_close(file));
    return as_commit_publish(file);
}

as_status as_safetensors_write(const char *path, const char *metadata, int n, const as_tensor *tensor)
{
    as_commit file;
    as_text header = {0};
    AS_TRY(as_commit_plan(path, &file));
    make_header(metadata, n, tensor, &header);
    as_status status = header.failed ? as_error_set(AS_NOMEM, "%s: out of memory for its header", path)
                                     : write_all(&file, &header, n, tensor);
    if (status != AS_OK) {
        as_commit_abandon(&file, 1);
    }
    as_text_free(&header);
    return status;
}

/* Whole numbers of a JSON list; -1: malformed, or more than `most`. */
static int read_list(const char *text, int most, int64_t *out)
{
    int n = 0;
    if (*text != '[') {
        return -1;
    }
    for (text++; *(text += strspn(text, " \t\r\n")) != ']';) {
        char *end = NULL;
        const long long value = *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : -1;
        if (value < 0 || value == INT64_MAX || n == most) {
            return -1;
        }
        out[n++] = value;
        text = end + strspn(end, " \t\r\n");
        if (*text == ',') {
            text++;
        } else if (*text != ']') {
            return -1;
        }
    }
    return n;
}

static as_status check_tensor(const as_tensor_file *file, as_stored_tensor *t, const int64_t offsets[2], int64_t start)
{
    const int64_t size = as_stream_limit(file->stream) - start;
    if (t->type == NULL) {
        AS_FAIL(AS_DATA, "%s: %s: expected a dtype of F64, F32, F16, BF16, I64 to I8, U64 to U8 or BOOL", file->path,
                t->name);
    }
    t->count = 1;
    for (int k = 0; k < t->rank; k++) {
        if (t->dim[k] != 0 && t->count > INT64_MAX / 16 / t->dim[k]) {
            AS_FAIL(AS_DATA, "%s: %s: impossible shape", file->path, t->name);
        }
        t->count *= t->dim[k];
    }
    int bytes = 0;
    for (int e = 0; e < ELEMENTS; e++) {
        bytes = t->type == types[e].name ? types[e].bytes : bytes;
    }
    if (offsets[1] < offsets[0] || offsets[1] > size || offsets[1] - offsets[0] != t->count * bytes) {
        AS_FAIL(AS_DATA, "%s: %s: expected %lld bytes of %s inside the %lld bytes of data, found [%lld, %lld)",
                file->path, t->name, (long long)(t->count * bytes), t->type, (long long)size, (long long)offsets[0],
                (long long)offsets[1]);
    }
    t->offset = start + offsets[0];
    t->bytes = t->content = offsets[1] - offsets[0];
    return AS_OK;
}

static as_status read_tensor(as_tensor_file *file, const as_json_member *member, int64_t start)
{
    as_stored_tensor *t = as_tensor_file_add(file);
    if (t != NULL) {
        t->name = strndup(member->key, member->key_length);
    }
    if (t == NULL || t->name == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for its list of arrays", file->path);
    }
    int64_t offsets[2] = {0, -1};
    bool shaped = false;
    as_json_member m;
    const char *cursor = member->value;
    while (as_json_next(&cursor, &m)) {
        if (as_json_is(&m, "dtype")) {
            for (int e = 0; e < ELEMENTS; e++) {
                const size_t length = strlen(types[e].name);
                if (m.value_length >= length + 2 && strncmp(m.value + 1, types[e].name, length) == 0 &&
                    m.value[length + 1] == '"') {
                    t->type = types[e].name;
                }
            }
        } else if (as_json_is(&m, "shape")) {
            t->rank = read_list(m.value, AS_TENSOR_RANK_MAX, t->dim);
            shaped = t->rank >= 0;
        } else if (as_json_is(&m, "data_offsets") && read_list(m.value, 2, offsets) != 2) {
            offsets[1] = -1;
        }
    }
    if (!shaped || offsets[1] < 0) {
        AS_FAIL(AS_DATA, "%s: %s: expected a shape of at most %d axes and two data_offsets", file->path, t->name,
                AS_TENSOR_RANK_MAX);
    }
    return check_tensor(file, t, offsets, start);
}

as_status as_safetensors_list(as_tensor_file *file)
{
    uint8_t head[8];
    AS_TRY(as_stream_read(file->stream, 0, 8, head, "the length of the header"));
    uint64_t length = 0;
    for (int i = 0; i < 8; i++) {
        length |= (uint64_t)head[i] << (8 * i);
    }
    if (as_stream_packed(file->stream) || length > HEADER_MAX || (int64_t)length > as_stream_limit(file->stream) - 8) {
        AS_FAIL(AS_DATA, "%s: expected a safetensors or NPZ file: its first 8 bytes are no length of a header",
                file->path);
    }
    char *header = malloc((size_t)length + 1);
    if (header == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for its header", file->path);
    }
    as_status status = as_stream_read(file->stream, 8, (size_t)length, header, "the header");
    header[status == AS_OK ? length : 0] = '\0';
    const char *cursor = header;
    as_json_member member;
    if (status == AS_OK && header[strspn(header, " \t\r\n")] != '{') {
        status =
            as_error_set(AS_DATA, "%s: expected a safetensors or NPZ file: its header is no JSON object", file->path);
    }
    while (status == AS_OK && as_json_next(&cursor, &member)) {
        if (!as_json_is(&member, "__metadata__")) {
            status = read_tensor(file, &member, 8 + (int64_t)length);
        }
    }
    const char *const rest = cursor + strspn(cursor, " \t\r\n"); /* of an object without members: all of it */
    const bool bare = status == AS_OK && *rest == '{' && rest[1 + strspn(rest + 1, " \t\r\n")] == '}';
    if (status == AS_OK && *rest != '}' && !bare) {
        status = as_error_set(AS_DATA, "%s: corrupt header: JSON broken at byte %lld", file->path,
                              (long long)(cursor - header) + 8);
    }
    free(header);
    return status;
}

/* Halves and bfloat16, which no machine type holds. */
static void widen(bool brain, int64_t n, const uint16_t *from, double *out)
{
    for (int64_t i = 0; i < n; i++) {
        float value;
        if (brain) {
            const uint32_t bits = (uint32_t)from[i] << 16;
            memcpy(&value, &bits, sizeof value);
        } else {
            value = as_half_value(from[i]);
        }
        out[i] = (double)value;
    }
}

as_status as_tensor_file_read(const as_tensor_file *file, const as_stored_tensor *tensor, double *out)
{
    if (file->npz) {
        return as_npz_read(file, tensor, out);
    }
    if (file->h5 != NULL) {
        return as_keras_read(file, tensor, out);
    }
    int e = 0;
    while (types[e].name != tensor->type) {
        e++;
    }
    _Alignas(8) char buffer[PIECE];
    const int64_t most = PIECE / types[e].bytes;
    for (int64_t done = 0; done < tensor->count; done += most) {
        const int64_t here = tensor->count - done < most ? tensor->count - done : most;
        AS_TRY(as_stream_read(file->stream, tensor->offset + done * types[e].bytes, (size_t)(here * types[e].bytes),
                              buffer, tensor->name));
        if (e == E_F16 || e == E_BF16) {
            widen(e == E_BF16, here, (const uint16_t *)(const void *)buffer, out + done);
        } else {
            as_dtype_to_double(types[e].type, here, buffer, out + done);
        }
    }
    return AS_OK;
}
