/* The triangle of linear models and their predictions. Cost of a pass: 2 (p + 1 + targets)^2 flops a row. */
#include "estimator/linear.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "kernels/scalar_math.h"
#include "kernels/vectors.h"

#define CONSTANT 1e-13 /* of a column's mean: a spread that is none */

/* What stands behind the triangle, and behind that the origin (n): a row that all were taken from. */
enum { ROWS, LOG_WEIGHTS, HAS_ORIGIN, ABOUT };

int64_t as_linear_size(const as_linear *l)
{
    return l->n * l->n + ABOUT + l->n;
}

/* The triangle of rows less another origin: with a column of ones only row 0 knows of it. */
static void move_origin(const as_linear *l, double *sum, const double *to)
{
    double *const about = sum + l->n * l->n, *const origin = about + ABOUT;
    for (int64_t j = 1; j < l->n; j++) {
        sum[j] += sum[0] * (origin[j] - to[j]);
        origin[j] = to[j];
    }
}

as_status as_linear_prepare(as_statistic *s, bool intercept, int64_t targets)
{
    as_linear *const l = s->model;
    l->p = s->width;
    l->k = l->p + (intercept ? 1 : 0);
    l->targets = targets;
    l->n = l->k + l->targets;
    l->intercept = intercept;
    s->chunk = as_tsqr_rows(l->n);
    l->scratch = as_tsqr_doubles(l->n, s->chunk, s->kernels);
    s->scratch = l->scratch;
    s->most = as_linear_size(l);
    s->flops = 2.0 * (double)(l->n * l->n);
    return as_tsqr_create(l->n, 0, s->kernels, &l->work);
}

as_status as_linear_plan(as_statistic *s, bool intercept)
{
    as_linear *const l = s->model;
    AS_TRY(as_linear_prepare(s, intercept, s->targets));
    const int64_t dim[2] = {l->targets, l->p};
    s->outputs = l->targets;
    AS_TRY(as_statistic_array(s, "/params/coef_", l->targets == 1 ? 1 : 2, l->targets == 1 ? dim + 1 : dim, &l->coef));
    AS_TRY(as_statistic_array(s, "/params/intercept_", 1, dim, &l->start));
    return as_statistic_array(s, "/inference/nobs", 0, NULL, &l->rows);
}

void as_linear_release(as_statistic *s)
{
    as_tsqr_destroy(&((as_linear *)s->model)->work);
}

void as_linear_rows(const as_statistic *s, const as_rows *r, double *sum)
{
    const as_linear *const l = s->model;
    as_tsqr t;
    as_tsqr_place(l->n, as_tsqr_rows(l->n), s->kernels, r->scratch, &t);
    double *const about = sum + l->n * l->n, *const origin = about + ABOUT;
    if (l->intercept && about[HAS_ORIGIN] == 0 && r->count > 0) {
        about[HAS_ORIGIN] = 1;
        memcpy(origin + 1, r->x, (size_t)l->p * sizeof *origin);
        if (l->targets > 0) {
            memcpy(origin + l->k, r->target, (size_t)l->targets * sizeof *origin);
        }
    }
    const double *const from = origin + (l->k - l->p);
    for (int64_t i = 0; i < r->count; i++) {
        double *to = t.chunk + i * l->n;
        const double w = r->weight[i], root = sqrt(w);
        const double *const x = r->x + i * l->p, *const y = l->targets > 0 ? r->target + i * l->targets : NULL;
        if (l->intercept) {
            *to++ = root;
        }
        for (int64_t j = 0; j < l->p; j++) {
            to[j] = root * (x[j] - from[j]);
        }
        for (int64_t j = 0; j < l->targets; j++) {
            to[l->p + j] = root * (y[j] - from[l->p + j]);
        }
        if (w > 0) {
            about[ROWS] += 1;
            about[LOG_WEIGHTS] += w == 1 ? 0 : as_log_f64(w);
        }
    }
    as_tsqr_fold(&t, r->count, sum);
}

void as_linear_merge(const as_statistic *s, double *left, const double *right)
{
    as_linear *const l = s->model;
    double *const about = left + l->n * l->n;
    const double *const other = right + l->n * l->n;
    if (other[HAS_ORIGIN] > 0) {
        move_origin(l, left, other + ABOUT);
        about[HAS_ORIGIN] = 1;
    }
    as_tsqr_merge(&l->work, left, right);
    about[ROWS] += other[ROWS];
    about[LOG_WEIGHTS] += other[LOG_WEIGHTS];
}

void as_linear_predict(const as_statistic *s, const as_rows *r, double *out)
{
    const as_linear *const l = s->model;
    const as_vectors *const V = as_vectors_get(s->kernels->set);
    for (int64_t i = 0; i < r->count; i++) {
        for (int64_t t = 0; t < l->targets; t++) {
            out[i * l->targets + t] = l->start[t] + V->dot(l->p, r->x + i * l->p, l->coef + t * l->p);
        }
    }
}

as_linear_form as_linear_form_of(const as_statistic *s)
{
    const as_linear *const l = s->model;
    return (as_linear_form){.functions = l->targets, .coef = l->coef, .start = l->start, .factor = -1};
}

as_status as_linear_finish(as_statistic *s, double *sum)
{
    as_linear *const l = s->model;
    as_tsqr_finish(l->n, sum);
    double *const about = sum + l->n * l->n, *const origin = about + ABOUT;
    for (int64_t j = 1; l->intercept && j < l->n; j++) {
        sum[j] += sum[0] * origin[j];
        origin[j] = 0;
    }
    for (int64_t j = 0; j < l->n; j++) {
        for (int64_t i = 0; i <= j; i++) {
            if (!isfinite(sum[i * l->n + j])) {
                char name[64];
                const bool input = j < l->k;
                AS_FAIL(AS_DATA, "%s: the squares of %s add up to more than a number can hold; scale the data",
                        s->setup.data->place,
                        input ? as_statistic_column(s, j - (l->k - l->p), name) : "a column of targets");
            }
        }
    }
    for (int64_t j = 1; l->intercept && j < l->n; j++) { /* what rounding leaves of a constant column is nothing */
        double spread = 0;
        for (int64_t i = 1; i <= j; i++) {
            spread += sum[i * l->n + j] * sum[i * l->n + j];
        }
        for (int64_t i = 1; i <= j && spread <= CONSTANT * CONSTANT * sum[j] * sum[j]; i++) {
            sum[i * l->n + j] = 0;
        }
    }
    *l->rows = about[ROWS];
    l->log_weights = about[LOG_WEIGHTS];
    return AS_OK;
}

const double *as_linear_centred(const as_linear *l, const double *root)
{
    return l->intercept ? root + l->n + 1 : root;
}

double as_linear_total(const as_linear *l, const double *root, int64_t t)
{
    const int64_t j = l->k + t;
    double sum = 0;
    for (int64_t i = l->intercept ? 1 : 0; i <= j; i++) {
        sum += root[i * l->n + j] * root[i * l->n + j];
    }
    return sum;
}

double as_linear_residual(const as_linear *l, const double *root, int64_t t)
{
    const int64_t j = l->k + t;
    double sum = 0;
    for (int64_t i = l->k; i <= j; i++) {
        sum += root[i * l->n + j] * root[i * l->n + j];
    }
    return sum;
}

double as_linear_intercept(const as_linear *l, const double *root, int64_t t, const double *coef)
{
    if (!l->intercept) {
        return 0;
    }
    double sum = root[l->k + t];
    for (int64_t j = 0; j < l->p; j++) {
        sum -= root[1 + j] * coef[j];
    }
    return sum / root[0];
}

void as_linear_end_of_path(int64_t n, const double *alpha, const double *criterion, const char *name, bool null_end,
                           as_text *out)
{
    int64_t least = 0, most = 0, best = 0, second = -1;
    for (int64_t i = 1; i < n; i++) {
        least = alpha[i] < alpha[least] ? i : least;
        most = alpha[i] > alpha[most] ? i : most;
        best = criterion[i] < criterion[best] ? i : best;
    }
    for (int64_t i = 0; i < n; i++) {
        second = i != least && (second < 0 || alpha[i] < alpha[second]) ? i : second;
    }
    if (n < 2) {
        return;
    }
    if (best == least && alpha[least] > 0) {
        as_text_add(out, "The smallest penalty is the best of them: still smaller ones may be better.\n");
    } else if (best == most && !null_end) {
        as_text_add(out, "The largest penalty is the best of them: still larger ones may be better.\n");
    } else if (criterion[least] < criterion[second] && alpha[least] > 0) {
        as_text_add(out, "%s falls again towards the smallest penalty, %.6g: still smaller ones may be better.\n", name,
                    alpha[least]);
    }
}

void as_linear_describe(const as_statistic *s, bool json, as_text *out)
{
    const as_linear *const l = s->model;
    if (json) {
        as_json_reals(out, "coef_", l->targets * l->p, l->coef);
        as_json_reals(out, "intercept_", l->targets, l->start);
        return;
    }
    for (int64_t t = 0; t < l->targets; t++) {
        if (l->targets > 1) {
            as_text_add(out, "target %lld\n", (long long)t);
        }
        if (l->intercept) {
            as_text_add(out, "%-24s %16.9g\n", "intercept", l->start[t]);
        }
        for (int64_t j = 0; j < l->p; j++) {
            char name[64];
            as_text_add(out, "%-24s %16.9g\n", as_statistic_column(s, j, name), l->coef[t * l->p + j]);
        }
    }
}
