/* Diagnosis of a run or a configuration: opens what there is of it, measures, and lets the rules judge. Nothing that
   exists is changed; what is tried is tried in memory. */
#ifndef AS_RUN_DIAGNOSE_H
#define AS_RUN_DIAGNOSE_H

#include "probe/rule.h"
#include "run/run.h"

typedef struct as_diagnose_options {
    as_world *world;
    int threads;
    as_isa isa;
    const char *path; /* a run directory, or a configuration file; NULL: the built-in configuration */
    int nsets;
    const char *const *set; /* overrides of the configuration */
    int64_t try_steps;      /* steps with and without the proposed change; 0: none */
    const as_log *log;
} as_diagnose_options;

/* Short trainings from the same state, side by side; in memory. */
typedef struct as_trial {
    bool done;
    char change[AS_ACTION_MAX]; /* overrides that were tried */
    char why[256];              /* not done: the reason */
    int64_t steps[2];           /* done as it is, and with the change: fewer than asked where it diverged */
    double first[2], last[2];   /* mean losses of the sample of training rows before and after; NaN: not finite */
} as_trial;

typedef struct as_diagnose_result {
    char name[128];
    char note[256]; /* what of the run could not be read; "" */
    bool trained;   /* a run, in the directory path */
    as_diagnosis diagnosis;
    as_course course; /* what the records of a run say; none: records 0 */
    as_trial trial;
} as_diagnose_result;

/* Collective. Errors: NOINPUT, CONFIG, DATA (where not even the rows can be read), NOMEM. Free with
   as_diagnose_free, also after an error. */
as_status as_diagnose(const as_diagnose_options *options, as_diagnose_result *out);
void as_diagnose_free(as_diagnose_result *result);

#endif
