/* Coordinate descent on the centred Gram matrix (Friedman, Hastie, Tibshirani, "Regularization paths for generalized
   linear models via coordinate descent", J. Stat. Software 33, 2010): with G = X'X / n and g = X'(y - X b) / n,

       b_j <- S(g_j + G_jj b_j, alpha l1) / (G_jj + alpha (1 - l1)),   S(z, t) = sign(z) max(|z| - t, 0)

   G and X'y are sums of products about the means (comoment.h), so no sample is seen again. Penalties are taken from the
   largest down, each starting from the one before. It ends when the optimality conditions hold: |g_j - alpha (1 - l1)
   b_j - alpha l1 sign b_j| where b_j is not 0, and |g_j| - alpha l1 where it is; that residual is kept. Cost: p^2 flops
   a row, 2 p^2 a sweep at most. */
#include "estimator/elastic.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/comoment.h"
#include "kernels/scalar_math.h"
#include "kernels/vectors.h"
#include "math/dense.h"

const char *const as_elastic_criteria[] = {"bic", "aic", NULL};

#define CONSTANT 1e-13 /* of a column's mean: a spread that is none */

static int64_t penalties(const as_elastic_options *o)
{
    return o->n_alphas > 0 ? o->n_alphas : o->alpha.n;
}

as_status as_elastic_plan(as_statistic *s, const as_elastic_options *o)
{
    as_elastic *const m = s->model;
    const as_linear *const l = &m->linear;
    if (penalties(o) < 1) {
        AS_FAIL(AS_CONFIG, "model.alpha: expected at least one penalty, found none");
    }
    AS_TRY(as_linear_plan(s, o->fit_intercept));
    const int64_t d = l->p + l->targets;
    m->room = as_comoment_scratch(d);
    s->chunk = as_comoment_chunk(d);
    s->scratch = m->room + (s->chunk * d + 7) / 8 * 8;
    s->most = as_comoment_size(d);
    s->flops = (double)(d * d);
    const int64_t dim[3] = {penalties(o), l->targets, l->p};
    AS_TRY(as_statistic_array(s, "/params/alpha_", 0, NULL, &m->alpha));
    AS_TRY(as_statistic_array(s, "/inference/kkt", 0, NULL, &m->kkt));
    AS_TRY(as_statistic_array(s, "/inference/alphas", 1, dim, &m->alphas));
    AS_TRY(as_statistic_array(s, "/inference/rss", 1, dim, &m->rss));
    AS_TRY(as_statistic_array(s, "/inference/nonzero", 1, dim, &m->nonzero));
    AS_TRY(as_statistic_array(s, "/inference/criterion", 1, dim, &m->judged));
    AS_TRY(as_statistic_array(s, "/inference/kkt_path", 1, dim, &m->residuals));
    return as_statistic_array(s, "/inference/coef_path", 3, dim, &m->path);
}

void as_elastic_rows(const as_statistic *s, const as_rows *r, double *sum)
{
    const as_elastic *const m = s->model;
    const int64_t p = m->linear.p, targets = m->linear.targets, d = p + targets;
    double *const rows = r->scratch + m->room;
    for (int64_t i = 0; i < r->count; i++) {
        memcpy(rows + i * d, r->x + i * p, (size_t)p * sizeof *rows);
        memcpy(rows + i * d + p, r->target + i * targets, (size_t)targets * sizeof *rows);
    }
    as_comoment_add(s, r, d, rows, r->scratch, sum);
}

void as_elastic_merge(const as_statistic *s, double *left, const double *right)
{
    const as_linear *const l = s->model;
    as_comoment_join(l->p + l->targets, left, right);
}

typedef struct problem {
    int64_t p;
    const double *gram;  /* (p, p) */
    double *g, *b;       /* gradient of the squares, coefficients */
    double l1, l2, unit; /* alpha l1, alpha (1 - l1), largest |X'y| / n */
    double *work;        /* (p + 1, p) */
    int64_t *which;      /* (p) */
    const as_vectors *V;
} problem;

static double shrunk(double z, double t)
{
    return z > t ? z - t : z < -t ? z + t : 0;
}

/* One sweep over all coefficients, or over those that are not 0; the largest violation that it met. */
static double sweep(const problem *q, bool all)
{
    double worst = 0;
    for (int64_t j = 0; j < q->p; j++) {
        const double diagonal = q->gram[j * q->p + j], before = q->b[j];
        if ((!all && before == 0) || diagonal <= 0) {
            continue;
        }
        const double after = shrunk(q->g[j] + diagonal * before, q->l1) / (diagonal + q->l2), step = after - before;
        if (step != 0) {
            q->b[j] = after;
            q->V->axpy(q->p, -step, q->gram + j * q->p, q->g);
            worst = fabs(step) * (diagonal + q->l2) > worst ? fabs(step) * (diagonal + q->l2) : worst;
        }
    }
    return worst;
}

/* Violation of the optimality conditions, relative. */
static double kkt(const problem *q)
{
    double worst = 0;
    for (int64_t j = 0; j < q->p; j++) {
        const double r = q->g[j] - q->l2 * q->b[j];
        const double v = q->b[j] != 0 ? fabs(r - (q->b[j] > 0 ? q->l1 : -q->l1)) : fabs(r) - q->l1;
        worst = q->gram[j * q->p + j] > 0 && v > worst ? v : worst;
    }
    return q->unit > 0 ? worst / q->unit : 0;
}

/* g afresh from b: what rounding has left in it goes away. */
static void refresh(const problem *q, const double *xy)
{
    memcpy(q->g, xy, (size_t)q->p * sizeof *xy);
    for (int64_t j = 0; j < q->p; j++) {
        if (q->b[j] != 0) {
            q->V->axpy(q->p, -q->b[j], q->gram + j * q->p, q->g);
        }
    }
}

/* The minimum over the coefficients that are not 0, if it leaves them their signs: (G + l2) b = X'y / n - l1 sign b
   over those. Where sweeps have found which they are, that is the solution. */
static bool leap(const problem *q, const double *xy)
{
    double *const a = q->work, *const x = a + q->p * q->p;
    int64_t n = 0;
    for (int64_t j = 0; j < q->p; j++) {
        if (q->b[j] != 0) {
            q->which[n++] = j;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        const int64_t k = q->which[i];
        for (int64_t j = i; j < n; j++) {
            a[i * n + j] = q->gram[k * q->p + q->which[j]] + (i == j ? q->l2 : 0);
        }
        x[i] = xy[k] - (q->b[k] > 0 ? q->l1 : -q->l1);
    }
    if (n == 0 || as_dense_cholesky(n, a, DBL_EPSILON * (double)n, NULL) < n) {
        return false;
    }
    as_dense_solve_upper_transposed(n, a, n, x);
    as_dense_solve_upper(n, a, n, x);
    for (int64_t i = 0; i < n; i++) {
        if (!(x[i] * q->b[q->which[i]] > 0)) {
            return false;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        q->b[q->which[i]] = x[i];
    }
    return true;
}

/* Sweeps over all coefficients, and over those that are not 0 until they settle or a leap, tried after 8 sweeps and
   twice as many each time, spares that. */
static double descend(const problem *q, const double *xy, const as_elastic_options *o)
{
    int64_t sweeps = 0, next = 8;
    for (;;) {
        refresh(q, xy);
        const double residual = kkt(q);
        if (residual <= o->tol || sweeps >= o->max_iter) {
            return residual;
        }
        sweep(q, true);
        sweeps++;
        for (int64_t turn = 0; turn < 1000 && sweeps < o->max_iter; turn++, sweeps++) {
            if (sweep(q, false) <= 0.1 * o->tol * q->unit) {
                break;
            }
            if (sweeps >= next) {
                next = 2 * sweeps;
                if (leap(q, xy)) {
                    next = sweeps + 8;
                    break;
                }
            }
        }
    }
}

/* Descending, so that each starts near its solution. */
static void choose_alphas(as_elastic *m, const as_elastic_options *o, double largest)
{
    const int64_t n = penalties(o);
    const double share = o->l1_ratio > 1e-3 ? o->l1_ratio : 1e-3, top = largest / share;
    for (int64_t i = 0; i < n; i++) {
        m->alphas[i] = o->n_alphas == 0 ? o->alpha.v[i]
                       : n == 1         ? top
                                        : top * as_exp_f64(as_log_f64(1e-3) * (double)i / (double)(n - 1));
    }
    for (int64_t i = 1; i < n; i++) {
        const double a = m->alphas[i];
        int64_t j = i;
        for (; j > 0 && m->alphas[j - 1] < a; j--) {
            m->alphas[j] = m->alphas[j - 1];
        }
        m->alphas[j] = a;
    }
}

/* Of the root: products about the means, or about 0 without an intercept, and nothing of columns that are constant. */
static as_status products(const as_statistic *s, const as_linear *l, double *sum, double **mean, double **scatter)
{
    const int64_t d = l->p + l->targets;
    const double w = s->weight;
    as_comoment_finish(d, sum, mean, scatter);
    for (int64_t j = 0; j < d; j++) {
        double *const row = *scatter + j * d, about = w * (*mean)[j] * (*mean)[j];
        if (!isfinite(row[j]) || !isfinite(about)) {
            char name[64];
            AS_FAIL(AS_DATA, "%s: the squares of %s add up to more than a number can hold; scale the data",
                    s->setup.data->place, j < l->p ? as_statistic_column(s, j, name) : "a column of targets");
        }
        const bool constant = l->intercept && row[j] <= CONSTANT * CONSTANT * about;
        for (int64_t i = 0; i < d; i++) {
            row[i] = constant ? 0 : row[i] + (l->intercept ? 0 : w * (*mean)[i] * (*mean)[j]);
            (*scatter)[i * d + j] = constant ? 0 : (*scatter)[i * d + j];
        }
    }
    return AS_OK;
}

/* G and X'y of all targets. */
static void normal_equations(const as_linear *l, const double *scatter, double w, double *gram, double *xy)
{
    const int64_t p = l->p, d = p + l->targets;
    for (int64_t i = 0; i < p; i++) {
        for (int64_t j = 0; j < p; j++) {
            gram[i * p + j] = scatter[i * d + j] / w;
        }
        for (int64_t t = 0; t < l->targets; t++) {
            xy[t * p + i] = scatter[i * d + p + t] / w;
        }
    }
}

/* Sum of squared residuals of coefficients b whose gradient is g: y'y - n b'(X'y / n + g). Less than what rounding
   leaves of y'y is no number, and counts as that. */
static double squares(const problem *q, const double *xy, double w, double total)
{
    const double rest = total - w * (q->V->dot(q->p, q->b, xy) + q->V->dot(q->p, q->b, q->g));
    const double least = DBL_EPSILON * total;
    return rest > least ? rest : least;
}

static void path(as_statistic *s, const as_elastic_options *o, const double *scatter, double *work, int64_t *which)
{
    as_elastic *const m = s->model;
    const as_linear *const l = &m->linear;
    const int64_t p = l->p, d = p + l->targets;
    double *const gram = work, *const xy = gram + p * p, *const g = xy + p * l->targets, *const b = g + p;
    normal_equations(l, scatter, s->weight, gram, xy);
    double largest = 0;
    for (int64_t j = 0; j < p * l->targets; j++) {
        largest = fabs(xy[j]) > largest ? fabs(xy[j]) : largest;
    }
    choose_alphas(m, o, largest);
    for (int64_t t = 0; t < l->targets; t++) {
        memset(b, 0, (size_t)p * sizeof *b);
        for (int64_t i = 0; i < penalties(o); i++) {
            const problem q = {.p = p,
                               .gram = gram,
                               .g = g,
                               .b = b,
                               .l1 = m->alphas[i] * o->l1_ratio,
                               .l2 = m->alphas[i] * (1 - o->l1_ratio),
                               .unit = largest,
                               .work = b + p,
                               .which = which,
                               .V = as_vectors_get(as_isa_detect())};
            const double residual = descend(&q, xy + t * p, o);
            m->residuals[i] = residual > m->residuals[i] || t == 0 ? residual : m->residuals[i];
            const double total = scatter[(p + t) * d + p + t];
            m->rss[i] = (t == 0 ? 0 : m->rss[i]) + squares(&q, xy + t * p, s->weight, total);
            m->nonzero[i] = t == 0 ? 0 : m->nonzero[i];
            for (int64_t j = 0; j < p; j++) {
                m->nonzero[i] += b[j] != 0;
            }
            memcpy(m->path + (i * l->targets + t) * p, b, (size_t)p * sizeof *b);
        }
    }
}

as_status as_elastic_finish(as_statistic *s, const as_elastic_options *o, double *sum, as_step_report *report)
{
    as_elastic *const m = s->model;
    const as_linear *const l = &m->linear;
    const int64_t p = l->p;
    double *mean, *scatter;
    AS_TRY(products(s, l, sum, &mean, &scatter));
    *l->rows = sum[AS_COMOMENT_ROWS];
    double *const work = calloc((size_t)(2 * p * p + p * l->targets + 3 * p) + 1, sizeof *work);
    int64_t *const which = calloc((size_t)p + 1, sizeof *which);
    if (work == NULL || which == NULL) {
        free(work);
        free(which);
        AS_FAIL(AS_NOMEM, "%s: no memory for %lld columns", s->base.ops->name, (long long)p);
    }
    path(s, o, scatter, work, which);
    free(work);
    free(which);
    int64_t best = 0;
    for (int64_t i = 0; i < penalties(o); i++) {
        const double n = *l->rows, each = o->criterion == 0 ? as_log_f64(n) : 2;
        m->judged[i] = n * as_log_f64(m->rss[i] / n) + each * m->nonzero[i];
        best = m->judged[i] < m->judged[best] ? i : best;
        if (m->residuals[i] > o->tol) {
            as_log_line(s->setup.log, AS_LOG_WARN,
                        "%s: penalty %g: the optimality conditions hold to %.2g after %lld sweeps, asked for %g: raise "
                        "model.max_iter",
                        s->base.ops->name, m->alphas[i], m->residuals[i], (long long)o->max_iter, o->tol);
        }
    }
    *m->alpha = m->alphas[best];
    *m->kkt = m->residuals[best];
    memcpy(l->coef, m->path + best * l->targets * p, (size_t)(l->targets * p) * sizeof *l->coef);
    for (int64_t t = 0; t < l->targets; t++) {
        l->start[t] = l->intercept ? mean[p + t] : 0;
        for (int64_t j = 0; j < p && l->intercept; j++) {
            l->start[t] -= mean[j] * l->coef[t * p + j];
        }
    }
    report->loss = m->rss[best] / s->weight / (double)l->targets;
    report->done = true;
    return AS_OK;
}

void as_elastic_describe(const as_statistic *s, const as_elastic_options *o, bool json, as_text *out)
{
    const as_elastic *const m = s->model;
    const int64_t n = penalties(o);
    if (json) {
        as_linear_describe(s, true, out);
        as_json_real(out, "alpha_", *m->alpha);
        as_json_real(out, "kkt", *m->kkt);
        as_json_reals(out, "alphas", n, m->alphas);
        as_json_reals(out, "rss", n, m->rss);
        as_json_reals(out, "nonzero", n, m->nonzero);
        as_json_reals(out, "criterion", n, m->judged);
        as_json_reals(out, "kkt_path", n, m->residuals);
        return;
    }
    as_text_add(out, "%s: %lld rows, penalty %.6g, l1 share %.4g%s%s\n", s->base.ops->name, (long long)*m->linear.rows,
                *m->alpha, o->l1_ratio, n > 1 ? ", chosen by " : "", n > 1 ? as_elastic_criteria[o->criterion] : "");
    as_text_add(out, "Optimality conditions hold to %.2g.\n", *m->kkt);
    as_text_add(out, "Standard errors are not defined for a penalised fit.\n\n%14s %10s %14s %14s %12s\n", "alpha",
                "not 0", "RSS", as_elastic_criteria[o->criterion], "KKT");
    for (int64_t i = 0; i < n; i++) {
        as_text_add(out, "%14.6g %10.0f %14.6g %14.6g %12.2g%s\n", m->alphas[i], m->nonzero[i], m->rss[i], m->judged[i],
                    m->residuals[i], n > 1 && m->alphas[i] == *m->alpha ? "  *" : "");
    }
    as_linear_end_of_path(n, m->alphas, m->judged, as_elastic_criteria[o->criterion], true, out);
    as_text_add(out, "\n");
    as_linear_describe(s, false, out);
}
