/* Drawing tokens: shares of a distribution that is known, and what temperature, top_k and top_p leave of it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "run/sample.h"

enum { N = 5, DRAWS = 20000 };
static const double logits[N] = {0, 1.0986122886681098 /* log 3 */, 0, -INFINITY, 0}; /* shares 1 : 3 : 1 : . : 1 */

static void count(const as_sample_options *options, const double *z, int64_t n, int64_t hits[N])
{
    as_sample_choice work[N];
    memset(hits, 0, N * sizeof *hits);
    for (int64_t i = 0; i < DRAWS; i++) {
        const int64_t token = as_sample_draw(options, i, n, z, work);
        assert_in_range(token, 0, n - 1);
        hits[token]++;
    }
}

/* Five deviations of a binomial share: sqrt(p (1 - p) / DRAWS). */
static void assert_share(int64_t hits, double p)
{
    const double found = (double)hits / DRAWS, allowed = 5 * sqrt(p * (1 - p) / DRAWS);
    if (!(fabs(found - p) <= allowed)) {
        fail_msg("share %g, expected %g within %g", found, p, allowed);
    }
}

static const double z[4] = {0, 1.0986122886681098, 0, 0};

static void test_shares_are_probabilities(void **state)
{
    (void)state;
    int64_t hits[N];
    count(&(as_sample_options){.temperature = 1, .top_p = 1, .seed = 9}, z, 4, hits);
    assert_share(hits[0], 1.0 / 6);
    assert_share(hits[1], 0.5);
    assert_share(hits[2], 1.0 / 6);
    assert_share(hits[3], 1.0 / 6);
    count(&(as_sample_options){.temperature = 0.5, .top_p = 1, .seed = 9}, z, 4, hits);
    assert_share(hits[1], 9.0 / 12); /* shares are squared */
}

static void test_top_k_and_top_p_leave_the_likely(void **state)
{
    (void)state;
    int64_t hits[N];
    count(&(as_sample_options){.temperature = 1, .top_p = 1, .top_k = 2, .seed = 1}, z, 4, hits);
    assert_share(hits[1], 0.75); /* of equals, the smaller number */
    assert_share(hits[0], 0.25);
    count(&(as_sample_options){.temperature = 1, .top_p = 0.4, .seed = 1}, z, 4, hits);
    assert_int_equal(hits[1], DRAWS);
    count(&(as_sample_options){.temperature = 1, .top_p = 0.6, .seed = 1}, z, 4, hits);
    assert_share(hits[0], 0.25);
    assert_int_equal(hits[2] + hits[3], 0);
    count(&(as_sample_options){.temperature = 0, .top_p = 1, .seed = 1}, z, 4, hits);
    assert_int_equal(hits[1], DRAWS);
}

/* A temperature at which all but the largest vanish, and one at which none differs. */
static void test_extreme_temperatures(void **state)
{
    (void)state;
    int64_t hits[N];
    const double far[2] = {-700, 700};
    count(&(as_sample_options){.temperature = 1e-9, .top_p = 1}, far, 2, hits);
    assert_int_equal(hits[1], DRAWS);
    count(&(as_sample_options){.temperature = 1e6, .top_p = 1}, z, 4, hits);
    assert_share(hits[3], 0.25);
}

static void test_draws_belong_to_seed_and_index(void **state)
{
    (void)state;
    as_sample_choice work[N];
    const as_sample_options a = {.temperature = 1, .top_p = 1, .seed = 3},
                            b = {.temperature = 1, .top_p = 1, .seed = 4};
    int differ = 0;
    for (int64_t i = 0; i < 100; i++) {
        const int64_t token = as_sample_draw(&a, i, 4, z, work);
        assert_int_equal(token, as_sample_draw(&a, i, 4, z, work));
        differ += token != as_sample_draw(&b, i, 4, z, work);
    }
    assert_in_range(differ, 30, 95); /* two in three, by the shares above */
}

static void test_not_finite_is_refused(void **state)
{
    (void)state;
    as_sample_choice work[N];
    const as_sample_options options = {.temperature = 1, .top_p = 1};
    assert_int_equal(as_sample_draw(&options, 0, N, logits, work), -1);
    assert_int_equal(as_sample_draw(&options, 0, 1, (const double[]){NAN}, work), -1);
    assert_int_equal(as_sample_draw(&options, 0, 1, (const double[]){-3}, work), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_are_probabilities), cmocka_unit_test(test_top_k_and_top_p_leave_the_likely),
        cmocka_unit_test(test_extreme_temperatures),     cmocka_unit_test(test_draws_belong_to_seed_and_index),
        cmocka_unit_test(test_not_finite_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
