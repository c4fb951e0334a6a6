/* Scale and shift from the training rows. */
#include <math.h>

#include "data_setup.h"

static as_lanes lanes;

static void open_train(data_setup *s, const char *yaml, as_data_options *options, as_dataset *train)
{
    assert_ok(parse_data(s, yaml, options));
    assert_ok(as_dataset_open(options, AS_TRAIN, s->world, &lanes, 1, NULL, train));
}

static double value(const as_dataset *data, int64_t row, int64_t column)
{
    const int64_t at = row * data->width + column;
    return data->type == AS_U8 ? (double)((uint8_t *)data->x)[at] : (double)((float *)data->x)[at];
}

/* The plain two-pass moments; long double leaves no rounding to speak of. */
static void plain(const as_dataset *data, int64_t column, double *mean, double *std)
{
    long double sum = 0, square = 0;
    for (int64_t i = 0; i < data->rows; i++) {
        sum += (long double)value(data, i, column);
    }
    *mean = (double)(sum / (long double)data->rows);
    for (int64_t i = 0; i < data->rows; i++) {
        const long double d = (long double)value(data, i, column) - sum / (long double)data->rows;
        square += d * d;
    }
    *std = (double)sqrtl(square / (long double)data->rows);
}

static void check_mean_std(data_setup *s, const char *yaml)
{
    as_data_options options;
    as_dataset train;
    as_normalization n;
    open_train(s, yaml, &options, &train);
    assert_ok(as_normalization_fit(&options, &train, s->world, as_kernels_get(AS_PORTABLE, AS_FLOAT32), &n));
    assert_false(n.identity);
    for (int64_t j = 0; j < train.width; j++) {
        double mean, std;
        plain(&train, j, &mean, &std);
        if (std > 0) {
            /* Welford and Chan: relative error of M2 below rows * eps = 1.6e-13 * a few. */
            assert_true(fabs(n.scale[j] * std - 1) < 1e-11);
            assert_true(fabs(n.shift[j] * std + mean) < 1e-11 * (1 + fabs(mean)));
        } else {
            assert_true(n.scale[j] == 1 && fabs(n.shift[j] + mean) < 1e-12);
        }
        assert_true(((float *)n.scale_real)[j] == (float)n.scale[j]);
    }
    as_normalization_destroy(&n);
    as_dataset_close(&train);
}

static void test_mean_std_equals_the_plain_moments(void **state)
{
    check_mean_std(*state, "train: {format: builtin, name: digits}\nnormalize: mean_std\n");
    check_mean_std(*state, "train: {format: builtin, name: linear, samples: 700}\nnormalize: mean_std\n");
}

static void test_none_scale_and_given(void **state)
{
    data_setup *s = *state;
    const as_kernels *kernels = as_kernels_get(AS_PORTABLE, AS_FLOAT64);
    as_data_options options;
    as_dataset train;
    as_normalization n;
    open_train(s, "train: {format: builtin, name: digits}\n", &options, &train);
    assert_ok(as_normalization_fit(&options, &train, s->world, kernels, &n));
    assert_true(n.identity);
    as_normalization_destroy(&n);
    options.normalize = AS_NORMALIZE_SCALE;
    assert_ok(as_normalization_fit(&options, &train, s->world, kernels, &n));
    assert_true(n.scale[5] == 1.0 / 16 && n.shift[5] == 0 && !n.identity);
    as_normalization_destroy(&n);
    options.normalize = AS_NORMALIZE_GIVEN;
    options.mean = 4;
    options.std = 2;
    assert_ok(as_normalization_fit(&options, &train, s->world, kernels, &n));
    assert_true(n.scale[0] == 0.5 && n.shift[0] == -2);
    as_normalization again;
    assert_ok(as_normalization_load(n.width, n.scale, n.shift, n.fill, kernels, &again));
    assert_memory_equal(again.scale_real, n.scale_real, 64 * sizeof(double));
    as_normalization_destroy(&again);
    as_normalization_destroy(&n);
    as_dataset_close(&train);
}

static int begin(void **state)
{
    if (setup_begin(state) != 0) {
        return -1;
    }
    return as_lanes_create(24, ((data_setup *)*state)->world, &lanes) == AS_OK ? 0 : -1;
}

static int end(void **state)
{
    as_lanes_destroy(&lanes);
    return setup_end(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean_std_equals_the_plain_moments),
        cmocka_unit_test(test_none_scale_and_given),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
