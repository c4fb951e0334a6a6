/* Files of named arrays: what NumPy and safetensors write is read, what is written reads back, broken files are
   refused. */
#include <math.h>

#include "data_setup.h"
#include "io/tensors.h"
#include "reference/tensors.h"

static const char path[] = SCRATCH("tensors.bin");

static void check_weight(const as_tensor_file *file)
{
    const as_stored_tensor *t = as_tensor_file_find(file, "weight");
    double w[6];
    assert_non_null(t);
    assert_int_equal(t->rank, 2);
    assert_int_equal(t->dim[0], 2);
    assert_int_equal(t->dim[1], 3);
    assert_ok(as_tensor_file_read(file, t, w));
    for (int i = 0; i < 6; i++) {
        assert_true(w[i] == 0.5 * i - 1);
    }
}

static void check_double(const as_tensor_file *file)
{
    double d[2];
    const as_stored_tensor *t = as_tensor_file_find(file, "double");
    assert_non_null(t);
    assert_int_equal(t->count, 2);
    assert_ok(as_tensor_file_read(file, t, d));
    assert_true(d[0] == 1.0 / 3 && d[1] == -2.5e300);
}

/* The arrays that the plain NPZ and the safetensors file both hold. */
static void check_others(const as_tensor_file *file)
{
    double d[4];
    check_double(file);
    assert_ok(as_tensor_file_read(file, as_tensor_file_find(file, "half"), d));
    assert_true(d[0] == 1.5 && d[1] == -0.25 && d[2] == 65504);
    assert_ok(as_tensor_file_read(file, as_tensor_file_find(file, "count"), d));
    assert_true(d[0] == 1 && d[1] == -2 && d[2] == 3 && d[3] == 0x1p40);
}

static void test_files_of_numpy(void **state)
{
    (void)state;
    as_tensor_file file;
    write_file(path, npz_plain, sizeof npz_plain);
    assert_ok(as_tensor_file_open(path, &file));
    assert_int_equal(file.n, 4); /* the scalar is left out */
    assert_null(as_tensor_file_find(&file, "scalar"));
    check_weight(&file);
    check_others(&file);
    as_tensor_file_close(&file);

    double zeros[4096];
    write_file(path, npz_packed, sizeof npz_packed);
    assert_ok(as_tensor_file_open(path, &file));
    check_weight(&file);
    check_double(&file);
    assert_ok(as_tensor_file_read(&file, as_tensor_file_find(&file, "zeros"), zeros));
    for (int i = 0; i < 4096; i++) {
        assert_true(zeros[i] == 0);
    }
    as_tensor_file_close(&file);
}

static void test_fortran_order_and_what_is_no_number(void **state)
{
    (void)state;
    as_tensor_file file;
    double cube[24];
    write_file(path, npz_turned, sizeof npz_turned);
    assert_ok(as_tensor_file_open(path, &file));
    assert_int_equal(file.n, 2);
    check_weight(&file);
    assert_ok(as_tensor_file_read(&file, as_tensor_file_find(&file, "cube"), cube));
    for (int i = 0; i < 24; i++) {
        assert_true(cube[i] == i);
    }
    assert_non_null(strstr(as_tensor_file_left(&file, "text"),
                           "text: expected integers or floats of 1 to 8 bytes, found NPY type '<U1'"));
    assert_null(as_tensor_file_left(&file, "weight"));
    as_tensor_file_close(&file);
}

/* A safetensors file may hold nothing. */
static void test_no_arrays(void **state)
{
    (void)state;
    as_tensor_file file;
    write_file(path, "\x08\0\0\0\0\0\0\0{}      ", 16);
    assert_ok(as_tensor_file_open(path, &file));
    assert_int_equal(file.n, 0);
    as_tensor_file_close(&file);
}

static void test_file_of_safetensors(void **state)
{
    (void)state;
    as_tensor_file file;
    double scalar;
    write_file(path, safetensors_file, sizeof safetensors_file);
    assert_ok(as_tensor_file_open(path, &file));
    assert_int_equal(file.n, 5);
    check_weight(&file);
    check_others(&file);
    const as_stored_tensor *t = as_tensor_file_find(&file, "scalar");
    assert_non_null(t);
    assert_int_equal(t->rank, 0);
    assert_ok(as_tensor_file_read(&file, t, &scalar));
    assert_true(scalar == 7);
    as_tensor_file_close(&file);
}

static void test_written_files_read_back(void **state)
{
    (void)state;
    enum { LARGE = 40000 }; /* several pieces of the reader */
    static double large[LARGE], back[LARGE];
    for (int i = 0; i < LARGE; i++) {
        large[i] = sin(i) * 1e10;
    }
    const float weight[6] = {-1, -0.5F, 0, 0.5F, 1, 1.5F};
    const as_tensor tensor[] = {{"weight", AS_F32, 2, {2, 3}, weight},
                                {"a/b.large", AS_F64, 1, {LARGE}, large},
                                {"none", AS_F32, 2, {0, 3}, weight}};
    for (int npz = 0; npz < 2; npz++) {
        as_tensor_file file;
        const int n = npz ? 2 : 3; /* NumPy arrays here have rows */
        assert_ok(npz ? as_npz_write(path, n, tensor)
                      : as_safetensors_write(path, "\"format\":\"pt\",\"quote\":\"\\\"\"", n, tensor));
        assert_ok(as_tensor_file_open(path, &file));
        assert_int_equal(file.n, n);
        check_weight(&file);
        assert_ok(as_tensor_file_read(&file, as_tensor_file_find(&file, "a/b.large"), back));
        assert_memory_equal(back, large, sizeof large);
        as_tensor_file_close(&file);
    }
}

static as_status read_all(void)
{
    as_tensor_file file;
    double *room = malloc(1 << 20);
    as_status status = as_tensor_file_open(path, &file);
    for (int i = 0; i < file.n && status == AS_OK; i++) {
        if (file.tensor[i].count <= (1 << 20) / 8) {
            status = as_tensor_file_read(&file, &file.tensor[i], room);
        }
    }
    as_tensor_file_close(&file);
    free(room);
    return status;
}

/* Every truncation of a file is refused, and no changed byte does harm. */
static void test_broken_files(void **state)
{
    (void)state;
    static const struct {
        const uint8_t *data;
        size_t bytes;
    } files[] = {{npz_plain, sizeof npz_plain},
                 {npz_packed, sizeof npz_packed},
                 {npz_turned, sizeof npz_turned},
                 {safetensors_file, sizeof safetensors_file}};
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        for (size_t bytes = 1; bytes < files[f].bytes; bytes += 7) {
            write_file(path, files[f].data, bytes);
            assert_int_equal(read_all(), AS_DATA);
        }
        uint8_t changed[4096];
        for (size_t at = 0; at < files[f].bytes; at += 3) {
            memcpy(changed, files[f].data, files[f].bytes);
            changed[at] ^= 0xFF;
            write_file(path, changed, files[f].bytes);
            const as_status status = read_all();
            assert_true(status == AS_OK || status == AS_DATA);
        }
    }
    assert_fails(AS_NOINPUT, "absent.npz",
                 (remove(SCRATCH("absent.npz")), as_tensor_file_open(SCRATCH("absent.npz"), &(as_tensor_file){0})));
    /* A flipped bit of stored data is caught by the archive's checksum. */
    uint8_t changed[sizeof npz_plain];
    memcpy(changed, npz_plain, sizeof npz_plain);
    const uint8_t minus_one[4] = {0, 0, 0x80, 0xBF};
    const uint8_t *weight = memmem(changed, sizeof changed, minus_one, 4);
    assert_non_null(weight);
    changed[weight - changed] ^= 1;
    write_file(path, changed, sizeof changed);
    assert_fails(AS_DATA, "weight: its checksum is wrong", read_all());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_of_numpy),
        cmocka_unit_test(test_fortran_order_and_what_is_no_number),
        cmocka_unit_test(test_no_arrays),
        cmocka_unit_test(test_file_of_safetensors),
        cmocka_unit_test(test_written_files_read_back),
        cmocka_unit_test(test_broken_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
