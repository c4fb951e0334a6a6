/* Passes over memory: sums of two arrays at each level of the caches, and what a step does to rows and weights. */
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "run/bench_rate.h"

/* Sum of squares of n reals in blocks of 1024. */
static void run_squares(void *argument, int thread)
{
    const as_bench_job *const j = argument;
    const as_kernels *const K = j->kernels;
    for (int64_t t = 0; t < j->turns; t++) {
        for (int64_t i = 0; i < j->n; i += 1024) {
            K->sum_squares(1024, as_bench_at(K, j->a, thread * j->n + i));
        }
    }
}

/* m rows of k bytes by index, scaled into c: every thread its rows. b holds scale, packed the bytes. */
static void run_gather(void *argument, int thread)
{
    const as_bench_job *const j = argument;
    const as_kernels *const K = j->kernels;
    int64_t first, count;
    as_team_share(j->m, 1, thread, j->threads, &first, &count);
    for (int64_t t = 0; t < j->turns; t++) {
        K->gather(count, j->k, j->packed, AS_U8, j->k, j->row + first, j->b, j->b, as_bench_at(K, j->c, first * j->k),
                  j->k);
    }
}

/* Weights a (k, n) into both packed forms, b and c: every thread its rows. */
static void run_pack(void *argument, int thread)
{
    const as_bench_job *const j = argument;
    int64_t first, count;
    as_team_share(j->k, 32, thread, j->threads, &first, &count);
    for (int64_t t = 0; t < j->turns; t++) {
        j->kernels->pack(j->k, j->n, j->a, first * j->n, count * j->n, j->b, j->c);
    }
}

static as_status measure_add(const as_bench_report *r, int64_t bytes)
{
    const as_kernels *const K = r->kernels;
    const int threads = as_team_size(r->team);
    const int64_t n = bytes / (int64_t)K->real_bytes;
    const size_t all = (size_t)bytes * (size_t)threads;
    as_bench_job j = {.kernels = K, .threads = threads, .n = n};
    as_arena *arena = NULL;
    as_status status = as_arena_create(&arena);
    status = status == AS_OK ? as_arena_reserve(arena, all, &j.a) : status;
    status = status == AS_OK ? as_arena_reserve(arena, all, &j.b) : status;
    status = status == AS_OK ? as_arena_reserve(arena, all, &j.c) : status;
    status = status == AS_OK ? as_arena_commit(arena) : status;
    if (status == AS_OK) {
        char name[64];
        as_bench_fill(K, j.a, n * threads);
        as_bench_fill(K, j.b, n * threads);
        j.work = 3.0 * (double)bytes * threads;
        snprintf(name, sizeof name, "sum of two arrays, %lld KiB each", (long long)(bytes >> 10));
        as_bench_row(r, r->team, name, as_bench_add, &j);
        if (bytes == 32 << 10) {
            j.work = (double)bytes * threads;
            as_bench_row(r, r->team, "sum of squares, 32 KiB", run_squares, &j);
        }
    }
    as_arena_destroy(&arena);
    return status;
}

/* Rows of 784 bytes out of 60,000, and weights of 784 x 512. */
static as_status measure_step(const as_bench_report *r)
{
    enum { ROWS = 1024, TOTAL = 60000, WIDTH = 784, UNITS = 512 };
    const as_kernels *const K = r->kernels;
    const size_t packed = (size_t)K->pack_reals(WIDTH, UNITS) * K->real_bytes;
    as_bench_job j = {.kernels = K, .threads = as_team_size(r->team), .m = ROWS, .n = UNITS, .k = WIDTH};
    void *rows = NULL;
    as_arena *arena = NULL;
    as_status status = as_arena_create(&arena);
    status = status == AS_OK ? as_arena_reserve(arena, (size_t)(WIDTH * UNITS) * K->real_bytes, &j.a) : status;
    status = status == AS_OK ? as_arena_reserve(arena, packed, &j.b) : status;
    status = status == AS_OK ? as_arena_reserve(arena, 2 * packed, &j.c) : status;
    status = status == AS_OK ? as_arena_reserve(arena, TOTAL * WIDTH, &j.packed) : status;
    status = status == AS_OK ? as_arena_reserve(arena, ROWS * sizeof(int64_t), &rows) : status;
    status = status == AS_OK ? as_arena_commit(arena) : status;
    if (status == AS_OK) {
        int64_t *const row = rows;
        for (int64_t i = 0; i < ROWS; i++) {
            row[i] = i * 7919 % TOTAL;
        }
        j.row = row;
        as_bench_fill(K, j.a, WIDTH * UNITS);
        as_bench_fill(K, j.b, WIDTH);
        j.work = (double)ROWS * WIDTH * (1.0 + (double)K->real_bytes);
        as_bench_row(r, r->team, "gather 1024 rows of 784 uint8", run_gather, &j);
        j.work = 3.0 * WIDTH * UNITS * (double)K->real_bytes;
        as_bench_row(r, r->team, "pack 784 x 512 both ways", run_pack, &j);
    }
    as_arena_destroy(&arena);
    return status;
}

as_status as_bench_elementwise(as_team *team, const as_kernels *kernels, bool json, as_text *text)
{
    as_bench_report r = {.team = team, .kernels = kernels, .json = json, .text = text};
    AS_TRY(as_bench_begin(&r, "passes over memory", false));
    for (int64_t bytes = 32 << 10; bytes <= 128 << 20; bytes *= 8) {
        AS_TRY(measure_add(&r, bytes));
    }
    AS_TRY(measure_step(&r));
    as_bench_end(&r);
    return AS_OK;
}
