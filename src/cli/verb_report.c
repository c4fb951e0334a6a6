/* allsum report RUN...: one HTML file that shows what happened. */
#include <stdio.h>

#include "base/error.h"
#include "cli/report.h"
#include "cli/verb.h"
#include "io/commit.h"

enum { RUNS_MAX = 8 };

static as_status write_page(const char *path, const as_text *html)
{
    if (html->failed) {
        AS_FAIL(AS_NOMEM, "out of memory for a report");
    }
    return as_file_write(path, html->data, html->size);
}

static as_status run(as_context *context)
{
    as_report_run runs[RUNS_MAX];
    as_text html = {0};
    char path[600];
    int n = 0;
    as_status status = AS_OK;
    if (context->launch.rank != 0) {
        return AS_OK;
    }
    if (context->narguments > RUNS_MAX) {
        AS_FAIL(AS_USAGE, "report: at most %d runs, found %d", RUNS_MAX, context->narguments);
    }
    for (; n < context->narguments && status == AS_OK; n++) {
        status = as_report_read(context->argument[n], n == 0 && as_option_get(context, "no-data") == NULL, &runs[n]);
    }
    const char *out = as_option_get(context, "out");
    snprintf(path, sizeof path, "%.500s%s", out != NULL ? out : context->argument[0],
             out != NULL ? "" : "/report.html");
    if (status == AS_OK) {
        as_report_page(n, runs, &html);
        status = write_page(path, &html);
    }
    if (status == AS_OK) {
        printf("%s: %zu bytes\n", path, html.size);
    }
    for (int i = 0; i < n; i++) {
        as_report_free(&runs[i]);
    }
    as_text_free(&html);
    return status;
}

static const as_option options[] = {
    {.name = "out",
     .letter = 'o',
     .value = "FILE.html",
     .help = "file to write (default: report.html in the first RUN)"},
    {.name = "no-data", .help = "without the test data: no intervals and no calibration"},
    AS_OPTIONS_END,
};

const as_verb as_verb_report = {
    .name = "report",
    .arguments = "RUN...",
    .summary = "One HTML file of a run: findings, curves, norms, curvature, spectra, confusion",
    .details = "Several runs are drawn into the same charts. The file needs nothing else: no network, no scripts.\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
