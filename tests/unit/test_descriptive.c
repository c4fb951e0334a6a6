/* Moments and quantiles of columns against scipy and numpy; missing, equal and single values. */
#include <math.h>

#include "../reference/descriptive.h"
#include "data_setup.h"
#include "math/descriptive.h"
#include "run/data_stats.h"

/* Rounding of sums of n <= 64 terms of one size: a few n eps; the skewness of `offset` loses the digits that the
   offset takes of 1e9: 1e9 eps / sd = 2e-7 of a value at the most, and 1e-9 on the average of 50. */
static void check(int64_t n, const double *value, const double *facts, double mean_error, double error)
{
    double copy[80];
    memcpy(copy, value, (size_t)n * sizeof *value);
    copy[n] = (double)NAN;
    const as_descriptive d = as_describe_values(n + 1, copy);
    assert_int_equal(d.n, n);
    assert_int_equal(d.missing, 1);
    assert_true(fabs(d.mean - facts[0]) <= mean_error * fabs(facts[0]));
    const double found[] = {d.sd, d.skewness, d.kurtosis};
    for (int i = 0; i < 3; i++) {
        assert_true(fabs(found[i] - facts[1 + i]) <= error);
    }
    for (int q = 0; q < AS_QUANTILES; q++) {
        assert_true(fabs(d.quantile[q] - facts[4 + q]) <= 4e-16 * fabs(facts[4 + q]));
    }
}

static void test_moments_and_quantiles_of_scipy(void **state)
{
    (void)state;
    check(sizeof skewed / sizeof *skewed, skewed, skewed_facts, 1e-15, 1e-13);
    check(sizeof ties / sizeof *ties, ties, ties_facts, 1e-14, 1e-13);
    check(sizeof offset / sizeof *offset, offset, offset_facts, 1e-15, 1e-6);
}

static void test_values_that_do_not_vary(void **state)
{
    (void)state;
    double same[] = {0.1, 0.1, 0.1}, one[] = {7}, none[] = {(double)NAN, (double)NAN};
    as_descriptive d = as_describe_values(3, same);
    assert_true(d.mean == 0.1 && d.sd == 0 && isnan(d.skewness) && isnan(d.kurtosis) && d.distinct == 1);
    d = as_describe_values(1, one);
    assert_true(d.mean == 7 && isnan(d.sd) && d.quantile[3] == 7 && d.n == 1);
    d = as_describe_values(2, none);
    assert_true(d.n == 0 && d.missing == 2 && isnan(d.mean) && isnan(d.quantile[0]) && d.distinct == 0);
}

static void test_a_table_with_everything(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_data_stats stats;
    static const char path[] = SCRATCH("stats.csv");
    static const char text[] = "a,b,flat,place,kind\n1,2,5,x,k\n2,4.5,5,y,l\n3,6,5,x,k\n4,,5,NA,k\n";
    write_file(path, text, strlen(text));
    assert_ok(
        parse_data(s, "train: {format: csv, file: " SCRATCH("stats.csv") ", target: kind}\nmissing: mean\n", &options));
    assert_ok(as_data_stats_make(&options, &stats));
    assert_int_equal(stats.rows, 4);
    assert_int_equal(stats.n, 5);
    assert_int_equal(stats.column[1].d.missing, 1);
    assert_true(stats.column[1].d.mean == 12.5 / 3 && stats.column[2].d.sd == 0);
    assert_true(stats.column[3].category && stats.column[3].ncounts == 2 && stats.column[3].count[0] == 2);
    assert_int_equal(stats.column[3].d.missing, 1);
    assert_int_equal(stats.column[4].role, AS_STATS_LABEL);
    assert_int_equal(stats.column[4].count[0], 3);
    /* a and b over the three complete rows: 4 / sqrt(2 * 49 / 6) */
    assert_int_equal(stats.npairs, 1);
    assert_int_equal(stats.pair_rows, 3);
    assert_true(fabs(stats.pair[0].r - 4 / sqrt(2 * 49.0 / 6)) < 1e-15);
    as_data_stats_free(&stats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments_and_quantiles_of_scipy),
        cmocka_unit_test(test_values_that_do_not_vary),
        cmocka_unit_test(test_a_table_with_everything),
    };
    return cmocka_run_group_tests(tests, setup_begin, setup_end);
}
