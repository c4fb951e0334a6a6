/* Our products beside oneDNN's dnnl_sgemm, at the shapes of whole networks, with the weights packed once, as a step has
   them. theirs reads row-major matrices and packs inside the call: there is no other sgemm in oneDNN. Built where
   oneDNN is; never part of the product. usage: onednn [threads=N] [avx2] [--json]
   avx2: both as on a CPU that has no more. */
#include "onednn.h"

#include <dnnl.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "comm/lanes.h"
#include "kernels/share.h"
#include "run/bench.h"
#include "run/bench_rate.h"

typedef enum operation { FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT } operation;

/* One product: rows x outputs x inputs of a layer. */
typedef struct product {
    as_bench_job job; /* m rows, n columns of the result, k of the chain; weight gradient: m rows, k x n result */
    operation what;
    as_team *team;
} product;

static void share_gemm(void *argument, int thread)
{
    const as_bench_job *const j = argument;
    const as_kernels *const K = j->kernels;
    const as_gemm_part part = as_gemm_share(K, AS_AUTO, j->m, j->n, j->k, thread, j->threads);
    for (int64_t t = 0; t < j->turns; t++) {
        as_gemm_of_part(K, &part, j->k, j->a, j->k, j->packed, NULL, false, j->c, j->n);
    }
}

static void share_outer(void *argument, int thread)
{
    const as_bench_job *const j = argument;
    void *part = j->c;
    for (int64_t t = 0; t < j->turns; t++) {
        j->kernels->outer_lanes(j->k, j->n, j->a, j->k, j->b, j->n, j->program, j->lane_row, false, &part, j->n, thread,
                                j->threads);
    }
}

static void ours(void *argument, int64_t turns)
{
    product *p = argument;
    p->job.turns = turns;
    as_team_run(p->team, p->what == WEIGHT_GRADIENT ? share_outer : share_gemm, &p->job);
}

/* Weights of a layer lie as (outputs, inputs), as PyTorch has them: Y = X W', dX = dY W, dW = dY' X. */
static void theirs(void *argument, int64_t turns)
{
    const product *p = argument;
    const as_bench_job *j = &p->job;
    for (int64_t t = 0; t < turns; t++) {
        if (p->what == FORWARD) {
            dnnl_sgemm('N', 'T', j->m, j->n, j->k, 1.0F, j->a, j->k, j->b, j->k, 0.0F, j->c, j->n);
        } else if (p->what == INPUT_GRADIENT) {
            dnnl_sgemm('N', 'N', j->m, j->n, j->k, 1.0F, j->a, j->k, j->b, j->n, 0.0F, j->c, j->n);
        } else {
            dnnl_sgemm('T', 'N', j->n, j->k, j->m, 1.0F, j->b, j->n, j->a, j->k, 0.0F, j->c, j->k);
        }
    }
}

/* What the weights are does not matter, but where: which of them stay in the near cache depends on the pages, and moves
   the rate of few rows by a third. So both sides read the same memory, as if it were packed for the one and plain for
   the other. */
static as_status allocate(as_bench_job *j, operation what, as_arena **arena)
{
    const as_kernels *const K = j->kernels;
    const bool gradient = what == WEIGHT_GRADIENT;
    const int64_t b = gradient ? j->m * j->n : K->pack_reals(j->k, j->n);
    const int64_t c = gradient ? j->k * j->n : j->m * j->n;
    AS_TRY(as_arena_create(arena));
    AS_TRY(as_arena_reserve(*arena, (size_t)(j->m * j->k) * K->real_bytes, &j->a));
    AS_TRY(as_arena_reserve(*arena, (size_t)b * K->real_bytes, &j->b));
    AS_TRY(as_arena_reserve(*arena, (size_t)c * K->real_bytes, &j->c));
    AS_TRY(as_arena_commit(*arena));
    as_bench_fill(K, j->a, j->m * j->k);
    as_bench_fill(K, j->b, b);
    j->packed = j->b;
    return AS_OK;
}

/* result (m, n), chain over k; lanes of the rows for weight gradients. */
static as_status compare(onednn *o, operation what, const char *name, int64_t m, int64_t n, int64_t k, int lanes)
{
    as_tree tree = {0};
    as_tree_program program = {0};
    int64_t lane_row[AS_LANES_MAX + 1];
    product p = {.what = what, .team = o->team};
    as_arena *arena = NULL;
    for (int l = 0; l <= lanes; l++) {
        lane_row[l] = m * l / lanes;
    }
    p.job = (as_bench_job){.kernels = o->kernels,
                           .threads = as_team_size(o->team),
                           .m = m,
                           .n = n,
                           .k = k,
                           .program = &program,
                           .lane_row = lane_row};
    as_status status = as_tree_plan(lanes, &tree);
    status = status == AS_OK ? as_tree_program_make(&tree, 0, lanes, &program) : status;
    status = status == AS_OK ? allocate(&p.job, what, &arena) : status;
    if (status == AS_OK) {
        double rate[2];
        char text[80];
        pair_measure(ours, theirs, &p, 2.0 * (double)m * (double)n * (double)k, rate);
        if (what == WEIGHT_GRADIENT) {
            snprintf(text, sizeof text, "%s %lld x %lld, %lld rows, %d lane%s", name, (long long)k, (long long)n,
                     (long long)m, lanes, lanes > 1 ? "s" : "");
        } else {
            snprintf(text, sizeof text, "%s %lld x %lld x %lld", name, (long long)m, (long long)n, (long long)k);
        }
        pair_row(&o->report, text, rate);
    }
    as_arena_destroy(&arena);
    as_tree_program_destroy(&program);
    as_tree_destroy(&tree);
    return status;
}

static as_status compare_gemm(onednn *o)
{
    static const int64_t plain[][3] = {{256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024}, {2048, 2048, 2048},
                                       {32, 576, 25},   {64, 64, 800},   {8192, 64, 800}};
    static const int64_t layer[][3] = {/* rows, outputs, inputs */
                                       {128, 512, 784},   {128, 512, 512},   {128, 10, 512},   {1024, 512, 784},
                                       {256, 10, 784},    {4096, 256, 64},   {4096, 256, 256}, {512, 1024, 256},
                                       {2048, 1024, 256}, {1024, 3072, 768}, {512, 4096, 1024}};
    static const int64_t few[] = {1, 2, 4, 8, 16, 32, 64};
    pair_begin(&o->report, "products beside dnnl_sgemm", o->ran);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        AS_TRY(compare(o, INPUT_GRADIENT, "product", plain[i][0], plain[i][1], plain[i][2], 1));
    }
    for (size_t i = 0; i < sizeof layer / sizeof *layer; i++) {
        const int64_t rows = layer[i][0], outputs = layer[i][1], inputs = layer[i][2];
        AS_TRY(compare(o, FORWARD, "forward", rows, outputs, inputs, 1));
        AS_TRY(compare(o, INPUT_GRADIENT, "input gradient", rows, inputs, outputs, 1));
        AS_TRY(compare(o, WEIGHT_GRADIENT, "weight gradient", rows, outputs, inputs, 1));
        AS_TRY(compare(o, WEIGHT_GRADIENT, "weight gradient", rows, outputs, inputs, as_lanes_auto(rows)));
    }
    for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
        AS_TRY(compare(o, FORWARD, "few rows, forward", few[i], 512, 784, 1));
    }
    pair_end(&o->report);
    return AS_OK;
}

int main(int argc, char **argv)
{
    const dnnl_version_t *const version = dnnl_version();
    onednn o = {.report = {.unit = "GFLOP/s"}};
    as_isa isa = as_isa_detect();
    int threads = 1;
    for (int i = 1; i < argc; i++) {
        o.report.json = o.report.json || strcmp(argv[i], "--json") == 0;
        if (strcmp(argv[i], "avx2") == 0) {
            isa = AS_AVX2;
            dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
        }
        sscanf(argv[i], "threads=%d", &threads);
    }
    if (as_team_create(threads, &o.team) != AS_OK) {
        fprintf(stderr, "%s\n", as_error_message());
        return 1;
    }
    omp_set_num_threads(threads);
    o.kernels = as_kernels_get(isa, AS_FLOAT32);
    o.report.peak = as_bench_peak(o.team, o.kernels);
    snprintf(o.ran, sizeof o.ran, "oneDNN %d.%d.%d, ours %s, %d thread%s", version->major, version->minor,
             version->patch, o.kernels->isa, threads, threads > 1 ? "s" : "");
    as_status status = compare_gemm(&o);
    status = status == AS_OK ? onednn_compare_conv(&o) : status;
    if (status != AS_OK) {
        fprintf(stderr, "%s\n", as_error_message());
    }
    as_team_destroy(&o.team);
    return status != AS_OK;
}
