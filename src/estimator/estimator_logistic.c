/* Logistic regression of two classes or more (glm.h).

   Two classes: one function eta, p(1) = 1 / (1 + e^-eta). More, with a penalty: a function for each class, as
   scikit-learn; without one: for each class but the first, as statsmodels' MNLogit, and coef_ are those of all classes
   that add up to 0. The objective is scikit-learn's: sum w (-ln p(y)) + penalty / C, the intercept not penalised; here
   it is divided by the sum of the weights. */
#include <math.h>

#include "base/error.h"
#include "estimator/glm.h"
#include "kernels/scalar_math.h"
#include "kernels/vectors.h"

typedef struct options {
    as_glm_options glm;
    int penalty;
    double C;
} options;

static const char *const penalties[] = {"none", "l2", "l1", NULL};

static const as_field fields[] = {
    {.name = "penalty",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(options, penalty),
     .standard = "none",
     .choices = penalties,
     .help = "none (maximum likelihood, with standard errors), l2 or l1. scikit-learn's default is l2 with C 1."},
    {.name = "C",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, C),
     .standard = "1",
     .min = 1e-300,
     .max = 1e300,
     .help = "Weight of the data against the penalty, as in scikit-learn: sum of losses + penalty / C."},
    AS_GLM_FIELDS(options, glm),
    AS_GLM_INFERENCE_FIELDS(options, glm),
    AS_FIELDS_END};

static int64_t group(const as_rows *r, int64_t i)
{
    return r->label[i];
}

static as_status begin(as_glm *g, const as_statistic *s, const double *sum, double *intercept)
{
    const double *weight = sum + AS_GLM_D_SUMS;
    double mean = 0;
    AS_TRY(as_glm_classes_check(s, sum));
    for (int64_t k = 0; k < g->groups; k++) {
        g->number[AS_GLM_NULL] += weight[k] * as_log_f64(weight[k] / s->weight);
        mean += as_log_f64(weight[k]) / (double)g->groups;
    }
    for (int64_t k = 0; k < g->q; k++) {
        const int64_t class = g->q == g->groups ? k : k + 1;
        intercept[k] = as_log_f64(weight[class]) - (g->q == g->groups ? mean : as_log_f64(weight[0]));
    }
    return AS_OK;
}

static void derive_two(const as_vectors *V, const as_rows *r, const as_glm_rows *out)
{
    double *exps = out->loss, *logs = out->residual; /* work space until they are what they are called */
    for (int64_t i = 0; i < r->count; i++) {
        exps[i] = -fabs(out->eta[i * out->ld]);
    }
    V->exp(r->count, exps, exps);
    V->log1p(r->count, exps, logs);
    for (int64_t i = 0; i < r->count; i++) {
        const double eta = out->eta[i * out->ld], w = r->weight[i], e = exps[i];
        const double small = e / (1 + e), large = 1 / (1 + e), p = eta < 0 ? small : large;
        const double other = eta < 0 ? large : small; /* 1 - p without cancellation */
        const bool one = r->label[i] == 1;
        const double against = one ? -eta : eta;
        out->loss[i] = w * ((against > 0 ? against : 0) + logs[i]);
        out->residual[i] = one ? -w * other : w * p;
        if (out->curvature != NULL) {
            out->curvature[i] = w * p * other;
        }
    }
}

static double largest(const as_glm *g, const double *eta)
{
    double most = g->reference ? 0 : eta[0];
    for (int64_t k = 0; k < g->q; k++) {
        most = eta[k] > most ? eta[k] : most;
    }
    return most;
}

/* p (n, q) of the functions of rows eta (n, ld), ld = q where p is eta; total (n): sum_l exp(eta_l - most). */
static void soften(const as_glm *g, const as_vectors *V, int64_t n, const double *eta, int64_t ld, double *p,
                   double *total)
{
    const int64_t q = g->q;
    for (int64_t i = 0; i < n; i++) {
        const double most = largest(g, eta + i * ld);
        total[i] = g->reference ? -most : -HUGE_VAL;
        for (int64_t k = 0; k < q; k++) {
            p[i * q + k] = eta[i * ld + k] - most;
        }
    }
    V->exp(n * q, p, p);
    V->exp(n, total, total);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < q; k++) {
            total[i] += p[i * q + k];
        }
        for (int64_t k = 0; k < q; k++) {
            p[i * q + k] /= total[i];
        }
    }
}

static void derive_many(const as_glm *g, const as_vectors *V, const as_rows *r, const as_glm_rows *out)
{
    const int64_t q = g->q, first = g->reference ? 1 : 0;
    soften(g, V, r->count, out->eta, out->ld, out->residual, out->loss);
    V->log(r->count, out->loss, out->loss);
    for (int64_t i = 0; i < r->count; i++) {
        const double w = r->weight[i], *eta = out->eta + i * out->ld;
        double *p = out->residual + i * q;
        const int64_t own = r->label[i] - first;
        out->loss[i] = w * (out->loss[i] + largest(g, eta) - (own >= 0 ? eta[own] : 0));
        for (int64_t k = 0, pair = 0; k < q && out->curvature != NULL; k++) {
            out->curvature[pair++ * r->count + i] = w * p[k] * (1 - p[k]);
            for (int64_t l = k + 1; l < q; l++) {
                out->curvature[pair++ * r->count + i] = -w * p[k] * p[l];
            }
        }
        for (int64_t k = 0; k < q; k++) {
            p[k] = w * (p[k] - (k == own ? 1 : 0));
        }
    }
}

static void derive(const as_glm *g, const as_statistic *s, const as_rows *r, const as_glm_rows *out)
{
    const as_vectors *V = as_vectors_get(s->kernels->set);
    if (g->groups == 2) {
        derive_two(V, r, out);
    } else {
        derive_many(g, V, r, out);
    }
}

/* Least lead of the row's class over another one. */
static double margin(const as_glm *g, const as_rows *r, int64_t i, const double *e, double *size)
{
    const int64_t first = g->q == g->groups ? 0 : 1, label = r->label[i];
    const double own = label >= first ? e[label - first] : 0;
    double least = HUGE_VAL;
    *size = 0;
    for (int64_t k = 0; k < g->groups; k++) {
        const double lead = own - (k >= first ? e[k - first] : 0);
        if (k != label) {
            least = lead < least ? lead : least;
            *size = fabs(lead) > *size ? fabs(lead) : *size;
        }
    }
    return least;
}

/* Column j puts all rows of a class on one side of all others. */
static as_status separated(const as_glm *g, const as_statistic *s, int64_t column, const double *low,
                           const double *high)
{
    char name[64], class[64];
    for (int64_t k = 0; k < g->groups; k++) {
        double least = HUGE_VAL, most = -HUGE_VAL;
        for (int64_t l = 0; l < g->groups; l++) {
            least = l != k && low[l] < least ? low[l] : least;
            most = l != k && high[l] > most ? high[l] : most;
        }
        if (high[k] <= least || low[k] >= most) {
            AS_FAIL(AS_DATA,
                    "logistic: the classes are separated: column %s is %.9g to %.9g in class %s and %.9g to %.9g in "
                    "all others, so that its coefficient grows without end and no maximum likelihood estimate exists; "
                    "leave the column out, or set a penalty (l2)",
                    as_statistic_column(s, column, name), low[k], high[k], as_statistic_class(s, k, class), least,
                    most);
        }
    }
    return AS_OK;
}

static const as_glm_family family = {
    .title = "Logistic regression",
    .likelihood = true,
    .coupled = true,
    .design_size = as_glm_classes_size,
    .design = as_glm_classes_add,
    .group = group,
    .begin = begin,
    .derive = derive,
    .margin = margin,
    .separated = separated,
};

static as_status plan(as_statistic *s)
{
    as_glm *g = s->model;
    const options *o = s->options;
    AS_TRY(as_glm_classes_plan(s));
    g->family = &family;
    g->options = o->glm;
    g->penalty = o->penalty;
    g->strength = 1 / o->C;
    g->per_weight = true;
    g->offset = -1;
    g->reference = s->classes > 2 && o->penalty == AS_GLM_NONE;
    g->q = s->classes == 2 ? 1 : s->classes - (g->reference ? 1 : 0);
    s->outputs = s->classes;
    AS_TRY(as_glm_plan(s));
    const int64_t least = (s->chunk * (g->q + 2) + 7) / 8 * 8; /* for predict */
    s->scratch = s->scratch > least ? s->scratch : least;
    return AS_OK;
}

/* Probabilities of the classes. */
static void predict(const as_statistic *s, const as_rows *r, double *out)
{
    const as_glm *g = s->model;
    const as_vectors *V = as_vectors_get(s->kernels->set);
    const int64_t q = g->q, first = g->reference ? 1 : 0;
    double *eta = r->scratch, *total = eta + r->count * q, *rest = total + r->count;
    as_glm_eta(s, r, eta);
    for (int64_t i = 0; i < r->count; i++) {
        rest[i] = g->groups == 2 ? -fabs(eta[i]) : -largest(g, eta + i * q);
    }
    V->exp(r->count, rest, rest);
    if (g->groups == 2) {
        for (int64_t i = 0; i < r->count; i++) {
            const double small = rest[i] / (1 + rest[i]), large = 1 / (1 + rest[i]);
            out[2 * i] = eta[i] < 0 ? large : small;
            out[2 * i + 1] = eta[i] < 0 ? small : large;
        }
        return;
    }
    soften(g, V, r->count, eta, q, eta, total);
    for (int64_t i = 0; i < r->count; i++) {
        out[i * s->classes] = rest[i] / total[i]; /* class 0, if it has no function */
        for (int64_t k = 0; k < q; k++) {
            out[i * s->classes + first + k] = eta[i * q + k];
        }
    }
}

static as_linear_form form(const as_statistic *s)
{
    return as_glm_form(s, AS_LINK_SOFTMAX);
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_LABELS,
    .model_bytes = sizeof(as_glm),
    .loss = "cross_entropy",
    .plan = plan,
    .predict = predict,
    .form = form,
    AS_GLM_METHODS,
};

const as_estimator_ops as_estimator_logistic = {
    .name = "logistic",
    .help = "Logistic regression, two classes or more: maximum likelihood with inference, or L2 or L1 penalty",
    .formula = "p(k | x) = exp(w_k'x + b_k) / sum_l exp(w_l'x + b_l)",
    .fields = fields,
    .options_bytes = sizeof(options),
    .statistic = &statistic,
    .iterates = true,
    AS_STATISTIC_METHODS,
};
