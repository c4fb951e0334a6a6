/* Sums of a few doubles over all lanes, outside the step: metrics, counts. */
#ifndef AS_COMM_LANE_SUM_H
#define AS_COMM_LANE_SUM_H

#include "comm/lanes.h"

/* Collective. value (lanes->count, width): this rank's lanes. out (width): the sum over all lanes of all ranks along
   the fixed tree, the same on every rank. Errors: NOMEM, INTERNAL. */
as_status as_lane_sum(as_world *world, const as_lanes *lanes, int64_t width, const double *value, double *out);

#endif
