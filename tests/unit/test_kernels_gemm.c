/* The packed product equals its definition bit for bit: any shape, any variant; packing by pieces equals packing at
 * once. */
#include "kernels/share.h"
#include "unit/kernel_cases.h"

typedef struct shape3 {
    int64_t m, n, k;
} shape3;

/* Empty, one, primes, tile edges of every variant, more panels than tiles pass by in turn, and one large enough for
   every level of blocking. */
static const shape3 shapes[] = {{0, 5, 3},    {3, 0, 5},    {3, 5, 0},    {1, 1, 1},    {2, 10, 7},
                                {7, 1, 13},   {13, 17, 29}, {14, 32, 16}, {15, 33, 17}, {29, 31, 1},
                                {12, 16, 64}, {61, 67, 71}, {5, 100, 37}, {128, 10, 9}, {43, 8, 70},
                                {27, 24, 50}, {1, 65, 301}, {16, 48, 33}, {31, 601, 5}, {29, 299, 0}};

/* m x n of gemm against gemm_plain, as forward product of w (k, n) and as transposed product of w' with w (n, k); `gap`
   reals between the rows of a. */
static void check_product(const as_kernels *K, shape3 s, int64_t gap, bool with_bias, bool relu)
{
    const int64_t lda = s.k + gap, ldc = s.n + 2, reals = K->pack_reals(s.k, s.n);
    void *const a = random_reals(K, s.m * lda, 1), *const w = random_reals(K, s.k * s.n, 2);
    void *const wt = new_reals(K, s.k * s.n), *const bias = random_reals(K, s.n, 3);
    for (int64_t p = 0; p < s.k; p++) {
        for (int64_t j = 0; j < s.n; j++) {
            set_real(K, wt, j * s.k + p, get_real(K, w, p * s.n + j));
        }
    }
    void *const forward = new_reals(K, reals), *const transposed = new_reals(K, reals);
    K->pack(s.k, s.n, w, 0, s.k * s.n, forward, NULL);
    K->pack(s.n, s.k, wt, 0, s.k * s.n, NULL, transposed);
    void *const c = new_reals(K, s.m * ldc), *const ct = new_reals(K, s.m * ldc),
                *const plain = new_reals(K, s.m * ldc);
    K->gemm(s.m, s.n, s.k, a, lda, forward, with_bias ? bias : NULL, relu, c, ldc);
    K->gemm(s.m, s.n, s.k, a, lda, transposed, with_bias ? bias : NULL, relu, ct, ldc);
    K->gemm_plain(s.m, s.n, s.k, a, lda, w, s.n, with_bias ? bias : NULL, relu, plain, ldc);
    assert_same_reals(K, c, plain, s.m * ldc, "gemm of the forward form");
    assert_same_reals(K, ct, plain, s.m * ldc, "gemm of the transposed form");
    free_reals(K, a, s.m * lda), free_reals(K, w, s.k * s.n), free_reals(K, wt, s.k * s.n), free_reals(K, bias, s.n);
    free_reals(K, forward, reals), free_reals(K, transposed, reals);
    free_reals(K, c, s.m * ldc), free_reals(K, ct, s.m * ldc), free_reals(K, plain, s.m * ldc);
}

/* Every choice of blocking, forced one by one and together, gives the bits of the definition; with rows of a that share
 * cache sets and with rows that do not. */
static void tuned_products(const as_kernels *K)
{
    static const as_gemm_tuning tunings[] = {
        {.rows = 1},
        {.rows = 5},
        {.steps = 1},
        {.steps = 7},
        {.copy = AS_NEVER},
        {.copy = AS_ALWAYS},
        {.wide = AS_NEVER},
        {.wide = AS_ALWAYS},
        {.narrow = AS_NEVER},
        {.narrow = AS_ALWAYS},
        {.stream = AS_NEVER},
        {.stream = AS_ALWAYS},
        {.sparse = AS_NEVER},
        {.sparse = AS_ALWAYS},
        {.rows = 7, .steps = 150, .sparse = AS_ALWAYS},
        {.rows = 4, .stream = AS_ALWAYS, .narrow = AS_NEVER, .wide = AS_NEVER},
        {.rows = 3, .steps = 4, .copy = AS_ALWAYS, .wide = AS_ALWAYS},
        {.rows = 17, .steps = 29, .copy = AS_NEVER, .wide = AS_ALWAYS},
    };
    static const shape3 cases[] = {{1, 300, 33}, {2, 301, 9},  {3, 130, 21}, {4, 97, 13},  {5, 141, 10},
                                   {6, 64, 3},   {7, 129, 19}, {31, 70, 58}, {3, 40, 0},   {0, 9, 4},
                                   {17, 1, 40},  {8, 2, 3},    {33, 3, 16},  {16, 4, 17},  {47, 5, 31},
                                   {16, 6, 0},   {65, 7, 70},  {18, 8, 20},  {30, 577, 11}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        const shape3 s = cases[c];
        const int64_t lda = c % 2 == 0 ? s.k : 4096 / (int64_t)K->real_bytes, reals = K->pack_reals(s.k, s.n);
        void *const a = random_reals(K, s.m * lda, 1), *const w = random_reals(K, s.k * s.n, 2);
        void *const bias = random_reals(K, s.n, 3), *const packed = new_reals(K, reals);
        void *const plain = new_reals(K, s.m * s.n);
        K->pack(s.k, s.n, w, 0, s.k * s.n, packed, NULL);
        K->gemm_plain(s.m, s.n, s.k, a, lda, w, s.n, bias, true, plain, s.n);
        for (size_t t = 0; t < sizeof tunings / sizeof tunings[0]; t++) {
            void *const got = new_reals(K, s.m * s.n);
            K->gemm_tuned(&tunings[t], s.m, s.n, s.k, a, lda, packed, bias, true, got, s.n);
            assert_same_reals(K, got, plain, s.m * s.n, "tuned gemm");
            free_reals(K, got, s.m * s.n);
        }
        free_reals(K, a, s.m * lda), free_reals(K, w, s.k * s.n), free_reals(K, bias, s.n);
        free_reals(K, packed, reals), free_reals(K, plain, s.m * s.n);
    }
}

/* The parts of all threads, rows or columns, are the product, and lie inside it. */
static void shared_products(const as_kernels *K)
{
    static const shape3 cases[] = {{1, 300, 33}, {2, 64, 9},  {3, 129, 21}, {0, 40, 4},    {5, 0, 3},
                                   {9, 10, 20},  {40, 97, 8}, {4, 33, 0},   {17, 512, 70}, {1, 1, 1}};
    for (size_t q = 0; q < sizeof cases / sizeof cases[0]; q++) {
        const shape3 s = cases[q];
        const int64_t lda = s.k + 1, ldc = s.n + 3, reals = K->pack_reals(s.k, s.n);
        void *const a = random_reals(K, s.m * lda, 1), *const w = random_reals(K, s.k * s.n, 2);
        void *const bias = random_reals(K, s.n, 3), *const packed = new_reals(K, reals);
        void *const plain = new_reals(K, s.m * ldc);
        K->pack(s.k, s.n, w, 0, s.k * s.n, packed, NULL);
        K->gemm_plain(s.m, s.n, s.k, a, lda, w, s.n, bias, true, plain, ldc);
        for (int run = 0; run < 15; run++) {
            const int threads = 1 + run / 3;
            int64_t covered = 0;
            void *const got = new_reals(K, s.m * ldc);
            for (int t = threads - 1; t >= 0; t--) {
                const as_gemm_part part = as_gemm_share(K, (as_force)(run % 3), s.m, s.n, s.k, t, threads);
                assert_true(part.row >= 0 && part.rows >= 0 && part.row + part.rows <= s.m);
                assert_true(part.column >= 0 && part.columns >= 0 && part.column + part.columns <= s.n);
                covered += part.rows * part.columns;
                as_gemm_of_part(K, &part, s.k, a, lda, packed, bias, true, got, ldc);
            }
            assert_int_equal(covered, s.m * s.n);
            assert_same_reals(K, got, plain, s.m * ldc, "parts of gemm");
            free_reals(K, got, s.m * ldc);
        }
        free_reals(K, a, s.m * lda), free_reals(K, w, s.k * s.n), free_reals(K, bias, s.n);
        free_reals(K, packed, reals), free_reals(K, plain, s.m * ldc);
    }
}

static void test_sharing_changes_no_bit(void **state)
{
    (void)state;
    for_each_variant(shared_products);
}

static void test_tuning_changes_no_bit(void **state)
{
    (void)state;
    for_each_variant(tuned_products);
}

/* What b or the start of the chains holds in a test of zeros. */
typedef enum extreme { NOTHING, NOT_A_NUMBER, INFINITE, ALL_TINY } extreme;

/* Zeros that are left out, or not, give the bits of the definition: with terms that underflow, with weights that are
 * not finite and would make a zero count, and where all that is left of a chain is -0. */
static void check_zeros(const as_kernels *K, shape3 s, extreme what)
{
    static const as_gemm_tuning tunings[] = {{.sparse = AS_AUTO},
                                             {.sparse = AS_NEVER},
                                             {.sparse = AS_ALWAYS},
                                             {.rows = 5, .steps = 100, .sparse = AS_ALWAYS},
                                             {.copy = AS_ALWAYS, .wide = AS_ALWAYS, .sparse = AS_ALWAYS}};
    const int64_t lda = s.k + 1, ldc = s.n + 2, reals = K->pack_reals(s.k, s.n);
    void *const a = sparse_reals(K, s.m * lda, 1), *const w = random_reals(K, s.k * s.n, 2);
    void *const bias = random_reals(K, s.n, 3), *const packed = new_reals(K, reals);
    void *const plain = new_reals(K, s.m * ldc);
    const double tiny = K->precision == AS_FLOAT32 ? 0x1p-120 : 0x1p-900;
    for (int64_t i = 0; i < s.k * s.n && what == ALL_TINY; i++) {
        set_real(K, w, i, get_real(K, w, i) * tiny);
    }
    for (int64_t j = 0; j < s.n && what == ALL_TINY; j++) {
        set_real(K, bias, j, j % 2 == 0 ? -0.0 : 0.0);
    }
    if (what == NOT_A_NUMBER || what == INFINITE) {
        set_real(K, w, s.k / 2 * s.n + s.n / 3, what == INFINITE ? INFINITY : NAN);
    }
    K->pack(s.k, s.n, w, 0, s.k * s.n, packed, NULL);
    for (int with = 0; with < 4; with++) {
        const void *const start = with % 2 == 0 ? NULL : bias;
        K->gemm_plain(s.m, s.n, s.k, a, lda, w, s.n, start, with > 1, plain, ldc);
        for (size_t t = 0; t < sizeof tunings / sizeof tunings[0]; t++) {
            void *const got = new_reals(K, s.m * ldc);
            K->gemm_tuned(&tunings[t], s.m, s.n, s.k, a, lda, packed, start, with > 1, got, ldc);
            assert_same_reals(K, got, plain, s.m * ldc, "gemm of many zeros");
            free_reals(K, got, s.m * ldc);
        }
    }
    free_reals(K, a, s.m * lda), free_reals(K, w, s.k * s.n), free_reals(K, bias, s.n);
    free_reals(K, packed, reals), free_reals(K, plain, s.m * ldc);
}

static void zeros(const as_kernels *K)
{
    static const shape3 cases[] = {{20, 300, 150}, {1, 128, 40}, {17, 131, 1100}, {33, 40, 7}, {16, 256, 1}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        for (extreme what = NOTHING; what <= ALL_TINY; what++) {
            check_zeros(K, cases[c], what);
        }
    }
}

static void test_zeros_that_are_left_out_change_no_bit(void **state)
{
    (void)state;
    for_each_variant(zeros);
}

static void products(const as_kernels *K)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        check_product(K, shapes[i], 3, false, false);
        check_product(K, shapes[i], 3, true, true);
    }
    if (strcmp(K->isa, "portable") != 0) {
        check_product(K, (shape3){131, 67, 1030}, 3, true, false);
        check_product(K, (shape3){37, 523, 613}, 3, false, true);
        check_product(K, (shape3){2, 129, 2100}, 3, true, true);
        check_product(K, (shape3){4100, 70, 60}, 3, true, false); /* low blocks */
        check_product(K, (shape3){9000, 11, 61}, 3, true, true);
        check_product(K, (shape3){70, 3, 2000}, 3, true, false);
        check_product(K, (shape3){235, 130, 1024}, 0, true, false); /* low blocks of rows that share cache sets */
    }
}

static void test_gemm_equals_its_definition(void **state)
{
    (void)state;
    for_each_variant(products);
}

/* The plain product itself: against exact integer arithmetic, which has no rounding. */
/* Half of the chain by gemm and half by gemm_add is the whole chain. */
static void halves(const as_kernels *K)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const shape3 s = shapes[i];
        const int64_t lda = s.k + 3, ldc = s.n + 2, k0 = s.k / 2, k1 = s.k - k0, reals = K->pack_reals(k1, s.n);
        void *const a = random_reals(K, s.m * lda, 1), *const w = random_reals(K, s.k * s.n, 2);
        void *const first = new_reals(K, reals), *const second = new_reals(K, reals);
        void *const c = new_reals(K, s.m * ldc), *const plain = new_reals(K, s.m * ldc);
        const char *const behind = (const char *)a + (size_t)k0 * K->real_bytes;
        K->pack(k0, s.n, w, 0, k0 * s.n, first, NULL);
        K->pack(k1, s.n, (const char *)w + (size_t)(k0 * s.n) * K->real_bytes, 0, k1 * s.n, second, NULL);
        K->gemm(s.m, s.n, k0, a, lda, first, NULL, false, c, ldc);
        K->gemm_add(s.m, s.n, k1, behind, lda, second, c, ldc);
        K->gemm_plain(s.m, s.n, s.k, a, lda, w, s.n, NULL, false, plain, ldc);
        assert_same_reals(K, c, plain, s.m * ldc, "gemm and gemm_add");
        free_reals(K, a, s.m * lda), free_reals(K, w, s.k * s.n), free_reals(K, first, reals);
        free_reals(K, second, reals), free_reals(K, c, s.m * ldc), free_reals(K, plain, s.m * ldc);
    }
}

static void test_a_chain_is_continued(void **state)
{
    (void)state;
    for_each_variant(halves);
}

static void plain_is_a_product(const as_kernels *K)
{
    enum { M = 3, N = 4, P = 5 };
    void *const a = new_reals(K, M * P), *const b = new_reals(K, P * N), *const c = new_reals(K, M * N);
    for (int i = 0; i < M * P; i++) {
        set_real(K, a, i, i % 7 - 3);
    }
    for (int i = 0; i < P * N; i++) {
        set_real(K, b, i, i % 5 - 2);
    }
    K->gemm_plain(M, N, P, a, P, b, N, NULL, false, c, N);
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            int sum = 0;
            for (int p = 0; p < P; p++) {
                sum += ((i * P + p) % 7 - 3) * ((p * N + j) % 5 - 2);
            }
            assert_true(get_real(K, c, i * N + j) == sum);
        }
    }
    free_reals(K, a, M * P), free_reals(K, b, P * N), free_reals(K, c, M * N);
}

static void test_plain_gemm_is_a_product(void **state)
{
    (void)state;
    for_each_variant(plain_is_a_product);
}

/* All variants of a precision: one result. */
static void test_gemm_is_the_same_on_all_instruction_sets(void **state)
{
    (void)state;
    const int64_t m = 31, n = 45, k = 77;
    for (int precision = 32; precision <= 64; precision += 32) {
        void *first = NULL;
        for (as_isa isa = as_isa_detect(); isa <= AS_PORTABLE; isa++) {
            const as_kernels *const K = as_kernels_get(isa, (as_precision)precision);
            void *const a = random_reals(K, m * k, 1), *const w = random_reals(K, k * n, 2);
            void *const packed = new_reals(K, K->pack_reals(k, n)), *const c = new_reals(K, m * n);
            K->pack(k, n, w, 0, k * n, packed, NULL);
            K->gemm(m, n, k, a, k, packed, NULL, false, c, n);
            if (first == NULL) {
                first = c;
            } else {
                assert_same_reals(K, c, first, m * n, "gemm");
                free(c);
            }
            free(a), free(w), free(packed);
        }
        free(first);
    }
}

/* relu keeps NaN and infinities of the chain visible. */
static void relu_keeps_nan(const as_kernels *K)
{
    const int64_t m = 5, n = 37, k = 3;
    void *const a = random_reals(K, m * k, 1), *const w = random_reals(K, k * n, 2), *const c = new_reals(K, m * n);
    void *const packed = new_reals(K, K->pack_reals(k, n));
    set_real(K, a, 1 * k + 2, (double)NAN);
    K->pack(k, n, w, 0, k * n, packed, NULL);
    K->gemm(m, n, k, a, k, packed, NULL, true, c, n);
    for (int64_t j = 0; j < n; j++) {
        assert_true(isnan(get_real(K, c, n + j)));
        assert_true(get_real(K, c, j) >= 0);
    }
    free(a), free(w), free(packed), free(c);
}

static void test_relu_keeps_nan(void **state)
{
    (void)state;
    for_each_variant(relu_keeps_nan);
}

/* Any cut of the element range gives the packed forms of one call. */
static void pack_by_pieces(const as_kernels *K)
{
    static const int64_t sizes[][2] = {{70, 45}, {33, 100}, {1, 200}, {200, 1}, {64, 64}, {37, 17}, {25, 32}, {16, 10}};
    static const int64_t pieces[] = {1, 7, 64, 320, 1024, 1 << 20};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const int64_t k = sizes[s][0], n = sizes[s][1], reals = K->pack_reals(k, n);
        void *const w = random_reals(K, k * n, 5), *const f0 = new_reals(K, reals), *const t0 = new_reals(K, reals);
        for (int64_t e = 0; e < k * n; e++) {
            K->pack(k, n, w, e, 1, f0, t0);
        }
        for (size_t q = 0; q < sizeof pieces / sizeof pieces[0]; q++) {
            void *const f = new_reals(K, reals), *const t = new_reals(K, reals);
            for (int64_t e = 0; e < k * n; e += pieces[q]) {
                K->pack(k, n, w, e, e + pieces[q] < k * n ? pieces[q] : k * n - e, f, t);
            }
            assert_same_reals(K, f, f0, reals, "forward pack");
            assert_same_reals(K, t, t0, reals, "transposed pack");
            free_reals(K, f, reals), free_reals(K, t, reals);
        }
        free_reals(K, w, k * n), free_reals(K, f0, reals), free_reals(K, t0, reals);
    }
}

static void test_packing_by_pieces(void **state)
{
    (void)state;
    for_each_variant(pack_by_pieces);
}

/* Forms of over 32 MiB in aligned memory, which bands of rows may write past the caches: as in pieces that are no band.
 */
static void pack_large(const as_kernels *K)
{
    const int64_t k = 2907, n = 36 * 1024 * 1024 / (int64_t)K->real_bytes / k, reals = K->pack_reals(k, n);
    const size_t bytes = ((size_t)reals * K->real_bytes + 63) / 64 * 64;
    void *const w = random_reals(K, k * n, 5), *form[4];
    for (int i = 0; i < 4; i++) {
        form[i] = aligned_alloc(64, bytes);
        assert_non_null(form[i]);
        memset(form[i], 0, bytes);
    }
    K->pack(k, n, w, 0, k * n, form[0], form[1]);
    for (int64_t e = 0; e < k * n; e += n - 1) {
        K->pack(k, n, w, e, e + n - 1 < k * n ? n - 1 : k * n - e, form[2], form[3]);
    }
    assert_memory_equal(form[0], form[2], bytes);
    assert_memory_equal(form[1], form[3], bytes);
    for (int i = 0; i < 4; i++) {
        free(form[i]);
    }
    free_reals(K, w, k * n);
}

static void test_packing_past_the_caches(void **state)
{
    (void)state;
    for_each_variant(pack_large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_gemm_is_a_product),
        cmocka_unit_test(test_gemm_equals_its_definition),
        cmocka_unit_test(test_tuning_changes_no_bit),
        cmocka_unit_test(test_zeros_that_are_left_out_change_no_bit),
        cmocka_unit_test(test_gemm_is_the_same_on_all_instruction_sets),
        cmocka_unit_test(test_relu_keeps_nan),
        cmocka_unit_test(test_packing_by_pieces),
        cmocka_unit_test(test_packing_past_the_caches),
        cmocka_unit_test(test_a_chain_is_continued),
        cmocka_unit_test(test_sharing_changes_no_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
