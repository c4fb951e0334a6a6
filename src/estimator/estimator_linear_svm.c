/* Linear support vector machine with squared hinge loss (glm.h): scikit-learn's LinearSVC, except that the intercept is
   not penalised. Two classes: one function; more: each class against the rest.

     min 1/2 |w|^2 + C sum_i w_i max(0, 1 - s_i (w'x_i + b))^2,   s = +1 in the class, -1 outside

   Newton's method works on the rows inside the margin (Keerthi and DeCoste, JMLR 6, 2005). */

#include "base/error.h"
#include "estimator/glm.h"

typedef struct options {
    as_glm_options glm;
    double C;
} options;

static const as_field fields[] = {{.name = "C",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(options, C),
                                   .standard = "1",
                                   .min = 1e-300,
                                   .max = 1e300,
                                   .help = "Weight of the losses against half the square of the coefficients."},
                                  AS_GLM_FIELDS(options, glm),
                                  AS_FIELDS_END};

static as_status begin(as_glm *g, const as_statistic *s, const double *sum, double *intercept)
{
    (void)g;
    (void)intercept;
    return as_glm_classes_check(s, sum);
}

/* Is the row in the class of function k? */
static bool inside(const as_glm *g, const as_rows *r, int64_t i, int64_t k)
{
    return r->label[i] == (g->groups == 2 ? 1 : k);
}

static double derive_row(const as_glm *g, const as_rows *r, int64_t i, const double *eta, double *residual)
{
    double loss = 0;
    for (int64_t k = 0; k < g->q; k++) {
        const double sign = inside(g, r, i, k) ? 1 : -1, gap = 1 - sign * eta[k];
        loss += gap > 0 ? gap * gap : 0;
        if (residual != NULL) {
            residual[k] = gap > 0 ? -2 * r->weight[i] * sign * gap : 0;
        }
    }
    return loss;
}

static void derive(const as_glm *g, const as_statistic *s, const as_rows *r, const as_glm_rows *out)
{
    (void)s;
    for (int64_t i = 0; i < r->count; i++) {
        double *e = out->residual + i * g->q;
        out->loss[i] = r->weight[i] * derive_row(g, r, i, out->eta + i * out->ld, e);
        for (int64_t k = 0; k < g->q && out->curvature != NULL; k++) {
            out->curvature[k * r->count + i] = e[k] != 0 ? 2 * r->weight[i] : 0;
        }
    }
}

static const as_glm_family family = {
    .title = "Linear support vector machine, squared hinge loss",
    .design_size = as_glm_classes_size,
    .design = as_glm_classes_add,
    .begin = begin,
    .derive = derive,
};

static as_status plan(as_statistic *s)
{
    as_glm *g = s->model;
    const options *o = s->options;
    AS_TRY(as_glm_classes_plan(s));
    g->family = &family;
    g->options = o->glm;
    g->penalty = AS_GLM_L2;
    g->strength = 1 / o->C;
    g->per_weight = true;
    g->offset = -1;
    g->q = s->classes == 2 ? 1 : s->classes;
    s->outputs = s->classes;
    return as_glm_plan(s);
}

/* Decision values of the classes; of two: -f and f. */
static void predict(const as_statistic *s, const as_rows *r, double *out)
{
    const as_glm *g = s->model;
    if (g->q > 1) {
        as_glm_eta(s, r, out);
        return;
    }
    as_glm_eta(s, r, r->scratch);
    for (int64_t i = 0; i < r->count; i++) {
        out[2 * i] = -r->scratch[i];
        out[2 * i + 1] = r->scratch[i];
    }
}

static void score(const as_statistic *s, const as_rows *r, const double *out, double *loss)
{
    const as_glm *g = s->model;
    for (int64_t i = 0; i < r->count; i++) {
        loss[i] = derive_row(g, r, i, g->q > 1 ? out + i * g->q : out + 2 * i + 1, NULL);
    }
}

static as_linear_form form(const as_statistic *s)
{
    return as_glm_form(s, AS_LINK_NONE);
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_LABELS,
    .model_bytes = sizeof(as_glm),
    .loss = "cross_entropy",
    .plan = plan,
    .predict = predict,
    .form = form,
    .score = score,
    AS_GLM_METHODS,
};

const as_estimator_ops as_estimator_linear_svm = {
    .name = "linear_svm",
    .help = "Linear support vector machine with squared hinge loss; more than two classes: each against the rest",
    .formula = "min 1/2 |w|^2 + C sum w_i max(0, 1 - s_i (w'x_i + b))^2",
    .fields = fields,
    .options_bytes = sizeof(options),
    .statistic = &statistic,
    .iterates = true,
    AS_STATISTIC_METHODS,
};
