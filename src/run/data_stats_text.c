/* Statistics of data for people and for programs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "run/data_stats.h"

enum { COLUMNS_SHOWN = 60, LEVELS_SHOWN = 20, PAIRS_SHOWN = 10 };

static const char *const quantile_keys[AS_QUANTILES] = {"min", "q05", "q25", "median", "q75", "q95", "max"};
static const char *const roles[] = {"input", "target", "label"};

/* A number in `width` places, with as many of `digits` as fit; "-" where there is none. */
static const char *cell(double v, int width, int digits, char buffer[32])
{
    if (isnan(v)) {
        return "-";
    }
    while (snprintf(buffer, 32, "%.*g", digits, v) > width && digits > 1) {
        digits--;
    }
    return buffer;
}

static bool is_number(const as_stats_column *c)
{
    return !c->category && c->role != AS_STATS_LABEL;
}

static void text_moments(const as_data_stats *s, as_text *out)
{
    int64_t shown = 0, numbers = 0;
    as_text_add(out, "%-20s %9s %9s %9s %9s %9s %9s\n", "column", "missing", "distinct", "mean", "sd", "skewness",
                "kurtosis");
    for (int64_t j = 0; j < s->n; j++) {
        const as_stats_column *c = &s->column[j];
        char a[32], b[32], k[32], e[32];
        numbers += is_number(c);
        if (is_number(c) && shown++ < COLUMNS_SHOWN) {
            as_text_add_name(out, 20, c->name);
            as_text_add(out, " %9lld %9lld %9s %9s %9s %9s\n", (long long)c->d.missing, (long long)c->d.distinct,
                        cell(c->d.mean, 9, 4, a), cell(c->d.sd, 9, 4, b), cell(c->d.skewness, 9, 4, k),
                        cell(c->d.kurtosis, 9, 4, e));
        }
    }
    if (numbers > COLUMNS_SHOWN) {
        as_text_add(out, "... and %lld more (--json has all)\n", (long long)(numbers - COLUMNS_SHOWN));
    }
}

static void text_quantiles(const as_data_stats *s, as_text *out)
{
    int64_t shown = 0;
    as_text_add(out, "\n%-16s %8s %8s %8s %8s %8s %8s %8s\n", "quantiles", "min", "5%", "25%", "50%", "75%", "95%",
                "max");
    for (int64_t j = 0; j < s->n; j++) {
        const as_stats_column *c = &s->column[j];
        if (!is_number(c) || shown++ >= COLUMNS_SHOWN) {
            continue;
        }
        as_text_add_name(out, 16, c->name);
        for (int q = 0; q < AS_QUANTILES; q++) {
            char number[32];
            as_text_add(out, " %8s", cell(c->d.quantile[q], 8, 3, number));
        }
        as_text_add(out, "\n");
    }
}

static void level_name(const as_stats_column *c, int64_t i, char buffer[64])
{
    if (c->category) {
        snprintf(buffer, 64, "%s", c->level.name[(int64_t)c->value[i]]);
    } else {
        snprintf(buffer, 64, "%.9g", c->value[i]);
    }
}

static void text_counts(const as_stats_column *c, as_text *out)
{
    as_text_add(out, "\n%.40s: %s of %lld level%s", c->name, c->role == AS_STATS_LABEL ? "label" : "category",
                (long long)c->d.distinct, c->d.distinct == 1 ? "" : "s");
    if (c->d.missing > 0) {
        as_text_add(out, ", %lld missing", (long long)c->d.missing);
    }
    if (c->d.distinct == c->d.n && c->d.n > LEVELS_SHOWN) {
        as_text_add(out, ", each once\n");
        return;
    }
    as_text_add(out, "\n");
    for (int64_t i = 0; i < c->ncounts && i < LEVELS_SHOWN; i++) {
        char name[64];
        level_name(c, i, name);
        as_text_add(out, "  ");
        as_text_add_name(out, 40, name);
        as_text_add(out, " %12lld  %6.2f %%\n", (long long)c->count[i], 100 * (double)c->count[i] / (double)c->d.n);
    }
    if (c->ncounts > LEVELS_SHOWN) {
        as_text_add(out, "  ... and %lld more (--json has all)\n", (long long)(c->ncounts - LEVELS_SHOWN));
    }
}

/* "3 of 9 columns WHAT: a, b, c", as many names as fit on a line. */
static void text_listed(const as_data_stats *s, const char *what, bool (*belongs)(const as_stats_column *c),
                        as_text *out)
{
    as_text names = {0};
    int64_t count = 0;
    bool cut = false;
    for (int64_t j = 0; j < s->n; j++) {
        if (belongs(&s->column[j])) {
            cut = cut || names.size + strlen(s->column[j].name) > 38;
            if (!cut || count == 0) {
                as_text_add(&names, "%s%.36s", count > 0 ? ", " : "", s->column[j].name);
            }
            count++;
        }
    }
    if (count > 0) {
        as_text_add(out, "\n%lld of %lld columns %s: %s%s\n", (long long)count, (long long)s->n, what,
                    names.data != NULL ? names.data : "", cut ? ", ..." : "");
    }
    as_text_free(&names);
}

static bool is_constant(const as_stats_column *c)
{
    return c->d.distinct == 1;
}

static bool is_empty(const as_stats_column *c)
{
    return c->d.n == 0;
}

static void text_pairs(const as_data_stats *s, as_text *out)
{
    if (s->correlated > AS_STATS_CORRELATED) {
        as_text_add(out, "\n%lld columns vary: correlations are given of at most %d\n", (long long)s->correlated,
                    (int)AS_STATS_CORRELATED);
        return;
    }
    if (s->correlated == 0) {
        return;
    }
    as_text_add(out, "\nlargest correlations of %lld columns, over %lld rows without a missing value\n",
                (long long)s->correlated, (long long)s->pair_rows);
    for (int i = 0; i < s->npairs && i < PAIRS_SHOWN; i++) {
        as_text_add(out, "  %-30.30s %-30.30s %9.4f\n", s->column[s->pair[i].a].name, s->column[s->pair[i].b].name,
                    s->pair[i].r);
    }
}

/* Inputs by what they say of the label, the clearest first. */
static void text_tests(const as_data_stats *s, as_text *out)
{
    enum { SHOWN = 20 };
    bool *told = s->tested > 0 ? calloc((size_t)s->n, sizeof *told) : NULL;
    if (told == NULL) {
        return;
    }
    as_text_add(out, "\n%-24s %-6s %10s %11s %11s %11s\n", "against the label", "test", "statistic", "p", "p, Holm",
                "p, BH");
    for (int shown = 0; shown < SHOWN && shown < s->tested; shown++) {
        int64_t best = -1;
        for (int64_t j = 0; j < s->n; j++) {
            const as_stats_column *c = &s->column[j];
            if (c->tested && !told[j] && (best < 0 || c->test.log_p < s->column[best].test.log_p)) {
                best = j;
            }
        }
        if (best < 0) {
            break;
        }
        const as_stats_column *c = &s->column[best];
        told[best] = true;
        as_text_add_name(out, 24, c->name);
        as_text_add(out, " %-6s %10.4g %11.4g %11.4g %11.4g\n", c->category ? "chi2" : "F", c->test.statistic,
                    c->test.p, c->holm, c->discovery);
    }
    if (s->tested > SHOWN) {
        as_text_add(out, "... and %lld more (--json has all)\n", (long long)(s->tested - SHOWN));
    }
    free(told);
}

void as_data_stats_text(const as_data_stats *s, as_text *out)
{
    bool numbers = false;
    for (int64_t j = 0; j < s->n; j++) {
        numbers = numbers || is_number(&s->column[j]);
    }
    as_text_add(out, "%lld rows, %lld column%s\n\n", (long long)s->rows, (long long)s->n, s->n == 1 ? "" : "s");
    if (numbers) {
        text_moments(s, out);
        text_quantiles(s, out);
    }
    for (int64_t j = 0; j < s->n; j++) {
        if (!is_number(&s->column[j])) {
            text_counts(&s->column[j], out);
        }
    }
    text_listed(s, "are constant", is_constant, out);
    text_listed(s, "have no value", is_empty, out);
    text_pairs(s, out);
    text_tests(s, out);
}

static void json_column(const as_stats_column *c, as_text *out)
{
    as_json_open(out, NULL, '{');
    as_json_text(out, "name", c->name);
    as_json_text(out, "role", c->category && c->role == AS_STATS_INPUT ? "category" : roles[c->role]);
    as_json_int(out, "count", c->d.n);
    as_json_int(out, "missing", c->d.missing);
    as_json_int(out, "distinct", c->d.distinct);
    as_json_bool(out, "constant", c->d.distinct == 1);
    if (!c->category) {
        as_json_real(out, "mean", c->d.mean);
        as_json_real(out, "sd", c->d.sd);
        as_json_real(out, "skewness", c->d.skewness);
        as_json_real(out, "kurtosis", c->d.kurtosis);
        for (int q = 0; q < AS_QUANTILES; q++) {
            as_json_real(out, quantile_keys[q], c->d.quantile[q]);
        }
    }
    if (c->tested) {
        as_json_open(out, "association", '{');
        as_json_text(out, "test", c->category ? "chi2" : "anova");
        as_json_real(out, "statistic", c->test.statistic);
        as_json_real(out, "df", c->test.df);
        as_json_real(out, "df2", c->test.df2);
        as_json_real(out, "p", c->test.p);
        as_json_real(out, "log_p", c->test.log_p);
        as_json_real(out, "p_holm", c->holm);
        as_json_real(out, "p_benjamini_hochberg", c->discovery);
        as_json_close(out, '}');
    }
    if (c->ncounts > 0) {
        as_json_open(out, "levels", '[');
        for (int64_t i = 0; i < c->ncounts; i++) {
            char name[64];
            level_name(c, i, name);
            as_json_open(out, NULL, '{');
            as_json_text(out, "level", name);
            as_json_int(out, "count", c->count[i]);
            as_json_close(out, '}');
        }
        as_json_close(out, ']');
    }
    as_json_close(out, '}');
}

void as_data_stats_json(const as_data_stats *s, as_text *out)
{
    as_json_int(out, "rows", s->rows);
    as_json_open(out, "columns", '[');
    for (int64_t j = 0; j < s->n; j++) {
        json_column(&s->column[j], out);
    }
    as_json_close(out, ']');
    as_json_open(out, "correlations", '[');
    for (int i = 0; i < s->npairs; i++) {
        as_json_open(out, NULL, '{');
        as_json_text(out, "a", s->column[s->pair[i].a].name);
        as_json_text(out, "b", s->column[s->pair[i].b].name);
        as_json_real(out, "r", s->pair[i].r);
        as_json_close(out, '}');
    }
    as_json_close(out, ']');
    as_json_int(out, "correlated_columns", s->correlated);
    as_json_int(out, "correlation_rows", s->pair_rows);
}
