/* Rows that repeat by chance: what is said of new rows holds for them, for columns that are independent or not; copies
   lie above it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "base/error.h"
#include "probe/repeats.h"

enum { ROWS = 400, WIDTH = 20, PATTERNS = 8 };

typedef struct scene {
    double x[2 * ROWS * WIDTH]; /* the second half are the new rows */
    int64_t width;
    uint64_t state;
    double turned;
} scene;

static double uniform(scene *s)
{
    return (double)(as_mix64(s->state++) >> 11) * 0x1p-53;
}

/* Two factors of six levels: a column for each level. */
static void make_levels(scene *s, int64_t row)
{
    memset(s->x + row * s->width, 0, (size_t)s->width * sizeof *s->x);
    s->x[row * s->width + (int)(6 * uniform(s))] = 1;
    s->x[row * s->width + 6 + (int)(6 * uniform(s))] = 1;
}

/* A pattern of bits, each turned over with a probability. */
static void make_pattern(scene *s, int64_t row)
{
    const uint64_t pattern = (uint64_t)(PATTERNS * uniform(s));
    for (int64_t j = 0; j < s->width; j++) {
        const bool bit = as_mix64(1000 * pattern + (uint64_t)j) % 2 == 0;
        s->x[row * s->width + j] = bit != (uniform(s) < s->turned) ? 1 : 0;
    }
}

static void make_numbers(scene *s, int64_t row)
{
    for (int64_t j = 0; j < s->width; j++) {
        s->x[row * s->width + j] = uniform(s);
    }
}

/* copied: each row twice, most of the time once old and once new. */
static void make(scene *s, int64_t width, void (*row)(scene *, int64_t), double turned, bool copied)
{
    *s = (scene){.width = width, .state = 5, .turned = turned};
    for (int64_t r = 0; r < 2 * ROWS; r++) {
        row(s, r);
    }
    const size_t bytes = (size_t)width * sizeof *s->x;
    for (int64_t r = 0; copied && r < 2 * ROWS; r += 2) { /* pairs of places, mixed */
        const int64_t a = (r * 307) % (2 * ROWS), b = ((r + 1) * 307) % (2 * ROWS);
        memcpy(s->x + b * width, s->x + a * width, bytes);
    }
}

/* What chance is said to give ROWS new rows, by the first `rows`. */
static double chance_by(scene *s, int64_t rows)
{
    const as_sample sample = {.total = rows, .rows = rows, .width = s->width, .x = s->x};
    as_columns columns = {0};
    double chance;
    assert_int_equal(as_columns_make(&sample, NULL, &columns), AS_OK);
    assert_int_equal(as_repeats_chance(&sample, &columns, ROWS, &chance), AS_OK);
    as_columns_free(&columns);
    return chance;
}

/* The share of the new rows that equal one of the others, and what chance is said to give. */
static double shares(scene *s, double *chance)
{
    double same = 0;
    *chance = chance_by(s, ROWS);
    for (int64_t n = ROWS; n < 2 * ROWS; n++) {
        bool found = false;
        for (int64_t r = 0; r < ROWS && !found; r++) {
            found = memcmp(s->x + n * s->width, s->x + r * s->width, (size_t)s->width * sizeof *s->x) == 0;
        }
        same += found ? 1.0 / ROWS : 0;
    }
    return same;
}

static scene s;

static void test_rows_of_factors_and_patterns_repeat_by_chance(void **state)
{
    double chance;
    (void)state;
    make(&s, 12, make_levels, 0, false);
    double share = shares(&s, &chance);
    assert_true(share > 0.99 && chance > share - 0.01); /* 36 kinds of rows */
    make(&s, WIDTH, make_pattern, 0.08, false);
    share = shares(&s, &chance);
    assert_true(share > 0.2 && share < 0.9);
    assert_true(chance > share - 2 * sqrt(share * (1 - share) / ROWS)); /* an upper bound, up to errors of the share */
    make(&s, 4, make_pattern, 0.08, false);
    share = shares(&s, &chance);
    assert_true(share > 0.99 && chance > 0.99);
}

static void test_copies_lie_above_chance(void **state)
{
    double chance;
    (void)state;
    make(&s, 5, make_numbers, 0, true);
    double share = shares(&s, &chance);
    assert_true(share > 0.3 && chance < 0.01);
    make(&s, WIDTH, make_pattern, 0.12, true);
    share = shares(&s, &chance);
    assert_true(share > chance + 0.02 + 4 * sqrt(chance * (1 - chance) / ROWS)); /* the limit of LEAK_DUPLICATES */
    make(&s, 5, make_numbers, 0, false);
    share = shares(&s, &chance);
    assert_true(share == 0 && chance < 0.01);
}

/* Patterns that repeat by chance, each written twice: hardly one of them is there once or three times. */
static void test_rows_that_were_written_twice_are_no_draws(void **state)
{
    (void)state;
    make(&s, WIDTH, make_pattern, 0.12, true);
    assert_true(chance_by(&s, 2 * ROWS) < 0.01);
    make(&s, WIDTH, make_pattern, 0.12, false);
    assert_true(chance_by(&s, 2 * ROWS) > 0.15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows_of_factors_and_patterns_repeat_by_chance),
                                       cmocka_unit_test(test_copies_lie_above_chance),
                                       cmocka_unit_test(test_rows_that_were_written_twice_are_no_draws)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
