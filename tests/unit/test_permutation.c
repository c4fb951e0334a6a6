/* Keyed permutations: every image once, and many at once are the same as one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"

static const int64_t sizes[] = {1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 255, 256, 257, 1000, 4096, 4097, 10922};

static void test_every_image_comes_once(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        const int64_t n = sizes[k];
        const as_permutation p = as_permutation_make(7, AS_RNG_TEST, (uint32_t)k, 3, n);
        char *const seen = calloc((size_t)n, 1);
        int64_t *const image = calloc((size_t)n, sizeof *image);
        as_permutation_range(&p, 0, n, image);
        for (int64_t i = 0; i < n; i++) {
            assert_true(image[i] >= 0 && image[i] < n && !seen[image[i]]);
            seen[image[i]] = 1;
        }
        free(seen);
        free(image);
    }
}

static void test_many_at_once_are_one_by_one(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        const int64_t n = sizes[k];
        const as_permutation p = as_permutation_make(UINT64_C(0x123456789ABCDEF), AS_RNG_TEST, 1, (uint32_t)k, n);
        int64_t *const image = calloc((size_t)n + 1, sizeof *image);
        for (int64_t first = 0; first <= n; first += first < 3 ? 1 : n / 3 + 1) {
            for (int64_t count = 0; count <= n - first; count += count < 3 ? 1 : n / 5 + 1) {
                image[count] = -1;
                as_permutation_range(&p, first, count, image);
                for (int64_t i = 0; i < count; i++) {
                    assert_true(image[i] == as_permutation_at(&p, first + i));
                }
                assert_true(image[count] == -1);
            }
        }
        free(image);
    }
    /* A domain beyond 32 bits: 2^40 - 1 elements of 2^40. */
    const int64_t big = (INT64_C(1) << 40) - 1;
    const as_permutation p = as_permutation_make(5, AS_RNG_TEST, 0, 0, big);
    int64_t image[100];
    as_permutation_range(&p, big - 100, 100, image);
    for (int64_t i = 0; i < 100; i++) {
        assert_true(image[i] == as_permutation_at(&p, big - 100 + i));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_image_comes_once),
        cmocka_unit_test(test_many_at_once_are_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
