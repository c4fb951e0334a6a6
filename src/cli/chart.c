/* Axes with round steps (1, 2, 5 times a power of ten, after P. Heckbert, "Nice numbers for graph labels", Graphics
   Gems, 1990), or decades. Everything is drawn in a box of 640 x 300 that scales with the page. */
#include "cli/chart.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { WIDTH = 640, HEIGHT = 300, LEFT = 64, RIGHT = 12, TOP = 10, BOTTOM = 40, COLUMNS = 350, TICKS_MAX = 16 };

typedef struct axis {
    double low, high; /* of the box, in units of the scale: logarithms where log */
    bool log;
    int n;
    double tick[TICKS_MAX]; /* values */
} axis;

void as_series_add(as_series *s, double x, double y)
{
    if (s->n == s->capacity) {
        const int64_t capacity = s->capacity == 0 ? 64 : 2 * s->capacity;
        double *xs = realloc(s->x, (size_t)capacity * sizeof *xs);
        s->x = xs != NULL ? xs : s->x;
        double *ys = realloc(s->y, (size_t)capacity * sizeof *ys);
        s->y = ys != NULL ? ys : s->y;
        if (xs == NULL || ys == NULL) {
            return;
        }
        s->capacity = capacity;
    }
    s->x[s->n] = x;
    s->y[s->n++] = y;
}

void as_series_free(as_series *s)
{
    free(s->x);
    free(s->y);
    *s = (as_series){0};
}

void as_html_text(as_text *html, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        switch (*c) {
        case '&':
            as_text_add(html, "&amp;");
            break;
        case '<':
            as_text_add(html, "&lt;");
            break;
        case '>':
            as_text_add(html, "&gt;");
            break;
        case '"':
            as_text_add(html, "&quot;");
            break;
        default:
            as_text_add(html, "%c", *c);
        }
    }
}

static bool drawn(const axis *a, double v)
{
    return isfinite(v) && (!a->log || v > 0);
}

static double scaled(const axis *a, double v)
{
    return a->log ? log10(v) : v;
}

static double place(const axis *a, double v, double from, double to)
{
    return from + (scaled(a, v) - a->low) / (a->high - a->low) * (to - from);
}

/* 1, 2 or 5 times a power of ten, about range / 5. */
static double nice_step(double range)
{
    const double raw = range / 5, power = pow(10, floor(log10(raw))), m = raw / power;
    return power * (m < 1.5 ? 1 : m < 3.5 ? 2 : m < 7.5 ? 5 : 10);
}

static void add_tick(axis *a, double v)
{
    if (a->n < TICKS_MAX) {
        a->tick[a->n++] = v;
    }
}

/* Ticks, and ends of the axis that hold all values with a little air. Values that differ by rounding alone are one. */
static void finish_axis(axis *a)
{
    const double size = fmax(fabs(a->low), fabs(a->high));
    if (!(a->high - a->low > (a->log ? 1e-9 : fmax(1e-9 * size, DBL_MIN)))) {
        const double air = a->log || size < DBL_MIN ? 1 : 0.1 * size;
        a->low -= air;
        a->high += air;
    }
    if (a->log && a->high - a->low > 1) {
        const double step = ceil((a->high - a->low) / 8);
        a->low = floor(a->low * 20) / 20;
        a->high = ceil(a->high * 20) / 20;
        for (double e = ceil(a->low); e <= a->high + 1e-9; e += step) {
            add_tick(a, pow(10, e));
        }
        return;
    }
    const double low = a->log ? pow(10, a->low) : a->low, high = a->log ? pow(10, a->high) : a->high;
    const double step = nice_step(high - low);
    const double first = ceil(low / step - 1e-9);
    for (int i = 0; i < TICKS_MAX && (first + i) * step <= high + step * 1e-9; i++) {
        const double v = (first + i) * step;
        add_tick(a, fabs(v) < step * 1e-9 ? 0 : v);
    }
}

static void measure(const as_chart *chart, axis *x, axis *y)
{
    *x = (axis){.low = DBL_MAX, .high = -DBL_MAX, .log = chart->log_x};
    *y = (axis){.low = DBL_MAX, .high = -DBL_MAX, .log = chart->log_y};
    for (int s = 0; s < chart->n; s++) {
        for (int64_t i = 0; i < chart->series[s].n; i++) {
            const double vx = chart->series[s].x[i], vy = chart->series[s].y[i];
            if (drawn(x, vx) && drawn(y, vy)) {
                x->low = fmin(x->low, scaled(x, vx));
                x->high = fmax(x->high, scaled(x, vx));
                y->low = fmin(y->low, scaled(y, vy));
                y->high = fmax(y->high, scaled(y, vy));
            }
        }
    }
    if (chart->unit_square) {
        x->low = y->low = 0;
        x->high = y->high = 1;
    }
}

static void add_axes(const axis *x, const axis *y, const char *x_label, as_text *html)
{
    for (int i = 0; i < y->n; i++) {
        const double at = place(y, y->tick[i], HEIGHT - BOTTOM, TOP);
        as_text_add(html, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, WIDTH - RIGHT, at,
                    at);
        as_text_add(html, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n", LEFT - 6, at + 4, y->tick[i]);
    }
    for (int i = 0; i < x->n; i++) {
        const double at = place(x, x->tick[i], LEFT, WIDTH - RIGHT);
        as_text_add(html, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.6g</text>\n", at, HEIGHT - BOTTOM + 16,
                    x->tick[i]);
    }
    as_text_add(html, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>", LEFT, WIDTH - RIGHT,
                HEIGHT - BOTTOM, HEIGHT - BOTTOM);
    as_text_add(html, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6);
    as_html_text(html, x_label);
    as_text_add(html, "</text>\n");
}

/* Points [from, to) fall into the same column of the picture: the lowest and the highest of them, in order. */
static void add_column(const as_series *s, int64_t from, int64_t to, const axis *x, const axis *y, bool *pen,
                       as_text *html)
{
    int64_t low = -1, high = -1;
    for (int64_t i = from; i < to; i++) {
        if (!drawn(x, s->x[i]) || !drawn(y, s->y[i])) {
            *pen = false;
            continue;
        }
        low = low < 0 || s->y[i] < s->y[low] ? i : low;
        high = high < 0 || s->y[i] > s->y[high] ? i : high;
    }
    const int64_t order[2] = {low < high ? low : high, low < high ? high : low};
    for (int k = low == high ? 1 : 0; k < 2 && low >= 0; k++) {
        as_text_add(html, "%c%.1f %.1f", *pen ? 'L' : 'M', place(x, s->x[order[k]], LEFT, WIDTH - RIGHT),
                    place(y, s->y[order[k]], HEIGHT - BOTTOM, TOP));
        *pen = true;
    }
}

static void add_line(const as_series *s, const axis *x, const axis *y, as_text *html)
{
    bool pen = false;
    const int64_t step = s->n > 2 * COLUMNS ? (s->n + COLUMNS - 1) / COLUMNS : 1;
    as_text_add(html, "<path class=\"line c%d%s\" d=\"", s->color % 8, s->faint ? " faint" : "");
    for (int64_t i = 0; i < s->n; i += step) {
        add_column(s, i, i + step < s->n ? i + step : s->n, x, y, &pen, html);
    }
    as_text_add(html, "\"/>\n");
}

static void add_points(const as_series *s, const axis *x, const axis *y, as_text *html)
{
    const int64_t step = s->n > 2 * COLUMNS ? (s->n + COLUMNS - 1) / COLUMNS : 1;
    for (int64_t i = 0; i < s->n; i += step) {
        if (drawn(x, s->x[i]) && drawn(y, s->y[i])) {
            as_text_add(
                html, "<circle class=\"mark c%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%.6g: %.6g</title></circle>\n",
                s->color % 8, place(x, s->x[i], LEFT, WIDTH - RIGHT), place(y, s->y[i], HEIGHT - BOTTOM, TOP), s->x[i],
                s->y[i]);
        }
    }
}

static void add_legend(const as_chart *chart, as_text *html)
{
    as_text_add(html, "<p class=\"legend\">");
    for (int s = 0; s < chart->n; s++) {
        if (chart->series[s].n > 0 && !chart->series[s].faint) {
            as_text_add(html, "<span><i class=\"key b%d\"></i>", chart->series[s].color % 8);
            as_html_text(html, chart->series[s].name);
            as_text_add(html, "</span> ");
        }
    }
    as_text_add(html, "</p>\n");
}

void as_chart_write(const as_chart *chart, as_text *html)
{
    axis x, y;
    measure(chart, &x, &y);
    if (!chart->unit_square && x.low > x.high) {
        return;
    }
    finish_axis(&x);
    finish_axis(&y);
    as_text_add(html, "<figure><figcaption>");
    as_html_text(html, chart->title);
    as_text_add(html, "</figcaption>\n");
    add_legend(chart, html);
    as_text_add(html, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
    as_html_text(html, chart->title);
    as_text_add(html, "\">\n");
    add_axes(&x, &y, chart->x_label, html);
    if (chart->unit_square) {
        as_text_add(html, "<path class=\"axis dash\" d=\"M%d %dL%d %d\"/>", LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, TOP);
    }
    for (int s = 0; s < chart->n; s++) {
        if (chart->series[s].points) {
            add_points(&chart->series[s], &x, &y, html);
        } else {
            add_line(&chart->series[s], &x, &y, html);
        }
    }
    as_text_add(html, "</svg>\n");
    if (chart->note != NULL) {
        as_text_add(html, "<p class=\"note\">");
        as_html_text(html, chart->note);
        as_text_add(html, "</p>\n");
    }
    as_text_add(html, "</figure>\n");
}

void as_chart_confusion(int64_t n, const double *count, as_text *html)
{
    as_text_add(html, "<figure><figcaption>Confusion: rows are true classes, columns predictions</figcaption>\n"
                      "<div class=\"scroll\"><table class=\"confusion\"><tr><th></th>");
    for (int64_t j = 0; j < n; j++) {
        as_text_add(html, "<th>%lld</th>", (long long)j);
    }
    as_text_add(html, "</tr>\n");
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t j = 0; j < n; j++) {
            sum += count[i * n + j];
        }
        as_text_add(html, "<tr><th>%lld</th>", (long long)i);
        for (int64_t j = 0; j < n; j++) {
            const double share = sum > 0 ? count[i * n + j] / sum : 0;
            as_text_add(html, "<td class=\"%s\" style=\"--s:%.3f\">%.6g</td>", i == j ? "right" : "wrong", share,
                        count[i * n + j]);
        }
        as_text_add(html, "</tr>\n");
    }
    as_text_add(html, "</table></div></figure>\n");
}

void as_chart_shares(const char *title, int n, const char *const *name, const double *value, const char *unit,
                     as_text *html)
{
    double sum = 0, at = 0;
    for (int i = 0; i < n; i++) {
        sum += value[i];
    }
    if (!(sum > 0)) {
        return;
    }
    as_text_add(html, "<figure><figcaption>");
    as_html_text(html, title);
    as_text_add(html, "</figcaption>\n<p class=\"legend\">");
    for (int i = 0; i < n; i++) {
        as_text_add(html, "<span><i class=\"key b%d\"></i>%s %.3g %s (%.0f %%)</span> ", i % 8, name[i], value[i], unit,
                    100 * value[i] / sum);
    }
    as_text_add(html, "</p><svg viewBox=\"0 0 %d 36\" role=\"img\" aria-label=\"", WIDTH);
    as_html_text(html, title);
    as_text_add(html, "\">");
    for (int i = 0; i < n; i++) {
        const double width = value[i] / sum * WIDTH;
        as_text_add(html, "<rect class=\"bar c%d\" x=\"%.1f\" y=\"4\" width=\"%.1f\" height=\"28\"/>", i % 8, at,
                    width);
        at += width;
    }
    as_text_add(html, "</svg></figure>\n");
}

/* Colours: M. Okabe, K. Ito, "Color Universal Design" (2008), which people with any colour vision tell apart. */
const char *as_chart_style(void)
{
    return ":root{--back:#fff;--ink:#1c2024;--soft:#5c6670;--grid:#dde2e6;--panel:#f6f8f9;"
           "--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#cc79a7;--c4:#56b4e9;--c5:#e69f00;--c6:#7a5195;--c7:#4d4d4d}\n"
           "@media(prefers-color-scheme:dark){:root{--back:#14171a;--ink:#e6e9ec;--soft:#9aa4ae;--grid:#30363c;"
           "--panel:#1c2024;--c0:#5ab4f0;--c1:#ff9150;--c2:#34c79a;--c3:#e6a0c8;--c4:#8fd3ff;--c5:#ffc04d;--c6:#b18fd0;"
           "--c7:#b0b0b0}}\n"
           "@media print{:root{--back:#fff;--ink:#000;--soft:#444;--grid:#ccc;--panel:#fff}figure,section{break-inside:"
           "avoid}}\n"
           "*{box-sizing:border-box}body{margin:0 auto;padding:1rem;max-width:1200px;background:var(--back);"
           "color:var(--ink);font:16px/1.45 system-ui,sans-serif}h1{font-size:1.5rem;margin:.2rem "
           "0}h2{font-size:1.15rem;"
           "margin:1.6rem 0 .4rem}\n"
           ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:1rem}"
           "figure{margin:0;padding:.6rem .8rem;background:var(--panel);border-radius:.5rem;min-width:0}"
           "figcaption{font-weight:600}svg{width:100%;height:auto;display:block}svg "
           "text{font-size:12px;fill:var(--soft)}\n"
           ".grid{stroke:var(--grid)}.axis{stroke:var(--soft);fill:none}.dash{stroke-dasharray:4 4}"
           ".line{fill:none;stroke-width:2;stroke-linejoin:round}.faint{stroke-width:1;opacity:.35}"
           ".legend{margin:.1rem 0;font-size:.85rem;color:var(--soft)}.legend "
           "span{white-space:nowrap;margin-right:.7rem}"
           ".key{display:inline-block;width:.8em;height:.8em;border-radius:.2em;margin-right:.3em}.note{margin:.2rem 0 "
           "0;"
           "font-size:.85rem;color:var(--soft)}\n"
           ".line.c0{stroke:var(--c0)}.line.c1{stroke:var(--c1)}.line.c2{stroke:var(--c2)}.line.c3{stroke:var(--c3)}"
           ".line.c4{stroke:var(--c4)}.line.c5{stroke:var(--c5)}.line.c6{stroke:var(--c6)}.line.c7{stroke:var(--c7)}\n"
           ".mark.c0,.bar.c0{fill:var(--c0)}.mark.c1,.bar.c1{fill:var(--c1)}.mark.c2,.bar.c2{fill:var(--c2)}"
           ".mark.c3,.bar.c3{fill:var(--c3)}.mark.c4,.bar.c4{fill:var(--c4)}.mark.c5,.bar.c5{fill:var(--c5)}"
           ".mark.c6,.bar.c6{fill:var(--c6)}.mark.c7,.bar.c7{fill:var(--c7)}\n"
           ".b0{background:var(--c0)}.b1{background:var(--c1)}.b2{background:var(--c2)}.b3{background:var(--c3)}"
           ".b4{background:var(--c4)}.b5{background:var(--c5)}.b6{background:var(--c6)}.b7{background:var(--c7)}\n"
           ".scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}th,td{padding:.2rem "
           ".5rem;text-align:left;"
           "border-bottom:1px solid var(--grid)}td.n,.confusion td{text-align:right;font-variant-numeric:tabular-nums}"
           ".right{background:color-mix(in srgb,var(--c2) calc(var(--s)*70%),transparent)}"
           ".wrong{background:color-mix(in srgb,var(--c1) calc(var(--s)*90%),transparent)}\n"
           ".finding{border-left:.3rem solid var(--c7);padding:.3rem .7rem;margin:.5rem 0;background:var(--panel)}"
           ".fault{border-color:var(--c1)}.warn{border-color:var(--c5)}.info{border-color:var(--c0)}.healthy{border-"
           "color:"
           "var(--c2)}code,pre{font:.85rem/1.4 "
           "ui-monospace,monospace}pre{overflow-x:auto;background:var(--panel);padding:"
           ".6rem .8rem;border-radius:.5rem}\n";
}
