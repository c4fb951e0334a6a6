/* Linear discriminant analysis: normal classes with one covariance (R. Fisher 1936; T. Hastie, R. Tibshirani,
   J. Friedman, "The Elements of Statistical Learning", 2009, section 4.3), fitted in one pass.

   covariance_ = (1 - shrinkage) S_w / n + shrinkage (trace / D) I, as scikit-learn has it. Columns that depend on
   others within the classes (constant ones too) take no part: they get zeros in coef_ and scalings_, and are named by
   describe. Names follow scikit-learn: means_, priors_, xbar_, coef_ and intercept_ (a row for each class), scalings_
   (D, K - 1) with (x - xbar_) scalings_ the projections, and explained_variance_ratio_. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/classes.h"
#include "estimator/scatter.h"
#include "kernels/scalar_math.h"
#include "kernels/vectors.h"
#include "math/constants.h"
#include "math/dense.h"
#include "math/log_sum.h"

typedef struct options {
    double shrinkage;
    as_reals priors;
} options;

enum { CHUNK = 512 }; /* rows at a time: the matrix is read and written for each */

/* s->model */
typedef struct lda {
    as_scatter scatter;
    double *means, *priors, *class_count, *covariance, *xbar, *coef, *intercept, *scalings, *ratio;
    double *offset;     /* (K) ln prior - |whitened mean - xbar|^2 / 2; -inf: never predicted */
    int64_t *dependent; /* (D) columns that take no part */
} lda;

static const as_field fields[] = {
    {.name = "shrinkage",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, shrinkage),
     .standard = "0",
     .min = 0,
     .max = 1,
     .help = "Share of a multiple of the identity, of the same trace, in the covariance."},
    AS_PRIORS_FIELD(options),
    AS_FIELDS_END};

static as_status plan(as_statistic *s)
{
    lda *m = s->model;
    const int64_t k = s->classes, d = s->width, dim[2] = {k, d}, square[2] = {d, d};
    const int64_t axes[2] = {d, k > 1 ? k - 1 : 1};
    AS_TRY(as_class_priors_check(s, "priors", &((const options *)s->options)->priors));
    m->scatter = (as_scatter){.classes = k, .d = d, .pooled = true};
    s->chunk = CHUNK;
    s->most = as_scatter_size(&m->scatter);
    s->scratch = as_scatter_scratch(s);
    s->outputs = k;
    s->flops = 2.0 * (double)(d * d);
    AS_TRY(as_statistic_array(s, "/params/means_", 2, dim, &m->means));
    AS_TRY(as_statistic_array(s, "/params/priors_", 1, dim, &m->priors));
    AS_TRY(as_statistic_array(s, "/params/class_count_", 1, dim, &m->class_count));
    AS_TRY(as_statistic_array(s, "/params/covariance_", 2, square, &m->covariance));
    AS_TRY(as_statistic_array(s, "/params/xbar_", 1, dim + 1, &m->xbar));
    AS_TRY(as_statistic_array(s, "/params/coef_", 2, dim, &m->coef));
    AS_TRY(as_statistic_array(s, "/params/intercept_", 1, dim, &m->intercept));
    AS_TRY(as_statistic_array(s, "/params/scalings_", 2, axes, &m->scalings));
    AS_TRY(as_statistic_array(s, "/params/explained_variance_ratio_", 1, axes + 1, &m->ratio));
    AS_TRY(as_statistic_array(s, "/state/offset", 1, dim, &m->offset));
    return as_statistic_integers(s, "/params/dependent", 1, dim + 1, 0, 1, &m->dependent);
}

static void rows(const as_statistic *s, const as_rows *r, double *sum)
{
    as_scatter_rows(s, &((const lda *)s->model)->scatter, r, sum);
}

static void merge(const as_statistic *s, double *left, const double *right)
{
    as_scatter_merge(&((const lda *)s->model)->scatter, left, right);
}

/* Work space of the finish. */
typedef struct work {
    double *r, *p; /* (D, D) Cholesky factor; (D, rank) whitening, zero rows for dependent columns */
    double *z;     /* (K, rank) whitened means about xbar */
    double *gram, *value, *vector;
    bool *dependent;
    int64_t rank;
} work;

/* Covariance and the whitening P with P' covariance P = I. */
static as_status whiten(as_statistic *s, const double *square, work *w)
{
    lda *m = s->model;
    const int64_t d = s->width;
    const double shrinkage = ((const options *)s->options)->shrinkage;
    double trace = 0;
    for (int64_t j = 0; j < d; j++) {
        trace += square[j * d + j] / s->weight;
    }
    for (int64_t i = 0; i < d * d; i++) {
        m->covariance[i] =
            (1 - shrinkage) * square[i] / s->weight + (i % (d + 1) == 0 ? shrinkage * trace / (double)d : 0);
    }
    memcpy(w->r, m->covariance, (size_t)(d * d) * sizeof(double));
    w->rank = as_dense_cholesky(d, w->r, 1e-12, w->dependent);
    if (w->rank == 0) {
        AS_FAIL(AS_DATA, "lda: all %lld columns are constant within the classes: no covariance", (long long)d);
    }
    int64_t a = 0;
    for (int64_t i = 0; i < d; i++) {
        m->dependent[i] = w->dependent[i];
        for (int64_t j = 0, b = 0; j < d && !w->dependent[i]; j++) {
            if (!w->dependent[j]) {
                w->r[a * w->rank + b++] = w->r[i * d + j];
            }
        }
        a += !w->dependent[i];
    }
    as_dense_invert_upper(w->rank, w->r, w->rank, w->gram);
    memset(w->p, 0, (size_t)(d * d) * sizeof(double));
    a = 0;
    for (int64_t i = 0; i < d; i++) {
        if (!w->dependent[i]) {
            memcpy(w->p + i * w->rank, w->gram + a++ * w->rank, (size_t)w->rank * sizeof(double));
        }
    }
    return AS_OK;
}

/* Whitened means, and the rule from them: coef = P z. */
static void make_rule(as_statistic *s, work *w)
{
    lda *m = s->model;
    const int64_t d = s->width, rank = w->rank;
    for (int64_t k = 0; k < s->classes; k++) {
        double *const z = w->z + k * rank, *const coef = m->coef + k * d, length = 0, at_mean = 0;
        memset(z, 0, (size_t)rank * sizeof *z);
        for (int64_t j = 0; j < d && m->class_count[k] > 0; j++) {
            for (int64_t a = 0; a < rank; a++) {
                z[a] += (m->means[k * d + j] - m->xbar[j]) * w->p[j * rank + a];
            }
        }
        for (int64_t a = 0; a < rank; a++) {
            length += z[a] * z[a];
        }
        for (int64_t j = 0; j < d; j++) {
            coef[j] = 0;
            for (int64_t a = 0; a < rank; a++) {
                coef[j] += w->p[j * rank + a] * z[a];
            }
            at_mean += coef[j] * m->xbar[j];
        }
        const bool seen = m->class_count[k] > 0 && m->priors[k] > 0;
        m->offset[k] = seen ? as_log_f64(m->priors[k]) - 0.5 * length : -HUGE_VAL;
        m->intercept[k] = m->offset[k] - at_mean;
    }
}

/* Axes that tell the classes apart best: eigenvectors of the whitened means, weighted by the priors. */
static as_status make_axes(as_statistic *s, work *w)
{
    lda *m = s->model;
    const int64_t d = s->width, k = s->classes, rank = w->rank, axes = k > 1 ? k - 1 : 1;
    double whole = 0, *const column = w->value + k;
    for (int64_t a = 0; a < k * k; a++) {
        w->gram[a] = 0;
        for (int64_t i = 0; i < rank; i++) {
            w->gram[a] += w->z[a / k * rank + i] * w->z[a % k * rank + i];
        }
        w->gram[a] *= sqrt(m->priors[a / k] * m->priors[a % k]);
    }
    AS_TRY(as_dense_eigen(k, w->gram, w->value, w->vector));
    for (int64_t i = 0; i < k; i++) {
        whole += w->value[i] > 0 ? w->value[i] : 0;
    }
    for (int64_t i = 0; i < axes; i++) {
        const bool there = i < rank && w->value[i] > 1e-14 * w->value[0] && w->value[i] > 0;
        m->ratio[i] = there ? w->value[i] / whole : 0;
        for (int64_t j = 0; j < d; j++) {
            double sum = 0;
            for (int64_t c = 0; c < k && there; c++) {
                sum += w->vector[i * k + c] * sqrt(m->priors[c]) * m->coef[c * d + j];
            }
            column[j] = there ? sum / sqrt(w->value[i]) : 0;
        }
        as_dense_fix_sign(d, column);
        for (int64_t j = 0; j < d; j++) {
            m->scalings[j * axes + i] = column[j];
        }
    }
    return AS_OK;
}

static as_status finish_with(as_statistic *s, double *sum, as_step_report *report, work *w)
{
    lda *m = s->model;
    const int64_t d = s->width;
    const double *square = as_scatter_matrix(&m->scatter, sum, 0);
    double loss = 0;
    for (int64_t k = 0; k < s->classes; k++) {
        m->class_count[k] = *as_scatter_weight(&m->scatter, sum, k);
        memcpy(m->means + k * d, as_scatter_mean(&m->scatter, sum, k), (size_t)d * sizeof(double));
    }
    AS_TRY(as_class_priors(s, &((const options *)s->options)->priors, true, m->class_count, m->priors));
    for (int64_t j = 0; j < d; j++) {
        m->xbar[j] = 0;
        for (int64_t k = 0; k < s->classes; k++) {
            m->xbar[j] += m->priors[k] * m->means[k * d + j];
        }
    }
    AS_TRY(whiten(s, square, w));
    make_rule(s, w);
    AS_TRY(as_scatter_trace(s, d, w->rank, square, w->p, &loss));
    loss = 0.5 * (loss + s->weight * (double)w->rank * AS_LOG_2PI);
    for (int64_t a = 0; a < w->rank; a++) {
        loss += s->weight * as_log_f64(w->r[a * w->rank + a]);
    }
    for (int64_t k = 0; k < s->classes; k++) {
        loss -= m->class_count[k] > 0 && m->priors[k] > 0 ? m->class_count[k] * as_log_f64(m->priors[k]) : 0;
    }
    report->loss = loss / s->weight;
    report->done = true;
    return make_axes(s, w);
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    const size_t d = (size_t)s->width, k = (size_t)s->classes, most = d > k ? d : k;
    double *block = calloc(2 * d * d + k * d + most * most + k + d + k * k, sizeof *block);
    bool *dependent = calloc(d, sizeof *dependent);
    as_status status = AS_OK;
    if (block == NULL || dependent == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for a covariance of %lld columns", (long long)s->width);
    } else {
        work w = {.r = block, .p = block + d * d, .z = block + 2 * d * d, .dependent = dependent};
        w.gram = w.z + k * d;
        w.value = w.gram + most * most;
        w.vector = w.value + k + d;
        status = finish_with(s, sum, report, &w);
    }
    free(block);
    free(dependent);
    return status;
}

/* Posterior probabilities by Bayes' rule. */
static void predict(const as_statistic *s, const as_rows *r, double *out)
{
    const lda *m = s->model;
    const int64_t d = s->width;
    const as_vectors *v = as_vectors_get(s->kernels->set);
    for (int64_t i = 0; i < r->count; i++) {
        double *const o = out + i * s->outputs;
        for (int64_t j = 0; j < d; j++) {
            r->scratch[j] = r->x[i * d + j] - m->xbar[j];
        }
        for (int64_t k = 0; k < s->outputs; k++) {
            o[k] = m->offset[k] + v->dot(d, r->scratch, m->coef + k * d);
        }
        as_log_normalize(s->outputs, o);
    }
}

static void describe(const as_statistic *s, bool json, as_text *out)
{
    const lda *m = s->model;
    const int64_t axes = s->classes > 1 ? s->classes - 1 : 1;
    char name[64];
    if (json) {
        as_json_reals(out, "priors_", s->classes, m->priors);
        as_json_reals(out, "class_count_", s->classes, m->class_count);
        as_json_reals(out, "intercept_", s->classes, m->intercept);
        as_json_reals(out, "explained_variance_ratio_", axes, m->ratio);
        as_json_open(out, "dependent", '[');
        for (int64_t j = 0; j < s->width; j++) {
            if (m->dependent[j]) {
                as_json_text(out, NULL, as_statistic_column(s, j, name));
            }
        }
        as_json_close(out, ']');
        return;
    }
    as_text_add(out, "Linear discriminant analysis: %lld classes, %lld columns\n", (long long)s->classes,
                (long long)s->width);
    as_text_add(out, "%8s %14s %14s %14s %22s\n", "class", "weight", "prior", "intercept", "axis: share of spread");
    for (int64_t k = 0; k < s->classes; k++) {
        as_text_add(out, "%8lld %14.8g %14.8g %14.8g", (long long)k, m->class_count[k], m->priors[k], m->intercept[k]);
        if (k < axes) {
            as_text_add(out, " %22.6f", m->ratio[k]);
        }
        as_text_add(out, "\n");
    }
    int64_t length = 0;
    for (int64_t j = 0; j < s->width; j++) {
        if (m->dependent[j]) {
            as_statistic_column(s, j, name);
            const int64_t word = (int64_t)strlen(name) + 1;
            const bool begin = length == 0 || length + word > 78;
            as_text_add(out, "%s %s",
                        length == 0 ? "no part (depend on other columns within the classes):\n"
                        : begin     ? "\n"
                                    : "",
                        name);
            length = begin ? word : length + word;
        }
    }
    as_text_add(out, "%s", length > 0 ? "\n" : "");
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_LABELS,
    .model_bytes = sizeof(lda),
    .loss = "cross_entropy",
    .plan = plan,
    .rows = rows,
    .merge = merge,
    .finish = finish,
    .predict = predict,
    .describe = describe,
};

const as_estimator_ops as_estimator_lda = {
    .name = "lda",
    .help = "Linear discriminant analysis: normal classes with one covariance; one pass",
    .formula = "p(k | x) ~ p_k N(x; m_k, S)",
    .fields = fields,
    .options_bytes = sizeof(options),
    .statistic = &statistic,
    AS_STATISTIC_METHODS,
};
