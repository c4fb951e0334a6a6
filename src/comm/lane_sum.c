/* Own lanes are merged to the parts of this rank, the parts travel, and every rank merges them to the root.
   Cost: (parts of all ranks) * width doubles on every rank. */
#include "comm/lane_sum.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Runs a program over vectors of `width` doubles: leaf(step) is pushed, emitted nodes go to out, one after the other.
 */
static void run_program(const as_tree_program *program, int64_t width, const double *leaf, double *stack, double *out)
{
    int64_t depth = 0, emitted = 0;
    const size_t bytes = (size_t)width * sizeof(double);
    for (int i = 0; i < program->steps; i++) {
        const int step = program->step[i];
        if (step == AS_TREE_MERGE) {
            depth--;
            double *left = stack + (depth - 1) * width;
            const double *right = stack + depth * width;
            for (int64_t j = 0; j < width; j++) {
                left[j] += right[j];
            }
        } else if (step == AS_TREE_EMIT) {
            memcpy(out + width * emitted++, stack + --depth * width, bytes);
        } else {
            memcpy(stack + width * depth++, leaf + step * width, bytes);
        }
    }
}

as_status as_lane_sum(as_world *world, const as_lanes *lanes, int64_t width, const double *value, double *out)
{
    if (width == 0) {
        return AS_OK;
    }
    const int size = as_world_size(world);
    int *parts = calloc((size_t)size, sizeof *parts);
    int most = 1;
    if (parts != NULL) {
        for (int p = 0; p < lanes->parts_total; p++) {
            const int n = ++parts[lanes->part_rank[p]];
            most = n > most ? n : most;
        }
    }
    const int depth = lanes->program.depth > lanes->merge.depth ? lanes->program.depth : lanes->merge.depth;
    const size_t row = (size_t)width * sizeof(double);
    double *stack = malloc((size_t)(depth + 1) * row);
    double *mine = calloc((size_t)most, row);
    double *all = malloc((size_t)(size * most) * row);
    double *ordered = malloc((size_t)lanes->parts_total * row);
    as_status status = AS_OK;
    if (parts == NULL || stack == NULL || mine == NULL || all == NULL || ordered == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for a sum of %lld values over %d lanes", (long long)width,
                              lanes->lanes);
    }
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        run_program(&lanes->program, width, value, stack, mine);
        status = as_world_all_gather(world, mine, (size_t)most * row, all);
    }
    if (status == AS_OK) {
        for (int p = 0; p < lanes->parts_total; p++) {
            memcpy(ordered + p * width, all + ((int64_t)lanes->part_rank[p] * most + lanes->part_index[p]) * width,
                   row);
        }
        run_program(&lanes->merge, width, ordered, stack, out);
    }
    free(parts);
    free(stack);
    free(mine);
    free(all);
    free(ordered);
    return status;
}
