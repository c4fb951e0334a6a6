/* Convolutions at the shapes of LeNet-5 and of a small residual network for 28 x 28 images, batch 128, beside the
   arithmetic peak. Flops are those that are done: taps outside of the image are not counted. */
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "comm/lanes.h"
#include "kernels/conv.h"
#include "run/bench_rate.h"

enum { BATCH = 128 };

typedef struct conv_job {
    as_bench_job base; /* a: input, b: output, c: gradient of either or of the weight, packed: forward, then back */
    as_conv conv;
    void *back;
    int64_t in, out; /* reals of a sample */
} conv_job;

static void run_forward(void *argument, int thread)
{
    const conv_job *const j = argument;
    const as_kernels *const K = j->base.kernels;
    int64_t first, count;
    as_team_share(BATCH, 1, thread, j->base.threads, &first, &count);
    for (int64_t t = 0; t < j->base.turns; t++) {
        K->conv->forward(&j->conv, count, as_bench_at(K, j->base.a, first * j->in), j->in, j->base.packed, NULL, false,
                         as_bench_at(K, j->base.b, first * j->out), j->out);
    }
}

static void run_backward(void *argument, int thread)
{
    const conv_job *const j = argument;
    const as_kernels *const K = j->base.kernels;
    int64_t first, count;
    as_team_share(BATCH, 1, thread, j->base.threads, &first, &count);
    for (int64_t t = 0; t < j->base.turns; t++) {
        K->conv->backward(&j->conv, count, as_bench_at(K, j->base.b, first * j->out), j->out, j->back, NULL, false,
                          as_bench_at(K, j->base.c, first * j->in), j->in);
    }
}

static void run_weight(void *argument, int thread)
{
    const conv_job *const j = argument;
    void *part = j->base.c;
    for (int64_t t = 0; t < j->base.turns; t++) {
        j->base.kernels->conv->weight_lanes(&j->conv, j->base.a, j->in, j->base.b, j->out, j->base.program,
                                            j->base.lane_row, false, &part, NULL, thread, j->base.threads);
    }
}

/* Taps inside of the image over all outputs of an axis. */
static double taps(const as_conv *c, int axis)
{
    double n = 0;
    for (int64_t o = 0; o < c->out[axis]; o++) {
        for (int64_t k = 0; k < c->kernel[axis]; k++) {
            const int64_t i = o * c->stride[axis] - c->low[axis] + k * c->dilation[axis];
            n += i >= 0 && i < c->in[axis];
        }
    }
    return n;
}

static as_conv square(int64_t extent, int64_t cin, int64_t cout, int64_t kernel, int64_t stride)
{
    const int64_t low = kernel / 2, out = as_conv_extent(extent, kernel, stride, 1, low, low);
    return (as_conv){.in = {1, extent, extent},
                     .out = {1, out, out},
                     .kernel = {1, kernel, kernel},
                     .stride = {1, stride, stride},
                     .low = {0, low, low},
                     .dilation = {1, 1, 1},
                     .cin = cin,
                     .cout = cout,
                     .groups = 1};
}

static as_status measure_conv(const as_bench_report *r, const as_tree_program *program, const int64_t *lane_row,
                              const as_conv *c)
{
    const as_kernels *const K = r->kernels;
    conv_job j = {.base = {.kernels = K,
                           .threads = as_team_size(r->team),
                           .program = program,
                           .lane_row = lane_row,
                           .work = 2.0 * BATCH * (double)c->cin * (double)c->cout * taps(c, 1) * taps(c, 2)},
                  .conv = *c,
                  .in = as_pixels(c->in) * c->cin,
                  .out = as_pixels(c->out) * c->cout};
    const int64_t weights = as_conv_weights(c), gradient = j.in * BATCH > weights ? j.in * BATCH : weights;
    const int64_t forward = K->conv->pack_reals(c, false), back = K->conv->pack_reals(c, true);
    as_arena *arena = NULL;
    as_status status = as_arena_create(&arena);
    status = status == AS_OK ? as_arena_reserve(arena, (size_t)(j.in * BATCH) * K->real_bytes, &j.base.a) : status;
    status = status == AS_OK ? as_arena_reserve(arena, (size_t)(j.out * BATCH) * K->real_bytes, &j.base.b) : status;
    status = status == AS_OK ? as_arena_reserve(arena, (size_t)gradient * K->real_bytes, &j.base.c) : status;
    status = status == AS_OK ? as_arena_reserve(arena, (size_t)forward * K->real_bytes, &j.base.packed) : status;
    status = status == AS_OK ? as_arena_reserve(arena, (size_t)back * K->real_bytes, &j.back) : status;
    status = status == AS_OK ? as_arena_commit(arena) : status;
    if (status == AS_OK) {
        char shape[64], name[96];
        as_bench_fill(K, j.base.a, j.in * BATCH);
        as_bench_fill(K, j.base.b, j.out * BATCH);
        as_bench_fill(K, j.base.packed, forward);
        as_bench_fill(K, j.back, back);
        snprintf(shape, sizeof shape, "%lld x %lld x %lld -> %lld, %lld x %lld, stride %lld", (long long)c->in[1],
                 (long long)c->in[2], (long long)c->cin, (long long)c->cout, (long long)c->kernel[1],
                 (long long)c->kernel[2], (long long)c->stride[1]);
        snprintf(name, sizeof name, "%s, forward", shape);
        as_bench_row(r, r->team, name, run_forward, &j.base);
        if (c->cin > 1) { /* The first layer of a network needs no gradient of its input. */
            snprintf(name, sizeof name, "%s, input", shape);
            as_bench_row(r, r->team, name, run_backward, &j.base);
        }
        snprintf(name, sizeof name, "%s, weight", shape);
        as_bench_row(r, r->team, name, run_weight, &j.base);
    }
    as_arena_destroy(&arena);
    return status;
}

as_status as_bench_conv(as_team *team, const as_kernels *kernels, bool json, as_text *text)
{
    const as_conv shapes[] = {square(28, 1, 32, 5, 1),  square(14, 32, 64, 5, 1), square(28, 1, 16, 3, 1),
                              square(28, 16, 16, 3, 1), square(28, 16, 32, 3, 2), square(28, 16, 32, 1, 2),
                              square(14, 32, 32, 3, 1), square(14, 32, 64, 3, 2), square(14, 32, 64, 1, 2),
                              square(7, 64, 64, 3, 1)};
    const int lanes = as_lanes_auto(BATCH);
    int64_t lane_row[AS_LANES_MAX + 1];
    as_bench_report r = {.team = team, .kernels = kernels, .json = json, .text = text};
    as_tree tree;
    as_tree_program program;
    for (int l = 0; l <= lanes; l++) {
        lane_row[l] = (int64_t)BATCH * l / lanes;
    }
    AS_TRY(as_bench_begin(&r, "convolutions, batch 128, gradients over 16 lanes", true));
    AS_TRY(as_tree_plan(lanes, &tree));
    as_status status = as_tree_program_make(&tree, 0, lanes, &program);
    if (status == AS_OK) {
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes && status == AS_OK; i++) {
            status = measure_conv(&r, &program, lane_row, &shapes[i]);
        }
        as_tree_program_destroy(&program);
    }
    as_tree_destroy(&tree);
    as_bench_end(&r);
    return status;
}
