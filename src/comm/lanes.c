/* Lanes: who owns which, and the programs that every rank derives for itself. Cost: O(V) memory and time for all ranks'
   parts, once. */
#include "comm/lanes.h"

#include <stdlib.h>

#include "base/error.h"

/* Parts of all ranks in lane order. */
static as_status collect_parts(as_lanes *out, int size)
{
    for (int rank = 0; rank < size; rank++) {
        int a, n;
        as_tree_program program;
        as_tree_share(out->lanes, size, rank, &a, &n);
        AS_TRY(as_tree_program_make(&out->tree, a, n, &program));
        for (int p = 0; p < program.parts; p++) {
            out->part_first[out->parts_total] = program.part_first[p];
            out->part_lanes[out->parts_total] = program.part_lanes[p];
            out->part_rank[out->parts_total] = rank;
            out->part_index[out->parts_total++] = p;
        }
        as_tree_program_destroy(&program);
    }
    return AS_OK;
}

static as_status make(int lanes, const as_world *world, as_lanes *out)
{
    const int size = as_world_size(world);
    AS_TRY(as_tree_plan(lanes, &out->tree));
    as_tree_share(lanes, size, as_world_rank(world), &out->first, &out->count);
    AS_TRY(as_tree_program_make(&out->tree, out->first, out->count, &out->program));
    const size_t most = (size_t)lanes;
    out->part_rank = calloc(most, sizeof *out->part_rank);
    out->part_index = calloc(most, sizeof *out->part_index);
    out->part_first = calloc(most, sizeof *out->part_first);
    out->part_lanes = calloc(most, sizeof *out->part_lanes);
    if (out->part_rank == NULL || out->part_index == NULL || out->part_first == NULL || out->part_lanes == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d lanes", lanes);
    }
    AS_TRY(collect_parts(out, size));
    return as_tree_merge_make(&out->tree, out->parts_total, out->part_first, out->part_lanes, &out->merge);
}

as_status as_lanes_create(int lanes, const as_world *world, as_lanes *out)
{
    *out = (as_lanes){.lanes = lanes};
    const int size = as_world_size(world);
    if (lanes >= 1 && lanes < size) {
        AS_FAIL(AS_CONFIG,
                "%d lanes cannot be shared by %d ranks: start at most %d ranks, or set \"lanes: %d\" or more in the "
                "config of a new run",
                lanes, size, lanes, size);
    }
    const as_status status = make(lanes, world, out);
    if (status != AS_OK) {
        as_lanes_destroy(out);
    }
    return status;
}

void as_lanes_destroy(as_lanes *lanes)
{
    as_tree_destroy(&lanes->tree);
    as_tree_program_destroy(&lanes->program);
    as_tree_program_destroy(&lanes->merge);
    free(lanes->part_rank);
    free(lanes->part_index);
    free(lanes->part_first);
    free(lanes->part_lanes);
    *lanes = (as_lanes){0};
}

int as_lanes_auto(int64_t batch)
{
    static const int choices[] = {24, 16, 12, 8, 6, 4, 3, 2};
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        if (batch >= AS_LANE_SAMPLES * (int64_t)choices[i]) {
            return choices[i];
        }
    }
    return 1;
}
