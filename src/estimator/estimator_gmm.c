/* Mixtures of normal densities by expectation maximisation (A. Dempster, N. Laird, D. Rubin, "Maximum likelihood from
   incomplete data via the EM algorithm", JRSS B 39, 1977).

   A start is k-means (clusters.h), a pass that takes its clusters as components, EM steps until the mean log-likelihood
   rises by less than tol, and a pass that measures the result; or EM alone from given parameters. The log-likelihood
   never falls from step to step, but for what reg_covar adds. A component collapses where its rows weigh next to
   nothing or its covariance is not positive definite: it is named in the log and begins again at the row that the
   mixture explains worst, with the variances of all rows. Names follow scikit-learn: weights_, means_, covariances_,
   precisions_cholesky_, lower_bound_, n_iter_, converged_; log_likelihood_ is the mean over the rows at the end. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/clusters.h"
#include "estimator/gmm.h"
#include "kernels/scalar_math.h"
#include "kernels/statistics.h"

enum { RESTARTS_MOST = 10 };                 /* of components in a start */
enum { KMEANS, BEGIN, STEP, MEASURE, DONE }; /* what a pass is for */
enum { STAGE, START, STEPS, RESTARTS, RESTARTED, CONVERGED, NUMBERS };

/* s->model */
typedef struct gmm {
    as_clusters clusters;
    as_mixture now, best; /* of this start; of the best one so far */
    double *lower_bound, *log_likelihood, *aic, *bic;
    int64_t *n_iter, *converged;
    double *bound;     /* mean log-likelihood of the last step */
    int64_t *progress; /* NUMBERS */
} gmm;

/* Arrays of a mixture under "/params/" (the answer) or "/state/". */
static as_status plan_mixture(as_statistic *s, as_mixture *m, const char *folder, const char *end)
{
    const as_gmm_options *o = s->options;
    const int64_t means[2] = {o->n_components, s->width};
    int64_t dim[3];
    char name[64];
    *m = (as_mixture){.kind = (as_covariance)o->covariance_type, .k = o->n_components, .d = s->width};
    const int rank = as_mixture_shape(m->kind, m->k, m->d, dim);
    snprintf(name, sizeof name, "%sweights%s", folder, end);
    AS_TRY(as_statistic_array(s, name, 1, means, &m->weights));
    snprintf(name, sizeof name, "%smeans%s", folder, end);
    AS_TRY(as_statistic_array(s, name, 2, means, &m->means));
    snprintf(name, sizeof name, "%scovariances%s", folder, end);
    AS_TRY(as_statistic_array(s, name, rank, dim, &m->covariances));
    snprintf(name, sizeof name, "%sprecisions_cholesky%s", folder, end);
    AS_TRY(as_statistic_array(s, name, rank, dim, &m->factors));
    return as_mixture_plan(s, m);
}

static as_status plan(as_statistic *s)
{
    gmm *m = s->model;
    const as_gmm_options *o = s->options;
    const int64_t k = o->n_components, d = s->width, dim[2] = {k, d}, numbers = NUMBERS;
    AS_TRY(as_gmm_check_start(s));
    AS_TRY(plan_mixture(s, &m->best, "/params/", "_"));
    AS_TRY(as_statistic_array(s, "/params/lower_bound_", 0, NULL, &m->lower_bound));
    AS_TRY(as_statistic_array(s, "/params/log_likelihood_", 0, NULL, &m->log_likelihood));
    AS_TRY(as_statistic_array(s, "/params/aic_", 0, NULL, &m->aic));
    AS_TRY(as_statistic_array(s, "/params/bic_", 0, NULL, &m->bic));
    AS_TRY(as_statistic_integers(s, "/params/n_iter_", 0, NULL, 0, AS_STATISTIC_COUNT_MOST, &m->n_iter));
    AS_TRY(as_statistic_integers(s, "/params/converged_", 0, NULL, 0, 1, &m->converged));
    AS_TRY(plan_mixture(s, &m->now, "/state/", ""));
    AS_TRY(as_statistic_array(s, "/state/bound", 0, NULL, &m->bound));
    AS_TRY(as_statistic_integers(s, "/state/progress", 1, &numbers, 0, AS_STATISTIC_COUNT_MOST, &m->progress));
    m->clusters = (as_clusters){.k = k, .n_init = 1, .max_iter = 300, .tol = 1e-4, .key = "means_init"};
    AS_TRY(as_statistic_array(s, "/state/kmeans_best", 2, dim, &m->clusters.best));
    AS_TRY(as_statistic_array(s, "/state/kmeans_inertia", 0, NULL, &m->clusters.inertia));
    AS_TRY(as_statistic_integers(s, "/state/kmeans_n_iter", 0, NULL, 0, AS_STATISTIC_COUNT_MOST, &m->clusters.n_iter));
    s->outputs = k;
    s->flops = 3.0 * (double)(k * d * d);
    s->scratch = as_mixture_scratch(k, d);
    s->most = 1 + as_top_size(k, d) + as_mixture_size(&m->now);
    return as_clusters_plan(s, &m->clusters);
}

/* Factors of what was given or estimated; rank 0 or all ranks alike. */
static as_status factor(as_mixture *m, bool *collapsed)
{
    double *work = malloc((size_t)(m->d * m->d) * sizeof *work);
    if (work == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a covariance of %lld columns", (long long)m->d);
    }
    as_mixture_factor(m, work, collapsed);
    free(work);
    return AS_OK;
}

static as_status init(as_statistic *s)
{
    gmm *m = s->model;
    const as_gmm_options *o = s->options;
    const bool means = o->means_init.n > 0;
    as_clusters_init(&m->clusters, 0);
    m->progress[STAGE] = !means ? KMEANS : o->weights_init.n > 0 && o->precisions_init.n > 0 ? STEP : BEGIN;
    if (means) {
        memcpy(m->clusters.best, o->means_init.v, (size_t)o->means_init.n * sizeof(double));
        memcpy(m->now.means, o->means_init.v, (size_t)o->means_init.n * sizeof(double));
    }
    if (m->progress[STAGE] == STEP) {
        bool *collapsed = calloc((size_t)m->now.k, sizeof *collapsed);
        as_status status = collapsed == NULL ? as_error_set(AS_NOMEM, "out of memory for components") : AS_OK;
        status = status == AS_OK ? as_gmm_take_given(o, &m->now) : status;
        status = status == AS_OK ? factor(&m->now, collapsed) : status;
        free(collapsed);
        return status;
    }
    return AS_OK;
}

static as_status ready(as_statistic *s)
{
    gmm *m = s->model;
    if (m->progress[STAGE] > DONE) {
        AS_FAIL(AS_DATA, "/state/progress: expected a stage of 0 to %d, found %lld", (int)DONE,
                (long long)m->progress[STAGE]);
    }
    as_mixture_ready(&m->now);
    as_mixture_ready(&m->best);
    return as_clusters_check(&m->clusters);
}

static const gmm *model_of(const as_statistic *s)
{
    return s->model;
}

/* A statistic of BEGIN and STEP: sum of weighted log-likelihoods (BEGIN: square distances), the rows explained worst,
   the statistic of the mixture. */
static int64_t size(const as_statistic *s)
{
    const gmm *m = model_of(s);
    return m->progress[STAGE] == KMEANS    ? as_clusters_size(s, &m->clusters)
           : m->progress[STAGE] == MEASURE ? 1
                                           : s->most;
}

static void clear(const as_statistic *s, double *sum)
{
    const gmm *m = model_of(s);
    if (m->progress[STAGE] == KMEANS) {
        as_clusters_clear(s, &m->clusters, sum);
    } else if (m->progress[STAGE] != MEASURE) {
        as_top_clear(m->now.k, s->width, sum + 1);
    }
}

/* Rows belong to the nearest centre of k-means. */
static void rows_begin(const as_statistic *s, const gmm *m, const as_rows *r, double *sum)
{
    const int64_t d = s->width, k = m->now.k;
    double *const square = r->scratch + AS_COLUMNS * d, *const share = square + AS_COLUMNS;
    int32_t label[AS_COLUMNS];
    const as_statistic_kernels *kernels = as_statistic_kernels_get(s->kernels->set);
    kernels->columns(r->count, d, r->x, r->scratch);
    kernels->nearest(r->count, d, k, r->scratch, m->clusters.best, label, square);
    for (int64_t i = 0; i < r->count; i++) {
        sum[0] += r->weight[i] * square[i];
        as_top_add(k, d, sum + 1, -square[i], r->id[i], r->x + i * d);
    }
    for (int64_t c = 0; c < k; c++) {
        for (int64_t i = 0; i < r->count; i++) {
            share[i] = label[i] == c ? 1 : 0;
        }
        as_mixture_add(s, &m->now, r, c, share, sum + 1 + as_top_size(k, d));
    }
}

static void rows(const as_statistic *s, const as_rows *r, double *sum)
{
    const gmm *m = model_of(s);
    const int64_t d = s->width, k = m->now.k, stage = m->progress[STAGE];
    if (stage == KMEANS) {
        as_clusters_rows(s, &m->clusters, r, sum);
        return;
    }
    if (stage == BEGIN) {
        rows_begin(s, m, r, sum);
        return;
    }
    const double *total;
    const double *share = as_mixture_shares(s, &m->now, r, &total);
    for (int64_t i = 0; i < r->count; i++) {
        sum[0] += r->weight[i] * total[i];
        if (stage == STEP && r->weight[i] > 0 && !(total[i] > as_top_bound(k, d, sum + 1))) {
            as_top_add(k, d, sum + 1, total[i], r->id[i], r->x + i * d);
        }
    }
    for (int64_t c = 0; c < k && stage == STEP; c++) {
        as_mixture_add(s, &m->now, r, c, share + c * AS_COLUMNS, sum + 1 + as_top_size(k, d));
    }
}

static void merge(const as_statistic *s, double *left, const double *right)
{
    const gmm *m = model_of(s);
    const int64_t top = as_top_size(m->now.k, s->width);
    if (m->progress[STAGE] == KMEANS) {
        as_clusters_merge(s, &m->clusters, left, right);
        return;
    }
    left[0] += right[0];
    if (m->progress[STAGE] != MEASURE) {
        as_top_merge(m->now.k, s->width, left + 1, right + 1);
        for (int64_t i = 1 + top; i < s->most; i++) {
            left[i] += right[i];
        }
    }
}

/* A collapsed component begins again at a row, with the variances of all rows. */
static void restart(as_mixture *m, int64_t c, const double *row, const double *variance, double floor)
{
    const int64_t d = m->d;
    double mean = 0;
    memcpy(m->means + c * d, row, (size_t)d * sizeof *row);
    for (int64_t j = 0; j < d; j++) {
        mean += (variance[j] + floor) / (double)d;
        for (int64_t i = 0; i < d && m->kind == AS_COVARIANCE_FULL; i++) {
            m->covariances[(c * d + j) * d + i] = i == j ? variance[j] + floor : 0;
        }
        if (m->kind == AS_COVARIANCE_DIAGONAL) {
            m->covariances[c * d + j] = variance[j] + floor;
        }
        for (int64_t i = 0; i < d && m->kind == AS_COVARIANCE_TIED; i++) {
            m->covariances[j * d + i] += i == j ? variance[j] * 1e-3 : 0;
        }
    }
    if (m->kind == AS_COVARIANCE_SPHERICAL) {
        m->covariances[c] = mean;
    }
    for (int64_t i = 0; i < m->k; i++) {
        m->weights[i] = i == c ? 1 / (double)m->k : m->weights[i] * (1 - 1 / (double)m->k);
    }
}

static as_status restart_collapsed(as_statistic *s, const double *top, const double *variance, bool *collapsed)
{
    gmm *m = s->model;
    const as_gmm_options *o = s->options;
    const int64_t d = s->width, k = m->now.k;
    int64_t next = 0;
    m->progress[RESTARTED] = 0;
    for (int64_t c = 0; c < k; c++) {
        if (!collapsed[c]) {
            continue;
        }
        const double *row = top + next * (2 + d);
        const double weight = m->now.weights[c] * s->weight;
        if (m->progress[RESTARTS]++ >= RESTARTS_MOST * k || !(row[0] < HUGE_VAL)) {
            AS_FAIL(AS_DIVERGED,
                    "gmm: component %lld of %lld collapsed after %lld restarts: its rows weigh %.3g of %.6g, and its "
                    "covariance is singular with reg_covar %g; expected fewer components, a larger model.reg_covar or "
                    "another covariance_type",
                    (long long)c, (long long)k, (long long)m->progress[RESTARTS] - 1, weight, s->weight, o->reg_covar);
        }
        as_log_line(s->setup.log, AS_LOG_WARN,
                    "gmm: component %lld collapsed in step %lld (its rows weigh %.3g of %.6g): it begins again at row "
                    "%.0f, which the mixture explains worst",
                    (long long)c, (long long)m->progress[STEPS], weight, s->weight, row[1]);
        restart(&m->now, c, row + 2, variance, o->reg_covar);
        next += next + 1 < k;
        m->progress[RESTARTED] = 1;
    }
    return AS_OK;
}

/* The next parameters from a statistic of BEGIN or STEP. */
static as_status maximise(as_statistic *s, const double *sum, bool *collapsed, double *variance)
{
    gmm *m = s->model;
    const as_gmm_options *o = s->options;
    const double *top = sum + 1, *own = top + as_top_size(m->now.k, s->width);
    as_mixture_variances(&m->now, own, variance);
    as_mixture_estimate(&m->now, own, o->reg_covar, 1e-3 * s->weight / s->samples, collapsed);
    if (m->progress[STAGE] == BEGIN) {
        AS_TRY(as_gmm_take_given(o, &m->now));
    }
    AS_TRY(factor(&m->now, collapsed));
    AS_TRY(restart_collapsed(s, top, variance, collapsed));
    return m->progress[RESTARTED] ? factor(&m->now, collapsed) : AS_OK;
}

static as_status finish_step(as_statistic *s, const double *sum)
{
    gmm *m = s->model;
    bool *collapsed = calloc((size_t)m->now.k, sizeof *collapsed);
    double *variance = calloc((size_t)s->width, sizeof *variance);
    as_status status = AS_OK;
    if (collapsed == NULL || variance == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for a step of EM");
    } else {
        status = maximise(s, sum, collapsed, variance);
    }
    free(collapsed);
    free(variance);
    return status;
}

static void copy(const as_mixture *from, as_mixture *to)
{
    int64_t dim[3], size = 1;
    for (int i = as_mixture_shape(from->kind, from->k, from->d, dim); i > 0; i--) {
        size *= dim[i - 1];
    }
    memcpy(to->weights, from->weights, (size_t)from->k * sizeof(double));
    memcpy(to->means, from->means, (size_t)(from->k * from->d) * sizeof(double));
    memcpy(to->covariances, from->covariances, (size_t)size * sizeof(double));
    memcpy(to->factors, from->factors, (size_t)size * sizeof(double));
}

/* Free parameters of a mixture. */
static double parameters(const as_mixture *m)
{
    const double k = (double)m->k, d = (double)m->d;
    const double covariance[] = {[AS_COVARIANCE_FULL] = k * d * (d + 1) / 2,
                                 [AS_COVARIANCE_DIAGONAL] = k * d,
                                 [AS_COVARIANCE_TIED] = d * (d + 1) / 2,
                                 [AS_COVARIANCE_SPHERICAL] = k};
    return covariance[m->kind] + k * d + k - 1;
}

static void keep(const as_statistic *s, double log_likelihood)
{
    gmm *m = s->model;
    const double n = parameters(&m->now);
    copy(&m->now, &m->best);
    *m->aic = -2 * log_likelihood * s->weight + 2 * n;
    *m->bic = -2 * log_likelihood * s->weight + n * as_log_f64(s->weight);
    *m->log_likelihood = log_likelihood;
    *m->lower_bound = *m->bound;
    *m->n_iter = m->progress[STEPS];
    *m->converged = m->progress[CONVERGED];
}

/* After the pass that measured a start: the next one, or the end. */
static void finish_start(as_statistic *s, double log_likelihood)
{
    gmm *m = s->model;
    const as_gmm_options *o = s->options;
    const int64_t next = m->progress[START] + 1;
    if (next == 1 || log_likelihood > *m->log_likelihood) {
        keep(s, log_likelihood);
    }
    if (!m->progress[CONVERGED]) {
        as_log_line(s->setup.log, AS_LOG_WARN,
                    "gmm: start %lld has not converged after %lld steps: expected a rise below tol %g; give it more: "
                    "model.max_iter",
                    (long long)next, (long long)o->max_iter, o->tol);
    }
    memset(m->progress, 0, NUMBERS * sizeof *m->progress);
    m->progress[START] = next;
    m->progress[STAGE] = next < o->n_init && o->means_init.n == 0 ? KMEANS : DONE;
    as_clusters_init(&m->clusters, next);
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    gmm *m = s->model;
    const as_gmm_options *o = s->options;
    const double value = sum[0] / s->weight;
    report->loss = -value;
    if (m->progress[STAGE] == KMEANS) {
        AS_TRY(as_clusters_finish(s, &m->clusters, sum, report));
        m->progress[STAGE] = as_clusters_running(&m->clusters) ? KMEANS : BEGIN;
        memcpy(m->now.means, m->clusters.best, (size_t)(m->now.k * s->width) * sizeof(double));
        return AS_OK;
    }
    if (m->progress[STAGE] == MEASURE) {
        finish_start(s, value);
        report->done = m->progress[STAGE] == DONE;
        return AS_OK;
    }
    if (m->progress[STAGE] == BEGIN) {
        report->loss = value;
        AS_TRY(finish_step(s, sum));
        m->progress[STAGE] = STEP;
    } else {
        const bool risen = m->progress[STEPS]++ > 0 && !m->progress[RESTARTED]; /* from the step before */
        AS_TRY(finish_step(s, sum));
        m->progress[CONVERGED] = risen && !m->progress[RESTARTED] && fabs(value - *m->bound) < o->tol;
        *m->bound = value;
        m->progress[STAGE] = m->progress[CONVERGED] || m->progress[STEPS] >= o->max_iter ? MEASURE : STEP;
    }
    if (m->progress[START] == 0) {
        keep(s, value); /* what there is, should the run stop here */
    }
    return AS_OK;
}

/* Responsibilities; scratch keeps the log densities. */
static void predict(const as_statistic *s, const as_rows *r, double *out)
{
    const gmm *m = model_of(s);
    const double *total, *share = as_mixture_shares(s, &m->best, r, &total);
    for (int64_t i = 0; i < r->count; i++) {
        for (int64_t c = 0; c < s->outputs; c++) {
            out[i * s->outputs + c] = share[c * AS_COLUMNS + i];
        }
    }
}

static void score(const as_statistic *s, const as_rows *r, const double *out, double *loss)
{
    (void)out;
    for (int64_t i = 0; i < r->count; i++) {
        loss[i] = -r->scratch[AS_COLUMNS * s->width + i];
    }
}

static void describe_json(const gmm *m, as_text *out)
{
    const as_mixture *best = &m->best;
    as_json_int(out, "n_components", best->k);
    as_json_text(out, "covariance_type", as_gmm_covariance_names[best->kind]);
    as_json_bool(out, "converged_", *m->converged != 0);
    as_json_int(out, "n_iter_", *m->n_iter);
    as_json_real(out, "lower_bound_", *m->lower_bound);
    as_json_real(out, "log_likelihood_", *m->log_likelihood);
    as_json_real(out, "aic_", *m->aic);
    as_json_real(out, "bic_", *m->bic);
    as_json_reals(out, "weights_", best->k, best->weights);
    as_json_open(out, "means_", '[');
    for (int64_t c = 0; c < best->k; c++) {
        as_json_reals(out, NULL, best->d, best->means + c * best->d);
    }
    as_json_close(out, ']');
}

static void describe(const as_statistic *s, bool json, as_text *out)
{
    enum { SHOWN = 4 }; /* columns */
    const gmm *m = model_of(s);
    const as_mixture *best = &m->best;
    const int64_t shown = best->d < SHOWN ? best->d : SHOWN;
    if (json) {
        describe_json(m, out);
        return;
    }
    as_text_add(out, "Gaussian mixture: %lld components, %lld columns, covariances %s\n", (long long)best->k,
                (long long)best->d, as_gmm_covariance_names[best->kind]);
    as_text_add(out, "log-likelihood of a row %.8g, AIC %.8g, BIC %.8g\n%s after %lld steps\n", *m->log_likelihood,
                *m->aic, *m->bic, *m->converged ? "converged" : "not converged", (long long)*m->n_iter);
    as_text_add(out, "%9s %10s  mean:", "component", "weight");
    for (int64_t j = 0; j < shown; j++) {
        char name[64];
        as_text_add(out, " %11.11s", as_statistic_column(s, j, name));
    }
    as_text_add(out, "%s\n", shown < best->d ? " ..." : "");
    for (int64_t c = 0; c < best->k; c++) {
        as_text_add(out, "%9lld %10.6f       ", (long long)c, best->weights[c]);
        for (int64_t j = 0; j < shown; j++) {
            as_text_add(out, " %11.5g", best->means[c * best->d + j]);
        }
        as_text_add(out, "%s\n", shown < best->d ? " ..." : "");
    }
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_NONE,
    .model_bytes = sizeof(gmm),
    .classes = AS_CLASS_LARGEST,
    .plan = plan,
    .init = init,
    .size = size,
    .clear = clear,
    .rows = rows,
    .merge = merge,
    .finish = finish,
    .ready = ready,
    .predict = predict,
    .score = score,
    .describe = describe,
};

const as_estimator_ops as_estimator_gmm = {
    .name = "gmm",
    .help = "Gaussian mixture by EM from k-means: full, diagonal, tied or spherical covariances",
    .formula = "max over w, m, S of sum_i ln sum_k w_k N(x_i; m_k, S_k)",
    .fields = as_gmm_fields,
    .options_bytes = sizeof(as_gmm_options),
    .statistic = &statistic,
    .iterates = true,
    AS_STATISTIC_METHODS,
};
