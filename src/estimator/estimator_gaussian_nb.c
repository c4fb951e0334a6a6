/* Gaussian naive Bayes: classes with independent normal features, fitted in one pass.

   For each class k the weight n_k, the means m_k and the sums of squares about them M_k; rows are added one by one and
   lanes merged about their own means (Chan, Golub, LeVeque 1983, eq. 2.1), so that nothing is lost where means are
   large against spreads. Names follow scikit-learn: theta_, var_ (M_k / n_k + epsilon_), class_prior_, epsilon_
   (var_smoothing times the largest variance of a feature over all rows). Cost: 5 D flops a row; K (2 D + 1) doubles are
   sent. */
#include <math.h>

#include "base/error.h"
#include "estimator/classes.h"
#include "kernels/scalar_math.h"
#include "kernels/statistics.h"
#include "math/constants.h"
#include "math/log_sum.h"
#include "math/moments.h"

typedef struct options {
    double var_smoothing;
    as_reals priors;
} options;

/* s->model */
typedef struct gaussian_nb {
    double *theta, *var, *class_prior, *class_count, *epsilon;
    double *constant; /* (K) ln prior - 1/2 sum_j ln(2 pi var_kj); follows from the others */
    double *inverse;  /* (K, D) 1 / var */
} gaussian_nb;

static const as_field fields[] = {
    {.name = "var_smoothing",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, var_smoothing),
     .standard = "1e-9",
     .min = 0,
     .max = 1e300,
     .help = "Share of the largest variance of a feature that is added to all variances."},
    AS_PRIORS_FIELD(options),
    AS_FIELDS_END};

static as_status plan(as_statistic *s)
{
    gaussian_nb *m = s->model;
    const options *o = s->options;
    const int64_t k = s->classes, dim[2] = {k, s->width};
    AS_TRY(as_class_priors_check(s, "priors", &o->priors));
    s->most = k * (1 + 2 * s->width);
    s->outputs = k;
    s->flops = 5.0 * (double)s->width;
    AS_TRY(as_statistic_array(s, "/params/theta_", 2, dim, &m->theta));
    AS_TRY(as_statistic_array(s, "/params/var_", 2, dim, &m->var));
    AS_TRY(as_statistic_array(s, "/params/class_prior_", 1, dim, &m->class_prior));
    AS_TRY(as_statistic_array(s, "/params/class_count_", 1, dim, &m->class_count));
    AS_TRY(as_statistic_array(s, "/params/epsilon_", 0, NULL, &m->epsilon));
    AS_TRY(as_arena_reserve(s->arena, (size_t)k * sizeof(double), (void **)&m->constant));
    return as_arena_reserve(s->arena, (size_t)(k * s->width) * sizeof(double), (void **)&m->inverse);
}

/* The part of a statistic that belongs to class k: weight, means, sums of squares. */
static double *part(const as_statistic *s, double *sum, int64_t k)
{
    return sum + k * (1 + 2 * s->width);
}

static void rows(const as_statistic *s, const as_rows *r, double *sum)
{
    const int64_t d = s->width;
    as_statistic_kernels_get(s->kernels->set)->moments(r->count, d, r->x, r->label, r->weight, sum, 1 + 2 * d);
}

static void merge(const as_statistic *s, double *left, const double *right)
{
    const int64_t d = s->width;
    for (int64_t k = 0; k < s->classes; k++) {
        double *a = part(s, left, k);
        const double *b = right + (a - left);
        as_moments_merge(a, a + 1, a + 1 + d, d, b[0], b + 1, b + 1 + d);
    }
}

/* Largest variance of a feature over all classes together. */
static double largest_variance(const as_statistic *s, double *sum)
{
    const int64_t d = s->width;
    double largest = 0;
    for (int64_t j = 0; j < d; j++) {
        double n = 0, mean = 0, m2 = 0;
        for (int64_t k = 0; k < s->classes; k++) {
            const double *p = part(s, sum, k);
            as_moments_merge(&n, &mean, &m2, 1, p[0], p + 1 + j, p + 1 + d + j);
        }
        largest = n > 0 && m2 / n > largest ? m2 / n : largest;
    }
    return largest;
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    gaussian_nb *m = s->model;
    const options *o = s->options;
    const int64_t d = s->width;
    for (int64_t k = 0; k < s->classes; k++) {
        m->class_count[k] = *part(s, sum, k);
    }
    AS_TRY(as_class_priors(s, &o->priors, true, m->class_count, m->class_prior));
    *m->epsilon = o->var_smoothing * largest_variance(s, sum);
    double loss = 0; /* - mean joint log likelihood of the rows under the fit, class by class */
    for (int64_t k = 0; k < s->classes; k++) {
        const double *p = part(s, sum, k);
        for (int64_t j = 0; j < d; j++) {
            m->theta[k * d + j] = p[1 + j];
            m->var[k * d + j] = (p[0] > 0 ? p[1 + d + j] / p[0] : 0) + *m->epsilon;
            if (p[0] > 0 && !(m->var[k * d + j] > 0)) {
                char name[64], class[64];
                AS_FAIL(AS_DATA,
                        "gaussian_nb: column %s has no spread in class %s and var_smoothing %g adds none: a normal "
                        "density needs some; set model.var_smoothing above 0 or leave the column out",
                        as_statistic_column(s, j, name), as_statistic_class(s, k, class), o->var_smoothing);
            }
            if (p[0] > 0) {
                loss += 0.5 * (p[0] * as_log_f64(AS_TWO_PI * m->var[k * d + j]) + p[1 + d + j] / m->var[k * d + j]);
            }
        }
        loss -= p[0] > 0 && m->class_prior[k] > 0 ? p[0] * as_log_f64(m->class_prior[k]) : 0;
    }
    report->loss = loss / s->weight;
    report->done = true;
    return AS_OK;
}

/* A class that no row was seen of, or of prior 0, has no density: it is never predicted. */
static as_status ready(as_statistic *s)
{
    gaussian_nb *m = s->model;
    const int64_t d = s->width;
    for (int64_t k = 0; k < s->classes; k++) {
        const bool seen = m->class_count[k] > 0 && m->class_prior[k] > 0;
        m->constant[k] = seen ? as_log_f64(m->class_prior[k]) : -HUGE_VAL;
        for (int64_t j = 0; j < d && seen; j++) {
            m->constant[k] -= 0.5 * as_log_f64(AS_TWO_PI * m->var[k * d + j]);
            m->inverse[k * d + j] = 1 / m->var[k * d + j];
        }
    }
    return AS_OK;
}

/* Posterior probabilities by Bayes' rule, from joint log densities. */
static void predict(const as_statistic *s, const as_rows *r, double *out)
{
    const gaussian_nb *m = s->model;
    const int64_t d = s->width, classes = s->classes;
    for (int64_t i = 0; i < r->count; i++) {
        double *o = out + i * classes;
        for (int64_t k = 0; k < classes; k++) {
            double square = 0;
            for (int64_t j = 0; j < d && m->constant[k] > -HUGE_VAL; j++) {
                const double delta = r->x[i * d + j] - m->theta[k * d + j];
                square += delta * delta * m->inverse[k * d + j];
            }
            o[k] = m->constant[k] - 0.5 * square;
        }
        as_log_normalize(classes, o);
    }
}

static void describe(const as_statistic *s, bool json, as_text *out)
{
    const gaussian_nb *m = s->model;
    if (json) {
        as_json_reals(out, "class_prior_", s->classes, m->class_prior);
        as_json_reals(out, "class_count_", s->classes, m->class_count);
        as_json_real(out, "epsilon_", *m->epsilon);
        return;
    }
    as_text_add(out, "Gaussian naive Bayes: %lld classes, %lld features, epsilon %.6g\n", (long long)s->classes,
                (long long)s->width, *m->epsilon);
    as_text_add(out, "%-40s %14s %14s\n", "class", "weight", "prior");
    for (int64_t k = 0; k < s->classes; k++) {
        char name[64];
        as_text_add_name(out, 40, as_statistic_class(s, k, name));
        as_text_add(out, " %14.8g %14.8g\n", m->class_count[k], m->class_prior[k]);
    }
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_LABELS,
    .model_bytes = sizeof(gaussian_nb),
    .loss = "cross_entropy",
    .plan = plan,
    .rows = rows,
    .merge = merge,
    .finish = finish,
    .ready = ready,
    .predict = predict,
    .describe = describe,
};

const as_estimator_ops as_estimator_gaussian_nb = {
    .name = "gaussian_nb",
    .help = "Gaussian naive Bayes: independent normal features within each class; one pass",
    .formula = "p(k | x) = p_k prod_j N(x_j; theta_kj, var_kj) / sum_l p_l prod_j N(x_j; theta_lj, var_lj)",
    .fields = fields,
    .options_bytes = sizeof(options),
    .statistic = &statistic,
    AS_STATISTIC_METHODS,
};
