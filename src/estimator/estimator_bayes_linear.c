/* Bayesian linear regression with a normal prior whose precision lambda, and noise whose precision alpha, maximise the
   evidence (MacKay, "Bayesian interpolation", Neural Computation 4, 1992; names as scikit-learn's BayesianRidge, with
   flat hyperpriors). In the basis of the singular vectors of the centred triangle, with c = U'y:

       m_i = alpha s_i c_i / (alpha s_i^2 + lambda),  gamma = sum alpha s_i^2 / (alpha s_i^2 + lambda),
       lambda <- gamma / |m|^2,  alpha <- (n - gamma) / RSS

   The evidence is ln N(y - mean; 0, I / alpha + X X' / lambda), of the centred columns. Posterior standard deviations
   are given as errors, its normal intervals as intervals. Cost: the pass of linear.h, some p^3, 10 p a turn. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/linear.h"
#include "kernels/scalar_math.h"
#include "kernels/vectors.h"
#include "math/constants.h"
#include "math/dense.h"
#include "math/special.h"

typedef struct options {
    bool fit_intercept;
    int64_t max_iter;
    double tol, confidence;
} options;

typedef struct bayes {
    as_linear linear;
    double *alpha, *lambda, *sigma;                    /* precisions; (p, p) posterior covariance */
    double *bse, *conf_int, *evidence, *gamma, *turns; /* (p), (p, 2); one each */
} bayes;

static const as_field fields[] = {
    {.name = "fit_intercept",
     .type = AS_FIELD_BOOL,
     .offset = offsetof(options, fit_intercept),
     .standard = "true",
     .help = "Add an intercept, with a flat prior."},
    {.name = "tol",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, tol),
     .standard = "1e-12",
     .min = 0,
     .max = 1,
     .help = "Relative change of both precisions at which the maximum of the evidence counts as found."},
    {.name = "max_iter",
     .type = AS_FIELD_INT,
     .offset = offsetof(options, max_iter),
     .standard = "100000",
     .min = 1,
     .max = 1e9,
     .unit = "turns",
     .help = "Most turns; each costs a few operations a column."},
    {.name = "confidence",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, confidence),
     .standard = "0.95",
     .min = 0.01,
     .max = 0.999999,
     .help = "Probability of the credible intervals."},
    AS_FIELDS_END};

static as_status plan(as_statistic *s)
{
    bayes *const m = s->model;
    const options *const o = s->options;
    if (s->targets != 1) {
        AS_FAIL(AS_CONFIG, "%s: a model of type bayes_linear learns from one target, found %lld", s->setup.data->place,
                (long long)s->targets);
    }
    AS_TRY(as_linear_plan(s, o->fit_intercept));
    const int64_t p = m->linear.p, square[2] = {p, p}, pairs[2] = {p, 2};
    AS_TRY(as_statistic_array(s, "/params/alpha_", 0, NULL, &m->alpha));
    AS_TRY(as_statistic_array(s, "/params/lambda_", 0, NULL, &m->lambda));
    AS_TRY(as_statistic_array(s, "/params/sigma_", 2, square, &m->sigma));
    AS_TRY(as_statistic_array(s, "/inference/bse", 1, square, &m->bse));
    AS_TRY(as_statistic_array(s, "/inference/conf_int", 2, pairs, &m->conf_int));
    AS_TRY(as_statistic_array(s, "/inference/evidence", 0, NULL, &m->evidence));
    AS_TRY(as_statistic_array(s, "/inference/gamma", 0, NULL, &m->gamma));
    return as_statistic_array(s, "/inference/n_iter", 0, NULL, &m->turns);
}

typedef struct spectrum {
    int64_t p, seen; /* columns; singular values that the rows can see */
    double n, rest;  /* rows, each as often as its weight says; sum of squares outside of the inputs' span */
    double *a, *s, *c, *right;
} spectrum;

/* Mean square and residual of the posterior mean at (alpha, lambda). */
static void turn(const spectrum *q, double alpha, double lambda, double *gamma, double *square, double *rss)
{
    *gamma = *square = 0;
    *rss = q->rest;
    for (int64_t i = 0; i < q->p; i++) {
        const double s2 = q->s[i] * q->s[i], d = alpha * s2 + lambda, m = alpha * q->s[i] * q->c[i] / d;
        const double e = q->c[i] * (lambda / d);
        *gamma += alpha * s2 / d;
        *square += m * m;
        *rss += e * e;
    }
}

static double evidence(const spectrum *q, double alpha, double lambda)
{
    double log_det = 0, square = alpha * q->rest;
    for (int64_t i = 0; i < q->p; i++) {
        const double v = 1 / alpha + q->s[i] * q->s[i] / lambda;
        log_det += i < q->seen ? as_log_f64(v) : 0;
        square += q->c[i] * q->c[i] / v;
    }
    log_det -= (q->n - (double)q->seen) * as_log_f64(alpha);
    return -0.5 * (log_det + square + q->n * AS_LOG_2PI);
}

static as_status maximise(as_statistic *s, const spectrum *q, double total)
{
    bayes *const m = s->model;
    const options *const o = s->options;
    if (!(total > 0)) {
        AS_FAIL(AS_DATA, "bayes_linear: the target is the same in all %.0f rows: noise and weights have no scale",
                *m->linear.rows);
    }
    if (q->s[0] == 0) {
        AS_FAIL(AS_DATA, "bayes_linear: none of the %lld columns varies", (long long)q->p);
    }
    double alpha = q->n / total, lambda = 1, gamma = 0, square, rss, change = 1;
    int64_t turns = 0;
    for (; turns < o->max_iter && change > o->tol; turns++) {
        turn(q, alpha, lambda, &gamma, &square, &rss);
        if (!(rss > total * DBL_EPSILON * DBL_EPSILON) || !(q->n - gamma > 0) || !(square > 0)) {
            AS_FAIL(AS_DATA,
                    "bayes_linear: the evidence has no maximum after %lld turns: rows of weight %g, %.4g effective "
                    "parameters, "
                    "residual %.3g of %.3g; the data are fitted exactly or not at all",
                    (long long)turns, q->n, gamma, rss, total);
        }
        const double next_lambda = gamma / square, next_alpha = (q->n - gamma) / rss;
        const double d1 = fabs(next_lambda / lambda - 1), d2 = fabs(next_alpha / alpha - 1);
        change = d1 > d2 ? d1 : d2;
        lambda = next_lambda;
        alpha = next_alpha;
        if (lambda > 1e300 || alpha > 1e300) {
            AS_FAIL(AS_DATA, "bayes_linear: the evidence is largest without %s (precision above 1e300)",
                    lambda > alpha ? "any weight: the columns tell nothing of the target" : "any noise");
        }
    }
    if (change > o->tol) {
        as_log_line(s->setup.log, AS_LOG_WARN, "bayes_linear: precisions still change by %.2g after %lld turns", change,
                    (long long)turns);
    }
    turn(q, alpha, lambda, &gamma, &square, &rss);
    *m->alpha = alpha;
    *m->lambda = lambda;
    *m->gamma = gamma;
    *m->turns = (double)turns;
    *m->evidence = evidence(q, alpha, lambda);
    return AS_OK;
}

/* Posterior mean and covariance in the columns. */
static void posterior(as_statistic *s, const spectrum *q)
{
    bayes *const m = s->model;
    const as_linear *const l = &m->linear;
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    const int64_t p = q->p;
    memset(l->coef, 0, (size_t)p * sizeof *l->coef);
    memset(m->sigma, 0, (size_t)(p * p) * sizeof *m->sigma);
    for (int64_t i = 0; i < p; i++) {
        const double *const v = q->right + i * p, d = *m->alpha * q->s[i] * q->s[i] + *m->lambda;
        V->axpy(p, *m->alpha * q->s[i] * q->c[i] / d, v, l->coef);
        for (int64_t j = 0; j < p; j++) {
            V->axpy(p, v[j] / d, v, m->sigma + j * p);
        }
    }
    const double z = -as_normal_inverse((1 - ((const options *)s->options)->confidence) / 2);
    for (int64_t j = 0; j < p; j++) {
        m->bse[j] = sqrt(m->sigma[j * p + j]);
        m->conf_int[2 * j] = l->coef[j] - z * m->bse[j];
        m->conf_int[2 * j + 1] = l->coef[j] + z * m->bse[j];
    }
}

static as_status estimate(as_statistic *s, const double *root, double *work, double *loss)
{
    bayes *const m = s->model;
    const as_linear *const l = &m->linear;
    const int64_t p = l->p, ld = p + 1;
    const double *const centred = as_linear_centred(l, root);
    spectrum q = {.p = p, .n = s->weight, .rest = as_linear_residual(l, root, 0), .a = work};
    q.right = q.a + p * ld;
    q.s = q.right + p * p;
    q.c = q.s + p;
    q.seen = (double)p < *l->rows ? p : (int64_t)*l->rows;
    for (int64_t i = 0; i < p; i++) {
        memcpy(q.a + i * ld, centred + i * l->n, (size_t)ld * sizeof *q.a);
    }
    AS_TRY(as_dense_svd(p, p, 1, q.a, ld, q.s, q.right, q.c));
    AS_TRY(maximise(s, &q, as_linear_total(l, root, 0)));
    posterior(s, &q);
    l->start[0] = as_linear_intercept(l, root, 0, l->coef);
    double gamma, square, rss;
    turn(&q, *m->alpha, *m->lambda, &gamma, &square, &rss);
    *loss = rss / s->weight;
    return AS_OK;
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    const as_linear *const l = s->model;
    const int64_t p = l->p;
    AS_TRY(as_linear_finish(s, sum));
    double *const work = calloc((size_t)(p * (p + 1) + p * p + 2 * p) + 1, sizeof *work);
    const as_status status = work == NULL
                                 ? as_error_set(AS_NOMEM, "bayes_linear: no memory for %lld columns", (long long)p)
                                 : estimate(s, sum, work, &report->loss);
    free(work);
    report->done = true;
    return status;
}

static void describe(const as_statistic *s, bool json, as_text *out)
{
    const bayes *const m = s->model;
    const as_linear *const l = &m->linear;
    const double level = ((const options *)s->options)->confidence;
    if (json) {
        as_linear_describe(s, true, out);
        as_json_real(out, "alpha_", *m->alpha);
        as_json_real(out, "lambda_", *m->lambda);
        as_json_real(out, "evidence", *m->evidence);
        as_json_real(out, "gamma", *m->gamma);
        as_json_reals(out, "bse", l->p, m->bse);
        as_json_reals(out, "conf_int", 2 * l->p, m->conf_int);
        return;
    }
    as_text_add(out, "Bayesian linear regression: %lld rows, %.0f turns\n", (long long)*l->rows, *m->turns);
    as_text_add(out, "log evidence %.8g   effective parameters %.6g of %lld\n", *m->evidence, *m->gamma,
                (long long)l->p);
    as_text_add(out, "noise: precision %.6g, sd %.6g   weights: precision %.6g, sd %.6g\n\n", *m->alpha,
                1 / sqrt(*m->alpha), *m->lambda, 1 / sqrt(*m->lambda));
    as_text_add(out, "%-22s %14s %14s %12.4g%% %12.4g%%\n", "", "mean", "sd", 50 * (1 - level), 50 * (1 + level));
    if (l->intercept) {
        as_text_add(out, "%-22s %14.6g\n", "intercept", l->start[0]);
    }
    for (int64_t j = 0; j < l->p; j++) {
        char name[64];
        as_text_add(out, "%-22.22s %14.6g %14.6g %13.6g %13.6g\n", as_statistic_column(s, j, name), l->coef[j],
                    m->bse[j], m->conf_int[2 * j], m->conf_int[2 * j + 1]);
    }
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_REALS,
    .model_bytes = sizeof(bayes),
    .loss = "mse",
    .plan = plan,
    .rows = as_linear_rows,
    .merge = as_linear_merge,
    .finish = finish,
    .predict = as_linear_predict,
    .form = as_linear_form_of,
    .release = as_linear_release,
    .describe = describe,
};

const as_estimator_ops as_estimator_bayes_linear = {
    .name = "bayes_linear",
    .help = "Linear regression with a normal prior; both precisions maximise the evidence; one pass",
    .formula = "y ~ N(X b, I / alpha), b ~ N(0, I / lambda); (alpha, lambda) maximise ln p(y | X)",
    .fields = fields,
    .options_bytes = sizeof(options),
    .statistic = &statistic,
    AS_STATISTIC_METHODS,
};
