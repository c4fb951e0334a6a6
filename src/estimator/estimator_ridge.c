/* Ridge regression for any number of penalties at once: with the singular values of the centred triangle, R = U S V',
   coefficients are V diag(s / (s^2 + alpha)) U'y for every alpha, and its effective parameters tr = sum s^2 / (s^2 +
   alpha) come for nothing. Among several penalties generalised cross-validation decides (Golub, Heath, Wahba,
   "Generalized cross-validation as a method for choosing a good ridge parameter", Technometrics 21, 1979):
   GCV = n RSS / (n - tr - 1)^2, the 1 for the intercept, summed over targets. The intercept is not penalised. Standard
   errors are not defined for a penalised fit, and none are given. Of many columns, and where every penalty is above
   what rounding leaves of the smallest singular values, solutions come from the bidiagonal form, without singular
   vectors. Cost: the pass of linear.h, then 8 p^3 / 3, or some ten times that with vectors. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/linear.h"
#include "kernels/vectors.h"
#include "math/dense.h"

typedef struct options {
    bool fit_intercept;
    as_reals alpha;
} options;

typedef struct ridge {
    as_linear linear;
    double *alpha, *alphas, *gcv, *freedom, *path, *singular; /* one; (m), (m), (m), (m, targets, p); (p) */
} ridge;

enum { MANY = 64 }; /* columns from which singular vectors are spared */

static const as_field fields[] = {
    {.name = "alpha",
     .type = AS_FIELD_REALS,
     .offset = offsetof(options, alpha),
     .standard = "1.0",
     .min = 0,
     .max = 1e300,
     .help = "Penalty on the sum of squared coefficients; of several, generalised cross-validation takes one."},
    {.name = "fit_intercept",
     .type = AS_FIELD_BOOL,
     .offset = offsetof(options, fit_intercept),
     .standard = "true",
     .help = "Add an intercept, which is not penalised."},
    AS_FIELDS_END};

static as_status plan(as_statistic *s)
{
    ridge *const m = s->model;
    const as_linear *const l = &m->linear;
    const options *const o = s->options;
    if (o->alpha.n < 1) {
        AS_FAIL(AS_CONFIG, "model.alpha: expected at least one penalty, found none");
    }
    AS_TRY(as_linear_plan(s, o->fit_intercept));
    const int64_t dim[3] = {o->alpha.n, l->targets, l->p};
    AS_TRY(as_statistic_array(s, "/params/alpha_", 0, NULL, &m->alpha));
    AS_TRY(as_statistic_array(s, "/params/singular_", 1, &l->p, &m->singular));
    AS_TRY(as_statistic_array(s, "/inference/alphas", 1, dim, &m->alphas));
    AS_TRY(as_statistic_array(s, "/inference/gcv", 1, dim, &m->gcv));
    AS_TRY(as_statistic_array(s, "/inference/df", 1, dim, &m->freedom));
    return as_statistic_array(s, "/inference/coef_path", 3, dim, &m->path);
}

/* What GCV says of a penalty under which so much of the squares is left. */
static void judge(ridge *m, int64_t at, double freedom, double residual)
{
    const as_linear *const l = &m->linear;
    const double n = *l->rows, free = n - freedom - (l->intercept ? 1 : 0);
    m->freedom[at] = freedom;
    m->gcv[at] = free > 0 ? n * residual / (free * free) : HUGE_VAL;
}

/* Coefficients for one penalty, (targets, p), and what GCV wants. right: V' (p, p); left: U'y (p, targets). */
static void solve(ridge *m, const double *root, int64_t at, const double *right, const double *left)
{
    const as_linear *const l = &m->linear;
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    const double alpha = m->alphas[at], least = m->singular[0] * DBL_EPSILON * (double)l->p;
    double freedom = 0, residual = 0;
    for (int64_t t = 0; t < l->targets; t++) {
        double *const coef = m->path + (at * l->targets + t) * l->p;
        residual += as_linear_residual(l, root, t);
        memset(coef, 0, (size_t)l->p * sizeof *coef);
        for (int64_t i = 0; i < l->p; i++) {
            const double s = m->singular[i], c = left[i * l->targets + t];
            const bool seen = s > least; /* what the data do not see stays 0, whatever the penalty */
            const double share = seen ? s * s / (s * s + alpha) : 0, rest = c * (1 - share);
            residual += rest * rest;
            freedom += t == 0 ? share : 0;
            if (seen) {
                V->axpy(l->p, s / (s * s + alpha) * c, right + i * l->p, coef);
            }
        }
    }
    judge(m, at, freedom, residual);
}

/* The same from the bidiagonal form. */
static void solve_bidiagonal(ridge *m, const double *root, int64_t at, const as_bidiagonal *b)
{
    const as_linear *const l = &m->linear;
    double freedom = 0, residual = 0;
    for (int64_t i = 0; i < l->p; i++) {
        const double square = m->singular[i] * m->singular[i];
        freedom += square / (square + m->alphas[at]);
    }
    for (int64_t t = 0; t < l->targets; t++) {
        double rest;
        as_bidiagonal_solve(b, t, sqrt(m->alphas[at]), m->path + (at * l->targets + t) * l->p, &rest);
        residual += as_linear_residual(l, root, t) + rest;
    }
    judge(m, at, freedom, residual);
}

/* Whether there are many columns, and every penalty is above what rounding leaves of a singular value that is 0. */
static bool without_vectors(const ridge *m, int64_t n, const double *root)
{
    const as_linear *const l = &m->linear;
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    const double *const r = as_linear_centred(l, root), rounding = DBL_EPSILON * (double)l->p;
    double square = 0, least = m->alphas[0];
    for (int64_t i = 0; i < l->p; i++) {
        square += V->dot(l->p - i, r + i * l->n + i, r + i * l->n + i);
    }
    for (int64_t i = 1; i < n; i++) {
        least = m->alphas[i] < least ? m->alphas[i] : least;
    }
    return l->p >= MANY && least > rounding * rounding * square;
}

/* All of n penalties. work: (p, 2 p + 2 targets). */
static as_status solve_all(ridge *m, int64_t n, const double *root, double *work)
{
    const as_linear *const l = &m->linear;
    const int64_t p = l->p, ld = p + l->targets;
    double *const a = work, *const right = a + p * ld, *const left = right + p * p;
    const double *const centred = as_linear_centred(l, root);
    for (int64_t i = 0; i < p; i++) {
        memcpy(a + i * ld, centred + i * l->n, (size_t)ld * sizeof *a);
    }
    if (!without_vectors(m, n, root)) {
        AS_TRY(as_dense_svd(p, p, l->targets, a, ld, m->singular, right, left));
        for (int64_t at = 0; at < n; at++) {
            solve(m, root, at, right, left);
        }
        return AS_OK;
    }
    as_bidiagonal b;
    as_status status = as_bidiagonal_make(p, l->targets, a, ld, &b);
    status = status == AS_OK ? as_bidiagonal_values(&b, m->singular) : status;
    for (int64_t at = 0; status == AS_OK && at < n; at++) {
        solve_bidiagonal(m, root, at, &b);
    }
    as_bidiagonal_destroy(&b);
    return status;
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    ridge *const m = s->model;
    const as_linear *const l = &m->linear;
    const options *const o = s->options;
    const int64_t p = l->p, ld = p + l->targets;
    AS_TRY(as_linear_finish(s, sum));
    memcpy(m->alphas, o->alpha.v, (size_t)o->alpha.n * sizeof *m->alphas);
    double *const work = calloc((size_t)(p * ld + p * p + p * l->targets) + 1, sizeof *work);
    const as_status status = work == NULL ? as_error_set(AS_NOMEM, "ridge: no memory for %lld columns", (long long)p)
                                          : solve_all(m, o->alpha.n, sum, work);
    free(work);
    AS_TRY(status);
    int64_t best = 0;
    for (int64_t i = 1; i < o->alpha.n; i++) {
        best = m->gcv[i] < m->gcv[best] ? i : best;
    }
    *m->alpha = m->alphas[best];
    memcpy(l->coef, m->path + best * l->targets * p, (size_t)(l->targets * p) * sizeof *l->coef);
    for (int64_t t = 0; t < l->targets; t++) {
        l->start[t] = as_linear_intercept(l, sum, t, l->coef + t * p);
    }
    const double free_rows = *l->rows - m->freedom[best] - (l->intercept ? 1 : 0);
    report->loss = free_rows > 0 ? m->gcv[best] * free_rows * free_rows / *l->rows / s->weight / (double)l->targets : 0;
    report->done = true;
    return AS_OK;
}

static void describe(const as_statistic *s, bool json, as_text *out)
{
    const ridge *const m = s->model;
    const int64_t n = ((const options *)s->options)->alpha.n;
    if (json) {
        as_linear_describe(s, true, out);
        as_json_real(out, "alpha_", *m->alpha);
        as_json_reals(out, "alphas", n, m->alphas);
        as_json_reals(out, "gcv", n, m->gcv);
        as_json_reals(out, "df", n, m->freedom);
        as_json_reals(out, "singular_", m->linear.p, m->singular);
        return;
    }
    as_text_add(out, "Ridge regression: %lld rows, penalty %.6g%s\n", (long long)*m->linear.rows, *m->alpha,
                n > 1 ? ", chosen by generalised cross-validation" : "");
    as_text_add(out, "Standard errors are not defined for a penalised fit.\n\n%16s %16s %16s\n", "alpha", "parameters",
                "GCV");
    for (int64_t i = 0; i < n; i++) {
        as_text_add(out, "%16.6g %16.6g %16.6g%s\n", m->alphas[i], m->freedom[i], m->gcv[i],
                    n > 1 && m->alphas[i] == *m->alpha ? "  *" : "");
    }
    as_linear_end_of_path(n, m->alphas, m->gcv, "GCV", false, out);
    as_text_add(out, "\n");
    as_linear_describe(s, false, out);
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_REALS,
    .model_bytes = sizeof(ridge),
    .loss = "mse",
    .plan = plan,
    .rows = as_linear_rows,
    .merge = as_linear_merge,
    .finish = finish,
    .predict = as_linear_predict,
    .form = as_linear_form_of,
    .release = as_linear_release,
    .describe = describe,
};

const as_estimator_ops as_estimator_ridge = {
    .name = "ridge",
    .help = "Ridge regression for one penalty or a path of them, chosen by generalised cross-validation; one pass",
    .formula = "min_b sum_i w_i (y_i - b_0 - x_i'b)^2 + alpha |b|^2; GCV = n RSS / (n - tr - 1)^2",
    .fields = fields,
    .options_bytes = sizeof(options),
    .statistic = &statistic,
    AS_STATISTIC_METHODS,
};
