/* The public interface: a model trained from C predicts from C what the program would, and refuses what it must. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "allsum/allsum.h"
#include "base/target.h"
#include "io/h5_contents.h"

static const char *const sets[] = {
    "data.train={format: builtin, name: linear, samples: 512}",
    "data.test={format: builtin, name: linear, part: test, samples: 512}",
    "data.normalize=none",
    "data.validation=0",
    "model={layers: [{dense: {units: 1}}], loss: mse}",
    "optimizer={type: adam, lr: 0.05}",
    "train={batch: 64, epochs: 60}",
    "name=embed",
};

static void make_scratch(char *dir, size_t bytes)
{
    snprintf(dir, bytes, "%s/embed-XXXXXX", TEST_SCRATCH);
    assert_non_null(mkdtemp(dir));
}

static void remove_folder(const char *dir)
{
    char command[600];
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    assert_int_equal(system(command), 0);
}

static void test_trained_model_predicts_the_linear_law(void **state)
{
    (void)state;
    char dir[512];
    make_scratch(dir, sizeof dir);
    const as_job job = {.nsets = sizeof sets / sizeof sets[0], .sets = sets, .dir = dir, .threads = 2};
    assert_int_equal(as_train(&job), AS_OK);

    as_predictor *p = NULL;
    assert_int_equal(as_predictor_open(dir, 2, &p), AS_OK);
    const int64_t width = as_predictor_inputs(p);
    assert_int_equal(as_predictor_outputs(p), 1);
    /* The model is affine: f(a) + f(b) = f(a + b) + f(0), to float rounding of values of order 10. */
    double *x = calloc(4 * (size_t)width, sizeof *x), y[4];
    for (int64_t i = 0; i < width; i++) {
        x[width + i] = 0.25 * (double)(i % 3);
        x[2 * width + i] = 0.5 - 0.125 * (double)(i % 5);
        x[3 * width + i] = x[width + i] + x[2 * width + i];
    }
    assert_int_equal(as_predictor_run(p, 4, x, y), AS_OK);
    assert_true(y[1] != y[0]);
    const double error = y[1] + y[2] - y[3] - y[0];
    assert_true(error < 1e-5 && error > -1e-5);
    free(x);
    as_predictor_close(&p);
    assert_null(p);
    remove_folder(dir);
}

static void test_rows_beyond_a_batch_predict_as_alone(void **state)
{
    (void)state;
    char dir[512];
    enum { ROWS = 2500 };
    make_scratch(dir, sizeof dir);
    const as_job job = {.nsets = sizeof sets / sizeof sets[0], .sets = sets, .dir = dir, .max_steps = 3};
    assert_int_equal(as_train(&job), AS_STOPPED);
    as_predictor *p = NULL;
    assert_int_equal(as_predictor_open(dir, 1, &p), AS_OK);
    const int64_t width = as_predictor_inputs(p);
    double *x = malloc(ROWS * (size_t)width * sizeof *x), *y = malloc(ROWS * sizeof *y), alone;
    for (int64_t i = 0; i < ROWS * width; i++) {
        x[i] = (double)(i * 7919 % 1000) / 1000.0 - 0.5;
    }
    assert_int_equal(as_predictor_run(p, ROWS, x, y), AS_OK);
    for (int64_t r = 0; r < ROWS; r += 311) {
        assert_int_equal(as_predictor_run(p, 1, x + r * width, &alone), AS_OK);
        assert_memory_equal(&alone, &y[r], sizeof alone);
    }
    free(x);
    free(y);
    as_predictor_close(&p);
    remove_folder(dir);
}

static void test_missing_model_is_refused(void **state)
{
    (void)state;
    as_predictor *p = NULL;
    assert_int_equal(as_predictor_open(TEST_SCRATCH "/no-such-run", 1, &p), AS_NOINPUT);
    assert_null(p);
    assert_non_null(strstr(as_error_message(), "no-such-run"));
}

/* A file with good hashes whose /data and /normalization do not belong together. */
static as_status open_crafted(const char *path, const char *config, const int64_t *shape, int64_t axes, int64_t width,
                              int32_t target)
{
    static const double numbers[100];
    const int64_t zero = 0, one = 1;
    const as_h5_piece shape_piece = {.count = axes, .data = shape}, numbers_piece = {.count = width, .data = numbers};
    const as_h5_piece target_piece = {.count = 1, .data = &target}, zero_piece = {.count = 1, .data = &zero};
    const as_h5_piece one_piece = {.count = 1, .data = &one};
    const as_h5_item item[] = {
        {.name = "/config", .text = config},
        {.name = "/data/shape", .type = AS_I64, .rank = 1, .dim = &axes, .npieces = axes > 0, .piece = &shape_piece},
        {.name = "/data/target", .type = AS_I32, .npieces = 1, .piece = &target_piece},
        {.name = "/data/classes", .type = AS_I64, .npieces = 1, .piece = &zero_piece},
        {.name = "/data/targets", .type = AS_I64, .npieces = 1, .piece = &one_piece},
        {.name = "/data/positions", .type = AS_I64, .npieces = 1, .piece = &one_piece},
        {.name = "/normalization/scale",
         .type = AS_F64,
         .rank = 1,
         .dim = &width,
         .npieces = 1,
         .piece = &numbers_piece},
        {.name = "/normalization/shift",
         .type = AS_F64,
         .rank = 1,
         .dim = &width,
         .npieces = 1,
         .piece = &numbers_piece},
        {.name = "/normalization/fill",
         .type = AS_F64,
         .rank = 1,
         .dim = &width,
         .npieces = 1,
         .piece = &numbers_piece},
    };
    const as_h5_attribute lanes = {.name = "lanes", .value = 4};
    as_world *world = NULL;
    as_predictor *p = NULL;
    assert_int_equal(as_world_open(&(as_world_options){0}, &world), AS_OK);
    assert_int_equal(as_h5_write(world, path, 1, &lanes, sizeof item / sizeof item[0], item, NULL), AS_OK);
    as_world_close(&world);
    const as_status status = as_predictor_open(path, 1, &p);
    as_predictor_close(&p);
    return status;
}

static void test_sizes_in_a_checkpoint_are_not_believed(void **state)
{
    (void)state;
    char dir[512], path[600], *config = NULL;
    make_scratch(dir, sizeof dir);
    const as_job job = {.nsets = sizeof sets / sizeof sets[0], .sets = sets, .dir = dir, .max_steps = 1};
    assert_int_equal(as_train(&job), AS_STOPPED);
    as_h5_contents *file = NULL;
    snprintf(path, sizeof path, "%s/checkpoints/step-000000000001.h5", dir);
    assert_int_equal(as_h5_contents_open(path, &file), AS_OK);
    assert_int_equal(as_h5_contents_text(file, "/config", &config), AS_OK);
    as_h5_contents_close(&file);
    snprintf(path, sizeof path, "%s/crafted.h5", dir);
    /* 2^61 doubles are 0 bytes to a product of 64 bits. */
    assert_int_equal(open_crafted(path, config, (const int64_t[]){INT64_C(1) << 61}, 1, 100, AS_TARGET_REALS), AS_DATA);
    assert_non_null(strstr(as_error_message(), "/normalization/scale: expected 2305843009213693952 values, found 100"));
    assert_int_equal(open_crafted(path, config, (const int64_t[]){-3}, 1, 100, AS_TARGET_REALS), AS_DATA);
    assert_non_null(strstr(as_error_message(), "/data/shape"));
    assert_int_equal(open_crafted(path, config, (const int64_t[]){100}, 1, 100, 7), AS_DATA);
    assert_non_null(strstr(as_error_message(), "impossible target 7"));
    free(config);
    remove_folder(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trained_model_predicts_the_linear_law),
        cmocka_unit_test(test_rows_beyond_a_batch_predict_as_alone),
        cmocka_unit_test(test_missing_model_is_refused),
        cmocka_unit_test(test_sizes_in_a_checkpoint_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
