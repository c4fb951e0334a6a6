/* Weights of Keras in HDF5: what the arrays of both of its layouts are called, what is left out, and their values. */
#include "io/tensors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "io/h5_write.h"

static as_world *world;
static const char path[] = TEST_SCRATCH "/keras.h5";

enum { COUNT = 6 };

/* A file of arrays (2, 3) or, where the path ends with bias or 1, (3): element i of array k is 10 k + i. */
static void write_file(int n, const char *const *names)
{
    static const int64_t wide[] = {2, 3}, narrow[] = {3};
    float data[8][COUNT];
    as_h5_item items[8];
    as_h5_piece piece[8];
    for (int k = 0; k < n; k++) {
        const bool vector = strstr(names[k], "bias") != NULL || names[k][strlen(names[k]) - 1] == '1';
        for (int i = 0; i < COUNT; i++) {
            data[k][i] = (float)(10 * k + i);
        }
        piece[k] = (as_h5_piece){.count = vector ? 3 : COUNT, .data = data[k]};
        items[k] = (as_h5_item){.name = names[k],
                                .type = AS_F32,
                                .rank = vector ? 1 : 2,
                                .dim = vector ? narrow : wide,
                                .npieces = 1,
                                .piece = &piece[k]};
    }
    assert_int_equal(as_h5_write(world, path, 0, NULL, n, items, NULL), AS_OK);
}

static void check_array(const as_tensor_file *file, const char *name, int k, int64_t count)
{
    double value[COUNT];
    const as_stored_tensor *t = as_tensor_file_find(file, name);
    if (t == NULL || t->count != count) {
        fail_msg("%s: not found, or of other extents", name);
    }
    assert_int_equal(as_tensor_file_read(file, t, value), AS_OK);
    for (int i = 0; i < count; i++) {
        assert_true(value[i] == 10 * k + i);
    }
}

static void test_names_of_saved_models(void **state)
{
    (void)state;
    static const char *const names[] = {"/model_weights/dense/sequential/dense/kernel",
                                        "/model_weights/dense/sequential/dense/bias", "/optimizer_weights/adam/m",
                                        "/model_weights/up/sequential/up/lstm_cell/recurrent_kernel",
                                        "/model_weights/top_level_model_weights/x"};
    as_tensor_file file;
    write_file(5, names);
    assert_int_equal(as_tensor_file_open(path, &file), AS_OK);
    assert_int_equal(file.n, 3);
    assert_false(file.numbered);
    check_array(&file, "dense.kernel", 0, 6);
    check_array(&file, "dense.bias", 1, 3);
    check_array(&file, "up.recurrent_kernel", 3, 6);
    as_tensor_file_close(&file);
}

static void test_names_of_saved_weights(void **state)
{
    (void)state;
    static const char *const names[] = {"/layers/dense/vars/0", "/layers/dense/vars/1", "/layers/lstm/cell/vars/0",
                                        "/layers/dropout/seed_generator/vars/0", "/optimizer/vars/0"};
    static const char *const older[] = {"/dense/dense/kernel:0", "/dense/dense/bias:0"};
    as_tensor_file file;
    write_file(5, names);
    assert_int_equal(as_tensor_file_open(path, &file), AS_OK);
    assert_int_equal(file.n, 3);
    assert_true(file.numbered);
    check_array(&file, "dense.0", 0, 6);
    check_array(&file, "dense.1", 1, 3);
    check_array(&file, "lstm.0", 2, 6);
    as_tensor_file_close(&file);
    write_file(2, older);
    assert_int_equal(as_tensor_file_open(path, &file), AS_OK);
    check_array(&file, "dense.kernel", 0, 6);
    check_array(&file, "dense.bias", 1, 3);
    as_tensor_file_close(&file);
}

static void test_a_file_without_weights(void **state)
{
    (void)state;
    static const char *const names[] = {"/optimizer/vars/0"};
    as_tensor_file file;
    write_file(1, names);
    assert_int_equal(as_tensor_file_open(path, &file), AS_DATA);
    assert_non_null(strstr(as_error_message(), "expected weights of Keras, found no arrays"));
    as_tensor_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_saved_models),
        cmocka_unit_test(test_names_of_saved_weights),
        cmocka_unit_test(test_a_file_without_weights),
    };
    if (as_world_open(&(as_world_options){0}, &world) != AS_OK) {
        return 1;
    }
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    as_world_close(&world);
    unlink(path);
    return failed;
}
