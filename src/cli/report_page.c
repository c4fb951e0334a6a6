/* The page: findings on top, then what happened, then what the weights look like. One file without scripts, links or
   fonts; light and dark by the reader's choice, one column on a phone. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/report.h"

enum { RUNS_MAX = 8, LAYERS_MAX = 8 };

static const char *text_of(const as_node *map, const char *key)
{
    const as_node *node = as_node_get(map, key);
    return node != NULL && node->kind == AS_NODE_SCALAR ? node->text : NULL;
}

/* -- Findings. -- */

static void add_finding(const as_node *f, as_text *html)
{
    const char *severity = text_of(f, "severity"), *code = text_of(f, "code"), *sentence = text_of(f, "sentence");
    const char *action = text_of(f, "action"), *cause = text_of(f, "consequence_of");
    const bool follows = cause != NULL && cause[0] != '\0' && strcmp(cause, "null") != 0;
    as_text_add(html, "<div class=\"finding ");
    as_html_text(html, severity != NULL ? severity : "info");
    as_text_add(html, "\"><strong>");
    as_html_text(html, code != NULL ? code : "");
    as_text_add(html, "</strong> (");
    as_html_text(html, severity != NULL ? severity : "");
    if (follows) {
        as_text_add(html, "; follows from ");
        as_html_text(html, cause);
    }
    as_text_add(html, ")<br>");
    as_html_text(html, sentence != NULL ? sentence : "");
    if (action != NULL && action[0] != '\0' && strcmp(action, "null") != 0) {
        as_text_add(html, "<br>Try: <code>");
        as_html_text(html, action);
        as_text_add(html, "</code>");
    }
    as_text_add(html, "</div>\n");
}

static void add_findings(const as_report_run *run, as_text *html)
{
    as_text_add(html, "<section><h2>Findings</h2>\n");
    const as_node *list = as_node_get(run->diagnosis, "findings");
    if (run->diagnosis == NULL || list == NULL || list->kind != AS_NODE_LIST) {
        as_text_add(html, "<p>Not diagnosed yet: <code>allsum diagnose ");
        as_html_text(html, run->path);
        as_text_add(html, "</code> looks for causes, and the next report shows them here.</p>");
    } else if (list->count == 0) {
        as_text_add(html, "<div class=\"finding healthy\">Nothing found: the run is healthy as far as it was looked at."
                          "</div>");
    }
    for (int64_t i = 0; list != NULL && list->kind == AS_NODE_LIST && i < list->count; i++) {
        add_finding(list->item[i], html);
    }
    if (run->unreadable > 0) {
        as_text_add(html,
                    "<div class=\"finding warn\">%lld lines of metrics.jsonl cannot be read and are left out.</div>",
                    (long long)run->unreadable);
    }
    as_text_add(html, "</section>\n");
}

/* -- The table of runs. -- */

static void add_row(int n, const as_report_run *run, const char *part, const char *key, as_text *html)
{
    bool any = false;
    for (int r = 0; r < n; r++) {
        const as_node *map = part != NULL ? as_node_get(run[r].summary, part) : run[r].summary;
        any = any || text_of(map, key) != NULL;
    }
    if (!any) {
        return;
    }
    as_text_add(html, "<tr><th>%s%s", part != NULL ? part : "", part != NULL ? " " : "");
    as_html_text(html, key);
    as_text_add(html, "</th>");
    for (int r = 0; r < n; r++) {
        const as_node *map = part != NULL ? as_node_get(run[r].summary, part) : run[r].summary;
        const char *text = text_of(map, key);
        double v;
        as_text_add(html, "<td class=\"n\">");
        if (text != NULL && strlen(text) < 40 && as_text_to_real(text, &v) && v != floor(v)) {
            as_text_add(html, "%.5g", v);
        } else if (text != NULL && strlen(text) > 40) {
            as_text_add(html, "<code>%.16s</code>", text);
        } else {
            as_html_text(html, text != NULL ? text : "");
        }
        as_text_add(html, "</td>");
    }
    as_text_add(html, "</tr>\n");
}

static void add_table(int n, const as_report_run *run, as_text *html)
{
    static const char *const keys[] = {"status",       "steps",   "epochs",       "train_loss",
                                       "ranks",        "threads", "wall_seconds", "samples_per_second",
                                       "params_sha256"};
    as_text_add(html, "<section><h2>Summary</h2><div class=\"scroll\"><table><tr><th></th>");
    for (int r = 0; r < n; r++) {
        as_text_add(html, "<th>");
        as_html_text(html, run[r].name);
        as_text_add(html, "</th>");
    }
    as_text_add(html, "</tr>\n");
    for (size_t k = 0; k < 4; k++) {
        add_row(n, run, NULL, keys[k], html);
    }
    static const char *const parts[] = {"validation", "test"};
    for (int p = 0; p < 2; p++) {
        const as_node *map = as_node_get(run[0].summary, parts[p]);
        for (int64_t i = 0; map != NULL && i < map->count; i++) {
            add_row(n, run, parts[p], map->key[i], html);
        }
    }
    for (size_t k = 4; k < sizeof keys / sizeof keys[0]; k++) {
        add_row(n, run, NULL, keys[k], html);
    }
    as_text_add(html, "</table></div></section>\n");
}

/* -- Charts. -- */

static bool wide(int n, const as_series *series)
{
    double low = HUGE_VAL, high = 0;
    for (int s = 0; s < n; s++) {
        for (int64_t i = 0; i < series[s].n; i++) {
            const double v = series[s].y[i];
            if (isfinite(v) && v <= 0) {
                return false;
            }
            low = isfinite(v) && v < low ? v : low;
            high = isfinite(v) && v > high ? v : high;
        }
    }
    return high > 20 * low;
}

/* The same series of several runs: arrays are borrowed. */
static as_series lend(const as_series *s, const char *name, int color, bool faint)
{
    as_series out = *s;
    snprintf(out.name, sizeof out.name, "%.90s", name);
    out.color = color;
    out.faint = faint;
    return out;
}

static void chart(const char *title, const char *note, bool log_y, int n, const as_series *series, as_text *html)
{
    const as_chart c = {.title = title, .x_label = "step", .note = note, .log_y = log_y, .n = n, .series = series};
    as_chart_write(&c, html);
}

static void add_loss(int n, const as_report_run *run, as_text *html)
{
    as_series s[3 * RUNS_MAX];
    int count = 0;
    char name[160];
    for (int r = 0; r < n; r++) {
        if (n == 1) {
            s[count++] = lend(&run[r].loss, "each logged batch", r, true);
        }
        snprintf(name, sizeof name, "%.60s%s", n > 1 ? run[r].name : "training", n > 1 ? ": training" : ", smoothed");
        s[count++] = lend(&run[r].smooth, name, n > 1 ? 2 * r : 0, n > 1);
        snprintf(name, sizeof name, "%.60s%s", n > 1 ? run[r].name : "validation", n > 1 ? "" : "");
        s[count++] = lend(run[r].validation.n > 0 ? &run[r].validation : &run[r].train,
                          run[r].validation.n > 0 || n > 1 ? name : "training, whole epochs", n > 1 ? 2 * r : 1, false);
    }
    chart("Loss", n > 1 ? "Strong: validation, or whole epochs; faint: training." : NULL, wide(count, s), count, s,
          html);
}

static void add_metrics(int n, const as_report_run *run, as_text *html)
{
    for (int m = 0; m < run[0].nmetrics; m++) {
        as_series s[RUNS_MAX];
        int count = 0;
        char title[160];
        for (int r = 0; r < n; r++) {
            for (int k = 0; k < run[r].nmetrics; k++) {
                if (strcmp(run[r].metric[k].name, run[0].metric[m].name) == 0) {
                    s[count++] = lend(&run[r].metric[k], n > 1 ? run[r].name : "validation", r, false);
                }
            }
        }
        snprintf(title, sizeof title, "Validation: %s", run[0].metric[m].name);
        chart(title, NULL, false, count, s, html);
    }
}

static void add_one(int n, const as_report_run *run, const char *title, const as_series *(*pick)(const as_report_run *),
                    as_text *html)
{
    as_series s[RUNS_MAX];
    for (int r = 0; r < n; r++) {
        s[r] = lend(pick(&run[r]), run[r].name, r, false);
    }
    chart(title, NULL, wide(n, s), n, s, html);
}

static const as_series *pick_lr(const as_report_run *run)
{
    return &run->lr;
}

static const as_series *pick_grad_norm(const as_report_run *run)
{
    return &run->grad_norm;
}

/* -- Instruments. -- */

/* A member of each layer over the probes; a network of many layers shows some of them, evenly. */
static void add_layers(const as_report_run *run, const char *title, const char *note, size_t offset, as_text *html)
{
    as_series s[LAYERS_MAX] = {0};
    const as_probe_records *p = &run->probes;
    const int layers = p->n > 0 ? p->record[0].nlayers : 0, shown = layers < LAYERS_MAX ? layers : LAYERS_MAX;
    for (int k = 0; k < shown; k++) {
        const int layer = shown == 1 ? 0 : k * (layers - 1) / (shown - 1);
        s[k].color = k;
        snprintf(s[k].name, sizeof s[k].name, "%s", p->record[0].layer[layer].name);
        for (int64_t i = 0; i < p->n; i++) {
            if (layer < p->record[i].nlayers) {
                double v;
                memcpy(&v, (const char *)&p->record[i].layer[layer] + offset, sizeof v);
                as_series_add(&s[k], (double)p->record[i].step, v);
            }
        }
    }
    chart(title, note, wide(shown, s), shown, s, html);
    for (int k = 0; k < shown; k++) {
        as_series_free(&s[k]);
    }
}

/* Two members of the records in one chart. */
static void add_pair(const as_report_run *run, const char *title, const char *note, const char *const name[2],
                     const size_t offset[2], as_text *html)
{
    as_series s[2] = {{.color = 0}, {.color = 1}};
    for (int k = 0; k < 2; k++) {
        snprintf(s[k].name, sizeof s[k].name, "%s", name[k]);
        for (int64_t i = 0; i < run->probes.n; i++) {
            double v;
            memcpy(&v, (const char *)&run->probes.record[i] + offset[k], sizeof v);
            as_series_add(&s[k], (double)run->probes.record[i].step, v);
        }
    }
    bool measured = false;
    for (int64_t i = 0; i < s[0].n; i++) {
        measured |= isfinite(s[0].y[i]);
    }
    if (measured) { /* the second says nothing alone */
        chart(title, note, wide(2, s), 2, s, html);
    }
    as_series_free(&s[0]);
    as_series_free(&s[1]);
}

static void add_instruments(const as_report_run *run, as_text *html)
{
    if (run->probes.n == 0) {
        as_text_add(
            html,
            "<p>Pulse and instruments were off in this run: <code>-s \"probe=50 steps\"</code> shows norms, signals, "
            "noise and curvature here, without changing a bit of the training.</p>\n");
        return;
    }
    as_text_add(html, "<div class=\"charts\">\n");
    add_layers(run, "Gradient norm of each layer", NULL, offsetof(as_probe_layer, grad_norm), html);
    add_layers(run, "Update ratio |dw| / |w|",
               "About 0.001 is usual; below 1e-6 a layer stands still, above 0.1 it is thrown "
               "about.",
               offsetof(as_probe_layer, update_ratio), html);
    add_layers(run, "Spread of each layer's output", NULL, offsetof(as_probe_layer, signal_sd), html);
    add_layers(run, "Backward signal of each layer",
               "Root mean square of the gradient there; the first layer far below the "
               "last one: it vanishes.",
               offsetof(as_probe_layer, delta_rms), html);
    const size_t noise[2] = {offsetof(as_probe_record, total.noise_scale), offsetof(as_probe_record, weight)};
    add_pair(run, "Gradient noise scale against the batch",
             "Batches far above the noise scale waste samples; far below, "
             "steps.",
             (const char *const[2]){"noise scale", "batch"}, noise, html);
    const size_t limit[2] = {offsetof(as_probe_record, lr_limit), offsetof(as_probe_record, lr)};
    add_pair(run, "Learning rate against its limit", "The limit is the optimizer's own, from the largest eigenvalue.",
             (const char *const[2]){"largest stable rate", "rate"}, limit, html);
    const size_t curve[2] = {offsetof(as_probe_record, lambda_max), offsetof(as_probe_record, sharpness)};
    add_pair(run, "Curvature", "Largest eigenvalue of the Hessian, and as the optimizer sees it.",
             (const char *const[2]){"lambda max", "sharpness"}, curve, html);
    as_text_add(html, "</div>\n");
}

/* -- Results. -- */

static void add_confusion(const as_report_run *run, as_text *html)
{
    enum { CLASSES_MAX = 40 };
    static const char *const parts[] = {"test", "validation"};
    const as_node *m = NULL;
    double count[CLASSES_MAX * CLASSES_MAX];
    for (int p = 0; p < 2 && m == NULL; p++) {
        m = as_node_get(as_node_get(run->summary, parts[p]), "confusion");
    }
    if (m == NULL || m->kind != AS_NODE_LIST || m->count < 2 || m->count > CLASSES_MAX) {
        return;
    }
    const int64_t n = m->count;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            const as_node *row = m->item[i];
            if (row->kind != AS_NODE_LIST || row->count != n || row->item[j]->kind != AS_NODE_SCALAR ||
                !as_text_to_real(row->item[j]->text, &count[i * n + j])) {
                return;
            }
        }
    }
    as_chart_confusion(n, count, html);
}

static void add_calibration(const as_report_run *run, as_text *html)
{
    as_series s = lend(&run->reliability, "share that is right, by confidence", 0, false);
    s.points = true;
    if (s.n > 0) {
        const as_chart c = {.title = "Calibration on the test data",
                            .x_label = "confidence",
                            .note = "Below the line: surer than it is right.",
                            .unit_square = true,
                            .n = 1,
                            .series = &s};
        as_chart_write(&c, html);
    }
}

/* Metrics of the test data with their intervals. */
static void add_estimates(const as_report_run *run, as_text *html)
{
    if (!(run->level > 0)) {
        return;
    }
    as_text_add(html,
                "<figure><figcaption>Test data, with %g %% intervals</figcaption><div class=\"scroll\"><table><tr><th>"
                "</th><th>value</th><th>from</th><th>to</th></tr>\n",
                100 * run->level);
    for (int i = 0; i < AS_MEASURES; i++) {
        const as_estimate *e = &run->estimate[i];
        if (e->name != NULL && e->method != NULL) {
            as_text_add(
                html,
                "<tr><th>%s</th><td class=\"n\">%.4g</td><td class=\"n\">%.4g</td><td class=\"n\">%.4g</td></tr>\n",
                e->name, e->value, e->low, e->high);
        }
    }
    as_text_add(html, "</table></div></figure>\n");
}

static void add_results(const as_report_run *run, as_text *html)
{
    as_text_add(html, "<div class=\"charts\">\n");
    add_confusion(run, html);
    add_estimates(run, html);
    add_calibration(run, html);
    if (run->nspectra > 0) {
        const as_chart c = {.title = "Singular values of the weights",
                            .x_label = "number",
                            .note = "A matrix whose values fall to nothing uses few directions.",
                            .log_y = wide(run->nspectra, run->spectrum),
                            .n = run->nspectra,
                            .series = run->spectrum};
        as_chart_write(&c, html);
    }
    as_chart_shares("Time of rank 0 in steps", AS_REPORT_TIMES, as_report_time_names, run->time, "s", html);
    as_text_add(html, "</div>\n");
    if (run->estimated.size > 0) {
        as_text_add(html, "<h2>What was estimated</h2><pre>");
        as_html_text(html, run->estimated.data);
        as_text_add(html, "</pre>\n");
    }
}

void as_report_page(int n, const as_report_run *run, as_text *html)
{
    as_text_add(html, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    as_html_text(html, run[0].name);
    as_text_add(html, "</title>\n<style>\n%s</style></head>\n<body>\n<h1>", as_chart_style());
    for (int r = 0; r < n; r++) {
        as_text_add(html, "%s", r > 0 ? ", " : "");
        as_html_text(html, run[r].name);
    }
    as_text_add(html, "</h1>\n<p class=\"note\">");
    as_html_text(html, run[0].path);
    as_text_add(html, "</p>\n");
    add_findings(&run[0], html);
    add_table(n, run, html);
    as_text_add(html, "<h2>Training</h2><div class=\"charts\">\n");
    add_loss(n, run, html);
    add_metrics(n, run, html);
    add_one(n, run, "Learning rate", pick_lr, html);
    add_one(n, run, "Gradient norm", pick_grad_norm, html);
    as_text_add(html, "</div>\n");
    if (run[0].estimated.size == 0) {
        as_text_add(html, "<h2>Instruments</h2>\n");
        add_instruments(&run[0], html);
    }
    as_text_add(html, "<h2>Results</h2>\n");
    add_results(&run[0], html);
    as_text_add(html, "</body></html>\n");
}
