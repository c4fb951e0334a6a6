/* Ordinary least squares, weighted where rows have weights, with the whole table of inference.

   The triangle R of [1 X Y] comes from tall-skinny QR (linear.h). Columns that depend on those before them are found in
   R; the fit is that of the independent ones, moved to the smallest norm of slopes as scikit-learn has it, and a
   coefficient that takes part in a dependence gets no standard error. With F the inverse of the triangle of independent
   columns: Cov = s^2 F F', s^2 = RSS / (rows - rank). Criteria as statsmodels 0.15: llf of the normal model with its
   maximum-likelihood variance, parameters counted by rank. Cost: 2 n^2 flops a row (n = columns with ones and targets);
   the second pass (ols_robust.c) 8 n^2. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/ols.h"
#include "kernels/scalar_math.h"
#include "math/constants.h"
#include "math/dense.h"
#include "math/special.h"

#define DEPENDENT 1e-12 /* of a column's length: what is left of it beside the others when it depends on them */

#define SMALL 1e-5 /* singular values below this share of the largest are found with vectors, which is closer */

enum { MANY = 64 }; /* columns */

static const char *const cov_types[] = {"nonrobust", "HC0", "HC1", "HC2", "HC3", NULL};
static const as_field fields[] = {
    {.name = "fit_intercept",
     .type = AS_FIELD_BOOL,
     .offset = offsetof(as_ols_options, fit_intercept),
     .standard = "true",
     .help = "Add a column of ones, the intercept."},
    {.name = "robust",
     .type = AS_FIELD_BOOL,
     .offset = offsetof(as_ols_options, robust),
     .standard = "true",
     .help = "A second pass for the errors HC0 to HC3, and for the rows that move the fit most."},
    {.name = "cov_type",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(as_ols_options, cov_type),
     .standard = "nonrobust",
     .choices = cov_types,
     .help = "Which standard errors tests (F too) and intervals use; those other than nonrobust need `robust`, and the "
             "normal "
             "distribution in place of t."},
    {.name = "confidence",
     .type = AS_FIELD_REAL,
     .offset = offsetof(as_ols_options, confidence),
     .standard = "0.95",
     .min = 0.01,
     .max = 0.999999,
     .help = "Level of the confidence intervals."},
    {.name = "influence",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_ols_options, influence),
     .standard = "5",
     .min = 0,
     .max = 1000,
     .unit = "rows",
     .help = "How many rows of the largest Cook's distance to keep (one target, `robust`)."},
    AS_FIELDS_END};

static as_status plan_arrays(as_statistic *s)
{
    as_ols *const m = s->model;
    const as_linear *const l = &m->linear;
    const as_ols_options *const o = s->options;
    const int64_t table[3] = {l->targets, l->k, 2}, square[2] = {l->k, l->k}, *const of_k = table + 1;
    const int one = l->targets == 1 ? 1 : 0; /* a table of one target is a list */
    struct {
        const char *name;
        double **where;
    } lists[] = {{"/inference/params", &m->params},
                 {"/inference/bse", &m->bse},
                 {"/inference/tvalues", &m->tvalues},
                 {"/inference/pvalues", &m->pvalues},
                 {"/inference/HC0_se", &m->robust_se[AS_OLS_HC0]},
                 {"/inference/HC1_se", &m->robust_se[AS_OLS_HC1]},
                 {"/inference/HC2_se", &m->robust_se[AS_OLS_HC2]},
                 {"/inference/HC3_se", &m->robust_se[AS_OLS_HC3]}},
      sums[] = {{"/inference/ssr", &m->ssr},           {"/inference/centered_tss", &m->tss},
                {"/inference/scale", &m->scale},       {"/inference/rsquared", &m->rsquared},
                {"/inference/fvalue", &m->fvalue},     {"/inference/rsquared_adj", &m->rsquared_adj},
                {"/inference/f_pvalue", &m->f_pvalue}, {"/inference/llf", &m->llf},
                {"/inference/aic", &m->aic},           {"/inference/bic", &m->bic}},
      numbers[] = {{"/inference/df_model", &m->df_model},
                   {"/inference/df_resid", &m->df_resid},
                   {"/inference/condition_number", &m->condition}};
    for (size_t i = 0; i < (o->robust ? 8 : 4); i++) {
        AS_TRY(as_statistic_array(s, lists[i].name, 2 - one, table + one, lists[i].where));
    }
    AS_TRY(as_statistic_array(s, "/inference/conf_int", 3 - one, table + one, &m->conf_int));
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        AS_TRY(as_statistic_array(s, sums[i].name, 1, table, sums[i].where));
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        AS_TRY(as_statistic_array(s, numbers[i].name, 0, NULL, numbers[i].where));
    }
    AS_TRY(as_statistic_array(s, "/inference/vif", 1, &l->p, &m->vif));
    AS_TRY(as_statistic_integers(s, "/params/rank_", 0, NULL, 0, l->k, &m->rank));
    AS_TRY(as_statistic_integers(s, "/inference/status", 1, of_k, AS_OLS_ESTIMATED, AS_OLS_NO_FREEDOM, &m->status));
    AS_TRY(as_statistic_array(s, "/inference/dependence", 2, square, &m->relation));
    AS_TRY(as_statistic_array(s, "/inference/cov_factor", 2, square, &m->factor));
    if (o->robust && o->influence > 0 && l->targets == 1) {
        AS_TRY(as_statistic_array(s, "/inference/cooks_distance", 1, &o->influence, &m->cooks));
        AS_TRY(as_statistic_array(s, "/inference/leverage", 1, &o->influence, &m->leverage));
        AS_TRY(as_statistic_array(s, "/inference/resid_studentized", 1, &o->influence, &m->student));
        AS_TRY(as_statistic_integers(s, "/inference/influential_row", 1, &o->influence, -1, AS_STATISTIC_COUNT_MOST,
                                     &m->id));
    }
    return AS_OK;
}

static as_status plan(as_statistic *s)
{
    as_ols *const m = s->model;
    const as_ols_options *const o = s->options;
    if (o->cov_type != AS_OLS_CLASSICAL && !o->robust) {
        AS_FAIL(AS_CONFIG, "model.cov_type: %s needs model.robust: true", cov_types[o->cov_type]);
    }
    AS_TRY(as_linear_plan(s, o->fit_intercept));
    AS_TRY(plan_arrays(s));
    if (!o->robust) {
        return AS_OK;
    }
    const int64_t size = as_ols_robust_size(s), scratch = as_ols_robust_scratch(s), k = m->linear.k;
    s->most = size > s->most ? size : s->most;
    s->scratch = scratch > s->scratch ? scratch : s->scratch;
    return as_arena_reserve(s->arena, (size_t)s->kernels->pack_reals(k, k) * sizeof(double), (void **)&m->packed);
}

static int64_t size(const as_statistic *s)
{
    const as_ols_options *const o = s->options;
    return s->pass > 0 && o->robust ? as_ols_robust_size(s) : as_linear_size(s->model);
}

static void rows(const as_statistic *s, const as_rows *r, double *sum)
{
    if (s->pass == 0) {
        as_linear_rows(s, r, sum);
    } else {
        as_ols_robust_rows(s, r, sum);
    }
}

static void merge(const as_statistic *s, double *left, const double *right)
{
    if (s->pass == 0) {
        as_linear_merge(s, left, right);
    } else {
        as_ols_robust_merge(s, left, right);
    }
}

/* The independent columns and the targets of the first k rows of R, by QR again: a (k, rank + targets). */
static as_status factor(const as_linear *l, const double *root, const bool *dependent, int64_t rank, double *a)
{
    const int64_t ld = rank + l->targets;
    for (int64_t i = 0; i < l->k; i++) {
        int64_t at = 0;
        for (int64_t j = 0; j < l->n; j++) {
            if (j >= l->k || !dependent[j]) {
                a[i * ld + at++] = root[i * l->n + j];
            }
        }
    }
    return as_dense_qr(l->k, rank, l->targets, a, ld);
}

/* Moves beta (k) along the null space to the smallest norm of slopes. work: (k, k + 2). */
static as_status shorten(const as_ols *m, const bool *dependent, int64_t rank, double *beta, double *work)
{
    const as_linear *const l = &m->linear;
    const int64_t k = l->k, q = k - rank, first = l->intercept ? 1 : 0, ld = q + 1;
    if (q == 0) {
        return AS_OK;
    }
    for (int64_t i = first; i < k; i++) {
        int64_t c = 0;
        for (int64_t j = 0; j < k; j++) {
            if (dependent[j]) {
                work[(i - first) * ld + c++] = i == j ? 1 : -m->relation[j * k + i];
            }
        }
        work[(i - first) * ld + q] = beta[i];
    }
    AS_TRY(as_dense_qr(l->p, q, 1, work, ld));
    double *const tau = work + k * ld;
    for (int64_t c = 0; c < q; c++) {
        tau[c] = work[c * ld + q];
    }
    as_dense_solve_upper(q, work, ld, tau);
    int64_t c = 0;
    for (int64_t j = 0; j < k; j++) {
        for (int64_t i = 0; dependent[j] && i < k; i++) {
            beta[i] -= tau[c] * (i == j ? 1 : -m->relation[j * k + i]);
        }
        c += dependent[j];
    }
    return AS_OK;
}

/* Coefficients and sums of squares of target t. */
static as_status solve(as_ols *m, const double *root, const bool *dependent, int64_t rank, const double *a, int64_t t,
                       double *work)
{
    const as_linear *const l = &m->linear;
    const int64_t ld = rank + l->targets, k = l->k;
    double *const beta = m->params + t * k, *const b = work;
    m->ssr[t] = as_linear_residual(l, root, t);
    for (int64_t i = 0; i < k; i++) {
        b[i] = a[i * ld + rank + t];
        m->ssr[t] += i >= rank ? b[i] * b[i] : 0;
    }
    as_dense_solve_upper(rank, a, ld, b);
    int64_t at = 0;
    for (int64_t j = 0; j < k; j++) {
        beta[j] = dependent[j] ? 0 : b[at++];
    }
    AS_TRY(shorten(m, dependent, rank, beta, work));
    memcpy(l->coef + t * l->p, beta + (k - l->p), (size_t)l->p * sizeof *beta);
    l->start[t] = l->intercept ? beta[0] : 0;
    return AS_OK;
}

/* F from the triangle in a, and variance inflation factors. */
static void invert(as_ols *m, const double *root, const bool *dependent, int64_t rank, const double *a, double *work)
{
    const as_linear *const l = &m->linear;
    const int64_t k = l->k, first = l->intercept ? 1 : 0;
    as_dense_invert_upper(rank, a, rank + l->targets, work);
    memset(m->factor, 0, (size_t)(k * k) * sizeof *work);
    int64_t at = 0;
    for (int64_t j = 0; j < k; j++) {
        double inverse = 0, square = 0;
        for (int64_t c = 0; !dependent[j] && c < rank; c++) {
            m->factor[j * k + c] = work[at * rank + c];
            inverse += work[at * rank + c] * work[at * rank + c];
        }
        at += !dependent[j];
        for (int64_t i = first; i <= j; i++) {
            square += root[i * l->n + j] * root[i * l->n + j];
        }
        if (j >= first) {
            m->vif[j - first] = m->status[j] == AS_OLS_NOT_IDENTIFIED ? HUGE_VAL : square * inverse;
        }
    }
}

/* value (k) descending. Of many columns without singular vectors, where that leaves the least of them its digits. work:
   (2 k + 1, k). */
static as_status singular_values(const as_linear *l, const double *root, double *value, double *work)
{
    const int64_t k = l->k;
    double *const a = work, *const right = a + k * k;
    for (int turn = k >= MANY ? 0 : 1; turn < 2; turn++) {
        for (int64_t i = 0; i < k; i++) {
            memcpy(a + i * k, root + i * l->n, (size_t)k * sizeof *a);
        }
        if (turn == 1) {
            return as_dense_svd(k, k, 0, a, k, value, right, NULL);
        }
        as_bidiagonal b;
        as_status status = as_bidiagonal_make(k, 0, a, k, &b);
        status = status == AS_OK ? as_bidiagonal_values(&b, value) : status;
        as_bidiagonal_destroy(&b);
        if (status != AS_OK || value[k - 1] > SMALL * value[0]) {
            return status;
        }
    }
    return AS_OK;
}

static as_status condition_number(as_ols *m, const double *root, double *work)
{
    const as_linear *const l = &m->linear;
    double *const value = work;
    AS_TRY(singular_values(l, root, value, work + l->k));
    *m->condition = value[l->k - 1] > 0 ? value[0] / value[l->k - 1] : HUGE_VAL;
    return AS_OK;
}

void as_ols_test(const as_statistic *s, as_ols *m)
{
    const as_linear *const l = &m->linear;
    const as_ols_options *const o = s->options;
    const double v = *m->df_resid, tail = 1 - o->confidence;
    const bool normal = o->cov_type != AS_OLS_CLASSICAL;
    double quantile = -as_normal_inverse(tail / 2);
    if (!normal && v > 0) {
        double x, y;
        as_beta_inverse(v / 2, 0.5, tail, &x, &y);
        quantile = sqrt(v * y / x);
    }
    for (int64_t i = 0; i < l->targets * l->k; i++) {
        const double b = m->params[i], se = m->bse[i], t = b == 0 ? 0 : b / se;
        const bool known = m->status[i % l->k] == AS_OLS_ESTIMATED;
        m->tvalues[i] = known ? t : (double)NAN;
        const double square = t * t;
        m->pvalues[i] = !known          ? (double)NAN
                        : normal        ? 2 * as_normal_cdf(-fabs(t))
                        : isinf(square) ? 0
                                        : as_beta_i(v / 2, 0.5, v / (v + square), square / (v + square));
        m->conf_int[2 * i] = b - quantile * se;
        m->conf_int[2 * i + 1] = b + quantile * se;
    }
}

double as_ols_f_tail(double f, double d1, double d2)
{
    return isnan(f)   ? (double)NAN
           : isinf(f) ? 0
                      : as_beta_i(d2 / 2, d1 / 2, d2 / (d2 + d1 * f), d1 * f / (d2 + d1 * f));
}

/* Everything that follows from sums of squares. */
static void judge(as_statistic *s, as_ols *m, const double *root)
{
    const as_linear *const l = &m->linear;
    const int64_t k = l->k;
    const double n = *l->rows, rank = (double)*m->rank, d1 = rank - (l->intercept ? 1 : 0), d2 = n - rank;
    *m->df_model = d1;
    *m->df_resid = d2;
    for (int64_t t = 0; t < l->targets; t++) {
        const double ssr = m->ssr[t], tss = m->tss[t] = as_linear_total(l, root, t);
        m->scale[t] = d2 > 0 ? ssr / d2 : (double)NAN;
        m->rsquared[t] = tss > 0 ? 1 - ssr / tss : (double)NAN;
        m->rsquared_adj[t] = tss > 0 && d2 > 0 ? 1 - (n - (l->intercept ? 1 : 0)) / d2 * (ssr / tss) : (double)NAN;
        const double f = d1 > 0 && d2 > 0 && tss > 0 ? (tss > ssr ? tss - ssr : 0) / d1 / (ssr / d2) : (double)NAN;
        m->fvalue[t] = f;
        m->f_pvalue[t] = as_ols_f_tail(f, d1, d2);
        m->llf[t] = -n / 2 * (AS_LOG_2PI + as_log_f64(ssr / n) + 1) + l->log_weights / 2;
        m->aic[t] = -2 * m->llf[t] + 2 * rank;
        m->bic[t] = -2 * m->llf[t] + as_log_f64(n) * rank;
        for (int64_t j = 0; j < k; j++) {
            double square = 0;
            for (int64_t c = 0; c < k; c++) {
                square += m->factor[j * k + c] * m->factor[j * k + c];
            }
            const bool known = m->status[j] == AS_OLS_ESTIMATED;
            m->bse[t * k + j] = known ? sqrt(m->scale[t] * square) : (double)NAN;
        }
    }
    as_ols_test(s, m);
}

static void warn(const as_statistic *s, const as_ols *m, const bool *dependent)
{
    enum { SAID = 5 };
    const int64_t k = m->linear.k;
    int64_t left = k - *m->rank, said = 0;
    for (int64_t j = 0; j < k && left > 0; j++) {
        char text[512];
        if (!dependent[j]) {
            continue;
        }
        if (said++ == SAID) {
            as_log_line(s->setup.log, AS_LOG_WARN, "ols: ... and %lld more", (long long)left);
            return;
        }
        as_ols_relation(s, j, text, sizeof text);
        as_log_line(s->setup.log, AS_LOG_WARN, "ols: not identified: %s", text);
        left--;
    }
}

static as_status estimate(as_statistic *s, double *root, double *work, bool *dependent, bool *identified)
{
    as_ols *const m = s->model;
    const as_linear *const l = &m->linear;
    const int64_t k = l->k;
    AS_TRY(as_linear_finish(s, root));
    AS_TRY(as_dense_dependence(k, k, root, l->n, DEPENDENT, m->rank, dependent, identified, m->relation));
    for (int64_t j = 0; j < k; j++) {
        m->status[j] = !identified[j]                ? AS_OLS_NOT_IDENTIFIED
                       : *l->rows > (double)*m->rank ? AS_OLS_ESTIMATED
                                                     : AS_OLS_NO_FREEDOM;
    }
    double *const a = work, *const rest = a + k * l->n;
    AS_TRY(factor(l, root, dependent, *m->rank, a));
    for (int64_t t = 0; t < l->targets; t++) {
        AS_TRY(solve(m, root, dependent, *m->rank, a, t, rest));
    }
    invert(m, root, dependent, *m->rank, a, rest);
    AS_TRY(condition_number(m, root, rest));
    judge(s, m, root);
    warn(s, m, dependent);
    return AS_OK;
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    as_ols *const m = s->model;
    const as_linear *const l = &m->linear;
    const as_ols_options *const o = s->options;
    const int64_t k = l->k;
    report->done = true;
    if (s->pass == 0) {
        double *const work = calloc((size_t)(k * l->n + 2 * k * (k + 2) + k), sizeof *work);
        bool *const flags = calloc((size_t)(2 * k) + 1, sizeof *flags);
        as_status status = work == NULL || flags == NULL
                               ? as_error_set(AS_NOMEM, "ols: no memory for %lld columns", (long long)k)
                               : estimate(s, sum, work, flags, flags + k);
        free(work);
        free(flags);
        AS_TRY(status);
        report->done = !o->robust;
    } else {
        AS_TRY(as_ols_robust_finish(s, sum));
    }
    report->loss = 0;
    for (int64_t t = 0; t < l->targets; t++) {
        report->loss += m->ssr[t] / s->weight / (double)l->targets;
    }
    return AS_OK;
}

static as_status ready(as_statistic *s)
{
    as_ols *const m = s->model;
    const int64_t k = m->linear.k;
    if (m->packed != NULL) {
        s->kernels->pack(k, k, m->factor, 0, k * k, m->packed, NULL);
    }
    return AS_OK;
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_REALS,
    .model_bytes = sizeof(as_ols),
    .loss = "mse",
    .plan = plan,
    .size = size,
    .rows = rows,
    .merge = merge,
    .finish = finish,
    .ready = ready,
    .predict = as_linear_predict,
    .form = as_linear_form_of,
    .release = as_linear_release,
    .describe = as_ols_describe,
};

const as_estimator_ops as_estimator_ols = {
    .name = "ols",
    .help = "Least squares (weighted, where rows have weights) with errors, tests and intervals; QR, one pass or two",
    .formula = "min_b sum_i w_i (y_i - x_i'b)^2; Cov(b) = s^2 (X'WX)^-1, or robust: HC0 to HC3",
    .fields = fields,
    .options_bytes = sizeof(as_ols_options),
    .statistic = &statistic,
    AS_STATISTIC_METHODS,
};
