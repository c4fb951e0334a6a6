/* Data sets: who holds which rows, split, policies, labels, weights, fingerprints. */
#include "data_setup.h"

static const char digits_yaml[] = "train: {format: builtin, name: digits}\n"
                                  "test: {format: builtin, name: digits}\n";

static void test_digits_are_split_without_overlap(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(24, 1, 0);
    as_dataset train, test;
    assert_ok(parse_data(s, digits_yaml, &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &train));
    assert_ok(as_dataset_open(&options, AS_TEST, s->world, &lanes, 1, &train, &test));
    assert_int_equal(train.rows, 1438);
    assert_int_equal(test.rows, 359);
    assert_int_equal(train.classes, 10);
    assert_int_equal(train.type, AS_U8);
    assert_int_equal(train.width, 64);
    /* All 1,797 images, by scikit-learn 1.9.1: load_digits().data.sum() and .target.sum(). */
    int64_t sum = 0, labels = 0;
    for (int64_t i = 0; i < 64 * train.rows; i++) {
        sum += ((uint8_t *)train.x)[i];
    }
    for (int64_t i = 0; i < 64 * test.rows; i++) {
        sum += ((uint8_t *)test.x)[i];
    }
    for (int64_t i = 0; i < train.rows + test.rows; i++) {
        labels += i < train.rows ? train.label[i] : test.label[i - train.rows];
    }
    assert_int_equal(sum, 561718);
    assert_int_equal(labels, 8070);
    as_dataset_close(&train);
    as_dataset_close(&test);
}

/* n rows of two uint8 columns, (row / 256, row % 256), and real targets equal to the row number, as NPY files. */
static void write_rows(int64_t n)
{
    char header[256];
    uint8_t *x = malloc(128 + 8 * (size_t)n);
    for (int y = 0; y < 2; y++) {
        memset(header, 0, sizeof header);
        memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);
        const int used = snprintf(header + 10, 119,
                                  y ? "{'descr': '<f8', 'fortran_order': False, 'shape': (%lld,), }"
                                    : "{'descr': '|u1', 'fortran_order': False, 'shape': (%lld, 2), }",
                                  (long long)n);
        memset(header + 10 + used, ' ', (size_t)(118 - used));
        header[127] = '\n';
        memcpy(x, header, 128);
        for (int64_t i = 0; i < n; i++) {
            const double value = (double)i;
            if (y) {
                memcpy(x + 128 + 8 * i, &value, 8);
            } else {
                x[128 + 2 * i] = (uint8_t)(i / 256);
                x[129 + 2 * i] = (uint8_t)(i % 256);
            }
        }
        write_file(y ? SCRATCH("rows_y.npy") : SCRATCH("rows_x.npy"), x, 128 + (size_t)n * (y ? 8 : 2));
    }
    free(x);
}

enum { SIZE_MOST = 20011 };

static const char rows_yaml[] = "train: {format: npy, x: " SCRATCH("rows_x.npy") ", y: " SCRATCH("rows_y.npy") "}\n";

static void check_union(data_setup *s, const as_data_options *options, as_role role, int64_t n, int lanes, int ranks,
                        int8_t *seen)
{
    int64_t total = 0;
    for (int rank = 0; rank < ranks; rank++) {
        as_lanes own = lanes_of(lanes, ranks, rank);
        as_dataset data;
        assert_ok(as_dataset_open(options, role, s->world, &own, 9, NULL, &data));
        for (int64_t i = 0; i < data.local_rows; i++) {
            const int64_t id = data.id[i];
            const uint8_t *x = (const uint8_t *)data.x + 2 * i;
            assert_in_range(id, 0, n - 1);
            assert_int_equal(seen[id]++, 0);
            assert_int_equal(256 * x[0] + x[1], id);
            assert_true(data.target_values[i] == (double)id);
            assert_true(data.weight[i] == 1.0);
        }
        for (int l = own.first; l < own.first + own.count; l++) {
            assert_int_equal(data.lane_first[l + 1] - data.lane_first[l],
                             data.rows > l ? (data.rows - l + lanes - 1) / lanes : 0);
        }
        total += data.local_rows;
        assert_int_equal(data.lane_first[lanes], data.rows);
        if (rank == ranks - 1) {
            assert_int_equal(total, data.rows);
        }
        as_dataset_close(&data);
    }
}

static void test_each_row_has_one_owner_and_validation_is_disjoint(void **state)
{
    data_setup *s = *state;
    const int64_t sizes[] = {1, 2, 23, 24, 25, 1000, SIZE_MOST};
    const int ranks[] = {1, 3, 8};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        const int64_t n = sizes[k];
        write_rows(n);
        int8_t *seen = malloc(SIZE_MOST);
        for (int r = 0; r < 3; r++) {
            as_data_options options;
            assert_ok(parse_data(s, rows_yaml, &options));
            memset(seen, 0, SIZE_MOST);
            check_union(s, &options, AS_TRAIN, n, 24, ranks[r], seen);
            for (int64_t i = 0; i < n; i++) {
                assert_int_equal(seen[i], 1);
            }
            options.assign = 1;
            memset(seen, 0, SIZE_MOST);
            check_union(s, &options, AS_TRAIN, n, 24, ranks[r], seen);
            if (n < 23) {
                continue;
            }
            options.validation = 0.25;
            options.assign = 0;
            memset(seen, 0, SIZE_MOST);
            check_union(s, &options, AS_VALIDATION, n, 24, ranks[r], seen);
            int64_t held = 0;
            for (int64_t i = 0; i < n; i++) {
                held += seen[i];
            }
            assert_int_equal(held, (int64_t)(0.25 * (double)n + 0.5));
            check_union(s, &options, AS_TRAIN, n, 24, ranks[r], seen);
            for (int64_t i = 0; i < n; i++) {
                assert_int_equal(seen[i], 1);
            }
        }
        free(seen);
    }
}

static void test_contiguous_keeps_the_order(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(4, 1, 0);
    as_dataset data;
    write_rows(1000);
    assert_ok(parse_data(s, rows_yaml, &options));
    options.assign = 1;
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    for (int64_t i = 0; i < 1000; i++) {
        assert_int_equal(data.id[i], i);
    }
    as_dataset_close(&data);
}

static void test_fingerprint_tells_content_and_split_apart(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(4, 1, 0);
    as_dataset a, b;
    write_rows(500);
    assert_ok(parse_data(s, rows_yaml, &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &a));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &b));
    assert_memory_equal(a.fingerprint, b.fingerprint, 32);
    as_dataset_close(&b);
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 2, NULL, &b));
    assert_memory_not_equal(a.fingerprint, b.fingerprint, 32);
    as_dataset_close(&b);
    as_dataset_close(&a);
}

static void test_labels_out_of_range_name_the_row(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(4, 1, 0);
    as_dataset data;
    assert_ok(parse_data(s, digits_yaml, &options));
    options.classes = 7;
    assert_fails(AS_DATA, "expected a label in 0..6, found",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_non_null(strstr(as_error_message(), "row "));
    write_rows(10);
    assert_ok(parse_data(
        s, "train: {format: npy, x: " SCRATCH("rows_x.npy") ", y: " SCRATCH("rows_y.npy") ", labels: true}", &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_int_equal(data.target, AS_TARGET_LABELS);
    assert_int_equal(data.classes, 10);
    as_dataset_close(&data);
}

/* The largest label may be held out: with one row of class 9, some seeds put it there. */
static void test_classes_do_not_depend_on_the_split(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(2, 1, 0);
    write_rows(10); /* labels 0 .. 9, each once */
    assert_ok(parse_data(s,
                         "train: {format: npy, x: " SCRATCH("rows_x.npy") ", y: " SCRATCH(
                             "rows_y.npy") ", labels: true}\nvalidation: 0.5\n",
                         &options));
    for (uint64_t seed = 0; seed < 16; seed++) {
        as_dataset train, held;
        assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, seed, NULL, &train));
        assert_int_equal(train.classes, 10);
        assert_ok(as_dataset_open(&options, AS_VALIDATION, s->world, &lanes, seed, &train, &held));
        as_dataset_close(&held);
        as_dataset_close(&train);
    }
}

static void test_class_weights_multiply_in_training_only(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(4, 1, 0);
    as_dataset data;
    assert_ok(parse_data(s,
                         "train: {format: builtin, name: digits}\ntest: {format: builtin, name: digits}\n"
                         "class_weights: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n",
                         &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    for (int64_t i = 0; i < data.local_rows; i++) {
        assert_true(data.weight[i] == (double)data.label[i]);
    }
    as_dataset_close(&data);
    assert_ok(as_dataset_open(&options, AS_TEST, s->world, &lanes, 1, NULL, &data));
    assert_true(data.weight[0] == 1.0);
    as_dataset_close(&data);
    assert_ok(parse_data(s, "train: {format: builtin, name: digits}\nclass_weights: [1, 2]\n", &options));
    assert_fails(AS_CONFIG, "expected 10 weights",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
}

static void test_sizes_that_differ_are_named(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(4, 1, 0);
    as_dataset data;
    write_rows(10);
    assert_int_equal(rename(SCRATCH("rows_x.npy"), SCRATCH("other_x.npy")), 0);
    write_rows(11);
    assert_ok(
        parse_data(s, "train: {format: npy, x: " SCRATCH("other_x.npy") ", y: " SCRATCH("rows_y.npy") "}", &options));
    assert_fails(AS_DATA, "has 10", as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_non_null(strstr(as_error_message(), "has 11"));
    remove(SCRATCH("other_x.npy"));
}

static void test_test_set_must_match_the_training_set(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(4, 1, 0);
    as_dataset train, test;
    assert_ok(
        parse_data(s, "train: {format: builtin, name: digits}\ntest: {format: builtin, name: linear}\n", &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &train));
    assert_fails(AS_DATA, "expected inputs of 8x8",
                 as_dataset_open(&options, AS_TEST, s->world, &lanes, 1, &train, &test));
    as_dataset_close(&train);
}

static void test_options_written_read_back_to_the_same(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_text first = {0}, second = {0};
    assert_ok(parse_data(s,
                         "train: {format: builtin, name: tabular, samples: 100, noise: 0.1}\n"
                         "test: {format: idx, x: a b.idx, y: c.idx, labels: false}\n"
                         "normalize: {mean: 0.1, std: 3}\nvalidation: 0.05\nfill: -999\nclass_weights: [1, 0.5]\n"
                         "missing: mean\nshuffle: false\n",
                         &options));
    assert_int_equal(options.normalize, AS_NORMALIZE_GIVEN);
    assert_true(options.has_fill && options.fill == -999);
    assert_ok(as_data_options_write(&options, 0, &first));
    assert_ok(parse_data(s, first.data, &options));
    assert_ok(as_data_options_write(&options, 0, &second));
    assert_string_equal(first.data, second.data);
    as_text_free(&first);
    as_text_free(&second);
}

static void test_bad_options_are_refused(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    assert_fails(AS_CONFIG, "data.train", parse_data(s, "normalize: none\n", &options));
    assert_fails(AS_CONFIG, "did you mean", parse_data(s, "train: {format: idk, x: a}\n", &options));
    assert_fails(AS_CONFIG, "train", parse_data(s, "train: {format: idx}\n", &options));
    assert_fails(AS_CONFIG, "normalize", parse_data(s, "train: {format: builtin}\nnormalize: maybe\n", &options));
    assert_fails(AS_CONFIG, "validation", parse_data(s, "train: {format: builtin}\nvalidation: 1\n", &options));
    assert_fails(AS_CONFIG, "std", parse_data(s, "train: {format: builtin}\nnormalize: {mean: 1, std: 0}\n", &options));
}

static void test_split_that_leaves_nothing_is_refused(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(1, 1, 0);
    as_dataset data;
    write_rows(1);
    assert_ok(parse_data(s, rows_yaml, &options));
    options.validation = 0.2;
    assert_fails(AS_CONFIG, "leaves no row",
                 as_dataset_open(&options, AS_VALIDATION, s->world, &lanes, 1, NULL, &data));
}

/* The targets of an autoencoder: its inputs, normalised, not augmented; labels of the source are not read. */
static void test_targets_can_be_the_inputs(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = {0};
    as_dataset data, test, plan;
    as_normalization n;
    as_sampler *sampler = NULL;
    as_batch batch;
    assert_ok(as_lanes_create(4, s->world, &lanes));
    assert_ok(parse_data(s,
                         "train: {format: builtin, name: digits}\ntest: {format: builtin, name: digits}\n"
                         "reconstruct: true\nnormalize: mean_std\naugment: [{noise: 2}]\n",
                         &options));
    assert_ok(as_dataset_peek(&options, &plan));
    assert_int_equal(plan.targets, 64);
    as_dataset_close(&plan);
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_int_equal(data.target, AS_TARGET_REALS);
    assert_int_equal(data.targets, 64);
    assert_null(data.target_values);
    assert_ok(as_dataset_open(&options, AS_TEST, s->world, &lanes, 1, &data, &test));
    assert_ok(as_normalization_fit(&options, &data, s->world, as_kernels_get(AS_PORTABLE, AS_FLOAT32), &n));
    as_normalization_fill(&n, &options, &data);
    assert_ok(as_sampler_create(&data, 50, true, 1, &sampler));
    assert_ok(as_sampler_batch_create(sampler, &batch));
    as_sampler_fill(sampler, 0, 0, &batch);
    for (int64_t i = 0; i < batch.rows; i++) {
        const uint8_t *x = (const uint8_t *)data.x + batch.row[i] * 64;
        for (int64_t j = 0; j < 64; j++) {
            assert_true(batch.target[i * 64 + j] == n.scale[j] * (double)x[j] + n.shift[j]);
        }
    }
    as_sampler_batch_destroy(&batch);
    as_sampler_destroy(&sampler);
    as_normalization_destroy(&n);
    as_dataset_close(&test);
    as_dataset_close(&data);
    as_lanes_destroy(&lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digits_are_split_without_overlap),
        cmocka_unit_test(test_each_row_has_one_owner_and_validation_is_disjoint),
        cmocka_unit_test(test_contiguous_keeps_the_order),
        cmocka_unit_test(test_targets_can_be_the_inputs),
        cmocka_unit_test(test_fingerprint_tells_content_and_split_apart),
        cmocka_unit_test(test_labels_out_of_range_name_the_row),
        cmocka_unit_test(test_classes_do_not_depend_on_the_split),
        cmocka_unit_test(test_class_weights_multiply_in_training_only),
        cmocka_unit_test(test_sizes_that_differ_are_named),
        cmocka_unit_test(test_test_set_must_match_the_training_set),
        cmocka_unit_test(test_options_written_read_back_to_the_same),
        cmocka_unit_test(test_bad_options_are_refused),
        cmocka_unit_test(test_split_that_leaves_nothing_is_refused),
    };
    return cmocka_run_group_tests(tests, setup_begin, setup_end);
}
