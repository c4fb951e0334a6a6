/* Datasets of numbers, row by row. Nothing in a file is believed before it was compared with the length of the file:
   extents against the bytes that are stored (times 1032 where deflate may have been at work, RFC 1951), addresses
   against the end. */
#include "io/h5.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "io/h5_private.h"

enum {
    READ_MAX = 1 << 30,
    CACHE_MAX = 256 << 20,
    CACHE_SLOTS = 10007,
    EXPANSION_MAX = 1032,
    RANK_MAX = AS_SHAPE_MAX + 1
};

struct as_h5_dataset {
    as_h5 *file;
    hid_t id, space;
    int rank;
    hsize_t dim[RANK_MAX];
    as_dtype type;
    int64_t row_values; /* elements of one row */
    char *name;
};

static hid_t native_type(as_dtype type)
{
    switch (type) {
    case AS_U8:
        return H5T_NATIVE_UINT8;
    case AS_I8:
        return H5T_NATIVE_INT8;
    case AS_U16:
        return H5T_NATIVE_UINT16;
    case AS_I16:
        return H5T_NATIVE_INT16;
    case AS_U32:
        return H5T_NATIVE_UINT32;
    case AS_I32:
        return H5T_NATIVE_INT32;
    case AS_U64:
        return H5T_NATIVE_UINT64;
    case AS_I64:
        return H5T_NATIVE_INT64;
    case AS_F32:
        return H5T_NATIVE_FLOAT;
    case AS_F64:
        break;
    }
    return H5T_NATIVE_DOUBLE;
}

static as_status open_file(as_h5 *file)
{
    struct stat state;
    if (stat(file->path, &state) != 0) {
        const as_status code = errno == ENOENT || errno == ENOTDIR ? AS_NOINPUT : AS_IO;
        AS_FAIL(code, "%s: cannot open: %s", file->path, strerror(errno));
    }
    if (!S_ISREG(state.st_mode)) {
        AS_FAIL(AS_DATA, "%s: expected a regular file, found %s", file->path,
                S_ISDIR(state.st_mode) ? "a directory" : "a device or pipe");
    }
    if (access(file->path, R_OK) != 0) {
        AS_FAIL(AS_IO, "%s: cannot open: %s", file->path, strerror(errno));
    }
    file->bytes = (int64_t)state.st_size;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* the library's own prints; our messages name the place */
    H5PLset_loading_state(0);              /* no filter that the file names is looked for on disk */
    if (H5Fis_hdf5(file->path) <= 0) {
        AS_FAIL(AS_DATA, "%s: expected an HDF5 file, found %s", file->path,
                state.st_size == 0 ? "an empty file" : "another kind");
    }
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5Pset_file_locking(access, false, true); /* reading needs none, and some parallel file systems have none */
    file->id = H5Fopen(file->path, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    if (file->id < 0) {
        AS_FAIL(AS_DATA, "%s: truncated or corrupt HDF5 file (%lld bytes)", file->path, (long long)file->bytes);
    }
    return AS_OK;
}

as_status as_h5_open(const char *path, as_h5 **out)
{
    const size_t length = strlen(path) + 1;
    as_h5 *file = calloc(1, sizeof *file + length);
    if (file == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for opening it", path);
    }
    memcpy(file->path, path, length);
    file->id = -1;
    const as_status status = open_file(file);
    if (status != AS_OK) {
        free(file);
        return status;
    }
    *out = file;
    return AS_OK;
}

void as_h5_close(as_h5 **file)
{
    if (*file == NULL) {
        return;
    }
    H5Fclose((*file)->id);
    free(*file);
    *file = NULL;
}

bool as_h5_number_type(hid_t type, as_dtype *out)
{
    const H5T_class_t kind = H5Tget_class(type);
    const size_t size = H5Tget_size(type);
    if (kind == H5T_FLOAT && size <= 16) {
        *out = size <= 4 ? AS_F32 : AS_F64;
        return true;
    }
    if (kind == H5T_ENUM) { /* booleans of h5py */
        const hid_t base = H5Tget_super(type);
        const bool number = base >= 0 && H5Tget_class(base) == H5T_INTEGER && as_h5_number_type(base, out);
        H5Tclose(base);
        return number;
    }
    if (kind != H5T_INTEGER || size > 8) {
        return false;
    }
    const bool is_signed = H5Tget_sign(type) == H5T_SGN_2;
    *out = size == 1   ? (is_signed ? AS_I8 : AS_U8)
           : size == 2 ? (is_signed ? AS_I16 : AS_U16)
           : size <= 4 ? (is_signed ? AS_I32 : AS_U32)
                       : (is_signed ? AS_I64 : AS_U64);
    return true;
}

/* Filters of a chunked dataset: deflate, shuffle, fletcher32 and no other. */
static void check_filters(hid_t creation, as_h5_storage *out, bool *deflated)
{
    const int n = H5Pget_nfilters(creation);
    for (int i = 0; i < n; i++) {
        unsigned flags, config;
        size_t values = 0;
        char word[32] = "";
        const H5Z_filter_t filter =
            H5Pget_filter2(creation, (unsigned)i, &flags, &values, NULL, sizeof word, word, &config);
        const char *name = filter == H5Z_FILTER_DEFLATE      ? "deflate"
                           : filter == H5Z_FILTER_SHUFFLE    ? "shuffle"
                           : filter == H5Z_FILTER_FLETCHER32 ? "fletcher32"
                                                             : NULL;
        const size_t used = strlen(out->text);
        if (name == NULL) {
            snprintf(out->text + used, sizeof out->text - used, ", filter %d (%.16s)", (int)filter, word);
            out->reason = "packed by a filter other than deflate, shuffle and fletcher32 (write it with gzip, or copy "
                          "the file with h5repack -f GZIP=4)";
            return;
        }
        *deflated = *deflated || filter == H5Z_FILTER_DEFLATE;
        snprintf(out->text + used, sizeof out->text - used, ", %s", name);
    }
    out->allowed = n >= 0;
}

/* Bytes that a dataset's extents ask for; -1 beyond 2^62. */
static int64_t declared_bytes(hid_t dataset)
{
    const hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    hsize_t dim[H5S_MAX_RANK];
    const int rank = H5Sget_simple_extent_dims(space, dim, NULL);
    int64_t bytes = (int64_t)H5Tget_size(type);
    for (int i = 0; i < rank && bytes >= 0; i++) {
        if (dim[i] > (hsize_t)INT64_MAX / 2 || (dim[i] > 0 && bytes > (INT64_MAX / 2) / (int64_t)dim[i])) {
            bytes = -1;
        } else {
            bytes *= (int64_t)dim[i];
        }
    }
    H5Sclose(space);
    H5Tclose(type);
    return rank < 0 ? -1 : bytes;
}

static int64_t chunk_bytes(hid_t dataset, hid_t creation)
{
    hsize_t chunk[H5S_MAX_RANK];
    const hid_t type = H5Dget_type(dataset);
    double bytes = (double)H5Tget_size(type);
    const int rank = H5Pget_chunk(creation, H5S_MAX_RANK, chunk);
    for (int i = 0; i < rank; i++) {
        bytes *= (double)chunk[i];
    }
    H5Tclose(type);
    return bytes < 0x1p62 ? (int64_t)bytes : INT64_MAX;
}

static void check_chunked(hid_t dataset, hid_t creation, int64_t declared, int64_t file_bytes, as_h5_storage *out)
{
    bool deflated = false;
    snprintf(out->text, sizeof out->text, "chunked");
    check_filters(creation, out, &deflated);
    const hsize_t stored = H5Dget_storage_size(dataset);
    const int64_t room = (stored < (hsize_t)file_bytes ? (int64_t)stored : file_bytes) * (deflated ? EXPANSION_MAX : 1);
    if (out->allowed && (declared < 0 || declared > room || chunk_bytes(dataset, creation) > room + (1 << 20))) {
        out->allowed = false;
        out->reason = "larger than what the file stores of it";
    }
}

as_h5_storage as_h5_storage_of(hid_t dataset, int64_t file_bytes)
{
    as_h5_storage out = {.reason = "stored in an unknown way"};
    const hid_t creation = H5Dget_create_plist(dataset);
    const int64_t declared = declared_bytes(dataset);
    switch (H5Pget_layout(creation)) {
    case H5D_COMPACT:
        snprintf(out.text, sizeof out.text, "compact");
        out.allowed = declared >= 0 && declared <= file_bytes;
        break;
    case H5D_CONTIGUOUS:
        snprintf(out.text, sizeof out.text, "contiguous");
        if (H5Pget_external_count(creation) != 0) {
            snprintf(out.text, sizeof out.text, "external");
            out.reason = "stored in another file";
            break;
        }
        const haddr_t at = H5Dget_offset(dataset);
        out.allowed = declared == 0 || (at != HADDR_UNDEF && declared >= 0 && declared <= file_bytes &&
                                        at <= (haddr_t)(file_bytes - declared));
        out.reason = "larger than what the file stores of it";
        break;
    case H5D_CHUNKED:
        check_chunked(dataset, creation, declared, file_bytes, &out);
        break;
    default:
        snprintf(out.text, sizeof out.text, "virtual");
        out.reason = "made of pieces of other datasets (virtual); name their files (the keys file and more), or copy "
                     "this one with h5repack -l CONTI";
        break;
    }
    H5Pclose(creation);
    return out;
}

static const char *class_text(H5T_class_t type)
{
    switch (type) {
    case H5T_INTEGER:
    case H5T_FLOAT:
        return "numbers of a width that is not known here";
    case H5T_STRING:
        return "texts";
    case H5T_COMPOUND:
        return "records of several members (a table, or complex numbers)";
    case H5T_ENUM:
        return "an enumeration of numbers of another width";
    case H5T_VLEN:
        return "rows of varying length";
    case H5T_ARRAY:
        return "elements that are arrays";
    case H5T_REFERENCE:
        return "references";
    default:
        return "another type";
    }
}

static as_status check_dataset(as_h5_dataset *d)
{
    const char *path = d->file->path;
    const hid_t type = H5Dget_type(d->id);
    const bool number = as_h5_number_type(type, &d->type);
    const H5T_class_t class = H5Tget_class(type);
    H5Tclose(type);
    if (!number) {
        AS_FAIL(AS_DATA, "%s:%s: expected integers or floats, found %s", path, d->name, class_text(class));
    }
    d->space = H5Dget_space(d->id);
    d->rank = H5Sget_simple_extent_ndims(d->space);
    if (H5Sget_simple_extent_type(d->space) == H5S_NULL) {
        AS_FAIL(AS_DATA, "%s:%s: no data: an empty dataset (null)", path, d->name);
    }
    if (d->rank < 0 || d->rank > RANK_MAX) {
        AS_FAIL(AS_DATA, "%s:%s: expected at most %d axes, found %d", path, d->name, RANK_MAX, d->rank);
    }
    H5Sget_simple_extent_dims(d->space, d->dim, NULL);
    const as_h5_storage storage = as_h5_storage_of(d->id, d->file->bytes);
    if (!storage.allowed) {
        AS_FAIL(AS_DATA, "%s:%s: refused: the dataset is %s", path, d->name, storage.reason);
    }
    d->row_values = 1;
    for (int i = 1; i < d->rank; i++) {
        d->row_values *= (int64_t)d->dim[i];
    }
    return AS_OK;
}

/* The same dataset with a chunk cache that holds the chunks of one row of chunks, so that consecutive rows unpack each
 * once. */
static void widen_cache(as_h5_dataset *d)
{
    const hid_t creation = H5Dget_create_plist(d->id);
    hsize_t chunk[RANK_MAX];
    if (d->rank > 0 && H5Pget_layout(creation) == H5D_CHUNKED && H5Pget_chunk(creation, d->rank, chunk) == d->rank) {
        double bytes = (double)chunk_bytes(d->id, creation);
        for (int i = 1; i < d->rank; i++) {
            bytes *= (double)((d->dim[i] + chunk[i] - 1) / chunk[i]);
        }
        const hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
        if (bytes > 1 << 20 && bytes <= CACHE_MAX && H5Pset_chunk_cache(access, CACHE_SLOTS, (size_t)bytes, 1.0) >= 0) {
            const hid_t again = H5Dopen2(d->file->id, d->name, access);
            if (again >= 0) {
                H5Dclose(d->id);
                d->id = again;
            }
        }
        H5Pclose(access);
    }
    H5Pclose(creation);
}

as_status as_h5_dataset_open(as_h5 *file, const char *name, as_h5_dataset **out)
{
    hid_t id;
    AS_TRY(as_h5_object_open(file, name, &id));
    if (H5Iget_type(id) != H5I_DATASET) {
        H5Oclose(id);
        AS_FAIL(AS_DATA, "%s:%s: expected a dataset, found a group or type", file->path, name);
    }
    as_h5_dataset *d = calloc(1, sizeof *d);
    char *copy = strdup(name);
    if (d == NULL || copy == NULL) {
        H5Oclose(id);
        free(d);
        free(copy);
        AS_FAIL(AS_NOMEM, "%s:%s: out of memory for opening it", file->path, name);
    }
    *d = (as_h5_dataset){.file = file, .id = id, .space = -1, .name = copy};
    const as_status status = check_dataset(d);
    if (status != AS_OK) {
        as_h5_dataset_close(&d);
        return status;
    }
    widen_cache(d);
    *out = d;
    return AS_OK;
}

void as_h5_dataset_close(as_h5_dataset **dataset)
{
    as_h5_dataset *d = *dataset;
    if (d == NULL) {
        return;
    }
    if (d->space >= 0) {
        H5Sclose(d->space);
    }
    H5Oclose(d->id);
    free(d->name);
    free(d);
    *dataset = NULL;
}

int as_h5_dataset_rank(const as_h5_dataset *dataset)
{
    return dataset->rank;
}

int64_t as_h5_dataset_dim(const as_h5_dataset *dataset, int axis)
{
    return (int64_t)dataset->dim[axis];
}

as_dtype as_h5_dataset_type(const as_h5_dataset *dataset)
{
    return dataset->type;
}

bool as_h5_dataset_fill(const as_h5_dataset *dataset, double *fill)
{
    static const char *const names[] = {"_FillValue", "missing_value"};
    for (int i = 0; i < 2; i++) {
        if (H5Aexists(dataset->id, names[i]) <= 0) {
            continue;
        }
        const hid_t attribute = H5Aopen(dataset->id, names[i], H5P_DEFAULT);
        const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
        as_dtype ignored;
        const bool found = attribute >= 0 && as_h5_number_type(type, &ignored) &&
                           H5Sget_simple_extent_npoints(space) == 1 && H5Aread(attribute, H5T_NATIVE_DOUBLE, fill) >= 0;
        H5Sclose(space);
        H5Tclose(type);
        H5Aclose(attribute);
        if (found) {
            return true;
        }
    }
    return false;
}

static as_status read_rows(as_h5_dataset *d, int64_t first, int64_t count, hid_t type, void *data)
{
    hsize_t start[RANK_MAX] = {(hsize_t)first}, size[RANK_MAX] = {(hsize_t)count};
    for (int i = 1; i < d->rank; i++) {
        size[i] = d->dim[i];
    }
    const hid_t memory = H5Screate_simple(d->rank, size, NULL);
    herr_t result = memory < 0 ? -1 : 0;
    if (result >= 0 && d->rank > 0) {
        result = H5Sselect_hyperslab(d->space, H5S_SELECT_SET, start, NULL, size, NULL);
    }
    if (result >= 0) {
        result = H5Dread(d->id, type, memory, d->space, H5P_DEFAULT, data);
    }
    H5Sclose(memory);
    if (result < 0) {
        AS_FAIL(AS_DATA, "%s:%s: cannot read rows %lld to %lld: truncated or corrupt", d->file->path, d->name,
                (long long)first, (long long)(first + count - 1));
    }
    return AS_OK;
}

as_status as_h5_dataset_read(as_h5_dataset *dataset, int64_t first, int64_t count, as_dtype type, void *data)
{
    const hid_t native = native_type(type);
    const size_t row_bytes = (size_t)dataset->row_values * as_dtype_bytes(type);
    if (dataset->rank == 0) {
        return read_rows(dataset, 0, 1, native, data);
    }
    const int64_t rows = (int64_t)dataset->dim[0];
    if (first < 0 || count < 0 || first > rows - count) {
        AS_FAIL(AS_DATA, "%s:%s: expected rows in 0..%lld, asked for %lld to %lld", dataset->file->path, dataset->name,
                (long long)rows - 1, (long long)first, (long long)(first + count - 1));
    }
    if (row_bytes == 0) {
        return AS_OK;
    }
    const int64_t most = row_bytes > READ_MAX ? 1 : (int64_t)(READ_MAX / row_bytes);
    for (int64_t done = 0; done < count; done += most) {
        const int64_t piece = count - done < most ? count - done : most;
        AS_TRY(read_rows(dataset, first + done, piece, native, (uint8_t *)data + (size_t)done * row_bytes));
    }
    return AS_OK;
}
