/* The parts of `allsum explain`: keys and kinds (explain_keys.c), and the plan of a configuration (explain_plan.c). */
#ifndef AS_CLI_EXPLAIN_H
#define AS_CLI_EXPLAIN_H

#include "cli/verb.h"
#include "run/config.h"

/* Not collective. Prints what a key, section or kind means; *found says whether there is one. Errors: NOMEM. */
as_status as_explain_key(const char *query, bool *found);

/* Not collective. USAGE with the nearest name. */
as_status as_explain_unknown(const char *query);

/* Not collective. Prints every key, as text or as docs/config.md. Errors: NOMEM. */
as_status as_explain_all(bool markdown);

/* What is told of a configuration. */
typedef struct as_explain_options {
    bool json, time, noise;
    int64_t noise_steps;
    int threads; /* of a node: those that this process may use */
    as_isa isa;
    double latency, bandwidth; /* between nodes: seconds of a message; bytes per second */
    const char *run;           /* directory of a run; NULL: a configuration alone */
} as_explain_options;

/* Not collective. Prints the plan: layers with shapes, parameters and operations, and for several numbers of ranks the
   memory and the bytes of a step; for a statistical model its passes. time: what a step will take (forecast.h), and for
   a run what it took; noise: the critical batch, from steps that leave nothing behind. Opens the data's files; reads
   their rows for noise and for statistical models of moderate size alone. Errors: of the configuration and the data;
   USAGE for noise without gradients. */
as_status as_explain_plan(const as_config *config, const as_explain_options *options);

/* Not collective. Prints one training sample's walk through the network after `step` steps of the training. config says
   precision: float64. Errors: those of as_walk_open. */
as_status as_explain_sample(as_context *context, const as_config *config, int64_t sample, int64_t step, bool json);

#endif
