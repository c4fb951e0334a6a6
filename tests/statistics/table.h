/* The table of tests/reference/make_mixtures.py: 240 rows, 4 columns, 3 classes. */
#ifndef TESTS_STATISTICS_TABLE_H
#define TESTS_STATISTICS_TABLE_H

#include "statistics/fit.h"

enum { ROWS = 240, COLUMNS = 4, CLASSES = 3 };
#define LABELS ", target: [y], features: [a, b, c, d]}"
#define NO_LABELS ", features: [a, b, c, d]}"

static inline void make_table(double x[ROWS][COLUMNS], int64_t y[ROWS])
{
    int64_t state = 12345;
    for (int i = 0; i < ROWS; i++) {
        y[i] = (i + (i % 7 == 0)) % CLASSES;
        for (int j = 0; j < COLUMNS; j++) {
            int64_t total = 0;
            for (int t = 0; t < 3; t++) {
                state = (state * 1103515245 + 12345) % (INT64_C(1) << 31);
                total += state / 65536 % 64;
            }
            x[i][j] = (double)total / 16 + (double)(y[i] * (j + 1) % 4) / 4 * 2 + (j > 0 ? x[i][j - 1] / 4 : 0);
        }
    }
}

/* As CSV; whole: rounded down. `shift` is added to every column. The caller frees it. */
static inline char *table_text(bool whole, double shift)
{
    double x[ROWS][COLUMNS];
    int64_t y[ROWS];
    as_text text = {0};
    make_table(x, y);
    as_text_add(&text, "a,b,c,d,y\n");
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLUMNS; j++) {
            as_text_add(&text, "%.17g,", (whole ? floor(x[i][j]) : x[i][j]) + shift);
        }
        as_text_add(&text, "%lld\n", (long long)y[i]);
    }
    return text.data;
}

/* A list for a configuration: "[1, 2.5]". */
static inline void add_list(as_text *text, int64_t n, const double *value)
{
    for (int64_t i = 0; i < n; i++) {
        as_text_add(text, "%s%.17g", i == 0 ? "[" : ", ", value[i]);
    }
    as_text_add(text, "]");
}

#endif
