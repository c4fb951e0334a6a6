/* Pooling equals its definition, written here in doubles of the variant's
   values, bit for bit: windows that tile, leave gaps, overlap, reach over the
   borders or hold nothing; ties, NaN, one and many axes. */
#include "kernels/conv.h"
#include "unit/kernel_cases.h"

typedef struct pool_case {
    int64_t in[AS_AXES], kernel[AS_AXES], stride[AS_AXES], low[AS_AXES], high[AS_AXES], dilation[AS_AXES];
    int64_t channels;
} pool_case;

static const pool_case cases[] = {
    {{1, 8, 6}, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}, 32},    /* tiles */
    {{1, 7, 5}, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}, 5},     /* a line and a column left over */
    {{1, 7, 9}, {1, 2, 1}, {1, 3, 2}, {0, 0, 0}, {0, 1, 0}, {1, 1, 1}, 17},    /* gaps */
    {{1, 7, 8}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}, 19},    /* overlaps */
    {{1, 5, 6}, {1, 3, 2}, {1, 1, 1}, {0, 1, 0}, {0, 1, 1}, {1, 1, 2}, 4},     /* dilated
                                                                                */
    {{3, 4, 5}, {2, 2, 3}, {1, 2, 2}, {1, 0, 1}, {0, 0, 1}, {1, 1, 1}, 3},     /* three axes */
    {{1, 1, 11}, {1, 1, 4}, {1, 1, 3}, {0, 0, 2}, {0, 0, 3}, {1, 1, 1}, 33},   /* one axis */
    {{1, 20, 19}, {1, 20, 19}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}, 6}, /* global: more than 256 places */
    {{1, 2, 2}, {1, 2, 2}, {1, 2, 2}, {0, 4, 0}, {0, 4, 0}, {1, 1, 1}, 2},     /* windows that hold nothing */
    {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}, 1},
    {{1, 0, 4}, {1, 1, 2}, {1, 1, 2}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}, 3},
    {{1, 4, 4}, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}, 0},
};

enum { CASES = sizeof cases / sizeof cases[0], ROWS = 3, GAP = 2 };

static as_conv conv_of(const pool_case *q)
{
    as_conv c = {.cin = q->channels, .cout = q->channels, .groups = q->channels};
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

/* Input pixel that place t of the kernel reads at output o; -1: none. */
static int64_t input_of(const as_conv *c, int64_t o, int64_t t)
{
    int64_t index = 0, scale = 1;
    for (int a = AS_AXES - 1; a >= 0; a--) {
        const int64_t i = o % c->out[a] * c->stride[a] - c->low[a] + t % c->kernel[a] * c->dilation[a];
        if (i < 0 || i >= c->in[a]) {
            return -1;
        }
        index += i * scale;
        scale *= c->in[a];
        o /= c->out[a];
        t /= c->kernel[a];
    }
    return index;
}

/* Rounded as the variant does. */
static double rounded(const as_kernels *K, double x)
{
    return K->precision == AS_FLOAT32 ? (double)(float)x : x;
}

static double fma_of(const as_kernels *K, double a, double b, double s)
{
    return K->precision == AS_FLOAT32 ? (double)fmaf((float)a, (float)b, (float)s) : fma(a, b, s);
}

/* Place of the maximum, or -1; its value in *most. */
static int64_t max_of(const as_kernels *K, const as_conv *c, const void *x, int64_t o, int64_t ch, double *most)
{
    int64_t place = -1;
    *most = 0;
    for (int64_t t = 0; t < as_pixels(c->kernel); t++) {
        const int64_t i = input_of(c, o, t);
        const double value = i < 0 ? 0 : get_real(K, x, i * c->cin + ch);
        if (i >= 0 && (place < 0 || value > *most || (isnan(value) && !isnan(*most)))) {
            *most = value;
            place = t;
        }
    }
    return place;
}

/* relu: x is what relu gave, and dx is what comes through it. */
static void check_max(const as_kernels *K, const as_conv *c, bool relu)
{
    const int64_t inputs = as_pixels(c->in) * c->cin, outputs = as_pixels(c->out) * c->cin;
    const int64_t ldx = inputs + GAP, ldy = outputs + GAP, index_bytes = ldy * as_pool_place_bytes(c);
    void *const x = random_reals(K, ROWS * ldx, 1), *const d = random_reals(K, ROWS * ldy, 2);
    for (int64_t i = 0; i < ROWS * ldx; i++) {
        const double value = get_real(K, x, i);
        set_real(K, x, i, i % 29 == 3 ? (double)NAN : relu && value < 0 ? 0 : floor(8 * value) / 8); /* many ties */
    }
    void *const y = random_reals(K, ROWS * ldy, 3), *const dx = random_reals(K, ROWS * ldx, 4);
    void *const most = random_reals(K, ROWS * ldy, 3), *const back = random_reals(K, ROWS * ldx, 4);
    void *const again = random_reals(K, ROWS * ldy, 3), *const index = malloc((size_t)(ROWS * index_bytes) + 1);
    K->conv->pool_max(c, ROWS, x, ldx, y, ldy, index, index_bytes);
    K->conv->pool_max(c, ROWS, x, ldx, again, ldy, NULL, 0);
    K->conv->pool_max_back(c, ROWS, d, ldy, index, index_bytes, relu ? y : NULL, dx, ldx);
    for (int64_t r = 0; r < ROWS; r++) {
        for (int64_t i = 0; i < inputs; i++) {
            set_real(K, back, r * ldx + i, 0);
        }
        for (int64_t e = 0; e < outputs; e++) {
            double value;
            const int64_t o = e / c->cin, ch = e % c->cin, t = max_of(K, c, at(K, x, r * ldx), o, ch, &value);
            set_real(K, most, r * ldy + e, value);
            if (t >= 0) {
                const int64_t i = r * ldx + input_of(c, o, t) * c->cin + ch;
                set_real(K, back, i, rounded(K, get_real(K, back, i) + get_real(K, d, r * ldy + e)));
            }
        }
        for (int64_t i = r * ldx; relu && i < r * ldx + inputs; i++) {
            set_real(K, back, i, get_real(K, x, i) <= 0 ? 0 : get_real(K, back, i));
        }
    }
    assert_same_reals(K, y, most, ROWS * ldy, "maximum");
    assert_same_reals(K, again, most, ROWS * ldy, "maximum without places");
    assert_same_reals(K, dx, back, ROWS * ldx, "maximum back");
    free_reals(K, x, ROWS * ldx), free_reals(K, d, ROWS * ldy), free_reals(K, y, ROWS * ldy);
    free_reals(K, dx, ROWS * ldx), free_reals(K, most, ROWS * ldy), free_reals(K, back, ROWS * ldx);
    free_reals(K, again, ROWS * ldy), free(index);
}

static void check_sum(const as_kernels *K, const as_conv *c, as_pool_scale scale)
{
    const int64_t inputs = as_pixels(c->in) * c->cin, outputs = as_pixels(c->out) * c->cin;
    const int64_t ldx = inputs + GAP, ldy = outputs + GAP;
    void *const x = random_reals(K, ROWS * ldx, 1), *const d = random_reals(K, ROWS * ldy, 2);
    void *const y = random_reals(K, ROWS * ldy, 3), *const dx = random_reals(K, ROWS * ldx, 4);
    void *const sum = random_reals(K, ROWS * ldy, 3), *const back = random_reals(K, ROWS * ldx, 4);
    K->conv->pool_sum(c, scale, ROWS, x, ldx, y, ldy);
    K->conv->pool_sum_back(c, scale, ROWS, d, ldy, dx, ldx);
    for (int64_t r = 0; r < ROWS; r++) {
        for (int64_t i = 0; i < inputs; i++) {
            set_real(K, back, r * ldx + i, 0);
        }
        for (int64_t e = 0; e < outputs; e++) {
            double s = 0;
            int64_t count = 0;
            for (int64_t t = 0; t < as_pixels(c->kernel); t++) {
                const int64_t i = input_of(c, e / c->cin, t);
                if (i >= 0) {
                    s = rounded(K, s + get_real(K, x, r * ldx + i * c->cin + e % c->cin));
                    count++;
                }
            }
            const int64_t n = scale == AS_POOL_MEAN ? count : as_pixels(c->kernel);
            const double factor = scale == AS_POOL_SUM || n == 0 ? 1 : rounded(K, 1.0 / (double)n);
            set_real(K, sum, r * ldy + e, rounded(K, s * factor));
            for (int64_t t = 0; t < as_pixels(c->kernel); t++) {
                const int64_t i = input_of(c, e / c->cin, t), at_x = r * ldx + i * c->cin + e % c->cin;
                if (i >= 0) {
                    set_real(K, back, at_x, fma_of(K, get_real(K, d, r * ldy + e), factor, get_real(K, back, at_x)));
                }
            }
        }
    }
    assert_same_reals(K, y, sum, ROWS * ldy, "sum");
    assert_same_reals(K, dx, back, ROWS * ldx, "sum back");
    free_reals(K, x, ROWS * ldx), free_reals(K, d, ROWS * ldy), free_reals(K, y, ROWS * ldy);
    free_reals(K, dx, ROWS * ldx), free_reals(K, sum, ROWS * ldy), free_reals(K, back, ROWS * ldx);
}

static void maxima(const as_kernels *K)
{
    for (int i = 0; i < CASES; i++) {
        const as_conv c = conv_of(&cases[i]);
        check_max(K, &c, false);
        check_max(K, &c, true);
    }
}

static void test_maxima_equal_their_definition(void **state)
{
    (void)state;
    for_each_variant(maxima);
}

static void sums(const as_kernels *K)
{
    for (int i = 0; i < CASES; i++) {
        const as_conv c = conv_of(&cases[i]);
        for (as_pool_scale scale = AS_POOL_SUM; scale <= AS_POOL_MEAN_PADDED; scale++) {
            check_sum(K, &c, scale);
        }
    }
}

static void test_sums_and_means_equal_their_definition(void **state)
{
    (void)state;
    for_each_variant(sums);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maxima_equal_their_definition),
        cmocka_unit_test(test_sums_and_means_equal_their_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
