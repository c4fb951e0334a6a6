/* Quadratic discriminant analysis: classes with a normal density each, of a covariance of its own (T. Hastie,
   R. Tibshirani, J. Friedman, "The Elements of Statistical Learning", 2009, section 4.3), fitted in one pass. Names
   follow scikit-learn: means_, priors_, covariance_ = (1 - reg_param) S_k / n_k + reg_param I. Its rotations_ and
   scalings_ are one triangular factor here, precisions_cholesky_. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/classes.h"
#include "estimator/mixture.h"
#include "estimator/scatter.h"
#include "kernels/scalar_math.h"
#include "kernels/statistics.h"
#include "math/constants.h"
#include "math/dense.h"

typedef struct options {
    double reg_param;
    as_reals priors;
} options;

/* s->model */
typedef struct qda {
    as_scatter scatter;
    as_mixture mixture; /* weights: priors_ */
    double *class_count;
} qda;

static const as_field fields[] = {{.name = "reg_param",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(options, reg_param),
                                   .standard = "0",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Share of the identity in each covariance."},
                                  AS_PRIORS_FIELD(options),
                                  AS_FIELDS_END};

static as_status plan(as_statistic *s)
{
    qda *m = s->model;
    const int64_t k = s->classes, d = s->width, dim[3] = {k, d, d};
    AS_TRY(as_class_priors_check(s, "priors", &((const options *)s->options)->priors));
    m->scatter = (as_scatter){.classes = k, .d = d};
    m->mixture = (as_mixture){.kind = AS_COVARIANCE_FULL, .k = k, .d = d};
    AS_TRY(as_statistic_array(s, "/params/priors_", 1, dim, &m->mixture.weights));
    AS_TRY(as_statistic_array(s, "/params/means_", 2, dim, &m->mixture.means));
    AS_TRY(as_statistic_array(s, "/params/covariance_", 3, dim, &m->mixture.covariances));
    AS_TRY(as_statistic_array(s, "/params/precisions_cholesky_", 3, dim, &m->mixture.factors));
    AS_TRY(as_statistic_array(s, "/params/class_count_", 1, dim, &m->class_count));
    AS_TRY(as_mixture_plan(s, &m->mixture));
    const int64_t scratch = as_mixture_scratch(k, d);
    s->most = as_scatter_size(&m->scatter);
    s->scratch = as_scatter_scratch(s) > scratch ? as_scatter_scratch(s) : scratch;
    s->outputs = k;
    s->flops = 2.0 * (double)(d * d);
    return AS_OK;
}

static void rows(const as_statistic *s, const as_rows *r, double *sum)
{
    as_scatter_rows(s, &((const qda *)s->model)->scatter, r, sum);
}

static void merge(const as_statistic *s, double *left, const double *right)
{
    as_scatter_merge(&((const qda *)s->model)->scatter, left, right);
}

/* Covariance of class k and its factor; adds to - log likelihood of its rows. */
static as_status finish_class(as_statistic *s, double *sum, int64_t k, double *work, double *loss)
{
    qda *m = s->model;
    const int64_t d = s->width;
    const double reg = ((const options *)s->options)->reg_param, n = m->class_count[k];
    const double *square = as_scatter_matrix(&m->scatter, sum, k);
    double *cov = m->mixture.covariances + k * d * d, *p = m->mixture.factors + k * d * d;
    for (int64_t i = 0; i < d * d; i++) {
        work[i] = cov[i] = (1 - reg) * square[i] / n + (i % (d + 1) == 0 ? reg : 0);
    }
    const int64_t rank = as_dense_cholesky(d, work, 1e-12, NULL);
    if (rank < d) {
        char name[64];
        AS_FAIL(AS_DATA,
                "qda: the covariance of class %s (samples of weight %g) has rank %lld of %lld columns: set "
                "model.reg_param above 0, leave columns out that depend on others, or use lda",
                as_statistic_class(s, k, name), n, (long long)rank, (long long)d);
    }
    as_dense_invert_upper(d, work, d, p);
    double trace;
    AS_TRY(as_scatter_trace(s, d, d, square, p, &trace));
    *loss += 0.5 * (trace + n * (double)d * AS_LOG_2PI);
    for (int64_t j = 0; j < d; j++) {
        *loss -= n * as_log_f64(p[j * d + j]);
    }
    *loss -= m->mixture.weights[k] > 0 ? n * as_log_f64(m->mixture.weights[k]) : 0;
    return AS_OK;
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    qda *m = s->model;
    const options *o = s->options;
    const int64_t d = s->width;
    for (int64_t k = 0; k < s->classes; k++) {
        m->class_count[k] = *as_scatter_weight(&m->scatter, sum, k);
        memcpy(m->mixture.means + k * d, as_scatter_mean(&m->scatter, sum, k), (size_t)d * sizeof(double));
    }
    AS_TRY(as_class_priors(s, &o->priors, true, m->class_count, m->mixture.weights));
    double *work = malloc((size_t)(d * d) * sizeof *work), loss = 0;
    as_status status = work == NULL ? as_error_set(AS_NOMEM, "out of memory for a covariance") : AS_OK;
    for (int64_t k = 0; k < s->classes && status == AS_OK; k++) {
        if (m->class_count[k] > 0) {
            status = finish_class(s, sum, k, work, &loss);
        } else {
            m->mixture.weights[k] = 0; /* no density: never predicted */
        }
    }
    free(work);
    report->loss = loss / s->weight;
    report->done = true;
    return status;
}

static as_status ready(as_statistic *s)
{
    as_mixture_ready(&((qda *)s->model)->mixture);
    return AS_OK;
}

/* Posterior probabilities by Bayes' rule. */
static void predict(const as_statistic *s, const as_rows *r, double *out)
{
    const double *total, *share = as_mixture_shares(s, &((const qda *)s->model)->mixture, r, &total);
    for (int64_t i = 0; i < r->count; i++) {
        for (int64_t k = 0; k < s->outputs; k++) {
            out[i * s->outputs + k] = share[k * AS_COLUMNS + i];
        }
    }
}

static void describe(const as_statistic *s, bool json, as_text *out)
{
    const qda *m = s->model;
    const int64_t d = s->width;
    if (json) {
        as_json_reals(out, "priors_", s->classes, m->mixture.weights);
        as_json_reals(out, "class_count_", s->classes, m->class_count);
        return;
    }
    as_text_add(out, "Quadratic discriminant analysis: %lld classes, %lld columns\n", (long long)s->classes,
                (long long)d);
    as_text_add(out, "%8s %14s %14s %20s\n", "class", "weight", "prior", "ln det covariance");
    for (int64_t k = 0; k < s->classes; k++) {
        double log = 0;
        for (int64_t j = 0; j < d && m->mixture.weights[k] > 0; j++) {
            log -= 2 * as_log_f64(m->mixture.factors[(k * d + j) * d + j]);
        }
        as_text_add(out, "%8lld %14.8g %14.8g %20.8g\n", (long long)k, m->class_count[k], m->mixture.weights[k], log);
    }
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_LABELS,
    .model_bytes = sizeof(qda),
    .loss = "cross_entropy",
    .plan = plan,
    .rows = rows,
    .merge = merge,
    .finish = finish,
    .ready = ready,
    .predict = predict,
    .describe = describe,
};

const as_estimator_ops as_estimator_qda = {
    .name = "qda",
    .help = "Quadratic discriminant analysis: normal classes with covariances of their own; one pass",
    .formula = "p(k | x) ~ p_k N(x; m_k, S_k)",
    .fields = fields,
    .options_bytes = sizeof(options),
    .statistic = &statistic,
    AS_STATISTIC_METHODS,
};
