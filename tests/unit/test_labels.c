/* Labels per position: read, checked, left out, counted, handed to batches. */
#include "unit/data_setup.h"

enum { ROWS = 50, WIDTH = 3, POSITIONS = 6 };

/* Class of a position; 255 is to be ignored. */
static uint8_t label_of(int64_t row, int64_t position)
{
    return (row + position) % 7 == 0 ? 255 : (uint8_t)((row * 5 + position) % 4);
}

/* IDX files: x (n, WIDTH), y (n, 2, 3). */
static void write_sequences(int64_t n)
{
    uint8_t x[16 + ROWS * WIDTH] = {0, 0, 8, 2, 0, 0, 0, (uint8_t)n, 0, 0, 0, WIDTH};
    uint8_t y[16 + ROWS * POSITIONS] = {0, 0, 8, 3, 0, 0, 0, (uint8_t)n, 0, 0, 0, 2, 0, 0, 0, 3};
    for (int64_t r = 0; r < n; r++) {
        for (int64_t p = 0; p < POSITIONS; p++) {
            y[16 + r * POSITIONS + p] = label_of(r, p);
        }
    }
    write_file(SCRATCH("seq_x.idx"), x, 12 + (size_t)n * WIDTH);
    write_file(SCRATCH("seq_y.idx"), y, 16 + (size_t)n * POSITIONS);
}

#define SEQUENCES "{format: idx, x: " SCRATCH("seq_x.idx") ", y: " SCRATCH("seq_y.idx") ", labels: true}"

static void test_batches_have_a_label_for_each_position(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    write_sequences(ROWS);
    assert_ok(parse_data(s, "train: " SEQUENCES "\nignore_label: 255\n", &options));
    for (int rank = 0; rank < 3; rank++) {
        as_lanes lanes = lanes_of(5, 3, rank);
        as_dataset data;
        as_sampler *sampler = NULL;
        as_batch batch;
        assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
        assert_int_equal(data.target, AS_TARGET_LABELS);
        assert_int_equal(data.positions, POSITIONS);
        assert_int_equal(data.classes, 4);
        assert_ok(as_sampler_create(&data, 7, true, 3, &sampler));
        assert_ok(as_sampler_batch_create(sampler, &batch));
        for (int64_t b = 0; b < as_sampler_batches(sampler); b++) {
            as_sampler_fill(sampler, 1, b, &batch);
            for (int64_t i = 0; i < batch.rows; i++) {
                assert_int_equal(batch.at[i], batch.row[i]);
                for (int64_t p = 0; p < POSITIONS; p++) {
                    const uint8_t stored = label_of(batch.id[i], p);
                    assert_int_equal(batch.label[i * POSITIONS + p], stored == 255 ? AS_LABEL_IGNORED : stored);
                }
            }
        }
        as_sampler_batch_destroy(&batch);
        as_sampler_destroy(&sampler);
        as_dataset_close(&data);
    }
}

static void test_a_bad_label_is_named_by_row_and_position(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(5, 1, 0);
    as_dataset data;
    write_sequences(ROWS);
    assert_ok(parse_data(s, "train: " SEQUENCES "\nclasses: 4\n", &options));
    assert_fails(AS_DATA, "expected a label in 0..3, found 255",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_non_null(strstr(as_error_message(), "label "));
    assert_ok(parse_data(s, "train: " SEQUENCES "\nignore_label: [255]\nclass_weights: [1, 1, 1, 2]\n", &options));
    assert_fails(AS_CONFIG, "expected one label a row",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
}

/* Test data must have as many labels a row as the training data. */
static void test_positions_must_match(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(5, 1, 0);
    as_dataset train, test;
    uint8_t one[8 + ROWS] = {0, 0, 8, 1, 0, 0, 0, ROWS};
    write_sequences(ROWS);
    write_file(SCRATCH("seq_one.idx"), one, sizeof one);
    assert_ok(parse_data(s,
                         "train: " SEQUENCES "\nignore_label: 255\ntest: {format: idx, x: " SCRATCH(
                             "seq_x.idx") ", y: " SCRATCH("seq_one.idx") "}\n",
                         &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &train));
    assert_fails(AS_DATA, "expected labels (6 a row) as in",
                 as_dataset_open(&options, AS_TEST, s->world, &lanes, 1, &train, &test));
    as_dataset_close(&train);
}

/* A single ignored label stays in its place, and has no class to weigh. */
static void test_one_label_a_row_can_be_ignored(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(2, 1, 0);
    as_dataset data;
    const uint8_t x[12 + 4] = {0, 0, 8, 2, 0, 0, 0, 4, 0, 0, 0, 1};
    const uint8_t y[8 + 4] = {0, 0, 8, 1, 0, 0, 0, 4, 1, 9, 0, 1};
    write_file(SCRATCH("few_x.idx"), x, sizeof x);
    write_file(SCRATCH("few_y.idx"), y, sizeof y);
    assert_ok(parse_data(s,
                         "train: {format: idx, x: " SCRATCH("few_x.idx") ", y: " SCRATCH(
                             "few_y.idx") "}\nignore_label: 9\nassign: contiguous\nclass_weights: [2, 3]\n",
                         &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    const int32_t expected[] = {1, AS_LABEL_IGNORED, 0, 1};
    const double weight[] = {3, 1, 2, 3};
    assert_int_equal(data.classes, 2);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(data.label[i], expected[data.id[i]]);
        assert_true(data.weight[i] == weight[data.id[i]]);
    }
    as_dataset_close(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_have_a_label_for_each_position),
        cmocka_unit_test(test_a_bad_label_is_named_by_row_and_position),
        cmocka_unit_test(test_positions_must_match),
        cmocka_unit_test(test_one_label_a_row_can_be_ignored),
    };
    return cmocka_run_group_tests(tests, setup_begin, setup_end);
}
