/* Sums of doubles over all lanes, outside the vectors of a step: metrics, counts, statistics. */
#ifndef AS_COMM_LANE_SUM_H
#define AS_COMM_LANE_SUM_H

#include "comm/lanes.h"

/* Collective. value (lanes->count, width): this rank's lanes. out (width): the sum over all lanes of all ranks along
   the fixed tree, the same on every rank. Errors: NOMEM, INTERNAL. */
as_status as_lane_sum(as_world *world, const as_lanes *lanes, int64_t width, const double *value, double *out);

/* left := left and right together, for what is more than a sum (moments about means, triangles of QR). (width) each. */
typedef void (*as_lane_combine)(const void *context, double *left, const double *right);

/* Collective. The same with a combination of one's own, NULL: addition; out is filled on rank 0 alone (others may give
   NULL). Errors: NOMEM, INTERNAL. */
as_status as_lane_merge(as_world *world, const as_lanes *lanes, int64_t width, const double *value,
                        as_lane_combine combine, const void *context, double *out);

#endif
