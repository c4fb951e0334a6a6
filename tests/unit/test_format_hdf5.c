/* HDF5 files: every number type and layout reads right; whatever leaves the file, or claims more than it stores, is
 * refused. */
#include <unistd.h>

#include <hdf5.h>

#include "data_setup.h"
#include "io/h5.h"
#include "io/tensors.h"

enum { ROWS = 6, COLUMNS = 4 };

static const char path[] = SCRATCH("test.h5");

static hid_t create(void)
{
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

/* (ROWS, COLUMNS) of 0, 1, 2, ... stored as `type`; chunk 0: contiguous. */
static void add(hid_t file, const char *name, hid_t type, int chunk, bool deflate)
{
    const hsize_t dim[2] = {ROWS, COLUMNS}, chunks[2] = {(hsize_t)chunk, 3};
    int32_t value[ROWS * COLUMNS];
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        value[i] = i;
    }
    const hid_t space = H5Screate_simple(2, dim, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
    if (chunk > 0) {
        H5Pset_chunk(creation, 2, chunks);
    }
    if (deflate) {
        H5Pset_shuffle(creation);
        H5Pset_deflate(creation, 6);
        H5Pset_fletcher32(creation);
    }
    const hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    assert_true(set >= 0);
    assert_true(H5Dwrite(set, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
    H5Dclose(set);
    H5Pclose(creation);
    H5Sclose(space);
}

static void check(as_h5 *file, const char *name, as_dtype type)
{
    as_h5_dataset *set = NULL;
    double value[ROWS * COLUMNS];
    assert_ok(as_h5_dataset_open(file, name, &set));
    assert_int_equal(as_h5_dataset_type(set), type);
    assert_int_equal(as_h5_dataset_rank(set), 2);
    assert_int_equal(as_h5_dataset_dim(set, 1), COLUMNS);
    assert_ok(as_h5_dataset_read(set, 0, ROWS, AS_F64, value));
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        assert_true(value[i] == i);
    }
    float part[2 * COLUMNS];
    assert_ok(as_h5_dataset_read(set, 3, 2, AS_F32, part));
    assert_true(part[0] == 3 * COLUMNS && part[7] == 3 * COLUMNS + 7);
    assert_fails(AS_DATA, "expected rows in 0..5", as_h5_dataset_read(set, 5, 2, AS_F64, value));
    as_h5_dataset_close(&set);
}

/* IEEE binary16 */
static hid_t half_type(void)
{
    const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_ebias(type, 15);
    H5Tset_precision(type, 16);
    H5Tset_size(type, 2);
    return type;
}

static void test_every_type_and_layout_reads_right(void **state)
{
    (void)state;
    const hid_t half = half_type();
    const struct {
        hid_t type;
        as_dtype expected;
    } types[] = {{H5T_STD_U8LE, AS_U8},       {H5T_STD_I8LE, AS_I8},    {H5T_STD_U16BE, AS_U16},
                 {H5T_STD_I16LE, AS_I16},     {H5T_STD_I32BE, AS_I32},  {H5T_STD_U32LE, AS_U32},
                 {H5T_STD_I64BE, AS_I64},     {H5T_STD_U64LE, AS_U64},  {H5T_IEEE_F32BE, AS_F32},
                 {H5T_IEEE_F32LE, AS_F32},    {H5T_IEEE_F64BE, AS_F64}, {half, AS_F32},
                 {H5T_NATIVE_LDOUBLE, AS_F64}};
    enum { TYPES = sizeof types / sizeof types[0] };
    char name[32];
    hid_t out = create();
    for (int i = 0; i < TYPES * 3; i++) {
        snprintf(name, sizeof name, "d%d", i);
        add(out, name, types[i / 3].type, i % 3 == 0 ? 0 : 4, i % 3 == 2);
    }
    H5Fclose(out);
    as_h5 *file = NULL;
    assert_ok(as_h5_open(path, &file));
    for (int i = 0; i < TYPES * 3; i++) {
        snprintf(name, sizeof name, i % 2 == 0 ? "d%d" : "/d%d", i);
        check(file, name, types[i / 3].expected);
    }
    as_h5_close(&file);
    H5Tclose(half);
}

static void refuse(const char *name, const char *piece)
{
    as_h5 *file = NULL;
    as_h5_dataset *set = NULL;
    assert_ok(as_h5_open(path, &file));
    assert_fails(AS_DATA, piece, as_h5_dataset_open(file, name, &set));
    as_h5_close(&file);
}

static void test_what_leaves_the_file_is_refused(void **state)
{
    (void)state;
    const hsize_t dim[1] = {4};
    write_file(SCRATCH("secret.bin"), "0123456789abcdef", 16);
    const hid_t out = create(), space = H5Screate_simple(1, dim, NULL);
    add(out, "real", H5T_STD_U8LE, 0, false);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(creation, SCRATCH("secret.bin"), 0, 16);
    H5Dclose(H5Dcreate2(out, "external", H5T_NATIVE_INT32, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_virtual(creation, space, SCRATCH("other.h5"), "x", space);
    H5Dclose(H5Dcreate2(out, "virtual", H5T_NATIVE_INT32, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    H5Lcreate_soft("/real", out, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external(SCRATCH("other.h5"), "/x", out, "far", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(out, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    const hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, 8);
    H5Dclose(H5Dcreate2(out, "words", text, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Tclose(text);
    H5Sclose(space);
    H5Fclose(out);
    refuse("external", "another file");
    refuse("virtual", "virtual");
    refuse("soft", "soft or external link");
    refuse("far", "soft or external link");
    refuse("far/inside", "soft or external link");
    refuse("group", "expected a dataset");
    refuse("words", "integers or floats");
    refuse("nothing", "/real");
    refuse("", "name");
}

static void test_claims_beyond_what_is_stored_are_refused(void **state)
{
    (void)state;
    const hsize_t dim[2] = {UINT64_C(1) << 40, 1 << 20}, chunk[2] = {1024, 1024}, most[2] = {H5S_UNLIMITED, 1 << 20};
    const hid_t out = create();
    hid_t space = H5Screate_simple(2, dim, most), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 2, chunk);
    H5Dclose(H5Dcreate2(out, "empty", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pset_deflate(creation, 9);
    H5Dclose(H5Dcreate2(out, "packed", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    H5Sclose(space);
    const hsize_t large[1] = {1 << 24};
    space = H5Screate_simple(1, large, NULL);
    H5Dclose(H5Dcreate2(out, "unwritten", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    H5Fclose(out);
    refuse("empty", "larger than what the file stores");
    refuse("packed", "larger than what the file stores");
    refuse("unwritten", "larger than what the file stores");
}

static void test_a_dataset_without_a_shape(void **state)
{
    (void)state;
    const hid_t out = create(), space = H5Screate(H5S_NULL);
    H5Dclose(H5Dcreate2(out, "none", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    H5Fclose(out);
    refuse("none", "no data: an empty dataset (null)");
}

/* Weights of Keras with more elements than 64 bits count. */
static void test_impossible_weights(void **state)
{
    (void)state;
    const hsize_t dim[2] = {UINT64_C(1) << 40, 1 << 30}, chunk[2] = {1, 1};
    const hid_t out = create(), space = H5Screate_simple(2, dim, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 2, chunk);
    H5Gclose(H5Gcreate2(out, "dense", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Dclose(H5Dcreate2(out, "dense/kernel:0", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    H5Sclose(space);
    H5Fclose(out);
    as_tensor_file weights;
    assert_fails(AS_DATA, "/dense/kernel:0: impossible shape", as_tensor_file_open(path, &weights));
    as_tensor_file_close(&weights);
}

static as_status read_all(const char *name)
{
    as_h5 *file = NULL;
    as_h5_dataset *set = NULL;
    double value[ROWS * COLUMNS];
    AS_TRY(as_h5_open(name, &file));
    as_status status = as_h5_dataset_open(file, "x", &set);
    if (status == AS_OK) {
        status = as_h5_dataset_read(set, 0, ROWS, AS_F64, value);
        as_h5_dataset_close(&set);
    }
    as_h5_close(&file);
    return status;
}

static void test_truncation_at_every_byte_is_refused(void **state)
{
    (void)state;
    static uint8_t bytes[1 << 16];
    const hid_t out = create();
    add(out, "x", H5T_STD_I16LE, 4, true);
    H5Fclose(out);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_in_range(size, 100, sizeof bytes - 1);
    for (size_t n = 0; n < size; n++) {
        write_file(SCRATCH("cut.h5"), bytes, n);
        assert_fails(AS_DATA, "cut.h5", read_all(SCRATCH("cut.h5")));
    }
    assert_fails(AS_NOINPUT, "nowhere.h5", read_all(SCRATCH("nowhere.h5")));
}

typedef struct counted {
    int sets, numeric;
    char last[64];
} counted;

static as_status count_sets(void *context, const char *name, int rank, const int64_t *dim, as_dtype type, bool numeric,
                            const char *storage)
{
    counted *c = context;
    (void)type;
    c->sets++;
    c->numeric += numeric;
    assert_true(strcmp(c->last, name) < 0);
    snprintf(c->last, sizeof c->last, "%s", name);
    assert_true(rank == 0 || dim[0] == ROWS);
    assert_true(strlen(storage) > 0);
    return AS_OK;
}

static void test_all_datasets_are_visited_in_name_order(void **state)
{
    (void)state;
    const hid_t out = create(), scalar = H5Screate(H5S_SCALAR), text = H5Tcopy(H5T_C_S1);
    H5Gclose(H5Gcreate2(out, "a", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    add(out, "a/x", H5T_STD_U8LE, 0, false);
    add(out, "b", H5T_IEEE_F32LE, 2, true);
    assert_true(H5Lcreate_hard(out, "/", out, "a/up", H5P_DEFAULT, H5P_DEFAULT) >= 0); /* is not gone round */
    H5Tset_size(text, 5);
    const hid_t set = H5Dcreate2(out, "text", text, scalar, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, text, H5S_ALL, H5S_ALL, H5P_DEFAULT, "hello");
    H5Dclose(set);
    H5Tclose(text);
    H5Sclose(scalar);
    H5Fclose(out);

    as_h5 *file = NULL;
    counted c = {0};
    assert_ok(as_h5_open(path, &file));
    assert_ok(as_h5_visit(file, count_sets, &c));
    assert_int_equal(c.sets, 3);
    assert_int_equal(c.numeric, 2);
    assert_string_equal(c.last, "/text");
    as_h5_close(&file);
}

static as_status find_unreadable(void *context, const char *name, int rank, const int64_t *dim, as_dtype type,
                                 bool numeric, const char *storage)
{
    int *found = context;
    (void)rank, (void)dim, (void)type;
    *found += strcmp(name, "/b") == 0 && !numeric && strstr(storage, "cannot be opened") != NULL;
    return AS_OK;
}

/* An object whose header has another version is listed, not passed over. */
static void test_what_cannot_be_opened_is_listed(void **state)
{
    (void)state;
    const hid_t out = create();
    add(out, "a", H5T_STD_U8LE, 0, false);
    add(out, "b", H5T_STD_U8LE, 0, false);
    H5O_info_t info;
    assert_true(H5Oget_info_by_name(out, "b", &info, H5P_DEFAULT) >= 0);
    H5Fclose(out);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)info.addr, SEEK_SET), 0);
    fputc(0xEE, file);
    fclose(file);
    as_h5 *in = NULL;
    int found = 0;
    assert_ok(as_h5_open(path, &in));
    assert_ok(as_h5_visit(in, find_unreadable, &found));
    assert_int_equal(found, 1);
    as_h5_close(&in);
}

static void add_labels(hid_t file, const char *name, const int32_t *label)
{
    const hsize_t dim = ROWS;
    const hid_t space = H5Screate_simple(1, &dim, NULL);
    const hid_t set = H5Dcreate2(file, name, H5T_STD_I8LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, label) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

/* Whole numbers that are not 0, 1, 2, ... are names of classes, ascending as texts, where any are asked for. */
static void test_labels_of_any_numbers(void **state)
{
    data_setup *s = *state;
    const hid_t out = create();
    add(out, "x", H5T_STD_I16BE, 0, false);
    add_labels(out, "y", (const int32_t[ROWS]){3, -1, 3, 10, 10, -1});
    add_labels(out, "z", (const int32_t[ROWS]){3, -1, 3, 10, 4, -1});
    add_labels(out, "zero", (const int32_t[ROWS]){2, 1, 0, 0, 1, 2});
    H5Fclose(out);

    as_data_options options;
    as_lanes lanes = lanes_of(2, 1, 0);
    as_dataset data, test;
    assert_ok(parse_data(s,
                         "train: {format: hdf5, file: " SCRATCH("test.h5") ", labels: any}\nassign: contiguous\n"
                                                                           "test: {format: hdf5, file: " SCRATCH(
                                                                               "test.h5") ", y: z, labels: any}\n",
                         &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_true(data.target == AS_TARGET_LABELS && data.classes == 3 && data.class_names.n == 3);
    static const char *const names[] = {"-1", "10", "3"};
    static const int32_t places[ROWS] = {2, 0, 2, 1, 1, 0};
    for (int i = 0; i < 3; i++) {
        assert_string_equal(data.class_names.name[i], names[i]);
    }
    for (int i = 0; i < ROWS; i++) {
        assert_int_equal(data.label[i], places[data.id[i]]);
    }
    assert_fails(AS_DATA, "test.h5:z: row 4: label 4 is none of the 3 known there: -1, 3, 10",
                 as_dataset_open(&options, AS_TEST, s->world, &lanes, 1, &data, &test));
    as_dataset_close(&data);
    assert_ok(
        parse_data(s, "train: {format: hdf5, file: " SCRATCH("test.h5") ", y: zero, labels: any}\nassign: contiguous\n",
                   &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_true(data.classes == 3 && data.class_names.n == 0);
    as_dataset_close(&data);
    assert_ok(parse_data(s, "train: {format: hdf5, file: " SCRATCH("test.h5") "}\nassign: contiguous\n", &options));
    assert_fails(AS_DATA, "row 1: expected a label in 0..",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
}

static void test_a_data_set_with_fill_values(void **state)
{
    data_setup *s = *state;
    const hid_t out = create(), scalar = H5Screate(H5S_SCALAR);
    const double fill = 5;
    add(out, "x", H5T_STD_I16BE, 0, false);
    add(out, "y", H5T_IEEE_F64LE, 2, true);
    const hid_t set = H5Dopen2(out, "x", H5P_DEFAULT),
                attribute = H5Acreate2(set, "_FillValue", H5T_STD_I16BE, scalar, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_DOUBLE, &fill);
    H5Aclose(attribute);
    H5Dclose(set);
    H5Sclose(scalar);
    H5Fclose(out);

    as_data_options options;
    as_lanes lanes = lanes_of(2, 1, 0);
    as_dataset data;
    assert_ok(parse_data(s, "train: {format: hdf5, file: " SCRATCH("test.h5") "}\nassign: contiguous\n", &options));
    assert_fails(AS_DATA, "row 1, element 1: fill value 5",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    options.missing = AS_MISSING_DROP;
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_int_equal(data.rows, ROWS - 1);
    assert_int_equal(data.id[1], 2);
    assert_int_equal(data.targets, COLUMNS);
    assert_true(data.target_values[COLUMNS] == 2 * COLUMNS);
    as_dataset_close(&data);
    options.missing = AS_MISSING_MEAN;
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_int_equal(data.rows, ROWS);
    const float *x = data.x;
    assert_true(x[5] != x[5] && x[4] == 4 && x[6] == 6);
    as_dataset_close(&data);
}

/* Several inputs and targets, by name: one after the other in each row, of a type that holds all, NaN for fills. */
static void test_named_parts(void **state)
{
    data_setup *s = *state;
    const hid_t out = create(), scalar = H5Screate(H5S_SCALAR);
    const double fill = 5;
    add(out, "u", H5T_STD_U8LE, 0, false);
    add(out, "v", H5T_STD_I16BE, 0, false);
    add(out, "a", H5T_IEEE_F64LE, 2, true);
    add(out, "b", H5T_IEEE_F32LE, 0, false);
    const hid_t set = H5Dopen2(out, "v", H5P_DEFAULT),
                attribute = H5Acreate2(set, "_FillValue", H5T_STD_I16BE, scalar, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_DOUBLE, &fill);
    H5Aclose(attribute);
    H5Dclose(set);
    H5Sclose(scalar);
    H5Fclose(out);

    as_data_options options;
    as_lanes lanes = lanes_of(2, 1, 0);
    as_dataset data, again;
    as_text text = {0};
    static const char yaml[] = "train: {format: hdf5, file: " SCRATCH(
        "test.h5") ", x: {u: u, speed: /v}, y: {a: a, b: b}}\nassign: contiguous\nmissing: mean\n";
    assert_ok(parse_data(s, yaml, &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_int_equal(data.type, AS_F32);
    assert_int_equal(data.width, 2 * COLUMNS);
    assert_int_equal(data.targets, 2 * COLUMNS);
    assert_int_equal(data.inputs.n, 2);
    assert_string_equal(data.inputs.part[1].name, "speed");
    assert_int_equal(data.inputs.part[1].first, COLUMNS);
    assert_int_equal(data.inputs.part[1].shape.rank, 1);
    assert_int_equal(data.inputs.part[1].shape.dim[0], COLUMNS);
    assert_string_equal(data.answers.part[0].name, "a");
    for (int64_t r = 0; r < ROWS; r++) {
        for (int64_t j = 0; j < COLUMNS; j++) {
            const float *x = (const float *)data.x + r * 2 * COLUMNS;
            const int64_t stored = r * COLUMNS + j;
            assert_true(x[j] == (float)stored);
            assert_true(stored == 5 ? x[COLUMNS + j] != x[COLUMNS + j] : x[COLUMNS + j] == (float)stored);
            assert_true(data.target_values[r * 2 * COLUMNS + COLUMNS + j] == (double)stored);
        }
    }
    assert_ok(as_data_options_write(&options, 0, &text)); /* the resolved section reads the same data */
    assert_ok(parse_data(s, text.data, &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &again));
    assert_memory_equal(data.fingerprint, again.fingerprint, 32);
    as_text_free(&text);
    as_dataset_close(&again);
    as_dataset_close(&data);
    assert_ok(parse_data(s, "train: {format: hdf5, file: " SCRATCH("test.h5") ", x: {u: u, w: w}}\n", &options));
    assert_fails(AS_DATA, "w", as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_ok(parse_data(s, "train: {format: hdf5, file: " SCRATCH("test.h5") ", x: [u, v]}\n", &options));
    assert_fails(AS_CONFIG, "expected the name of a dataset, or a map",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
}

/* Parts of a simulation: the rows of several files follow one another, and are read as those of one file would be. */
static void test_rows_of_several_files(void **state)
{
    data_setup *s = *state;
    static const char *const copies[] = {SCRATCH("part0.h5"), SCRATCH("part1.h5"), SCRATCH("part2.h5")};
    for (int i = 0; i < 4; i++) {
        const hid_t out = create();
        add(out, "x", i == 3 ? H5T_STD_I16LE : H5T_IEEE_F64LE, i, i > 0);
        add(out, "y", H5T_IEEE_F32LE, 0, false);
        H5Fclose(out);
        assert_int_equal(rename(path, i < 3 ? copies[i] : SCRATCH("other-type.h5")), 0);
    }
    as_data_options options;
    as_lanes lanes = lanes_of(2, 1, 0);
    as_dataset data;
    assert_ok(
        parse_data(s,
                   "train: {format: hdf5, file: " SCRATCH("part0.h5") ", more: [" SCRATCH("part1.h5") ", " SCRATCH(
                       "part2.h5") "]}\ntest: {file: " SCRATCH("part1.h5") "}\nassign: contiguous\n",
                   &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_int_equal(data.rows, 3 * ROWS);
    for (int64_t r = 0; r < 3 * ROWS; r++) {
        for (int64_t j = 0; j < COLUMNS; j++) {
            const double stored = (double)(r % ROWS * COLUMNS + j);
            assert_true(((const double *)data.x)[r * COLUMNS + j] == stored);
            assert_true(data.target_values[r * COLUMNS + j] == stored);
        }
    }
    as_dataset_close(&data);
    assert_ok(as_dataset_open(&options, AS_TEST, s->world, &lanes, 1, NULL, &data)); /* the file alone */
    assert_int_equal(data.rows, ROWS);
    as_dataset_close(&data);
    assert_ok(parse_data(
        s, "train: {format: hdf5, file: " SCRATCH("part0.h5") ", more: " SCRATCH("other-type.h5") "}\n", &options));
    assert_fails(AS_DATA, "expected rows of float64 4 as in ",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_and_layout_reads_right),
        cmocka_unit_test(test_what_leaves_the_file_is_refused),
        cmocka_unit_test(test_claims_beyond_what_is_stored_are_refused),
        cmocka_unit_test(test_a_dataset_without_a_shape),
        cmocka_unit_test(test_impossible_weights),
        cmocka_unit_test(test_what_cannot_be_opened_is_listed),
        cmocka_unit_test(test_truncation_at_every_byte_is_refused),
        cmocka_unit_test(test_all_datasets_are_visited_in_name_order),
        cmocka_unit_test(test_labels_of_any_numbers),
        cmocka_unit_test(test_a_data_set_with_fill_values),
        cmocka_unit_test(test_named_parts),
        cmocka_unit_test(test_rows_of_several_files),
    };
    return cmocka_run_group_tests(tests, setup_begin, setup_end);
}
