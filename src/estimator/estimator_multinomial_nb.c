/* Multinomial naive Bayes: counts of classes, fitted in one pass (C. Manning, P. Raghavan, H. Schuetze, "Introduction
   to Information Retrieval", 2008, section 13.2).

   For each class k the weight n_k and the sums N_kj of the columns, which must not be negative. Names follow
   scikit-learn: feature_log_prob_ = ln((N_kj + alpha) / sum_j (N_kj + alpha)), class_log_prior_, class_count_,
   feature_count_. Cost: 2 D flops a row; K (D + 1) doubles are sent. */
#include <math.h>

#include "base/error.h"
#include "estimator/classes.h"
#include "kernels/scalar_math.h"
#include "kernels/statistics.h"
#include "kernels/vectors.h"
#include "math/log_sum.h"

typedef struct options {
    double alpha;
    bool fit_prior;
    as_reals class_prior;
} options;

/* s->model */
typedef struct multinomial_nb {
    double *log_prob, *log_prior, *class_count, *feature_count;
} multinomial_nb;

static const as_field fields[] = {
    {.name = "alpha",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, alpha),
     .standard = "1",
     .min = 1e-10,
     .max = 1e300,
     .help = "Added to every count (Laplace 1, Lidstone below), so that nothing unseen is impossible."},
    AS_PRIOR_FIELDS(options),
    AS_FIELDS_END};

static as_status plan(as_statistic *s)
{
    multinomial_nb *m = s->model;
    const options *o = s->options;
    const int64_t dim[2] = {s->classes, s->width};
    AS_TRY(as_class_priors_check(s, "class_prior", &o->class_prior));
    s->most = AS_BAD_VALUE + s->classes * (1 + s->width);
    s->outputs = s->classes;
    s->flops = 2.0 * (double)s->width;
    AS_TRY(as_statistic_array(s, "/params/feature_log_prob_", 2, dim, &m->log_prob));
    AS_TRY(as_statistic_array(s, "/params/class_log_prior_", 1, dim, &m->log_prior));
    AS_TRY(as_statistic_array(s, "/params/class_count_", 1, dim, &m->class_count));
    return as_statistic_array(s, "/params/feature_count_", 2, dim, &m->feature_count);
}

static void rows(const as_statistic *s, const as_rows *r, double *sum)
{
    const int64_t d = s->width;
    int64_t bad = 0;
    for (int64_t i = 0; i < r->count * d; i++) {
        bad += r->x[i] < 0;
    }
    for (int64_t i = 0; bad > 0 && i < r->count * d; i++) {
        if (r->x[i] < 0) {
            as_bad_value_note(sum, r->id[i / d], i % d, r->x[i]);
        }
    }
    as_statistic_kernels_get(s->kernels->set)->sums(r->count, d, r->x, r->label, r->weight, sum + AS_BAD_VALUE, 1 + d);
}

static void merge(const as_statistic *s, double *left, const double *right)
{
    as_bad_value_merge(left, right);
    for (int64_t i = AS_BAD_VALUE; i < s->most; i++) {
        left[i] += right[i];
    }
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    multinomial_nb *m = s->model;
    const options *o = s->options;
    const int64_t d = s->width;
    AS_TRY(as_bad_value_check(s, sum, "counts of at least 0"));
    for (int64_t k = 0; k < s->classes; k++) {
        m->class_count[k] = sum[AS_BAD_VALUE + k * (1 + d)];
    }
    AS_TRY(as_class_priors(s, &o->class_prior, o->fit_prior, m->class_count, m->log_prior));
    double loss = 0; /* - mean joint log likelihood of the rows under the fit, without multinomial coefficients */
    for (int64_t k = 0; k < s->classes; k++) {
        const double *count = sum + AS_BAD_VALUE + k * (1 + d) + 1;
        double total = 0;
        for (int64_t j = 0; j < d; j++) {
            total += count[j] + o->alpha;
        }
        m->log_prior[k] = as_log_f64(m->log_prior[k]);
        loss -= m->class_count[k] > 0 && m->log_prior[k] > -HUGE_VAL ? m->class_count[k] * m->log_prior[k] : 0;
        for (int64_t j = 0; j < d; j++) {
            m->feature_count[k * d + j] = count[j];
            m->log_prob[k * d + j] = as_log_f64(count[j] + o->alpha) - as_log_f64(total);
            loss -= count[j] * m->log_prob[k * d + j];
        }
    }
    report->loss = loss / s->weight;
    report->done = true;
    return AS_OK;
}

/* Posterior probabilities by Bayes' rule. */
static void predict(const as_statistic *s, const as_rows *r, double *out)
{
    const multinomial_nb *m = s->model;
    const int64_t d = s->width, classes = s->classes;
    const as_vectors *v = as_vectors_get(s->kernels->set);
    for (int64_t i = 0; i < r->count; i++) {
        for (int64_t k = 0; k < classes; k++) {
            out[i * classes + k] = m->log_prior[k] + v->dot(d, r->x + i * d, m->log_prob + k * d);
        }
        as_log_normalize(classes, out + i * classes);
    }
}

static void describe(const as_statistic *s, bool json, as_text *out)
{
    const multinomial_nb *m = s->model;
    const options *o = s->options;
    if (json) {
        as_json_reals(out, "class_log_prior_", s->classes, m->log_prior);
        as_json_reals(out, "class_count_", s->classes, m->class_count);
        as_json_real(out, "alpha", o->alpha);
        return;
    }
    as_text_add(out, "Multinomial naive Bayes: %lld classes, %lld features, alpha %.6g\n", (long long)s->classes,
                (long long)s->width, o->alpha);
    as_class_table(s, m->class_count, m->log_prior, "counts", m->feature_count, out);
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_LABELS,
    .model_bytes = sizeof(multinomial_nb),
    .loss = "cross_entropy",
    .plan = plan,
    .rows = rows,
    .merge = merge,
    .finish = finish,
    .predict = predict,
    .describe = describe,
};

const as_estimator_ops as_estimator_multinomial_nb = {
    .name = "multinomial_nb",
    .help = "Multinomial naive Bayes: counts, such as those of words, within each class; one pass",
    .formula = "p(k | x) = p_k prod_j q_kj^x_j / sum_l p_l prod_j q_lj^x_j,  q_kj ~ N_kj + alpha",
    .fields = fields,
    .options_bytes = sizeof(options),
    .statistic = &statistic,
    AS_STATISTIC_METHODS,
};
