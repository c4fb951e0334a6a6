/* Conversions, sums, products and sums of squares against their definition, element by element. */
#include "unit/kernel_cases.h"

/* Rows of every element type, shuffled, with and without scale and shift; values that the real type holds exactly. */
static void gather_of(const as_kernels *K, as_dtype type, int64_t rows, int64_t width)
{
    const int64_t total = rows + 3, ldy = width + 2;
    const size_t bytes = as_dtype_bytes(type);
    char *const x = calloc((size_t)(total * width) + 1, bytes);
    int64_t *const row = calloc((size_t)rows + 1, sizeof *row);
    void *const scale = random_reals(K, width, 1), *const shift = random_reals(K, width, 2);
    void *const y = new_reals(K, rows * ldy), *const z = new_reals(K, rows * ldy);
    for (int64_t e = 0; e < total * width * (int64_t)bytes; e++) {
        x[e] = (char)(e * 37 % 251);
    }
    for (int64_t e = 0; e < total * width && (type == AS_F32 || type == AS_F64); e++) {
        const double v = value_at(3, e);
        const float f = (float)v;
        memcpy(x + (size_t)e * bytes, type == AS_F32 ? (const void *)&f : (const void *)&v, bytes);
    }
    for (int64_t i = 0; i < rows; i++) {
        row[i] = (i * 7 + 2) % total;
    }
    K->gather(rows, width, x, type, width, row, NULL, NULL, y, ldy);
    K->gather(rows, width, x, type, width, row, scale, shift, z, ldy);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < width; j++) {
            const char *const at_element = x + (size_t)(row[i] * width + j) * bytes;
            double v = 0;
            switch (type) {
#define CASE(name, T)                                                                                                  \
    case name: {                                                                                                       \
        T t;                                                                                                           \
        memcpy(&t, at_element, sizeof t);                                                                              \
        v = K->precision == AS_FLOAT32 ? (double)(float)t : (double)t;                                                 \
        break;                                                                                                         \
    }
                CASE(AS_U8, uint8_t)
                CASE(AS_I8, int8_t)
                CASE(AS_U16, uint16_t)
                CASE(AS_I16, int16_t)
                CASE(AS_U32, uint32_t)
                CASE(AS_I32, int32_t)
                CASE(AS_U64, uint64_t)
                CASE(AS_I64, int64_t)
                CASE(AS_F32, float)
                CASE(AS_F64, double)
#undef CASE
            }
            const double a = get_real(K, scale, j), b = get_real(K, shift, j);
            const double u = K->precision == AS_FLOAT32 ? (double)fmaf((float)v, (float)a, (float)b) : fma(v, a, b);
            assert_true(get_real(K, y, i * ldy + j) == v);
            assert_true(get_real(K, z, i * ldy + j) == u);
        }
    }
    free(x), free(row), free_reals(K, scale, width), free_reals(K, shift, width);
    free_reals(K, y, rows * ldy), free_reals(K, z, rows * ldy);
}

/* Windows: rows that start 3 elements apart and overlap. */
static void gather_windows(const as_kernels *K)
{
    enum { ROWS = 4, WIDTH = 21, STRIDE = 3 };
    uint16_t x[ROWS * STRIDE + WIDTH];
    const int64_t row[ROWS] = {3, 0, 1, 3};
    void *const y = new_reals(K, ROWS * WIDTH);
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) {
        x[i] = (uint16_t)(7 * i);
    }
    K->gather(ROWS, WIDTH, x, AS_U16, STRIDE, row, NULL, NULL, y, WIDTH);
    for (int64_t i = 0; i < ROWS; i++) {
        for (int64_t j = 0; j < WIDTH; j++) {
            assert_true(get_real(K, y, i * WIDTH + j) == (double)x[row[i] * STRIDE + j]);
        }
    }
    free_reals(K, y, ROWS * WIDTH);
}

static void gathers(const as_kernels *K)
{
    gather_windows(K);
    static const int64_t widths[] = {0, 1, 7, 16, 37, 784};
    for (as_dtype type = AS_U8; type <= AS_F64; type++) {
        for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
            gather_of(K, type, 5, widths[w]);
        }
        gather_of(K, type, 0, 9);
        gather_of(K, type, 1, 9);
    }
}

static void test_gather_converts_and_normalises(void **state)
{
    (void)state;
    for_each_variant(gathers);
}

static void sums_and_conversions(const as_kernels *K)
{
    for (int64_t n = 0; n < 300; n = n * 2 + 1) {
        void *const a = random_reals(K, n, 1), *const b = random_reals(K, n, 2), *const s = new_reals(K, n);
        double *const d = calloc((size_t)n + 1, sizeof *d);
        K->add(n, a, b, s);
        K->to_double(n, a, d);
        for (int64_t i = 0; i < n; i++) {
            const double x = get_real(K, a, i), y = get_real(K, b, i);
            const double sum = K->precision == AS_FLOAT32 ? (double)((float)x + (float)y) : x + y;
            assert_memory_equal(&sum, &(double){get_real(K, s, i)}, sizeof sum);
            assert_memory_equal(&x, &d[i], sizeof x);
            d[i] = x * (1 + 0x1p-30) + 0x1p-60; /* no float: from_double must round */
        }
        K->multiply(n, a, b, s);
        for (int64_t i = 0; i < n; i++) {
            const double x = get_real(K, a, i), y = get_real(K, b, i);
            const double product = K->precision == AS_FLOAT32 ? (double)((float)x * (float)y) : x * y;
            assert_memory_equal(&product, &(double){get_real(K, s, i)}, sizeof product);
        }
        K->from_double(n, d, s);
        for (int64_t i = 0; i < n; i++) {
            assert_true(get_real(K, s, i) == (K->precision == AS_FLOAT32 ? (double)(float)d[i] : d[i]));
        }
        K->add(n, a, b, a); /* in place */
        K->from_double(n, d, b);
        assert_same_reals(K, b, s, n, "from_double");
        free(d), free_reals(K, a, n), free_reals(K, b, n), free_reals(K, s, n);
    }
}

static void test_sums_and_conversions(void **state)
{
    (void)state;
    for_each_variant(sums_and_conversions);
}

/* The stated order: element j to accumulator j mod 16, then halves added. */
static double squares_plain(const as_kernels *K, int64_t n, const void *x)
{
    double s[16] = {0};
    for (int64_t i = 0; i < n; i++) {
        s[i % 16] = fma(get_real(K, x, i), get_real(K, x, i), s[i % 16]);
    }
    for (int half = 8; half > 0; half /= 2) {
        for (int j = 0; j < half; j++) {
            s[j] += s[j + half];
        }
    }
    return s[0];
}

static void squares(const as_kernels *K)
{
    for (int64_t n = 0; n <= 1024; n += n < 40 ? 1 : 123) {
        void *const x = random_reals(K, n, 6);
        const double fast = K->sum_squares(n, x), plain = squares_plain(K, n, x);
        assert_memory_equal(&fast, &plain, sizeof fast);
        if (n > 0) {
            set_real(K, x, n / 2, (double)NAN);
            assert_true(isnan(K->sum_squares(n, x)));
            set_real(K, x, n / 2, -(double)INFINITY);
            const double infinite = K->sum_squares(n, x);
            assert_true(infinite - infinite != 0); /* NaN for an infinity */
        }
        free_reals(K, x, n);
    }
}

static void test_sum_squares_has_one_order(void **state)
{
    (void)state;
    for_each_variant(squares);
}

static void test_choosing_an_instruction_set(void **state)
{
    (void)state;
    as_isa isa;
    assert_int_equal(as_isa_choose(NULL, &isa), AS_OK);
    assert_int_equal(isa, as_isa_detect());
    assert_int_equal(as_isa_choose("auto", &isa), AS_OK);
    assert_int_equal(isa, as_isa_detect());
    assert_int_equal(as_isa_choose("portable", &isa), AS_OK);
    assert_int_equal(isa, AS_PORTABLE);
    assert_int_equal(as_isa_choose("sse9", &isa), AS_USAGE);
    assert_non_null(strstr(as_error_message(), "sse9"));
    for (isa = as_isa_detect(); isa <= AS_PORTABLE; isa++) {
        for (int precision = 32; precision <= 64; precision += 32) {
            const as_kernels *const K = as_kernels_get(isa, (as_precision)precision);
            assert_string_equal(K->isa, as_isa_name(isa));
            assert_int_equal(K->set, isa);
            assert_int_equal(K->precision, precision);
            assert_int_equal(K->real_bytes, precision / 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choosing_an_instruction_set),
        cmocka_unit_test(test_gather_converts_and_normalises),
        cmocka_unit_test(test_sums_and_conversions),
        cmocka_unit_test(test_sum_squares_has_one_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
