/* Charts as inline SVG: readable without a script, in light and dark, small and printed. Colours are classes that the
   page's style sheet defines (as_chart_style). */
#ifndef AS_CLI_CHART_H
#define AS_CLI_CHART_H

#include "base/text.h"

typedef struct as_series {
    char name[96];
    int64_t n, capacity;
    double *x, *y; /* (n) x ascending; y that is not finite breaks the line */
    bool points;   /* marks instead of a line */
    bool faint;    /* drawn behind, for what is noisy */
    int color;     /* 0 .. 7 */
} as_series;

typedef struct as_chart {
    const char *title, *x_label, *note; /* note: a line below, or NULL */
    bool log_y;                         /* positive values alone are drawn */
    bool log_x;
    bool unit_square; /* both axes from 0 to 1, with the diagonal */
    int n;
    const as_series *series; /* (n) */
} as_chart;

/* Not collective. Appends a point; when memory runs out the series stays as it is. */
void as_series_add(as_series *series, double x, double y);
void as_series_free(as_series *series);

/* Not collective. Appends a <figure>; nothing where no series has a point. A line of more than 700 points is drawn by
   the lowest and highest of each step to the right. */
void as_chart_write(const as_chart *chart, as_text *html);

/* Not collective. Appends a square of counts[i][j], rows (what is true) by columns (what was predicted), shaded by the
   share of its row. */
void as_chart_confusion(int64_t n, const double *count, as_text *html);

/* Not collective. Appends horizontal shares of a whole. */
void as_chart_shares(const char *title, int n, const char *const *name, const double *value, const char *unit,
                     as_text *html);

/* Text with &, <, > and quotes escaped. */
void as_html_text(as_text *html, const char *text);

/* The style sheet of a page with charts. */
const char *as_chart_style(void);

#endif
