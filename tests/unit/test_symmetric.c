/* Sums of products of rows against plain loops, bit for bit, for every instruction set that this CPU can run: no rows,
   one, blocks that are full or not, columns that fill no panel, and more panels than stay near. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "base/rng.h"
#include "kernels/symmetric.h"

enum { BEHIND = 3, BLOCK = AS_SYMMETRIC_ROWS };
static const int64_t counts[] = {0, 1, 7, BLOCK - 1, BLOCK, 2 * BLOCK + 5};
static const int64_t widths[] = {1, 2, 3, 7, 8, 9, 16, 24, 25, 33, 47, 101, 300};

static double uniform(uint64_t index)
{
    uint32_t word[4];
    as_rng_words(5, AS_RNG_TEST, 0, 0, index, word);
    return as_rng_uniform_f64(word[0], word[1]);
}

static double *numbers(int64_t n, uint64_t from, double offset)
{
    double *const x = aligned_alloc(64, (size_t)(n + 8) / 8 * 64);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) {
        x[i] = offset + uniform(from + (uint64_t)i);
    }
    return x;
}

static void plain(const as_symmetric *s)
{
    for (int64_t at = 0; at < s->count; at += BLOCK) {
        const int64_t end = at + BLOCK < s->count ? at + BLOCK : s->count;
        for (int64_t i = 0; i < s->d; i++) {
            const double from = s->shift != NULL ? s->shift[i] : 0;
            for (int64_t r = at; r < end && s->first != NULL; r++) {
                const double y = s->x[r * s->ldx + i] - from;
                s->first[i] += s->factor != NULL ? y * s->factor[r] : y;
            }
            for (int64_t j = i; j < s->d; j++) {
                double chain = 0;
                for (int64_t r = at; r < end; r++) {
                    const double y = s->x[r * s->ldx + i] - from;
                    const double z = s->x[r * s->ldx + j] - (s->shift != NULL ? s->shift[j] : 0);
                    chain = fma(y, s->factor != NULL ? z * s->factor[r] : z, chain);
                }
                s->out[i * s->ldo + j] += chain;
            }
        }
    }
}

/* All bytes, so that what lies below the diagonal and behind the rows must be as it was. */
static void check(const as_symmetric_kernels *kernels, as_symmetric s)
{
    const int64_t size = s.d * s.ldo;
    double *const out = numbers(size, 1, 0), *const first = numbers(s.d, 2, 0);
    double *const same_out = numbers(size, 1, 0), *const same_first = numbers(s.d, 2, 0);
    double *const room = numbers(as_symmetric_room(s.d), 3, 0);
    const bool sums = s.first != NULL;
    s.out = out;
    s.first = sums ? first : NULL;
    plain(&s);
    s.out = same_out;
    s.first = sums ? same_first : NULL;
    kernels->add(&s, room);
    for (int64_t i = 0; i < size; i++) {
        if (memcmp(out + i, same_out + i, sizeof *out) != 0) {
            fail_msg("%lld rows of %lld: (%lld, %lld): expected %.17g, found %.17g", (long long)s.count, (long long)s.d,
                     (long long)(i / s.ldo), (long long)(i % s.ldo), out[i], same_out[i]);
        }
    }
    assert_memory_equal(first, same_first, (size_t)s.d * sizeof *first);
    free(out);
    free(first);
    free(same_out);
    free(same_first);
    free(room);
}

static void test_products_equal_plain_loops(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
            const int64_t n = counts[c], d = widths[w], ldx = d + BEHIND;
            double *const x = numbers(n * ldx + 1, 100, 1000), *const shift = numbers(d, 200, 1000);
            double *const factor = numbers(n + 1, 300, 0);
            for (int isa = as_isa_detect(); isa <= AS_PORTABLE; isa++) {
                for (int with = d > 100 && n > BLOCK ? 3 : 0; with < 4; with++) {
                    const as_symmetric s = {.count = n,
                                            .d = d,
                                            .x = x,
                                            .ldx = ldx,
                                            .shift = with & 1 ? shift : NULL,
                                            .factor = with & 2 ? factor : NULL,
                                            .first = with & 1 ? shift : NULL,
                                            .ldo = d + BEHIND};
                    check(as_symmetric_kernels_get((as_isa)isa), s);
                }
            }
            free(x);
            free(shift);
            free(factor);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_products_equal_plain_loops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
