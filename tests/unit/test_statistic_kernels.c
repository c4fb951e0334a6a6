/* Kernels of statistical models against plain loops, bit for bit, for every instruction set that this CPU can run: rows
   and columns that fill no vector, one of each, primes, and a full block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "base/rng.h"
#include "kernels/scalar_math.h"
#include "kernels/statistics.h"
#include "math/moments.h"

enum { D_MOST = 67, K_MOST = 7, SIZE = 1 + 2 * D_MOST };
static const int64_t counts[] = {0, 1, 7, 16, 31, 100, AS_COLUMNS}, widths[] = {1, 2, 5, 16, 17, 64, D_MOST},
                     clusters[] = {1, 2, 3, K_MOST};

typedef struct arrays {
    double x[AS_COLUMNS * D_MOST], t[AS_COLUMNS * D_MOST], weight[AS_COLUMNS], center[K_MOST * D_MOST],
        p[D_MOST * D_MOST], unit[D_MOST];
    int32_t label[AS_COLUMNS];
    int64_t id[AS_COLUMNS];
} arrays;

static double uniform(uint64_t index)
{
    uint32_t word[4];
    as_rng_words(3, AS_RNG_TEST, 0, 0, index, word);
    return as_rng_uniform_f64(word[0], word[1]);
}

static arrays *make(int64_t count, int64_t d, int64_t k)
{
    arrays *a = calloc(1, sizeof *a);
    assert_non_null(a);
    for (int64_t i = 0; i < count; i++) {
        a->weight[i] = i % 5 == 3 ? 0 : uniform((uint64_t)i) + 0.5;
        a->label[i] = (int32_t)(i * 7 % k);
        a->id[i] = i * i;
        for (int64_t j = 0; j < d; j++) {
            a->x[i * d + j] = 100 + 4 * uniform((uint64_t)(1000 + i * d + j));
        }
    }
    for (int64_t i = 0; i < k * d; i++) {
        a->center[i] = 100 + 4 * uniform((uint64_t)(100000 + i));
    }
    for (int64_t i = 0; i < d; i++) {
        for (int64_t j = i; j < d; j++) {
            a->p[i * d + j] = uniform((uint64_t)(200000 + i * d + j)) - 0.5;
        }
        a->unit[i] = uniform((uint64_t)(300000 + i));
    }
    return a;
}

static void same(const char *what, const double *found, const double *expected, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (memcmp(found + i, expected + i, sizeof *found) != 0) {
            fail_msg("%s[%lld]: expected %.17g, found %.17g", what, (long long)i, expected[i], found[i]);
        }
    }
}

/* Sums of classes, row by row. */
static void check_sums(const as_statistic_kernels *kernels, const arrays *a, int64_t count, int64_t d, int64_t k)
{
    double found[3][K_MOST * SIZE] = {{0}}, expected[3][K_MOST * SIZE] = {{0}};
    const int64_t stride = 1 + 2 * d;
    for (int64_t i = 0; i < count; i++) {
        double *const m = expected[0] + a->label[i] * stride, *const s = expected[1] + a->label[i] * stride;
        double *const v = expected[2] + a->label[i] * stride;
        const double w = a->weight[i];
        as_moments_add(m, m + 1, m + 1 + d, d, w, a->x + i * d);
        s[0] += w;
        v[0] += w;
        for (int64_t j = 0; j < d; j++) {
            s[1 + j] = fma(w, a->x[i * d + j], s[1 + j]);
            v[1 + j] = fma(w, a->x[i * d + j] - a->center[a->label[i] * d + j], v[1 + j]);
        }
    }
    kernels->moments(count, d, a->x, a->label, a->weight, found[0], stride);
    kernels->sums(count, d, a->x, a->label, a->weight, found[1], stride);
    kernels->moves(count, d, a->x, a->label, a->weight, a->center, found[2], stride);
    for (int i = 0; i < 3; i++) {
        same("sums of classes", found[i], expected[i], k * stride);
    }
}

static void check_rows(const as_statistic_kernels *kernels, arrays *a, int64_t count, int64_t d, int64_t k)
{
    int32_t label[AS_COLUMNS];
    double square[AS_COLUMNS], form[AS_COLUMNS], axes[AS_COLUMNS];
    kernels->columns(count, d, a->x, a->t);
    kernels->nearest(count, d, k, a->t, a->center, label, square);
    kernels->quadratic(count, d, a->t, a->center, a->p, form);
    kernels->diagonal(count, d, a->t, a->center, a->unit, axes);
    for (int64_t i = 0; i < count; i++) {
        double least = HUGE_VAL, q = 0, r = 0;
        int32_t nearest = 0;
        for (int64_t c = 0; c < k; c++) {
            double sum = 0;
            for (int64_t j = 0; j < d; j++) {
                const double delta = a->x[i * d + j] - a->center[c * d + j];
                sum = fma(delta, delta, sum);
            }
            nearest = sum < least ? (int32_t)c : nearest;
            least = sum < least ? sum : least;
        }
        for (int64_t j = 0; j < d; j++) {
            double y = 0;
            for (int64_t m = 0; m <= j; m++) {
                y = fma(a->p[m * d + j], a->x[i * d + m] - a->center[m], y);
            }
            q = fma(y, y, q);
            const double z = (a->x[i * d + j] - a->center[j]) * a->unit[j];
            r = fma(z, z, r);
        }
        assert_int_equal(label[i], nearest);
        same("distance", square + i, &least, 1);
        same("quadratic form", form + i, &q, 1);
        same("diagonal form", axes + i, &r, 1);
    }
}

static void check_mixing(const as_statistic_kernels *kernels, const arrays *a, int64_t count, int64_t d, int64_t k)
{
    static double v[K_MOST * AS_COLUMNS], delta[AS_COLUMNS * D_MOST], scaled[AS_COLUMNS * D_MOST];
    double total[AS_COLUMNS], found[2][SIZE] = {{0}}, expected[2][SIZE] = {{0}}, u[AS_COLUMNS];
    for (int64_t i = 0; i < AS_COLUMNS * k; i++) {
        v[i] = i % AS_COLUMNS < count ? -700 * uniform((uint64_t)(400000 + i)) : 0;
    }
    static double log[K_MOST * AS_COLUMNS];
    memcpy(log, v, sizeof log);
    kernels->shares(count, k, v, total);
    kernels->uniforms(count, a->id, 9, AS_RNG_TEST, 1, 2, u);
    kernels->deltas(count, d, a->x, a->center, a->weight, delta, scaled, found[0]);
    kernels->squares(count, d, a->x, a->center, a->weight, found[1]);
    for (int64_t i = 0; i < count; i++) {
        double top = log[i], sum = 0;
        for (int64_t c = 1; c < k; c++) {
            top = log[c * AS_COLUMNS + i] > top ? log[c * AS_COLUMNS + i] : top;
        }
        for (int64_t c = 0; c < k; c++) {
            sum += as_exp_f64(log[c * AS_COLUMNS + i] - top);
        }
        const double inverse = 1 / sum, whole = top + as_log_f64(sum);
        for (int64_t c = 0; c < k; c++) {
            const double share = as_exp_f64(log[c * AS_COLUMNS + i] - top) * inverse;
            same("share", &v[c * AS_COLUMNS + i], &share, 1);
        }
        same("total", total + i, &whole, 1);
        uint32_t word[4];
        as_rng_words(9, AS_RNG_TEST, 1, 2, (uint64_t)a->id[i], word);
        const double number = as_rng_uniform_f64(word[0], word[1]);
        same("uniform", u + i, &number, 1);
        const double w = a->weight[i];
        expected[0][0] += w;
        expected[1][0] += w;
        for (int64_t j = 0; j < d; j++) {
            const double y = a->x[i * d + j] - a->center[j], z = w * y;
            same("delta", delta + i * d + j, &y, 1);
            same("scaled", scaled + i * d + j, &z, 1);
            expected[0][1 + j] += z;
            expected[1][1 + j] += z;
            expected[1][1 + d + j] = fma(z, y, expected[1][1 + d + j]);
        }
    }
    same("deltas", found[0], expected[0], 1 + d);
    same("squares", found[1], expected[1], 1 + 2 * d);
}

static void test_kernels_equal_plain_loops(void **state)
{
    (void)state;
    for (int isa = as_isa_detect(); isa <= AS_PORTABLE; isa++) {
        const as_statistic_kernels *kernels = as_statistic_kernels_get((as_isa)isa);
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
                for (size_t m = 0; m < sizeof clusters / sizeof clusters[0]; m++) {
                    arrays *a = make(counts[c], widths[w], clusters[m]);
                    check_sums(kernels, a, counts[c], widths[w], clusters[m]);
                    check_rows(kernels, a, counts[c], widths[w], clusters[m]);
                    check_mixing(kernels, a, counts[c], widths[w], clusters[m]);
                    free(a);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kernels_equal_plain_loops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
