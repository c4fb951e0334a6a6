/* The sum, measured as a step uses it: parts written by their rank, a barrier that no clock sees, reduce, share. */
#include "run/bench_sum.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "comm/sum.h"
#include "math/descriptive.h"

enum { REPEATS_MAX = 400, LANES = 24 };

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

as_status as_bench_sum_lanes(as_world *world, as_lanes *lanes)
{
    const int size = as_world_size(world);
    return as_lanes_create(size > LANES ? size : LANES, world, lanes);
}

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
    AS_TRY(as_sum_share(b->sum, b->vector, true));
    const double mine[2] = {middle - begin, as_clock_seconds() - middle};
    AS_TRY(as_world_all_gather(b->world, mine, sizeof mine, b->all));
    b->reduce[i] = b->share[i] = 0;
    for (int rank = 0; rank < as_world_size(b->world); rank++) {
        b->reduce[i] = b->all[2 * rank] > b->reduce[i] ? b->all[2 * rank] : b->reduce[i];
        b->share[i] = b->all[2 * rank + 1] > b->share[i] ? b->all[2 * rank + 1] : b->share[i];
    }
    return AS_OK;
}

static void write_row(const as_bench_sum_row *row, bool json, as_text *text)
{
    const double rate = (double)row->bytes / row->reduce * 1e-9;
    if (!json) {
        as_text_add(text, "%12zu %12.1f %12.1f %12.2f %12.1f\n", row->bytes, row->reduce * 1e6, row->least * 1e6, rate,
                    row->share * 1e6);
        return;
    }
    as_json_open(text, NULL, '{');
    as_json_int(text, "bytes", (int64_t)row->bytes);
    as_json_real(text, "reduce_us", row->reduce * 1e6);
    as_json_real(text, "least_us", row->least * 1e6);
    as_json_real(text, "reduce_gb_per_s", rate);
    as_json_real(text, "share_us", row->share * 1e6);
    as_json_close(text, '}');
}

static as_status measure(bench *b, as_bench_sum_row *row)
{
    const int wanted = (int)((size_t)(256 << 20) / b->bytes), repeats = wanted < 7             ? 7
                                                                        : wanted < REPEATS_MAX ? wanted
                                                                                               : REPEATS_MAX;
    for (int i = 0; i < repeats; i++) {
        AS_TRY(repeat(b, i));
    }
    as_sort_ascending(repeats, b->reduce);
    as_sort_ascending(repeats, b->share);
    *row = (as_bench_sum_row){
        .bytes = b->bytes, .reduce = b->reduce[repeats / 2], .least = b->reduce[0], .share = b->share[repeats / 2]};
    return AS_OK;
}

as_status as_bench_sum_size(as_world *world, as_team *team, const as_lanes *lanes, const as_kernels *kernels,
                            size_t bytes, as_bench_sum_row *row)
{
    bench *b = calloc(1, sizeof *b);
    double *all = calloc(2 * (size_t)as_world_size(world), sizeof *all);
    as_status status = b == NULL || all == NULL ? as_error_set(AS_NOMEM, "out of memory for a benchmark") : AS_OK;
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        *b = (bench){.world = world, .team = team, .lanes = lanes, .bytes = bytes, .all = all};
        status = as_sum_create(world, lanes, kernels, (int64_t)(bytes / kernels->real_bytes), NULL, &b->sum);
    }
    if (status == AS_OK) {
        status = as_world_shared(world, bytes, &b->vector);
        if (status == AS_OK) {
            status = measure(b, row);
            as_world_shared_free(world, &b->vector);
        }
        as_sum_destroy(&b->sum);
    }
    free(all);
    free(b);
    return status;
}

static as_status measure_all(as_world *world, as_team *team, const as_lanes *lanes, const as_kernels *kernels,
                             bool json, as_text *text)
{
    for (size_t bytes = AS_BENCH_SUM_LEAST; bytes <= AS_BENCH_SUM_MOST; bytes *= 4) {
        as_bench_sum_row row;
        AS_TRY(as_bench_sum_size(world, team, lanes, kernels, bytes, &row));
        write_row(&row, json, text);
    }
    return AS_OK;
}

as_status as_bench_sum(as_world *world, as_team *team, const as_kernels *kernels, bool json, as_text *text)
{
    const int size = as_world_size(world), threads = as_team_size(team);
    as_lanes lanes;
    AS_TRY(as_bench_sum_lanes(world, &lanes));
    if (json) {
        as_json_open(text, NULL, '{');
        as_json_text(text, "bench", "sum");
        as_json_int(text, "ranks", size);
        as_json_int(text, "threads", threads);
        as_json_int(text, "lanes", lanes.lanes);
        as_json_int(text, "precision", (int64_t)kernels->precision);
        as_json_text(text, "transport", as_world_transport(world));
        as_json_open(text, "rows", '[');
    } else {
        as_text_add(text, "sum over %d rank%s x %d thread%s, %d lanes, float%d, %s\n", size, size == 1 ? "" : "s",
                    threads, threads == 1 ? "" : "s", lanes.lanes, (int)kernels->precision, as_world_transport(world));
        as_text_add(text, "%12s %12s %12s %12s %12s\n", "bytes", "reduce us", "least", "GB/s", "share us");
    }
    const as_status status = measure_all(world, team, &lanes, kernels, json, text);
    if (json) {
        as_json_close(text, ']');
        as_json_close(text, '}');
        as_text_add(text, "\n");
    }
    as_lanes_destroy(&lanes);
    return status;
}
