/* The lane tree: plans are trees, programs walk them, and every cut of the lanes gives the same sum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/tree.h"

/* Runs a program on a stack of doubles; returns the parts. */
static int run(const as_tree_program *program, const double *leaf, double *part)
{
    double stack[AS_TREE_DEPTH_MAX];
    int level = 0, parts = 0;
    for (int i = 0; i < program->steps; i++) {
        if (program->step[i] >= 0) {
            assert_in_range(program->step[i], 0, program->lanes - 1);
            stack[level++] = leaf[program->step[i]];
            assert_true(level <= program->depth && level <= AS_TREE_DEPTH_MAX);
        } else if (program->step[i] == AS_TREE_MERGE) {
            assert_true(level >= 2);
            level--;
            stack[level - 1] += stack[level];
        } else {
            assert_int_equal(level, 1);
            part[parts++] = stack[--level];
        }
    }
    assert_int_equal(level, 0);
    assert_int_equal(parts, program->parts);
    return parts;
}

/* Values whose sum depends on the order in nearly every bit. */
static void fill(double *value, int n)
{
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        value[i] = ((double)(x >> 11) / 9007199254740992.0 - 0.5) * (double)(1 + (x & 1023));
    }
}

/* Cuts V lanes among R ranks, merges all parts, and returns how many parts there were. */
static int sum_by_ranks(const as_tree *tree, int ranks, const double *value, double *root)
{
    double *part = calloc((size_t)tree->lanes, sizeof *part);
    int16_t *first = calloc((size_t)tree->lanes, sizeof *first), *lanes = calloc((size_t)tree->lanes, sizeof *lanes);
    int total = 0;
    for (int rank = 0, a = 0, n = 0; rank < ranks; rank++) {
        as_tree_program program;
        as_tree_share(tree->lanes, ranks, rank, &a, &n);
        assert_int_equal(as_tree_program_make(tree, a, n, &program), AS_OK);
        run(&program, value + a, part + total);
        for (int p = 0; p < program.parts; p++) {
            first[total + p] = program.part_first[p];
            lanes[total + p] = program.part_lanes[p];
        }
        total += program.parts;
        as_tree_program_destroy(&program);
    }
    as_tree_program merge;
    assert_int_equal(as_tree_merge_make(tree, total, first, lanes, &merge), AS_OK);
    assert_int_equal(merge.parts, 1);
    run(&merge, part, root);
    as_tree_program_destroy(&merge);
    free(part);
    free(first);
    free(lanes);
    return total;
}

static void test_shares_cover_the_lanes_in_order(void **state)
{
    (void)state;
    for (int lanes = 1; lanes <= 40; lanes++) {
        for (int ranks = 1; ranks <= lanes; ranks++) {
            int next = 0;
            for (int rank = 0, first, count; rank < ranks; rank++) {
                as_tree_share(lanes, ranks, rank, &first, &count);
                assert_int_equal(first, next);
                assert_in_range(count, lanes / ranks, lanes / ranks + 1);
                next += count;
            }
            assert_int_equal(next, lanes);
        }
    }
}

static void test_any_layout_gives_the_same_sum(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 16, 23, 24, 25, 32, 48, 64, 97, 128, 360, 1000, 4096};
    double value[AS_LANES_MAX];
    fill(value, AS_LANES_MAX);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        as_tree tree;
        assert_int_equal(as_tree_plan(sizes[i], &tree), AS_OK);
        assert_int_equal(tree.nodes, sizes[i] - 1);
        double want, got;
        as_tree_sum(&tree, 1, value, &want);
        for (int ranks = 1; ranks <= sizes[i] && ranks <= 40; ranks++) {
            sum_by_ranks(&tree, ranks, value, &got);
            assert_memory_equal(&got, &want, sizeof got);
        }
        as_tree_destroy(&tree);
    }
}

/* Vectors sent in all, counted in vectors: every part goes to the owners, and every slice comes back to R - 1 ranks;
   an optimal all-reduce moves 2 (R - 1) vectors. The design asks for 1.25 times that at the most. */
static void test_24_lanes_cost_little_on_the_wire(void **state)
{
    (void)state;
    static const int ranks[] = {2, 3, 4, 6, 8, 12, 24};
    as_tree tree;
    double value[24], root;
    fill(value, 24);
    assert_int_equal(as_tree_plan(24, &tree), AS_OK);
    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++) {
        const double r = ranks[i], parts = sum_by_ranks(&tree, ranks[i], value, &root);
        const double sent = parts * (r - 1) / r + (r - 1);
        print_message("ranks %2d: %2.0f parts, %.3f of the optimum\n", ranks[i], parts, sent / (2 * (r - 1)));
        assert_true(sent <= 1.2501 * 2 * (r - 1));
    }
    as_tree_destroy(&tree);
}

static void test_powers_of_two_cost_no_more_than_two_parts_a_rank(void **state)
{
    (void)state;
    as_tree tree;
    double value[64], root;
    fill(value, 64);
    assert_int_equal(as_tree_plan(64, &tree), AS_OK);
    for (int ranks = 2; ranks <= 64; ranks *= 4) {
        assert_true(sum_by_ranks(&tree, ranks, value, &root) <= 2 * ranks);
    }
    as_tree_destroy(&tree);
}

static void test_every_plan_can_be_walked(void **state)
{
    (void)state;
    for (int lanes = 1; lanes <= AS_LANES_MAX; lanes += lanes < 100 ? 1 : 333) {
        as_tree tree;
        as_tree_program program;
        assert_int_equal(as_tree_plan(lanes, &tree), AS_OK);
        assert_int_equal(as_tree_program_make(&tree, 0, lanes, &program), AS_OK);
        assert_in_range(program.depth, 1, AS_TREE_DEPTH_MAX);
        as_tree_program_destroy(&program);
        as_tree_destroy(&tree);
    }
}

static void test_columns_are_independent(void **state)
{
    (void)state;
    enum { LANES = 24, WIDTH = 19 };
    as_tree tree;
    double value[LANES * WIDTH], column[LANES], all[WIDTH], one;
    fill(value, LANES * WIDTH);
    assert_int_equal(as_tree_plan(LANES, &tree), AS_OK);
    as_tree_sum(&tree, WIDTH, value, all);
    for (int j = 0; j < WIDTH; j++) {
        for (int l = 0; l < LANES; l++) {
            column[l] = value[l * WIDTH + j];
        }
        as_tree_sum(&tree, 1, column, &one);
        assert_memory_equal(&one, &all[j], sizeof one);
    }
    as_tree_destroy(&tree);
}

static void test_merging_some_parts_emits_what_they_cover(void **state)
{
    (void)state;
    int16_t split[] = {2, 1, 3};
    const as_tree tree = {.lanes = 4, .nodes = 3, .split = split};
    as_tree_program merge;
    /* Lanes 0, 1 and 3: the node [0, 2) and the lane 3. */
    assert_int_equal(as_tree_merge_make(&tree, 3, (const int16_t[]){0, 1, 3}, (const int16_t[]){1, 1, 1}, &merge),
                     AS_OK);
    const int16_t want[] = {0, 1, AS_TREE_MERGE, AS_TREE_EMIT, 2, AS_TREE_EMIT};
    assert_int_equal(merge.steps, 6);
    assert_memory_equal(merge.step, want, sizeof want);
    assert_int_equal(merge.parts, 2);
    assert_int_equal(merge.part_first[1], 3);
    as_tree_program_destroy(&merge);
    /* [1, 3) is no node. */
    assert_int_equal(as_tree_merge_make(&tree, 3, (const int16_t[]){0, 1, 3}, (const int16_t[]){1, 2, 1}, &merge),
                     AS_INTERNAL);
}

static void test_an_empty_interval_has_no_steps(void **state)
{
    (void)state;
    as_tree tree;
    as_tree_program program;
    assert_int_equal(as_tree_plan(6, &tree), AS_OK);
    assert_int_equal(as_tree_program_make(&tree, 3, 0, &program), AS_OK);
    assert_int_equal(program.steps, 0);
    assert_int_equal(program.parts, 0);
    as_tree_program_destroy(&program);
    as_tree_destroy(&tree);
}

static void test_bad_trees_are_refused(void **state)
{
    (void)state;
    as_tree tree;
    assert_int_equal(as_tree_plan(0, &tree), AS_CONFIG);
    assert_int_equal(as_tree_plan(AS_LANES_MAX + 1, &tree), AS_CONFIG);
}

static void test_block_sums_are_balanced(void **state)
{
    (void)state;
    const double value[] = {0x1p53, 1.0, 1.0, 1.0, -0x1p53};
    assert_true(as_block_sum(NULL, 0) == 0.0);
    assert_true(as_block_sum(value, 1) == 0x1p53);
    /* ((v0 + v1) + v2) + (v3 + v4): each 1 is lost beside 2^53, then 2^53 + (1 - 2^53) = 1. */
    assert_true(as_block_sum(value, 5) == 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_cover_the_lanes_in_order),
        cmocka_unit_test(test_any_layout_gives_the_same_sum),
        cmocka_unit_test(test_24_lanes_cost_little_on_the_wire),
        cmocka_unit_test(test_powers_of_two_cost_no_more_than_two_parts_a_rank),
        cmocka_unit_test(test_every_plan_can_be_walked),
        cmocka_unit_test(test_columns_are_independent),
        cmocka_unit_test(test_merging_some_parts_emits_what_they_cover),
        cmocka_unit_test(test_an_empty_interval_has_no_steps),
        cmocka_unit_test(test_bad_trees_are_refused),
        cmocka_unit_test(test_block_sums_are_balanced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
