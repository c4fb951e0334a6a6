/* What is known of a design before a fit: scales of columns, columns that say nothing or that separate the answers by
   themselves, sums of columns that are constant. Dependence is judged on the Gram matrix of standardised columns: what
   is left of a column beside those before it, squared, is below 1e-12 of it, so to about 1e-6 of its length. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/glm.h"
#include "math/dense.h"

static const double DEPENDENT = 1e-12;

as_status as_glm_classes_plan(as_statistic *s)
{
    as_glm *g = s->model;
    if (s->classes < 2) {
        char name[64];
        AS_FAIL(AS_DATA, "%s: %s: expected labels of 2 classes or more, found %lld: every label is %s",
                s->setup.data->place, s->base.ops->name, (long long)s->classes, as_statistic_class(s, 0, name));
    }
    g->groups = s->classes;
    return AS_OK;
}

int64_t as_glm_classes_size(const as_glm *g)
{
    return g->groups;
}

void as_glm_classes_add(const as_glm *g, const as_statistic *s, const as_rows *r, double *sum)
{
    (void)g;
    (void)s;
    for (int64_t i = 0; i < r->count; i++) {
        sum[AS_GLM_D_SUMS + r->label[i]] += r->weight[i];
    }
}

as_status as_glm_classes_check(const as_statistic *s, const double *sum)
{
    for (int64_t k = 0; k < s->classes; k++) {
        if (!(sum[AS_GLM_D_SUMS + k] > 0)) {
            char name[64];
            AS_FAIL(
                AS_DATA,
                "%s: %s: class %s has no row of %.0f: expected rows of each of %lld classes (labels 0 to %lld); a CSV "
                "column of other whole numbers or texts gives a class for each of them",
                s->setup.data->place, s->base.ops->name, as_statistic_class(s, k, name), s->samples,
                (long long)s->classes, (long long)s->classes - 1);
        }
    }
    return AS_OK;
}

int64_t as_glm_term_column(const as_glm *g, int64_t term)
{
    const int64_t column = term - (g->options.fit_intercept ? 1 : 0);
    return g->offset >= 0 && column >= g->offset ? column + 1 : column;
}

const char *as_glm_term_name(const as_statistic *s, int64_t term, char buffer[64])
{
    const int64_t column = as_glm_term_column(s->model, term);
    return column < 0 ? "const" : as_statistic_column(s, column, buffer);
}

static void scale_columns(as_statistic *s, const double *mean, const double *m2)
{
    as_glm *g = s->model;
    const bool centre = g->options.fit_intercept;
    g->active[s->width] = centre ? AS_GLM_ACTIVE : AS_GLM_ABSENT;
    for (int64_t j = 0; j < s->width; j++) {
        const double variance = m2[j] / g->number[AS_GLM_WEIGHT];
        const double size = sqrt(centre ? variance : variance + mean[j] * mean[j]);
        g->active[j] = j == g->offset ? AS_GLM_OFFSET : size > 0 ? AS_GLM_ACTIVE : AS_GLM_CONSTANT_COLUMN;
        g->scale[j] = g->active[j] == AS_GLM_ACTIVE ? 1 / size : 1;
        g->shift[j] = centre && g->active[j] == AS_GLM_ACTIVE ? -mean[j] * g->scale[j] : 0;
    }
}

static as_status check_columns(as_statistic *s, const double *mean, const double *m2)
{
    const as_glm *g = s->model;
    int64_t active = g->options.fit_intercept ? 1 : 0;
    for (int64_t j = 0; j < s->width; j++) {
        char name[64];
        if (!isfinite(m2[j]) || !isfinite(g->scale[j]) || !isfinite(mean[j])) {
            AS_FAIL(AS_DATA, "%s: column %s has a spread of %g about %g, which cannot be squared in double precision",
                    s->setup.data->place, as_statistic_column(s, j, name), sqrt(m2[j] / s->weight), mean[j]);
        }
        active += g->active[j] == AS_GLM_ACTIVE;
        if (g->active[j] == AS_GLM_CONSTANT_COLUMN && g->watch) {
            as_log_line(s->setup.log, AS_LOG_WARN, "%s: column %s is %.9g in every row: its coefficient is set to 0",
                        s->base.ops->name, as_statistic_column(s, j, name), mean[j]);
        }
    }
    if (g->watch && s->samples < (double)active) {
        AS_FAIL(AS_DATA,
                "%s: %.0f rows cannot determine %lld coefficients (%lld columns%s): leave columns out, or set a "
                "penalty",
                s->setup.data->place, s->samples, (long long)active, (long long)s->width,
                g->options.fit_intercept ? " and the intercept" : "");
    }
    return AS_OK;
}

static as_status check_ranges(const as_statistic *s, const double *ranges)
{
    const as_glm *g = s->model;
    const int64_t d = s->width;
    double *low = malloc((size_t)(2 * g->groups) * sizeof *low), *high = low == NULL ? NULL : low + g->groups;
    if (low == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for %lld ranges", s->base.ops->name, (long long)g->groups);
    }
    as_status status = AS_OK;
    for (int64_t j = 0; j < d && status == AS_OK && g->options.fit_intercept; j++) {
        for (int64_t k = 0; k < g->groups; k++) {
            low[k] = ranges[2 * k * d + j];
            high[k] = ranges[2 * k * d + d + j];
        }
        if (g->active[j] == AS_GLM_ACTIVE) {
            status = g->family->separated(g, s, j, low, high);
        }
    }
    free(low);
    return status;
}

as_status as_glm_finish_design(as_statistic *s, const double *sum)
{
    as_glm *g = s->model;
    const int64_t d = s->width;
    const double *moments = sum + as_glm_design_moments(g), *mean = moments + 1, *m2 = moments + 1 + d;
    double *intercept = calloc((size_t)g->q, sizeof *intercept);
    if (intercept == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for %lld intercepts", s->base.ops->name, (long long)g->q);
    }
    scale_columns(s, mean, m2);
    as_status status = g->family->begin(g, s, sum, intercept);
    for (int64_t k = 0; k < g->q && g->options.fit_intercept; k++) {
        g->theta[k * g->p + d] = intercept[k];
    }
    free(intercept);
    AS_TRY(status);
    AS_TRY(check_columns(s, mean, m2));
    AS_TRY(g->watch ? check_ranges(s, sum + as_glm_design_ranges(s)) : AS_OK);
    for (int64_t t = 0; t < g->terms && g->identified != NULL; t++) {
        const int64_t j = as_glm_term_column(g, t);
        g->identified[t] = j < 0 || g->active[j] == AS_GLM_ACTIVE;
    }
    memcpy(g->trial, g->theta, (size_t)g->n * sizeof(double));
    g->number[AS_GLM_LOSS] = -(g->number[AS_GLM_NULL] - g->number[AS_GLM_CONSTANT]) / s->weight;
    g->number[AS_GLM_VALUE] = g->number[AS_GLM_LOSS];
    return AS_OK;
}

/* -- Sums of columns that are constant. -- */

/* Says "a = 2 b - c + 3" of a relation over terms whose element at `dependent` is 1. */
static void tell_relation(const as_statistic *s, const double *relation, int64_t dependent)
{
    const as_glm *g = s->model;
    as_text text = {0};
    char name[64];
    int64_t shown = 0, more = 0;
    for (int64_t t = g->options.fit_intercept ? 1 : 0; t < g->terms; t++) {
        const double c = -relation[t];
        if (t == dependent || c == 0) {
            continue;
        }
        if (shown == 6) {
            more++;
            continue;
        }
        const char *sign = c < 0 ? (shown == 0 ? "-" : " - ") : shown == 0 ? "" : " + ";
        as_text_add(&text, "%s", sign);
        if (fabs(fabs(c) - 1) > 1e-9) {
            as_text_add(&text, "%.6g ", fabs(c));
        }
        as_text_add(&text, "%s", as_glm_term_name(s, t, name));
        shown++;
    }
    if (more > 0) {
        as_text_add(&text, " + %lld more", (long long)more);
    }
    if (g->options.fit_intercept && relation[0] != 0) {
        as_text_add(&text, " %c %.6g", relation[0] > 0 ? '-' : '+', fabs(relation[0]));
    }
    as_log_line(s->setup.log, AS_LOG_WARN,
                "%s: columns depend on each other: %s = %s in every row (to 1e-6 of its length): its coefficient is "
                "set to 0, and none of them gets a standard error",
                s->base.ops->name, as_glm_term_name(s, dependent, name), text.data == NULL ? "0" : text.data);
    as_text_free(&text);
}

/* The relation among columns of z (index: their order here, 0 the intercept) as one among terms: the dependent term
   gets 1, columns -c a_k / a_j, the intercept what makes the sum 0. */
static void keep_relation(as_statistic *s, const double *c, const int64_t *index, int64_t count, int64_t dependent)
{
    as_glm *g = s->model;
    const int64_t d = s->width, column = index[dependent];
    double constant = g->shift[column] / g->scale[column], size = fabs(constant);
    double *relation = g->relation + (*g->relations < AS_GLM_RELATIONS ? *g->relations : 0) * g->terms;
    const int64_t kept = *g->relations;
    const bool keep = kept < AS_GLM_RELATIONS;
    int64_t term = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t j = index[i];
        for (term = 0; term < g->terms; term++) {
            if (as_glm_term_column(g, term) == (j < d ? j : -1)) {
                break;
            }
        }
        const double factor = i == dependent ? 1 : j < d ? -c[i] * g->scale[j] / g->scale[column] : 0;
        if (j < d && factor != 0) {
            g->identified[term] = 0;
        }
        if (j < d && i != dependent) {
            constant -= c[i] * g->shift[j] / g->scale[column];
            size += fabs(c[i] * g->shift[j] / g->scale[column]);
        } else if (j == d) {
            constant -= c[i] / g->scale[column];
        }
        if (keep && j < d) {
            relation[term] = factor;
        }
    }
    if (g->options.fit_intercept && fabs(constant) > 1e-9 * size) {
        g->identified[0] = 0;
        if (keep) {
            relation[0] = constant;
        }
    }
    *g->relations = kept + 1;
    if (keep) {
        for (term = 0; term < g->terms && as_glm_term_column(g, term) != column; term++) {
        }
        tell_relation(s, relation, term);
    }
}

as_status as_glm_find_dependence(as_statistic *s, const double *matrix)
{
    as_glm *g = s->model;
    const int64_t p = g->p, d = s->width;
    double *r = malloc((size_t)(2 * p * p + p) * sizeof *r), *relation = r == NULL ? NULL : r + p * p;
    int64_t *index = malloc((size_t)p * sizeof *index), m = 0, rank = 0;
    bool *dependent = calloc((size_t)(2 * p), sizeof *dependent);
    as_status status = AS_OK;
    if (r == NULL || index == NULL || dependent == NULL) {
        status =
            as_error_set(AS_NOMEM, "%s: out of memory for a matrix of %lld columns", s->base.ops->name, (long long)p);
    } else {
        for (int64_t i = 0; i < p; i++) { /* the intercept first: what is left is never the intercept */
            const int64_t j = i == 0 ? d : i - 1;
            if (g->active[j] == AS_GLM_ACTIVE) {
                index[m++] = j;
            }
        }
        for (int64_t a = 0; a < m; a++) {
            for (int64_t b = a; b < m; b++) {
                const int64_t i = index[a] < index[b] ? index[a] : index[b], j = index[a] + index[b] - i;
                r[a * m + b] = matrix[i * p + j] / sqrt(matrix[index[a] * (p + 1)] * matrix[index[b] * (p + 1)]);
            }
        }
        if (as_dense_cholesky(m, r, DEPENDENT, dependent) < m) {
            status = as_dense_dependence(m, m, r, m, 1e-9, &rank, dependent, dependent + p, relation);
        }
        for (int64_t a = 0; a < m && status == AS_OK; a++) {
            if (dependent[a]) {
                for (int64_t b = 0; b < m; b++) { /* from columns of unit length to those of z */
                    relation[a * m + b] *= sqrt(matrix[index[a] * (p + 1)] / matrix[index[b] * (p + 1)]);
                }
                keep_relation(s, relation + a * m, index, m, a);
                g->active[index[a]] = AS_GLM_DEPENDENT;
            }
        }
    }
    free(r);
    free(index);
    free(dependent);
    return status;
}

/* -- Separation: a direction along which the likelihood never falls. -- */

enum { NAMED = 5 };

static as_status say_separated(const as_statistic *s, const double *v, double least, double largest)
{
    const as_glm *g = s->model;
    as_text text = {0};
    char name[64];
    double most = 0;
    int64_t shown = 0, others = 0;
    for (int64_t at = 0; at < g->n; at++) {
        most = at % g->p < s->width && fabs(v[at]) > most ? fabs(v[at]) : most;
    }
    for (int64_t t = 0; t < g->terms; t++) {
        const int64_t j = as_glm_term_column(g, t);
        double size = 0, raw = 0;
        for (int64_t k = 0; k < g->q && j >= 0; k++) {
            if (fabs(v[k * g->p + j]) > size) {
                size = fabs(v[k * g->p + j]);
                raw = v[k * g->p + j] * g->scale[j];
            }
        }
        if (j < 0 || size < 0.1 * most) {
            continue;
        }
        if (shown < NAMED) {
            as_text_add(&text, "%s%s (%+.4g)", shown > 0 ? ", " : "", as_glm_term_name(s, t, name), raw);
            shown++;
        } else {
            others++;
        }
    }
    if (others > 0) {
        as_text_add(&text, " and %lld more", (long long)others);
    }
    as_error_set(
        AS_DATA,
        "%s: the answers are separated: a sum of the columns %s orders all %.0f rows without a mistake (margins "
        "%.3g to %.3g), so that coefficients grow without end and no maximum likelihood estimate exists; leave "
        "such a column out, or set a penalty (l2)",
        s->base.ops->name, text.data == NULL ? "?" : text.data, g->number[AS_GLM_ROWS], least, largest);
    as_text_free(&text);
    return AS_DATA;
}

/* theta itself orders every row rightly: complete separation, proved. The last step does, but for rounding, and does
   not get shorter: quasi-complete separation, where Newton's steps go on by about one unit of eta each. */
as_status as_glm_check_separation(as_statistic *s, const double *head)
{
    const as_glm *g = s->model;
    if (head[AS_GLM_H_MARGIN] > 0 && *g->n_iter > 0) {
        return say_separated(s, g->theta, head[AS_GLM_H_MARGIN], HUGE_VAL);
    }
    const double least = head[AS_GLM_H_DIRECTION], largest = head[AS_GLM_H_LARGEST];
    if (*g->phase == AS_GLM_NEWTON_PHASE && *g->n_iter >= 4 && largest > 0.2 && least > -1e-6 * largest) {
        return say_separated(s, g->direction, 0, largest);
    }
    return AS_OK;
}
