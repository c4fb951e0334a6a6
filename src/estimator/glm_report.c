/* What was estimated by a generalised linear model: statsmodels' summary in 80 columns, or JSON. */
#include <stdio.h>

#include "estimator/coef_table.h"
#include "estimator/glm.h"

enum { ROWS_SHOWN = 200, SHOWN = 5 /* functions beside each other */ };
static const char *penalty_name(const as_glm *g)
{
    return g->penalty == AS_GLM_L2 ? "l2" : g->penalty == AS_GLM_L1 ? "l1" : "none";
}

/* A pair of numbers, printed as the format of each says. */
static void pair(as_text *out, const char *left, const char *left_format, double l, const char *right,
                 const char *right_format, double r)
{
    char a[64], b[64];
    snprintf(a, sizeof a, left_format, l);
    snprintf(b, sizeof b, right_format, r);
    as_table_pair(out, left, a, right, b);
}

static void head(const as_statistic *s, as_text *out)
{
    const as_glm *g = s->model;
    char a[64], b[64], name[64];
    as_table_title(out, g->family->title);
    snprintf(a, sizeof a, "%.12g", g->number[AS_GLM_ROWS]);
    as_table_pair(out, "Dep. Variable:", as_statistic_target(s, 0, name), "No. Observations:", a);
    snprintf(a, sizeof a, "%.12g", g->number[AS_GLM_WEIGHT]);
    as_table_pair(out, "Method:", as_glm_solvers[g->options.solver], "Sum of weights:", a);
    snprintf(a, sizeof a, "%lld", (long long)*g->n_iter);
    as_table_pair(out, "Penalty:", penalty_name(g), "Iterations:", a);
    as_table_pair(out, "Converged:", *g->phase == AS_GLM_DONE ? "True" : "False",
                  "Largest slope:", (snprintf(b, sizeof b, "%.4g", g->number[AS_GLM_GRADIENT]), b));
    pair(out, "Mean loss:", "%.9g", g->number[AS_GLM_LOSS], "Mean objective:", "%.9g", g->number[AS_GLM_VALUE]);
    if (g->llf != NULL) {
        pair(out, "Log-Likelihood:", "%.9g", *g->llf, "LL-Null:", "%.9g", *g->llnull);
        pair(out, "Deviance:", "%.9g", *g->deviance, "Null deviance:", "%.9g", *g->null_deviance);
        pair(out, "Pseudo R-squ.:", "%.6g", *g->prsquared, "Cox and Snell's:", "%.6g", *g->prsquared_cs);
    }
    if (g->inference && *g->phase == AS_GLM_DONE) {
        pair(out, "Df Residuals:", "%.0f", *g->df_resid, "Df Model:", "%.0f", *g->df_model);
        pair(out, "AIC:", "%.9g", *g->aic, "BIC:", "%.9g", *g->bic);
        pair(out, "LLR:", "%.6g", *g->llr, "LLR p-value:", "%.4g", *g->llr_pvalue);
        as_table_pair(out, "Covariance Type:", g->options.cov_type == 1 ? "HC0" : "nonrobust",
                      g->q == 1 && *g->df_resid > 0 ? "Pearson chi2 / df:" : NULL,
                      (snprintf(b, sizeof b, "%.4g", *g->pearson_chi2 / *g->df_resid), b));
    }
    as_table_rule(out, '=');
}

static void tell_columns(const as_statistic *s, as_text *out)
{
    const as_glm *g = s->model;
    char name[64];
    for (int64_t j = 0; j < s->width; j++) {
        if (g->active[j] == AS_GLM_CONSTANT_COLUMN && g->watch) {
            as_text_add(out, "column %s is constant: coefficient 0, not identified\n", as_statistic_column(s, j, name));
        } else if (g->active[j] == AS_GLM_DEPENDENT) {
            as_text_add(out, "column %s is a sum of others: coefficient 0, not identified\n",
                        as_statistic_column(s, j, name));
        } else if (g->active[j] == AS_GLM_OFFSET) {
            as_text_add(out, "column %s is the exposure: its logarithm has the coefficient 1\n",
                        as_statistic_column(s, j, name));
        }
    }
    for (int64_t r = 0; g->watch && r < *g->relations && r < AS_GLM_RELATIONS; r++) {
        as_text_add(out, "constant in every row:");
        int64_t shown = 0, more = 0;
        for (int64_t t = g->options.fit_intercept ? 1 : 0; t < g->terms; t++) {
            const double c = g->relation[r * g->terms + t];
            if (c != 0 && shown < 5) {
                as_text_add(out, " %+.4g %s", c, as_glm_term_name(s, t, name));
                shown++;
            } else {
                more += c != 0;
            }
        }
        as_text_add(out, more > 0 ? " and %lld more\n" : "\n", (long long)more);
    }
}

static void table_of(const as_statistic *s, int64_t k, as_text *out)
{
    const as_glm *g = s->model;
    char buffer[64];
    for (int64_t t = 0; t < g->terms && t < ROWS_SHOWN; t++) {
        const int64_t i = k * g->terms + t;
        const char *const name = as_glm_term_name(s, t, buffer);
        if (g->identified[t] == 0) {
            as_table_bare(out, name, g->params[i], "not identified");
        } else {
            as_table_row(out, name, g->params[i], g->bse[i], g->tvalues[i], g->pvalues[i], g->conf_int + 2 * i);
        }
    }
    if (g->terms > ROWS_SHOWN) {
        as_text_add(out, "(%lld more; --json gives all)\n", (long long)(g->terms - ROWS_SHOWN));
    }
}

static void describe_text(const as_statistic *s, as_text *out)
{
    const as_glm *g = s->model;
    char name[64], base[64], a[32];
    head(s, out);
    tell_columns(s, out);
    if (*g->phase != AS_GLM_DONE) {
        as_text_add(out, "not finished: what follows is the last step's, without errors\n");
    }
    if (g->inference && *g->phase == AS_GLM_DONE) {
        as_table_head(out, "z", g->options.confidence);
        for (int64_t k = 0; k < g->q; k++) {
            if (g->reference || s->setup.data->classes == 2) {
                as_text_add(out, "class %s against class %s\n", as_statistic_class(s, k + 1, name),
                            as_statistic_class(s, 0, base));
            }
            table_of(s, k, out);
        }
        as_table_rule(out, '=');
        return;
    }
    const int64_t functions = g->q + (g->reference ? 1 : 0);
    if (g->no_inference != NULL) {
        as_text_add(out, "standard errors: none: %s\n", g->no_inference);
    }
    if (functions == 1 && s->setup.data->classes == 2) {
        as_text_add(out, "class %s against class %s\n", as_statistic_class(s, 1, name), as_statistic_class(s, 0, base));
    }
    as_text_add(out, "%-16s", "");
    for (int64_t k = 0; k < functions && k < SHOWN; k++) {
        as_text_add(out, " %11.11s", functions == 1 ? "coef" : as_statistic_class(s, k, name));
    }
    as_text_add(out, "\n");
    as_table_rule(out, '-');
    for (int64_t t = 0; t < g->terms && t < ROWS_SHOWN / functions + 5; t++) {
        const int64_t j = as_glm_term_column(g, t);
        as_text_add_name(out, 16, as_glm_term_name(s, t, name));
        for (int64_t k = 0; k < functions && k < SHOWN; k++) {
            as_text_add(out, " %11s",
                        as_table_number(j < 0 ? g->intercept[k] : g->coef[k * s->width + j], "undefined", a));
        }
        as_text_add(out, "\n");
    }
    as_table_rule(out, '=');
    if (functions > SHOWN || g->terms > ROWS_SHOWN / functions + 5) {
        as_text_add(out, "(%lld functions of %lld coefficients; --json gives all)\n", (long long)functions,
                    (long long)g->terms);
    }
}

static void json_errors(const as_statistic *s, as_text *out)
{
    const as_glm *g = s->model;
    char name[64];
    as_json_real(out, "llr", *g->llr);
    as_json_real(out, "llr_pvalue", *g->llr_pvalue);
    as_json_real(out, "aic", *g->aic);
    as_json_real(out, "bic", *g->bic);
    as_json_real(out, "pearson_chi2", *g->pearson_chi2);
    as_json_real(out, "df_model", *g->df_model);
    as_json_real(out, "df_resid", *g->df_resid);
    as_json_text(out, "cov_type", as_glm_cov_types[g->options.cov_type]);
    as_json_real(out, "confidence", g->options.confidence);
    as_json_open(out, "table", '[');
    for (int64_t i = 0; i < g->q * g->terms; i++) {
        as_json_open(out, NULL, '{');
        as_json_text(out, "name", as_glm_term_name(s, i % g->terms, name));
        if (g->reference) {
            as_json_text(out, "class", as_statistic_class(s, i / g->terms + 1, name));
        }
        as_json_bool(out, "identified", g->identified[i % g->terms] != 0);
        as_json_real(out, "coef", g->params[i]);
        as_json_real(out, "bse", g->bse[i]);
        as_json_real(out, "tvalue", g->tvalues[i]);
        as_json_real(out, "pvalue", g->pvalues[i]);
        as_json_reals(out, "conf_int", 2, g->conf_int + 2 * i);
        as_json_real(out, "HC0_se", g->hc0_se[i]);
        as_json_close(out, '}');
    }
    as_json_close(out, ']');
}

static void describe_json(const as_statistic *s, as_text *out)
{
    const as_glm *g = s->model;
    const int64_t functions = g->q + (g->reference ? 1 : 0);
    as_json_bool(out, "converged", *g->phase == AS_GLM_DONE);
    as_json_text(out, "solver", as_glm_solvers[g->options.solver]);
    as_json_text(out, "penalty", penalty_name(g));
    as_json_int(out, "n_iter_", *g->n_iter);
    as_json_real(out, "mean_loss", g->number[AS_GLM_LOSS]);
    as_json_real(out, "mean_objective", g->number[AS_GLM_VALUE]);
    as_json_real(out, "largest_slope", g->number[AS_GLM_GRADIENT]);
    as_json_reals(out, "intercept_", functions, g->intercept);
    as_json_reals(out, "coef_", functions * s->width, g->coef);
    if (g->llf != NULL) {
        as_json_real(out, "nobs", *g->nobs);
        as_json_real(out, "llf", *g->llf);
        as_json_real(out, "llnull", *g->llnull);
        as_json_real(out, "prsquared", *g->prsquared);
        as_json_real(out, "prsquared_cs", *g->prsquared_cs);
        as_json_real(out, "deviance", *g->deviance);
        as_json_real(out, "null_deviance", *g->null_deviance);
    }
    if (g->no_inference != NULL) {
        as_json_text(out, "no_inference", g->no_inference);
    } else if (*g->phase == AS_GLM_DONE) {
        json_errors(s, out);
    }
}

void as_glm_describe(const as_statistic *s, bool json, as_text *out)
{
    (json ? describe_json : describe_text)(s, out);
}
