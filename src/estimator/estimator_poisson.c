/* Poisson regression of counts, log link, with exposures (glm.h): statsmodels' GLM(family=Poisson(), exposure=...).

     y_i ~ Poisson(mu_i),   ln mu_i = w'x_i + b + ln E_i,   l = mu - y ln mu (+ ln y!)

   Counts need not be whole (quasi-likelihood); they may not be negative. alpha is scikit-learn's: F + alpha/2 |w|^2, F
   the mean. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "estimator/glm.h"
#include "kernels/scalar_math.h"
#include "kernels/vectors.h"
#include "math/special.h"

typedef struct options {
    as_glm_options glm;
    double alpha;
    const char *exposure;
} options;

static const as_field fields[] = {
    {.name = "alpha",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, alpha),
     .standard = "0",
     .min = 0,
     .max = 1e300,
     .help = "Penalty on half the square of the coefficients, against the mean loss. scikit-learn's default is 1."},
    {.name = "exposure",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(options, exposure),
     .standard = "",
     .help = "Input column of exposures (times, populations): its logarithm is added, with the coefficient 1."},
    AS_GLM_FIELDS(options, glm),
    AS_GLM_INFERENCE_FIELDS(options, glm),
    AS_FIELDS_END};

enum { COUNT, COUNT_EXPOSED, EXPOSURE, FACTORIALS, SATURATED, SUMS };
enum { BAD_COUNT, BAD_EXPOSURE };
#define COUNT_MOST 9007199254740992.0 /* whole numbers are doubles up to here */

static int64_t design_size(const as_glm *g)
{
    (void)g;
    return SUMS;
}

static double exposure_of(const as_glm *g, const as_statistic *s, const as_rows *r, int64_t i)
{
    return g->offset < 0 ? 1 : r->x[i * s->width + g->offset];
}

/* ln y!, of few by their factorials, which are exact: most counts of most tables. */
static double log_factorial(double y)
{
    static const double factorial[] = {1, 1, 2, 6, 24, 120, 720, 5040, 40320, 362880, 3628800, 39916800, 479001600};
    const bool few = y <= 12 && y == floor(y);
    return !few ? as_log_gamma(y + 1) : y <= 1 ? 0 : as_log_f64(factorial[(int)y]);
}

static void design(const as_glm *g, const as_statistic *s, const as_rows *r, double *all)
{
    double *sum = all + AS_GLM_D_SUMS;
    for (int64_t i = 0; i < r->count; i++) {
        const double y = r->target[i], w = r->weight[i], e = exposure_of(g, s, r, i);
        const bool count = y >= 0 && y <= COUNT_MOST;
        if (!count || !(e > 0)) {
            as_glm_bad_row(r, i, count ? e : y, count ? BAD_EXPOSURE : BAD_COUNT, all);
            continue;
        }
        sum[COUNT] += w * y;
        sum[COUNT_EXPOSED] += e == 1 ? 0 : w * y * as_log_f64(e);
        sum[EXPOSURE] += w * e;
        sum[FACTORIALS] += w * log_factorial(y);
        sum[SATURATED] += y > 0 ? w * (y * (y == 1 ? 0 : as_log_f64(y)) - y) : 0;
    }
}

static int64_t group(const as_rows *r, int64_t i)
{
    return r->target[i] > 0;
}

static as_status begin(as_glm *g, const as_statistic *s, const double *all, double *intercept)
{
    const double *sum = all + AS_GLM_D_SUMS;
    if (all[AS_GLM_D_BAD] > 0) {
        AS_FAIL(AS_DATA, "%s: poisson: expected %s, found %.9g in row %.0f (%.0f such rows in all)",
                s->setup.data->place,
                all[AS_GLM_D_REASON] == BAD_EXPOSURE ? "exposures above 0"
                : all[AS_GLM_D_VALUE] > 0            ? "counts of at most 9007199254740992"
                                                     : "counts of 0 or more",
                all[AS_GLM_D_VALUE], all[AS_GLM_D_ID], all[AS_GLM_D_BAD]);
    }
    if (!(sum[COUNT] > 0) && g->penalty == AS_GLM_NONE) {
        AS_FAIL(AS_DATA,
                "%s: poisson: all %.0f counts are 0: the logarithm of their mean has no finite estimate; set alpha "
                "above 0, or look at the target column",
                s->setup.data->place, s->samples);
    }
    const double rate = sum[COUNT] / sum[EXPOSURE];
    intercept[0] = rate > 0 ? as_log_f64(rate) : -20;
    g->number[AS_GLM_CONSTANT] = -sum[FACTORIALS];
    g->number[AS_GLM_SATURATED] = sum[SATURATED] - sum[FACTORIALS];
    g->number[AS_GLM_NULL] =
        sum[COUNT_EXPOSED] + (rate > 0 ? sum[COUNT] * as_log_f64(rate) - sum[COUNT] : 0) - sum[FACTORIALS];
    return AS_OK;
}

static void derive(const as_glm *g, const as_statistic *s, const as_rows *r, const as_glm_rows *out)
{
    const as_vectors *V = as_vectors_get(s->kernels->set);
    double *eta = out->loss, *mu = out->residual; /* work space until they are what they are called */
    for (int64_t i = 0; i < r->count; i++) {
        eta[i] = exposure_of(g, s, r, i);
    }
    V->log(r->count, eta, eta);
    for (int64_t i = 0; i < r->count; i++) {
        eta[i] += out->eta[i * out->ld];
    }
    V->exp(r->count, eta, mu);
    for (int64_t i = 0; i < r->count; i++) {
        const double w = r->weight[i], y = r->target[i], rate = mu[i];
        out->loss[i] = w * (rate - y * eta[i]);
        out->residual[i] = w * (rate - y);
        if (out->curvature != NULL) {
            out->curvature[i] = w * rate;
        }
    }
}

/* Rows without a count want less, and rows with one what they have. */
static double margin(const as_glm *g, const as_rows *r, int64_t i, const double *e, double *size)
{
    (void)g;
    *size = fabs(e[0]);
    return r->target[i] > 0 ? -*size : -e[0];
}

/* A column that is constant where there are counts, and on one side of that elsewhere. */
static as_status separated(const as_glm *g, const as_statistic *s, int64_t column, const double *low,
                           const double *high)
{
    (void)g;
    char name[64];
    if (low[1] == high[1] && (low[0] >= low[1] || high[0] <= low[1])) {
        AS_FAIL(AS_DATA,
                "poisson: the counts are separated: column %s is %.9g in every row with a count above 0 and %.9g to "
                "%.9g in rows without, so that its coefficient grows without end and no maximum likelihood estimate "
                "exists; leave the column out, or set alpha above 0",
                as_statistic_column(s, column, name), low[1], low[0], high[0]);
    }
    return AS_OK;
}

static const as_glm_family family = {
    .title = "Poisson regression, log link",
    .likelihood = true,
    .design_size = design_size,
    .design = design,
    .group = group,
    .begin = begin,
    .derive = derive,
    .margin = margin,
    .separated = separated,
};

static as_status find_exposure(const as_statistic *s, const char *name, int64_t *out)
{
    char column[64];
    as_text names = {0};
    for (int64_t j = 0; j < s->width; j++) {
        if (strcmp(as_statistic_column(s, j, column), name) == 0) {
            *out = j;
            return AS_OK;
        }
        if (j < 8) {
            as_text_add(&names, "%s%s", j > 0 ? ", " : "", column);
        }
    }
    as_error_set(AS_CONFIG, "model.exposure: no input column is called %s; there are %lld: %s%s", name,
                 (long long)s->width, names.data == NULL ? "none" : names.data, s->width > 8 ? ", ..." : "");
    as_text_free(&names);
    return AS_CONFIG;
}

static as_status plan(as_statistic *s)
{
    as_glm *g = s->model;
    const options *o = s->options;
    if (s->targets != 1) {
        AS_FAIL(AS_CONFIG, "%s: poisson: expected one target column of counts, found %lld", s->setup.data->place,
                (long long)s->targets);
    }
    g->family = &family;
    g->options = o->glm;
    g->penalty = o->alpha > 0 ? AS_GLM_L2 : AS_GLM_NONE;
    g->strength = o->alpha;
    g->offset = -1;
    g->groups = 2;
    g->q = 1;
    s->outputs = 1;
    AS_TRY(o->exposure != NULL ? find_exposure(s, o->exposure, &g->offset) : AS_OK);
    return as_glm_plan(s);
}

/* Expected counts. */
static void predict(const as_statistic *s, const as_rows *r, double *out)
{
    const as_glm *g = s->model;
    as_glm_eta(s, r, out);
    for (int64_t i = 0; i < r->count; i++) {
        out[i] = as_exp_f64(out[i]) * exposure_of(g, s, r, i);
    }
}

static void score(const as_statistic *s, const as_rows *r, const double *out, double *loss)
{
    (void)s;
    for (int64_t i = 0; i < r->count; i++) {
        const double y = r->target[i];
        loss[i] = out[i] - (y > 0 ? y * as_log_f64(out[i]) : 0);
    }
}

static as_linear_form form(const as_statistic *s)
{
    return as_glm_form(s, AS_LINK_EXP);
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_REALS,
    .model_bytes = sizeof(as_glm),
    .loss = "mse",
    .plan = plan,
    .predict = predict,
    .form = form,
    .score = score,
    AS_GLM_METHODS,
};

const as_estimator_ops as_estimator_poisson = {
    .name = "poisson",
    .help = "Poisson regression of counts, log link, with exposures: maximum likelihood with inference, or L2 penalty",
    .formula = "ln E[y | x] = w'x + b + ln exposure",
    .fields = fields,
    .options_bytes = sizeof(options),
    .statistic = &statistic,
    .iterates = true,
    AS_STATISTIC_METHODS,
};
