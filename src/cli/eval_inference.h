/* What eval says of how sure its numbers are: intervals, calibration, conformal sets, comparison of two models. */
#ifndef AS_CLI_EVAL_INFERENCE_H
#define AS_CLI_EVAL_INFERENCE_H

#include "base/text.h"
#include "cli/verb.h"
#include "run/model_file.h"

/* Rows of the table of options. */
#define AS_OPTIONS_INFERENCE                                                                                           \
    {.name = "bootstrap",                                                                                              \
     .value = "N",                                                                                                     \
     .help = "replicates of the bootstrap (default 1000, fewer on many rows; 0: none)"},                               \
        {.name = "level", .value = "L", .help = "confidence of the intervals (default 0.95)"},                         \
        {.name = "calibration", .help = "reliability in 15 bins, and the temperature that validation asks for"},       \
        {.name = "conformal",                                                                                          \
         .value = "ALPHA",                                                                                             \
         .help = "sets or intervals that miss a share ALPHA: calibrated on validation, judged on the data"},           \
    {                                                                                                                  \
        .name = "compare", .help = "two models on the same rows: eval --compare A B"                                   \
    }

/* Not collective. Checks the values of those options. Errors: USAGE. */
as_status as_eval_inference_check(const as_context *context);

/* Collective. Intervals of the metrics on the data of the role, and what the options ask for: rank 0 appends members to
   json, and tables for people to table. Nothing where the rows of a model cannot be judged and nothing was asked for.
   Errors: CONFIG, DATA, NOMEM; those of as_outcomes_collect. */
as_status as_eval_inference(const as_context *context, const as_model_file *model, as_role role, as_text *json,
                            as_text *table);

/* Collective. Compares the model (argument 1) with that of argument 2 on the data of the role; rank 0 prints. */
as_status as_eval_compare(const as_context *context, const as_model_file *model, as_role role);

#endif
