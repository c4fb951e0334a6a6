/* Categorical naive Bayes: classes with independent features of a few values 0, 1, 2, ..., fitted in one pass.

   For each class k and column j the weight N_kjv of the rows with value v; a column has as many values as the largest
   one seen says, min_categories at the least. Names follow scikit-learn: feature_log_prob_[k][j][v] = ln((N_kjv +
   alpha) / (n_k + alpha n_j)), which is -inf beyond the n_j values of a column (n_categories_), class_log_prior_,
   class_count_, category_count_. A value that training has not seen tells nothing: its column is passed over.
   Cost: D additions a row; K (D M + 1) doubles are sent for M = max_categories. */
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "estimator/classes.h"
#include "kernels/scalar_math.h"
#include "math/log_sum.h"

typedef struct options {
    double alpha;
    bool fit_prior;
    as_reals class_prior;
    int64_t max_categories, min_categories;
} options;

/* s->model */
typedef struct categorical_nb {
    double *log_prob, *log_prior, *class_count, *category_count;
    int64_t *categories;
} categorical_nb;

static const as_field fields[] = {{.name = "alpha",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(options, alpha),
                                   .standard = "1",
                                   .min = 1e-10,
                                   .max = 1e300,
                                   .help = "Added to every count, so that no value is impossible."},
                                  AS_PRIOR_FIELDS(options),
                                  {.name = "max_categories",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(options, max_categories),
                                   .standard = "32",
                                   .min = 1,
                                   .max = 65536,
                                   .help = "Values must be below it; memory grows with it."},
                                  {.name = "min_categories",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(options, min_categories),
                                   .standard = "0",
                                   .max = 65536,
                                   .help = "Every column has at least so many values, seen or not."},
                                  AS_FIELDS_END};

static as_status plan(as_statistic *s)
{
    categorical_nb *m = s->model;
    const options *o = s->options;
    const int64_t dim[3] = {s->classes, s->width, o->max_categories};
    if (o->min_categories > o->max_categories) {
        AS_FAIL(AS_CONFIG, "model.min_categories: expected at most max_categories (%lld), found %lld",
                (long long)o->max_categories, (long long)o->min_categories);
    }
    AS_TRY(as_class_priors_check(s, "class_prior", &o->class_prior));
    s->most = AS_BAD_VALUE + s->classes * (1 + s->width * o->max_categories);
    s->outputs = s->classes;
    s->flops = (double)s->width;
    AS_TRY(as_statistic_array(s, "/params/feature_log_prob_", 3, dim, &m->log_prob));
    AS_TRY(as_statistic_array(s, "/params/class_log_prior_", 1, dim, &m->log_prior));
    AS_TRY(as_statistic_array(s, "/params/class_count_", 1, dim, &m->class_count));
    AS_TRY(as_statistic_array(s, "/params/category_count_", 3, dim, &m->category_count));
    return as_statistic_integers(s, "/params/n_categories_", 1, dim + 1, 0, o->max_categories, &m->categories);
}

/* Weights of the classes, then counts (K, D, M). */
static void rows(const as_statistic *s, const as_rows *r, double *sum)
{
    const int64_t d = s->width, most = ((const options *)s->options)->max_categories;
    double *weight = sum + AS_BAD_VALUE, *count = weight + s->classes;
    for (int64_t i = 0; i < r->count; i++) {
        double *const own = count + r->label[i] * d * most;
        weight[r->label[i]] += r->weight[i];
        for (int64_t j = 0; j < d; j++) {
            const double x = r->x[i * d + j];
            if (x >= 0 && x < (double)most && x == floor(x)) {
                own[j * most + (int64_t)x] += r->weight[i];
            } else {
                as_bad_value_note(sum, r->id[i], j, x);
            }
        }
    }
}

static void merge(const as_statistic *s, double *left, const double *right)
{
    as_bad_value_merge(left, right);
    for (int64_t i = AS_BAD_VALUE; i < s->most; i++) {
        left[i] += right[i];
    }
}

/* Values of a column: the largest seen in any class, and one more for 0. */
static int64_t categories_of(const as_statistic *s, const double *count, int64_t j)
{
    const options *o = s->options;
    int64_t n = o->min_categories > 1 ? o->min_categories : 1;
    for (int64_t k = 0; k < s->classes; k++) {
        for (int64_t v = n; v < o->max_categories; v++) {
            n = count[(k * s->width + j) * o->max_categories + v] > 0 ? v + 1 : n;
        }
    }
    return n;
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    categorical_nb *m = s->model;
    const options *o = s->options;
    const int64_t d = s->width, most = o->max_categories;
    const double *count = sum + AS_BAD_VALUE + s->classes;
    char expected[96];
    snprintf(expected, sizeof expected, "whole numbers from 0 to %lld (model.max_categories)", (long long)most - 1);
    AS_TRY(as_bad_value_check(s, sum, expected));
    for (int64_t k = 0; k < s->classes; k++) {
        m->class_count[k] = sum[AS_BAD_VALUE + k];
    }
    AS_TRY(as_class_priors(s, &o->class_prior, o->fit_prior, m->class_count, m->log_prior));
    double loss = 0; /* - mean joint log likelihood of the rows under the fit */
    for (int64_t k = 0; k < s->classes; k++) {
        m->log_prior[k] = as_log_f64(m->log_prior[k]);
        loss -= m->class_count[k] > 0 && m->log_prior[k] > -HUGE_VAL ? m->class_count[k] * m->log_prior[k] : 0;
        for (int64_t j = 0; j < d; j++) {
            m->categories[j] = categories_of(s, count, j);
            const double total = as_log_f64(m->class_count[k] + o->alpha * (double)m->categories[j]);
            for (int64_t v = 0; v < most; v++) {
                const int64_t at = (k * d + j) * most + v;
                m->category_count[at] = count[at];
                m->log_prob[at] = v < m->categories[j] ? as_log_f64(count[at] + o->alpha) - total : -HUGE_VAL;
                loss -= count[at] > 0 ? count[at] * m->log_prob[at] : 0;
            }
        }
    }
    report->loss = loss / s->weight;
    report->done = true;
    return AS_OK;
}

/* Posterior probabilities by Bayes' rule. */
static void predict(const as_statistic *s, const as_rows *r, double *out)
{
    const categorical_nb *m = s->model;
    const int64_t d = s->width, classes = s->classes, most = ((const options *)s->options)->max_categories;
    for (int64_t i = 0; i < r->count; i++) {
        for (int64_t k = 0; k < classes; k++) {
            double log = m->log_prior[k];
            for (int64_t j = 0; j < d; j++) {
                const double x = r->x[i * d + j];
                const bool known = x >= 0 && x < (double)m->categories[j] && x == floor(x);
                log += known ? m->log_prob[(k * d + j) * most + (int64_t)x] : 0;
            }
            out[i * classes + k] = log;
        }
        as_log_normalize(classes, out + i * classes);
    }
}

static void describe(const as_statistic *s, bool json, as_text *out)
{
    const categorical_nb *m = s->model;
    const options *o = s->options;
    int64_t values = 0;
    for (int64_t j = 0; j < s->width; j++) {
        values += m->categories[j];
    }
    if (json) {
        as_json_reals(out, "class_log_prior_", s->classes, m->log_prior);
        as_json_reals(out, "class_count_", s->classes, m->class_count);
        as_json_open(out, "n_categories_", '[');
        for (int64_t j = 0; j < s->width; j++) {
            as_json_int(out, NULL, m->categories[j]);
        }
        as_json_close(out, ']');
        as_json_real(out, "alpha", o->alpha);
        return;
    }
    as_text_add(out, "Categorical naive Bayes: %lld classes, %lld features with %lld values, alpha %.6g\n",
                (long long)s->classes, (long long)s->width, (long long)values, o->alpha);
    as_class_table(s, m->class_count, m->log_prior, NULL, NULL, out);
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_LABELS,
    .model_bytes = sizeof(categorical_nb),
    .loss = "cross_entropy",
    .plan = plan,
    .rows = rows,
    .merge = merge,
    .finish = finish,
    .predict = predict,
    .describe = describe,
};

const as_estimator_ops as_estimator_categorical_nb = {
    .name = "categorical_nb",
    .help = "Categorical naive Bayes: independent features of a few values within each class; one pass",
    .formula = "p(k | x) ~ p_k prod_j q_kj(x_j),  q_kj(v) = (N_kjv + alpha) / (n_k + alpha n_j)",
    .fields = fields,
    .options_bytes = sizeof(options),
    .statistic = &statistic,
    AS_STATISTIC_METHODS,
};
