/* Causal attention of whole sequences, forward and backward, beside the arithmetic peak. Flops are those of the pairs
   that a causal mask leaves: 4 width a pair forward, 10 width backward. */
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "kernels/attention.h"
#include "run/bench_rate.h"

typedef struct attention_job {
    as_bench_job base;
    as_attention shape;
    int64_t samples, reals; /* of one of q, k, v, o of a sample */
    int64_t work_reals;     /* of a thread */
    bool backward;
    void *q, *k, *v, *o, *lse, *d_o, *dq, *dk, *dv, *work;
} attention_job;

/* Each thread its pairs of sample and head. */
static void run_attention(void *argument, int thread)
{
    const attention_job *const j = argument;
    const as_kernels *const K = j->base.kernels;
    const int64_t heads = j->shape.kv_heads;
    int64_t first, count;
    as_team_share(j->samples * heads, 1, thread, j->base.threads, &first, &count);
    for (int64_t t = 0; t < j->base.turns; t++) {
        for (int64_t i = first; i < first + count; i++) {
            const int64_t at = i / heads * j->reals;
            const as_attention_arrays x = {.q = as_bench_at(K, j->q, at),
                                           .k = as_bench_at(K, j->k, at),
                                           .v = as_bench_at(K, j->v, at),
                                           .o = as_bench_at(K, j->o, at),
                                           .lse = as_bench_at(K, j->lse, i / heads * heads * j->shape.queries),
                                           .d_o = as_bench_at(K, j->d_o, at),
                                           .dq = as_bench_at(K, j->dq, at),
                                           .dk = as_bench_at(K, j->dk, at),
                                           .dv = as_bench_at(K, j->dv, at),
                                           .work = as_bench_at(K, j->work, thread * j->work_reals),
                                           .first = i % heads,
                                           .count = 1};
            if (j->backward) {
                K->attention->backward(&j->shape, &x);
            } else {
                K->attention->forward(&j->shape, &x);
            }
        }
    }
}

static as_status allocate(attention_job *j, as_arena **arena)
{
    const as_kernels *const K = j->base.kernels;
    const int64_t all = j->samples * j->reals, forward = K->attention->work(&j->shape, false),
                  back = K->attention->work(&j->shape, true);
    j->work_reals = ((forward > back ? forward : back) + 63) / 64 * 64;
    void **const array[] = {&j->q, &j->k, &j->v, &j->o, &j->d_o, &j->dq, &j->dk, &j->dv};
    AS_TRY(as_arena_create(arena));
    for (size_t i = 0; i < sizeof array / sizeof *array; i++) {
        AS_TRY(as_arena_reserve(*arena, (size_t)all * K->real_bytes, array[i]));
    }
    AS_TRY(as_arena_reserve(*arena, (size_t)(j->samples * j->shape.heads * j->shape.queries) * K->real_bytes, &j->lse));
    AS_TRY(as_arena_reserve(*arena, (size_t)(j->work_reals * j->base.threads) * K->real_bytes, &j->work));
    AS_TRY(as_arena_commit(*arena));
    for (size_t i = 0; i < sizeof array / sizeof *array; i++) {
        as_bench_fill(K, *array[i], all);
    }
    return AS_OK;
}

static as_status measure_attention(const as_bench_report *r, int64_t samples, int64_t length, int64_t heads,
                                   int64_t width)
{
    const int64_t reals = length * heads * width, row = heads * width;
    attention_job j = {.base = {.kernels = r->kernels, .threads = as_team_size(r->team)},
                       .shape = {.queries = length,
                                 .keys = length,
                                 .heads = heads,
                                 .kv_heads = heads,
                                 .width = width,
                                 .ldq = row,
                                 .ldk = row,
                                 .ldv = row,
                                 .ldo = row,
                                 .ldl = heads,
                                 .scale = 0.125,
                                 .causal = true},
                       .samples = samples,
                       .reals = reals};
    const double pairs = (double)(samples * heads) * (double)length * (double)(length + 1) / 2;
    as_arena *arena = NULL;
    const as_status status = allocate(&j, &arena);
    for (int backward = 0; status == AS_OK && backward < 2; backward++) {
        char name[96];
        j.backward = backward > 0;
        j.base.work = (backward ? 10.0 : 4.0) * (double)width * pairs;
        snprintf(name, sizeof name, "%lld x %lld positions, %lld heads of %lld, %s", (long long)samples,
                 (long long)length, (long long)heads, (long long)width, backward ? "backward" : "forward");
        as_bench_row(r, r->team, name, run_attention, &j.base);
    }
    as_arena_destroy(&arena);
    return status;
}

as_status as_bench_attention(as_team *team, const as_kernels *kernels, bool json, as_text *text)
{
    static const int64_t shapes[][4] = {
        {8, 64, 4, 64}, {8, 256, 4, 64}, {4, 1024, 4, 64}, {8, 256, 8, 32}, {4, 512, 2, 128}};
    as_bench_report r = {.team = team, .kernels = kernels, .json = json, .text = text};
    AS_TRY(as_bench_begin(&r, "causal attention", true));
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        AS_TRY(measure_attention(&r, shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3]));
    }
    as_bench_end(&r);
    return AS_OK;
}
