/* Weights as Keras keeps them in HDF5, as named arrays LAYER.NAME:
     /model_weights/LAYER/.../NAME or /LAYER/.../NAME:0   model.save and save_weights to .h5: NAME is "kernel", ...
     /layers/LAYER/.../vars/N                             save_weights to .weights.h5: NAME is the number N
   States of optimizers and of random numbers are left out. Only what io/h5.h reads of untrusted files is read. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "io/h5.h"
#include "io/tensors.h"

enum { NAME_BYTES = 512 };

/* Whether one of the parts of a path is `word`. */
static bool has_part(const char *path, const char *word)
{
    const size_t n = strlen(word);
    for (const char *p = strstr(path, word); p != NULL; p = strstr(p + 1, word)) {
        if (p > path && p[-1] == '/' && (p[n] == '/' || p[n] == '\0')) {
            return true;
        }
    }
    return false;
}

/* Parts of a numbered path that are no names. */
static bool is_frame(const char *part, size_t n)
{
    static const char *const words[] = {"layers", "cell", "vars"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i]) == n && strncmp(part, words[i], n) == 0) {
            return true;
        }
    }
    return false;
}

/* "/layers/dense/vars/0" as "dense.0". */
static void name_numbered(const char *path, char out[NAME_BYTES])
{
    size_t at = 0;
    for (const char *p = path + 1; *p != '\0'; p += strcspn(p, "/"), p += *p == '/') {
        const size_t n = strcspn(p, "/");
        if (!is_frame(p, n) && at + n + 2 < NAME_BYTES) {
            at += (size_t)snprintf(out + at, NAME_BYTES - at, "%s%.*s", at > 0 ? "." : "", (int)n, p);
        }
    }
}

/* "/model_weights/dense/sequential/dense/kernel" or "/dense/dense/kernel:0" as "dense.kernel". */
static void name_named(const char *path, char out[NAME_BYTES])
{
    static const char whole[] = "/model_weights/";
    const char *layer = strncmp(path, whole, sizeof whole - 1) == 0 ? path + sizeof whole - 1 : path + 1;
    const char *last = strrchr(path, '/') + 1;
    snprintf(out, NAME_BYTES, "%.*s.%.*s", (int)strcspn(layer, "/"), layer, (int)strcspn(last, ":"), last);
}

static as_status add(void *context, const char *path, int rank, const int64_t *dim, as_dtype type, bool numeric,
                     const char *storage)
{
    as_tensor_file *file = context;
    char name[NAME_BYTES] = "";
    (void)storage;
    const bool other = strncmp(path, "/optimizer", 10) == 0 || strncmp(path, "/_", 2) == 0 ||
                       has_part(path, "seed_generator") || has_part(path, "top_level_model_weights");
    if (!numeric || other || strlen(path) >= NAME_BYTES) {
        return AS_OK;
    }
    if (rank > AS_SHAPE_MAX) {
        AS_FAIL(AS_DATA, "%s:%s: expected at most %d axes, found %d", file->path, path, AS_SHAPE_MAX, rank);
    }
    const bool numbered = has_part(path, "vars") && isdigit((unsigned char)strrchr(path, '/')[1]);
    if (numbered) {
        name_numbered(path, name);
    } else {
        name_named(path, name);
    }
    as_stored_tensor *t = as_tensor_file_add(file);
    if (t != NULL) {
        *t = (as_stored_tensor){
            .name = strdup(name), .place = strdup(path), .type = as_dtype_name(type), .rank = rank, .count = 1};
        memcpy(t->dim, dim, (size_t)rank * sizeof *dim);
        for (int a = 0; a < rank; a++) {
            if (dim[a] > 0 && t->count > INT64_MAX / 16 / dim[a]) {
                AS_FAIL(AS_DATA, "%s:%s: impossible shape", file->path, path);
            }
            t->count *= dim[a];
        }
    }
    if (t == NULL || t->name == NULL || t->place == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for its list of arrays", file->path);
    }
    file->numbered = file->numbered || numbered;
    return AS_OK;
}

as_status as_keras_list(as_tensor_file *file)
{
    AS_TRY(as_h5_open(file->path, &file->h5));
    AS_TRY(as_h5_visit(file->h5, add, file));
    if (file->n == 0) {
        AS_FAIL(AS_DATA, "%s: expected weights of Keras, found no arrays of numbers", file->path);
    }
    return AS_OK;
}

as_status as_keras_read(const as_tensor_file *file, const as_stored_tensor *tensor, double *out)
{
    as_h5_dataset *dataset = NULL;
    as_status status = as_h5_dataset_open(file->h5, tensor->place, &dataset);
    if (status == AS_OK) {
        status = as_h5_dataset_read(dataset, 0, tensor->rank > 0 ? tensor->dim[0] : 1, AS_F64, out);
    }
    as_h5_dataset_close(&dataset);
    return status;
}
