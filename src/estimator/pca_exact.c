/* Components from the eigenvalues of the scatter matrix, or from the singular values of the triangle. Eigenvalues have
   an error of about eps times the largest; so the scatter is good enough where the smallest that is kept is above 1e-5
   of that: its square root is right to 1e-11. Otherwise the triangle keeps what the scatter has lost: relative errors
   of its singular values grow with the condition, not with the square of it. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/comoment.h"
#include "estimator/pca.h"
#include "math/dense.h"

#define GOOD_SHARE 1e-5

int as_pca_pass(const as_statistic *s)
{
    const as_pca *const m = s->model;
    const as_pca_options *const o = s->options;
    switch (o->solver) {
    case AS_PCA_QR:
        return AS_PCA_QR;
    case AS_PCA_RANDOMIZED:
        return AS_PCA_RANDOMIZED;
    case AS_PCA_GRAM:
        return AS_PCA_GRAM;
    default:
        return m->tries > 0 ? AS_PCA_RANDOMIZED : s->pass == 0 ? AS_PCA_GRAM : AS_PCA_QR;
    }
}

/* How many of the found components the options want. */
static int64_t wanted(const as_pca *m, const as_pca_options *o, double total, int64_t found, const double *value)
{
    if (o->n_components == 0 || o->n_components >= 1) {
        return m->most < found ? m->most : found;
    }
    double sum = 0;
    int64_t k = 0;
    while (k < found && k < m->most && sum < o->n_components * total) {
        sum += value[k++];
    }
    return k;
}

as_status as_pca_keep(as_statistic *s, double weight, double total, int64_t found, const double *value,
                      const double *vector)
{
    as_pca *const m = s->model;
    const as_pca_options *const o = s->options;
    const int64_t d = s->width;
    const double rows = *m->linear.rows, divisor = weight - 1;
    if (!(divisor > 0)) {
        AS_FAIL(AS_DATA, "pca: rows of weight %g; variances need more than 1", weight);
    }
    if (o->n_components >= 1 && o->n_components > rows) {
        AS_FAIL(AS_DATA, "pca: %.0f components of %.0f rows: at most as many as rows can be found", o->n_components,
                rows);
    }
    const int64_t k = wanted(m, o, total, found, value);
    const size_t bytes = sizeof(double);
    memset(m->components, 0, (size_t)(m->most * d) * bytes);
    double explained = 0;
    for (int64_t i = 0; i < m->most; i++) {
        const double v = i < k && value[i] > 0 ? value[i] : 0;
        m->variance[i] = v / divisor;
        m->singular[i] = sqrt(v);
        m->ratio[i] = total > 0 ? v / total : 0;
        explained += v;
        if (i < k) {
            memcpy(m->components + i * d, vector + i * d, (size_t)d * bytes);
            as_dense_fix_sign(d, m->components + i * d);
        }
    }
    const double ranks = (double)d < rows ? (double)d : rows, rest = ranks - (double)k;
    *m->kept = k;
    *m->total = total / divisor;
    *m->noise = rest > 0 && total > explained ? (total - explained) / divisor / rest : 0;
    return AS_OK;
}

static as_status no_memory(int64_t d)
{
    AS_FAIL(AS_NOMEM, "pca: no memory for %lld columns", (long long)d);
}

static as_status from_scatter(as_statistic *s, double weight, double *scatter, double *work, bool *done)
{
    as_pca *const m = s->model;
    const as_pca_options *const o = s->options;
    const int64_t d = s->width;
    double *const value = work, *const vector = value + d;
    double total = 0;
    for (int64_t j = 0; j < d; j++) {
        total += scatter[j * d + j];
    }
    if (!isfinite(total)) {
        AS_FAIL(AS_DATA, "%s: the squares of the columns add up to %g; scale the data", s->setup.data->place, total);
    }
    AS_TRY(as_dense_eigen(d, scatter, value, vector));
    AS_TRY(as_pca_keep(s, weight, total, d, value, vector));
    *m->solver = AS_PCA_GRAM;
    *done = o->solver == AS_PCA_GRAM || *m->kept == 0 || value[*m->kept - 1] >= GOOD_SHARE * value[0];
    for (int64_t i = 0; i < m->most; i++) {
        m->bound[i] = DBL_EPSILON * (double)d * *m->total;
    }
    return AS_OK;
}

as_status as_pca_gram_finish(as_statistic *s, double *sum, bool *done)
{
    as_pca *const m = s->model;
    const int64_t d = s->width;
    double *mean, *scatter;
    as_comoment_finish(d, sum, &mean, &scatter);
    memcpy(m->mean, mean, (size_t)d * sizeof *mean);
    *m->linear.rows = sum[AS_COMOMENT_ROWS];
    double *const work = calloc((size_t)(d + d * d) + 1, sizeof *work);
    const as_status status =
        work == NULL ? no_memory(d) : from_scatter(s, sum[AS_COMOMENT_WEIGHT], scatter, work, done);
    free(work);
    return status;
}

static as_status from_triangle(as_statistic *s, const double *root, double *work)
{
    as_pca *const m = s->model;
    const as_linear *const l = &m->linear;
    const int64_t d = s->width;
    double *const a = work, *const value = a + d * d, *const vector = value + d;
    double total = 0;
    const double *const centred = as_linear_centred(l, root);
    for (int64_t i = 0; i < d; i++) {
        memcpy(a + i * d, centred + i * l->n, (size_t)d * sizeof *a);
        m->mean[i] = root[1 + i] / root[0];
    }
    AS_TRY(as_dense_svd(d, d, 0, a, d, value, vector, NULL));
    for (int64_t i = 0; i < d; i++) {
        value[i] *= value[i];
        total += value[i];
    }
    AS_TRY(as_pca_keep(s, s->weight, total, d, value, vector));
    for (int64_t i = 0; i < m->most; i++) { /* relative to each */
        m->bound[i] = DBL_EPSILON * (double)d * 2 * m->variance[i];
    }
    *m->solver = AS_PCA_QR;
    return AS_OK;
}

as_status as_pca_qr_finish(as_statistic *s, double *sum)
{
    const int64_t d = s->width;
    AS_TRY(as_linear_finish(s, sum));
    double *const work = calloc((size_t)(2 * d * d + d) + 1, sizeof *work);
    const as_status status = work == NULL ? no_memory(d) : from_triangle(s, sum, work);
    free(work);
    return status;
}
