/* Inference at the maximum of a likelihood: covariance from the Fisher matrix, (W M)^-1, and the sandwich of
   heteroscedasticity-consistent errors C (sum w s s') C (HC0; Huber 1967, White 1982), z tests, intervals, likelihood
   ratio against the intercepts alone, AIC and BIC. The canonical links make the observed and the expected matrix the
   same. Names are statsmodels'. What is not identified gets NaN, and 0 in `identified`. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/glm.h"
#include "kernels/scalar_math.h"
#include "kernels/vectors.h"
#include "math/dense.h"
#include "math/special.h"

/* Coefficients (p) of z to those of terms: columns a_j v_j, intercept b + sum c_j v_j. */
static void to_terms(const as_glm *g, const double *v, double *out)
{
    const int64_t d = g->p - 1;
    double intercept = v[d];
    for (int64_t j = 0; j < d; j++) {
        intercept += v[j] * g->shift[j];
    }
    for (int64_t t = 0; t < g->terms; t++) {
        const int64_t j = as_glm_term_column(g, t);
        out[t] = j < 0 ? intercept : g->scale[j] * v[j];
    }
}

void as_glm_estimate(as_statistic *s)
{
    as_glm *g = s->model;
    const int64_t d = s->width, functions = g->q + (g->reference ? 1 : 0), first = g->reference ? 1 : 0;
    for (int64_t k = 0; k < functions; k++) {
        const double *v = k < first ? NULL : g->theta + (k - first) * g->p;
        double intercept = v == NULL ? 0 : v[d];
        for (int64_t j = 0; j < d; j++) {
            g->coef[k * d + j] = v == NULL ? 0 : g->scale[j] * v[j];
            intercept += v == NULL ? 0 : g->shift[j] * v[j];
        }
        g->intercept[k] = intercept;
    }
    /* Functions of all classes are known up to a common one: the one that makes them add up to 0 (where a penalty does
       not choose it). */
    for (int64_t j = 0; j <= d && functions > 1 && g->family->coupled; j++) {
        double *value = j < d ? g->coef + j : g->intercept, mean = 0;
        const int64_t step = j < d ? d : 1;
        if (j < d && !g->reference) {
            continue;
        }
        for (int64_t k = 0; k < functions; k++) {
            mean += value[k * step] / (double)functions;
        }
        for (int64_t k = 0; k < functions; k++) {
            value[k * step] -= mean;
        }
    }
    if (g->llf == NULL) {
        return;
    }
    const double w = g->number[AS_GLM_WEIGHT], llf = g->number[AS_GLM_CONSTANT] - w * g->number[AS_GLM_LOSS];
    const double llnull = g->number[AS_GLM_NULL];
    *g->nobs = w;
    *g->llf = llf;
    *g->llnull = llnull;
    *g->prsquared = llnull != 0 ? 1 - llf / llnull : 0;
    *g->prsquared_cs = 1 - as_exp_f64(2 * (llnull - llf) / w);
    *g->deviance = 2 * (g->number[AS_GLM_SATURATED] - llf);
    *g->null_deviance = 2 * (g->number[AS_GLM_SATURATED] - llnull);
}

/* (q p)^2 over z to (q terms)^2 over terms; rows, then columns. */
static void expand(const as_glm *g, const double *cov, double *half, double *out)
{
    const int64_t n = g->n, all = g->q * g->terms, p = g->p;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < g->q; k++) {
            to_terms(g, cov + i * n + k * p, half + i * all + k * g->terms);
        }
    }
    double *column = half + n * all, *image = column + p;
    for (int64_t j = 0; j < all; j++) {
        for (int64_t k = 0; k < g->q; k++) {
            for (int64_t i = 0; i < p; i++) {
                column[i] = half[(k * p + i) * all + j];
            }
            to_terms(g, column, image);
            for (int64_t t = 0; t < g->terms; t++) {
                out[(k * g->terms + t) * all + j] = image[t];
            }
        }
    }
}

/* Rows and columns of what is not identified. */
static void hide_unknown(const as_glm *g, double *cov)
{
    const int64_t all = g->q * g->terms;
    for (int64_t i = 0; i < all; i++) {
        for (int64_t j = 0; j < all; j++) {
            if (g->identified[i % g->terms] == 0 || g->identified[j % g->terms] == 0) {
                cov[i * all + j] = (double)NAN;
            }
        }
    }
}

/* Errors, z, p and intervals from the covariance; NaN where that is. */
static void fill_tests(const as_glm *g)
{
    const int64_t all = g->q * g->terms;
    const double quantile = -as_normal_inverse((1 - g->options.confidence) / 2);
    for (int64_t i = 0; i < all; i++) {
        g->bse[i] = sqrt(g->cov[i * (all + 1)]);
        g->tvalues[i] = g->params[i] / g->bse[i];
        g->pvalues[i] = as_erfc(fabs(g->tvalues[i]) / sqrt(2.0));
        g->conf_int[2 * i] = g->params[i] - quantile * g->bse[i];
        g->conf_int[2 * i + 1] = g->params[i] + quantile * g->bse[i];
    }
}

static void fill_model(const as_statistic *s)
{
    const as_glm *g = s->model;
    int64_t slopes = 0;
    for (int64_t j = 0; j < s->width; j++) {
        slopes += g->active[j] == AS_GLM_ACTIVE;
    }
    const double q = (double)g->q, free = q * (double)(slopes + (g->options.fit_intercept ? 1 : 0));
    const double w = g->number[AS_GLM_WEIGHT];
    *g->df_model = q * (double)slopes;
    *g->df_resid = w - free;
    *g->llr = 2 * (*g->llf - *g->llnull);
    *g->llr_pvalue = slopes > 0 && *g->llr > 0 ? as_gamma_q(0.5 * *g->df_model, 0.5 * *g->llr) : 1;
    *g->aic = 2 * free - 2 * *g->llf;
    *g->bic = as_log_f64(w) * free - 2 * *g->llf;
    *g->pearson_chi2 = g->number[AS_GLM_PEARSON];
}

/* cov (n, n) = (sum of the matrices)^-1 on what is active, 0 elsewhere. */
static as_status invert(const as_statistic *s, const double *pairs, double *cov)
{
    const as_glm *g = s->model;
    const as_vectors *V = as_vectors_get(as_isa_detect());
    const int64_t n = g->n;
    double *matrix = malloc((size_t)(2 * n * n + n) * sizeof *matrix);
    int64_t *index = malloc((size_t)n * sizeof *index), m = 0;
    if (matrix == NULL || index == NULL) {
        free(matrix);
        free(index);
        AS_FAIL(AS_NOMEM, "%s: out of memory for a matrix of %lld coefficients", s->base.ops->name, (long long)n);
    }
    double *r = matrix + n * n, *root = r + n * n;
    as_glm_assemble(g, pairs, matrix);
    for (int64_t i = 0; i < n; i++) {
        if (g->active[i % g->p] == AS_GLM_ACTIVE) {
            index[m++] = i;
        }
    }
    for (int64_t a = 0; a < m; a++) {
        root[a] = 1 / sqrt(matrix[index[a] * (n + 1)]);
    }
    for (int64_t a = 0; a < m; a++) {
        for (int64_t b = 0; b < m; b++) {
            r[a * m + b] = matrix[index[a] * n + index[b]] * root[a] * root[b];
        }
    }
    const int64_t rank = as_dense_cholesky(m, r, 1e-14, NULL);
    as_status status = AS_OK;
    if (rank < m) {
        status = as_error_set(AS_DATA,
                              "%s: at the estimate the Fisher matrix of %lld coefficients has rank %lld: some rows "
                              "are fitted without doubt, and no errors can be given; set a penalty",
                              s->base.ops->name, (long long)m, (long long)rank);
    } else {
        as_dense_invert_upper(m, r, m, matrix);
        memset(cov, 0, (size_t)(n * n) * sizeof *cov);
        for (int64_t a = 0; a < m; a++) {
            for (int64_t b = a; b < m; b++) {
                const double v = V->dot(m - b, matrix + a * m + b, matrix + b * m + b) * root[a] * root[b];
                cov[index[a] * n + index[b]] = cov[index[b] * n + index[a]] = v;
            }
        }
    }
    free(matrix);
    free(index);
    return status;
}

/* Both covariances from that of z in cov (n, n) and the meat. */
static as_status sandwich(const as_statistic *s, const double *cov, const double *pairs)
{
    const as_glm *g = s->model;
    const as_vectors *V = as_vectors_get(as_isa_detect());
    const int64_t n = g->n, all = g->q * g->terms;
    const size_t half = (size_t)(n * all + g->p + g->terms);
    double *work = malloc(((size_t)(3 * n * n) + half) * sizeof *work);
    if (work == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for a matrix of %lld coefficients", s->base.ops->name, (long long)n);
    }
    double *meat = work, *product = work + n * n, *hc0 = product + n * n;
    as_glm_assemble(g, pairs, meat);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            product[i * n + j] = V->dot(n, cov + i * n, meat + j * n);
        }
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = i; j < n; j++) {
            hc0[i * n + j] = hc0[j * n + i] = V->dot(n, product + i * n, cov + j * n);
        }
    }
    expand(g, hc0, work + 3 * n * n, g->cov_hc0);
    memcpy(hc0, cov, (size_t)(n * n) * sizeof *hc0);
    expand(g, hc0, work + 3 * n * n, g->cov);
    free(work);
    return AS_OK;
}

as_status as_glm_fisher(as_statistic *s, const double *matrix)
{
    as_glm *g = s->model;
    return invert(s, matrix, g->bread);
}

as_status as_glm_sandwich(as_statistic *s, const double *matrix)
{
    as_glm *g = s->model;
    AS_TRY(sandwich(s, g->bread, matrix));
    for (int64_t k = 0; k < g->q; k++) {
        to_terms(g, g->theta + k * g->p, g->params + k * g->terms);
    }
    const int64_t all = g->q * g->terms;
    hide_unknown(g, g->cov);
    hide_unknown(g, g->cov_hc0);
    for (int64_t i = 0; i < all; i++) {
        g->hc0_se[i] = sqrt(g->cov_hc0[i * (all + 1)]);
    }
    if (g->options.cov_type == 1) {
        memcpy(g->cov, g->cov_hc0, (size_t)(all * all) * sizeof(double));
    }
    fill_tests(g);
    as_glm_estimate(s);
    fill_model(s);
    return AS_OK;
}
