/* Named arrays in one file, as other programs keep the weights of a network: safetensors (an 8-byte length, a JSON
   header, raw data; Hugging Face) and NPZ (a ZIP archive of NPY arrays; NumPy), both little-endian; and, to read, HDF5
   as Keras writes it. */
#ifndef AS_IO_TENSORS_H
#define AS_IO_TENSORS_H

#include "base/shape.h"
#include "base/text.h"

#include "allsum/status.h"

enum { AS_TENSOR_RANK_MAX = 8 };

/* An array to write: data of dim[0] x ... row-major, in memory. */
typedef struct as_tensor {
    const char *name;
    as_dtype type;
    int rank;
    int64_t dim[AS_TENSOR_RANK_MAX];
    const void *data;
} as_tensor;

/* Not collective. Writes path whole or not at all (io/commit.h). metadata: the members of a JSON object of strings,
   such as "\"format\":\"pt\"", or NULL. Errors: CANTCREAT, IO, NOMEM; DATA for an array that the format cannot name or
   hold (NPZ: 4 GiB and more). */
as_status as_safetensors_write(const char *path, const char *metadata, int n, const as_tensor *tensor);
as_status as_npz_write(const char *path, int n, const as_tensor *tensor);

/* An array of an open file. */
typedef struct as_stored_tensor {
    char *name;
    char *place;      /* of Keras: path of the dataset; else NULL */
    const char *type; /* as the format calls it: "F32", "<f4" */
    int rank;
    int64_t dim[AS_TENSOR_RANK_MAX];
    int64_t count;                  /* elements */
    int64_t offset, bytes, content; /* in the file; content: unpacked bytes */
    int method;                     /* NPZ: 0 stored, 8 deflated */
    uint32_t crc;                   /* NPZ: CRC-32 of the content */
} as_stored_tensor;

/* What is there but cannot be read, and why, as a message. */
typedef struct as_left_tensor {
    char *name, *why;
} as_left_tensor;

typedef struct as_tensor_file {
    char path[512];
    struct as_stream *stream;
    bool npz;
    struct as_h5 *h5; /* of Keras; else NULL */
    bool numbered;    /* its arrays are called LAYER.0, LAYER.1, ..., not LAYER.kernel */
    int n;
    as_stored_tensor *tensor; /* (n) in the order of the file */
    int nleft;
    as_left_tensor *left; /* (nleft) NPZ: members that are no arrays of numbers with rows (scalars, objects, texts) */
} as_tensor_file;

/* Not collective. Opens a file, told by its first bytes, and checks every place and extent against its length. Errors:
   NOINPUT; DATA with file and array; NOMEM. Close with as_tensor_file_close (also after a failure). */
as_status as_tensor_file_open(const char *path, as_tensor_file *out);
void as_tensor_file_close(as_tensor_file *file);

/* Not collective. NULL when absent. */
const as_stored_tensor *as_tensor_file_find(const as_tensor_file *file, const char *name);

/* Not collective. Why an array that is not listed cannot be read; NULL: there is none of that name. Borrowed. */
const char *as_tensor_file_left(const as_tensor_file *file, const char *name);

/* Not collective. All elements as doubles (count of them). Errors: DATA (a type that is no real number, corrupt
   content), IO, NOMEM. */
as_status as_tensor_file_read(const as_tensor_file *file, const as_stored_tensor *tensor, double *out);

/* For the formats' readers: fill file->tensor of an open stream; read one NPZ array. */
as_status as_safetensors_list(as_tensor_file *file);
as_status as_npz_list(as_tensor_file *file);
as_status as_keras_list(as_tensor_file *file);
as_status as_keras_read(const as_tensor_file *file, const as_stored_tensor *tensor, double *out);
as_status as_npz_read(const as_tensor_file *file, const as_stored_tensor *tensor, double *out);

/* Not collective. Appends an empty entry (zeros). NULL: out of memory. */
as_stored_tensor *as_tensor_file_add(as_tensor_file *file);

/* Not collective. n elements of a type as doubles; exact but for integers beyond 2^53. */
void as_dtype_to_double(as_dtype type, int64_t n, const void *data, double *out);

#endif
