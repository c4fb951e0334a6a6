/* The table of least squares, as those who know statsmodels expect it; what could not be estimated is said in words. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimator/ols.h"

const char *as_ols_column(const as_statistic *s, int64_t j, char buffer[64])
{
    const as_linear *const l = s->model;
    if (l->intercept && j == 0) {
        return "intercept";
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

/* "number", or a word where there is none. */
static const char *number(double value, const char *word, char buffer[32])
{
    if (isnan(value)) {
        return word;
    }
    snprintf(buffer, 32, "%.6g", value);
    return buffer;
}

static void add_head(const as_statistic *s, int64_t t, as_text *out)
{
    const as_ols *const m = s->model;
    const as_linear *const l = &m->linear;
    static const char *const types[] = {"classical", "HC0", "HC1", "HC2", "HC3"};
    char a[32], b[32], c[32];
    as_text_add(out, "Least squares: %lld rows, %lld parameters, rank %lld, errors %s\n", (long long)*l->rows,
                (long long)l->k, (long long)*m->rank, types[((const as_ols_options *)s->options)->cov_type]);
    if (l->targets > 1) {
        as_text_add(out, "Target %lld\n", (long long)t);
    }
    as_text_add(out, "R-squared %-12s adjusted %-12s s %s\n",
                number(m->rsquared[t], "undefined (the target is constant)", a),
                number(m->rsquared_adj[t], "undefined", b),
                number(isnan(m->scale[t]) ? m->scale[t] : sqrt(m->scale[t]), "unknown", c));
    as_text_add(out, "F(%.0f, %.0f) %-12s p %-12s\n", *m->df_model, *m->df_resid, number(m->fvalue[t], "undefined", a),
                number(m->f_pvalue[t], "undefined", b));
    as_text_add(out, "log likelihood %-12s AIC %-12s BIC %s\n", number(m->llf[t], "undefined", a),
                number(m->aic[t], "undefined", b), number(m->bic[t], "undefined", c));
    as_text_add(out, "condition number %.3g%s\n\n", *m->condition,
                *m->condition > 1e8 ? "  (large: units far apart, or columns nearly dependent; see VIF)" : "");
}

static void add_rows(const as_statistic *s, int64_t t, as_text *out)
{
    const as_ols *const m = s->model;
    const as_linear *const l = &m->linear;
    const as_ols_options *const o = s->options;
    const double level = o->confidence;
    char low[16], high[16];
    snprintf(low, sizeof low, "[%.4g", (1 - level) / 2);
    snprintf(high, sizeof high, "%.4g]", (1 + level) / 2);
    as_text_add(out, "%-14s %11s %10s %8s %9s %10s %10s%s\n", "", "coef", "std err", o->cov_type ? "z" : "t",
                o->cov_type ? "P>|z|" : "P>|t|", low, high, "");
    for (int64_t j = 0; j < l->k; j++) {
        const int64_t i = t * l->k + j;
        char name[64];
        as_text_add(out, "%-14.14s %11.5g", as_ols_column(s, j, name), m->params[i]);
        switch (m->status[j]) {
        case AS_OLS_NOT_IDENTIFIED:
            as_text_add(out, " not identified (smallest norm of all that fit as well)\n");
            break;
        case AS_OLS_NO_FREEDOM:
            as_text_add(out, " no error: as many parameters as rows\n");
            break;
        default:
            as_text_add(out, " %10.4g %8.3f %9.3g %10.4g %10.4g\n", m->bse[i], m->tvalues[i], m->pvalues[i],
                        m->conf_int[2 * i], m->conf_int[2 * i + 1]);
        }
    }
}

static void add_errors(const as_statistic *s, int64_t t, as_text *out)
{
    const as_ols *const m = s->model;
    const as_linear *const l = &m->linear;
    const bool robust = ((const as_ols_options *)s->options)->robust && s->pass > 1;
    as_text_add(out, "\n%-14s %10s", "", "VIF");
    as_text_add(out, robust ? " %12s %12s %12s %12s\n" : "\n", "HC0", "HC1", "HC2", "HC3");
    for (int64_t j = 0; j < l->k; j++) {
        char name[64], vif[32];
        const bool input = j >= l->k - l->p;
        if (m->status[j] != AS_OLS_ESTIMATED) {
            continue;
        }
        as_text_add(out, "%-14.14s %10s", as_ols_column(s, j, name),
                    input ? number(m->vif[j - (l->k - l->p)], "", vif) : "");
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
