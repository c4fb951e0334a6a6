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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trained_model_predicts_the_linear_law),
        cmocka_unit_test(test_rows_beyond_a_batch_predict_as_alone),
        cmocka_unit_test(test_missing_model_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
