/* Distribution multivariate_normal: vectors x = mean + L z with independent standard normal z and covariance L L'. The
   Cholesky factor is made once, when the parameters are read: d^3 / 3 flops; a density costs d^2. */
#include <math.h>

#include "base/error.h"
#include "kernels/scalar_math.h"
#include "math/constants.h"
#include "math/distribution.h"

typedef struct multivariate_normal_options {
    as_reals mean, covariance;
    double *factor; /* (d, d) lower triangle of L */
    double log_determinant;
} multivariate_normal_options;

enum { DIMENSION_MAX = 1000 };

static const as_field fields[] = {{.name = "mean",
                                   .type = AS_FIELD_REALS,
                                   .offset = offsetof(multivariate_normal_options, mean),
                                   .standard = NULL,
                                   .help = "Mean: d numbers."},
                                  {.name = "covariance",
                                   .type = AS_FIELD_REALS,
                                   .offset = offsetof(multivariate_normal_options, covariance),
                                   .standard = NULL,
                                   .help = "Covariance matrix: d x d numbers, row by row."},
                                  AS_FIELDS_END};

static as_status check_matrix(const multivariate_normal_options *o)
{
    const int64_t d = o->mean.n;
    const double *c = o->covariance.v;
    if (d < 1 || d > DIMENSION_MAX || o->covariance.n != d * d) {
        AS_FAIL(AS_CONFIG,
                "multivariate_normal.covariance: expected %lld x %lld numbers for a mean of %lld, found %lld",
                (long long)d, (long long)d, (long long)d, (long long)o->covariance.n);
    }
    for (int64_t i = 0; i < d; i++) {
        for (int64_t j = 0; j <= i; j++) {
            if (!isfinite(c[i * d + j]) || !isfinite(o->mean.v[i]) ||
                !(fabs(c[i * d + j] - c[j * d + i]) <= 1e-12 * (fabs(c[i * d + j]) + fabs(c[j * d + i])))) {
                AS_FAIL(AS_CONFIG,
                        "multivariate_normal.covariance: expected a symmetric matrix of finite numbers, found %g at "
                        "(%lld, %lld) and %g at (%lld, %lld)",
                        c[i * d + j], (long long)i, (long long)j, c[j * d + i], (long long)j, (long long)i);
            }
        }
    }
    return AS_OK;
}

static as_status check(void *options, as_document *document)
{
    multivariate_normal_options *o = options;
    const int64_t d = o->mean.n;
    AS_TRY(check_matrix(o));
    o->factor = as_document_alloc(document, (size_t)(d * d) * sizeof(double));
    if (o->factor == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a covariance of %lld x %lld", (long long)d, (long long)d);
    }
    o->log_determinant = 0;
    for (int64_t i = 0; i < d; i++) {
        for (int64_t j = 0; j <= i; j++) {
            double sum = o->covariance.v[i * d + j];
            for (int64_t k = 0; k < j; k++) {
                sum = fma(-o->factor[i * d + k], o->factor[j * d + k], sum);
            }
            if (i == j && !(sum > 1e-14 * o->covariance.v[i * d + i])) {
                AS_FAIL(
                    AS_CONFIG,
                    "multivariate_normal.covariance: not positive definite: given the rows before, row %lld has the "
                    "variance %g",
                    (long long)i, sum);
            }
            o->factor[i * d + j] = i == j ? sqrt(sum) : sum / o->factor[j * d + j];
        }
        o->log_determinant += 2 * as_log_f64(o->factor[i * d + i]);
    }
    return AS_OK;
}

static int64_t dimension(const void *options)
{
    const multivariate_normal_options *o = options;
    return o->mean.n;
}

/* -(|z|^2 + log det + d log 2 pi) / 2 with L z = x - mean. */
static double log_density_at(const void *options, const double *x)
{
    const multivariate_normal_options *o = options;
    const int64_t d = o->mean.n;
    double z[DIMENSION_MAX], square = 0;
    for (int64_t i = 0; i < d; i++) {
        double sum = x[i] - o->mean.v[i];
        for (int64_t k = 0; k < i; k++) {
            sum = fma(-o->factor[i * d + k], z[k], sum);
        }
        z[i] = sum / o->factor[i * d + i];
        square = fma(z[i], z[i], square);
    }
    return -0.5 * (square + o->log_determinant + (double)d * AS_LOG_2PI);
}

static void sample_at(const void *options, as_draw *draw, double *x)
{
    const multivariate_normal_options *o = options;
    const int64_t d = o->mean.n;
    for (int64_t i = 0; i < d; i++) {
        x[i] = as_draw_normal(draw);
    }
    for (int64_t i = d - 1; i >= 0; i--) { /* upwards: row i reads z[0..i] alone */
        double sum = o->mean.v[i];
        for (int64_t k = 0; k <= i; k++) {
            sum = fma(o->factor[i * d + k], x[k], sum);
        }
        x[i] = sum;
    }
}

static void moments_at(const void *options, double *mean, double *covariance)
{
    const multivariate_normal_options *o = options;
    for (int64_t i = 0; i < o->mean.n; i++) {
        mean[i] = o->mean.v[i];
    }
    for (int64_t i = 0; i < o->covariance.n; i++) {
        covariance[i] = o->covariance.v[i];
    }
}

const as_distribution_ops as_distribution_multivariate_normal = {
    .name = "multivariate_normal",
    .help = "Vectors whose components are normal and correlated.",
    .formula = "exp(-(x - mean)' C^-1 (x - mean) / 2) / sqrt((2 pi)^d det C)",
    .fields = fields,
    .options_bytes = sizeof(multivariate_normal_options),
    .check = check,
    .dimension = dimension,
    .log_density_at = log_density_at,
    .sample_at = sample_at,
    .moments_at = moments_at,
};
