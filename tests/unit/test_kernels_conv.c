/* Convolutions: the tiled kernels equal their definition bit for bit, for every
   walk, over ragged, one, prime and empty extents, strides, paddings, dilations
   and groups, with rows apart, and however tiles are shared among threads. */
#include "kernels/conv.h"
#include "unit/kernel_cases.h"
#include "unit/lane_programs.h"

typedef struct conv_case {
    int64_t in[AS_AXES], kernel[AS_AXES], stride[AS_AXES], low[AS_AXES], high[AS_AXES], dilation[AS_AXES];
    int64_t cin, cout, groups;
} conv_case;

static const conv_case cases[] = {
    /* the commonest: 3x3 and 5x5, same size */
    {{1, 7, 7}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}, 5, 9, 1},
    {{1, 9, 17}, {1, 5, 5}, {1, 1, 1}, {0, 2, 2}, {0, 2, 2}, {1, 1, 1}, 3, 33, 1},
    {{1, 6, 16}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}, 16, 16, 1},
    {{1, 3, 4}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}, 37, 66, 1},
    /* first layers */
    {{1, 13, 11}, {1, 5, 5}, {1, 1, 1}, {0, 2, 2}, {0, 2, 2}, {1, 1, 1}, 1, 32, 1},
    {{1, 8, 30}, {1, 7, 7}, {1, 2, 2}, {0, 3, 3}, {0, 3, 3}, {1, 1, 1}, 3, 17, 1},
    {{1, 9, 10}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}, 1, 16, 1},
    {{1, 12, 9}, {1, 7, 7}, {1, 2, 2}, {0, 3, 3}, {0, 3, 3}, {1, 1, 1}, 1, 32, 1},
    {{1, 3, 11}, {1, 5, 3}, {1, 1, 1}, {0, 2, 1}, {0, 2, 1}, {1, 2, 1}, 1, 7, 1},
    {{1, 8, 7}, {1, 4, 2}, {1, 3, 2}, {0, 1, 0}, {0, 2, 1}, {1, 1, 1}, 2, 20, 1},
    {{1, 2, 6}, {1, 6, 6}, {1, 1, 1}, {0, 3, 3}, {0, 2, 2}, {1, 1, 1}, 1, 64, 1},
    {{1, 5, 600}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}, 1, 16, 1},
    /* strides, padding of one side, dilation */
    {{1, 9, 10}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}, 4, 7, 1},
    {{1, 8, 9}, {1, 2, 3}, {1, 3, 2}, {0, 0, 2}, {0, 1, 0}, {1, 1, 1}, 2, 35, 1},
    {{1, 11, 12}, {1, 3, 3}, {1, 1, 1}, {0, 2, 2}, {0, 2, 2}, {1, 2, 2}, 3, 5, 1},
    {{1, 13, 14}, {1, 3, 3}, {1, 2, 3}, {0, 2, 4}, {0, 3, 1}, {1, 3, 2}, 2, 6, 1},
    {{1, 12, 12}, {1, 3, 4}, {1, 4, 2}, {0, 1, 3}, {0, 1, 3}, {1, 2, 4}, 3, 4, 1},
    /* 1x1, also with a stride that skips inputs */
    {{1, 5, 6}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}, 19, 34, 1},
    {{1, 7, 6}, {1, 1, 1}, {1, 2, 2}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}, 6, 40, 1},
    /* groups and depthwise */
    {{1, 6, 7}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}, 6, 9, 3},
    {{1, 6, 7}, {1, 3, 3}, {1, 2, 1}, {0, 1, 2}, {0, 1, 2}, {1, 1, 2}, 5, 10, 5},
    {{1, 7, 16}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}, 21, 21, 21},
    {{1, 9, 8}, {1, 5, 3}, {1, 2, 2}, {0, 2, 1}, {0, 2, 1}, {1, 1, 2}, 35, 35, 35},
    {{1, 1, 40}, {1, 1, 19}, {1, 1, 1}, {0, 0, 18}, {0, 0, 0}, {1, 1, 2}, 2, 2, 2},
    /* few outputs, whose tiles take kernel positions in pairs; wide lines,
       which come in pieces */
    {{1, 5, 9}, {1, 2, 5}, {1, 1, 1}, {0, 0, 2}, {0, 1, 2}, {1, 1, 1}, 19, 4, 1},
    {{1, 3, 11}, {1, 1, 4}, {1, 1, 2}, {0, 0, 3}, {0, 0, 1}, {1, 1, 2}, 9, 3, 1},
    {{1, 1, 500}, {1, 1, 3}, {1, 1, 1}, {0, 0, 1}, {0, 0, 1}, {1, 1, 1}, 8, 2, 1},
    {{1, 2, 430}, {1, 2, 3}, {1, 1, 1}, {0, 0, 2}, {0, 0, 0}, {1, 1, 1}, 1, 3, 1},
    /* as many outputs as a tile of four vectors has */
    {{1, 3, 5}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}, 13, 64, 1},
    {{1, 5, 4}, {1, 2, 3}, {1, 2, 2}, {0, 0, 2}, {0, 1, 0}, {1, 1, 1}, 8, 64, 1},
    {{2, 3, 5}, {2, 1, 4}, {1, 1, 1}, {1, 0, 2}, {0, 0, 1}, {1, 1, 2}, 9, 32, 1},
    {{1, 1, 195}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}, 8, 64, 1},
    /* one axis, three axes */
    {{1, 1, 31}, {1, 1, 4}, {1, 1, 1}, {0, 0, 3}, {0, 0, 0}, {1, 1, 1}, 7, 13, 1},
    {{4, 5, 6}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, 2, 3, 1},
    {{5, 4, 7}, {2, 3, 2}, {2, 1, 2}, {0, 1, 1}, {1, 1, 0}, {1, 1, 2}, 3, 4, 1},
    /* a kernel wider than its input; padding past it; nothing comes out; no
       channels; one of everything */
    {{1, 2, 3}, {1, 5, 7}, {1, 1, 1}, {0, 3, 4}, {0, 2, 3}, {1, 1, 1}, 2, 3, 1},
    {{1, 1, 2}, {1, 3, 3}, {1, 1, 1}, {0, 4, 4}, {0, 4, 4}, {1, 1, 1}, 2, 3, 1},
    {{1, 2, 2}, {1, 3, 3}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}, 2, 3, 1},
    /* kernel positions that lie beside the input for every output: one at a time, in pairs, in groups, dilated */
    {{1, 2, 3}, {1, 5, 7}, {1, 1, 1}, {0, 2, 3}, {0, 2, 3}, {1, 1, 1}, 9, 33, 1},
    {{1, 3, 2}, {1, 3, 5}, {1, 1, 1}, {0, 1, 2}, {0, 1, 2}, {1, 1, 1}, 11, 4, 1},
    {{1, 5, 2}, {1, 2, 5}, {1, 3, 1}, {0, 0, 2}, {0, 0, 2}, {1, 2, 1}, 6, 96, 6},
    {{1, 3, 3}, {1, 3, 3}, {1, 1, 1}, {0, 4, 4}, {0, 4, 4}, {1, 4, 4}, 3, 35, 1},
    {{1, 3, 3}, {1, 3, 3}, {1, 1, 1}, {0, 4, 4}, {0, 4, 4}, {1, 4, 4}, 17, 17, 17},
    {{1, 1, 2}, {1, 1, 3}, {1, 1, 1}, {0, 0, 4}, {0, 0, 0}, {1, 1, 1}, 8, 40, 1},
    {{1, 0, 3}, {1, 3, 3}, {1, 1, 1}, {0, 2, 2}, {0, 2, 2}, {1, 1, 1}, 2, 3, 1},
    {{1, 3, 3}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}, 0, 3, 1},
    {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}, 1, 1, 1},
};

enum { CASES = sizeof cases / sizeof cases[0] };

static as_conv conv_of(const conv_case *q)
{
    as_conv c = {.cin = q->cin, .cout = q->cout, .groups = q->groups};
    for (int a = 0; a < AS_AXES; a++) {
        c.in[a] = q->in[a];
        c.kernel[a] = q->kernel[a];
        c.stride[a] = q->stride[a];
        c.low[a] = q->low[a];
        c.dilation[a] = q->dilation[a];
        c.out[a] = as_conv_extent(q->in[a], q->kernel[a], q->stride[a], q->dilation[a], q->low[a], q->high[a]);
    }
    return c;
}

/* Weights packed whole, or in pieces that cut rows. */
static void *packed_weights(const as_kernels *K, const as_conv *c, const void *w, bool back, int64_t piece)
{
    void *const packed = new_reals(K, K->conv->pack_reals(c, back));
    for (int64_t e = 0; e < as_conv_weights(c); e += piece) {
        const int64_t count = as_conv_weights(c) - e < piece ? as_conv_weights(c) - e : piece;
        K->conv->pack(c, w, e, count, back ? NULL : packed, back ? packed : NULL);
    }
    return packed;
}

typedef void pass_function(const as_conv *c, int64_t rows, const void *x, int64_t ldx, const void *w, const void *bias,
                           bool relu, void *y, int64_t ldy);

/* One direction of one case: `fast` for each walk against `plain`. */
static void check_pass(const as_kernels *K, const as_conv *conv, bool back, int64_t rows, bool relu, int64_t gap)
{
    as_conv c = *conv;
    const int64_t inputs = as_pixels(back ? c.out : c.in) * (back ? c.cout : c.cin);
    const int64_t channels = back ? c.cin : c.cout, outputs = as_pixels(back ? c.in : c.out) * channels;
    const int64_t ldx = inputs + gap, ldy = outputs + gap, weights = as_conv_weights(&c);
    void *const x = random_reals(K, rows * ldx, 1), *const w = random_reals(K, weights, 2);
    void *const bias = random_reals(K, channels, 3), *const plain = random_reals(K, rows * ldy, 4);
    void *const start = relu ? bias : NULL;
    void *const packed = packed_weights(K, &c, w, back, relu ? 7 : weights + 1);
    pass_function *const oracle = back ? K->conv->backward_plain : K->conv->forward_plain;
    pass_function *const fast = back ? K->conv->backward : K->conv->forward;
    oracle(&c, rows, x, ldx, w, start, relu, plain, ldy);
    for (c.walk = AS_CONV_AUTO; c.walk <= AS_CONV_WIDTH; c.walk++) {
        void *const y = random_reals(K, rows * ldy, 4);
        fast(&c, rows, x, ldx, packed, start, relu, y, ldy);
        assert_same_reals(K, y, plain, rows * ldy, back ? "input gradient" : "forward");
        free_reals(K, y, rows * ldy);
    }
    free_reals(K, x, rows * ldx), free_reals(K, w, weights), free_reals(K, bias, channels);
    free_reals(K, plain, rows * ldy), free_reals(K, packed, K->conv->pack_reals(&c, back));
}

static void passes(const as_kernels *K)
{
    for (int i = 0; i < CASES; i++) {
        const as_conv c = conv_of(&cases[i]);
        for (int back = 0; back < 2; back++) {
            check_pass(K, &c, back == 1, 3, i % 2 == 0, 0);
            check_pass(K, &c, back == 1, i % 4 == 0 ? 15 : 1, i % 2 == 1, 3);
            check_pass(K, &c, back == 1, 0, false, 0);
        }
    }
}

static void test_passes_equal_their_definition(void **state)
{
    (void)state;
    for_each_variant(passes);
}

/* The weight gradient, and the bias gradient that comes with it as column sums
 * over pixels as rows. */
static void check_weights(const as_kernels *K, const as_conv *c, const case_program *q, const int64_t *lane_row,
                          bool resume, int64_t gap)
{
    const int parts = q->program.parts;
    const int64_t rows = lane_row[q->program.lanes], size = as_conv_weights(c), pixels = as_pixels(c->out);
    const int64_t ldx = as_pixels(c->in) * c->cin + gap, ldd = pixels * c->cout + gap;
    void *const x = random_reals(K, rows * ldx, 1), *const d = random_reals(K, rows * ldd, 2);
    void *part[16], *bias[16];
    void *const plain = parts_of(K, size, parts, part), *const plain_bias = parts_of(K, c->cout, parts, bias);
    void *const work = new_reals(K, (q->program.depth + 1) * size);
    K->conv->weight_lanes_plain(c, x, ldx, d, ldd, &q->program, lane_row, resume, part, work);
    K->conv->bias_lanes(pixels, c->cout, d, ldd, &q->program, lane_row, resume, bias, 0, 1);
    for (int i = 0; i < 5; i++) {
        const int threads = i < 3 ? i + 1 : 1;
        as_conv forced = *c;
        forced.sums = i < 3 ? AS_CONV_SUMS_AUTO : i == 3 ? AS_CONV_SUMS_ALONE : AS_CONV_SUMS_COPIED;
        void *const fast = parts_of(K, size, parts, part), *const fast_bias = parts_of(K, c->cout, parts, bias);
        for (int t = threads - 1; t >= 0; t--) {
            K->conv->weight_lanes(&forced, x, ldx, d, ldd, &q->program, lane_row, resume, part, gap == 2 ? NULL : bias,
                                  t, threads);
        }
        assert_same_reals(K, fast, plain, size * parts, "weight_lanes");
        if (gap != 2) {
            assert_same_reals(K, fast_bias, plain_bias, c->cout * parts, "weight_lanes, bias");
        }
        free_reals(K, fast, size * parts), free_reals(K, fast_bias, c->cout * parts);
    }
    free_reals(K, x, rows * ldx), free_reals(K, d, rows * ldd), free_reals(K, plain, size * parts);
    free_reals(K, plain_bias, c->cout * parts), free_reals(K, work, (q->program.depth + 1) * size);
}

static void weights(const as_kernels *K)
{
    case_program one, many;
    int64_t lane_row[32];
    make_program(&one, 1, (const int[]){1});
    make_program(&many, 3, (const int[]){3, 1, 2});
    for (int i = 0; i < CASES; i++) {
        const as_conv c = conv_of(&cases[i]);
        deal_rows(many.program.lanes, 1, true, lane_row);
        check_weights(K, &c, &many, lane_row, false, i % 3);
        check_weights(K, &c, &one, (const int64_t[]){0, 2}, true, 0);
    }
}

static void test_weight_gradients_equal_their_definition(void **state)
{
    (void)state;
    for_each_variant(weights);
}

/* A chain cut in two by resume is the whole chain. */
static void cut(const as_kernels *K)
{
    case_program q;
    make_program(&q, 1, (const int[]){1});
    const as_conv c = conv_of(&cases[1]);
    const int64_t ldx = as_pixels(c.in) * c.cin, ldd = as_pixels(c.out) * c.cout, size = as_conv_weights(&c);
    void *const x = random_reals(K, 5 * ldx, 1), *const d = random_reals(K, 5 * ldd, 2);
    void *whole = new_reals(K, size), *pieces = new_reals(K, size);
    K->conv->weight_lanes(&c, x, ldx, d, ldd, &q.program, (const int64_t[]){0, 5}, false, &whole, NULL, 0, 1);
    K->conv->weight_lanes(&c, x, ldx, d, ldd, &q.program, (const int64_t[]){0, 2}, false, &pieces, NULL, 0, 1);
    K->conv->weight_lanes(&c, x, ldx, d, ldd, &q.program, (const int64_t[]){2, 5}, true, &pieces, NULL, 0, 1);
    assert_same_reals(K, pieces, whole, size, "resumed");
    free_reals(K, x, 5 * ldx), free_reals(K, d, 5 * ldd), free_reals(K, whole, size), free_reals(K, pieces, size);
}

static void test_a_resumed_chain_continues(void **state)
{
    (void)state;
    for_each_variant(cut);
}

/* Bias gradients are column sums over pixels as rows. */
static void biases(const as_kernels *K)
{
    case_program q;
    int64_t lane_row[32], pixel_row[32];
    make_program(&q, 2, (const int[]){4, 3});
    const int64_t rows = deal_rows(q.program.lanes, 2, true, lane_row), pixels = 11;
    for (int l = 0; l <= q.program.lanes; l++) {
        pixel_row[l] = lane_row[l] * pixels;
    }
    for (int64_t n = 0; n < 150; n = n * 2 + 1) {
        void *const d = random_reals(K, rows * pixels * n, 1), *part[2];
        void *const plain = parts_of(K, n, 2, part);
        K->column_sum_lanes(n, d, n, &q.program, pixel_row, false, part, 0, 1);
        for (int threads = 1; threads <= 3; threads++) {
            void *const fast = parts_of(K, n, 2, part);
            for (int t = 0; t < threads; t++) {
                K->conv->bias_lanes(pixels, n, d, pixels * n, &q.program, lane_row, false, part, t, threads);
            }
            assert_same_reals(K, fast, plain, n * 2, "bias_lanes");
            free_reals(K, fast, n * 2);
        }
        free_reals(K, d, rows * pixels * n), free_reals(K, plain, n * 2);
    }
}

static void test_bias_gradients_equal_column_sums(void **state)
{
    (void)state;
    for_each_variant(biases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes_equal_their_definition),
        cmocka_unit_test(test_weight_gradients_equal_their_definition),
        cmocka_unit_test(test_a_resumed_chain_continues),
        cmocka_unit_test(test_bias_gradients_equal_column_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
