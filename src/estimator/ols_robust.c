/* The second pass of least squares. With q_i = F'x_i sqrt(w_i), which are rows of an orthonormal Q, leverage is h_i =
   |q_i|^2 and the covariance of heteroskedastic errors (White 1980; MacKinnon and White, "Some heteroskedasticity-
   consistent covariance matrix estimators with improved finite sample properties", J. Econometrics 29, 1985)

       F [ sum_i u_i q_i q_i' ] F',   u_i = e_i^2 (HC0), e_i^2 rows / (rows - rank) (HC1), e_i^2 / (1 - h_i) (HC2),
                                      e_i^2 / (1 - h_i)^2 (HC3)

   A row of leverage 1 has no residual of its own: it adds nothing to HC2 and HC3. The rows of largest Cook's distance
   D_i = e_i^2 h_i / (rank s^2 (1 - h_i)^2) are kept, the smaller sample id first among equals; a row of leverage 1 has
   none. Cost: 5 k^2 flops a row for one target. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/ols.h"
#include "kernels/symmetric.h"
#include "kernels/vectors.h"
#include "math/dense.h"

enum { MEATS = 3, INFLUENCE = 4 }; /* HC0, HC2, HC3; Cook's distance, leverage, studentised residual, id + 1 */
static const int meat_of[] = {[AS_OLS_HC0] = 0, [AS_OLS_HC1] = 0, [AS_OLS_HC2] = 1, [AS_OLS_HC3] = 2};
#define FULL_LEVERAGE 1e-11 /* 1 - h below this is 0 */

static int64_t kept(const as_statistic *s)
{
    const as_linear *const l = s->model;
    const as_ols_options *const o = s->options;
    return l->targets == 1 && o->robust ? o->influence : 0;
}

int64_t as_ols_robust_size(const as_statistic *s)
{
    const as_linear *const l = s->model;
    return l->targets * MEATS * l->k * l->k + kept(s) * INFLUENCE;
}

/* Rows of ones and inputs, of q; room of their products; residuals and leverages. */
int64_t as_ols_robust_scratch(const as_statistic *s)
{
    const as_linear *const l = s->model;
    return 2 * ((s->chunk * l->k + 7) / 8 * 8) + as_symmetric_room(l->k) + 2 * s->chunk;
}

/* Puts a row among the kept ones, which are in order of falling distance; id + 1 of 0: none. */
static void keep(int64_t most, double *list, const double row[INFLUENCE])
{
    int64_t at = most;
    while (at > 0) {
        const double *const before = list + (at - 1) * INFLUENCE;
        if (before[3] > 0 && (before[0] > row[0] || (before[0] == row[0] && before[3] < row[3]))) {
            break;
        }
        at--;
    }
    if (at < most) {
        memmove(list + (at + 1) * INFLUENCE, list + at * INFLUENCE,
                (size_t)((most - 1 - at) * INFLUENCE) * sizeof *list);
        memcpy(list + at * INFLUENCE, row, INFLUENCE * sizeof *row);
    }
}

/* a (count, k): rows of the design times the roots of their weights. */
static void design(const as_linear *l, const as_rows *r, double *a)
{
    for (int64_t i = 0; i < r->count; i++) {
        double *to = a + i * l->k;
        const double root = sqrt(r->weight[i]), *const x = r->x + i * l->p;
        if (l->intercept) {
            *to++ = root;
        }
        for (int64_t j = 0; j < l->p; j++) {
            to[j] = root * x[j];
        }
    }
}

/* sum += q' diag(u) q over rows, on and above the diagonal. */
static void meat(const as_statistic *s, int64_t rows, int64_t k, const double *q, const double *u, double *room,
                 double *sum)
{
    const as_symmetric products = {.count = rows, .d = k, .x = q, .ldx = k, .factor = u, .out = sum, .ldo = k};
    as_symmetric_kernels_get(s->kernels->set)->add(&products, room);
}

static void influence(const as_ols *m, int64_t most, const as_rows *r, const double *leverage, const double *e,
                      double *list)
{
    const double rank = (double)*m->rank, s2 = *m->scale;
    for (int64_t i = 0; i < r->count; i++) {
        const double h = leverage[i], free = 1 - h;
        if (free > FULL_LEVERAGE && s2 > 0 && r->weight[i] > 0) {
            const double d = e[i] * e[i] * h / (rank * s2 * free * free);
            keep(most, list, (double[INFLUENCE]){d, h, e[i] / sqrt(s2 * free), (double)r->id[i] + 1});
        }
    }
}

void as_ols_robust_rows(const as_statistic *s, const as_rows *r, double *sum)
{
    const as_ols *const m = s->model;
    const as_linear *const l = &m->linear;
    const as_vectors *const V = as_vectors_get(s->kernels->set);
    const int64_t k = l->k, square = k * k, area = (s->chunk * k + 7) / 8 * 8;
    double *const a = r->scratch, *const q = a + area, *const room = q + area;
    double *const e = room + as_symmetric_room(k), *const h = e + s->chunk;
    double *const u = a; /* the design has done its work by then */
    design(l, r, a);
    s->kernels->gemm(r->count, k, k, a, k, m->packed, NULL, false, q, k);
    for (int64_t i = 0; i < r->count; i++) {
        h[i] = V->dot(k, q + i * k, q + i * k);
    }
    for (int64_t t = 0; t < l->targets; t++) {
        double *const sums = sum + t * MEATS * square;
        for (int64_t i = 0; i < r->count; i++) {
            const double fit = l->start[t] + V->dot(l->p, r->x + i * l->p, l->coef + t * l->p);
            e[i] = sqrt(r->weight[i]) * (r->target[i * l->targets + t] - fit);
        }
        for (int hc = 0; hc < MEATS; hc++) {
            for (int64_t i = 0; i < r->count; i++) {
                const double free = 1 - h[i];
                const double divisor = hc == 0 ? 1 : hc == 1 ? free : free * free;
                u[i] = hc > 0 && free <= FULL_LEVERAGE ? 0 : e[i] * e[i] / divisor;
            }
            meat(s, r->count, k, q, u, room, sums + hc * square);
        }
    }
    if (kept(s) > 0) {
        influence(m, kept(s), r, h, e, sum + l->targets * MEATS * square);
    }
}

void as_ols_robust_merge(const as_statistic *s, double *left, const double *right)
{
    const as_linear *const l = s->model;
    const int64_t most = kept(s), sums = l->targets * MEATS * l->k * l->k;
    s->kernels->add(sums, left, right, left);
    for (int64_t i = 0; i < most && right[sums + i * INFLUENCE + 3] > 0; i++) {
        keep(most, left + sums, right + sums + i * INFLUENCE);
    }
}

/* Wald's test that all slopes of target t are 0, by a robust covariance: F = b'C^-1 b / slopes over independent
   columns. work: (3 k + 1, k). */
static void wald(const as_statistic *s, as_ols *m, int64_t t, const double *middle, double factor, double *work)
{
    const as_vectors *const V = as_vectors_get(s->kernels->set);
    const int64_t k = m->linear.k;
    double *const c = work, *const b = work + k * k;
    int64_t n = 0;
    for (int64_t j = m->linear.intercept ? 1 : 0; j < k; j++) { /* rows of F in use move to the front of c */
        const double *const f = m->factor + j * k;
        if (V->dot(k, f, f) > 0) {
            memmove(c + n * k, f, (size_t)k * sizeof *c);
            b[n] = m->params[t * k + j];
            for (int64_t d = 0; d < k; d++) { /* the share of columns that depend on it */
                b[n] += m->relation[d * k + j] * m->params[t * k + d];
            }
            n++;
        }
    }
    double *const half = b + k, *const cov = half + k * k;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < k; j++) {
            half[i * k + j] = V->dot(k, middle + j * k, c + i * k);
        }
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            cov[i * n + j] = factor * V->dot(k, half + i * k, c + j * k);
        }
    }
    m->fvalue[t] = (double)NAN;
    if (n > 0 && *m->df_resid > 0 && as_dense_cholesky(n, cov, DBL_EPSILON * (double)n, NULL) == n) {
        as_dense_solve_upper_transposed(n, cov, n, b);
        m->fvalue[t] = V->dot(n, b, b) / (double)n;
    }
    m->f_pvalue[t] = as_ols_f_tail(m->fvalue[t], (double)n, *m->df_resid);
}

static as_status wald_all(const as_statistic *s, as_ols *m, const double *sum)
{
    const as_ols_options *const o = s->options;
    const int64_t k = m->linear.k, square = k * k;
    double *const work = calloc((size_t)(3 * square + k), sizeof *work);
    if (work == NULL) {
        AS_FAIL(AS_NOMEM, "ols: no memory for %lld columns", (long long)k);
    }
    for (int64_t t = 0; t < m->linear.targets; t++) {
        const double *const middle = sum + (t * MEATS + meat_of[o->cov_type]) * square;
        wald(s, m, t, middle, o->cov_type == AS_OLS_HC1 ? *m->linear.rows / *m->df_resid : 1, work);
    }
    free(work);
    return AS_OK;
}

/* The upper triangle to below the diagonal. */
static void mirror(int64_t k, double *square)
{
    for (int64_t i = 0; i < k; i++) {
        for (int64_t j = 0; j < i; j++) {
            square[i * k + j] = square[j * k + i];
        }
    }
}

as_status as_ols_robust_finish(as_statistic *s, double *sum)
{
    as_ols *const m = s->model;
    const as_linear *const l = &m->linear;
    const as_ols_options *const o = s->options;
    const as_vectors *const V = as_vectors_get(s->kernels->set);
    const int64_t k = l->k, square = k * k, most = kept(s);
    for (int64_t i = 0; i < l->targets * MEATS; i++) {
        mirror(k, sum + i * square);
    }
    for (int64_t t = 0; t < l->targets; t++) {
        for (int hc = AS_OLS_HC0; hc <= AS_OLS_HC3; hc++) {
            const double *const middle = sum + (t * MEATS + meat_of[hc]) * square;
            const double factor = hc == AS_OLS_HC1 && *m->df_resid > 0 ? *l->rows / *m->df_resid : 1;
            for (int64_t j = 0; j < k; j++) {
                const double *const f = m->factor + j * k;
                double variance = 0;
                for (int64_t i = 0; i < k; i++) {
                    variance += f[i] * V->dot(k, middle + i * k, f);
                }
                m->robust_se[hc][t * k + j] =
                    m->status[j] == AS_OLS_ESTIMATED ? sqrt(factor * (variance > 0 ? variance : 0)) : (double)NAN;
            }
        }
    }
    if (o->cov_type != AS_OLS_CLASSICAL) {
        memcpy(m->bse, m->robust_se[o->cov_type], (size_t)(l->targets * k) * sizeof *m->bse);
        as_ols_test(s, m);
        AS_TRY(wald_all(s, m, sum));
    }
    const double *const list = sum + l->targets * MEATS * square;
    for (int64_t i = 0; i < most; i++) {
        const double *const row = list + i * INFLUENCE;
        m->cooks[i] = row[0];
        m->leverage[i] = row[1];
        m->student[i] = row[2];
        m->id[i] = (int64_t)row[3] - 1;
    }
    return AS_OK;
}
