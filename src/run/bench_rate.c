/* Each figure: a body that all threads run, timed from the start of the team to its end; turns grow until a run takes
   long enough for the clock. */
#include "run/bench_rate.h"

#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "math/descriptive.h"

static const double LONG = 2; /* seconds of a run that is not repeated: products without instructions for fma */

void *as_bench_at(const as_kernels *kernels, void *p, int64_t i)
{
    return (char *)p + (size_t)i * kernels->real_bytes;
}

void as_bench_rates(as_team *team, as_bench_body *body, as_bench_job *j, double seconds, double rate[AS_BENCH_REPEATS])
{
    double taken = 0;
    j->turns = 1;
    const double start = as_clock_seconds();
    as_team_run(team, body, j); /* wakes the threads */
    const double first = as_clock_seconds() - start;
    for (int i = 0; i < AS_BENCH_REPEATS && first > LONG; i++) {
        rate[i] = j->work / first;
    }
    if (first > LONG) {
        return;
    }
    for (j->turns = 1; taken < seconds / 4; j->turns *= 2) {
        taken = HUGE_VAL;
        for (int i = 0; i < 3; i++) { /* one alone may have waited for a core */
            const double begin = as_clock_seconds();
            as_team_run(team, body, j);
            const double now = as_clock_seconds() - begin;
            taken = now < taken ? now : taken;
        }
    }
    for (int i = 0; i < AS_BENCH_REPEATS; i++) {
        const double begin = as_clock_seconds();
        as_team_run(team, body, j);
        rate[i] = j->work * (double)j->turns / (as_clock_seconds() - begin);
    }
    as_sort_ascending(AS_BENCH_REPEATS, rate);
}

static void write_levels(const as_bench_limits *limits, as_text *text)
{
    as_json_open(text, "memory", '[');
    for (int i = 0; i < AS_BENCH_LEVELS; i++) {
        as_json_open(text, NULL, '{');
        as_json_int(text, "bytes", (int64_t)limits->bytes[i]);
        as_json_real(text, "read_gb_per_s", limits->read[i] * 1e-9);
        as_json_real(text, "copy_gb_per_s", limits->copy[i] * 1e-9);
        as_json_real(text, "add_gb_per_s", limits->add[i] * 1e-9);
        as_json_close(text, '}');
    }
    as_json_close(text, ']');
}

as_status as_bench_begin(as_bench_report *r, const char *what, bool flops)
{
    const int threads = as_team_size(r->team);
    const as_bench_limits *const limits = &r->limits;
    const char *const unit = flops ? "GFLOP/s" : "GB/s";
    AS_TRY(as_bench_limits_measure(r->team, r->kernels, &r->limits));
    r->flops = flops;
    if (r->json) {
        as_json_open(r->text, NULL, '{');
        as_json_text(r->text, "bench", what);
        as_json_text(r->text, "isa", r->kernels->isa);
        as_json_int(r->text, "precision", (int64_t)r->kernels->precision);
        as_json_int(r->text, "threads", threads);
        as_json_text(r->text, "unit", unit);
        as_json_real(r->text, "peak_gflop_per_s", limits->peak * 1e-9);
        write_levels(limits, r->text);
        as_json_open(r->text, "rows", '[');
        return AS_OK;
    }
    as_text_add(r->text, "%s, %s, float%d, %d thread%s\n", what, r->kernels->isa, (int)r->kernels->precision, threads,
                threads == 1 ? "" : "s");
    as_text_add(r->text, "limits: %.0f GFLOP/s of multiply-adds; GB/s of read, copy, add of arrays of",
                limits->peak * 1e-9);
    for (int i = 0; i < AS_BENCH_LEVELS; i++) {
        as_text_add(r->text, "%s %zu KiB: %.0f, %.0f, %.0f", i == 0 ? "" : ";", limits->bytes[i] >> 10,
                    limits->read[i] * 1e-9, limits->copy[i] * 1e-9, limits->add[i] * 1e-9);
    }
    as_text_add(r->text, "\n%-52s %9s %9s%s\n", unit, "median", "best", flops ? "   of peak" : "");
    return AS_OK;
}

void as_bench_end(const as_bench_report *r)
{
    if (r->json) {
        as_json_close(r->text, ']');
        as_json_close(r->text, '}');
        as_text_add(r->text, "\n");
    }
}

void as_bench_row(const as_bench_report *r, as_team *team, const char *name, as_bench_body *body, as_bench_job *j)
{
    double rate[AS_BENCH_REPEATS];
    as_bench_rates(team, body, j, 0.02, rate);
    const double median = rate[AS_BENCH_REPEATS / 2], best = rate[AS_BENCH_REPEATS - 1];
    if (r->json) {
        as_json_open(r->text, NULL, '{');
        as_json_text(r->text, "name", name);
        as_json_real(r->text, "median", median * 1e-9);
        as_json_real(r->text, "best", best * 1e-9);
        if (r->flops) {
            as_json_real(r->text, "share_of_peak", median / r->limits.peak);
        }
        as_json_close(r->text, '}');
        return;
    }
    as_text_add(r->text, "%-52s %9.1f %9.1f", name, median * 1e-9, best * 1e-9);
    if (r->flops) {
        as_text_add(r->text, "     %3.0f %%", 100 * median / r->limits.peak);
    }
    as_text_add(r->text, "\n");
}

void as_bench_fill(const as_kernels *kernels, void *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const double v = (double)(i * 7919 % 1009) / 1009.0 - 0.5;
        kernels->from_double(1, &v, as_bench_at(kernels, p, i));
    }
}

void as_bench_add(void *argument, int thread)
{
    const as_bench_job *const j = argument;
    const as_kernels *const K = j->kernels;
    for (int64_t t = 0; t < j->turns; t++) {
        K->add(j->n, as_bench_at(K, j->a, thread * j->n), as_bench_at(K, j->b, thread * j->n),
               as_bench_at(K, j->c, thread * j->n));
    }
}
