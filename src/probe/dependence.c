/* QR of the centred columns of length 1 (as_dense_qr), and which depend on those before (as_dense_dependence). Cost:
   2 rows columns^2 flops. */
#include "probe/dependence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "math/dense.h"

static const double work_most = 3e8;

enum { ANSWERS_MOST = 16, TERMS_MOST = 6 };

/* What columns may tell: an indicator for each class, or the targets; the first so many. */
static int64_t answers_of(const as_sample *s)
{
    const int64_t all = s->label != NULL ? s->classes : s->target != NULL ? s->targets : 0;
    return all < ANSWERS_MOST ? all : ANSWERS_MOST;
}

static double answer(const as_sample *s, int64_t row, int64_t k)
{
    return s->label != NULL ? (s->label[row] == k ? 1 : 0) : s->target[row * s->targets + k];
}

/* The answers, centred, behind the columns: a (m, n + extra). */
static void fill_answers(const as_sample *s, int64_t n, int64_t extra, double *a)
{
    for (int64_t k = 0; k < extra; k++) {
        double mean = 0;
        for (int64_t r = 0; r < s->rows; r++) {
            mean += answer(s, r, k) / (double)s->rows;
        }
        for (int64_t r = 0; r < s->rows; r++) {
            const double v = answer(s, r, k) - mean;
            a[r * (n + extra) + n + k] = isfinite(v) ? v : 0;
        }
    }
}

/* F of each answer's regression on the n columns, from Q'y: the first n elements are what they explain. */
static double regression_p(const as_sample *s, int64_t n, int64_t extra, const double *a)
{
    const double left = (double)(s->rows - 1 - n);
    double p = 1;
    for (int64_t k = 0; k < extra && left > (double)n; k++) {
        double told = 0, rest = 0;
        for (int64_t r = 0; r < s->rows; r++) {
            const double v = a[r * (n + extra) + n + k];
            told += r < n ? v * v : 0;
            rest += r < n ? 0 : v * v;
        }
        const double one = rest > 0 ? as_tail_f(told / (double)n / (rest / left), (double)n, left) : told > 0 ? 0 : 1;
        p = one * (double)extra < p ? one * (double)extra : p;
    }
    return p;
}

/* Columns that vary, of length 1, as rows (m, n) with ld; their numbers to index. */
static void fill(const as_sample *s, const as_columns *columns, int64_t n, int64_t ld, const int64_t *index, double *a)
{
    for (int64_t r = 0; r < s->rows; r++) {
        for (int64_t j = 0; j < n; j++) {
            const as_column_facts *x = &columns->column[index[j]];
            const double v = s->x[r * s->width + index[j]] - x->mean;
            a[r * ld + j] = isfinite(v) ? v / (x->sd * sqrt((double)s->rows)) : 0;
        }
    }
}

/* In units of the columns as they are, not of length 1. */
static void describe(const as_columns *columns, const int64_t *index, int64_t n, int64_t j, const double *relation,
                     as_dependence *out)
{
    char name[AS_COLUMN_NAME_MAX];
    size_t used = 0;
    int64_t terms = 0;
    out->column = index[j];
    for (int64_t k = 0; k < n; k++) {
        const double scale = columns->column[index[j]].sd / columns->column[index[k]].sd;
        if (relation[j * n + k] != 0 && terms++ < TERMS_MOST && used + 64 + sizeof name < sizeof out->relation) {
            used += (size_t)snprintf(out->relation + used, sizeof out->relation - used, "%s%.4g x %s",
                                     used > 0 ? " + " : "", relation[j * n + k] * scale,
                                     as_columns_name(columns, index[k], name));
            out->terms++;
        }
    }
    if (terms > out->terms) {
        snprintf(out->relation + used, sizeof out->relation - used, " + %lld more", (long long)(terms - out->terms));
    }
}

static as_status measure(const as_sample *s, const as_columns *columns, int64_t n, const int64_t *index, double *a,
                         as_dependence *out)
{
    const int64_t extra = answers_of(s), ld = n + extra;
    double *relation = malloc((size_t)(n * n + 1) * sizeof *relation);
    bool *flags = malloc((size_t)(2 * n + 1) * sizeof *flags);
    as_status status = AS_OK;
    fill(s, columns, n, ld, index, a);
    fill_answers(s, n, extra, a);
    status = relation == NULL || flags == NULL ? as_error_set(AS_NOMEM, "out of memory for %lld columns", (long long)n)
                                               : as_dense_qr(s->rows, n, extra, a, ld);
    if (status == AS_OK) {
        const int64_t m = s->rows < n ? s->rows : n;
        status = as_dense_dependence(m, n, a, ld, out->tolerance, &out->rank, flags, flags + n, relation);
        out->columns = n;
        out->p = regression_p(s, n, extra, a);
        out->smallest = s->rows < n ? 0 : 1;
        for (int64_t j = 0; j < m; j++) {
            out->smallest = fabs(a[j * ld + j]) < out->smallest ? fabs(a[j * ld + j]) : out->smallest;
        }
        for (int64_t j = 0; status == AS_OK && j < n && out->column < 0; j++) {
            if (flags[j]) {
                describe(columns, index, n, j, relation, out);
            }
        }
    }
    free(flags);
    free(relation);
    return status;
}

as_status as_dependence_measure(const as_sample *s, const as_columns *columns, as_dependence *out)
{
    int64_t n = 0;
    *out = (as_dependence){.column = -1, .tolerance = 1e-6, .p = 1};
    if (columns->column == NULL || 2.0 * (double)s->rows * (double)columns->n * (double)columns->n > work_most) {
        return AS_OK;
    }
    int64_t *index = malloc((size_t)(columns->n + 1) * sizeof *index);
    double *a = malloc((size_t)(s->rows * (columns->n + answers_of(s)) + 1) * sizeof *a);
    as_status status = AS_OK;
    if (index == NULL || a == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for %lld columns", (long long)columns->n);
    }
    for (int64_t j = 0; status == AS_OK && j < columns->n; j++) {
        if (columns->column[j].sd > 0) {
            index[n++] = j;
        }
    }
    if (status == AS_OK && n > 0) {
        status = measure(s, columns, n, index, a, out);
    }
    free(a);
    free(index);
    return status;
}

/* One pass of the perceptron of Rosenblatt for several classes: the row's class up, the one that won down. Returns rows
   that were right. w (classes, columns + 1). */
static int64_t perceive(const as_sample *s, const as_columns *columns, double *w)
{
    const int64_t d = s->width + 1;
    int64_t right = 0;
    for (int64_t r = 0; r < s->rows; r++) {
        int64_t best = 0;
        double most = -(double)INFINITY;
        for (int64_t k = 0; k < s->classes; k++) {
            double sum = w[k * d + d - 1];
            for (int64_t j = 0; j < s->width; j++) {
                const as_column_facts *x = &columns->column[j];
                sum += x->sd > 0 ? w[k * d + j] * (s->x[r * s->width + j] - x->mean) / x->sd : 0;
            }
            best = sum > most ? k : best;
            most = sum > most ? sum : most;
        }
        if (best == s->label[r] || s->label[r] < 0) {
            right++;
            continue;
        }
        for (int64_t j = 0; j < d; j++) {
            const as_column_facts *x = &columns->column[j < s->width ? j : 0];
            const double v = j == s->width ? 1 : x->sd > 0 ? (s->x[r * s->width + j] - x->mean) / x->sd : 0;
            w[s->label[r] * d + j] += v;
            w[best * d + j] -= v;
        }
    }
    return right;
}

as_status as_dependence_separate(const as_sample *s, const as_columns *columns, double *out)
{
    const double pass = (double)s->rows * (double)(s->width + 1) * (double)s->classes;
    *out = (double)NAN;
    if (columns->column == NULL || s->label == NULL || s->classes < 2 || 20 * pass > work_most) {
        return AS_OK;
    }
    double *w = calloc((size_t)(s->classes * (s->width + 1)), sizeof *w);
    if (w == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a perceptron");
    }
    int64_t right = 0;
    for (int turn = 0; turn < 500 && turn * pass < work_most && right < s->rows; turn++) {
        right = perceive(s, columns, w);
    }
    *out = (double)right / (double)s->rows;
    free(w);
    return AS_OK;
}
