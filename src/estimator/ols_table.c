/* The table of least squares, as those who know statsmodels expect it; what could not be estimated is said in words. */
#include <math.h>
#include <stdio.h>

#include "estimator/coef_table.h"
#include "estimator/ols.h"

const char *as_ols_column(const as_statistic *s, int64_t j, char buffer[64])
{
    const as_linear *const l = s->model;
    if (l->intercept && j == 0) {
        return "const";
    }
    return as_statistic_column(s, j - (l->k - l->p), buffer);
}

void as_ols_relation(const as_statistic *s, int64_t j, char *text, size_t most)
{
    const as_ols *const m = s->model;
    const int64_t k = m->linear.k;
    char name[64];
    int terms = 0, at = snprintf(text, most, "%s =", as_ols_column(s, j, name));
    for (int64_t i = 0; i < k && at > 0 && (size_t)at + 96 < most; i++) {
        const double c = m->relation[j * k + i];
        if (c == 0) {
            continue;
        }
        const char *const sign = c < 0 ? " -" : terms > 0 ? " +" : "";
        at += snprintf(text + at, most - (size_t)at, "%s", sign);
        if (fabs(fabs(c) - 1) > 1e-9) {
            at += snprintf(text + at, most - (size_t)at, " %.6g", fabs(c));
        }
        at += snprintf(text + at, most - (size_t)at, " %s", as_ols_column(s, i, name));
        terms++;
    }
    if (terms == 0 && at > 0 && (size_t)at < most) {
        snprintf(text + at, most - (size_t)at, " 0");
    }
}

/* Of a criterion, which has no end where the fit leaves nothing over. */
static const char *criterion(double value, char buffer[32])
{
    return isinf(value) ? "exact fit" : as_table_number(value, "undefined", buffer);
}

static void add_head(const as_statistic *s, int64_t t, as_text *out)
{
    const as_ols *const m = s->model;
    const as_linear *const l = &m->linear;
    static const char *const types[] = {"nonrobust", "HC0", "HC1", "HC2", "HC3"};
    const char *const cov = types[((const as_ols_options *)s->options)->cov_type];
    char a[64], b[64], name[64];
    as_table_title(out, "OLS Regression Results");
    as_table_pair(out, "Dep. Variable:", as_statistic_target(s, t, name),
                  "R-squared:", as_table_number(m->rsquared[t], "target constant", a));
    as_table_pair(out, "Model:", "OLS", "Adj. R-squared:", as_table_number(m->rsquared_adj[t], "undefined", a));
    as_table_pair(out, "Method:", "QR along the lanes", "F-statistic:", as_table_number(m->fvalue[t], "undefined", a));
    snprintf(b, sizeof b, "%lld", (long long)*l->rows);
    as_table_pair(out, "No. Observations:", b, "Prob (F-statistic):",
                  isnan(m->f_pvalue[t]) ? "undefined" : (snprintf(a, sizeof a, "%.3g", m->f_pvalue[t]), a));
    snprintf(b, sizeof b, "%.0f", *m->df_resid);
    as_table_pair(out, "Df Residuals:", b, "Log-Likelihood:", criterion(m->llf[t], a));
    snprintf(b, sizeof b, "%.0f", *m->df_model);
    as_table_pair(out, "Df Model:", b, "AIC:", criterion(m->aic[t], a));
    as_table_pair(out, "Covariance Type:", cov, "BIC:", criterion(m->bic[t], a));
    snprintf(a, sizeof a, "%.4g", *m->condition);
    as_table_pair(out, "Std. error of fit:",
                  as_table_number(isnan(m->scale[t]) ? m->scale[t] : sqrt(m->scale[t]), "undefined", b),
                  "Cond. No.:", isinf(*m->condition) ? "infinite" : a);
    if (*m->condition > 1e8) {
        as_text_add(out, "Large condition number: units far apart, or columns nearly dependent; see VIF.\n");
    }
    as_table_rule(out, '=');
}

static void add_rows(const as_statistic *s, int64_t t, as_text *out)
{
    const as_ols *const m = s->model;
    const as_linear *const l = &m->linear;
    const as_ols_options *const o = s->options;
    as_table_head(out, o->cov_type ? "z" : "t", o->confidence);
    for (int64_t j = 0; j < l->k; j++) {
        const int64_t i = t * l->k + j;
        char buffer[64];
        const char *const name = as_ols_column(s, j, buffer);
        switch (m->status[j]) {
        case AS_OLS_NOT_IDENTIFIED:
            as_table_bare(out, name, m->params[i], "not identified (smallest norm of all that fit)");
            break;
        case AS_OLS_NO_FREEDOM:
            as_table_bare(out, name, m->params[i], "no error: as many parameters as rows");
            break;
        default:
            as_table_row(out, name, m->params[i], m->bse[i], m->tvalues[i], m->pvalues[i], m->conf_int + 2 * i);
        }
    }
    as_table_rule(out, '=');
}

static void add_errors(const as_statistic *s, int64_t t, as_text *out)
{
    const as_ols *const m = s->model;
    const as_linear *const l = &m->linear;
    const bool robust = ((const as_ols_options *)s->options)->robust && s->pass > 1;
    as_text_add(out, "%-14s %10s", "", "VIF");
    as_text_add(out, robust ? " %12s %12s %12s %12s\n" : "\n", "HC0", "HC1", "HC2", "HC3");
    for (int64_t j = 0; j < l->k; j++) {
        char name[64], vif[32];
        const bool input = j >= l->k - l->p;
        if (m->status[j] != AS_OLS_ESTIMATED) {
            continue;
        }
        as_text_add_name(out, 14, as_ols_column(s, j, name));
        as_text_add(out, " %10s", input ? as_table_number(m->vif[j - (l->k - l->p)], "", vif) : "");
        for (int hc = AS_OLS_HC0; robust && hc <= AS_OLS_HC3; hc++) {
            as_text_add(out, " %12.5g", m->robust_se[hc][t * l->k + j]);
        }
        as_text_add(out, "\n");
    }
}

static void add_dependence(const as_statistic *s, as_text *out)
{
    const as_ols *const m = s->model;
    const int64_t k = m->linear.k;
    int64_t said = 0;
    for (int64_t j = 0; j < k; j++) {
        double row = 0; /* only dependent columns have no part in F */
        for (int64_t i = 0; i < k; i++) {
            row += fabs(m->factor[j * k + i]);
        }
        if (row > 0) {
            continue;
        }
        char text[512];
        as_ols_relation(s, j, text, sizeof text);
        as_text_add(out, "%s%s\n", said++ == 0 ? "\nColumns that depend on others:\n  " : "  ", text);
        if (said == 20 && k - *m->rank > 20) {
            as_text_add(out, "  ... and %lld more\n", (long long)(k - *m->rank - said));
            return;
        }
    }
}

static void add_influence(const as_statistic *s, as_text *out)
{
    const as_ols *const m = s->model;
    const int64_t most = m->cooks != NULL ? ((const as_ols_options *)s->options)->influence : 0;
    for (int64_t i = 0; i < most && s->pass > 1 && m->id[i] >= 0; i++) {
        if (i == 0) {
            as_text_add(out, "\nRows that move the fit most\n%10s %14s %10s %22s\n", "row", "Cook's D", "leverage",
                        "studentised residual");
        }
        as_text_add(out, "%10lld %14.5g %10.4g %22.4g\n", (long long)m->id[i], m->cooks[i], m->leverage[i],
                    m->student[i]);
    }
}

static void add_json(const as_statistic *s, as_text *out)
{
    const as_ols *const m = s->model;
    const as_linear *const l = &m->linear;
    static const char *const words[] = {"estimated", "not identified", "no degrees of freedom"};
    const int64_t k = l->k, all = k * l->targets;
    as_linear_describe(s, true, out);
    as_json_int(out, "nobs", (int64_t)*l->rows);
    as_json_int(out, "rank_", *m->rank);
    as_json_real(out, "df_model", *m->df_model);
    as_json_real(out, "df_resid", *m->df_resid);
    as_json_open(out, "names", '[');
    for (int64_t j = 0; j < k; j++) {
        char name[64];
        as_json_text(out, NULL, as_ols_column(s, j, name));
    }
    as_json_close(out, ']');
    as_json_open(out, "status", '[');
    for (int64_t j = 0; j < k; j++) {
        as_json_text(out, NULL, words[m->status[j]]);
    }
    as_json_close(out, ']');
    const struct {
        const char *name;
        int64_t n;
        const double *value;
    } lists[] = {{"params", all, m->params},
                 {"bse", all, m->bse},
                 {"tvalues", all, m->tvalues},
                 {"pvalues", all, m->pvalues},
                 {"conf_int", 2 * all, m->conf_int},
                 {"HC0_se", all, m->robust_se[AS_OLS_HC0]},
                 {"HC1_se", all, m->robust_se[AS_OLS_HC1]},
                 {"HC2_se", all, m->robust_se[AS_OLS_HC2]},
                 {"HC3_se", all, m->robust_se[AS_OLS_HC3]},
                 {"vif", l->p, m->vif},
                 {"rsquared", l->targets, m->rsquared},
                 {"rsquared_adj", l->targets, m->rsquared_adj},
                 {"fvalue", l->targets, m->fvalue},
                 {"f_pvalue", l->targets, m->f_pvalue},
                 {"llf", l->targets, m->llf},
                 {"aic", l->targets, m->aic},
                 {"bic", l->targets, m->bic},
                 {"scale", l->targets, m->scale},
                 {"ssr", l->targets, m->ssr},
                 {"centered_tss", l->targets, m->tss},
                 {"condition_number", 1, m->condition}};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (lists[i].value != NULL) {
            as_json_reals(out, lists[i].name, lists[i].n, lists[i].value);
        }
    }
}

void as_ols_describe(const as_statistic *s, bool json, as_text *out)
{
    const as_ols *const m = s->model;
    if (json) {
        add_json(s, out);
        return;
    }
    for (int64_t t = 0; t < m->linear.targets; t++) {
        add_head(s, t, out);
        add_rows(s, t, out);
        add_errors(s, t, out);
    }
    add_dependence(s, out);
    add_influence(s, out);
}
