/* Own lanes are merged to the parts of this rank, the parts travel, and every rank merges them to the root.
   Cost: (parts of all ranks) * width doubles on every rank. */
#include "comm/lane_sum.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* What is done with two neighbours of the tree. */
typedef struct merging {
    int64_t width;
    as_lane_combine combine;
    const void *context;
} merging;

static void add(const merging *m, double *restrict left, const double *restrict right)
{
    if (m->combine != NULL) {
        m->combine(m->context, left, right);
        return;
    }
    for (int64_t j = 0; j < m->width; j++) {
        left[j] += right[j];
    }
}

/* Runs a program over vectors of `width` doubles: leaf(step) is pushed, emitted nodes go to out, one after the other.
 */
static void run_program(const as_tree_program *program, const merging *m, const double *leaf, double *stack,
                        double *out)
{
    int64_t depth = 0, emitted = 0;
    const int64_t width = m->width;
    const size_t bytes = (size_t)width * sizeof(double);
    for (int i = 0; i < program->steps; i++) {
        const int step = program->step[i];
        if (step == AS_TREE_MERGE) {
            depth--;
            add(m, stack + (depth - 1) * width, stack + depth * width);
        } else if (step == AS_TREE_EMIT) {
            memcpy(out + width * emitted++, stack + --depth * width, bytes);
        } else {
            memcpy(stack + width * depth++, leaf + step * width, bytes);
        }
    }
}

/* Memory of a merge: the most parts of any rank, and room for them. */
typedef struct room {
    int most, size;
    double *stack, *mine, *all, *ordered;
} room;

static as_status room_create(const as_world *world, const as_lanes *lanes, int64_t width, bool all, room *out)
{
    const size_t row = (size_t)width * sizeof(double);
    *out = (room){.most = 1, .size = as_world_size(world)};
    int *parts = calloc((size_t)out->size, sizeof *parts);
    for (int p = 0; p < lanes->parts_total && parts != NULL; p++) {
        const int n = ++parts[lanes->part_rank[p]];
        out->most = n > out->most ? n : out->most;
    }
    const int depth = lanes->program.depth > lanes->merge.depth ? lanes->program.depth : lanes->merge.depth;
    out->stack = malloc((size_t)(depth + 1) * row);
    out->mine = calloc((size_t)out->most, row);
    if (all) {
        out->all = malloc((size_t)(out->size * out->most) * row);
        out->ordered = malloc((size_t)lanes->parts_total * row);
    }
    const bool good = parts != NULL && out->stack != NULL && out->mine != NULL &&
                      (!all || (out->all != NULL && out->ordered != NULL));
    free(parts);
    if (!good) {
        AS_FAIL(AS_NOMEM, "out of memory for a sum of %lld values over %d lanes", (long long)width, lanes->lanes);
    }
    return AS_OK;
}

static void room_destroy(room *r)
{
    free(r->stack);
    free(r->mine);
    free(r->all);
    free(r->ordered);
}

/* All parts, in their order, to the root. */
static void merge_parts(const as_lanes *lanes, const merging *m, room *r, double *out)
{
    const size_t row = (size_t)m->width * sizeof(double);
    for (int p = 0; p < lanes->parts_total; p++) {
        const int64_t at = (int64_t)lanes->part_rank[p] * r->most + lanes->part_index[p];
        memcpy(r->ordered + p * m->width, r->all + at * m->width, row);
    }
    run_program(&lanes->merge, m, r->ordered, r->stack, out);
}

as_status as_lane_sum(as_world *world, const as_lanes *lanes, int64_t width, const double *value, double *out)
{
    if (width == 0) {
        return AS_OK;
    }
    const merging m = {.width = width};
    room r;
    as_status status = as_world_agree(world, room_create(world, lanes, width, true, &r));
    if (status == AS_OK) {
        run_program(&lanes->program, &m, value, r.stack, r.mine);
        status = as_world_all_gather(world, r.mine, (size_t)(r.most * width) * sizeof(double), r.all);
    }
    if (status == AS_OK) {
        merge_parts(lanes, &m, &r, out);
    }
    room_destroy(&r);
    return status;
}

as_status as_lane_merge(as_world *world, const as_lanes *lanes, int64_t width, const double *value,
                        as_lane_combine combine, const void *context, double *out)
{
    const merging m = {.width = width, .combine = combine, .context = context};
    const bool root = as_world_rank(world) == 0;
    room r;
    size_t *offset = root ? calloc((size_t)as_world_size(world) + 1, sizeof *offset) : NULL;
    as_status status = room_create(world, lanes, width, root, &r);
    if (status == AS_OK && root && offset == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for a sum over %d ranks", as_world_size(world));
    }
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        run_program(&lanes->program, &m, value, r.stack, r.mine);
        status = as_world_gather(world, r.mine, (size_t)(r.most * width) * sizeof(double), r.all, offset);
    }
    if (status == AS_OK && root) {
        merge_parts(lanes, &m, &r, out);
    }
    room_destroy(&r);
    free(offset);
    return status;
}
