/* A discrete Bayesian network as a configuration gives it: `nodes:` with levels, parents and tables. */
#ifndef AS_ESTIMATOR_NET_CONFIG_H
#define AS_ESTIMATOR_NET_CONFIG_H

#include "base/node.h"
#include "math/net.h"

/* Not collective. From the map `nodes`: {NAME: {levels: [...], parents: [...], table: [[...], ...]}}, levels no and yes
   where there are none, a row of the table for each combination of the parents' levels, the last parent's running
   fastest, or {LEVEL: row} of one parent. Checked. Errors: CONFIG with the place; NOMEM. Free with as_net_destroy, also
   after a failure. */
as_status as_net_parse(const as_node *nodes, as_net *out);

/* Not collective. Names of nodes in a list; each must be one of the network. Errors: CONFIG. */
as_status as_net_parse_parents(const as_node *list, as_net *net, int64_t node);

#endif
