/* The gradient of looked-up rows equals its definition bit for bit: any vocabulary, width, lanes and threads. */
#include "unit/kernel_cases.h"

#include "kernels/embedding.h"

enum { SAMPLES = 11, LANES = 5 };

static void check(const as_kernels *kernels, int64_t vocabulary, int64_t width, int64_t positions, int threads)
{
    static const int64_t lane_row[LANES + 1] = {0, 2, 2, 7, 8, SAMPLES};
    const int64_t ldr = positions + 1, ldy = positions * width + 3, reals = vocabulary * width;
    void *const row = new_reals(kernels, SAMPLES * ldr);
    void *const dy = random_reals(kernels, SAMPLES * ldy, 2);
    for (int64_t i = 0; i < SAMPLES * ldr; i++) { /* some rows often, some never, some numbers that are no row */
        const double u = value_at(3, i) + 0.5;
        set_real(kernels, row, i, i % 13 == 5 ? -1 : i % 17 == 3 ? 0.5 : floor(u * u * (double)(vocabulary + 1)));
    }
    int32_t *const scratch = calloc((size_t)(vocabulary + SAMPLES * positions) + 1, sizeof *scratch);
    assert_non_null(scratch);
    as_tree tree;
    assert_int_equal(as_tree_plan(LANES, &tree), AS_OK);
    for (int first = 0; first < LANES; first++) {
        as_tree_program program;
        assert_int_equal(as_tree_program_make(&tree, first, LANES - first, &program), AS_OK);
        void *part[2][LANES];
        for (int k = 0; k < 2; k++) {
            for (int p = 0; p < program.parts; p++) {
                part[k][p] = random_reals(kernels, reals, 9);
            }
            for (int again = 0; again < (first == LANES - 1 ? 2 : 1); again++) { /* one lane: in two pieces */
                for (int t = 0; t < threads; t++) {
                    const as_embedding_sums a = {.vocabulary = vocabulary,
                                                 .width = width,
                                                 .positions = positions,
                                                 .row = row,
                                                 .ldr = ldr,
                                                 .dy = dy,
                                                 .ldy = ldy,
                                                 .program = &program,
                                                 .lane_row = lane_row + first,
                                                 .resume = again == 1,
                                                 .part = part[k],
                                                 .scratch = scratch,
                                                 .thread = t,
                                                 .threads = threads};
                    (k == 0 ? kernels->embedding_lanes : kernels->embedding_lanes_plain)(&a);
                }
            }
        }
        for (int p = 0; p < program.parts; p++) {
            assert_same_reals(kernels, part[0][p], part[1][p], reals, "gradient of a table");
            free_reals(kernels, part[0][p], reals), free_reals(kernels, part[1][p], reals);
        }
        as_tree_program_destroy(&program);
    }
    as_tree_destroy(&tree);
    free(scratch);
    free_reals(kernels, row, SAMPLES * ldr), free_reals(kernels, dy, SAMPLES * ldy);
}

static void sizes(const as_kernels *kernels)
{
    check(kernels, 1, 1, 1, 1);
    check(kernels, 7, 3, 5, 2);
    check(kernels, 29, 64, 3, 3);
    check(kernels, 5, 131, 7, 2);
    check(kernels, 211, 33, 1, 1);
    check(kernels, 0, 4, 2, 1);
}

static void test_gradient_of_a_table_equals_its_definition(void **state)
{
    (void)state;
    for_each_variant(sizes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient_of_a_table_equals_its_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
