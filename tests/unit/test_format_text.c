/* Texts: windows and their labels, whoever holds them; what of the text is where; bad texts. */
#include "unit/data_setup.h"

#include "data/tokenizer.h"

#define TEXT SCRATCH("text.txt")

enum { N = 997 };

static uint8_t letter(int64_t i)
{
    return (uint8_t)('a' + i * i % 23);
}

static void write_text(int64_t n)
{
    uint8_t *text = malloc((size_t)n);
    for (int64_t i = 0; i < n; i++) {
        text[i] = letter(i);
    }
    write_file(TEXT, text, (size_t)n);
    free(text);
}

static int64_t token_at(const as_dataset *data, int64_t at)
{
    return data->type == AS_U8 ? ((const uint8_t *)data->x)[at] : ((const uint16_t *)data->x)[at];
}

/* Every window once over the ranks, with the right tokens and labels; elements are held once where they can be. */
static void check_windows(data_setup *s, int64_t context, int64_t stride, int ranks)
{
    char yaml[256];
    as_data_options options;
    const int64_t rows = (N - context - 1) / stride + 1;
    int8_t seen[N] = {0};
    snprintf(yaml, sizeof yaml, "train: {format: text, file: " TEXT ", context: %lld, stride: %lld}\n",
             (long long)context, (long long)stride);
    assert_ok(parse_data(s, yaml, &options));
    for (int rank = 0; rank < ranks; rank++) {
        as_lanes lanes = lanes_of(4, ranks, rank);
        as_dataset data;
        as_sampler *sampler = NULL;
        as_batch batch;
        assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
        assert_int_equal(data.rows, rows);
        assert_int_equal(data.vocabulary, 256);
        assert_int_equal(data.classes, 256);
        assert_int_equal(data.positions, context);
        assert_int_equal(data.type, AS_U8);
        assert_ok(as_sampler_create(&data, rows < 10 ? rows : 10, true, 3, &sampler));
        assert_ok(as_sampler_batch_create(sampler, &batch));
        for (int64_t b = 0; b < as_sampler_batches(sampler); b++) {
            as_sampler_fill(sampler, 0, b, &batch);
            for (int64_t i = 0; i < batch.rows; i++) {
                assert_int_equal(seen[batch.id[i]]++, 0);
                for (int64_t t = 0; t < context; t++) {
                    const int64_t from = batch.id[i] * stride + t;
                    assert_int_equal(token_at(&data, batch.at[i] * data.stride + t), letter(from));
                    assert_int_equal(batch.label[i * context + t], letter(from + 1));
                }
            }
        }
        as_sampler_batch_destroy(&batch);
        as_sampler_destroy(&sampler);
        as_dataset_close(&data);
    }
    for (int64_t i = 0; i < rows; i++) {
        assert_int_equal(seen[i], 1);
    }
}

static void test_windows_and_labels_are_those_of_the_text(void **state)
{
    data_setup *s = *state;
    const int64_t strides[] = {1, 3, 8, 9, 10, 31};
    write_text(N);
    for (size_t k = 0; k < sizeof strides / sizeof strides[0]; k++) {
        check_windows(s, 8, strides[k], 1);
        check_windows(s, 8, strides[k], 3);
    }
    check_windows(s, N - 1, 5, 1);
    check_windows(s, 1, 1, 4);
}

/* No token is in a training window and in a held out one, labels included. */
static void test_held_out_windows_come_last_and_share_no_token(void **state)
{
    data_setup *s = *state;
    write_text(N);
    const int strides[] = {1, 5, 16, 17, 40};
    for (int k = 0; k < 5; k++) {
        char yaml[256];
        as_data_options options;
        as_dataset train, held;
        as_lanes lanes = lanes_of(4, 1, 0);
        snprintf(yaml, sizeof yaml, "train: {format: text, file: " TEXT ", context: 16, stride: %d}\nvalidation: 0.2\n",
                 strides[k]);
        assert_ok(parse_data(s, yaml, &options));
        assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &train));
        assert_ok(as_dataset_open(&options, AS_VALIDATION, s->world, &lanes, 3, &train, &held));
        const int64_t all = (N - 17) / strides[k] + 1;
        assert_int_equal(held.rows, (int64_t)(0.2 * (double)all + 0.5));
        int64_t last = 0, first = N;
        for (int64_t i = 0; i < train.rows; i++) {
            last = train.id[i] > last ? train.id[i] : last;
        }
        for (int64_t i = 0; i < held.rows; i++) {
            first = held.id[i] < first ? held.id[i] : first;
        }
        assert_int_equal(first, all - held.rows);
        assert_int_equal(last, train.rows - 1);
        assert_true(last * strides[k] + 17 <= first * strides[k]);
        assert_true((last + 1) * strides[k] + 17 > first * strides[k]); /* and no more than that is left out */
        as_dataset_close(&held);
        as_dataset_close(&train);
    }
}

/* A part of the file, cut between characters; test data get the vocabulary of the training data. */
static void test_parts_of_a_file_and_the_vocabulary_of_the_training_text(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(2, 1, 0);
    as_dataset train, test;
    char text[3000];
    for (int i = 0; i < 1000; i++) {
        memcpy(text + 3 * i, i < 500 ? "ab " : "\xE2\x82\xAC", 3);
    }
    write_file(TEXT, text, sizeof text);
    assert_ok(parse_data(s,
                         "train: {format: text, file: " TEXT ", to: 0.5, context: 4, tokens: bpe, vocabulary: 300}\n"
                         "test: {format: text, file: " TEXT ", from: 0.50055, context: 4}\n",
                         &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &train));
    assert_int_equal(train.type, AS_U16);
    assert_int_equal(train.vocabulary, 258);         /* " a", " ab": no other pair stands twice */
    assert_int_equal(train.rows, (501 - 5) / 4 + 1); /* ab, then " ab" 499 times, then a space */
    assert_ok(as_dataset_open(&options, AS_TEST, s->world, &lanes, 3, &train, &test));
    assert_int_equal(test.vocabulary, 258);
    assert_true(as_tokenizer_same(train.tokenizer, test.tokenizer));
    assert_int_equal(test.label_bytes, test.rows * 4); /* bytes beyond ASCII were not merged */
    assert_int_equal(test.rows, (1500 - 5) / 4 + 1);   /* from byte 1500, the begin of the sign that byte 1501 is in */
    assert_int_equal(train.label_bytes, 499 * 3 + 1);
    as_dataset_close(&test);
    as_dataset_close(&train);
}

static void test_separators_are_tokens(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(1, 1, 0);
    as_dataset data;
    write_file(TEXT, "one\n\ntwo\n\n\n", 11);
    assert_ok(parse_data(
        s, "train: {format: text, file: " TEXT ", context: 8, separator: \"\\n\\n\"}\nassign: contiguous", &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
    const int expected[] = {'o', 'n', 'e', 256, 't', 'w', 'o', 256, '\n'};
    assert_int_equal(data.rows, 1);
    assert_int_equal(data.vocabulary, 257);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(token_at(&data, i), expected[i]);
    }
    as_dataset_close(&data);
}

static void test_bad_texts_are_refused(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(2, 1, 0);
    as_dataset data;
    assert_ok(parse_data(s, "train: {format: text, file: " TEXT ", context: 8}\n", &options));
    write_file(TEXT, "12345678", 8);
    assert_fails(AS_DATA, "text.txt: expected at least 9 tokens (context: 8 and one), found 8",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
    write_file(TEXT, "1234567890\xE9zz", 13);
    assert_fails(AS_DATA, "text.txt: not UTF-8 at byte 10 (0xE9)",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
    write_file(TEXT, "", 0);
    assert_fails(AS_DATA, "text.txt: the file is empty",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
    write_text(N);
    assert_ok(parse_data(s, "train: {format: text, file: " TEXT ", context: 8, from: 0.5, to: 0.5}\n", &options));
    assert_fails(AS_CONFIG, "expected `from` below `to`",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
    assert_ok(parse_data(s, "train: {format: text, file: " TEXT ", context: 8}\nnormalize: scale\n", &options));
    assert_fails(AS_CONFIG, "data.normalize: expected none",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
    assert_ok(
        parse_data(s, "train: {format: text, file: " TEXT ", context: 8, stride: 100}\nvalidation: 0.99\n", &options));
    assert_fails(AS_CONFIG, "leaves no row for train",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
    assert_ok(parse_data(s, "train: {format: text, file: " TEXT ", window: {length: 3}}\n", &options));
    assert_fails(AS_CONFIG, "has windows of its own",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 3, NULL, &data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows_and_labels_are_those_of_the_text),
        cmocka_unit_test(test_held_out_windows_come_last_and_share_no_token),
        cmocka_unit_test(test_parts_of_a_file_and_the_vocabulary_of_the_training_text),
        cmocka_unit_test(test_separators_are_tokens),
        cmocka_unit_test(test_bad_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, setup_begin, setup_end);
}
