/* The limits of the machine: the ceilings of a roofline. Every thread has arrays of its own; the largest together fill
   no more than 512 MiB, however many threads there are. */
#include <string.h>

#include "base/arena.h"
#include "run/bench_rate.h"

enum { WORDS = 8 };

/* Reads n reals as words of eight bytes into several sums, which the compiler keeps in registers. */
static void run_read(void *argument, int thread)
{
    const as_bench_job *const j = argument;
    const size_t words = (size_t)j->n * j->kernels->real_bytes / sizeof(uint64_t);
    const uint64_t *const word = as_bench_at(j->kernels, j->a, thread * j->n);
    uint64_t sum[WORDS] = {0};
    for (int64_t t = 0; t < j->turns; t++) {
        for (size_t i = 0; i + WORDS <= words; i += WORDS) {
            for (size_t w = 0; w < WORDS; w++) {
                sum[w] += word[i + w];
            }
        }
    }
    for (size_t w = 1; w < WORDS; w++) {
        sum[0] ^= sum[w];
    }
    volatile uint64_t sink = sum[0];
    (void)sink;
}

static void run_copy(void *argument, int thread)
{
    const as_bench_job *const j = argument;
    for (int64_t t = 0; t < j->turns; t++) {
        memcpy(as_bench_at(j->kernels, j->c, thread * j->n), as_bench_at(j->kernels, j->a, thread * j->n),
               (size_t)j->n * j->kernels->real_bytes);
    }
}

static double best_rate(as_team *team, as_bench_body *body, as_bench_job *j, double arrays)
{
    double rate[AS_BENCH_REPEATS];
    j->work = arrays * (double)j->n * (double)j->kernels->real_bytes * j->threads;
    as_bench_rates(team, body, j, 0.004, rate);
    return rate[AS_BENCH_REPEATS - 1];
}

as_status as_bench_limits_measure(as_team *team, const as_kernels *kernels, as_bench_limits *limits)
{
    const int threads = as_team_size(team);
    const size_t most = ((size_t)(512 << 20) / 3 / (size_t)threads) >> 12 << 12;
    *limits = (as_bench_limits){.peak = as_bench_peak(team, kernels), .bytes = {128 << 10, 4 << 20, 128 << 20}};
    as_bench_job j = {.kernels = kernels, .threads = threads};
    as_arena *arena = NULL;
    for (int i = 0; i < AS_BENCH_LEVELS; i++) {
        limits->bytes[i] = limits->bytes[i] < most ? limits->bytes[i] : most;
    }
    const size_t all = limits->bytes[AS_BENCH_LEVELS - 1] * (size_t)threads;
    as_status status = as_arena_create(&arena);
    status = status == AS_OK ? as_arena_reserve(arena, all, &j.a) : status;
    status = status == AS_OK ? as_arena_reserve(arena, all, &j.b) : status;
    status = status == AS_OK ? as_arena_reserve(arena, all, &j.c) : status;
    status = status == AS_OK ? as_arena_commit(arena) : status;
    for (int i = AS_BENCH_LEVELS - 1; status == AS_OK && i >= 0; i--) { /* the largest first: it touches all pages */
        j.n = (int64_t)(limits->bytes[i] / kernels->real_bytes);
        limits->add[i] = best_rate(team, as_bench_add, &j, 3);
        limits->copy[i] = best_rate(team, run_copy, &j, 2);
        limits->read[i] = best_rate(team, run_read, &j, 1);
    }
    as_arena_destroy(&arena);
    return status;
}
