/* Steps of an estimator on data in memory: the loop of run.c without files. */
#include "run/bench_step.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "estimator/estimator.h"
#include "io/yaml.h"
#include "math/descriptive.h"
#include "run/bench.h"

enum { CHUNKS = 9, WARM_UP = 3, CHUNK_SECONDS = 3 };

#define MLP                                                                                                            \
    "{model: {layers: [{dense: {units: 512, activation: relu}}, {dense: {units: 512, activation: relu}}, "             \
    "{dense: {units: 10}}], loss: cross_entropy}, optimizer: {type: adam, lr: 1.0e-3}}"

static const as_bench_workload workloads[] = {
    {.name = "softmax b256",
     .config = "{model: {layers: [{dense: {units: 10}}], loss: cross_entropy}, optimizer: {type: sgd, lr: 0.05}}",
     .width = 784,
     .rows = 60000,
     .batch = 256,
     .steps = 300,
     .images = true},
    {.name = "mlp b128", .config = MLP, .width = 784, .rows = 60000, .batch = 128, .steps = 40, .images = true},
    {.name = "mlp b1024", .config = MLP, .width = 784, .rows = 60000, .batch = 1024, .steps = 8, .images = true},
    {.name = "tabular b4096",
     .config = "{model: {layers: [{dense: {units: 256, activation: relu}}, {dense: {units: 256, activation: relu}}, "
               "{dense: {units: 1}}], loss: mse}, optimizer: {type: adam, lr: 1.0e-3}}",
     .width = 64,
     .rows = 262144,
     .batch = 4096,
     .steps = 12,
     .images = false},
};

/* Everything of one workload on one rank. */
typedef struct bench {
    const as_bench_workload *work;
    as_world *world;
    as_document *document;
    as_lanes lanes;
    as_arena *arena;
    as_dataset data;
    as_normalization normalization;
    as_sampler *sampler;
    as_batch batch;
    as_estimator *estimator;
    double rate[CHUNKS]; /* samples per second, ascending when done */
    double share[AS_TIMES];
} bench;

/* Random rows of this rank's lanes. */
static void fill_data(bench *b)
{
    as_dataset *d = &b->data;
    const int64_t cells = d->local_rows * d->width;
    uint8_t *pixel = d->x;
    float *value = d->x;
    for (int64_t i = 0; i < cells; i += 4) {
        uint32_t word[4];
        as_rng_words(1, AS_RNG_GENERATE, (uint32_t)b->lanes.first, 0, (uint64_t)i, word);
        for (int64_t j = 0; j < 4 && i + j < cells; j++) {
            if (b->work->images) {
                pixel[i + j] = (uint8_t)(word[j] >> 24);
            } else {
                value[i + j] = 2 * as_rng_uniform_f32(word[j]) - 1;
            }
        }
    }
    for (int64_t r = 0; r < d->local_rows; r++) {
        d->id[r] = d->lane_first[b->lanes.first] + r;
        d->weight[r] = 1;
        if (b->work->images) {
            d->label[r] = (int32_t)(pixel[r * d->width] % 10);
        } else {
            d->target_values[r] = (double)value[r * d->width];
        }
    }
}

static as_status make_data(bench *b)
{
    const as_bench_workload *w = b->work;
    as_dataset *d = &b->data;
    *d = (as_dataset){.rows = w->rows,
                      .shape = {.rank = 1, .dim = {w->width}},
                      .width = w->width,
                      .stride = w->width,
                      .positions = 1,
                      .type = w->images ? AS_U8 : AS_F32,
                      .target = w->images ? AS_TARGET_LABELS : AS_TARGET_REALS,
                      .classes = w->images ? 10 : 0,
                      .targets = w->images ? 0 : 1,
                      .lanes = &b->lanes,
                      .place = "made-up data"};
    const int lanes = b->lanes.lanes;
    AS_TRY(as_arena_reserve(b->arena, ((size_t)lanes + 1) * sizeof(int64_t), (void **)&d->lane_first));
    const size_t most = (size_t)(w->rows / lanes + 1) * (size_t)b->lanes.count;
    AS_TRY(as_arena_reserve(b->arena, most * (size_t)w->width * as_dtype_bytes(d->type), &d->x));
    AS_TRY(as_arena_reserve(b->arena, most * sizeof(int64_t), (void **)&d->id));
    AS_TRY(as_arena_reserve(b->arena, most * sizeof(double), (void **)&d->weight));
    if (w->images) {
        AS_TRY(as_arena_reserve(b->arena, most * sizeof(int32_t), (void **)&d->label));
    } else {
        AS_TRY(as_arena_reserve(b->arena, most * sizeof(double), (void **)&d->target_values));
    }
    AS_TRY(as_arena_commit(b->arena));
    for (int l = 0; l < lanes; l++) {
        d->lane_first[l + 1] = d->lane_first[l] + w->rows / lanes + (l < w->rows % lanes);
    }
    d->local_rows = d->lane_first[b->lanes.first + b->lanes.count] - d->lane_first[b->lanes.first];
    fill_data(b);
    return AS_OK;
}

static as_status make(bench *b, as_team *team, const as_kernels *kernels)
{
    const as_bench_workload *w = b->work;
    as_node *root = NULL;
    AS_TRY(as_document_create(&b->document));
    AS_TRY(as_yaml_parse(b->document, w->name, w->config, &root));
    AS_TRY(as_lanes_create(as_lanes_auto(w->batch), b->world, &b->lanes));
    AS_TRY(as_arena_create(&b->arena));
    AS_TRY(make_data(b));
    double *ones = calloc(3 * (size_t)w->width, sizeof *ones);
    if (ones == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a normalisation of %lld columns", (long long)w->width);
    }
    for (int64_t j = 0; j < w->width; j++) {
        ones[j] = w->images ? 1.0 / 255 : 1.0;
    }
    const as_status status =
        as_normalization_load(w->width, ones, ones + w->width, ones + 2 * w->width, kernels, &b->normalization);
    free(ones);
    AS_TRY(status);
    AS_TRY(as_sampler_create(&b->data, w->batch, true, 1, &b->sampler));
    AS_TRY(as_sampler_batch_create(b->sampler, &b->batch));
    const as_setup setup = {.document = b->document,
                            .model = as_node_get(root, "model"),
                            .optimizer = as_node_get(root, "optimizer"),
                            .kernels = kernels,
                            .world = b->world,
                            .team = team,
                            .lanes = &b->lanes,
                            .data = &b->data,
                            .normalization = &b->normalization,
                            .seed = 1,
                            .capacity = as_sampler_capacity(b->sampler),
                            .total_steps = 1 << 20,
                            .steps_per_epoch = as_sampler_batches(b->sampler)};
    AS_TRY(as_estimator_create(&setup, &b->estimator));
    return b->estimator->ops->init(b->estimator);
}

static void destroy(bench *b)
{
    if (b->estimator != NULL) {
        b->estimator->ops->destroy(&b->estimator);
    }
    as_sampler_batch_destroy(&b->batch);
    as_sampler_destroy(&b->sampler);
    as_normalization_destroy(&b->normalization);
    as_lanes_destroy(&b->lanes);
    as_arena_destroy(&b->arena);
    as_document_destroy(&b->document);
}

/* Collective. Steps of a chunk: fewer where they take long, as without instructions for fma. */
static as_status settle_steps(const bench *b, double seconds, int64_t *steps)
{
    const double most = CHUNK_SECONDS / seconds;
    *steps = most < 1 ? 1 : most < (double)*steps ? (int64_t)most : *steps;
    return as_world_broadcast(b->world, 0, steps, sizeof *steps);
}

static as_status run_steps(bench *b)
{
    const as_estimator_ops *ops = b->estimator->ops;
    const int64_t batches = as_sampler_batches(b->sampler);
    double begin = as_clock_seconds();
    int64_t samples = 0, steps = b->work->steps;
    for (int64_t t = 0; t < WARM_UP + CHUNKS * steps; t++) {
        as_step_report report;
        if (t == WARM_UP) {
            AS_TRY(settle_steps(b, (as_clock_seconds() - begin) / WARM_UP, &steps));
        }
        if (t >= WARM_UP && (t - WARM_UP) % steps == 0) {
            begin = as_clock_seconds();
            samples = 0;
        }
        as_sampler_fill(b->sampler, t / batches, t % batches, &b->batch);
        AS_TRY(ops->accumulate(b->estimator, &b->batch, t));
        AS_TRY(ops->update(b->estimator, t, &report));
        samples += report.samples;
        if (t >= WARM_UP && (t - WARM_UP) % steps == steps - 1) {
            b->rate[(t - WARM_UP) / steps] = (double)samples / (as_clock_seconds() - begin);
        }
    }
    as_sort_ascending(CHUNKS, b->rate);
    double all = 0;
    const double *times = ops->times(b->estimator);
    for (int i = 0; i < AS_TIMES; i++) {
        all += times[i];
    }
    for (int i = 0; i < AS_TIMES; i++) {
        b->share[i] = all > 0 ? 100 * times[i] / all : 0;
    }
    return AS_OK;
}

static void write_row(const bench *b, double peak, bool json, as_text *text)
{
    const double rate = b->rate[CHUNKS / 2], flops = rate * b->estimator->ops->flops(b->estimator);
    if (!json) {
        as_text_add(text, "%-14s %9.3f %11.0f %11.0f -%11.0f %8.1f %6.0f%%   %3.0f %3.0f %3.0f %3.0f %3.0f\n",
                    b->work->name, 1e3 * (double)b->work->batch / rate, rate, b->rate[0], b->rate[CHUNKS - 1],
                    flops * 1e-9, 100 * flops / peak, b->share[AS_TIME_DATA], b->share[AS_TIME_FORWARD],
                    b->share[AS_TIME_BACKWARD], b->share[AS_TIME_SUM], b->share[AS_TIME_UPDATE]);
        return;
    }
    as_json_open(text, b->work->name, '{');
    as_json_real(text, "seconds_per_step", (double)b->work->batch / rate);
    as_json_real(text, "samples_per_second", rate);
    as_json_real(text, "least", b->rate[0]);
    as_json_real(text, "most", b->rate[CHUNKS - 1]);
    as_json_real(text, "flops_per_second", flops);
    as_json_real(text, "share_of_peak", flops / peak);
    static const char *const part[AS_TIMES] = {[AS_TIME_DATA] = "data",
                                               [AS_TIME_FORWARD] = "forward",
                                               [AS_TIME_BACKWARD] = "backward",
                                               [AS_TIME_SUM] = "sum",
                                               [AS_TIME_UPDATE] = "update"};
    as_json_open(text, "share_of_time", '{');
    for (int i = 0; i < AS_TIMES; i++) {
        as_json_real(text, part[i], b->share[i] / 100);
    }
    as_json_close(text, '}');
    as_json_close(text, '}');
}

double as_bench_step_begin(as_world *world, as_team *team, const as_kernels *kernels, bool json, as_text *text)
{
    const int size = as_world_size(world), threads = as_team_size(team);
    const double peak = as_bench_peak(team, kernels) * size;
    if (json) {
        as_json_open(text, NULL, '{');
        as_json_text(text, "bench", "step");
        as_json_int(text, "ranks", size);
        as_json_int(text, "threads", threads);
        as_json_text(text, "isa", kernels->isa);
        as_json_real(text, "peak_flops_per_second", peak);
    } else {
        as_text_add(text, "%d rank%s x %d thread%s, %s, arithmetic peak %.0f GFLOP/s\n", size, size == 1 ? "" : "s",
                    threads, threads == 1 ? "" : "s", kernels->isa, peak * 1e-9);
        as_text_add(text, "%-14s %9s %11s %24s %8s %7s   %% data fwd bwd sum upd\n", "step", "ms", "samples/s",
                    "least - most", "GFLOP/s", "of peak");
    }
    return peak;
}

void as_bench_step_end(bool json, as_text *text)
{
    if (json) {
        as_json_close(text, '}');
        as_text_add(text, "\n");
    }
}

as_status as_bench_step_row(as_world *world, as_team *team, const as_kernels *kernels, const as_bench_workload *work,
                            double peak, bool json, as_text *text)
{
    bench b = {.work = work, .world = world};
    as_status status = as_world_agree(world, make(&b, team, kernels));
    if (status == AS_OK) {
        status = run_steps(&b);
    }
    if (status == AS_OK) {
        write_row(&b, peak, json, text);
    }
    destroy(&b);
    return status;
}

as_status as_bench_step(as_world *world, as_team *team, const as_kernels *kernels, bool json, as_text *text)
{
    const double peak = as_bench_step_begin(world, team, kernels, json, text);
    for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
        AS_TRY(as_bench_step_row(world, team, kernels, &workloads[i], peak, json, text));
    }
    as_bench_step_end(json, text);
    return AS_OK;
}
