/* Cost over size: time per step of a network of dense layers (784 inputs, hidden layers of equal width, 10 classes,
   adam) as one of batch, width and depth grows. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "comm/lanes.h"
#include "run/bench_step.h"

enum { INPUTS = 784, CLASSES = 10, ROWS = 16384, STEPS_MAX = 400 };
static const double CHUNK_FLOPS = 2e9;

static as_status measure(as_world *world, as_team *team, const as_kernels *kernels, const int64_t size[3], double peak,
                         bool json, as_text *text)
{
    const int64_t batch = size[0], width = size[1], depth = size[2];
    const double weights = (double)(INPUTS * width + (depth - 1) * width * width + width * CLASSES);
    const double steps = CHUNK_FLOPS / (6 * weights * (double)batch);
    char name[64];
    as_text config = {0};
    as_text_add(&config, "{model: {layers: [");
    for (int64_t i = 0; i < depth; i++) {
        as_text_add(&config, "{dense: {units: %lld, activation: relu}}, ", (long long)width);
    }
    as_text_add(&config, "{dense: {units: %d}}], loss: cross_entropy}, optimizer: {type: adam, lr: 1.0e-3}}", CLASSES);
    snprintf(name, sizeof name, "%lldx%lldx%lld", (long long)batch, (long long)width, (long long)depth);
    const as_bench_workload work = {.name = name,
                                    .config = config.data,
                                    .width = INPUTS,
                                    .rows = ROWS,
                                    .batch = batch,
                                    .steps = steps < 1           ? 1
                                             : steps > STEPS_MAX ? STEPS_MAX
                                                                 : (int64_t)steps,
                                    .images = true};
    const as_status status = config.failed ? as_error_set(AS_NOMEM, "out of memory for a configuration")
                                           : as_bench_step_row(world, team, kernels, &work, peak, json, text);
    as_text_free(&config);
    return status;
}

as_status as_bench_sweep(as_world *world, as_team *team, const as_kernels *kernels, const char *along, bool json,
                         as_text *text)
{
    static const char *const name[] = {"batch", "width", "depth", NULL};
    static const int64_t sizes[3][10] = {
        {16, 32, 64, 128, 256, 512, 1024, 2048, 4096}, {32, 64, 128, 256, 512, 1024, 2048}, {1, 2, 4, 8, 16, 32}};
    int axis = 0;
    while (name[axis] != NULL && strcmp(name[axis], along) != 0) {
        axis++;
    }
    if (name[axis] == NULL) {
        AS_FAIL(AS_USAGE, "--sweep: expected batch, width or depth, found '%s'", along);
    }
    const double peak = as_bench_step_begin(world, team, kernels, json, text);
    if (!json) {
        as_text_add(text, "(batch x width x hidden layers)\n");
    }
    for (int i = 0; sizes[axis][i] > 0; i++) {
        int64_t size[3] = {128, 512, 2};
        size[axis] = sizes[axis][i];
        if (as_world_size(world) <= as_lanes_auto(size[0])) {
            AS_TRY(measure(world, team, kernels, size, peak, json, text));
        }
    }
    as_bench_step_end(json, text);
    return AS_OK;
}
