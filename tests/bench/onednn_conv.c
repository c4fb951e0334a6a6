/* Our convolutions beside oneDNN's primitives in the layouts that they choose (blocked by 16 channels on AVX-512), at
   the shapes of LeNet-5 and of a small residual network, batch 128. Ours: channels last, weights packed once, gradients
   of the weight over 16 lanes. Reorders of theirs at the edges of a network are not counted. */
#include <dnnl.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "comm/lanes.h"
#include "kernels/conv.h"
#include "onednn.h"

enum { BATCH = 128, LANES = 16 };

typedef enum direction { FORWARD, INPUT, WEIGHT } direction;

typedef struct convolution {
    const as_kernels *kernels;
    as_team *team;
    as_conv shape;
    direction what;
    int64_t turns, in, out; /* reals of a sample */
    const as_tree_program *program;
    int64_t lane_row[LANES + 1];
    float *x, *y, *result, *packed;

    dnnl_primitive_t primitive;
    dnnl_stream_t stream;
    dnnl_memory_t memory[3];
    dnnl_exec_arg_t argument[3];
} convolution;

static void share(void *argument, int thread)
{
    const convolution *c = argument;
    const as_conv_kernels *K = c->kernels->conv;
    const int threads = as_team_size(c->team);
    void *part = c->result;
    int64_t first, count;
    as_team_share(BATCH, 1, thread, threads, &first, &count);
    for (int64_t t = 0; t < c->turns; t++) {
        if (c->what == FORWARD) {
            K->forward(&c->shape, count, c->x + first * c->in, c->in, c->packed, NULL, false,
                       c->result + first * c->out, c->out);
        } else if (c->what == INPUT) {
            K->backward(&c->shape, count, c->y + first * c->out, c->out, c->packed, NULL, false,
                        c->result + first * c->in, c->in);
        } else {
            K->weight_lanes(&c->shape, c->x, c->in, c->y, c->out, c->program, c->lane_row, false, &part, NULL, thread,
                            threads);
        }
    }
}

static void ours(void *argument, int64_t turns)
{
    convolution *c = argument;
    c->turns = turns;
    as_team_run(c->team, share, c);
}

static void theirs(void *argument, int64_t turns)
{
    convolution *c = argument;
    for (int64_t t = 0; t < turns; t++) {
        dnnl_primitive_execute(c->primitive, c->stream, 3, c->argument);
    }
    dnnl_stream_wait(c->stream);
}

static as_status check(dnnl_status_t status, const char *what)
{
    if (status != dnnl_success) {
        AS_FAIL(AS_INTERNAL, "oneDNN: %s failed with status %d", what, (int)status);
    }
    return AS_OK;
}

/* Memory of the layout that the primitive wants, filled with numbers. */
static as_status memory(convolution *c, dnnl_primitive_desc_t pd, dnnl_engine_t engine, int i, dnnl_query_t query,
                        int as)
{
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(pd, query, 0);
    void *data = NULL;
    AS_TRY(check(dnnl_memory_create(&c->memory[i], md, engine, DNNL_MEMORY_ALLOCATE), "memory"));
    AS_TRY(check(dnnl_memory_get_data_handle(c->memory[i], &data), "data handle"));
    for (size_t k = 0; k < dnnl_memory_desc_get_size(md) / sizeof(float); k++) {
        ((float *)data)[k] = (float)(k % 1009) / 1009.0F - 0.5F;
    }
    c->argument[i] = (dnnl_exec_arg_t){.arg = as, .memory = c->memory[i]};
    return AS_OK;
}

static as_status make_theirs(convolution *c, dnnl_engine_t engine)
{
    const as_conv *s = &c->shape;
    const dnnl_dims_t x = {BATCH, s->cin, s->in[1], s->in[2]}, y = {BATCH, s->cout, s->out[1], s->out[2]},
                      w = {s->cout, s->cin, s->kernel[1], s->kernel[2]}, stride = {s->stride[1], s->stride[2]},
                      low = {s->low[1], s->low[2]};
    dnnl_dims_t high;
    for (int i = 0; i < 2; i++) { /* zeros behind, as far as the last window reaches */
        high[i] = (s->out[i + 1] - 1) * s->stride[i + 1] + s->kernel[i + 1] - s->in[i + 1] - s->low[i + 1];
    }
    dnnl_memory_desc_t mx, my, mw;
    dnnl_memory_desc_init_by_tag(&mx, 4, x, dnnl_f32, dnnl_format_tag_any);
    dnnl_memory_desc_init_by_tag(&my, 4, y, dnnl_f32, dnnl_format_tag_any);
    dnnl_memory_desc_init_by_tag(&mw, 4, w, dnnl_f32, dnnl_format_tag_any);
    const dnnl_alg_kind_t direct = dnnl_convolution_direct;
    dnnl_convolution_desc_t d;
    dnnl_primitive_desc_t forward = NULL, pd = NULL;
    dnnl_convolution_forward_desc_init(&d, dnnl_forward_training, direct, &mx, &mw, NULL, &my, stride, low, high);
    AS_TRY(check(dnnl_primitive_desc_create(&forward, &d, NULL, engine, NULL), "forward"));
    as_status status = AS_OK;
    if (c->what == INPUT) {
        dnnl_convolution_backward_data_desc_init(&d, direct, &mx, &mw, &my, stride, low, high);
        status = check(dnnl_primitive_desc_create(&pd, &d, NULL, engine, forward), "backward data");
    } else if (c->what == WEIGHT) {
        dnnl_convolution_backward_weights_desc_init(&d, direct, &mx, &mw, NULL, &my, stride, low, high);
        status = check(dnnl_primitive_desc_create(&pd, &d, NULL, engine, forward), "backward weights");
    } else {
        pd = forward;
    }
    static const dnnl_query_t query[3][3] = {{dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md},
                                             {dnnl_query_diff_src_md, dnnl_query_weights_md, dnnl_query_diff_dst_md},
                                             {dnnl_query_src_md, dnnl_query_diff_weights_md, dnnl_query_diff_dst_md}};
    static const int as[3][3] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
                                 {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST},
                                 {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST}};
    for (int i = 0; i < 3 && status == AS_OK; i++) {
        status = memory(c, pd, engine, i, query[c->what][i], as[c->what][i]);
    }
    status = status == AS_OK ? check(dnnl_primitive_create(&c->primitive, pd), "primitive") : status;
    dnnl_primitive_desc_destroy(forward);
    if (pd != forward && pd != NULL) {
        dnnl_primitive_desc_destroy(pd);
    }
    return status;
}

static void destroy_theirs(convolution *c)
{
    dnnl_primitive_destroy(c->primitive);
    for (int i = 0; i < 3; i++) {
        dnnl_memory_destroy(c->memory[i]);
    }
}

static as_status make_ours(convolution *c, as_arena **arena)
{
    const as_conv *s = &c->shape;
    const int64_t weights = as_conv_weights(s), reals = c->kernels->conv->pack_reals(s, c->what == INPUT);
    const int64_t most = c->in > c->out ? c->in : c->out, result = most * BATCH > weights ? most * BATCH : weights;
    void *block[4];
    const int64_t size[4] = {c->in * BATCH, c->out * BATCH, result, reals};
    AS_TRY(as_arena_create(arena));
    for (int i = 0; i < 4; i++) {
        AS_TRY(as_arena_reserve(*arena, (size_t)size[i] * sizeof(float), &block[i]));
    }
    AS_TRY(as_arena_commit(*arena));
    for (int i = 0; i < 4; i++) {
        for (int64_t k = 0; k < size[i]; k++) {
            ((float *)block[i])[k] = (float)(k % 1009) / 1009.0F - 0.5F;
        }
    }
    c->x = block[0];
    c->y = block[1];
    c->result = block[2];
    c->packed = block[3];
    return AS_OK;
}

/* Flops that are done: taps outside of the image are none. */
static double work(const as_conv *c)
{
    double taps[2] = {0};
    for (int a = 1; a <= 2; a++) {
        for (int64_t i = 0; i < c->out[a] * c->kernel[a]; i++) {
            const int64_t at = i / c->kernel[a] * c->stride[a] - c->low[a] + i % c->kernel[a];
            taps[a - 1] += at >= 0 && at < c->in[a];
        }
    }
    return 2.0 * BATCH * (double)(c->cin * c->cout) * taps[0] * taps[1];
}

static as_status compare(onednn *o, convolution *c, dnnl_engine_t engine)
{
    static const char *const name[] = {"forward", "input gradient", "weight gradient"};
    as_arena *arena = NULL;
    as_status status = make_ours(c, &arena);
    status = status == AS_OK ? make_theirs(c, engine) : status;
    if (status == AS_OK) {
        double rate[2];
        char text[96];
        pair_measure(ours, theirs, c, work(&c->shape), rate);
        snprintf(text, sizeof text, "%lldx%lldx%lld to %lld, %lldx%lld/%lld, %s", (long long)c->shape.in[1],
                 (long long)c->shape.in[2], (long long)c->shape.cin, (long long)c->shape.cout,
                 (long long)c->shape.kernel[1], (long long)c->shape.kernel[2], (long long)c->shape.stride[1],
                 name[c->what]);
        pair_row(&o->report, text, rate);
    }
    destroy_theirs(c);
    as_arena_destroy(&arena);
    return status;
}

static as_status compare_all(onednn *o, const as_tree_program *program, dnnl_engine_t engine, dnnl_stream_t stream)
{
    static const int64_t shapes[][5] = {/* extent, channels in and out, kernel, stride */
                                        {28, 1, 32, 5, 1},  {14, 32, 64, 5, 1}, {28, 1, 16, 3, 1},  {28, 16, 16, 3, 1},
                                        {28, 16, 32, 3, 2}, {28, 16, 32, 1, 2}, {14, 32, 32, 3, 1}, {14, 32, 64, 3, 2},
                                        {14, 32, 64, 1, 2}, {7, 64, 64, 3, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int64_t *s = shapes[i], low = s[3] / 2, out = as_conv_extent(s[0], s[3], s[4], 1, low, low);
        for (direction what = FORWARD; what <= WEIGHT; what++) {
            convolution c = {.kernels = o->kernels,
                             .team = o->team,
                             .shape = {.in = {1, s[0], s[0]},
                                       .out = {1, out, out},
                                       .kernel = {1, s[3], s[3]},
                                       .stride = {1, s[4], s[4]},
                                       .low = {0, low, low},
                                       .dilation = {1, 1, 1},
                                       .cin = s[1],
                                       .cout = s[2],
                                       .groups = 1},
                             .what = what,
                             .in = s[0] * s[0] * s[1],
                             .out = out * out * s[2],
                             .program = program,
                             .stream = stream};
            for (int l = 0; l <= LANES; l++) {
                c.lane_row[l] = (int64_t)BATCH * l / LANES;
            }
            if (what != INPUT || s[1] > 1) { /* The first layer of a network needs no gradient of its input. */
                AS_TRY(compare(o, &c, engine));
            }
        }
    }
    return AS_OK;
}

as_status onednn_compare_conv(onednn *o)
{
    as_tree tree = {0};
    as_tree_program program = {0};
    dnnl_engine_t engine = NULL;
    dnnl_stream_t stream = NULL;
    pair_begin(&o->report, "convolutions beside oneDNN", o->ran);
    as_status status = check(dnnl_engine_create(&engine, dnnl_cpu, 0), "engine");
    status = status == AS_OK ? check(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "stream") : status;
    status = status == AS_OK ? as_tree_plan(LANES, &tree) : status;
    status = status == AS_OK ? as_tree_program_make(&tree, 0, LANES, &program) : status;
    status = status == AS_OK ? compare_all(o, &program, engine, stream) : status;
    pair_end(&o->report);
    as_tree_program_destroy(&program);
    as_tree_destroy(&tree);
    dnnl_stream_destroy(stream);
    dnnl_engine_destroy(engine);
    return status;
}
