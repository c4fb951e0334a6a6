/* Least squares against statsmodels and NIST's reference data sets; dependent columns and other bad tables. */
#include "statistics/fit.h"

#include "reference/regression.h"

enum { P = 10, K = P + 1 };
#define REAL_TARGET ", target: [target], features: [age, sex, bmi, bp, s1, s2, s3, s4, s5, s6], labels: false"

static char *diabetes(void)
{
    as_text text = {0};
    as_text_add(&text, "%s", diabetes_head);
    for (int i = 0; diabetes_rows[i] != NULL; i++) {
        as_text_add(&text, "%s", diabetes_rows[i]);
    }
    return text.data;
}

/* The condition of the design is 7e3: 1e-8 leaves room for the reference's own error, which is the square of that times
   eps. */
static void check_table(const fitted *f, const double *const expected[], const double *conf_int, const double *scalars)
{
    static const char *const lists[] = {"params", "bse", "tvalues", "pvalues", "HC0_se", "HC1_se", "HC2_se", "HC3_se"};
    static const char *const names[] = {"rsquared", "rsquared_adj", "fvalue", "f_pvalue", "llf",
                                        "aic",      "bic",          "scale",  "ssr",      "condition_number"};
    char name[64];
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "/inference/%s", lists[i]);
        assert_array(f, name, expected[i], K, 1e-8);
    }
    assert_array(f, "/inference/conf_int", conf_int, K * 2, 1e-8);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "/inference/%s", names[i]);
        assert_array(f, name, scalars + i, 1, 1e-8);
    }
    assert_array(f, "/params/coef_", expected[0] + 1, P, 1e-8);
    assert_array(f, "/params/intercept_", expected[0], 1, 1e-8);
}

static void test_the_table_is_that_of_statsmodels(void **state)
{
    (void)state;
    char *const table = diabetes();
    fitted f;
    assert_int_equal(fit_table("ols", table, REAL_TARGET "}", "{type: ols}", &f), AS_OK);
    const double *const expected[] = {ols_params, ols_bse,    ols_tvalues, ols_pvalues,
                                      ols_HC0_se, ols_HC1_se, ols_HC2_se,  ols_HC3_se};
    check_table(&f, expected, ols_conf_int, ols_scalars);
    assert_array(&f, "/inference/vif", ols_vif, P, 1e-8);
    assert_array(&f, "/inference/cooks_distance", ols_cooks_distance, 5, 1e-8);
    assert_array(&f, "/inference/leverage", ols_leverage, 5, 1e-8);
    assert_array(&f, "/inference/resid_studentized", ols_resid_studentized, 5, 1e-8);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(fitted_integers(&f, "/inference/influential_row")[i], (int64_t)ols_influential_row[i]);
    }
    assert_described(&f, "bmi", true);
    fitted_close(&f);
    assert_int_equal(fit_table("ols_hc3", table, REAL_TARGET "}", "{type: ols, cov_type: HC3}", &f), AS_OK);
    assert_array(&f, "/inference/bse", ols_HC3_se, K, 1e-8);
    assert_array(&f, "/inference/pvalues", hc3_pvalues, K, 1e-8);
    assert_array(&f, "/inference/fvalue", &hc3_f[0], 1, 1e-8);
    assert_array(&f, "/inference/f_pvalue", &hc3_f[1], 1, 1e-8);
    fitted_close(&f);
    free(table);
}

static void test_weights_are_those_of_statsmodels(void **state)
{
    (void)state;
    char *const table = diabetes();
    fitted f;
    assert_int_equal(fit_table("wls", table, REAL_TARGET ", weight: weight}", "{type: ols}", &f), AS_OK);
    const double *const expected[] = {wls_params, wls_bse,    wls_tvalues, wls_pvalues,
                                      wls_HC0_se, wls_HC1_se, wls_HC2_se,  wls_HC3_se};
    check_table(&f, expected, wls_conf_int, wls_scalars);
    fitted_close(&f);
    free(table);
}

/* NIST StRD, Longley: certified values (https://www.itl.nist.gov/div898/strd/lls/data/Longley.shtml). The condition is
   5e9; backward stable QR promises about eps times that, 1e-6; what is found is 1e-11. */
static void test_longley(void **state)
{
    (void)state;
    static const char table[] =
        "TOTEMP,GNPDEFL,GNP,UNEMP,ARMED,POP,YEAR\n60323,83.0,234289,2356,1590,107608,1947\n61122,88.5,259426,2325,1456,"
        "108632,1948\n60171,88.2,258054,3682,1616,109773,1949\n61187,89.5,284599,3351,1650,110929,1950\n63221,96.2,"
        "328975,2099,3099,112075,1951\n63639,98.1,346999,1932,3594,113270,1952\n64989,99.0,365385,1870,3547,115094,"
        "1953\n63761,100.0,363112,3578,3350,116219,1954\n66019,101.2,397469,2904,3048,117388,1955\n67857,104.6,419180,"
        "2822,2857,118734,1956\n68169,108.4,442769,2936,2798,120445,1957\n66513,110.8,444546,4681,2637,121950,1958\n"
        "68655,112.6,482704,3813,2552,123366,1959\n69564,114.2,502601,3931,2514,125368,1960\n69331,115.7,518173,4806,"
        "2572,127852,1961\n70551,116.9,554894,4007,2827,130081,1962\n";
    static const double params[] = {-3482258.63459582, 15.0618722713733,  -0.358191792925910E-01,
                                    -2.02022980381683, -1.03322686717359, -0.511041056535807E-01,
                                    1829.15146461355};
    static const double bse[] = {890420.383607373,  84.9149257747669,  0.334910077722432E-01, 0.488399681651699,
                                 0.214274163161675, 0.226073200069370, 455.478499142212};
    static const double rsquared = 0.995479004577296, fvalue = 330.285339234588,
                        scale = 304.854073561965 * 304.854073561965;
    fitted f;
    assert_int_equal(fit_table("longley", table, ", target: [TOTEMP], labels: false}", "{type: ols}", &f), AS_OK);
    assert_array(&f, "/inference/params", params, 7, 1e-9);
    assert_array(&f, "/inference/bse", bse, 7, 1e-9);
    assert_array(&f, "/inference/rsquared", &rsquared, 1, 1e-13);
    assert_array(&f, "/inference/fvalue", &fvalue, 1, 1e-9);
    assert_array(&f, "/inference/scale", &scale, 1, 1e-9);
    fitted_close(&f);
}

/* NIST StRD, Wampler 1 to 5: polynomials of degree 5 over 0..20 with residuals of rising size. Certified coefficients
   are 1 (Wampler 2: 10^-j); certified errors are those of Wampler 3 times 1, 100, 10^4. */
static void test_wampler(void **state)
{
    (void)state;
    static const double third[] = {760,    -2042,  2111,    -1684,   3888,    1858,    11379,
                                   17560,  39287,  64382,   113159,  175108,  273291,  400186,
                                   581243, 811568, 1121004, 1506550, 2002767, 2611612, 3369180};
    static const double bse[] = {2152.32624678170, 2363.55173469681, 779.343524331583,
                                 101.475507550350, 5.64566512170752, 0.112324854679312};
    static const double rsquared[] = {1, 1, 0.999995559025820, 0.957478440825662, 0.224668921574940E-02};
    for (int w = 1; w <= 5; w++) {
        as_text table = {0};
        as_text_add(&table, "y,x1,x2,x3,x4,x5\n");
        for (int x = 0; x <= 20; x++) {
            const double first = 1 + x * (1 + x * (1 + x * (1 + x * (1.0 + x)))), gap = third[x] - first;
            const double second = 1 + x * (1e-1 + x * (1e-2 + x * (1e-3 + x * (1e-4 + x * 1e-5))));
            const double y = w == 1 ? first : w == 2 ? second : first + gap * (w == 3 ? 1 : w == 4 ? 100 : 10000);
            as_text_add(&table, "%.5f,%d,%d,%d,%d,%d\n", y, x, x * x, x * x * x, x * x * x * x, x * x * x * x * x);
        }
        fitted f;
        assert_int_equal(fit_table("wampler", table.data, ", target: [y], labels: false}", "{type: ols}", &f), AS_OK);
        for (int j = 0; j < 6; j++) {
            /* eps times the condition 6e6 is 1.5e-9, of y's own size in the noisy sets. */
            const double expected = w == 2 ? pow(10, -j) : 1, noise = w <= 3 ? 1 : w == 4 ? 100 : 1e4;
            assert_close("coefficient", fitted_reals(&f, "/inference/params") + j, &expected, 1, 1e-8 * noise, 0);
            const double error = w < 3 ? 0 : bse[j] * noise;
            assert_close("error", fitted_reals(&f, "/inference/bse") + j, &error, 1, 1e-8, w < 3 ? 1e-7 : 0);
        }
        assert_array(&f, "/inference/rsquared", &rsquared[w - 1], 1, 1e-11);
        fitted_close(&f);
        as_text_free(&table);
    }
}

/* y on 1, a, b, 2a - b, c and a constant: the relations are said by name, c alone keeps its error, the fit is that of
   the smallest norm. */
static void test_dependent_columns_are_named_and_get_no_error(void **state)
{
    (void)state;
    as_text table = {0};
    as_text_add(&table, "a,b,both,c,five,y\n");
    for (int i = 0; i < 40; i++) {
        const double a = i % 7, b = i % 5 - 2, c = i % 11;
        as_text_add(&table, "%g,%g,%g,%g,5,%g\n", a, b, 2 * a - b, c, 3 + a - 2 * b + 0.5 * c + (i % 3 - 1) * 0.25);
    }
    fitted f;
    assert_int_equal(fit_table("dependent", table.data, ", target: [y], labels: false}", "{type: ols}", &f), AS_OK);
    assert_int_equal(*fitted_integers(&f, "/params/rank_"), 4);
    const int64_t *const status = fitted_integers(&f, "/inference/status");
    const double *const bse = fitted_reals(&f, "/inference/bse"), *const b = fitted_reals(&f, "/params/coef_");
    static const int64_t expected[] = {1, 1, 1, 1, 0, 1};
    for (int j = 0; j < 6; j++) {
        assert_int_equal(status[j], expected[j]);
        assert_int_equal(isnan(bse[j]), expected[j]);
    }
    assert_described(&f, "both = 2 a - b", true);
    assert_described(&f, "five = 5 const", true);
    assert_described(&f, "not identified", true);
    assert_described(&f, "nan", false);
    /* Smallest norm: the slopes are orthogonal to the null vector (2, -1, -1). */
    assert_true(fabs(2 * b[0] - b[1] - b[2]) < 1e-12 && fabs(b[4]) < 1e-12);
    fitted_close(&f);
    as_text_free(&table);
}

/* Columns and a target that are far from zero: slopes and the residual variance are those of the same numbers near zero
   (differences of rows are exact). Digits that the distance takes belong to the intercept alone. */
static void test_distant_columns(void **state)
{
    (void)state;
    double slopes[2] = {0}, scale = 0, bse[2] = {0};
    for (int far = 0; far < 2; far++) {
        as_text table = {0};
        as_text_add(&table, "a,b,y\n");
        for (int i = 0; i < 60; i++) {
            const int a = i * i % 17, b = i % 13;
            as_text_add(&table, "%.1f,%.1f,%.3f\n", 1e9 * far + a, b - 4e8 * far,
                        2e9 * far + a - 2 * b + (i * 7 % 5) / 8.0);
        }
        fitted f;
        assert_int_equal(fit_table("distant", table.data, ", target: [y], labels: false}", "{type: ols}", &f), AS_OK);
        const double *const b = fitted_reals(&f, "/params/coef_"), *const s = fitted_reals(&f, "/inference/scale");
        const double *const e = fitted_reals(&f, "/inference/bse") + 1;
        if (far) {
            assert_close("slopes", b, slopes, 2, 1e-13, 0);
            assert_close("scale", s, &scale, 1, 1e-13, 0);
            assert_close("bse", e, bse, 2, 1e-13, 0);
        }
        memcpy(slopes, b, sizeof slopes);
        memcpy(bse, e, sizeof bse);
        scale = *s;
        fitted_close(&f);
        as_text_free(&table);
    }
}

/* Wald's test by robust errors does not see columns that depend on others; too few rows for it give no number. */
static void test_robust_F_of_dependent_columns(void **state)
{
    (void)state;
    double expected[2] = {0};
    for (int dependent = 0; dependent < 2; dependent++) {
        as_text table = {0};
        as_text_add(&table, dependent ? "a,sum,b,five,y\n" : "a,b,y\n");
        for (int i = 0; i < 40; i++) {
            const int a = i % 7, b = i * i % 11, y = a + 2 * b + i * 5 % 13;
            if (dependent) {
                as_text_add(&table, "%d,%d,%d,5,%d\n", a, a + b, b, y);
            } else {
                as_text_add(&table, "%d,%d,%d\n", a, b, y);
            }
        }
        fitted f;
        assert_int_equal(
            fit_table("wald", table.data, ", target: [y], labels: false}", "{type: ols, cov_type: HC1}", &f), AS_OK);
        const double *const value = fitted_reals(&f, "/inference/fvalue"), *const p =
                                                                               fitted_reals(&f, "/inference/f_pvalue");
        if (dependent) {
            assert_close("F", value, expected, 1, 1e-10, 0);
            assert_close("p", p, expected + 1, 1, 1e-10, 0);
        }
        expected[0] = *value;
        expected[1] = *p;
        fitted_close(&f);
        as_text_free(&table);
    }
    fitted f;
    assert_int_equal(
        fit_table("few", "a,y\n1,5\n2,2.5\n", ", target: [y], labels: false}", "{type: ols, cov_type: HC3}", &f),
        AS_OK);
    assert_true(isnan(*fitted_reals(&f, "/inference/fvalue")));
    assert_described(&f, "nan", false);
    fitted_close(&f);
}

static void test_fewer_rows_than_columns(void **state)
{
    (void)state;
    fitted f;
    assert_int_equal(fit_table("few", "a,b,c,d,y\n1,2,0,4,5\n2,1,3,1,2\n5,0,1,0,7.5\n", ", target: [y], labels: false}",
                               "{type: ols}", &f),
                     AS_OK);
    assert_int_equal(*fitted_integers(&f, "/params/rank_"), 3);
    assert_described(&f, "nan", false);
    assert_described(&f, "not identified", true);
    fitted_close(&f);
    /* As many parameters as rows: a fit, and no errors. */
    assert_int_equal(fit_table("just", "a,y\n1,5\n2,2.5\n", ", target: [y], labels: false}", "{type: ols}", &f), AS_OK);
    assert_described(&f, "no error: as many parameters as rows", true);
    assert_described(&f, "nan", false);
    fitted_close(&f);
    assert_int_equal(fit_table("constant", "a,y\n1,2\n2,2\n3,2\n4,2\n", ", target: [y], labels: false}",
                               "{type: ols, robust: false}", &f),
                     AS_OK);
    assert_described(&f, "nan", false);
    fitted_close(&f);
}

/* One pass alone gives the table of the first pass of two; with three columns more sums belong to the second pass than
   to the first, which is none of it. */
static void test_one_pass_is_the_first_of_two(void **state)
{
    (void)state;
    enum { ROWS = 40, SIZE = 4096 };
    char table[SIZE];
    int at = snprintf(table, SIZE, "a,b,c,y\n");
    for (int i = 0; i < ROWS; i++) {
        at +=
            snprintf(table + at, (size_t)(SIZE - at), "%d,%d,%d,%d\n", i * 7 % 11, i * 5 % 13, i * 3 % 17, i * i % 19);
    }
    fitted one, two;
    assert_int_equal(fit_table("one", table, ", target: [y], labels: false}", "{type: ols, robust: false}", &one),
                     AS_OK);
    assert_int_equal(fit_table("two", table, ", target: [y], labels: false}", "{type: ols}", &two), AS_OK);
    const char *const names[] = {"/params/coef_", "/inference/bse", "/inference/pvalues"};
    const size_t counts[] = {3, 4, 4};
    for (size_t i = 0; i < 3; i++) {
        assert_memory_equal(fitted_reals(&one, names[i]), fitted_reals(&two, names[i]), counts[i] * sizeof(double));
    }
    fitted_close(&one);
    fitted_close(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_is_that_of_statsmodels),
        cmocka_unit_test(test_weights_are_those_of_statsmodels),
        cmocka_unit_test(test_longley),
        cmocka_unit_test(test_wampler),
        cmocka_unit_test(test_dependent_columns_are_named_and_get_no_error),
        cmocka_unit_test(test_distant_columns),
        cmocka_unit_test(test_robust_F_of_dependent_columns),
        cmocka_unit_test(test_fewer_rows_than_columns),
        cmocka_unit_test(test_one_pass_is_the_first_of_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
