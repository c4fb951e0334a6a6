/* Inference and calibration against scipy, statsmodels and scikit-learn, and their edges. References:
   tests/reference/make_inference.py. */
#include "math/inference.h"

#include "math/calibration.h"
#include "reference/inference.h"
#include "unit/kernel_cases.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof *(table)))

static void close_to(const char *what, int row, double found, double expected, double bound)
{
    if (!(found == expected || fabs(found - expected) <= bound * (fabs(expected) > 1e-290 ? fabs(expected) : 1))) {
        fail_msg("%s: row %d is %.17g, expected %.17g", what, row, found, expected);
    }
}

static void test_intervals_are_statsmodels(void **unused)
{
    (void)unused;
    double low, high, sd;
    for (int i = 0; i < ROWS(reference_wilson); i++) {
        const double *r = reference_wilson[i];
        as_wilson(r[0], r[1], r[2], &low, &high);
        assert_true(fabs(low - r[3]) <= 1e-12 && fabs(high - r[4]) <= 1e-12);
        r = reference_clopper[i];
        as_clopper_pearson((int64_t)r[0], (int64_t)r[1], r[2], &low, &high);
        close_to("Clopper-Pearson", i, low, r[3], 1e-10);
        close_to("Clopper-Pearson", i, high, r[4], 1e-10);
    }
    as_wilson(0, 0, 0.95, &low, &high);
    assert_true(low == 0 && high == 1);
    as_clopper_pearson(0, 0, 0.95, &low, &high);
    assert_true(low == 0 && high == 1);
    double v[] = {3, (double)NAN, 1, 2, 5, 4};
    as_percentile_interval(6, v, 0.5, &low, &high, &sd); /* numpy: percentile(1..5, [25, 75]) = 2, 4; std 1.58 */
    assert_true(low == 2 && high == 4 && fabs(sd - sqrt(2.5)) < 1e-15);
    double none[] = {(double)NAN};
    as_percentile_interval(1, none, 0.95, &low, &high, &sd);
    assert_true(isnan(low) && isnan(high));
}

/* Poisson(1): mean and variance 1 (5 standard errors of 1/sqrt(N) and sqrt(3/N)), shares e^-1/k!, independence of
   neighbours in id and replicate. */
static void test_bootstrap_weights_are_poisson(void **unused)
{
    (void)unused;
    enum { IDS = 5000 };
    double sum = 0, square = 0, zero = 0, pairs = 0, across = 0, last = 0;
    const double n = 4.0 * IDS;
    for (uint64_t id = 0; id < IDS; id++) {
        double w[4], again[4];
        as_bootstrap_weights(5, id, 3, w);
        as_bootstrap_weights(5, id, 3, again);
        assert_memory_equal(w, again, sizeof w);
        for (int i = 0; i < 4; i++) {
            sum += w[i];
            square += (w[i] - 1) * (w[i] - 1);
            zero += w[i] == 0;
        }
        pairs += (w[0] - 1) * (w[1] - 1);
        across += (w[2] - 1) * (last - 1);
        last = w[2];
    }
    assert_true(fabs(sum / n - 1) < 5 / sqrt(n) && fabs(square / n - 1) < 5 * sqrt(3 / n));
    assert_true(fabs(zero / n - exp(-1)) < 5 * sqrt(0.25 / n));
    assert_true(fabs(pairs / IDS) < 5 / sqrt(IDS) && fabs(across / IDS) < 5 / sqrt(IDS));
}

static void test_comparisons_are_statsmodels(void **unused)
{
    (void)unused;
    for (int i = 0; i < ROWS(reference_mcnemar); i++) {
        const double *r = reference_mcnemar[i];
        close_to("McNemar", i, as_mcnemar((int64_t)r[0], (int64_t)r[1], true).p, r[2], 1e-10);
        const as_test test = as_mcnemar((int64_t)r[0], (int64_t)r[1], false);
        if (r[0] != r[1]) { /* the correction stops at 0 here */
            close_to("McNemar", i, test.statistic, r[3], 1e-12);
            close_to("McNemar", i, test.p, r[4], 1e-10);
        }
    }
    assert_true(as_mcnemar(0, 0, true).p == 1 && as_mcnemar(0, 0, false).p == 1);
    double mean, sd;
    const double *r = reference_paired[0];
    const as_test z = as_paired_z(25, reference_differences, &mean, &sd);
    close_to("mean", 0, mean, r[0], 1e-14);
    close_to("sd", 0, sd, r[1], 1e-14);
    close_to("z", 0, z.statistic, r[2], 1e-13);
    close_to("z", 0, z.p, r[3], 1e-12);
    const as_test t = as_nadeau_bengio(10, reference_differences, 1.0 / 9);
    close_to("Nadeau-Bengio", 0, t.statistic, r[4], 1e-13);
    close_to("Nadeau-Bengio", 0, t.p, r[5], 1e-12);
    const double zeros[3] = {0}, ones[3] = {1, 1, 1};
    assert_true(as_paired_z(3, zeros, &mean, &sd).p == 1 && isnan(as_paired_z(3, ones, &mean, &sd).p));
    assert_true(isnan(as_paired_z(1, ones, &mean, &sd).p) && isnan(as_nadeau_bengio(1, ones, 0.1).p));
}

static void test_associations_are_scipys(void **unused)
{
    (void)unused;
    double count[4], mean[4], square[4];
    for (int i = 0; i < 4; i++) {
        count[i] = reference_anova_groups[i][0];
        mean[i] = reference_anova_groups[i][1];
        square[i] = reference_anova_groups[i][2];
    }
    const as_test f = as_anova(4, count, mean, square);
    close_to("ANOVA", 0, f.statistic, reference_anova[0][0], 1e-11);
    close_to("ANOVA", 0, f.p, reference_anova[0][1], 1e-10);
    assert_true(f.df == 3 && f.df2 == 96 && isnan(as_anova(1, count, mean, square).p));
    const as_test c = as_chi2_independence(4, 3, reference_counts);
    close_to("chi2", 0, c.statistic, reference_chi2[0][0], 1e-12);
    close_to("chi2", 0, c.p, reference_chi2[0][2], 1e-11);
    assert_true(c.df == 6);
    const double empty[6] = {5, 0, 3, 0, 0, 0}; /* one row and one column are empty: one row is left */
    assert_true(isnan(as_chi2_independence(2, 3, empty).p));
}

static void test_kolmogorov_smirnov_is_scipys(void **unused)
{
    (void)unused;
    const double *const one[] = {reference_ks_1,   reference_ks_5,   reference_ks_20,
                                 reference_ks_100, reference_ks_400, reference_ks_1500};
    const double *const x[] = {reference_ks_x0, reference_ks_x1, reference_ks_x2};
    const double *const y[] = {reference_ks_y0, reference_ks_y1, reference_ks_y2};
    as_test test;
    for (int i = 0; i < ROWS(reference_ks_one); i++) {
        const double *r = reference_ks_one[i];
        assert_int_equal(as_ks_one((int64_t)r[0], one[i], &test), AS_OK);
        close_to("KS", i, test.statistic, r[1], 1e-13);
        close_to("KS p", i, test.p, r[2], 1e-9);
        assert_true(test.exact);
    }
    for (int i = 0; i < ROWS(reference_ks_two); i++) {
        const double *r = reference_ks_two[i];
        assert_int_equal(as_ks_two((int64_t)r[0], x[i], (int64_t)r[1], y[i], &test), AS_OK);
        close_to("KS of two", i, test.statistic, r[2], 1e-13);
        assert_true(fabs(test.p - r[3]) <= 1e-13 && test.exact);
    }
    const double tied[] = {1, 2, 2, 3};
    assert_int_equal(as_ks_two(4, tied, 4, tied, &test), AS_OK);
    assert_true(test.statistic == 0 && test.p == 1 && !test.exact);
    assert_int_equal(as_ks_one(0, tied, &test), AS_OK);
    assert_true(isnan(test.p));
}

static void test_corrections_are_statsmodels(void **unused)
{
    (void)unused;
    enum { N = sizeof reference_multiple / sizeof *reference_multiple };
    double p[N], holm[N], bh[N];
    for (int i = 0; i < N; i++) {
        p[i] = reference_multiple[i][0];
    }
    assert_int_equal(as_holm(N, p, holm), AS_OK);
    assert_int_equal(as_benjamini_hochberg(N, p, bh), AS_OK);
    for (int i = 0; i < N; i++) {
        close_to("Holm", i, holm[i], reference_multiple[i][1], 1e-14);
        close_to("Benjamini-Hochberg", i, bh[i], reference_multiple[i][2], 1e-14);
    }
}

static void test_calibration_is_scikit_learns(void **unused)
{
    (void)unused;
    enum { N = 120, K = 4 };
    double confidence[N], correct[N], log_p[N * K], confusion[K * K] = {0}, score[N], positive[N];
    int32_t order[N];
    as_reliability_bin bin[AS_CALIBRATION_BINS];
    for (int i = 0; i < N; i++) {
        int said = 0;
        for (int j = 0; j < K; j++) {
            said = reference_probability[i * K + j] > reference_probability[i * K + said] ? j : said;
            log_p[i * K + j] = log(reference_probability[i * K + j]);
        }
        confidence[i] = reference_probability[i * K + said];
        correct[i] = said == reference_label[i];
        confusion[reference_label[i] * K + said] += reference_weight[i];
    }
    const double *r = reference_calibration[0];
    close_to("ECE", 0, as_calibration_error(N, confidence, correct, reference_weight, bin), r[0], 1e-13);
    close_to("temperature", 0, as_temperature(N, K, log_p, reference_label, reference_weight), r[1], 1e-7);
    close_to("MCC", 0, as_matthews(K, confusion), r[2], 1e-13);
    for (int c = 0; c < K; c++) {
        for (int i = 0; i < N; i++) {
            score[i] = reference_score[i * K + c];
            positive[i] = reference_label[i] == c;
        }
        assert_int_equal(as_descending(N, score, order), AS_OK);
        double sorted[N], mark[N], auc, ap;
        for (int i = 0; i < N; i++) {
            sorted[i] = score[order[i]];
            mark[i] = positive[order[i]];
            assert_true(i == 0 || sorted[i - 1] >= sorted[i]);
        }
        as_ranking(N, order, sorted, mark, reference_weight, &auc, &ap);
        close_to("AUC", c, auc, reference_ranking[c][0], 1e-13);
        close_to("AP", c, ap, reference_ranking[c][1], 1e-13);
    }
}

/* A bin is (low, high]: 1/15 itself is in the first, and so is 0. */
static void test_edges_of_calibration(void **unused)
{
    (void)unused;
    const double confidence[] = {0, 1.0 / 15, 1, 0.5}, correct[] = {0, 0, 1, 1}, weight[] = {1, 1, 1, 0};
    as_reliability_bin bin[AS_CALIBRATION_BINS];
    const double e = as_calibration_error(4, confidence, correct, weight, bin);
    assert_true(bin[0].weight == 2 && bin[14].weight == 1 && bin[7].weight == 0 && isnan(bin[7].accuracy));
    assert_true(fabs(e - (1.0 / 15) / 3) < 1e-16);
    /* MAPIE's three bugs: the rank, its rounding, and infinity where it is beyond n. */
    double score[] = {9, 1, 8, 2, 7, 3, 6, 4, 5};
    assert_true(as_conformal_quantile(9, score, 0.1) == 9);         /* ceil(10 * 0.9) = 9 of 9 */
    assert_true(as_conformal_quantile(9, score, 0.05) == HUGE_VAL); /* ceil(9.5) = 10 > 9 */
    assert_true(as_conformal_quantile(9, score, 0.5) == 5);
    assert_true(as_conformal_quantile(0, score, 0.5) == HUGE_VAL);
    /* Separated rows: the temperature stops at its bound. */
    const double log_p[] = {-0.1, -2.4, -2.4, -0.1};
    const int32_t label[] = {0, 1}, wrong[] = {1, 0};
    const double ones[] = {1, 1};
    assert_true(fabs(as_temperature(2, 2, log_p, label, ones) * 64 - 1) < 1e-9);
    assert_true(fabs(as_temperature(2, 2, log_p, wrong, ones) / 64 - 1) < 1e-9);
    const double one_class[] = {5, 5, 0, 0};
    assert_true(as_matthews(2, one_class) == 0);
    const int32_t order[] = {0, 1};
    double auc, ap;
    as_ranking(2, order, ones, ones, ones, &auc, &ap);
    assert_true(isnan(auc) && ap == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intervals_are_statsmodels),    cmocka_unit_test(test_bootstrap_weights_are_poisson),
        cmocka_unit_test(test_comparisons_are_statsmodels),  cmocka_unit_test(test_associations_are_scipys),
        cmocka_unit_test(test_kolmogorov_smirnov_is_scipys), cmocka_unit_test(test_corrections_are_statsmodels),
        cmocka_unit_test(test_calibration_is_scikit_learns), cmocka_unit_test(test_edges_of_calibration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
