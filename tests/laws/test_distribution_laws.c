/* Laws of every distribution: quantiles invert, the density is the slope of the distribution function, the tails are
   complements, draws follow it, and wrong parameters are refused; scipy's values beside them (references:
   tests/reference/make_distributions.py). */
#include "math/distribution.h"

#include "io/yaml.h"
#include "laws/kinds.h"
#include "reference/distributions.h"

static const struct {
    const char *kind, *options;
} examples[] = {
    {"normal", ""},
    {"normal", "mean: 1e6, sd: 1e-3"},
    {"student_t", "df: 1"},
    {"student_t", "df: 6.5"},
    {"student_t", "df: 1e6"},
    {"chi2", "df: 1"},
    {"chi2", "df: 30"},
    {"f", "dfn: 2, dfd: 5"},
    {"f", "dfn: 40, dfd: 900"},
    {"gamma", "shape: 0.2"},
    {"gamma", "shape: 1, scale: 1e-20"},
    {"gamma", "shape: 4000, scale: 3"},
    {"exponential", ""},
    {"exponential", "scale: 1e8"},
    {"beta", "a: 0.4, b: 0.6"},
    {"beta", "a: 2, b: 800"},
    {"beta", "a: 3e4, b: 2e4"},
    {"binomial", "n: 1, p: 0.5"},
    {"binomial", "n: 20, p: 0.15"},
    {"binomial", "n: 500, p: 0.8"},
    {"binomial", "n: 10000000, p: 0.3"},
    {"binomial", "n: 10, p: 0"},
    {"binomial", "n: 0, p: 0.5"},
    {"poisson", "mean: 0"},
    {"poisson", "mean: 2.5"},
    {"poisson", "mean: 12"},
    {"poisson", "mean: 1e6"},
    {"categorical", "probabilities: [0.1, 0, 0.6, 0.3]"},
    {"categorical", "probabilities: [1]"},
    {"multivariate_normal", "mean: [1, -2], covariance: [2, 0.6, 0.6, 1]"},
};
enum { EXAMPLES = sizeof examples / sizeof *examples };
enum { REFERENCES = sizeof reference_distribution / sizeof *reference_distribution };

static as_status make(as_document *document, const char *kind, const char *options, as_distribution *out)
{
    char text[512];
    as_node *root = NULL;
    snprintf(text, sizeof text, "parameters: {%s}", options);
    assert_int_equal(as_yaml_parse(document, "test.yaml", text, &root), AS_OK);
    return as_distribution_parse(document, kind, as_node_get(root, "parameters"), out);
}

/* Calls law for every example of numbers (or, vectors, of vectors). */
static void for_each(bool vectors, void (*law)(const as_distribution *d, const char *options))
{
    for (int i = 0; i < (int)EXAMPLES; i++) {
        as_document *document = NULL;
        as_distribution d;
        assert_int_equal(as_document_create(&document), AS_OK);
        if (make(document, examples[i].kind, examples[i].options, &d) != AS_OK) {
            fail_msg("%s", as_error_message());
        }
        if ((d.ops->dimension != NULL) == vectors) {
            law(&d, examples[i].options);
        }
        as_document_destroy(&document);
    }
}

static const double probabilities[] = {1e-300, 1e-60, 1e-9, 0.01, 0.2, 0.5, 0.77, 0.99, 1 - 1e-9};
enum { PROBABILITIES = sizeof probabilities / sizeof *probabilities };

/* Relative error of a probability where x is off by two roundings: x f(x) / F(x) 2^-52, and 1e-11 of the functions. */
static double allowed(const as_distribution *d, double x, double log_tail)
{
    return 1e-11 + 4e-16 * fabs(x) * exp(d->ops->log_density(d->options, x) - log_tail);
}

static void check_quantile(const as_distribution *d, const char *options, double p, bool upper)
{
    const double x = upper ? as_distribution_inverse_sf(d, p) : as_distribution_quantile(d, p);
    double (*tail)(const void *, double) = upper ? d->ops->log_sf : d->ops->log_cdf;
    const double at = tail(d->options, x);
    bool good;
    if (d->ops->discrete) {
        const double before = tail(d->options, x - 1);
        good = upper ? at <= log(p) + 1e-13 && (x == 0 || before > log(p))
                     : at >= log(p) - 1e-13 && (x == 0 || before < log(p));
    } else {
        good = fabs(at - log(p)) <= allowed(d, x, log(p)) ||
               (x < 1e-290 && tail(d->options, 1e-290) >= log(p)); /* underflow */
    }
    if (!good) {
        fail_msg("%s %s: %s of %g is %.17g, whose log tail is %.17g, not %.17g", d->ops->name, options,
                 upper ? "inverse sf" : "quantile", p, x, at, log(p));
    }
}

static void quantiles_invert(const as_distribution *d, const char *options)
{
    double low, high;
    d->ops->support(d->options, &low, &high);
    for (int i = 0; i < (int)PROBABILITIES; i++) {
        check_quantile(d, options, probabilities[i], false);
        check_quantile(d, options, probabilities[i], true);
    }
    assert_true(as_distribution_quantile(d, 0) == low && as_distribution_quantile(d, 1) == high);
    assert_true(as_distribution_inverse_sf(d, 1) == low && as_distribution_inverse_sf(d, 0) == high);
    assert_true(isnan(as_distribution_quantile(d, -0.1)) && isnan(as_distribution_inverse_sf(d, 1.1)));
    assert_true(isnan(as_distribution_cdf(d, (double)NAN)) && isnan(as_distribution_sf(d, (double)NAN)));
    assert_true(isnan(as_distribution_density(d, (double)NAN)));
}

/* The central difference over h has an error of h^2 f''/6 and of 1e-12 F / h: h of 1e-4 of the spread makes both less
   than 1e-6 of the density at these quantiles. */
static void density_is_the_slope(const as_distribution *d, const char *options)
{
    for (int i = 3; i < (int)PROBABILITIES - 1; i++) {
        const double x = as_distribution_quantile(d, probabilities[i]);
        double slope, bound = 1e-5;
        if (d->ops->discrete) {
            slope = as_distribution_cdf(d, x) - as_distribution_cdf(d, x - 1);
            bound = 1e-9 + 1e-15 / slope;
        } else {
            const double spread = fabs(as_distribution_quantile(d, probabilities[i] * 0.99) - x) + 1e-300;
            const double h = 2e-3 * spread;
            slope = (as_distribution_cdf(d, x + h) - as_distribution_cdf(d, x - h)) / ((x + h) - (x - h));
            bound += 1e-14 / probabilities[i] * 1e6 + 4e-16 * fabs(x) / h;
        }
        const double density = as_distribution_density(d, x);
        if (!(fabs(slope / density - 1) <= bound)) {
            fail_msg("%s %s: at %.17g the density is %.12g, the slope %.12g", d->ops->name, options, x, density, slope);
        }
    }
}

static void tails_are_complements(const as_distribution *d, const char *options)
{
    for (int i = 0; i < (int)PROBABILITIES; i++) {
        for (int k = -1; k <= 1; k++) {
            const double x = as_distribution_quantile(d, probabilities[i]) + k;
            const double sum = as_distribution_cdf(d, x) + as_distribution_sf(d, x);
            if (!(fabs(sum - 1) <= 4e-15)) {
                fail_msg("%s %s: at %.17g cdf + sf = %.17g", d->ops->name, options, x, sum);
            }
        }
    }
}

enum { DRAWS = 4000 };

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Largest distance of the draws' distribution function from the exact one, at every value that was drawn. */
static double distance(const as_distribution *d, double *x)
{
    double worst = 0;
    qsort(x, DRAWS, sizeof *x, ascending);
    for (int i = 0; i < DRAWS; i++) {
        const double cdf = as_distribution_cdf(d, x[i]), mass = d->ops->discrete ? as_distribution_density(d, x[i]) : 0;
        if (i == DRAWS - 1 || x[i + 1] > x[i]) {
            worst = fmax(worst, fabs((double)(i + 1) / DRAWS - cdf));
        }
        if (i == 0 || x[i - 1] < x[i]) {
            worst = fmax(worst, fabs((double)i / DRAWS - (cdf - mass)));
        }
    }
    return worst;
}

/* Kolmogorov: P(D > 2.2 / sqrt(n)) <= 2 exp(-2 2.2^2) = 1.3e-4; mean within 5 of its standard errors. The seed is
   fixed: the test does not flicker. */
static void draws_follow(const as_distribution *d, const char *options)
{
    static double x[DRAWS];
    double sum = 0;
    for (int i = 0; i < DRAWS; i++) {
        as_draw draw = as_draw_make(7, AS_RNG_DRAW, 0, (uint64_t)i), again = draw;
        x[i] = as_distribution_sample(d, &draw);
        assert_true(x[i] == as_distribution_sample(d, &again));
        sum += x[i] / DRAWS;
    }
    const double worst = distance(d, x), mean = d->ops->mean(d->options);
    if (!(worst <= 2.2 / sqrt(DRAWS))) {
        fail_msg("%s %s: draws are %g from the distribution", d->ops->name, options, worst);
    }
    const double variance = d->ops->variance(d->options);
    if (isfinite(variance) && !(fabs(sum - mean) <= 5 * sqrt(variance / DRAWS) + 1e-12 * fabs(mean))) {
        fail_msg("%s %s: draws have the mean %.17g, expected %.17g", d->ops->name, options, sum, mean);
    }
}

/* The density of z, mean and covariance of the draws (5 standard errors: sqrt((c_ii c_jj + c_ij^2) / n)). */
static void vectors_follow(const as_distribution *d, const char *options)
{
    (void)options;
    double mean[2], c[4], sum[2] = {0}, square[4] = {0};
    assert_int_equal(d->ops->dimension(d->options), 2);
    d->ops->moments_at(d->options, mean, c);
    const double x[2] = {1.5, -1}, u[2] = {x[0] - mean[0], x[1] - mean[1]};
    const double det = c[0] * c[3] - c[1] * c[2];
    const double form = (c[3] * u[0] * u[0] - 2 * c[1] * u[0] * u[1] + c[0] * u[1] * u[1]) / det;
    const double expected = -0.5 * form - 0.5 * log(det) - log(2 * 3.14159265358979323846);
    assert_true(fabs(d->ops->log_density_at(d->options, x) - expected) <= 1e-14 * 10);
    for (int i = 0; i < DRAWS; i++) {
        double y[2];
        as_draw draw = as_draw_make(7, AS_RNG_DRAW, 0, (uint64_t)i);
        d->ops->sample_at(d->options, &draw, y);
        for (int k = 0; k < 4; k++) {
            sum[k / 2] += k % 2 == 0 ? y[k / 2] / DRAWS : 0;
            square[k] += (y[k / 2] - mean[k / 2]) * (y[k % 2] - mean[k % 2]) / DRAWS;
        }
    }
    for (int k = 0; k < 4; k++) {
        assert_true(fabs(sum[k / 2] - mean[k / 2]) <= 5 * sqrt(c[k / 2 * 3] / DRAWS));
        assert_true(fabs(square[k] - c[k]) <= 5 * sqrt((c[k / 2 * 3] * c[k % 2 * 3] + c[k] * c[k]) / DRAWS));
    }
}

static void test_quantiles_invert(void **unused)
{
    (void)unused;
    for_each(false, quantiles_invert);
}

static void test_density_is_the_slope(void **unused)
{
    (void)unused;
    for_each(false, density_is_the_slope);
}

static void test_tails_are_complements(void **unused)
{
    (void)unused;
    for_each(false, tails_are_complements);
}

static void test_draws_follow(void **unused)
{
    (void)unused;
    for_each(false, draws_follow);
    for_each(true, vectors_follow);
}

/* Logarithms to 1e-9 of the probability, or to 1e-9 of themselves where the probability is near one. */
static void test_values_are_scipys(void **unused)
{
    (void)unused;
    for (int i = 0; i < (int)REFERENCES; i++) {
        as_document *document = NULL;
        as_distribution d;
        assert_int_equal(as_document_create(&document), AS_OK);
        assert_int_equal(make(document, reference_distribution[i].kind, reference_distribution[i].options, &d), AS_OK);
        for (int k = 0; k < 6; k++) {
            const double *r = reference_distribution[i].row[k];
            const double found[3] = {d.ops->log_density(d.options, r[0]), d.ops->log_cdf(d.options, r[0]),
                                     d.ops->log_sf(d.options, r[0])};
            for (int j = 0; j < 3; j++) {
                /* scipy's log cdf near 0 is the logarithm of a number near 1 */
                const double scale = fmax(fabs(r[j + 1]), 1e-6);
                if (!(found[j] == r[j + 1] || fabs(found[j] - r[j + 1]) <= 1e-9 * scale)) {
                    fail_msg("%s %s: at %.17g value %d is %.17g, scipy has %.17g", reference_distribution[i].kind,
                             reference_distribution[i].options, r[0], j, found[j], r[j + 1]);
                }
            }
        }
        const double moment[2] = {d.ops->mean(d.options), d.ops->variance(d.options)};
        const double expected[2] = {reference_distribution[i].mean, reference_distribution[i].variance};
        for (int j = 0; j < 2; j++) {
            assert_true(moment[j] == expected[j] || !isfinite(expected[j]) ||
                        fabs(moment[j] / expected[j] - 1) <= 1e-12);
        }
        as_document_destroy(&document);
    }
}

static void test_every_distribution_has_examples(void **unused)
{
    (void)unused;
    for (const as_distribution_ops *const *k = as_distributions_get(); *k != NULL; k++) {
        bool found = false;
        for (int i = 0; i < (int)EXAMPLES; i++) {
            found = found || strcmp(examples[i].kind, (*k)->name) == 0;
        }
        if (!found) {
            fail_msg("distribution %s has no example in this test", (*k)->name);
        }
    }
}

static void test_wrong_parameters_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        const char *kind, *options, *says;
    } wrong[] = {{"normal", "sd: 0", "sd"},
                 {"normal", "sd: -1", "sd"},
                 {"normal", "mean: .nan", "mean"},
                 {"student_t", "", "df"},
                 {"student_t", "df: 0", "df"},
                 {"chi2", "df: -3", "df"},
                 {"f", "dfn: 1", "dfd"},
                 {"gamma", "shape: 0", "shape"},
                 {"gamma", "shape: 1, rate: 2", "rate"},
                 {"exponential", "scale: 0", "scale"},
                 {"beta", "a: 1, b: -1", "beta.b"},
                 {"binomial", "n: 3.5, p: 0.5", "binomial.n"},
                 {"binomial", "n: 3, p: 1.5", "binomial.p"},
                 {"poisson", "mean: -1", "mean"},
                 {"categorical", "probabilities: [0.5, 0.4]", "0.9"},
                 {"categorical", "probabilities: [1.5, -0.5]", "probabilities"},
                 {"categorical", "probabilities: []", "found 0"},
                 {"multivariate_normal", "mean: [0, 0], covariance: [1, 0, 0]", "found 3"},
                 {"multivariate_normal", "mean: [0, 0], covariance: [1, 2, 2, 1]", "not positive definite"},
                 {"multivariate_normal", "mean: [0, 0], covariance: [1, 0.5, 0.4, 1]", "symmetric"},
                 {"norml", "", "did you mean 'normal'"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        as_document *document = NULL;
        as_distribution d;
        assert_int_equal(as_document_create(&document), AS_OK);
        assert_int_equal(make(document, wrong[i].kind, wrong[i].options, &d), AS_CONFIG);
        if (strstr(as_error_message(), wrong[i].says) == NULL) {
            fail_msg("%s {%s}: message \"%s\"", wrong[i].kind, wrong[i].options, as_error_message());
        }
        as_document_destroy(&document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_distribution_has_examples),
        cmocka_unit_test(test_quantiles_invert),
        cmocka_unit_test(test_density_is_the_slope),
        cmocka_unit_test(test_tails_are_complements),
        cmocka_unit_test(test_values_are_scipys),
        cmocka_unit_test(test_draws_follow),
        cmocka_unit_test(test_wrong_parameters_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
