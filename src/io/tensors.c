/* What the formats of named arrays share: opening by the first bytes, looking up, closing. */
#include "io/tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/h5.h"
#include "io/stream.h"

enum { TENSORS_MAX = 1 << 20 };

as_stored_tensor *as_tensor_file_add(as_tensor_file *file)
{
    if ((file->n & (file->n - 1)) == 0) { /* room doubles at powers of two */
        const int room = file->n == 0 ? 1 : 2 * file->n;
        as_stored_tensor *more = room > TENSORS_MAX ? NULL : realloc(file->tensor, (size_t)room * sizeof *file->tensor);
        if (more == NULL) {
            return NULL;
        }
        file->tensor = more;
    }
    as_stored_tensor *added = &file->tensor[file->n++];
    *added = (as_stored_tensor){.name = NULL};
    return added;
}

as_status as_tensor_file_open(const char *path, as_tensor_file *out)
{
    *out = (as_tensor_file){.n = 0};
    snprintf(out->path, sizeof out->path, "%.511s", path);
    AS_TRY(as_stream_open(path, &out->stream));
    unsigned char magic[4];
    AS_TRY(as_stream_read(out->stream, 0, sizeof magic, magic, "the first bytes"));
    if (memcmp(magic, "\x89HDF", 4) == 0) {
        return as_keras_list(out);
    }
    out->npz = memcmp(magic, "PK\x03\x04", 4) == 0 || memcmp(magic, "PK\x05\x06", 4) == 0;
    return out->npz ? as_npz_list(out) : as_safetensors_list(out);
}

void as_tensor_file_close(as_tensor_file *file)
{
    for (int i = 0; i < file->n; i++) {
        free(file->tensor[i].name);
        free(file->tensor[i].place);
    }
    for (int i = 0; i < file->nleft; i++) {
        free(file->left[i].name);
        free(file->left[i].why);
    }
    free(file->tensor);
    free(file->left);
    if (file->h5 != NULL) {
        as_h5_close(&file->h5);
    }
    as_stream_close(&file->stream);
    *file = (as_tensor_file){.n = 0};
}

const as_stored_tensor *as_tensor_file_find(const as_tensor_file *file, const char *name)
{
    for (int i = 0; i < file->n; i++) {
        if (strcmp(file->tensor[i].name, name) == 0) {
            return &file->tensor[i];
        }
    }
    return NULL;
}

const char *as_tensor_file_left(const as_tensor_file *file, const char *name)
{
    for (int i = 0; i < file->nleft; i++) {
        if (strcmp(file->left[i].name, name) == 0) {
            return file->left[i].why != NULL ? file->left[i].why : "it cannot be read";
        }
    }
    return NULL;
}

#define CONVERT(code, ctype)                                                                                           \
    case code:                                                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            ctype value;                                                                                               \
            memcpy(&value, (const char *)data + (size_t)i * sizeof value, sizeof value);                               \
            out[i] = (double)value;                                                                                    \
        }                                                                                                              \
        return;

void as_dtype_to_double(as_dtype type, int64_t n, const void *data, double *out)
{
    switch (type) {
        CONVERT(AS_U8, uint8_t)
        CONVERT(AS_I8, int8_t)
        CONVERT(AS_U16, uint16_t)
        CONVERT(AS_I16, int16_t)
        CONVERT(AS_U32, uint32_t)
        CONVERT(AS_I32, int32_t)
        CONVERT(AS_U64, uint64_t)
        CONVERT(AS_I64, int64_t)
        CONVERT(AS_F32, float)
        CONVERT(AS_F64, double)
    }
}
