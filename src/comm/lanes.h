/* Lanes of a job: the fixed tree over V lanes and who owns which. */
#ifndef AS_COMM_LANES_H
#define AS_COMM_LANES_H

#include "base/tree.h"
#include "comm/world.h"

typedef struct as_lanes {
    int lanes;        /* V */
    int first, count; /* this rank's lanes */
    as_tree tree;
    as_tree_program program; /* this rank's walk: emits its parts */
    as_tree_program merge;   /* merges all ranks' parts, in part order, into the root */
    int parts_total;         /* parts of all ranks */
    int *part_rank;          /* (parts_total) owner of each part */
    int *part_index;         /* (parts_total) index among its owner's parts */
    int16_t *part_first;     /* (parts_total) first lane of each part; ascending */
    int16_t *part_lanes;     /* (parts_total) lanes of each part */
} as_lanes;

/* Not collective (a function of V, size and rank). Errors: CONFIG when V < ranks: says both numbers and the cure
   (fewer ranks, or "lanes: N" in the config of a new run). Destroy with as_lanes_destroy. */
as_status as_lanes_create(int lanes, const as_world *world, as_lanes *out);
void as_lanes_destroy(as_lanes *lanes);

/* Samples of a batch that `lanes: auto` wants in each lane (docs/decisions/lanes.md). */
enum { AS_LANE_SAMPLES = 16 };

/* Not collective. `lanes: auto`: 24 where each lane gets at least 16 samples of a batch, otherwise the largest of
   16,12,8,6,4,3,2,1 that does. A function of the batch alone. batch >= 1. */
int as_lanes_auto(int64_t batch);

#endif
