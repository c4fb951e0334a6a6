/* Weight and bias gradients over lanes: the tiled walk of the tree equals one full vector per lane, bit for bit, for
   any program, with empty lanes, and however the tiles are shared among threads. */
#include "kernels/outer.h"
#include "unit/kernel_cases.h"
#include "unit/lane_programs.h"

static void check_outer(const as_kernels *K, int64_t k, int64_t n, const case_program *c, const int64_t *lane_row,
                        bool resume)
{
    const int parts = c->program.parts;
    const int64_t rows = lane_row[c->program.lanes], ldx = k + 1, ldd = n + 2, ldp = n + 3, size = k * ldp;
    void *const x = random_reals(K, rows * ldx, 1), *const d = random_reals(K, rows * ldd, 2);
    void *part[16];
    void *const plain = parts_of(K, size, parts, part);
    void *const work = new_reals(K, (c->program.depth + 1) * k * n);
    K->outer_lanes_plain(k, n, x, ldx, d, ldd, &c->program, lane_row, resume, part, ldp, work);
    for (int threads = 1; threads <= 3; threads++) {
        void *const fast = parts_of(K, size, parts, part);
        for (int t = threads - 1; t >= 0; t--) {
            K->outer_lanes(k, n, x, ldx, d, ldd, &c->program, lane_row, resume, part, ldp, t, threads);
        }
        assert_same_reals(K, fast, plain, size * parts, "outer_lanes");
        free_reals(K, fast, size * parts);
    }
    free_reals(K, x, rows * ldx), free_reals(K, d, rows * ldd), free_reals(K, plain, size * parts);
    free_reals(K, work, (c->program.depth + 1) * k * n);
}

static const int64_t sizes[][2] = {{0, 3},   {3, 0},   {1, 1},   {7, 1},   {1, 7},
                                   {13, 10}, {14, 32}, {29, 33}, {31, 64}, {50, 17}};

static void outer_over_programs(const as_kernels *K)
{
    static const int lanes_of[][3] = {{1}, {5}, {16}, {4, 2, 1}, {1, 8, 3}};
    static const int parts_of_case[] = {1, 1, 1, 3, 3};
    for (size_t q = 0; q < sizeof parts_of_case / sizeof parts_of_case[0]; q++) {
        case_program c;
        int64_t lane_row[32];
        make_program(&c, parts_of_case[q], lanes_of[q]);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            deal_rows(c.program.lanes, 3, true, lane_row);
            check_outer(K, sizes[s][0], sizes[s][1], &c, lane_row, false);
        }
    }
}

static void test_outer_lanes_equals_plain(void **state)
{
    (void)state;
    for_each_variant(outer_over_programs);
}

static void outer_resumes(const as_kernels *K)
{
    case_program c;
    make_program(&c, 1, (const int[]){1});
    for (int64_t rows = 0; rows < 600; rows += 149) {
        const int64_t lane_row[2] = {0, rows};
        check_outer(K, 15, 37, &c, lane_row, true);
        check_outer(K, 3, 5, &c, lane_row, false);
    }
}

static void test_a_resumed_chain_continues(void **state)
{
    (void)state;
    for_each_variant(outer_resumes);
}

/* No rows at all: zeros, positive ones. */
static void outer_of_nothing(const as_kernels *K)
{
    case_program c;
    make_program(&c, 2, (const int[]){3, 2});
    const int64_t lane_row[6] = {0};
    check_outer(K, 9, 40, &c, lane_row, false);
    c.program.steps = c.program.parts = c.program.lanes = 0;
    K->outer_lanes(9, 40, NULL, 9, NULL, 40, &c.program, lane_row, false, NULL, 40, 0, 1);
}

static void test_empty_lanes_give_positive_zeros(void **state)
{
    (void)state;
    for_each_variant(outer_of_nothing);
}

/* Sizes with several tiles in both directions and rows past every block. */
static void outer_large(const as_kernels *K)
{
    if (strcmp(K->isa, "portable") == 0) {
        return;
    }
    case_program c;
    int64_t lane_row[32];
    make_program(&c, 1, (const int[]){24});
    deal_rows(24, 11, true, lane_row);
    check_outer(K, 131, 150, &c, lane_row, false);
    check_outer(K, 77, 10, &c, lane_row, false);
    make_program(&c, 2, (const int[]){2, 1});
    deal_rows(3, 700, true, lane_row);
    check_outer(K, 45, 67, &c, lane_row, false);
    make_program(&c, 1, (const int[]){24});
    deal_rows(24, 60, true, lane_row);
    check_outer(K, 45, 67, &c, lane_row, false);
    make_program(&c, 1, (const int[]){2});
    deal_rows(2, 512, false, lane_row);
    check_outer(K, 13, 130, &c, lane_row, false); /* one node waits in its place */
}

static void test_outer_lanes_of_large_shapes(void **state)
{
    (void)state;
    for_each_variant(outer_large);
}

/* Every choice forced alone, and some together, on shapes with several strips, panels, chunks and lanes that chunks
 * cut.
 */
static const as_outer_choices choices[] = {
    {.sparse = AS_NEVER},
    {.sparse = AS_ALWAYS},
    {.sparse = AS_ALWAYS, .broadcast = AS_OUTER_X},
    {.sparse = AS_ALWAYS, .broadcast = AS_OUTER_D},
    {.broadcast = AS_OUTER_X},
    {.broadcast = AS_OUTER_D},
    {.strips = AS_OUTER_IN_PLACE},
    {.strips = AS_OUTER_PACKED},
    {.panels = AS_OUTER_IN_PLACE},
    {.panels = AS_OUTER_PACKED},
    {.chunk = 1},
    {.chunk = 7},
    {.chunk = 1000000},
    {.nodes = AS_OUTER_ASIDE},
    {.chunk = 6, .nodes = AS_OUTER_ASIDE},
    {.chunk = 6, .nodes = AS_OUTER_ASIDE, .block_strips = 2},
    {.chunk = 40, .block_strips = 3, .block_panels = 1},
    {.block_strips = 1},
    {.block_strips = 3},
    {.block_panels = 1},
    {.block_panels = 2},
    {.chunk = 5, .block_strips = 2, .block_panels = 1},
    {.chunk = 16, .broadcast = AS_OUTER_D, .strips = AS_OUTER_PACKED, .panels = AS_OUTER_IN_PLACE},
    {.chunk = 3, .broadcast = AS_OUTER_X, .strips = AS_OUTER_IN_PLACE, .panels = AS_OUTER_IN_PLACE},
};

static void check_choices(const as_kernels *K, int64_t k, int64_t n, const case_program *c, const int64_t *lane_row,
                          bool resume)
{
    const int parts = c->program.parts;
    const int64_t rows = lane_row[c->program.lanes], ldx = k + 1, ldd = n + 2, ldp = n + 3, size = k * ldp;
    void *const x = random_reals(K, rows * ldx, 1), *const d = random_reals(K, rows * ldd, 2);
    void *part[16];
    void *const plain = parts_of(K, size, parts, part);
    void *const work = new_reals(K, (c->program.depth + 1) * k * n);
    K->outer_lanes_plain(k, n, x, ldx, d, ldd, &c->program, lane_row, resume, part, ldp, work);
    for (size_t q = 0; q < sizeof choices / sizeof choices[0]; q++) {
        char name[32];
        snprintf(name, sizeof name, "choices[%d]", (int)q);
        for (int threads = 1; threads <= 2; threads++) {
            void *const fast = parts_of(K, size, parts, part);
            for (int t = 0; t < threads; t++) {
                as_outer_get(K)->lanes(&choices[q], k, n, x, ldx, d, ldd, &c->program, lane_row, resume, part, ldp, t,
                                       threads);
            }
            assert_same_reals(K, fast, plain, size * parts, name);
            free_reals(K, fast, size * parts);
        }
    }
    free_reals(K, x, rows * ldx), free_reals(K, d, rows * ldd), free_reals(K, plain, size * parts);
    free_reals(K, work, (c->program.depth + 1) * k * n);
}

static void outer_over_choices(const as_kernels *K)
{
    static const int64_t shapes[][2] = {{1, 1}, {29, 70}, {45, 10}, {5, 67}};
    case_program c;
    int64_t lane_row[32];
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        make_program(&c, 2, (const int[]){8, 3});
        deal_rows(11, 6, true, lane_row);
        check_choices(K, shapes[s][0], shapes[s][1], &c, lane_row, false);
        make_program(&c, 1, (const int[]){1});
        deal_rows(1, 23, false, lane_row);
        check_choices(K, shapes[s][0], shapes[s][1], &c, lane_row, true);
    }
}

static void test_no_choice_changes_a_bit(void **state)
{
    (void)state;
    for_each_variant(outer_over_choices);
}

/* More tiles than have room for their nodes between chunks, so that they are cut into blocks. */
static void outer_in_blocks(const as_kernels *K)
{
    if (strcmp(K->isa, "portable") == 0) {
        return;
    }
    case_program c;
    int64_t lane_row[32];
    make_program(&c, 1, (const int[]){24});
    deal_rows(24, 8, true, lane_row);
    check_choices(K, 523, 401, &c, lane_row, false);
}

static void test_blocks_of_tiles_change_no_bit(void **state)
{
    (void)state;
    for_each_variant(outer_in_blocks);
}

/* Zeros of either operand that are left out, or not, give the bits of the definition. Extreme: all is tiny, so that
 * chains end at zeros of either sign; or something is not finite and makes a zero count. */
static void check_zeros(const as_kernels *K, int64_t k, int64_t n, const case_program *c, const int64_t *lane_row,
                        bool resume, bool of_d, double extreme)
{
    static const as_outer_choices ways[] = {{.sparse = AS_AUTO},
                                            {.sparse = AS_NEVER},
                                            {.sparse = AS_ALWAYS, .broadcast = AS_OUTER_X},
                                            {.sparse = AS_ALWAYS, .broadcast = AS_OUTER_D}};
    const int parts = c->program.parts;
    const int64_t rows = lane_row[c->program.lanes], ldx = k + 1, ldd = n + 2, ldp = n + 3, size = k * ldp;
    void *const x = of_d ? random_reals(K, rows * ldx, 1) : sparse_reals(K, rows * ldx, 1);
    void *const d = of_d ? sparse_reals(K, rows * ldd, 2) : random_reals(K, rows * ldd, 2);
    void *const work = new_reals(K, (c->program.depth + 1) * k * n), *part[16];
    if (isfinite(extreme)) {
        void *const other = of_d ? x : d;
        for (int64_t i = 0; i < rows * (of_d ? ldx : ldd); i++) {
            set_real(K, other, i, get_real(K, other, i) * extreme);
        }
    } else {
        set_real(K, of_d ? x : d, rows / 2 * (of_d ? ldx : ldd) + 1, extreme);
    }
    void *const plain = parts_of(K, size, parts, part);
    K->outer_lanes_plain(k, n, x, ldx, d, ldd, &c->program, lane_row, resume, part, ldp, work);
    for (size_t q = 0; q < sizeof ways / sizeof ways[0]; q++) {
        for (int threads = 1; threads <= 3; threads += 2) {
            void *const fast = parts_of(K, size, parts, part);
            for (int t = 0; t < threads; t++) {
                as_outer_get(K)->lanes(&ways[q], k, n, x, ldx, d, ldd, &c->program, lane_row, resume, part, ldp, t,
                                       threads);
            }
            assert_same_reals(K, fast, plain, size * parts, "weight gradient of many zeros");
            free_reals(K, fast, size * parts);
        }
    }
    free_reals(K, x, rows * ldx), free_reals(K, d, rows * ldd), free_reals(K, plain, size * parts);
    free_reals(K, work, (c->program.depth + 1) * k * n);
}

static void zeros(const as_kernels *K)
{
    static const int64_t shapes[][2] = {{35, 150}, {150, 35}, {1, 128}};
    const double extremes[] = {1, K->precision == AS_FLOAT32 ? 0x1p-120 : 0x1p-900, INFINITY, NAN};
    case_program c;
    int64_t lane_row[32];
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        for (size_t e = 0; e < sizeof extremes / sizeof extremes[0]; e++) {
            const int64_t k = shapes[s][0], n = shapes[s][1];
            make_program(&c, 2, (const int[]){8, 3});
            deal_rows(11, 12, true, lane_row); /* ragged, with empty lanes */
            check_zeros(K, k, n, &c, lane_row, false, false, extremes[e]);
            make_program(&c, 1, (const int[]){8});
            deal_rows(8, K->set == AS_PORTABLE ? 20 : 80, false, lane_row); /* lanes of several chunks */
            check_zeros(K, k, n, &c, lane_row, false, s % 2 == 0, extremes[e]);
            deal_rows(8, 16, false, lane_row);
            check_zeros(K, k, n, &c, lane_row, false, true, extremes[e]);
            make_program(&c, 1, (const int[]){1});
            deal_rows(1, 90, false, lane_row);
            check_zeros(K, k, n, &c, lane_row, true, false, extremes[e]);
            check_zeros(K, k, n, &c, lane_row, true, true, extremes[e]);
            deal_rows(1, 3, false, lane_row); /* chains of few terms, of which all may underflow */
            check_zeros(K, k, n, &c, lane_row, false, false, extremes[e]);
            check_zeros(K, k, n, &c, lane_row, false, true, extremes[e]);
        }
    }
}

static void test_zeros_that_are_left_out_change_no_bit(void **state)
{
    (void)state;
    for_each_variant(zeros);
}

/* Bias gradients are the weight gradients of a constant input 1: fma(1, d, s) is s + d, rounded once. */
static void columns(const as_kernels *K)
{
    case_program c;
    int64_t lane_row[32];
    make_program(&c, 3, (const int[]){4, 7, 1});
    for (int64_t n = 0; n < 200; n = n * 2 + 1) {
        const int64_t rows = deal_rows(c.program.lanes, 9, true, lane_row), ldd = n + 5;
        void *const ones = new_reals(K, rows), *const d = random_reals(K, rows * ldd, 4), *part[3];
        for (int64_t r = 0; r < rows; r++) {
            set_real(K, ones, r, 1);
        }
        void *const plain = parts_of(K, n, 3, part), *const work = new_reals(K, (c.program.depth + 1) * n);
        K->outer_lanes_plain(1, n, ones, 1, d, ldd, &c.program, lane_row, false, part, n, work);
        for (int threads = 1; threads <= 4; threads++) {
            void *const fast = parts_of(K, n, 3, part);
            for (int t = 0; t < threads; t++) {
                K->column_sum_lanes(n, d, ldd, &c.program, lane_row, false, part, t, threads);
            }
            assert_same_reals(K, fast, plain, n * 3, "column_sum_lanes");
            free_reals(K, fast, n * 3);
        }
        free_reals(K, ones, rows), free_reals(K, d, rows * ldd), free_reals(K, plain, n * 3);
        free_reals(K, work, (c.program.depth + 1) * n);
    }
}

static void test_column_sums_equal_plain(void **state)
{
    (void)state;
    for_each_variant(columns);
}

/* A chain cut in two by resume is the whole chain. */
static void columns_resume(const as_kernels *K)
{
    enum { ROWS = 23, N = 70 };
    case_program c;
    make_program(&c, 1, (const int[]){1});
    void *const d = random_reals(K, ROWS * N, 4), *const whole = new_reals(K, N), *const cut = new_reals(K, N);
    const int64_t all[2] = {0, ROWS}, head[2] = {0, 9}, tail[2] = {9, ROWS};
    void *part = whole;
    K->column_sum_lanes(N, d, N, &c.program, all, false, &part, 0, 1);
    part = cut;
    K->column_sum_lanes(N, d, N, &c.program, head, false, &part, 0, 1);
    K->column_sum_lanes(N, d, N, &c.program, tail, true, &part, 0, 1);
    assert_same_reals(K, cut, whole, N, "resumed column_sum_lanes");
    free_reals(K, d, ROWS * N), free_reals(K, whole, N), free_reals(K, cut, N);
}

static void test_a_resumed_column_sum_continues(void **state)
{
    (void)state;
    for_each_variant(columns_resume);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outer_lanes_equals_plain),
        cmocka_unit_test(test_a_resumed_chain_continues),
        cmocka_unit_test(test_empty_lanes_give_positive_zeros),
        cmocka_unit_test(test_outer_lanes_of_large_shapes),
        cmocka_unit_test(test_no_choice_changes_a_bit),
        cmocka_unit_test(test_blocks_of_tiles_change_no_bit),
        cmocka_unit_test(test_zeros_that_are_left_out_change_no_bit),
        cmocka_unit_test(test_column_sums_equal_plain),
        cmocka_unit_test(test_a_resumed_column_sum_continues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
