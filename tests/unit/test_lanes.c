/* Lanes of one process, and the lanes that a batch gets by itself. Layouts of several ranks: tests/mpi. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "comm/lanes.h"

static void test_one_process_owns_all_lanes(void **state)
{
    (void)state;
    as_world *world;
    as_lanes lanes;
    assert_int_equal(as_world_open(&(as_world_options){.launched = false}, &world), AS_OK);
    assert_int_equal(as_world_size(world), 1);
    assert_string_equal(as_world_transport(world), "none");
    assert_string_equal(as_world_library(world), "single process");
    assert_int_equal(as_lanes_create(24, world, &lanes), AS_OK);
    assert_int_equal(lanes.first, 0);
    assert_int_equal(lanes.count, 24);
    assert_int_equal(lanes.parts_total, 1);
    assert_int_equal(lanes.program.parts, 1);
    as_lanes_destroy(&lanes);
    assert_int_equal(as_lanes_create(0, world, &lanes), AS_CONFIG);
    as_world_close(&world);
    assert_null(world);
}

static void test_automatic_lanes_have_sixteen_samples_each(void **state)
{
    (void)state;
    static const struct {
        int64_t batch;
        int lanes;
    } rows[] = {{1, 1},   {31, 1},   {32, 2},   {48, 3},   {64, 4},   {96, 6},   {128, 8},
                {191, 8}, {192, 12}, {255, 12}, {256, 16}, {383, 16}, {384, 24}, {INT64_MAX, 24}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(as_lanes_auto(rows[i].batch), rows[i].lanes);
    }
}

static void test_collectives_of_one_process(void **state)
{
    (void)state;
    as_world *world;
    assert_int_equal(as_world_open(&(as_world_options){.launched = false}, &world), AS_OK);
    double one = 3.5, all = 0;
    size_t offset[2];
    assert_int_equal(as_world_barrier(world), AS_OK);
    assert_int_equal(as_world_broadcast(world, 0, &one, sizeof one), AS_OK);
    assert_int_equal(as_world_all_gather(world, &one, sizeof one, &all), AS_OK);
    assert_true(all == 3.5);
    all = 0;
    assert_int_equal(as_world_gather(world, &one, sizeof one, &all, offset), AS_OK);
    assert_true(all == 3.5);
    assert_int_equal(offset[1], sizeof one);
    assert_int_equal(as_world_agree(world, AS_DATA), AS_DATA);
    char *block;
    void *memory;
    assert_int_equal(as_world_shared(world, 100000, &memory), AS_OK);
    block = memory;
    assert_int_equal((uintptr_t)block % 64, 0);
    assert_int_equal(block[99999], 0);
    as_world_shared_free(world, &memory);
    assert_null(memory);
    as_world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_process_owns_all_lanes),
        cmocka_unit_test(test_automatic_lanes_have_sixteen_samples_each),
        cmocka_unit_test(test_collectives_of_one_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
