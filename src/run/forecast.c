/* A step of a rank: t(rows) = a + b rows for what is done with rows, fitted through two measured sizes; the update is
   shared by all ranks; inside a node the sum reads every part once, at the measured bandwidth of memory; between nodes
   it sends its bytes in three rounds of messages (heads, slices to their owners, slices to all) that nothing hides, and
   each message to another node takes its rank some time: one for each part of the node, and one for the slice.
   Threads between one and all speed up linearly. */
#include "run/forecast.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "run/bench_rate.h"

static const double step_seconds = 0.08;      /* of measuring each kind of step */
static const double flops_most = 2e9;         /* of a measured step, unless one row has more */
static const double message_seconds = 0.5e-6; /* of a rank, for one of many messages (tests/bench/message_cost.c) */
enum { ROUNDS = 3, BARRIERS = 3, BARRIER_TURNS = 200, ADD_LEAST = 1 << 14, ADD_MOST = 1 << 22 };

static void wait_turns(void *team, int thread)
{
    (void)thread;
    for (int i = 0; i < BARRIER_TURNS; i++) {
        as_team_barrier(team);
    }
}

/* Bandwidth, barrier and peak of all threads. */
static as_status measure_limits(const as_rehearsal_options *o, double vector_bytes, as_machine *out)
{
    const as_kernels *kernels = as_kernels_get(o->isa, o->config->precision == 0 ? AS_FLOAT32 : AS_FLOAT64);
    const double reals = vector_bytes / (double)kernels->real_bytes / o->threads;
    as_bench_job j = {.kernels = kernels,
                      .threads = o->threads,
                      .n = reals < ADD_LEAST  ? ADD_LEAST
                           : reals > ADD_MOST ? ADD_MOST
                                              : (int64_t)reals / 16 * 16};
    const size_t bytes = (size_t)j.n * kernels->real_bytes * (size_t)o->threads;
    double rate[AS_BENCH_REPEATS];
    as_team *team = NULL;
    as_arena *arena = NULL;
    as_status status = as_team_create(o->threads, &team);
    status = status == AS_OK ? as_arena_create(&arena) : status;
    status = status == AS_OK ? as_arena_reserve(arena, bytes, &j.a) : status;
    status = status == AS_OK ? as_arena_reserve(arena, bytes, &j.b) : status;
    status = status == AS_OK ? as_arena_reserve(arena, bytes, &j.c) : status;
    status = status == AS_OK ? as_arena_commit(arena) : status;
    if (status == AS_OK) {
        out->peak = as_bench_peak(team, kernels);
        j.work = 3.0 * (double)bytes;
        as_bench_rates(team, as_bench_add, &j, 0.001, rate);
        out->bandwidth = rate[AS_BENCH_REPEATS / 2];
        out->barrier = HUGE_VAL;
        for (int i = 0; i < AS_BENCH_REPEATS; i++) {
            const double begin = as_clock_seconds();
            as_team_run(team, wait_turns, team);
            const double now = (as_clock_seconds() - begin) / BARRIER_TURNS;
            out->barrier = now < out->barrier ? now : out->barrier;
        }
    }
    as_arena_destroy(&arena);
    if (team != NULL) {
        as_team_destroy(&team);
    }
    return status;
}

static as_status measure_step(const as_rehearsal_options *o, int64_t rows, int threads, double part[AS_TIMES])
{
    as_rehearsal_options now = *o;
    as_rehearsal *rehearsal = NULL;
    const double lanes = (double)o->lanes * (double)rows / (double)o->rows;
    now.rows = rows;
    now.lanes = lanes < 1 ? 1 : (int)(lanes + 0.5);
    now.threads = threads;
    as_status status = as_rehearsal_create(&now, &rehearsal);
    if (status == AS_OK) {
        status = as_rehearsal_time(rehearsal, step_seconds, true, part);
    }
    as_rehearsal_destroy(&rehearsal);
    return status;
}

as_status as_machine_measure(const as_rehearsal_options *o, double flops, double vector_bytes, as_machine *out)
{
    const double fit = flops > 0 ? flops_most / flops : (double)o->rows;
    *out = (as_machine){.threads = o->threads};
    out->rows = fit >= (double)o->rows ? o->rows : fit < 1 ? 1 : (int64_t)fit;
    if (out->rows < o->threads) { /* else threads have nothing to do */
        out->rows = o->rows < o->threads ? o->rows : o->threads;
    }
    out->half = out->rows >= 2 * (int64_t)o->threads ? out->rows / 2 : out->rows;
    AS_TRY(measure_limits(o, vector_bytes, out));
    AS_TRY(measure_step(o, out->rows, o->threads, out->all));
    memcpy(out->one, out->all, sizeof out->one);
    memcpy(out->less, out->all, sizeof out->less);
    if (o->threads > 1) {
        AS_TRY(measure_step(o, out->rows, 1, out->one));
    }
    if (out->half < out->rows) {
        AS_TRY(measure_step(o, out->half, o->threads, out->less));
    }
    return AS_OK;
}

as_status as_forecast_count(int lanes, int ranks, as_forecast_parts *out)
{
    as_tree tree;
    *out = (as_forecast_parts){0};
    AS_TRY(as_tree_plan(lanes, &tree));
    as_status status = AS_OK;
    for (int r = 0; r < ranks && status == AS_OK; r++) {
        int first, count;
        as_tree_program program;
        as_tree_share(lanes, ranks, r, &first, &count);
        status = as_tree_program_make(&tree, first, count, &program);
        if (status == AS_OK) {
            out->all += program.parts;
            out->most = program.parts > out->most ? program.parts : out->most;
            out->first = r == 0 ? program.parts : out->first;
            as_tree_program_destroy(&program);
        }
    }
    as_tree_destroy(&tree);
    return status;
}

double as_forecast_sent(double vector_bytes, int ranks, int64_t parts)
{
    const double r = ranks;
    return ranks == 1 ? 0 : vector_bytes * ((double)parts / r * (r - 1) / r + (r - 1) / r);
}

/* How much faster `cores` of them do a part than one. */
static double speed(const as_machine *m, int part, int cores)
{
    if (m->threads == 1 || cores <= 1 || !(m->all[part] > 0) || !(m->one[part] > 0)) {
        return 1;
    }
    const double most = m->one[part] / m->all[part], share = (double)(cores - 1) / (m->threads - 1);
    return 1 + (most - 1) * (share > 1 ? 1 : share);
}

/* Seconds of a part on one thread for so many rows. */
static double rows_time(const as_machine *m, int part, double rows)
{
    double slope = m->all[part] / (double)m->rows, base = 0;
    if (m->half < m->rows) {
        const double fitted = (m->all[part] - m->less[part]) / (double)(m->rows - m->half);
        const double rest = m->all[part] - fitted * (double)m->rows;
        if (fitted > 0 && rest > 0) { /* else noise: proportional */
            slope = fitted;
            base = rest;
        }
    }
    return (base + slope * rows) * speed(m, part, m->threads);
}

double as_forecast_step(const as_machine *m, const as_network_assumption *network, const as_forecast_model *model,
                        const as_placement *layout, double part[AS_TIMES])
{
    const int ranks = layout->nodes * layout->ranks, cores = layout->ranks * layout->threads;
    const double lanes = ceil((double)model->lanes / ranks); /* of the rank that has the most */
    const double rows = ceil((double)model->batch * lanes / model->lanes);
    double total = 0;
    for (int i = 0; i <= AS_TIME_BACKWARD; i++) {
        part[i] = rows_time(m, i, rows) * layout->ranks / speed(m, i, cores);
    }
    part[AS_TIME_SUM] = m->one[AS_TIME_SUM] / speed(m, AS_TIME_SUM, cores);
    part[AS_TIME_UPDATE] = m->one[AS_TIME_UPDATE] / speed(m, AS_TIME_UPDATE, cores) / layout->nodes;
    as_forecast_parts parts, sent;
    if (as_forecast_count(model->lanes, ranks, &parts) != AS_OK ||
        as_forecast_count(model->lanes, layout->nodes, &sent) != AS_OK) {
        return (double)NAN;
    }
    if (layout->ranks > 1) {
        part[AS_TIME_SUM] +=
            BARRIERS * m->barrier + ((double)parts.all / layout->nodes + 1) * model->vector_bytes / m->bandwidth;
    }
    if (layout->nodes > 1) {
        int rounds = 0; /* of a tree of messages */
        for (int reached = 1; reached < layout->nodes; reached *= 2) {
            rounds += ROUNDS;
        }
        const double messages = ((double)sent.all / layout->nodes + 1) * (layout->nodes - 1);
        part[AS_TIME_SUM] += rounds * network->latency + messages * message_seconds +
                             as_forecast_sent(model->vector_bytes, layout->nodes, sent.all) / network->bandwidth;
    }
    for (int i = 0; i < AS_TIMES; i++) {
        total += part[i];
    }
    return total;
}
