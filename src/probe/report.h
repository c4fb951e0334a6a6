/* What can be told about a network at one point, in words at 80 columns or as JSON. */
#ifndef AS_PROBE_REPORT_H
#define AS_PROBE_REPORT_H

#include "probe/landscape.h"

enum {
    AS_REPORT_CURVATURE = 1,
    AS_REPORT_TRACE = 2,
    AS_REPORT_SPECTRUM = 4,
    AS_REPORT_NOISE = 8,
    AS_REPORT_SADDLE = 16,
    AS_REPORT_BATCHES = 32,
    AS_REPORT_WEIGHTS = 64,
    AS_REPORT_LINE = 128,
    AS_REPORT_KINDS = 8
};
extern const char *const as_report_names[AS_REPORT_KINDS + 1]; /* "curvature", ... in the order of the bits */

typedef struct as_report_options {
    unsigned what;
    int64_t rows;              /* of the surface; 0: all */
    int64_t products, probes;  /* of Lanczos; start vectors of trace and spectrum */
    int64_t batch, batches;    /* of training; how many are looked at */
    int64_t step;              /* steps of the optimizer so far */
    double lr;                 /* of the next step */
    double eps;                /* of the precision of training */
    const double *to, *beside; /* (n) second and third point of a line or plane, or NULL */
    int points;
    bool json;
} as_report_options;

/* Collective. At the parameters of the estimator. A part that cannot be judged says why, and the others go on. The same
   text on all ranks and layouts. Errors: those of as_surface_create and of the world; DIVERGED where the loss there is
   not finite. */
as_status as_report_make(const as_probe_setup *setup, const as_report_options *options, as_text *out);

#endif
