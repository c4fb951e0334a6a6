/* Tests of association from counts and moments alone, which are sums over rows. */
#include "math/inference_tail.h"

as_test as_anova(int64_t k, const double *count, const double *mean, const double *square)
{
    double n = 0, total = 0, between = 0, within = 0, groups = 0;
    for (int64_t i = 0; i < k; i++) { /* Chan, Golub and LeVeque's merge of groups */
        if (count[i] > 0) {
            const double d = mean[i] - total, all = n + count[i];
            between += d * d * (n / all) * count[i];
            total += d * (count[i] / all);
            within += square[i];
            n = all;
            groups += 1;
        }
    }
    as_test test = {.df = groups - 1, .df2 = n - groups, .exact = true};
    if (!(test.df > 0) || !(test.df2 > 0) || !(between + within > 0)) {
        return as_test_undefined(test);
    }
    test.statistic = between / test.df / (within / test.df2);
    return as_test_of_log_p(
        test, as_log_beta_i(0.5 * test.df2, 0.5 * test.df, within / (between + within), between / (between + within)));
}

as_test as_chi2_independence(int64_t rows, int64_t columns, const double *count)
{
    double n = 0, statistic = 0;
    int64_t full_rows = 0, full_columns = 0;
    for (int64_t i = 0; i < rows * columns; i++) {
        n += count[i];
    }
    for (int64_t c = 0; c < columns; c++) {
        double of_column = 0;
        for (int64_t r = 0; r < rows; r++) {
            of_column += count[r * columns + c];
        }
        full_columns += of_column > 0;
    }
    for (int64_t r = 0; r < rows; r++) {
        double of_row = 0;
        for (int64_t c = 0; c < columns; c++) {
            of_row += count[r * columns + c];
        }
        full_rows += of_row > 0;
        for (int64_t c = 0; c < columns && of_row > 0; c++) {
            double of_column = 0;
            for (int64_t i = 0; i < rows; i++) {
                of_column += count[i * columns + c];
            }
            const double expected = of_row * of_column / n, gap = count[r * columns + c] - expected;
            statistic += expected > 0 ? gap * gap / expected : 0;
        }
    }
    return as_test_chi2(statistic, (double)((full_rows - 1) * (full_columns - 1)));
}
