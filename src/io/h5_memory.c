/* A file driver for HDF5 that keeps what the library writes in pages of 4 KiB. Only metadata come here: raw data are
   never handed to the library, so a file of any size costs a few pages. No callback reports a failure, because the
   library has been seen to crash at exit after a failed metadata write; when memory runs out the store is marked. The
   driver's interface is the library's public one (H5FDpublic.h up to 1.12, H5FDdevelop.h from 1.14). */
#include "io/h5_memory.h"

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

enum { PAGE = 4096 };

struct as_h5_page {
    int64_t index;
    uint8_t *data;
};

void as_h5_memory_free(as_h5_memory *memory)
{
    for (int64_t i = 0; i < memory->n; i++) {
        free(memory->page[i].data);
    }
    free(memory->page);
    *memory = (as_h5_memory){0};
}

/* Position of the first page with at least this index. */
static int64_t page_position(const as_h5_memory *memory, int64_t index)
{
    int64_t low = 0, high = memory->n;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (memory->page[middle].index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static uint8_t *page_find(const as_h5_memory *memory, int64_t index)
{
    const int64_t at = page_position(memory, index);
    return at < memory->n && memory->page[at].index == index ? memory->page[at].data : NULL;
}

static uint8_t *page_make(as_h5_memory *memory, int64_t index)
{
    const int64_t at = page_position(memory, index);
    if (at < memory->n && memory->page[at].index == index) {
        return memory->page[at].data;
    }
    if (memory->n == memory->capacity) {
        const int64_t capacity = memory->capacity == 0 ? 16 : 2 * memory->capacity;
        as_h5_page *page = realloc(memory->page, (size_t)capacity * sizeof *page);
        if (page == NULL) {
            return NULL;
        }
        memory->page = page;
        memory->capacity = capacity;
    }
    uint8_t *data = calloc(1, PAGE);
    if (data != NULL) {
        memmove(&memory->page[at + 1], &memory->page[at], (size_t)(memory->n - at) * sizeof memory->page[0]);
        memory->page[at] = (as_h5_page){.index = index, .data = data};
        memory->n++;
    }
    return data;
}

void as_h5_memory_copy(const as_h5_memory *memory, int64_t first, int64_t count, uint8_t *data)
{
    while (count > 0) {
        const int64_t in_page = first % PAGE;
        const int64_t take = count < PAGE - in_page ? count : PAGE - in_page;
        const uint8_t *page = page_find(memory, first / PAGE);
        if (page == NULL) {
            memset(data, 0, (size_t)take);
        } else {
            memcpy(data, page + in_page, (size_t)take);
        }
        first += take;
        data += take;
        count -= take;
    }
}

/* The driver. */

typedef struct memory_file {
    H5FD_t public_part; /* The library's own; must be first. */
    as_h5_memory *memory;
    haddr_t end_of_addresses, end_of_file;
} memory_file;

typedef struct memory_info {
    as_h5_memory *memory;
} memory_info;

static H5FD_t *memory_open(const char *name, unsigned flags, hid_t access, haddr_t limit)
{
    (void)name;
    (void)flags;
    (void)limit;
    const memory_info *info = H5Pget_driver_info(access);
    memory_file *file = info == NULL ? NULL : calloc(1, sizeof *file);
    if (file == NULL) {
        return NULL;
    }
    file->memory = info->memory;
    return &file->public_part;
}

static herr_t memory_close(H5FD_t *opened)
{
    memory_file *file = (memory_file *)opened;
    file->memory->bytes = (int64_t)file->end_of_addresses;
    free(file);
    return 0;
}

static int memory_compare(const H5FD_t *first, const H5FD_t *second)
{
    const uintptr_t a = (uintptr_t)((const memory_file *)first)->memory;
    const uintptr_t b = (uintptr_t)((const memory_file *)second)->memory;
    return (a > b) - (a < b);
}

static herr_t memory_query(const H5FD_t *opened, unsigned long *flags)
{
    (void)opened;
    *flags = H5FD_FEAT_AGGREGATE_METADATA;
    return 0;
}

static haddr_t memory_get_eoa(const H5FD_t *opened, H5FD_mem_t type)
{
    (void)type;
    return ((const memory_file *)opened)->end_of_addresses;
}

static herr_t memory_set_eoa(H5FD_t *opened, H5FD_mem_t type, haddr_t address)
{
    (void)type;
    ((memory_file *)opened)->end_of_addresses = address;
    return 0;
}

static haddr_t memory_get_eof(const H5FD_t *opened, H5FD_mem_t type)
{
    (void)type;
    return ((const memory_file *)opened)->end_of_file;
}

static herr_t memory_read(H5FD_t *opened, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, void *buffer)
{
    (void)type;
    (void)transfer;
    as_h5_memory_copy(((memory_file *)opened)->memory, (int64_t)address, (int64_t)size, buffer);
    return 0;
}

static herr_t memory_write(H5FD_t *opened, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                           const void *buffer)
{
    (void)type;
    (void)transfer;
    memory_file *file = (memory_file *)opened;
    const uint8_t *next = buffer;
    int64_t first = (int64_t)address, count = (int64_t)size;
    if (address + size > file->end_of_file) {
        file->end_of_file = address + size;
    }
    while (count > 0) {
        const int64_t in_page = first % PAGE;
        const int64_t take = count < PAGE - in_page ? count : PAGE - in_page;
        uint8_t *page = page_make(file->memory, first / PAGE);
        if (page == NULL) {
            file->memory->failed = true;
            return 0;
        }
        memcpy(page + in_page, next, (size_t)take);
        first += take;
        next += take;
        count -= take;
    }
    return 0;
}

static herr_t memory_truncate(H5FD_t *opened, hid_t transfer, hbool_t closing)
{
    (void)transfer;
    (void)closing;
    memory_file *file = (memory_file *)opened;
    file->end_of_file = file->end_of_addresses;
    return 0;
}

static const H5FD_class_t memory_driver = {
#if H5_VERSION_GE(1, 13, 0)
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)600, /* 512..65535 are for drivers that are not registered with the library */
#endif
    .name = "allsum memory",
    .maxaddr = (haddr_t)INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(memory_info),
    .open = memory_open,
    .close = memory_close,
    .cmp = memory_compare,
    .query = memory_query,
    .get_eoa = memory_get_eoa,
    .set_eoa = memory_set_eoa,
    .get_eof = memory_get_eof,
    .read = memory_read,
    .write = memory_write,
    .truncate = memory_truncate,
    .fl_map = H5FD_FLMAP_SINGLE,
};

/* The layout. */

int64_t as_h5_item_count(const as_h5_item *item)
{
    if (item->text != NULL) {
        return 1;
    }
    int64_t count = 1;
    for (int i = 0; i < item->rank; i++) {
        const int64_t extent = item->dim[i];
        if (extent < 0 || (extent > 0 && count > (INT64_C(1) << 58) / extent)) {
            return -1;
        }
        count *= extent;
    }
    return count;
}

int64_t as_h5_item_bytes(const as_h5_item *item)
{
    if (item->text != NULL) {
        /* HDF5 has no strings of no length. */
        const size_t length = strlen(item->text);
        return length == 0 ? 1 : (int64_t)length;
    }
    const int64_t count = as_h5_item_count(item);
    return count < 0 ? -1 : count * (int64_t)as_dtype_bytes(item->type);
}

static hid_t file_type(as_dtype type)
{
    switch (type) {
    case AS_U8:
        return H5T_STD_U8LE;
    case AS_I8:
        return H5T_STD_I8LE;
    case AS_U16:
        return H5T_STD_U16LE;
    case AS_I16:
        return H5T_STD_I16LE;
    case AS_U32:
        return H5T_STD_U32LE;
    case AS_I32:
        return H5T_STD_I32LE;
    case AS_U64:
        return H5T_STD_U64LE;
    case AS_I64:
        return H5T_STD_I64LE;
    case AS_F32:
        return H5T_IEEE_F32LE;
    case AS_F64:
        return H5T_IEEE_F64LE;
    }
    return -1;
}

static hid_t text_type(size_t bytes)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0 || H5Tset_size(type, bytes == 0 ? 1 : bytes) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0 ||
        H5Tset_cset(type, H5T_CSET_UTF8) < 0) {
        return -1;
    }
    return type;
}

static bool add_attribute(hid_t file, const as_h5_attribute *attribute)
{
    const hid_t type = attribute->text != NULL ? text_type(strlen(attribute->text)) : H5Tcopy(H5T_STD_I64LE);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t handle = H5Acreate2(file, attribute->name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool done =
        handle >= 0 && (attribute->text != NULL ? H5Awrite(handle, type, attribute->text)
                                                : H5Awrite(handle, H5T_NATIVE_INT64, &attribute->value)) >= 0;
    H5Aclose(handle);
    H5Sclose(space);
    H5Tclose(type);
    return done;
}

/* Makes the groups on the way to an item, without the time stamps that the library would put into them. */
static bool add_groups(hid_t file, const char *name)
{
    char path[512];
    if (name[0] != '/' || strlen(name) >= sizeof path) {
        return false;
    }
    const hid_t create = H5Pcreate(H5P_GROUP_CREATE);
    bool done = H5Pset_obj_track_times(create, 0) >= 0;
    for (const char *slash = strchr(name + 1, '/'); done && slash != NULL; slash = strchr(slash + 1, '/')) {
        memcpy(path, name, (size_t)(slash - name));
        path[slash - name] = '\0';
        const htri_t exists = H5Lexists(file, path, H5P_DEFAULT);
        if (exists == 0) {
            const hid_t group = H5Gcreate2(file, path, H5P_DEFAULT, create, H5P_DEFAULT);
            done = group >= 0;
            H5Gclose(group);
        } else {
            done = exists > 0;
        }
    }
    H5Pclose(create);
    return done;
}

static bool add_item(hid_t file, const as_h5_item *item, int64_t *offset)
{
    hsize_t dim[H5S_MAX_RANK];
    if (item->rank > H5S_MAX_RANK || as_h5_item_bytes(item) < 0 || !add_groups(file, item->name)) {
        return false;
    }
    for (int i = 0; i < item->rank && item->text == NULL; i++) {
        dim[i] = (hsize_t)item->dim[i];
    }
    const hid_t type = item->text != NULL ? text_type(strlen(item->text)) : H5Tcopy(file_type(item->type));
    const hid_t space =
        item->text != NULL || item->rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(item->rank, dim, NULL);
    const hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(create, 0);
    H5Pset_layout(create, H5D_CONTIGUOUS);
    H5Pset_alloc_time(create, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(create, H5D_FILL_TIME_NEVER);
    const hid_t dataset = H5Dcreate2(file, item->name, type, space, H5P_DEFAULT, create, H5P_DEFAULT);
    const haddr_t address = dataset >= 0 ? H5Dget_offset(dataset) : HADDR_UNDEF;
    const bool done = dataset >= 0 && (address != HADDR_UNDEF || as_h5_item_bytes(item) == 0);
    *offset = address != HADDR_UNDEF && as_h5_item_bytes(item) > 0 ? (int64_t)address : -1;
    H5Dclose(dataset);
    H5Pclose(create);
    H5Sclose(space);
    H5Tclose(type);
    return done;
}

/* Closing an identifier that could not be made is harmless to the library once it is told not to print. */
static as_status describe(hid_t file, int nattributes, const as_h5_attribute *attribute, int nitems,
                          const as_h5_item *item, int64_t *offset)
{
    for (int i = 0; i < nattributes; i++) {
        if (!add_attribute(file, &attribute[i])) {
            AS_FAIL(AS_INTERNAL, "HDF5 refuses the attribute %s", attribute[i].name);
        }
    }
    for (int i = 0; i < nitems; i++) {
        if (!add_item(file, &item[i], &offset[i])) {
            AS_FAIL(AS_INTERNAL, "HDF5 refuses the dataset %s", item[i].name);
        }
    }
    return AS_OK;
}

as_status as_h5_layout(int nattributes, const as_h5_attribute *attribute, int nitems, const as_h5_item *item,
                       as_h5_memory *memory, int64_t *offset)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    const hid_t driver = H5FDregister(&memory_driver);
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    const hid_t create = H5Pcreate(H5P_FILE_CREATE);
    const memory_info info = {.memory = memory};
    const bool ready = driver >= 0 && access >= 0 && create >= 0 && H5Pset_driver(access, driver, &info) >= 0 &&
                       H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 &&
                       H5Pset_alignment(access, 8, 64) >= 0 && H5Pset_obj_track_times(create, 0) >= 0;
    const hid_t file = ready ? H5Fcreate("metadata", H5F_ACC_TRUNC, create, access) : -1;
    as_status status = AS_OK;
    if (file < 0) {
        status = as_error_set(AS_INTERNAL, "HDF5 cannot make a file in memory");
    } else {
        status = describe(file, nattributes, attribute, nitems, item, offset);
        if (H5Fclose(file) < 0 && status == AS_OK) {
            status = as_error_set(AS_INTERNAL, "HDF5 cannot close a file in memory");
        }
    }
    H5Pclose(create);
    H5Pclose(access);
    H5FDunregister(driver);
    if (memory->failed) {
        AS_FAIL(AS_NOMEM, "out of memory for the metadata of a file with %d datasets", nitems);
    }
    return status;
}
