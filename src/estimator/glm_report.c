/* What was estimated by a generalised linear model: statsmodels' summary in 80 columns, or JSON. */
#include <math.h>
#include <stdio.h>

#include "estimator/glm.h"

enum { ROWS_SHOWN = 200, SHOWN = 5 /* functions beside each other */ };
static const char RULE[] = "--------------------------------------------------------------------------------\n";

static const char *penalty_name(const as_glm *g)
{
    return g->penalty == AS_GLM_L2 ? "l2" : g->penalty == AS_GLM_L1 ? "l1" : "none";
}

static const char *name_cut(const as_statistic *s, int64_t term, char buffer[64])
{
    const char *name = as_glm_term_name(s, term, buffer);
    if (name == buffer && snprintf(NULL, 0, "%s", name) > 16) {
        buffer[15] = '~';
        buffer[16] = 0;
    }
    return name;
}

static const char *number(double v, char buffer[32])
{
    snprintf(buffer, 32, "%.4f", v);
    if (v != 0 && (fabs(v) < 1e-3 || fabs(v) >= 1e5)) {
        snprintf(buffer, 32, "%.3e", v);
    }
    return buffer;
}

static void head(const as_statistic *s, as_text *out)
{
    const as_glm *g = s->model;
    as_text_add(out, "%s\n", g->family->title);
    as_text_add(out, "%-14s %14.12g   %-18s %18s\n", "rows", g->number[AS_GLM_ROWS], "solver",
                as_glm_solvers[g->options.solver]);
    as_text_add(out, "%-14s %14.12g   %-18s %18s\n", "weight", g->number[AS_GLM_WEIGHT], "penalty", penalty_name(g));
    as_text_add(out, "%-14s %14lld   %-18s %18.4g\n", "iterations", (long long)*g->n_iter, "largest slope",
                g->number[AS_GLM_GRADIENT]);
    as_text_add(out, "%-14s %14.9g   %-18s %18.9g\n", "mean loss", g->number[AS_GLM_LOSS], "mean objective",
                g->number[AS_GLM_VALUE]);
    if (g->llf != NULL) {
        as_text_add(out, "%-14s %14.9g   %-18s %18.9g\n", "log-likelihood", *g->llf, "of the null model", *g->llnull);
        as_text_add(out, "%-14s %14.9g   %-18s %18.9g\n", "deviance", *g->deviance, "of the null model",
                    *g->null_deviance);
        as_text_add(out, "%-14s %14.6g   %-18s %18.6g\n", "pseudo R2", *g->prsquared, "Cox and Snell's",
                    *g->prsquared_cs);
    }
    if (g->inference && *g->phase == AS_GLM_DONE) {
        as_text_add(out, "%-14s %14.9g   %-18s %18.9g\n", "AIC", *g->aic, "BIC", *g->bic);
        char text[64];
        snprintf(text, sizeof text, "%.6g on %.0f df", *g->llr, *g->df_model);
        as_text_add(out, "%-14s %14.3g   %-18s %18s\n", "P(LR test)", *g->llr_pvalue, "likelihood ratio", text);
        if (g->q == 1 && *g->df_resid > 0) {
            snprintf(text, sizeof text, "%.4g on %.0f df", *g->pearson_chi2, *g->df_resid);
            as_text_add(out, "%-14s %14.4g   %-18s %18s\n", "  per df", *g->pearson_chi2 / *g->df_resid, "Pearson chi2",
                        text);
        }
    }
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
    char name[64], a[32], b[32], c[32], e[32];
    for (int64_t t = 0; t < g->terms && t < ROWS_SHOWN; t++) {
        const int64_t i = k * g->terms + t;
        if (g->identified[t] == 0) {
            as_text_add(out, "%-16s %11s   not identified\n", name_cut(s, t, name), number(g->params[i], a));
            continue;
        }
        as_text_add(out, "%-16s %11s %10s %9.3f %8.3g", name_cut(s, t, name), number(g->params[i], a),
                    number(g->bse[i], b), g->tvalues[i], g->pvalues[i]);
        as_text_add(out, " %10s %10s\n", number(g->conf_int[2 * i], c), number(g->conf_int[2 * i + 1], e));
    }
    if (g->terms > ROWS_SHOWN) {
        as_text_add(out, "(%lld more; --json gives all)\n", (long long)(g->terms - ROWS_SHOWN));
    }
}

static void table_head(const as_glm *g, as_text *out)
{
    char low[16], high[16];
    snprintf(low, sizeof low, "[%.4g", 0.5 - 0.5 * g->options.confidence);
    snprintf(high, sizeof high, "%.4g]", 0.5 + 0.5 * g->options.confidence);
    as_text_add(out, "%s%-16s %11s %10s %9s %8s %10s %10s\n%s", RULE, "", "coef",
                g->options.cov_type == 1 ? "HC0 error" : "std error", "z", "P>|z|", low, high, RULE);
}

static void describe_text(const as_statistic *s, as_text *out)
{
    const as_glm *g = s->model;
    char name[64], a[32];
    head(s, out);
    tell_columns(s, out);
    if (*g->phase != AS_GLM_DONE) {
        as_text_add(out, "not finished: what follows is the last step's, without errors\n");
    }
    if (g->inference && *g->phase == AS_GLM_DONE) {
        table_head(g, out);
        for (int64_t k = 0; k < g->q; k++) {
            if (g->reference) {
                char base[64];
                as_text_add(out, "class %s against class %s\n", as_statistic_class(s, k + 1, name),
                            as_statistic_class(s, 0, base));
            }
            table_of(s, k, out);
        }
        as_text_add(out, "%s", RULE);
        return;
    }
    const int64_t functions = g->q + (g->reference ? 1 : 0);
    if (g->no_inference != NULL) {
        as_text_add(out, "standard errors: none: %s\n", g->no_inference);
    }
    as_text_add(out, "%s%-16s", RULE, "");
    for (int64_t k = 0; k < functions && k < SHOWN; k++) {
        as_text_add(out, " %11.11s", functions == 1 ? "coef" : as_statistic_class(s, k, name));
    }
    as_text_add(out, "\n%s", RULE);
    for (int64_t t = 0; t < g->terms && t < ROWS_SHOWN / functions + 5; t++) {
        const int64_t j = as_glm_term_column(g, t);
        as_text_add(out, "%-16s", name_cut(s, t, name));
        for (int64_t k = 0; k < functions && k < SHOWN; k++) {
            as_text_add(out, " %11s", number(j < 0 ? g->intercept[k] : g->coef[k * s->width + j], a));
        }
        as_text_add(out, "\n");
    }
    as_text_add(out, "%s", RULE);
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
