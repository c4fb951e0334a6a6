/* Bernoulli naive Bayes: classes with independent yes/no features, fitted in one pass.

   A value counts as yes above `binarize`. For each class k the weight n_k and the weights N_kj of the rows with yes in
   column j. Names follow scikit-learn: feature_log_prob_ = ln((N_kj + alpha) / (n_k + 2 alpha)), class_log_prior_,
   class_count_, feature_count_. Cost: 2 D flops a row; K (D + 1) doubles are sent. */
#include <math.h>

#include "base/error.h"
#include "estimator/classes.h"
#include "kernels/scalar_math.h"
#include "kernels/statistics.h"
#include "kernels/vectors.h"
#include "math/log_sum.h"

typedef struct options {
    double alpha, binarize;
    bool fit_prior;
    as_reals class_prior;
} options;

/* s->model */
typedef struct bernoulli_nb {
    double *log_prob, *log_prior, *class_count, *feature_count;
    double *odds, *base; /* (K, D) ln q - ln(1 - q); (K) ln p_k + sum_j ln(1 - q_kj); follow from the others */
} bernoulli_nb;

static const as_field fields[] = {
    {.name = "alpha",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, alpha),
     .standard = "1",
     .min = 1e-10,
     .max = 1e300,
     .help = "Added to the counts of yes and of no, so that nothing unseen is impossible."},
    {.name = "binarize",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, binarize),
     .standard = "0",
     .help = "Values above it, after normalisation, count as yes."},
    AS_PRIOR_FIELDS(options),
    AS_FIELDS_END};

static as_status plan(as_statistic *s)
{
    bernoulli_nb *m = s->model;
    const options *o = s->options;
    const int64_t dim[2] = {s->classes, s->width};
    AS_TRY(as_class_priors_check(s, "class_prior", &o->class_prior));
    s->most = s->classes * (1 + s->width);
    s->scratch = s->chunk * s->width;
    s->outputs = s->classes;
    s->flops = 2.0 * (double)s->width;
    AS_TRY(as_statistic_array(s, "/params/feature_log_prob_", 2, dim, &m->log_prob));
    AS_TRY(as_statistic_array(s, "/params/class_log_prior_", 1, dim, &m->log_prior));
    AS_TRY(as_statistic_array(s, "/params/class_count_", 1, dim, &m->class_count));
    AS_TRY(as_statistic_array(s, "/params/feature_count_", 2, dim, &m->feature_count));
    AS_TRY(as_arena_reserve(s->arena, (size_t)(s->classes * s->width) * sizeof(double), (void **)&m->odds));
    return as_arena_reserve(s->arena, (size_t)s->classes * sizeof(double), (void **)&m->base);
}

/* Rows as 1 and 0, in scratch. */
static const double *answers(const as_statistic *s, const as_rows *r)
{
    const double above = ((const options *)s->options)->binarize;
    for (int64_t i = 0; i < r->count * s->width; i++) {
        r->scratch[i] = r->x[i] > above ? 1 : 0;
    }
    return r->scratch;
}

static void rows(const as_statistic *s, const as_rows *r, double *sum)
{
    const int64_t d = s->width;
    as_statistic_kernels_get(s->kernels->set)->sums(r->count, d, answers(s, r), r->label, r->weight, sum, 1 + d);
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    bernoulli_nb *m = s->model;
    const options *o = s->options;
    const int64_t d = s->width;
    for (int64_t k = 0; k < s->classes; k++) {
        m->class_count[k] = sum[k * (1 + d)];
    }
    AS_TRY(as_class_priors(s, &o->class_prior, o->fit_prior, m->class_count, m->log_prior));
    double loss = 0; /* - mean joint log likelihood of the rows under the fit */
    for (int64_t k = 0; k < s->classes; k++) {
        const double *count = sum + k * (1 + d) + 1;
        const double total = m->class_count[k] + 2 * o->alpha;
        m->log_prior[k] = as_log_f64(m->log_prior[k]);
        loss -= m->class_count[k] > 0 && m->log_prior[k] > -HUGE_VAL ? m->class_count[k] * m->log_prior[k] : 0;
        for (int64_t j = 0; j < d; j++) {
            m->feature_count[k * d + j] = count[j];
            m->log_prob[k * d + j] = as_log_f64(count[j] + o->alpha) - as_log_f64(total);
            loss -= count[j] * m->log_prob[k * d + j];
            loss -= (m->class_count[k] - count[j]) *
                    (as_log_f64(m->class_count[k] - count[j] + o->alpha) - as_log_f64(total));
        }
    }
    report->loss = loss / s->weight;
    report->done = true;
    return AS_OK;
}

static as_status ready(as_statistic *s)
{
    bernoulli_nb *m = s->model;
    const options *o = s->options;
    const int64_t d = s->width;
    for (int64_t k = 0; k < s->classes; k++) {
        const double total = as_log_f64(m->class_count[k] + 2 * o->alpha);
        m->base[k] = m->log_prior[k];
        for (int64_t j = 0; j < d; j++) {
            const double no = as_log_f64(m->class_count[k] - m->feature_count[k * d + j] + o->alpha) - total;
            m->odds[k * d + j] = m->log_prob[k * d + j] - no;
            m->base[k] += no;
        }
    }
    return AS_OK;
}

/* Posterior probabilities by Bayes' rule. */
static void predict(const as_statistic *s, const as_rows *r, double *out)
{
    const bernoulli_nb *m = s->model;
    const int64_t d = s->width, classes = s->classes;
    const as_vectors *v = as_vectors_get(s->kernels->set);
    const double *x = answers(s, r);
    for (int64_t i = 0; i < r->count; i++) {
        for (int64_t k = 0; k < classes; k++) {
            out[i * classes + k] = m->base[k] + v->dot(d, x + i * d, m->odds + k * d);
        }
        as_log_normalize(classes, out + i * classes);
    }
}

static void describe(const as_statistic *s, bool json, as_text *out)
{
    const bernoulli_nb *m = s->model;
    const options *o = s->options;
    if (json) {
        as_json_reals(out, "class_log_prior_", s->classes, m->log_prior);
        as_json_reals(out, "class_count_", s->classes, m->class_count);
        as_json_real(out, "alpha", o->alpha);
        as_json_real(out, "binarize", o->binarize);
        return;
    }
    as_text_add(out, "Bernoulli naive Bayes: %lld classes, %lld features, alpha %.6g\n", (long long)s->classes,
                (long long)s->width, o->alpha);
    as_class_table(s, m->class_count, m->log_prior, "yes", m->feature_count, out);
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_LABELS,
    .model_bytes = sizeof(bernoulli_nb),
    .loss = "cross_entropy",
    .plan = plan,
    .rows = rows,
    .finish = finish,
    .ready = ready,
    .predict = predict,
    .describe = describe,
};

const as_estimator_ops as_estimator_bernoulli_nb = {
    .name = "bernoulli_nb",
    .help = "Bernoulli naive Bayes: independent yes/no features within each class; one pass",
    .formula = "p(k | x) ~ p_k prod_j q_kj^x_j (1 - q_kj)^(1 - x_j),  q_kj = (N_kj + alpha) / (n_k + 2 alpha)",
    .fields = fields,
    .options_bytes = sizeof(options),
    .statistic = &statistic,
    AS_STATISTIC_METHODS,
};
