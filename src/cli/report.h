/* A run as a report sees it (report_read.c), and the page made of runs (report_page.c). */
#ifndef AS_CLI_REPORT_H
#define AS_CLI_REPORT_H

#include "base/fields.h"
#include "cli/chart.h"
#include "probe/record.h"
#include "run/estimates.h"

#include "allsum/status.h"

enum { AS_REPORT_METRICS = 12, AS_REPORT_SPECTRA = 8, AS_REPORT_TIMES = 5 };

typedef struct as_report_run {
    char path[512], name[128];
    as_document *document;
    const as_node *summary, *config, *diagnosis; /* NULL: not there */
    double mean, mean_weight;                    /* of smooth */
    as_series loss, smooth, lr, grad_norm, train, validation;
    int nmetrics;
    as_series metric[AS_REPORT_METRICS]; /* numbers of the evaluations of the validation data, named */
    double time[AS_REPORT_TIMES];        /* seconds of the last line that has them */
    int64_t unreadable;                  /* lines of metrics.jsonl that are broken */
    as_probe_records probes;
    int nspectra;
    as_series spectrum[AS_REPORT_SPECTRA]; /* singular values of weight matrices, largest matrices first */
    as_text estimated;                     /* what a statistical model says of itself */
    as_series reliability;                 /* of the test data: confidence against the share that is right */
    as_estimate estimate[AS_MEASURES];     /* of the test data, with intervals; names NULL: none */
    double level;                          /* of those; 0: none */
} as_report_run;

extern const char *const as_report_time_names[AS_REPORT_TIMES];

/* Not collective. Reads all that a run directory holds; with data, also judges its model on the test data, where they
   can be read. Errors: NOINPUT, DATA for what is no run directory; NOMEM. Free
   with as_report_free, also after an error. */
as_status as_report_read(const char *path, bool data, as_report_run *out);
void as_report_free(as_report_run *run);

/* Not collective. The page of n runs: the first one in full, all of them in what can be compared. */
void as_report_page(int n, const as_report_run *run, as_text *html);

#endif
