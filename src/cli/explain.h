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

/* Not collective. Prints the plan: layers with shapes, parameters and operations, and for several numbers of ranks the
   memory and the bytes of a step. Opens the data's files, but reads no rows. Errors: of the configuration and the data.
 */
as_status as_explain_plan(const as_config *config);

/* Not collective. Prints one training sample's walk through the network after `step` steps of the training. config says
   precision: float64. Errors: those of as_walk_open. */
as_status as_explain_sample(as_context *context, const as_config *config, int64_t sample, int64_t step, bool json);

#endif
