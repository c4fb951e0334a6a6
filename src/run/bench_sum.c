/* The sum, measured as a step uses it: parts written by their rank, a barrier that no clock sees, reduce, share. */
#include "run/bench_sum.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "comm/sum.h"

enum { REPEATS_MAX = 200, LANES = 24 };

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What one size needs. */
typedef struct bench {
    as_world *world;
    as_team *team;
    const as_lanes *lanes;
    as_sum *sum;
    void *vector;
    size_t bytes;
    double reduce[REPEATS_MAX], share[REPEATS_MAX]; /* slowest rank of each repetition */
    double *all;                                    /* (size, 2) */
} bench;

static as_status repeat(bench *b, int i)
{
    as_sum_clear(b->sum);
    for (int p = 0; p < b->lanes->program.parts; p++) {
        memset(as_sum_part(b->sum, p), i & 1, b->bytes);
    }
    AS_TRY(as_world_barrier(b->world));
    const double begin = as_clock_seconds();
    AS_TRY(as_sum_reduce(b->sum, b->team));
    const double middle = as_clock_seconds();
    AS_TRY(as_sum_share(b->sum, b->vector));
    const double mine[2] = {middle - begin, as_clock_seconds() - middle};
    AS_TRY(as_world_all_gather(b->world, mine, sizeof mine, b->all));
    b->reduce[i] = b->share[i] = 0;
    for (int rank = 0; rank < as_world_size(b->world); rank++) {
        b->reduce[i] = b->all[2 * rank] > b->reduce[i] ? b->all[2 * rank] : b->reduce[i];
        b->share[i] = b->all[2 * rank + 1] > b->share[i] ? b->all[2 * rank + 1] : b->share[i];
    }
    return AS_OK;
}

static as_status measure(bench *b, as_text *text)
{
    const int wanted = (int)((size_t)(256 << 20) / b->bytes), repeats = wanted < 7             ? 7
                                                                        : wanted < REPEATS_MAX ? wanted
                                                                                               : REPEATS_MAX;
    for (int i = 0; i < repeats; i++) {
        AS_TRY(repeat(b, i));
    }
    qsort(b->reduce, (size_t)repeats, sizeof *b->reduce, ascending);
    qsort(b->share, (size_t)repeats, sizeof *b->share, ascending);
    const double reduce = b->reduce[repeats / 2], share = b->share[repeats / 2];
    as_text_add(text, "%12zu %14.1f %14.2f %14.1f\n", b->bytes, reduce * 1e6, (double)b->bytes / reduce * 1e-9,
                share * 1e6);
    return AS_OK;
}

static as_status measure_all(bench *b, const as_kernels *kernels, as_text *text)
{
    for (b->bytes = 1 << 10; b->bytes <= 64 << 20; b->bytes *= 4) {
        AS_TRY(as_sum_create(b->world, b->lanes, kernels, (int64_t)(b->bytes / kernels->real_bytes), &b->sum));
        as_status status = as_world_shared(b->world, b->bytes, &b->vector);
        if (status == AS_OK) {
            status = measure(b, text);
            as_world_shared_free(b->world, &b->vector);
        }
        as_sum_destroy(&b->sum);
        AS_TRY(status);
    }
    return AS_OK;
}

as_status as_bench_sum(as_world *world, as_team *team, const as_kernels *kernels, as_text *text)
{
    const int size = as_world_size(world);
    as_lanes lanes;
    bench *b = calloc(1, sizeof *b);
    double *all = calloc(2 * (size_t)size, sizeof *all);
    as_status status = b == NULL || all == NULL ? as_error_set(AS_NOMEM, "out of memory for a benchmark") : AS_OK;
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        status = as_lanes_create(size > LANES ? size : LANES, world, &lanes);
    }
    if (status == AS_OK) {
        *b = (bench){.world = world, .team = team, .lanes = &lanes, .all = all};
        as_text_add(text, "sum over %d ranks x %d threads, %d lanes, float%d, %s\n", size, as_team_size(team),
                    lanes.lanes, (int)kernels->precision, as_world_transport(world));
        as_text_add(text, "%12s %14s %14s %14s\n", "bytes", "reduce us", "reduce GB/s", "share us");
        status = measure_all(b, kernels, text);
        as_lanes_destroy(&lanes);
    }
    free(all);
    free(b);
    return status;
}
