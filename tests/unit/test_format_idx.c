/* IDX files, plain and packed: right values, and one clear refusal for everything else. */
#include <unistd.h>
#include <zlib.h>

#include "data_setup.h"
#include "io/array.h"

enum { ROWS = 5, HEAD = 16, BYTES = HEAD + ROWS * 6 };

/* (5, 2, 3) uint8: 0, 1, 2, ... */
static void make(uint8_t file[BYTES])
{
    const uint8_t head[HEAD] = {0, 0, 8, 3, 0, 0, 0, ROWS, 0, 0, 0, 2, 0, 0, 0, 3};
    memcpy(file, head, HEAD);
    for (int i = 0; i < ROWS * 6; i++) {
        file[HEAD + i] = (uint8_t)i;
    }
}

static size_t pack(const void *data, size_t bytes, uint8_t *out, size_t room)
{
    z_stream z = {
        .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)bytes, .next_out = out, .avail_out = (uInt)room};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

static void check_values(const char *path)
{
    as_array array;
    uint8_t data[ROWS * 6];
    assert_ok(as_array_open_idx(path, &array));
    assert_int_equal(array.rows, ROWS);
    assert_int_equal(array.shape.rank, 2);
    assert_int_equal(array.width, 6);
    assert_ok(as_array_read(&array, 0, ROWS, data));
    for (int i = 0; i < ROWS * 6; i++) {
        assert_int_equal(data[i], i);
    }
    for (int row = ROWS - 1; row >= 0; row--) { /* backwards, too */
        assert_ok(as_array_read(&array, row, 1, data));
        assert_int_equal(data[0], 6 * row);
    }
    as_array_close(&array);
}

static void test_plain_and_packed_give_the_same_rows(void **state)
{
    (void)state;
    uint8_t file[BYTES], packed[256];
    make(file);
    write_file(SCRATCH("a.idx"), file, sizeof file);
    check_values(SCRATCH("a.idx"));
    write_file(SCRATCH("a.idx.gz"), packed, pack(file, sizeof file, packed, sizeof packed));
    check_values(SCRATCH("a.idx.gz"));
}

static void test_element_types_are_big_endian(void **state)
{
    (void)state;
    as_array array;
    const uint8_t shorts[] = {0, 0, 0x0B, 1, 0, 0, 0, 2, 0x01, 0x02, 0xFF, 0xFE};
    int16_t s[2];
    write_file(SCRATCH("t.idx"), shorts, sizeof shorts);
    assert_ok(as_array_open_idx(SCRATCH("t.idx"), &array));
    assert_ok(as_array_read(&array, 0, 2, s));
    assert_int_equal(s[0], 0x0102);
    assert_int_equal(s[1], -2);
    as_array_close(&array);
    const uint8_t doubles[] = {0, 0, 0x0E, 1, 0, 0, 0, 1, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0};
    double d;
    write_file(SCRATCH("t.idx"), doubles, sizeof doubles);
    assert_ok(as_array_open_idx(SCRATCH("t.idx"), &array));
    assert_ok(as_array_read(&array, 0, 1, &d));
    assert_true(d == 1.5);
    as_array_close(&array);
}

/* Opens and reads all; the status of whichever failed. */
static as_status open_and_read_to(const char *path, uint8_t data[ROWS * 6])
{
    as_array array;
    AS_TRY(as_array_open_idx(path, &array));
    const as_status status = as_array_read(&array, 0, array.rows < ROWS ? array.rows : ROWS, data);
    as_array_close(&array);
    return status;
}

static as_status open_and_read(const char *path)
{
    uint8_t data[ROWS * 6];
    return open_and_read_to(path, data);
}

static void test_truncation_at_every_byte_is_refused(void **state)
{
    (void)state;
    uint8_t file[BYTES], packed[256];
    make(file);
    for (size_t n = 0; n < sizeof file; n++) {
        write_file(SCRATCH("cut.idx"), file, n);
        assert_fails(AS_DATA, "cut.idx", open_and_read(SCRATCH("cut.idx")));
    }
    const size_t size = pack(file, sizeof file, packed, sizeof packed);
    for (size_t n = 0; n < size; n++) {
        write_file(SCRATCH("cut.idx.gz"), packed, n);
        assert_fails(AS_DATA, "cut.idx.gz", open_and_read(SCRATCH("cut.idx.gz")));
    }
}

static void test_every_flipped_bit_of_a_packed_file_is_refused_or_harmless(void **state)
{
    (void)state;
    uint8_t file[BYTES], packed[256];
    make(file);
    const size_t size = pack(file, sizeof file, packed, sizeof packed);
    uint8_t data[ROWS * 6];
    size_t refused = 0;
    for (size_t bit = 8 * 10; bit < 8 * size; bit++) { /* the first ten bytes are gzip's header: time, system */
        packed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        write_file(SCRATCH("bit.idx.gz"), packed, size);
        const as_status status = open_and_read_to(SCRATCH("bit.idx.gz"), data);
        refused += status == AS_DATA;
        if (status == AS_OK) {
            assert_memory_equal(data, file + HEAD, ROWS * 6);
        } else {
            assert_int_equal(status, AS_DATA);
        }
        packed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(refused + 7 >= 8 * (size - 10)); /* up to seven bits only fill the last byte of the content */
}

static void test_lies_about_sizes_are_refused(void **state)
{
    (void)state;
    uint8_t file[BYTES + 1], packed[256];
    make(file);
    file[BYTES] = 0;
    write_file(SCRATCH("lie.idx"), file, BYTES + 1);
    assert_fails(AS_DATA, "expected 46 bytes, found 47", open_and_read(SCRATCH("lie.idx")));
    write_file(SCRATCH("lie.idx.gz"), packed, pack(file, BYTES + 1, packed, sizeof packed));
    assert_fails(AS_DATA, "found more", open_and_read(SCRATCH("lie.idx.gz")));
    memset(file + 4, 0xFF, 12); /* 2^32 - 1 along every axis */
    write_file(SCRATCH("lie.idx"), file, BYTES);
    assert_fails(AS_DATA, "lie.idx", open_and_read(SCRATCH("lie.idx")));
    write_file(SCRATCH("lie.idx.gz"), packed, pack(file, BYTES, packed, sizeof packed));
    assert_fails(AS_DATA, "lie.idx.gz", open_and_read(SCRATCH("lie.idx.gz")));
    make(file);
    file[7] = 0;
    write_file(SCRATCH("lie.idx"), file, HEAD);
    assert_fails(AS_DATA, "no data: 0 rows", open_and_read(SCRATCH("lie.idx")));
}

static void test_foreign_files_are_refused(void **state)
{
    (void)state;
    uint8_t file[BYTES];
    make(file);
    file[0] = 'P';
    write_file(SCRATCH("f.idx"), file, BYTES);
    assert_fails(AS_DATA, "expected an IDX file", open_and_read(SCRATCH("f.idx")));
    make(file);
    file[2] = 7;
    write_file(SCRATCH("f.idx"), file, BYTES);
    assert_fails(AS_DATA, "found 0x07", open_and_read(SCRATCH("f.idx")));
    make(file);
    file[3] = 9;
    write_file(SCRATCH("f.idx"), file, BYTES);
    assert_fails(AS_DATA, "1 to 7 axes", open_and_read(SCRATCH("f.idx")));
    assert_fails(AS_NOINPUT, "nowhere.idx", open_and_read(SCRATCH("nowhere.idx")));
    assert_fails(AS_DATA, "a directory", open_and_read(TEST_SCRATCH));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_and_packed_give_the_same_rows),
        cmocka_unit_test(test_element_types_are_big_endian),
        cmocka_unit_test(test_truncation_at_every_byte_is_refused),
        cmocka_unit_test(test_every_flipped_bit_of_a_packed_file_is_refused_or_harmless),
        cmocka_unit_test(test_lies_about_sizes_are_refused),
        cmocka_unit_test(test_foreign_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
