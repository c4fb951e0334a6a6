/* Which kind of file it is, told by its first bytes (CSV by its name), and what data files hold. */
#include "cli/describe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "data/format.h"
#include "io/file_kind.h"
#include "io/h5.h"
#include "io/h5_contents.h"

char *as_size_text(double bytes, char buffer[32])
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    int unit = 0;
    while (bytes >= 1000 && unit < 4) {
        bytes /= 1000;
        unit++;
    }
    snprintf(buffer, 32, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return buffer;
}

static as_status add_dataset(void *context, const char *name, int rank, const int64_t *dim, as_dtype type, bool numeric,
                             const char *storage)
{
    as_description *d = context;
    char shape[256] = "scalar";
    size_t used = 0;
    as_json_open(&d->json, NULL, '{');
    as_json_text(&d->json, "name", name);
    as_json_text(&d->json, "type", numeric ? as_dtype_name(type) : "other");
    as_json_open(&d->json, "shape", '[');
    for (int i = 0; i < rank && used < sizeof shape; i++) {
        const int n = snprintf(shape + used, sizeof shape - used, i == 0 ? "%lld" : "x%lld", (long long)dim[i]);
        used += n > 0 ? (size_t)n : 0;
        as_json_int(&d->json, NULL, dim[i]);
    }
    as_json_close(&d->json, ']');
    as_json_text(&d->json, "storage", storage);
    as_json_close(&d->json, '}');
    as_text_add(&d->text, "  %-40s %-8s %-16s %s\n", name, numeric ? as_dtype_name(type) : "other", shape, storage);
    return AS_OK;
}

static as_status describe_hdf5(const char *path, as_description *d)
{
    as_h5 *file = NULL;
    AS_TRY(as_h5_open(path, &file));
    as_text_add(&d->text, "%s: HDF5\n", path);
    as_json_text(&d->json, "kind", "hdf5");
    as_json_text(&d->json, "path", path);
    as_json_open(&d->json, "datasets", '[');
    const as_status status = as_h5_visit(file, add_dataset, d);
    as_json_close(&d->json, ']');
    as_h5_close(&file);
    return status;
}

/* Opens a file as input data of a format, `key` being the option that names it. */
static as_status open_data(as_document *document, const char *format, const char *key, const char *path,
                           const as_format_ops **ops, as_format_file **file, as_column column[AS_PARTS])
{
    as_source source;
    as_node *map = as_node_create(document, AS_NODE_MAP, path, 0, 0);
    as_node *kind = as_node_create(document, AS_NODE_SCALAR, path, 0, 0);
    as_node *name = as_node_create(document, AS_NODE_SCALAR, path, 0, 0);
    if (map == NULL || kind == NULL || name == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory", path);
    }
    kind->text = format;
    name->text = path;
    AS_TRY(as_node_append(document, map, "format", 0, 0, kind));
    AS_TRY(as_node_append(document, map, key, 0, 0, name));
    AS_TRY(as_source_parse(document, map, path, &source));
    *ops = source.ops;
    return source.ops->open(source.options, NULL, file, column);
}

enum { COLUMNS_LISTED = 40 };

static as_status describe_data(const char *path, const char *format, const char *key, as_description *d)
{
    as_document *document = NULL;
    as_column column[AS_PARTS] = {0};
    const as_format_ops *ops = NULL;
    as_format_file *file = NULL;
    AS_TRY(as_document_create(&document));
    const as_status status = open_data(document, format, key, path, &ops, &file, column);
    if (status == AS_OK) {
        const as_column *x = &column[AS_PART_X];
        char shape[128];
        if (x->parts.n > 0) { /* a table: numbers or texts */
            as_text_add(&d->text, "%s: %s data, %lld samples of %lld columns; --stats describes them\n", path, format,
                        (long long)x->rows, (long long)x->parts.n);
        } else {
            as_text_add(&d->text, "%s: %s data, %lld samples of %s %s\n", path, format, (long long)x->rows,
                        as_dtype_name(x->type), as_shape_text(&x->shape, shape, sizeof shape));
        }
        const int64_t listed = x->parts.n < COLUMNS_LISTED ? x->parts.n : COLUMNS_LISTED;
        for (int64_t i = 0; i < listed; i++) {
            as_text_add(&d->text, "%s%s", i == 0 ? "  columns: " : ", ", x->parts.part[i].name);
        }
        as_text_add(&d->text, "%s", listed == 0 ? "" : listed < x->parts.n ? ", ...\n" : "\n");
        as_json_text(&d->json, "kind", "data");
        as_json_text(&d->json, "path", path);
        as_json_text(&d->json, "format", format);
        as_json_int(&d->json, "samples", x->rows);
        as_json_text(&d->json, "type", as_dtype_name(x->type));
        as_json_open(&d->json, "shape", '[');
        for (int i = 0; i < x->shape.rank; i++) {
            as_json_int(&d->json, NULL, x->shape.dim[i]);
        }
        as_json_close(&d->json, ']');
        ops->close(&file);
    }
    as_document_destroy(&document);
    return status;
}

static as_status describe_file(const char *path, as_description *d)
{
    uint8_t head[9] = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        AS_FAIL(errno == ENOENT ? AS_NOINPUT : AS_IO, "%s: %s", path, strerror(errno));
    }
    const size_t n = fread(head, 1, sizeof head, file);
    fclose(file);
    if (n == 0) {
        AS_FAIL(AS_DATA, "%s: empty file", path);
    }
    if (memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0) {
        as_h5_contents *contents = NULL;
        /* Generated data and predictions have a list of contents as well, but no configuration. */
        const bool listed = as_h5_contents_open(path, &contents) == AS_OK;
        const bool checkpoint = listed && as_h5_contents_find(contents, "/config") != NULL;
        as_h5_contents_close(&contents);
        return checkpoint ? as_describe_checkpoint(path, d) : describe_hdf5(path, d);
    }
    if (memcmp(head, "CDF", 3) == 0) {
        return as_describe_netcdf(path, d);
    }
    if (memcmp(head, "PK\x03\x04", 4) == 0 || (n == sizeof head && head[7] == 0 && head[8] == '{')) {
        return as_describe_tensors(path, d);
    }
    if (memcmp(head, "\x93NUMPY", 6) == 0) {
        return describe_data(path, "npy", "x", d);
    }
    if ((head[0] == 0x1f && head[1] == 0x8b) || (head[0] == 0 && head[1] == 0)) {
        return describe_data(path, "idx", "x", d);
    }
    if (as_file_ends(path, ".csv") || as_file_ends(path, ".tsv")) {
        return describe_data(path, "csv", "file", d);
    }
    AS_FAIL(AS_DATA,
            "%s: not a kind of file that is known here (HDF5, netCDF, IDX, IDX.gz, NPY, NPZ, safetensors, .csv, "
            "run directory)",
            path);
}

as_status as_describe(const char *path, as_description *out)
{
    struct stat facts;
    if (stat(path, &facts) != 0) {
        AS_FAIL(AS_NOINPUT, "%s: no such file or folder", path);
    }
    if (!S_ISDIR(facts.st_mode) && !S_ISREG(facts.st_mode)) {
        AS_FAIL(AS_DATA, "%s: neither a regular file nor a folder", path);
    }
    as_json_open(&out->json, NULL, '{');
    AS_TRY(S_ISDIR(facts.st_mode) ? as_describe_run(path, out) : describe_file(path, out));
    as_json_close(&out->json, '}');
    if (out->text.failed || out->json.failed) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for its description", path);
    }
    return AS_OK;
}
