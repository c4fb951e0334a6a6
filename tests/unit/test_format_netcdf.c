/* netCDF classic: all three versions, records, coordinates along the grid, fill values, packing; what is refused. */
#include <math.h>

#include "unit/data_setup.h"

#include "io/netcdf.h"

#define GRID SCRATCH("grid.nc")

/* A file under construction. */
typedef struct writer {
    uint8_t data[4096];
    size_t n;
    int version;
} writer;

static void put(writer *w, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) {
        w->data[w->n++] = (uint8_t)(value >> (8 * i));
    }
}

static void put_count(writer *w, uint64_t value)
{
    put(w, value, w->version == 5 ? 8 : 4);
}

static void put_name(writer *w, const char *name)
{
    const size_t length = strlen(name);
    put_count(w, length);
    memcpy(w->data + w->n, name, length);
    w->n += length;
    while (w->n % 4 != 0) {
        w->data[w->n++] = 0;
    }
}

static void put_float(writer *w, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(w, bits, 4);
}

static void put_double(writer *w, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(w, bits, 8);
}

enum { TIMES = 3, LATS = 2, LONS = 4, SHORT = 3, FLOAT = 5, DOUBLE = 6 };

/* A variable of dimensions; returns where its begin stands. */
static size_t put_variable(writer *w, const char *name, int axes, const int *dimension, const char *attribute,
                           double value, int type)
{
    put_name(w, name);
    put_count(w, (uint64_t)axes);
    for (int i = 0; i < axes; i++) {
        put_count(w, (uint64_t)dimension[i]);
    }
    put(w, attribute != NULL ? 12 : 0, 4);
    put_count(w, attribute != NULL);
    if (attribute != NULL) {
        put_name(w, attribute);
        put(w, type == SHORT ? DOUBLE : (uint64_t)type, 4);
        put_count(w, 1);
        if (type == FLOAT) {
            put_float(w, (float)value);
        } else {
            put_double(w, value);
        }
    }
    put(w, (uint64_t)type, 4);
    put_count(w, 0); /* vsize: not believed */
    const size_t place = w->n;
    put(w, 0, w->version == 1 ? 4 : 8);
    return place;
}

static void set_begin(writer *w, size_t place)
{
    const size_t end = w->n;
    w->n = place;
    put(w, end, w->version == 1 ? 4 : 8);
    w->n = end;
}

static float sst(int t, int y, int x)
{
    return t == 1 && y == 0 && x == 2 ? -99 : (float)(100 * t + 10 * y + x) + 0.25F;
}

static int16_t wind(int t, int y, int x)
{
    return (int16_t)(t * 7 - y * 3 + x);
}

/* lon(4), lat(2) doubles; records of time (double), sst (float, fill -99), wind (short, scale 0.5); name(4) text. */
static void make_grid(writer *w, int version)
{
    *w = (writer){.version = version};
    memcpy(w->data, "CDF", 3);
    w->data[3] = (uint8_t)version;
    w->n = 4;
    put_count(w, TIMES);
    put(w, 10, 4);
    put_count(w, 3);
    put_name(w, "time"), put_count(w, 0);
    put_name(w, "lat"), put_count(w, LATS);
    put_name(w, "lon"), put_count(w, LONS);
    put(w, 0, 4), put_count(w, 0); /* no attributes of the file */
    put(w, 11, 4);
    put_count(w, 6);
    const size_t lon = put_variable(w, "lon", 1, (const int[]){2}, NULL, 0, DOUBLE);
    const size_t lat = put_variable(w, "lat", 1, (const int[]){1}, NULL, 0, DOUBLE);
    const size_t time = put_variable(w, "time", 1, (const int[]){0}, NULL, 0, DOUBLE);
    const size_t heat = put_variable(w, "sst", 3, (const int[]){0, 1, 2}, "_FillValue", -99, FLOAT);
    const size_t air = put_variable(w, "wind", 3, (const int[]){0, 1, 2}, "scale_factor", 0.5, SHORT);
    const size_t name = put_variable(w, "name", 1, (const int[]){2}, NULL, 0, 2);
    set_begin(w, lon);
    for (int x = 0; x < LONS; x++) {
        put_double(w, 90.0 * x);
    }
    set_begin(w, lat);
    for (int y = 0; y < LATS; y++) {
        put_double(w, 45.0 * y);
    }
    set_begin(w, name);
    put(w, 0x61626364, 4);
    for (int t = 0; t < TIMES; t++) {
        if (t == 0) {
            set_begin(w, time);
        }
        put_double(w, (double)t);
        if (t == 0) {
            set_begin(w, heat);
        }
        for (int i = 0; i < LATS * LONS; i++) {
            put_float(w, sst(t, i / LONS, i % LONS));
        }
        if (t == 0) {
            set_begin(w, air);
        }
        for (int i = 0; i < LATS * LONS; i++) {
            put(w, (uint16_t)wind(t, i / LONS, i % LONS), 2);
        }
    }
}

static void write_grid(int version)
{
    writer w;
    make_grid(&w, version);
    write_file(GRID, w.data, w.n);
}

static void test_points_of_a_grid_in_all_versions(void **state)
{
    data_setup *s = *state;
    const int versions[] = {1, 2, 5};
    as_data_options options;
    as_lanes lanes = lanes_of(2, 1, 0);
    for (int k = 0; k < 3; k++) {
        as_dataset data;
        write_grid(versions[k]);
        assert_ok(
            parse_data(s, "train: {format: netcdf, file: " GRID ", x: [lat, wind, time, lon], y: sst}\nmissing: drop\n",
                       &options));
        assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
        assert_int_equal(data.rows, TIMES * LATS * LONS - 1);
        assert_int_equal(data.width, 4);
        assert_int_equal(data.targets, 1);
        assert_int_equal(data.type, AS_F64);
        assert_int_equal(data.inputs.n, 4);
        assert_string_equal(data.inputs.part[2].name, "time");
        for (int64_t r = 0; r < data.local_rows; r++) {
            const int t = (int)data.id[r] / (LATS * LONS), y = (int)data.id[r] / LONS % LATS,
                      x = (int)data.id[r] % LONS;
            const double expected[] = {45.0 * y, 0.5 * wind(t, y, x), t, 90.0 * x};
            assert_memory_equal((double *)data.x + 4 * r, expected, sizeof expected);
            assert_true(data.target_values[r] == (double)sst(t, y, x));
        }
        as_dataset_close(&data);
    }
}

/* Places along the first axis, with whole fields by name. */
static void test_fields_of_each_record(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(2, 1, 0);
    as_dataset data;
    write_grid(1);
    assert_ok(parse_data(
        s, "train: {format: netcdf, file: " GRID ", rows: first, x: [wind, lat], y: [wind]}\nassign: contiguous\n",
        &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_int_equal(data.rows, TIMES);
    assert_int_equal(data.width, LATS * LONS + LATS);
    assert_int_equal(data.inputs.part[0].shape.rank, 2);
    assert_int_equal(data.inputs.part[0].shape.dim[1], LONS);
    assert_int_equal(data.inputs.part[1].first, LATS * LONS);
    assert_int_equal(data.targets, LATS * LONS);
    const double *x = data.x;
    for (int64_t r = 0; r < TIMES; r++) {
        for (int i = 0; i < LATS * LONS; i++) {
            assert_true(x[r * 10 + i] == 0.5 * wind((int)data.id[r], i / LONS, i % LONS));
        }
        assert_true(x[r * 10 + 8] == 0 && x[r * 10 + 9] == 45);
    }
    as_dataset_close(&data);
    assert_ok(parse_data(s, "train: {format: netcdf, file: " GRID "}\nmissing: drop\nassign: contiguous\n", &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data)); /* sst, point by point */
    assert_int_equal(data.width, 1);
    assert_int_equal(data.type, AS_F32);
    assert_true(((float *)data.x)[1] == 1.25F);
    as_dataset_close(&data);
}

/* One variable with records stands alone: its records are not padded to 4 bytes. */
static void test_a_single_record_variable_is_not_padded(void **state)
{
    data_setup *s = *state;
    (void)s;
    writer w = {.version = 1};
    memcpy(w.data, "CDF\1", 4);
    w.n = 4;
    put_count(&w, 3);
    put(&w, 10, 4), put_count(&w, 2);
    put_name(&w, "t"), put_count(&w, 0);
    put_name(&w, "x"), put_count(&w, 3);
    put(&w, 0, 4), put_count(&w, 0);
    put(&w, 11, 4), put_count(&w, 1);
    const size_t v = put_variable(&w, "v", 2, (const int[]){0, 1}, NULL, 0, SHORT);
    set_begin(&w, v);
    for (int i = 0; i < 9; i++) {
        put(&w, (uint64_t)i + 7, 2);
    }
    write_file(GRID, w.data, w.n);
    as_netcdf *file = NULL;
    const as_netcdf_variable *variable = NULL;
    double value[9];
    assert_ok(as_netcdf_open(GRID, &file));
    assert_ok(as_netcdf_find(file, "v", &variable));
    as_netcdf_read(file, variable, 0, 9, value);
    for (int i = 0; i < 9; i++) {
        assert_true(value[i] == i + 7);
    }
    as_netcdf_read(file, variable, 5, 2, value);
    assert_true(value[0] == 12 && value[1] == 13);
    as_netcdf_close(&file);
}

/* A variable of more axes than are read still takes its place in each record. */
static void test_records_of_many_axes_are_passed_over(void **state)
{
    (void)state;
    const int deep[] = {0, 1, 1, 1, 1, 1, 1, 1};
    enum { AXES = sizeof deep / sizeof *deep, CELLS = 1 << (AXES - 1) };
    writer w = {.version = 2};
    memcpy(w.data, "CDF\2", 4);
    w.n = 4;
    put_count(&w, 2);
    put(&w, 10, 4), put_count(&w, 2);
    put_name(&w, "t"), put_count(&w, 0);
    put_name(&w, "x"), put_count(&w, 2);
    put(&w, 0, 4), put_count(&w, 0);
    put(&w, 11, 4), put_count(&w, 2);
    const size_t many = put_variable(&w, "many", AXES, deep, NULL, 0, FLOAT);
    const size_t v = put_variable(&w, "v", 1, deep, NULL, 0, FLOAT);
    for (int t = 0; t < 2; t++) {
        if (t == 0) {
            set_begin(&w, many);
        }
        for (int i = 0; i < CELLS; i++) {
            put_float(&w, 1);
        }
        if (t == 0) {
            set_begin(&w, v);
        }
        put_float(&w, (float)(5 + t));
    }
    write_file(GRID, w.data, w.n);
    as_netcdf *file = NULL;
    const as_netcdf_variable *variable = NULL;
    double value[2];
    assert_ok(as_netcdf_open(GRID, &file));
    assert_fails(AS_DATA, "at most 7 axes, found more", as_netcdf_find(file, "many", &variable));
    assert_ok(as_netcdf_find(file, "v", &variable));
    as_netcdf_read(file, variable, 0, 2, value);
    assert_true(value[0] == 5 && value[1] == 6);
    as_netcdf_close(&file);
}

static void test_bad_files_are_refused(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(2, 1, 0);
    as_dataset data;
    as_netcdf *file = NULL;
    writer w;
    make_grid(&w, 2);
    for (size_t n = 1; n < w.n; n++) { /* cut anywhere */
        write_file(GRID, w.data, n);
        assert_fails(AS_DATA, "grid.nc", as_netcdf_open(GRID, &file));
    }
    for (size_t at = 4; at < 300; at++) { /* any byte of the header made large: refused, or read within the file */
        writer bad = w;
        bad.data[at] = 0xFF;
        write_file(GRID, bad.data, bad.n);
        if (as_netcdf_open(GRID, &file) == AS_OK) {
            for (int i = 0; i < as_netcdf_variables(file); i++) {
                const as_netcdf_variable *v = as_netcdf_variable_at(file, i);
                double *value = malloc((size_t)v->elements * sizeof *value + 1);
                if (v->axes <= AS_NETCDF_AXES_MAX) {
                    as_netcdf_read(file, v, 0, v->elements, value);
                }
                free(value);
            }
            as_netcdf_close(&file);
        }
    }
    write_grid(1);
    assert_ok(parse_data(s, "train: {format: netcdf, file: " GRID ", x: [sts], y: wind}\n", &options));
    assert_fails(AS_DATA, "no variable \"sts\"; did you mean \"sst\"?",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_ok(parse_data(s, "train: {format: netcdf, file: " GRID ", x: [name], y: wind}\n", &options));
    assert_fails(AS_DATA, "found characters", as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_ok(parse_data(s, "train: {format: netcdf, file: " GRID ", x: [wind], y: sst}\n", &options));
    assert_fails(AS_DATA, "row 10, sst: missing value",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    write_file(GRID, "\x89HDF\r\n\x1a\n", 8);
    assert_fails(AS_DATA, "netCDF-4 files are read by format: hdf5",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points_of_a_grid_in_all_versions),
        cmocka_unit_test(test_fields_of_each_record),
        cmocka_unit_test(test_a_single_record_variable_is_not_padded),
        cmocka_unit_test(test_records_of_many_axes_are_passed_over),
        cmocka_unit_test(test_bad_files_are_refused),
    };
    return cmocka_run_group_tests(tests, setup_begin, setup_end);
}
