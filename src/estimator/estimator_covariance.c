/* Means, covariance, correlation, and the normal distribution that they describe, in one pass.

   covariance_ = scatter / (W - ddof). Its eigenvalues give the condition number and the rank; precision_ is the inverse
   on the space that the rows span, and columns that depend on others are named. Predictions are squared Mahalanobis
   distances (x - mean)' precision (x - mean). Names follow scikit-learn's EmpiricalCovariance (there ddof is 0). Cost:
   d^2 flops a row, some d^3 at the end. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/comoment.h"
#include "kernels/scalar_math.h"
#include "kernels/vectors.h"
#include "math/constants.h"
#include "math/dense.h"

typedef struct options {
    int64_t ddof;
} options;

typedef struct covariance {
    double *location, *covariance, *precision; /* (d), (d, d), (d, d) */
    double *sd, *correlation, *eigenvalues;    /* (d), (d, d), (d) */
    double *condition, *log_det;               /* on the space that the rows span */
    int64_t *rank;
    double *relation; /* (d, d) as as_dense_dependence gives it */
} covariance;

static const as_field fields[] = {{.name = "ddof",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(options, ddof),
                                   .standard = "1",
                                   .min = 0,
                                   .max = 1,
                                   .help = "The scatter is divided by the weight of all rows less this: 1 unbiased, 0 "
                                           "largest likelihood."},
                                  AS_FIELDS_END};

static as_status plan(as_statistic *s)
{
    covariance *const m = s->model;
    const int64_t d = s->width, square[2] = {d, d};
    s->chunk = as_comoment_chunk(d);
    s->scratch = as_comoment_scratch(d);
    s->most = as_comoment_size(d);
    s->outputs = 1;
    s->flops = 1.0 * (double)(d * d);
    AS_TRY(as_statistic_array(s, "/params/location_", 1, &d, &m->location));
    AS_TRY(as_statistic_array(s, "/params/covariance_", 2, square, &m->covariance));
    AS_TRY(as_statistic_array(s, "/params/precision_", 2, square, &m->precision));
    AS_TRY(as_statistic_array(s, "/inference/sd", 1, &d, &m->sd));
    AS_TRY(as_statistic_array(s, "/inference/correlation", 2, square, &m->correlation));
    AS_TRY(as_statistic_array(s, "/inference/eigenvalues", 1, &d, &m->eigenvalues));
    AS_TRY(as_statistic_array(s, "/inference/condition_number", 0, NULL, &m->condition));
    AS_TRY(as_statistic_array(s, "/inference/log_det", 0, NULL, &m->log_det));
    AS_TRY(as_statistic_integers(s, "/inference/rank", 0, NULL, 0, d, &m->rank));
    return as_statistic_array(s, "/inference/dependence", 2, square, &m->relation);
}

/* Correlations; those with a column that does not vary are 0, its own 1. */
static void correlate(covariance *m, int64_t d)
{
    for (int64_t j = 0; j < d; j++) {
        m->sd[j] = sqrt(m->covariance[j * d + j]);
    }
    for (int64_t i = 0; i < d; i++) {
        for (int64_t j = 0; j < d; j++) {
            const double both = m->sd[i] * m->sd[j];
            m->correlation[i * d + j] = i == j ? 1 : both > 0 ? m->covariance[i * d + j] / both : 0;
        }
    }
}

/* The correlations, with 0 for what a column that does not vary has with itself. */
static void correlations(const covariance *m, int64_t d, double *a)
{
    memcpy(a, m->correlation, (size_t)(d * d) * sizeof *a);
    for (int64_t j = 0; j < d; j++) {
        a[j * d + j] = m->sd[j] > 0 ? 1 : 0;
    }
}

enum { TOGETHER = 8 }; /* rows of the inverse that meet another while they are near */

/* Of full rank: F F' with F the inverse of a Cholesky factor. */
static bool invert_all(covariance *m, int64_t d, double *a, double *inverse)
{
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    correlations(m, d, a);
    if (as_dense_cholesky(d, a, DBL_EPSILON * 16 * (double)d, NULL) < d) {
        return false;
    }
    as_dense_invert_upper(d, a, d, inverse);
    for (int64_t first = 0; first < d; first += TOGETHER) {
        const int64_t end = first + TOGETHER < d ? first + TOGETHER : d;
        for (int64_t j = first; j < d; j++) {
            for (int64_t i = first; i < end && i <= j; i++) {
                m->precision[i * d + j] = m->precision[j * d + i] =
                    V->dot(d - j, inverse + i * d + j, inverse + j * d + j) / (m->sd[i] * m->sd[j]);
            }
        }
    }
    return true;
}

/* Of any rank: on the space of the eigenvectors in use. */
static as_status invert_some(covariance *m, int64_t d, double *a, double *value, double *vector)
{
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    correlations(m, d, a);
    AS_TRY(as_dense_eigen(d, a, value, vector));
    for (int64_t k = 0; k < *m->rank; k++) {
        double *const v = vector + k * d;
        for (int64_t j = 0; j < d; j++) {
            v[j] = m->sd[j] > 0 ? v[j] / m->sd[j] : 0;
        }
        for (int64_t j = 0; j < d; j++) {
            V->axpy(d, v[j] / value[k], v, m->precision + j * d);
        }
    }
    return AS_OK;
}

/* Rank by the correlations, where units do not matter; inverse on their space, put back into units. */
static as_status invert(covariance *m, int64_t d, double *work)
{
    double *const a = work, *const vector = a + d * d, *const value = vector + d * d;
    correlations(m, d, a);
    AS_TRY(as_dense_eigen(d, a, value, NULL));
    const double least = value[0] * DBL_EPSILON * 16 * (double)d;
    *m->rank = 0;
    *m->log_det = 0;
    for (int64_t k = 0; k < d && value[k] > least && value[k] > 0; k++) {
        ++*m->rank;
        *m->log_det += as_log_f64(value[k]);
    }
    if (*m->rank < d || !invert_all(m, d, a, vector)) {
        AS_TRY(invert_some(m, d, a, value, vector));
    }
    for (int64_t j = 0; j < d; j++) {
        *m->log_det += m->sd[j] > 0 ? 2 * as_log_f64(m->sd[j]) : 0;
    }
    memcpy(a, m->covariance, (size_t)(d * d) * sizeof *a);
    AS_TRY(as_dense_eigen(d, a, m->eigenvalues, NULL));
    const double smallest = m->eigenvalues[d - 1];
    *m->condition = *m->rank == d && smallest > 0 ? m->eigenvalues[0] / smallest : HUGE_VAL;
    return AS_OK;
}

/* Which columns are sums of others: from a Cholesky factor of the correlations. */
static as_status relate(covariance *m, int64_t d, double *work, bool *flags)
{
    double *const a = work;
    correlations(m, d, a);
    as_dense_cholesky(d, a, DBL_EPSILON * 16 * (double)d, flags);
    for (int64_t i = 0; i < d; i++) {
        for (int64_t j = 0; j < d; j++) {
            a[i * d + j] *= m->sd[j];
        }
    }
    int64_t rank;
    return as_dense_dependence(d, d, a, d, 1e-10, &rank, flags, flags + d, m->relation);
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    covariance *const m = s->model;
    const int64_t d = s->width;
    const double ddof = (double)((const options *)s->options)->ddof;
    double *mean, *scatter;
    as_comoment_finish(d, sum, &mean, &scatter);
    const double w = sum[AS_COMOMENT_WEIGHT];
    if (!(w > ddof)) {
        AS_FAIL(AS_DATA, "covariance: rows of weight %g; more than ddof %g are needed", w, ddof);
    }
    memcpy(m->location, mean, (size_t)d * sizeof *mean);
    for (int64_t j = 0; j < d * d; j++) {
        m->covariance[j] = scatter[j] / (w - ddof);
        if (!isfinite(m->covariance[j])) {
            char name[64];
            AS_FAIL(AS_DATA, "covariance: the squares of column %s add up to more than a number can hold; scale it",
                    as_statistic_column(s, j % d, name));
        }
    }
    correlate(m, d);
    double *const work = calloc((size_t)(2 * d * d + d) + 1, sizeof *work);
    bool *const flags = calloc((size_t)(2 * d) + 1, sizeof *flags);
    as_status status = work == NULL || flags == NULL
                           ? as_error_set(AS_NOMEM, "covariance: no memory for %lld columns", (long long)d)
                           : invert(m, d, work);
    status = status == AS_OK ? relate(m, d, work, flags) : status;
    free(work);
    free(flags);
    AS_TRY(status);
    const double rank = (double)*m->rank; /* mean of the squared distances: rank (W - ddof) / W */
    report->loss = 0.5 * (rank * AS_LOG_2PI + *m->log_det + rank * (w - ddof) / w);
    report->done = true;
    return AS_OK;
}

static void predict(const as_statistic *s, const as_rows *r, double *out)
{
    const covariance *const m = s->model;
    const as_vectors *const V = as_vectors_get(s->kernels->set);
    const int64_t d = s->width;
    double *const x = r->scratch;
    for (int64_t i = 0; i < r->count; i++) {
        double sum = 0;
        for (int64_t j = 0; j < d; j++) {
            x[j] = r->x[i * d + j] - m->location[j];
        }
        for (int64_t j = 0; j < d; j++) {
            sum += x[j] * V->dot(d, m->precision + j * d, x);
        }
        out[i] = sum > 0 ? sum : 0;
    }
}

/* - ln of the normal density, on the space that the training rows span. */
static void score(const as_statistic *s, const as_rows *r, const double *out, double *loss)
{
    const covariance *const m = s->model;
    for (int64_t i = 0; i < r->count; i++) {
        loss[i] = 0.5 * ((double)*m->rank * AS_LOG_2PI + *m->log_det + out[i]);
    }
}

static void add_relations(const as_statistic *s, as_text *out)
{
    const covariance *const m = s->model;
    const int64_t d = s->width;
    int said = 0;
    for (int64_t j = 0; j < d && said < 20; j++) {
        char name[64];
        bool any = false;
        for (int64_t i = 0; i < d && m->sd[j] > 0; i++) {
            const double c = m->relation[j * d + i];
            if (c != 0) {
                if (!any) {
                    as_text_add(out,
                                "%s  %s =", said++ == 0 ? "Columns that depend on others, but for a constant:\n" : "",
                                as_statistic_column(s, j, name));
                }
                as_text_add(out, " %s %.6g %s", c < 0 ? "-" : any ? "+" : "", fabs(c), as_statistic_column(s, i, name));
                any = true;
            }
        }
        as_text_add(out, any ? "\n" : "");
    }
}

static void describe(const as_statistic *s, bool json, as_text *out)
{
    const covariance *const m = s->model;
    const int64_t d = s->width;
    if (json) {
        as_json_reals(out, "location_", d, m->location);
        as_json_reals(out, "sd", d, m->sd);
        as_json_reals(out, "covariance_", d * d, m->covariance);
        as_json_reals(out, "correlation", d * d, m->correlation);
        as_json_reals(out, "eigenvalues", d, m->eigenvalues);
        as_json_real(out, "condition_number", *m->condition);
        as_json_int(out, "rank", *m->rank);
        return;
    }
    as_text_add(out, "Covariance of %lld columns, rank %lld, condition number %.4g\n", (long long)d,
                (long long)*m->rank, *m->condition);
    as_text_add(out, "%-20s %14s %14s %20s\n", "column", "mean", "sd", "largest correlation");
    for (int64_t j = 0; j < d; j++) {
        char name[64], other[64];
        int64_t best = -1;
        for (int64_t i = 0; i < d; i++) {
            const double c = fabs(m->correlation[j * d + i]);
            best = i != j && c > 0 && (best < 0 || c > fabs(m->correlation[j * d + best])) ? i : best;
        }
        as_text_add_name(out, 20, as_statistic_column(s, j, name));
        as_text_add(out, " %14.6g %14.6g", m->location[j], m->sd[j]);
        if (m->sd[j] == 0) {
            as_text_add(out, "  constant\n");
        } else if (best >= 0) {
            as_text_add(out, " %9.4f %s\n", m->correlation[j * d + best], as_statistic_column(s, best, other));
        } else {
            as_text_add(out, "\n");
        }
    }
    add_relations(s, out);
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_NONE,
    .model_bytes = sizeof(covariance),
    .plan = plan,
    .rows = as_comoment_rows,
    .merge = as_comoment_merge,
    .finish = finish,
    .predict = predict,
    .score = score,
    .describe = describe,
};

const as_estimator_ops as_estimator_covariance = {
    .name = "covariance",
    .help = "Means, covariance, correlation, precision; predicts squared Mahalanobis distances; one pass",
    .formula = "C = sum_i w_i (x_i - m)(x_i - m)' / (W - ddof);  d^2(x) = (x - m)' C^-1 (x - m)",
    .fields = fields,
    .options_bytes = sizeof(options),
    .statistic = &statistic,
    AS_STATISTIC_METHODS,
};
