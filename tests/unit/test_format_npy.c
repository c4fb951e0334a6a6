/* NPY files: every type and byte order, and refusals. */
#include "data_setup.h"
#include "io/array.h"

static const char path[] = SCRATCH("test.npy");

/* A file of a version with a header text and content. Returns its bytes. */
static size_t write_npy(int version, const char *header, const void *data, size_t bytes, uint8_t *out)
{
    const size_t length = strlen(header), at = version == 1 ? 10 : 12;
    memcpy(out, "\x93NUMPY\x00\x00", 8);
    out[6] = (uint8_t)version;
    out[8] = (uint8_t)length;
    out[9] = (uint8_t)(length >> 8);
    out[10] = out[11] = 0;
    memcpy(out + at, header, length);
    memcpy(out + at + length, data, bytes);
    write_file(path, out, at + length + bytes);
    return at + length + bytes;
}

static as_status open_header(const char *header)
{
    uint8_t out[512];
    as_array array;
    const double data[4] = {0};
    write_npy(1, header, data, sizeof data, out);
    AS_TRY(as_array_open_npy(path, &array));
    as_array_close(&array);
    return AS_OK;
}

static void test_types_and_byte_orders(void **state)
{
    (void)state;
    /* The value 2 (0x4000 0000 0000 0000 as float64) in each type, big endian; little endian is the mirror image. */
    static const struct {
        const char *code;
        as_dtype type;
        int bytes;
        uint8_t big[8];
    } types[] = {{"u1", AS_U8, 1, {2}},
                 {"b1", AS_U8, 1, {2}},
                 {"i1", AS_I8, 1, {2}},
                 {"u2", AS_U16, 2, {0, 2}},
                 {"i2", AS_I16, 2, {0, 2}},
                 {"u4", AS_U32, 4, {0, 0, 0, 2}},
                 {"i4", AS_I32, 4, {0, 0, 0, 2}},
                 {"u8", AS_U64, 8, {0, 0, 0, 0, 0, 0, 0, 2}},
                 {"i8", AS_I64, 8, {0, 0, 0, 0, 0, 0, 0, 2}},
                 {"f2", AS_F32, 2, {0x40, 0}},
                 {"f4", AS_F32, 4, {0x40, 0}},
                 {"f8", AS_F64, 8, {0x40, 0}}};
    const double two_d = 2;
    const float two_f = 2;
    for (size_t t = 0; t < 2 * sizeof types / sizeof types[0]; t++) {
        const int bytes = types[t / 2].bytes;
        uint8_t out[512], data[8], expected[8] = {2}, found[8] = {0};
        char header[128];
        as_array array;
        for (int i = 0; i < bytes; i++) {
            data[i] = types[t / 2].big[t % 2 ? i : bytes - 1 - i];
        }
        snprintf(header, sizeof header, "{'descr': '%c%s', 'fortran_order': False, 'shape': (1,), }\n",
                 t % 2 ? '>' : '<', types[t / 2].code);
        write_npy(1 + (int)(t % 3), header, data, (size_t)bytes, out);
        assert_ok(as_array_open_npy(path, &array));
        assert_int_equal(array.type, types[t / 2].type);
        assert_int_equal(array.rows, 1);
        assert_int_equal(array.shape.rank, 0);
        assert_ok(as_array_read(&array, 0, 1, found));
        if (array.type == AS_F64) {
            memcpy(expected, &two_d, 8);
        } else if (array.type == AS_F32) {
            memset(expected, 0, 8);
            memcpy(expected, &two_f, 4);
        }
        assert_memory_equal(found, expected, 8);
        as_array_close(&array);
    }
}

static void test_halves_are_widened_exactly(void **state)
{
    (void)state;
    static const struct {
        uint16_t half;
        float value;
    } pairs[] = {{0x3C00, 1.0f},
                 {0xC000, -2.0f},
                 {0x7BFF, 65504.0f},
                 {0x0001, 0x1p-24f},
                 {0x03FF, 0x3FFp-24f},
                 {0x0400, 0x1p-14f},
                 {0x8000, -0.0f},
                 {0x7C00, __builtin_inff()},
                 {0xFC00, -__builtin_inff()},
                 {0x3555, 0x1.554p-2f}};
    enum { PAIRS = sizeof pairs / sizeof pairs[0] };
    uint16_t half[PAIRS];
    float value[PAIRS];
    uint8_t out[512];
    as_array array;
    for (int i = 0; i < PAIRS; i++) {
        half[i] = pairs[i].half;
    }
    write_npy(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (5, 2), }", half, sizeof half, out);
    assert_ok(as_array_open_npy(path, &array));
    assert_ok(as_array_read(&array, 0, 5, value));
    for (int i = 0; i < PAIRS; i++) {
        assert_memory_equal(&value[i], &pairs[i].value, sizeof(float));
    }
    as_array_close(&array);
}

static void test_bad_headers_are_refused(void **state)
{
    (void)state;
    assert_ok(open_header("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }"));
    assert_ok(open_header("{'descr': '<f8', 'fortran_order': True, 'shape': (4,), }"));
    assert_fails(AS_DATA, "Fortran order", open_header("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 2), }"));
    assert_fails(AS_DATA, "'|O8'", open_header("{'descr': '|O8', 'fortran_order': False, 'shape': (4,), }"));
    assert_fails(AS_DATA, "'<U4'", open_header("{'descr': '<U4', 'fortran_order': False, 'shape': (4,), }"));
    assert_fails(AS_DATA, "type", open_header("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (4,), }"));
    assert_fails(AS_DATA, "scalar", open_header("{'descr': '<f8', 'fortran_order': False, 'shape': (), }"));
    assert_fails(AS_DATA, "no shape", open_header("{'descr': '<f8', 'fortran_order': False, }"));
    assert_fails(AS_DATA, "extent", open_header("{'descr': '<f8', 'fortran_order': False, 'shape': (4, -1), }"));
    assert_fails(AS_DATA, "extent", open_header("{'descr': '<f8', 'fortran_order': False, 'shape': (4"));
    assert_fails(AS_DATA, "room for",
                 open_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1152921504606846976,), }"));
    assert_fails(AS_DATA, "impossible",
                 open_header("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 4611686018427387904, 8), }"));
    assert_fails(AS_DATA, "extent",
                 open_header("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,), }"));
    assert_fails(AS_DATA, "no data", open_header("{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }"));
    assert_fails(AS_DATA, "expected 83 bytes, found 99",
                 open_header("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }"));
    assert_fails(AS_DATA, "7 axes",
                 open_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 4), }"));
}

static void test_truncation_at_every_byte_is_refused(void **state)
{
    (void)state;
    uint8_t out[512];
    const float data[6] = {0};
    const size_t size =
        write_npy(2, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }", data, sizeof data, out);
    for (size_t n = 0; n < size; n++) {
        as_array array;
        write_file(path, out, n);
        assert_fails(AS_DATA, "test.npy", as_array_open_npy(path, &array));
    }
}

/* Rows 3 and 5 of x and row 7 of y are missing. */
static void write_missing(float bad)
{
    uint8_t out[1024];
    float x[10 * 2], y[10];
    for (int i = 0; i < 10; i++) {
        x[2 * i] = (float)i;
        x[2 * i + 1] = i == 3 || i == 5 ? bad : 10.0f * (float)i;
        y[i] = i == 7 ? __builtin_nanf("") : (float)i;
    }
    write_npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (10,), }", y, sizeof y, out);
    assert_int_equal(rename(path, SCRATCH("missing_y.npy")), 0);
    write_npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (10, 2), }", x, sizeof x, out);
    assert_int_equal(rename(path, SCRATCH("missing_x.npy")), 0);
}

static void test_missing_values_follow_the_policy(void **state)
{
    data_setup *s = *state;
    const float bad[] = {__builtin_nanf(""), __builtin_inff(), -__builtin_inff(), -999.0f};
    for (int b = 0; b < 4; b++) {
        as_data_options options;
        as_lanes lanes;
        as_dataset data;
        as_normalization n;
        assert_ok(as_lanes_create(4, s->world, &lanes));
        write_missing(bad[b]);
        assert_ok(parse_data(s,
                             "train: {format: npy, x: " SCRATCH("missing_x.npy") ", y: " SCRATCH(
                                 "missing_y.npy") "}\nassign: contiguous\nfill: -999\n",
                             &options));
        assert_fails(AS_DATA, "missing_x.npy: row 3, element 1",
                     as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
        options.missing = AS_MISSING_DROP;
        assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
        assert_int_equal(data.rows, 7);
        const int64_t kept[] = {0, 1, 2, 4, 6, 8, 9};
        assert_memory_equal(data.id, kept, sizeof kept);
        as_dataset_close(&data);
        options.missing = AS_MISSING_MEAN;
        assert_fails(AS_DATA, "missing_y.npy: row 7",
                     as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
        assert_ok(parse_data(
            s, "train: {format: npy, x: " SCRATCH("missing_x.npy") "}\nassign: contiguous\nfill: -999\nmissing: mean\n",
            &options));
        assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
        assert_ok(as_normalization_fit(&options, &data, s->world, as_kernels_get(AS_PORTABLE, AS_FLOAT32), &n));
        as_normalization_fill(&n, &options, &data);
        const float *x = data.x; /* mean of 0, 10, 20, 40, 60, 70, 80, 90 */
        assert_true(x[2 * 3 + 1] == 46.25f && x[2 * 5 + 1] == 46.25f && x[2 * 4 + 1] == 40.0f && x[2 * 3] == 3.0f);
        as_normalization_destroy(&n);
        as_dataset_close(&data);
        as_lanes_destroy(&lanes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_and_byte_orders),
        cmocka_unit_test(test_halves_are_widened_exactly),
        cmocka_unit_test(test_bad_headers_are_refused),
        cmocka_unit_test(test_truncation_at_every_byte_is_refused),
        cmocka_unit_test(test_missing_values_follow_the_policy),
    };
    return cmocka_run_group_tests(tests, setup_begin, setup_end);
}
