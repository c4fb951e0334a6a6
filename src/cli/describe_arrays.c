/* Files of named arrays: safetensors and NPZ (weights), netCDF (fields). Their lists alone are read. */

#include "base/error.h"
#include "cli/describe.h"
#include "io/netcdf.h"
#include "io/tensors.h"

static void begin(const char *path, const char *kind, as_description *d)
{
    as_json_text(&d->json, "kind", kind);
    as_json_text(&d->json, "path", path);
    as_json_open(&d->json, "arrays", '[');
}

/* A line of the list. more: what follows the shape for people, or "". */
static void add_array(const char *name, const char *type, int rank, const int64_t *dim, const char *more,
                      as_description *d)
{
    as_text shape = {0};
    as_json_open(&d->json, NULL, '{');
    as_json_text(&d->json, "name", name);
    as_json_text(&d->json, "type", type);
    as_json_open(&d->json, "shape", '[');
    for (int a = 0; a < rank; a++) {
        as_text_add(&shape, a == 0 ? "%lld" : "x%lld", (long long)dim[a]);
        as_json_int(&d->json, NULL, dim[a]);
    }
    as_json_close(&d->json, ']');
    as_json_close(&d->json, '}');
    as_text_add(&d->text, "  %-40s %-8s %-16s %s\n", name, type, rank > 0 && !shape.failed ? shape.data : "scalar",
                more);
    as_text_free(&shape);
}

as_status as_describe_tensors(const char *path, as_description *d)
{
    as_tensor_file file;
    as_status status = as_tensor_file_open(path, &file);
    if (status == AS_OK) {
        char size[32];
        int64_t elements = 0, bytes = 0;
        for (int i = 0; i < file.n; i++) {
            elements += file.tensor[i].count;
            bytes += file.tensor[i].content;
        }
        const char *kind = file.npz ? "npz" : "safetensors";
        as_text_add(&d->text, "%s: %s, %d arrays, %lld elements, %s\n", path, kind, file.n, (long long)elements,
                    as_size_text((double)bytes, size));
        begin(path, kind, d);
        for (int i = 0; i < file.n; i++) {
            const as_stored_tensor *t = &file.tensor[i];
            add_array(t->name, t->type, t->rank, t->dim, "", d);
        }
        as_json_close(&d->json, ']');
    }
    as_tensor_file_close(&file);
    return status;
}

/* "(TIME, COADSY, COADSX)", with the fill value where there is one. */
static void variable_text(const as_netcdf *file, const as_netcdf_variable *v, as_text *out)
{
    char number[32];
    as_text_clear(out);
    for (int a = 0; a < v->axes; a++) {
        as_text_add(out, "%s%s", a == 0 ? "(" : ", ", as_netcdf_dimension(file, v->dimension[a]));
    }
    as_text_add(out, "%s", v->axes > 0 ? ")" : "");
    if (v->nfill > 0) {
        as_text_add(out, " fill %s", as_real_text(v->fill[0], number));
    }
}

as_status as_describe_netcdf(const char *path, as_description *d)
{
    as_netcdf *file = NULL;
    as_text more = {0};
    AS_TRY(as_netcdf_open(path, &file));
    const int n = as_netcdf_variables(file);
    as_text_add(&d->text, "%s: netCDF, %d variables\n", path, n);
    begin(path, "netcdf", d);
    for (int i = 0; i < n; i++) {
        const as_netcdf_variable *v = as_netcdf_variable_at(file, i);
        variable_text(file, v, &more);
        add_array(v->name, as_dtype_name(v->type), v->axes, v->extent, more.failed ? "" : more.data, d);
    }
    as_json_close(&d->json, ']');
    as_text_free(&more);
    as_netcdf_close(&file);
    return AS_OK;
}
