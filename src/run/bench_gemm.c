/* Matrix products and weight gradients at the shapes of small and large networks, beside the arithmetic peak. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "kernels/share.h"
#include "run/bench_rate.h"

static void run_peak(void *argument, int thread)
{
    const as_bench_job *const j = argument;
    (void)thread;
    j->kernels->fma_loop(j->turns * 1000);
}

/* A job of fma_loop on `threads` threads. */
static as_bench_job peak_job(const as_kernels *kernels, int threads)
{
    return (as_bench_job){.kernels = kernels, .threads = threads, .work = kernels->fma_loop(1) * 1000 * threads};
}

double as_bench_peak(as_team *team, const as_kernels *kernels)
{
    double rate[AS_BENCH_REPEATS];
    as_bench_job j = peak_job(kernels, as_team_size(team));
    as_bench_rates(team, run_peak, &j, 0.008, rate);
    return rate[AS_BENCH_REPEATS - 1];
}

static as_status measure_peaks(const as_bench_report *r)
{
    for (int threads = 1; threads <= as_team_size(r->team); threads++) {
        as_team *team;
        AS_TRY(as_team_create(threads, &team));
        as_bench_job j = peak_job(r->kernels, threads);
        char name[64];
        snprintf(name, sizeof name, "multiply-add peak, %d thread%s", threads, threads == 1 ? "" : "s");
        as_bench_row(r, team, name, run_peak, &j);
        as_team_destroy(&team);
    }
    return AS_OK;
}

/* c (m, n) = a (m, k) times packed: every thread its rows, or columns. */
static void run_gemm(void *argument, int thread)
{
    const as_bench_job *const j = argument;
    const as_kernels *const K = j->kernels;
    const as_gemm_part part = as_gemm_share(K, AS_AUTO, j->m, j->n, j->k, thread, j->threads);
    for (int64_t t = 0; t < j->turns; t++) {
        as_gemm_of_part(K, &part, j->k, j->a, j->k, j->packed, NULL, true, j->c, j->n);
    }
}

/* c (k, n) = the lanes' sum of a (m, k)' times b (m, n): every thread its tiles. */
static void run_outer(void *argument, int thread)
{
    const as_bench_job *const j = argument;
    void *part = j->c;
    for (int64_t t = 0; t < j->turns; t++) {
        j->kernels->outer_lanes(j->k, j->n, j->a, j->k, j->b, j->n, j->program, j->lane_row, false, &part, j->n, thread,
                                j->threads);
    }
}

/* Memory of a matrix job: a (m, k), b (m, n), c (largest), packed. Destroy the arena. */
static as_status matrices(as_bench_job *j, as_arena **arena)
{
    const as_kernels *const K = j->kernels;
    const int64_t result = j->m > j->k ? j->m * j->n : j->k * j->n;
    AS_TRY(as_arena_create(arena));
    AS_TRY(as_arena_reserve(*arena, (size_t)(j->m * j->k) * K->real_bytes, &j->a));
    AS_TRY(as_arena_reserve(*arena, (size_t)(j->m * j->n) * K->real_bytes, &j->b));
    AS_TRY(as_arena_reserve(*arena, (size_t)result * K->real_bytes, &j->c));
    AS_TRY(as_arena_reserve(*arena, (size_t)K->pack_reals(j->k, j->n) * K->real_bytes, &j->packed));
    AS_TRY(as_arena_commit(*arena));
    as_bench_fill(K, j->a, j->m * j->k);
    as_bench_fill(K, j->b, j->m * j->n);
    as_bench_fill(K, j->packed, K->pack_reals(j->k, j->n));
    return AS_OK;
}

/* Makes some of n elements zero, scattered as behind relu. */
static void put_zeros(const as_kernels *kernels, void *p, int64_t n, int per_cent)
{
    const double zero = 0;
    for (int64_t i = 0; i < n; i++) {
        if ((uint32_t)(i * 2654435761) / 65536 % 100 < (uint32_t)per_cent) {
            kernels->from_double(1, &zero, as_bench_at(kernels, p, i));
        }
    }
}

static void name_zeros(char *name, size_t size, int per_cent)
{
    const size_t used = strlen(name);
    if (per_cent > 0) {
        snprintf(name + used, size - used, ", %d %% zeros", per_cent);
    }
}

/* zeros: per cent of the left factor that are zero; their terms count as work. */
static as_status measure_gemm(const as_bench_report *r, int64_t m, int64_t n, int64_t k, int zeros)
{
    as_bench_job j = {.kernels = r->kernels, .threads = as_team_size(r->team), .m = m, .n = n, .k = k};
    as_arena *arena = NULL;
    char name[64];
    const as_status status = matrices(&j, &arena);
    if (status == AS_OK) {
        j.work = 2.0 * (double)m * (double)n * (double)k;
        put_zeros(r->kernels, j.a, m * k, zeros);
        snprintf(name, sizeof name, "product %lld x %lld x %lld", (long long)m, (long long)n, (long long)k);
        name_zeros(name, sizeof name, zeros);
        as_bench_row(r, r->team, name, run_gemm, &j);
    }
    as_arena_destroy(&arena);
    return status;
}

static as_status measure_outer(const as_bench_report *r, const as_tree_program *program, int64_t k, int64_t n,
                               int64_t rows, int zeros)
{
    int64_t lane_row[AS_LANES_MAX + 1];
    for (int l = 0; l <= program->lanes; l++) {
        lane_row[l] = rows * l / program->lanes;
    }
    as_bench_job j = {.kernels = r->kernels,
                      .threads = as_team_size(r->team),
                      .m = rows,
                      .n = n,
                      .k = k,
                      .program = program,
                      .lane_row = lane_row};
    as_arena *arena = NULL;
    char name[64];
    const as_status status = matrices(&j, &arena);
    if (status == AS_OK) {
        j.work = 2.0 * (double)rows * (double)n * (double)k;
        snprintf(name, sizeof name, "gradient %lld x %lld, %lld rows, %d lane%s", (long long)k, (long long)n,
                 (long long)rows, program->lanes, program->lanes == 1 ? "" : "s");
        put_zeros(r->kernels, j.a, rows * k, zeros);
        name_zeros(name, sizeof name, zeros);
        as_bench_row(r, r->team, name, run_outer, &j);
    }
    as_arena_destroy(&arena);
    return status;
}

static as_status measure_outers(const as_bench_report *r, int lanes, int64_t shapes, const int64_t shape[][3],
                                int zeros)
{
    as_tree tree;
    as_tree_program program;
    AS_TRY(as_tree_plan(lanes, &tree));
    as_status status = as_tree_program_make(&tree, 0, lanes, &program);
    if (status == AS_OK) {
        for (int64_t i = 0; i < shapes && status == AS_OK; i++) {
            status = measure_outer(r, &program, shape[i][0], shape[i][1], shape[i][2], zeros);
        }
        as_tree_program_destroy(&program);
    }
    as_tree_destroy(&tree);
    return status;
}

as_status as_bench_gemm(as_team *team, const as_kernels *kernels, bool json, as_text *text)
{
    static const int64_t products[][3] = {{256, 256, 256},  {512, 512, 512},   {1024, 1024, 1024}, {32, 512, 784},
                                          {128, 512, 784},  {128, 784, 512},   {128, 10, 512},     {128, 512, 10},
                                          {1024, 512, 784}, {4096, 256, 64},   {4096, 256, 256},   {4096, 64, 256},
                                          {256, 10, 784},   {512, 4096, 1024}, {512, 1024, 4096},  {512, 4096, 4096}};
    static const int64_t few[][3] = {{784, 512, 128}, {512, 512, 128}, {512, 10, 128}};
    static const int64_t many[][3] = {{784, 10, 256},  {784, 512, 1024}, {512, 512, 1024},
                                      {64, 256, 4096}, {256, 256, 4096}, {1024, 4096, 512}};
    as_bench_report r = {.team = team, .kernels = kernels, .json = json, .text = text};
    AS_TRY(as_bench_begin(&r, "matrix products", true));
    AS_TRY(measure_peaks(&r));
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
        AS_TRY(measure_gemm(&r, products[i][0], products[i][1], products[i][2], 0));
    }
    AS_TRY(measure_outers(&r, 1, 1, few, 0));
    AS_TRY(measure_outers(&r, 16, (int64_t)(sizeof few / sizeof few[0]), few, 0));
    AS_TRY(measure_outers(&r, 24, (int64_t)(sizeof many / sizeof many[0]), many, 0));
    for (int zeros = 60; zeros <= 80; zeros += 10) {
        AS_TRY(measure_gemm(&r, 128, 512, 512, zeros));
        AS_TRY(measure_gemm(&r, 1024, 512, 512, zeros));
        AS_TRY(measure_outers(&r, 24, 1, many + 2, zeros));
    }
    as_bench_end(&r);
    return AS_OK;
}
