/* The sum with one process: heads through the tree, the vector in place, riders, blocks. Several ranks: tests/mpi. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "comm/sum.h"

enum { LANES = 24, N = 2500 };

typedef struct fixture {
    as_world *world;
    as_lanes lanes;
    as_team *team;
    as_sum *sum;
} fixture;

static void open_fixture(fixture *f, int64_t n)
{
    assert_int_equal(as_world_open(&(as_world_options){.launched = false}, &f->world), AS_OK);
    assert_int_equal(as_lanes_create(LANES, f->world, &f->lanes), AS_OK);
    assert_int_equal(as_team_create(2, &f->team), AS_OK);
    assert_int_equal(as_sum_create(f->world, &f->lanes, as_kernels_get(AS_PORTABLE, AS_FLOAT32), n, NULL, &f->sum),
                     AS_OK);
}

static void close_fixture(fixture *f)
{
    as_sum_destroy(&f->sum);
    as_team_destroy(&f->team);
    as_lanes_destroy(&f->lanes);
    as_world_close(&f->world);
}

static void test_heads_go_through_the_tree(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, N);
    double value[LANES * AS_HEAD_SIZE], want[AS_HEAD_SIZE];
    as_sum_clear(f.sum);
    for (int l = 0; l < LANES; l++) {
        for (int j = 0; j < AS_HEAD_SIZE; j++) {
            assert_true(as_sum_head(f.sum, l)[j] == 0);
            value[l * AS_HEAD_SIZE + j] = as_sum_head(f.sum, l)[j] = (1.0 + l) / (3.0 + j);
        }
    }
    as_sum_flag(f.sum, 1);
    as_sum_flag(f.sum, 4);
    assert_int_equal(as_sum_reduce(f.sum, f.team), AS_OK);
    as_tree_sum(&f.lanes.tree, AS_HEAD_SIZE, value, want);
    assert_memory_equal(as_sum_result(f.sum), want, sizeof want);
    assert_int_equal(as_sum_flags(f.sum), 5);
    as_sum_clear(f.sum);
    assert_int_equal(as_sum_reduce(f.sum, f.team), AS_OK);
    assert_int_equal(as_sum_flags(f.sum), 0);
    close_fixture(&f);
}

static void test_one_part_is_the_sum_itself(void **state)
{
    (void)state;
    fixture f;
    int64_t first, count;
    open_fixture(&f, N);
    as_sum_range(f.sum, &first, &count);
    assert_int_equal(first, 0);
    assert_int_equal(count, N);
    float *part = as_sum_part(f.sum, 0);
    as_sum_clear(f.sum);
    for (int i = 0; i < N; i++) {
        part[i] = (float)i;
    }
    assert_int_equal(as_sum_reduce(f.sum, f.team), AS_OK);
    assert_ptr_equal(as_sum_slice(f.sum), part);
    assert_true(part[N - 1] == (float)(N - 1));
    close_fixture(&f);
}

static void test_blocks_are_summed_by_column(void **state)
{
    (void)state;
    enum { WIDTH = 6, BLOCKS = 3 };
    fixture f;
    double block[BLOCKS * WIDTH], out[WIDTH];
    open_fixture(&f, N);
    for (int i = 0; i < BLOCKS * WIDTH; i++) {
        block[i] = 1.0 / (1 + i);
    }
    assert_int_equal(as_sum_blocks(f.sum, WIDTH, block, out), AS_OK);
    for (int j = 0; j < WIDTH; j++) {
        const double column[BLOCKS] = {block[j], block[WIDTH + j], block[2 * WIDTH + j]};
        assert_true(out[j] == as_block_sum(column, BLOCKS));
    }
    close_fixture(&f);
}

static void test_a_failure_is_the_answer(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, N);
    as_sum_clear(f.sum);
    as_sum_fail(f.sum, AS_DATA, "train.h5: sample 17 is NaN");
    as_sum_fail(f.sum, AS_IO, "and more went wrong");
    assert_int_equal(as_sum_reduce(f.sum, f.team), AS_DATA);
    assert_string_equal(as_error_message(), "train.h5: sample 17 is NaN");
    as_sum_clear(f.sum);
    assert_int_equal(as_sum_reduce(f.sum, f.team), AS_OK);
    close_fixture(&f);
}

static void test_an_empty_vector_is_a_sum_of_heads(void **state)
{
    (void)state;
    fixture f;
    int64_t first, count;
    open_fixture(&f, 0);
    as_sum_range(f.sum, &first, &count);
    assert_int_equal(count, 0);
    as_sum_clear(f.sum);
    as_sum_head(f.sum, 3)[AS_HEAD_COUNT] = 2;
    assert_int_equal(as_sum_reduce(f.sum, f.team), AS_OK);
    assert_true(as_sum_result(f.sum)[AS_HEAD_COUNT] == 2);
    double out = -1;
    assert_int_equal(as_sum_blocks(f.sum, 1, NULL, &out), AS_OK);
    assert_true(out == 0);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads_go_through_the_tree),         cmocka_unit_test(test_one_part_is_the_sum_itself),
        cmocka_unit_test(test_blocks_are_summed_by_column),       cmocka_unit_test(test_a_failure_is_the_answer),
        cmocka_unit_test(test_an_empty_vector_is_a_sum_of_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
