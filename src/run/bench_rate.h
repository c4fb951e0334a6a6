/* Timing of a body that all threads of a team run, and the table it goes to. Shared by the benches of kernels. */
#ifndef AS_RUN_BENCH_RATE_H
#define AS_RUN_BENCH_RATE_H

#include "run/bench.h"

/* What the machine can do at the most, on all threads: multiply-adds on registers, and bytes per second of reading an
   array, copying one, and adding two into a third (2 and 3 arrays counted), at sizes for caches near, far, and memory.
 */
enum { AS_BENCH_LEVELS = 3 };
typedef struct as_bench_limits {
    double peak;
    size_t bytes[AS_BENCH_LEVELS]; /* of an array of one thread */
    double read[AS_BENCH_LEVELS], copy[AS_BENCH_LEVELS], add[AS_BENCH_LEVELS];
} as_bench_limits;

typedef struct as_bench_report {
    as_team *team;
    const as_kernels *kernels;
    bool json;
    as_text *text;
    as_bench_limits limits;
    bool flops; /* rates are of flops: rows show their share of the peak */
} as_bench_report;

/* What a body works on; each uses the members that it names. Bodies repeat their work `turns` times. */
typedef struct as_bench_job {
    const as_kernels *kernels;
    int threads;
    int64_t m, n, k, turns;
    void *a, *b, *c, *packed;
    const as_tree_program *program;
    const int64_t *lane_row, *row;
    double work; /* flops or bytes of one turn by all threads */
} as_bench_job;

typedef void as_bench_body(void *job, int thread);

enum { AS_BENCH_REPEATS = 9 };

/* Not collective. Work per second of AS_BENCH_REPEATS runs, ascending, each of some `seconds`; all are the first one
   where that takes longer than two seconds. */
void as_bench_rates(as_team *team, as_bench_body *body, as_bench_job *job, double seconds,
                    double rate[AS_BENCH_REPEATS]);

/* A body: c = a + b, n reals each, arrays of its own for every thread. */
void as_bench_add(void *job, int thread);

/* Not collective. Takes some seconds. Errors: NOMEM. Source: bench_limits.c. */
as_status as_bench_limits_measure(as_team *team, const as_kernels *kernels, as_bench_limits *limits);

/* Not collective. Table or JSON object: head with the limits of the machine, which begin measures; rows (median and
   best, in 1e9 per second); end. Errors: NOMEM. */
as_status as_bench_begin(as_bench_report *report, const char *what, bool flops);
void as_bench_row(const as_bench_report *report, as_team *team, const char *name, as_bench_body *body,
                  as_bench_job *job);
void as_bench_end(const as_bench_report *report);

/* Address of element i of an array of reals. */
void *as_bench_at(const as_kernels *kernels, void *p, int64_t i);

/* n reals in (-0.5, 0.5) without denormals: what they are does not matter. */
void as_bench_fill(const as_kernels *kernels, void *p, int64_t n);

#endif
