/* Each figure: a body that all threads run, timed from the start of the team to its end; turns grow until a run takes
   long enough for the clock. */
#include "run/bench_rate.h"

#include <stdlib.h>

#include "base/clock.h"

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void *as_bench_at(const as_kernels *kernels, void *p, int64_t i)
{
    return (char *)p + (size_t)i * kernels->real_bytes;
}

void as_bench_rates(as_team *team, as_bench_body *body, as_bench_job *j, double seconds, double rate[AS_BENCH_REPEATS])
{
    double taken = 0;
    j->turns = 1;
    as_team_run(team, body, j); /* wakes the threads */
    for (j->turns = 1; taken < seconds / 4; j->turns *= 2) {
        const double begin = as_clock_seconds();
        as_team_run(team, body, j);
        taken = as_clock_seconds() - begin;
    }
    for (int i = 0; i < AS_BENCH_REPEATS; i++) {
        const double begin = as_clock_seconds();
        as_team_run(team, body, j);
        rate[i] = j->work * (double)j->turns / (as_clock_seconds() - begin);
    }
    qsort(rate, AS_BENCH_REPEATS, sizeof *rate, ascending);
}

void as_bench_begin(const as_bench_report *r, const char *what, const char *unit)
{
    const int threads = as_team_size(r->team);
    if (r->json) {
        as_json_open(r->text, NULL, '{');
        as_json_text(r->text, "bench", what);
        as_json_text(r->text, "isa", r->kernels->isa);
        as_json_int(r->text, "precision", (int64_t)r->kernels->precision);
        as_json_int(r->text, "threads", threads);
        as_json_text(r->text, "unit", unit);
        as_json_open(r->text, "rows", '[');
        return;
    }
    as_text_add(r->text, "%s, %s, float%d, %d thread%s\n%-44s %12s %12s\n", what, r->kernels->isa,
                (int)r->kernels->precision, threads, threads == 1 ? "" : "s", "", "median", "best");
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
    if (r->json) {
        as_json_open(r->text, NULL, '{');
        as_json_text(r->text, "name", name);
        as_json_real(r->text, "median", rate[AS_BENCH_REPEATS / 2] * 1e-9);
        as_json_real(r->text, "best", rate[AS_BENCH_REPEATS - 1] * 1e-9);
        as_json_close(r->text, '}');
    } else {
        as_text_add(r->text, "%-44s %12.1f %12.1f\n", name, rate[AS_BENCH_REPEATS / 2] * 1e-9,
                    rate[AS_BENCH_REPEATS - 1] * 1e-9);
    }
}

void as_bench_fill(const as_kernels *kernels, void *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const double v = (double)(i * 7919 % 1009) / 1009.0 - 0.5;
        kernels->from_double(1, &v, as_bench_at(kernels, p, i));
    }
}
