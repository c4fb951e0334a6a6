/* Names of an HDF5 file. Only hard links are followed: soft and external ones may leave the file.
 */
#include <string.h>

#include "base/error.h"
#include "io/h5_private.h"

enum { DEPTH_MAX = 32, LINKS_MAX = 100000, NAME_MAX_BYTES = 4096, LISTED_MAX = 12 };

/* ---- names ---- */

static as_status list_one(void *context, const char *name, int rank, const int64_t *dim, as_dtype type, bool numeric,
                          const char *storage)
{
    as_text *text = context;
    (void)rank, (void)dim, (void)type, (void)numeric, (void)storage;
    int listed = 0;
    for (size_t i = 0; i < text->size; i++) {
        listed += text->data[i] == ',';
    }
    if (listed == LISTED_MAX) {
        return AS_OK;
    }
    as_text_add(text, "%s%s", text->size > 0 ? ", " : "", name);
    return AS_OK;
}

static as_status fail_absent(as_h5 *file, const char *name)
{
    as_text names = {0};
    as_h5_visit(file, list_one, &names);
    const as_status status = as_error_set(AS_DATA, "%s:%s: no such object; the file has the datasets %s", file->path,
                                          name, names.size > 0 ? names.data : "(none)");
    as_text_free(&names);
    return status;
}

as_status as_h5_object_open(as_h5 *file, const char *name, hid_t *out)
{
    char prefix[NAME_MAX_BYTES];
    const size_t length = strlen(name);
    if (length == 0 || length >= sizeof prefix) {
        AS_FAIL(AS_DATA, "%s: expected the name of a dataset, found a text of %zu bytes", file->path, length);
    }
    for (size_t end = 1; end <= length; end++) { /* every link on the way */
        if ((name[end] != '/' && name[end] != 0) || name[end - 1] == '/') {
            continue;
        }
        memcpy(prefix, name, end);
        prefix[end] = 0;
        H5L_info_t link;
        if (H5Lexists(file->id, prefix, H5P_DEFAULT) <= 0 || H5Lget_info(file->id, prefix, &link, H5P_DEFAULT) < 0) {
            return fail_absent(file, name);
        }
        if (link.type != H5L_TYPE_HARD) {
            AS_FAIL(AS_DATA, "%s:%s: refused: \"%s\" is a soft or external link", file->path, name, prefix);
        }
    }
    *out = H5Oopen(file->id, name, H5P_DEFAULT);
    if (*out < 0) {
        AS_FAIL(AS_DATA, "%s:%s: cannot open the object: corrupt, or in a newer format than this HDF5 library reads",
                file->path, name);
    }
    return AS_OK;
}

/* ---- all datasets ---- */

#if H5_VERSION_GE(1, 12, 0)
typedef H5O_token_t place;
#else
typedef haddr_t place;
#endif

/* Where an object stands in its file, whatever it is called. */
static bool place_of(hid_t object, place *out)
{
#if H5_VERSION_GE(1, 12, 0)
    H5O_info2_t info;
    const bool known = H5Oget_info3(object, &info, H5O_INFO_BASIC) >= 0;
    *out = info.token;
#else
    H5O_info_t info;
    const bool known = H5Oget_info2(object, &info, H5O_INFO_BASIC) >= 0;
    *out = info.addr;
#endif
    return known;
}

typedef struct walk {
    as_h5 *file;
    as_status (*visit)(void *context, const char *name, int rank, const int64_t *dim, as_dtype type, bool numeric,
                       const char *storage);
    void *context;
    int64_t links;
    place above[DEPTH_MAX + 1]; /* groups on the way */
    char name[NAME_MAX_BYTES];
} walk;

static as_status visit_dataset(const walk *w, hid_t id)
{
    const hid_t type = H5Dget_type(id), space = H5Dget_space(id);
    hsize_t dims[H5S_MAX_RANK];
    int64_t dim[H5S_MAX_RANK];
    as_dtype number = AS_U8;
    const int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    for (int i = 0; i < rank; i++) {
        dim[i] = (int64_t)dims[i];
    }
    const bool numeric = as_h5_number_type(type, &number);
    const as_h5_storage storage = as_h5_storage_of(id, w->file->bytes);
    H5Sclose(space);
    H5Tclose(type);
    return w->visit(w->context, w->name, rank < 0 ? 0 : rank, dim, number, numeric, storage.text);
}

static as_status visit_group(walk *w, hid_t group, size_t length, int depth)
{
    H5G_info_t info;
    if (depth > DEPTH_MAX || H5Gget_info(group, &info) < 0 || !place_of(group, &w->above[depth])) {
        AS_FAIL(AS_DATA, "%s:%s: corrupt or nested more than %d groups deep", w->file->path, w->name, DEPTH_MAX);
    }
    for (int i = 0; i < depth; i++) {
        if (memcmp(&w->above[i], &w->above[depth], sizeof(place)) == 0) { /* a link back: all of it has been seen */
            return AS_OK;
        }
    }
    for (hsize_t i = 0; i < info.nlinks; i++) {
        H5L_info_t link;
        const size_t room = sizeof w->name - length - 1;
        w->name[length] = '/';
        const ssize_t got =
            H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, w->name + length + 1, room, H5P_DEFAULT);
        if (got < 0 || (size_t)got >= room || ++w->links > LINKS_MAX) {
            AS_FAIL(AS_DATA, "%s: corrupt, or more than %d objects", w->file->path, LINKS_MAX);
        }
        if (H5Lget_info(group, w->name + length + 1, &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD) {
            continue;
        }
        const hid_t object = H5Oopen(group, w->name + length + 1, H5P_DEFAULT);
        const H5I_type_t kind = object >= 0 ? H5Iget_type(object) : H5I_BADID;
        as_status status = AS_OK;
        if (kind == H5I_GROUP) {
            status = visit_group(w, object, length + 1 + (size_t)got, depth + 1);
        } else if (kind == H5I_DATASET) {
            status = visit_dataset(w, object);
        }
        if (object >= 0) {
            H5Oclose(object);
        } else {
            status = w->visit(w->context, w->name, 0, NULL, AS_U8, false,
                              "cannot be opened: corrupt, or in a newer format than this HDF5 library reads");
        }
        AS_TRY(status);
    }
    return AS_OK;
}

as_status as_h5_visit(as_h5 *file,
                      as_status (*visit)(void *context, const char *name, int rank, const int64_t *dim, as_dtype type,
                                         bool numeric, const char *storage),
                      void *context)
{
    walk w = {.file = file, .visit = visit, .context = context};
    const hid_t root = H5Gopen2(file->id, "/", H5P_DEFAULT);
    if (root < 0) {
        AS_FAIL(AS_DATA, "%s: corrupt: no root group", file->path);
    }
    const as_status status = visit_group(&w, root, 0, 0);
    H5Gclose(root);
    return status;
}
