/* Windows over the rows of a series: inputs, targets from the future, the split in time, normalisation by column, NaN.
 */
#include "unit/data_setup.h"

#include <math.h>

#include "kernels/kernels.h"

#define SERIES SCRATCH("series.csv")

enum { N = 211 };

static double a_of(int64_t t)
{
    return (double)(t * t % 37) - 11.5;
}

static double b_of(int64_t t)
{
    return (double)(3 * t);
}

/* Columns a, b, y; the value of `a` at row `hole` is missing. */
static void write_series(int64_t n, int64_t hole)
{
    FILE *file = fopen(SERIES, "w");
    assert_non_null(file);
    fprintf(file, "a,b,y\n");
    for (int64_t t = 0; t < n; t++) {
        if (t == hole) {
            fprintf(file, ",%g,%g\n", b_of(t), (double)t / 2);
        } else {
            fprintf(file, "%g,%g,%g\n", a_of(t), b_of(t), (double)t / 2);
        }
    }
    fclose(file);
}

static double value(const as_dataset *data, int64_t row, int64_t moment, int64_t column)
{
    return ((const double *)data->x)[data->start[row] + 2 * moment + column];
}

/* Windows of `length` each `stride`, targets y of the `horizon` rows that follow. */
static void check_series(data_setup *s, int64_t length, int64_t horizon, int64_t stride, int ranks)
{
    char yaml[256];
    as_data_options options;
    int64_t total = 0;
    const int64_t rows = (N - length - horizon) / stride + 1;
    snprintf(yaml, sizeof yaml,
             "train: {format: csv, file: " SERIES
             ", target: y, labels: false, window: {length: %lld, horizon: %lld, stride: %lld}}\n",
             (long long)length, (long long)horizon, (long long)stride);
    assert_ok(parse_data(s, yaml, &options));
    for (int rank = 0; rank < ranks; rank++) {
        as_lanes lanes = lanes_of(5, ranks, rank);
        as_dataset data;
        const int64_t outcomes = horizon > 0 ? horizon : 1;
        assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
        assert_int_equal(data.rows, rows);
        assert_int_equal(data.shape.rank, 2);
        assert_int_equal(data.shape.dim[0], length);
        assert_int_equal(data.shape.dim[1], 2);
        assert_int_equal(data.targets, outcomes);
        for (int64_t r = 0; r < data.local_rows; r++) {
            const int64_t begin = data.id[r] * stride;
            for (int64_t t = 0; t < length; t++) {
                assert_true(value(&data, r, t, 0) == a_of(begin + t));
                assert_true(value(&data, r, t, 1) == b_of(begin + t));
            }
            for (int64_t h = 0; h < outcomes; h++) {
                const int64_t moment = begin + length + (horizon > 0 ? h : -1);
                assert_true(data.target_values[r * outcomes + h] == (double)moment / 2);
            }
        }
        total += data.local_rows;
        as_dataset_close(&data);
    }
    assert_int_equal(total, rows);
}

static void test_targets_come_after_the_window(void **state)
{
    data_setup *s = *state;
    write_series(N, -1);
    check_series(s, 7, 1, 1, 1);
    check_series(s, 7, 3, 2, 3);
    check_series(s, 7, 0, 7, 2);
    check_series(s, 4, 2, 9, 1);
    check_series(s, N - 5, 5, 3, 1);
}

/* Without a target the series itself is what comes next. */
static void test_a_series_is_its_own_target(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(3, 1, 0);
    as_dataset data;
    write_series(N, -1);
    assert_ok(parse_data(
        s, "train: {format: csv, file: " SERIES ", features: [a, b], window: {length: 5, horizon: 2, stride: 3}}\n",
        &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
    assert_int_equal(data.targets, 4);
    for (int64_t r = 0; r < data.local_rows; r++) {
        const int64_t next = 3 * data.id[r] + 5;
        const double expected[] = {a_of(next), b_of(next), a_of(next + 1), b_of(next + 1)};
        assert_memory_equal(data.target_values + 4 * r, expected, sizeof expected);
    }
    as_dataset_close(&data);
    /* predicting needs no future */
    options.test = options.train;
    as_dataset like = {.width = 10, .target = AS_TARGET_REALS, .targets = 4, .positions = 1};
    assert_ok(as_dataset_open(&options, AS_PREDICT, s->world, &lanes, 3, &like, &data));
    assert_int_equal(data.rows, (N - 5) / 3 + 1);
    as_dataset_close(&data);
}

/* No moment is in a training sample, target included, and in a held out one. */
static void test_the_split_is_in_time(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(3, 1, 0);
    as_dataset train, held;
    write_series(N, -1);
    assert_ok(parse_data(s,
                         "train: {format: csv, file: " SERIES
                         ", target: y, labels: false, window: {length: 6, horizon: 4, stride: 2}}\nvalidation: 0.3\n",
                         &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &train));
    assert_ok(as_dataset_open(&options, AS_VALIDATION, s->world, &lanes, 3, &train, &held));
    int64_t last = 0, first = N;
    for (int64_t r = 0; r < train.local_rows; r++) {
        last = 2 * train.id[r] + 9 > last ? 2 * train.id[r] + 9 : last;
    }
    for (int64_t r = 0; r < held.local_rows; r++) {
        first = 2 * held.id[r] < first ? 2 * held.id[r] : first;
    }
    assert_true(last < first);
    assert_true(last + 2 >= first);
    as_dataset_close(&held);
    as_dataset_close(&train);
}

/* mean_std of each column over the moments, each once: the same for all moments of a window. */
static void test_columns_are_normalised_over_time(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = {0};
    as_dataset data;
    as_normalization n;
    write_series(N, -1);
    assert_ok(as_lanes_create(1, s->world, &lanes));
    assert_ok(parse_data(s,
                         "train: {format: csv, file: " SERIES
                         ", target: y, labels: false, window: {length: 8}}\nnormalize: mean_std\nassign: contiguous\n",
                         &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
    assert_ok(as_normalization_fit(&options, &data, s->world, as_kernels_get(AS_PORTABLE, AS_FLOAT64), &n));
    assert_int_equal(n.width, 16);
    double sum = 0, square = 0;
    for (int64_t t = 0; t < N - 1; t++) { /* the last moment is only a target */
        sum += b_of(t);
        square += b_of(t) * b_of(t);
    }
    /* Sums of at most 210 terms: relative errors below 1e-12. */
    const double mean = sum / (N - 1), std = sqrt(square / (N - 1) - mean * mean);
    for (int64_t j = 0; j < 16; j += 2) {
        assert_true(n.scale[j] == n.scale[0] && n.shift[j] == n.shift[0]);
        assert_true(fabs(n.scale[j + 1] * std - 1) < 1e-12);
        assert_true(fabs(n.shift[j + 1] * std / mean + 1) < 1e-12);
    }
    as_normalization_destroy(&n);
    as_dataset_close(&data);
    as_lanes_destroy(&lanes);
}

static void test_missing_values_in_windows(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(3, 1, 0);
    as_dataset data;
    write_series(N, 100);
    assert_ok(parse_data(
        s, "train: {format: csv, file: " SERIES ", target: y, labels: false, window: {length: 6, stride: 2}}\n",
        &options));
    assert_fails(AS_DATA, "series.csv:features: row 4", /* a window that holds moment 100 */
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
    options.missing = AS_MISSING_DROP;
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
    assert_int_equal(data.rows, (N - 7) / 2 + 1 - 3);
    for (int64_t r = 0; r < data.local_rows; r++) {
        assert_true(2 * data.id[r] > 100 || 2 * data.id[r] + 5 < 100);
        for (int64_t t = 0; t < 6; t++) {
            assert_true(value(&data, r, t, 0) == a_of(2 * data.id[r] + t));
        }
    }
    as_dataset_close(&data);
}

static void test_impossible_windows_are_refused(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(3, 1, 0);
    as_dataset data;
    write_series(9, -1);
    assert_ok(parse_data(
        s, "train: {format: csv, file: " SERIES ", target: y, labels: false, window: {length: 7, horizon: 3}}\n",
        &options));
    assert_fails(AS_DATA, "expected at least 10 rows (window.length 7, horizon 3), found 9",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
    assert_ok(parse_data(s, "train: {format: csv, file: " SERIES ", weight: b, window: {length: 2}}\n", &options));
    assert_fails(AS_CONFIG, "samples of a series have no weights",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
    assert_fails(AS_CONFIG, "data.train.window: missing key 'length'",
                 parse_data(s, "train: {format: csv, file: " SERIES ", window: {horizon: 2}}\n", &options));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets_come_after_the_window), cmocka_unit_test(test_a_series_is_its_own_target),
        cmocka_unit_test(test_the_split_is_in_time),          cmocka_unit_test(test_columns_are_normalised_over_time),
        cmocka_unit_test(test_missing_values_in_windows),     cmocka_unit_test(test_impossible_windows_are_refused),
    };
    return cmocka_run_group_tests(tests, setup_begin, setup_end);
}
