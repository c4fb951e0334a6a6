/* The sum, measured as a step uses it: parts written by their rank, a barrier that no clock sees, reduce, share. As
   many repetitions as steady figures want, but not for long: where ranks outnumber cores, one can take a thousand times
   what it takes elsewhere. How long it has been is what the slowest rank's clock says, so that all stop at the same
   one. */
#include "run/bench_sum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "comm/sum.h"
#include "math/descriptive.h"

enum { REPEATS_MAX = 400, REPEATS_LEAST = 3, LANES = 24 };
static const double size_seconds = 1.5, all_seconds = 20; /* a size takes no longer; no size begins later */

/* What one size needs. */
typedef struct bench {
    as_world *world;
    as_team *team;
    const as_lanes *lanes;
    as_sum *sum;
    void *vector;
    size_t bytes;
    double reduce[REPEATS_MAX], share[REPEATS_MAX]; /* slowest rank of each repetition */
    double *all;                                    /* (size, 3) */
    double begin, spent;                            /* of this rank; seconds since, of the slowest one */
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
    const double end = as_clock_seconds(), mine[3] = {middle - begin, end - middle, end - b->begin};
    AS_TRY(as_world_all_gather(b->world, mine, sizeof mine, b->all));
    b->reduce[i] = b->share[i] = 0;
    for (int rank = 0; rank < as_world_size(b->world); rank++) {
        b->reduce[i] = fmax(b->reduce[i], b->all[3 * rank]);
        b->share[i] = fmax(b->share[i], b->all[3 * rank + 1]);
        b->spent = fmax(b->spent, b->all[3 * rank + 2]);
    }
    return AS_OK;
}

static void write_row(const as_bench_sum_row *row, bool json, as_text *text)
{
    const double rate = (double)row->bytes / row->reduce * 1e-9;
    if (!json) {
        as_text_add(text, "%12zu %12.1f %12.1f %12.2f %12.1f %12d\n", row->bytes, row->reduce * 1e6, row->least * 1e6,
                    rate, row->share * 1e6, row->repeats);
        return;
    }
    as_json_open(text, NULL, '{');
    as_json_int(text, "bytes", (int64_t)row->bytes);
    as_json_real(text, "reduce_us", row->reduce * 1e6);
    as_json_real(text, "least_us", row->least * 1e6);
    as_json_real(text, "reduce_gb_per_s", rate);
    as_json_real(text, "share_us", row->share * 1e6);
    as_json_int(text, "repeats", row->repeats);
    as_json_close(text, '}');
}

static as_status measure(bench *b, as_bench_sum_row *row)
{
    const int some = (int)((size_t)(256 << 20) / b->bytes), wanted = some < 7             ? 7
                                                                     : some < REPEATS_MAX ? some
                                                                                          : REPEATS_MAX;
    int repeats = 0;
    while (repeats < wanted && (repeats < REPEATS_LEAST || b->spent < size_seconds)) {
        AS_TRY(repeat(b, repeats++));
    }
    as_sort_ascending(repeats, b->reduce);
    as_sort_ascending(repeats, b->share);
    *row = (as_bench_sum_row){.bytes = b->bytes,
                              .reduce = b->reduce[repeats / 2],
                              .least = b->reduce[0],
                              .share = b->share[repeats / 2],
                              .repeats = repeats,
                              .seconds = b->spent};
    return AS_OK;
}

as_status as_bench_sum_size(as_world *world, as_team *team, const as_lanes *lanes, const as_kernels *kernels,
                            size_t bytes, as_bench_sum_row *row)
{
    bench *b = calloc(1, sizeof *b);
    double *all = calloc(3 * (size_t)as_world_size(world), sizeof *all);
    as_status status = b == NULL || all == NULL ? as_error_set(AS_NOMEM, "out of memory for a benchmark") : AS_OK;
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        *b = (bench){
            .world = world, .team = team, .lanes = lanes, .bytes = bytes, .all = all, .begin = as_clock_seconds()};
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
                             bool json, as_text *text, size_t *left_out)
{
    double spent = 0;
    for (size_t bytes = AS_BENCH_SUM_LEAST; bytes <= AS_BENCH_SUM_MOST; bytes *= 4) {
        as_bench_sum_row row;
        if (spent > all_seconds) {
            *left_out = bytes;
            return AS_OK;
        }
        AS_TRY(as_bench_sum_size(world, team, lanes, kernels, bytes, &row));
        write_row(&row, json, text);
        spent += row.seconds;
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
        as_text_add(text, "%12s %12s %12s %12s %12s %12s\n", "bytes", "reduce us", "least", "GB/s", "share us",
                    "repetitions");
    }
    size_t left_out = 0; /* from these bytes on */
    const as_status status = measure_all(world, team, &lanes, kernels, json, text, &left_out);
    if (json) {
        as_json_close(text, ']');
        as_json_int(text, "left_out_from_bytes", (int64_t)left_out);
        as_json_close(text, '}');
        as_text_add(text, "\n");
    } else if (left_out > 0) {
        as_text_add(text, "%12zu bytes and more are left out: %g s are over (are there more ranks than cores?)\n",
                    left_out, all_seconds);
    }
    as_lanes_destroy(&lanes);
    return status;
}
