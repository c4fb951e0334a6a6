/* Rows and pairs in 80 columns (coef_table.h). */
#include "estimator/coef_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 80, NAME = 15, LEFT = 18, VALUE = 19 };

void as_table_rule(as_text *out, char mark)
{
    char line[WIDTH + 1];
    memset(line, mark, WIDTH);
    line[WIDTH] = 0;
    as_text_add(out, "%s\n", line);
}

void as_table_title(as_text *out, const char *title)
{
    const int n = (int)strlen(title), before = n < WIDTH ? (WIDTH - n) / 2 : 0;
    as_text_add(out, "%*s%s\n", before, "", title);
    as_table_rule(out, '=');
}

void as_table_pair(as_text *out, const char *left, const char *left_value, const char *right, const char *right_value)
{
    as_text_add(out, "%-*s %*s", LEFT, left, VALUE, left_value);
    if (right != NULL) {
        as_text_add(out, "   %-*s %*s", LEFT, right, VALUE, right_value);
    }
    as_text_add(out, "\n");
}

const char *as_table_number(double value, const char *word, char buffer[32])
{
    const double size = fabs(value);
    if (isnan(value)) {
        return word;
    }
    snprintf(buffer, 32, isinf(value) || value == 0 || (size >= 1e-3 && size < 1e5) ? "%.4f" : "%.3e", value);
    return buffer;
}

void as_table_head(as_text *out, const char *statistic, double confidence)
{
    char low[16], high[16], p[16];
    snprintf(low, sizeof low, "[%.4g", 0.5 - 0.5 * confidence);
    snprintf(high, sizeof high, "%.4g]", 0.5 + 0.5 * confidence);
    snprintf(p, sizeof p, "P>|%s|", statistic);
    as_text_add(out, "%-*s %11s %10s %9s %9s %10s %10s\n", NAME, "", "coef", "std err", statistic, p, low, high);
    as_table_rule(out, '-');
}

void as_table_row(as_text *out, const char *name, double coef, double error, double statistic, double p,
                  const double interval[2])
{
    char c[32], e[32], low[32], high[32];
    as_text_add_name(out, NAME, name);
    as_text_add(out, " %11s %10s", as_table_number(coef, "undefined", c), as_table_number(error, "undefined", e));
    as_text_add(out, " %9.3f %9.3g %10s %10s\n", statistic, p, as_table_number(interval[0], "undefined", low),
                as_table_number(interval[1], "undefined", high));
}

void as_table_bare(as_text *out, const char *name, double coef, const char *why)
{
    char c[32];
    as_text_add_name(out, NAME, name);
    as_text_add(out, " %11s   %s\n", as_table_number(coef, "undefined", c), why);
}
