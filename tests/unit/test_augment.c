/* Augmentation: each kind against its definition, and what all of them keep: a function of (seed, epoch, sample), the
   same bits in every variant, whatever rows stand beside it. */
#include <math.h>

#include "unit/data_setup.h"

#include "unit/kernel_cases.h"

#include "data/augment.h"

enum { H = 9, W = 7, C = 2, N = H * W * C, ROWS = 40 };

static const as_shape image = {.rank = 3, .dim = {H, W, C}};

static as_augment parse(as_document *document, const char *yaml)
{
    as_node *node = NULL;
    as_augment out;
    assert_ok(as_yaml_parse(document, "test", yaml, &node));
    assert_ok(as_augment_parse(document, node, "augment", &out));
    return out;
}

/* Never 0, all different in one image. */
static double pixel(int64_t id, int64_t i)
{
    return 1 + (double)(id % 5) + (double)i / 256;
}

/* Rows of ids first, first + 1, ... after `augment`. */
static void run(const as_kernels *K, const as_augment *augment, int64_t epoch, int64_t first, int64_t rows, void *x)
{
    int64_t id[ROWS];
    double *value = malloc((size_t)(rows * N) * sizeof *value);
    void *work = new_reals(K, N);
    for (int64_t r = 0; r < rows; r++) {
        id[r] = first + r;
        for (int64_t i = 0; i < N; i++) {
            value[r * N + i] = pixel(id[r], i);
        }
    }
    K->from_double(rows * N, value, x);
    const as_augment_rows a = {
        .shape = &image, .rows = rows, .x = x, .ld = N, .id = id, .seed = 77, .epoch = epoch, .work = work};
    as_augment_run_get(K)->rows(augment, &a);
    free(value);
    free_reals(K, work, N);
}

static const char every[] =
    "[{shift: 2}, {flip: both}, {crop: 0.7}, {rotate: 20}, {cutout: 3}, {noise: 0.5}, {mixup: 1}]";

static as_augment all_kinds;

static void all_at_once_and_one_by_one(const as_kernels *K)
{
    void *whole = new_reals(K, ROWS * N), *one = new_reals(K, N);
    const as_kernels *portable = as_kernels_get(AS_PORTABLE, K->precision);
    void *same = new_reals(K, ROWS * N);
    run(K, &all_kinds, 3, 100, ROWS, whole);
    run(portable, &all_kinds, 3, 100, ROWS, same);
    assert_memory_equal(whole, same, (size_t)(ROWS * N) * K->real_bytes);
    for (int64_t r = ROWS - 1; r >= 0; r--) {
        run(K, &all_kinds, 3, 100 + r, 1, one);
        assert_memory_equal(one, (char *)whole + (size_t)(r * N) * K->real_bytes, (size_t)N * K->real_bytes);
    }
    for (int64_t i = 0; i < ROWS * N; i++) {
        assert_true(isfinite(get_real(K, whole, i)));
    }
    run(K, &all_kinds, 4, 100, ROWS, same);
    assert_memory_not_equal(whole, same, (size_t)(ROWS * N) * K->real_bytes);
    free_reals(K, whole, ROWS * N), free_reals(K, same, ROWS * N), free_reals(K, one, N);
}

static void test_a_sample_is_changed_by_its_number_alone(void **state)
{
    data_setup *s = *state;
    all_kinds = parse(s->document, every);
    bool listed[AS_AUGMENTS_MAX] = {false};
    for (int i = 0; i < all_kinds.n; i++) {
        listed[all_kinds.row[i].kind] = true;
    }
    const as_augment_ops *const *kind = as_augments_get(as_kernels_get(AS_PORTABLE, AS_FLOAT32));
    for (int i = 0; kind[i] != NULL; i++) {
        if (i >= AS_AUGMENTS_MAX || !listed[i]) {
            fail_msg("augmentation %s is not among `every`", kind[i]->name);
        }
    }
    for_each_variant(all_at_once_and_one_by_one);
}

static double seen(const void *x, int64_t r, int64_t i, int64_t j, int64_t c)
{
    const bool inside = i >= 0 && i < H && j >= 0 && j < W;
    return inside ? ((const double *)x)[r * N + (i * W + j) * C + c] : 0;
}

static double before(int64_t id, int64_t i, int64_t j, int64_t c)
{
    return i >= 0 && i < H && j >= 0 && j < W ? pixel(id, (i * W + j) * C + c) : 0;
}

/* Whether row r is the image moved by (down, right), turned over as asked. */
static bool is_moved(const double *x, int64_t r, int64_t down, int64_t right, bool flip_h, bool flip_v)
{
    for (int64_t i = 0; i < H; i++) {
        for (int64_t j = 0; j < W; j++) {
            for (int64_t c = 0; c < C; c++) {
                const int64_t row = flip_v ? H - 1 - i : i - down, column = flip_h ? W - 1 - j : j - right;
                if (seen(x, r, i, j, c) != before(r, row, column, c)) {
                    return false;
                }
            }
        }
    }
    return true;
}

static void test_shift_moves_by_each_number_of_pixels(void **state)
{
    data_setup *s = *state;
    const as_kernels *K = as_kernels_get(AS_PORTABLE, AS_FLOAT64);
    double x[ROWS * N];
    int found[5][5] = {{0}}, kinds = 0;
    const as_augment shift = parse(s->document, "[{shift: 2}]"), far = parse(s->document, "[{shift: 100}]");
    for (int64_t epoch = 0; epoch < 20; epoch++) {
        run(K, &shift, epoch, 0, ROWS, x);
        for (int64_t r = 0; r < ROWS; r++) {
            int hits = 0;
            for (int64_t d = -2; d <= 2; d++) {
                for (int64_t right = -2; right <= 2; right++) {
                    const bool here = is_moved(x, r, d, right, false, false);
                    hits += here;
                    found[d + 2][right + 2] += here;
                }
            }
            assert_int_equal(hits, 1);
        }
    }
    for (int i = 0; i < 25; i++) {
        kinds += found[i / 5][i % 5] > 0;
    }
    assert_int_equal(kinds, 25);
    run(K, &far, 0, 0, ROWS, x); /* mostly out of sight */
    for (int64_t i = 0; i < ROWS * N; i++) {
        assert_true(x[i] >= 0);
    }
}

static void test_flips_are_exact(void **state)
{
    data_setup *s = *state;
    const as_kernels *K = as_kernels_get(AS_PORTABLE, AS_FLOAT64);
    double x[ROWS * N];
    int found[4] = {0};
    const as_augment flip = parse(s->document, "[{flip: both}]"), one = parse(s->document, "[flip]");
    run(K, &flip, 1, 0, ROWS, x);
    for (int64_t r = 0; r < ROWS; r++) {
        for (int k = 0; k < 4; k++) {
            found[k] += is_moved(x, r, 0, 0, k & 1, k & 2);
        }
    }
    assert_int_equal(found[0] + found[1] + found[2] + found[3], ROWS);
    assert_true(found[0] > 0 && found[1] > 0 && found[2] > 0 && found[3] > 0);
    run(K, &one, 1, 0, ROWS, x);
    for (int64_t r = 0; r < ROWS; r++) {
        assert_true(is_moved(x, r, 0, 0, false, false) || is_moved(x, r, 0, 0, true, false));
    }
}

static void test_cutout_zeros_one_rectangle(void **state)
{
    data_setup *s = *state;
    const as_kernels *K = as_kernels_get(AS_PORTABLE, AS_FLOAT64);
    double x[ROWS * N];
    const as_augment cutout = parse(s->document, "[{cutout: 4}]");
    run(K, &cutout, 0, 0, ROWS, x);
    for (int64_t r = 0; r < ROWS; r++) {
        int64_t top = H, bottom = -1, left = W, right = -1, zeros = 0;
        for (int64_t i = 0; i < H * W; i++) {
            const double v = seen(x, r, i / W, i % W, 0);
            assert_true(v == 0 || v == before(r, i / W, i % W, 0));
            assert_true((v == 0) == (seen(x, r, i / W, i % W, 1) == 0));
            if (v == 0) {
                zeros++;
                top = i / W < top ? i / W : top;
                bottom = i / W > bottom ? i / W : bottom;
                left = i % W < left ? i % W : left;
                right = i % W > right ? i % W : right;
            }
        }
        assert_true(bottom - top < 4 && right - left < 4);
        assert_int_equal(zeros, (bottom - top + 1) * (right - left + 1));
        assert_true(zeros >= 4); /* at a corner, half of each side */
    }
}

/* Turning and stretching by nothing is nothing; half a turn is a turn over, to rounding. */
static void test_rotate_and_crop_at_their_ends(void **state)
{
    data_setup *s = *state;
    const as_kernels *K = as_kernels_get(AS_PORTABLE, AS_FLOAT64);
    double x[ROWS * N];
    const as_augment nothing = parse(s->document, "[{rotate: 0}, {crop: 1}]"),
                     some = parse(s->document, "[{rotate: 30}]"), piece = parse(s->document, "[{crop: 0.5}]");
    run(K, &nothing, 0, 0, ROWS, x);
    for (int64_t r = 0; r < ROWS; r++) {
        for (int64_t i = 0; i < N; i++) { /* coordinates are off by a few eps times the extents */
            assert_true(fabs(x[r * N + i] - pixel(r, i)) < 1e-12);
        }
    }
    run(K, &some, 0, 0, ROWS, x);
    for (int64_t r = 0; r < ROWS; r++) { /* the middle stays, what is sampled lies between the pixels */
        assert_true(fabs(seen(x, r, H / 2, W / 2, 1) - before(r, H / 2, W / 2, 1)) < 1e-12);
        for (int64_t i = 0; i < N; i++) {
            assert_true(x[r * N + i] >= 0 && x[r * N + i] <= pixel(r, N - 1) + 1e-12);
        }
    }
    run(K, &piece, 0, 0, ROWS, x);
    for (int64_t r = 0; r < ROWS; r++) { /* pixels grow along the image: a piece of it spans half of that at least */
        assert_true(seen(x, r, 0, 0, 0) >= pixel(r, 0) && seen(x, r, H - 1, W - 1, 1) <= pixel(r, N - 1) + 1e-12);
        const double span = seen(x, r, H - 1, W - 1, 0) - seen(x, r, 0, 0, 0), full = pixel(r, N - 2) - pixel(r, 0);
        assert_true(span > 0.5 * full - 1e-12 && span < full);
    }
}

static void test_noise_is_standard_normal(void **state)
{
    data_setup *s = *state;
    const as_kernels *K = as_kernels_get(AS_PORTABLE, AS_FLOAT64);
    double x[ROWS * N], sum = 0, square = 0, cross = 0;
    const double n = 20.0 * ROWS * N;
    const as_augment noise = parse(s->document, "[{noise: 3}]");
    for (int64_t epoch = 0; epoch < 20; epoch++) {
        double last = 0;
        run(K, &noise, epoch, 0, ROWS, x);
        for (int64_t i = 0; i < ROWS * N; i++) {
            const double z = (x[i] - pixel(i / N, i % N)) / 3;
            sum += z;
            square += z * z;
            cross += z * last;
            last = z;
        }
    }
    /* standard errors 1 / sqrt(n), sqrt(2 / n), 1 / sqrt(n): bounds of 5 of them */
    assert_true(fabs(sum / n) < 5 / sqrt(n));
    assert_true(fabs(square / n - 1) < 5 * sqrt(2 / n));
    assert_true(fabs(cross / n) < 5 / sqrt(n));
}

/* Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)); five deviations of the mean of 4000 draws, and 10 % of the
   variance, which is more than five of its own. */
static void test_shares_of_mixtures_are_beta(void **state)
{
    (void)state;
    static const double alphas[] = {0.1, 0.4, 1, 2};
    for (size_t k = 0; k < sizeof alphas / sizeof alphas[0]; k++) {
        enum { DRAWS = 4000 };
        as_augment_mixing options = {.alpha = alphas[k]};
        const as_augment list = {.n = 1, .row = {{.kind = 0, .options = &options}}};
        const double variance = 1 / (4 * (2 * alphas[k] + 1));
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < DRAWS; i++) {
            const double share = as_augment_mix_share(&list, 0, 3, 1, i);
            assert_true(share >= 0 && share <= 1);
            sum += share - 0.5;
            squares += (share - 0.5) * (share - 0.5);
        }
        assert_true(fabs(sum / DRAWS) <= 5 * sqrt(variance / DRAWS));
        assert_true(fabs(squares / DRAWS / variance - 1) <= 0.1);
    }
}

static void test_bad_lists_are_refused(void **state)
{
    data_setup *s = *state;
    as_node *node = NULL;
    as_augment a;
    assert_ok(as_yaml_parse(s->document, "test", "[{shfit: 2}]", &node));
    assert_fails(AS_CONFIG, "did you mean \"shift\"?", as_augment_parse(s->document, node, "augment", &a));
    assert_ok(as_yaml_parse(s->document, "test", "[{shift: -1}]", &node));
    assert_fails(AS_CONFIG, "augment[0].shift", as_augment_parse(s->document, node, "augment", &a));
    assert_ok(as_yaml_parse(s->document, "test", "{shift: 1}", &node));
    assert_fails(AS_CONFIG, "expected a list", as_augment_parse(s->document, node, "augment", &a));
    a = parse(s->document, "[{noise: 1}, {shift: 1}]");
    const as_shape flat = {.rank = 1, .dim = {N}};
    assert_fails(AS_CONFIG, "shift: expected images (height, width, channels), but samples of there are 126",
                 as_augment_check(&a, &flat, 1, "there"));
    assert_fails(AS_CONFIG, "shift: moves pixels", as_augment_check(&a, &image, H * W, "there"));
    assert_ok(as_augment_check(&a, &image, 1, "there"));
}

/* Channels of the file first; a shape of its own; test data are not changed. */
static void test_layout_and_shape_of_a_source(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(2, 1, 0);
    as_dataset data;
    uint8_t x[20 + 5 * 2 * 3 * 4] = {0, 0, 8, 4, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4};
    for (int i = 0; i < 5 * 24; i++) {
        x[20 + i] = (uint8_t)i;
    }
    write_file(SCRATCH("chw.idx"), x, sizeof x);
    assert_ok(parse_data(s, "train: {format: idx, x: " SCRATCH("chw.idx") ", layout: nchw}\naugment: [{shift: 1}]\n",
                         &options));
    options.test = options.train;
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    const as_shape expected = {.rank = 3, .dim = {3, 4, 2}};
    assert_memory_equal(&data.shape, &expected, sizeof expected);
    assert_non_null(data.augment);
    for (int64_t r = 0; r < 5; r++) {
        for (int64_t i = 0; i < 24; i++) {
            assert_int_equal(((uint8_t *)data.x)[r * 24 + i], data.id[r] * 24 + i % 2 * 12 + i / 2);
        }
    }
    as_dataset test;
    assert_ok(as_dataset_open(&options, AS_TEST, s->world, &lanes, 1, &data, &test));
    assert_null(test.augment);
    as_dataset_close(&test);
    as_dataset_close(&data);
    /* With a shape, which names what is in the file, the same values: that of the file, or the one that comes out. */
    static const char *const shapes[] = {"[2, 3, 4]", "[3, 4, 2]"};
    for (int k = 0; k < 2; k++) {
        char text[200];
        snprintf(text, sizeof text, "train: {format: idx, x: %s, layout: nchw, shape: %s}\n", SCRATCH("chw.idx"),
                 shapes[k]);
        assert_ok(parse_data(s, text, &options));
        assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
        assert_memory_equal(&data.shape, &expected, sizeof expected);
        for (int64_t i = 0; i < 24; i++) {
            assert_int_equal(((uint8_t *)data.x)[i], data.id[0] * 24 + i % 2 * 12 + i / 2);
        }
        as_dataset_close(&data);
    }
    assert_ok(
        parse_data(s, "train: {format: idx, x: " SCRATCH("chw.idx") ", layout: nchw, shape: [4, 6]}\n", &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_int_equal(data.shape.dim[1], 4);
    for (int64_t i = 0; i < 24; i++) {
        assert_int_equal(((uint8_t *)data.x)[i], data.id[0] * 24 + i % 4 * 6 + i / 4);
    }
    as_dataset_close(&data);
    assert_ok(parse_data(s, "train: {format: idx, x: " SCRATCH("chw.idx") ", shape: [4, 6, 1]}\n", &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_int_equal(data.shape.dim[1], 6);
    as_dataset_close(&data);
    assert_ok(parse_data(s, "train: {format: idx, x: " SCRATCH("chw.idx") ", shape: [4, 5, 1]}\n", &options));
    assert_fails(AS_CONFIG, "expected 24 elements as in the stored 2x3x4, found 4x5x1",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_ok(parse_data(s, "train: {format: builtin, name: linear, layout: nchw}\n", &options));
    assert_fails(AS_CONFIG, "layout: nchw expects",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sample_is_changed_by_its_number_alone),
        cmocka_unit_test(test_shift_moves_by_each_number_of_pixels),
        cmocka_unit_test(test_flips_are_exact),
        cmocka_unit_test(test_cutout_zeros_one_rectangle),
        cmocka_unit_test(test_rotate_and_crop_at_their_ends),
        cmocka_unit_test(test_noise_is_standard_normal),
        cmocka_unit_test(test_shares_of_mixtures_are_beta),
        cmocka_unit_test(test_bad_lists_are_refused),
        cmocka_unit_test(test_layout_and_shape_of_a_source),
    };
    return cmocka_run_group_tests(tests, setup_begin, setup_end);
}
