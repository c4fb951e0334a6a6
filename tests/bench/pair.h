/* Two ways to do the same work, timed in turn in one process, and the table or JSON of such pairs. */
#ifndef TESTS_BENCH_PAIR_H
#define TESTS_BENCH_PAIR_H

#include <stdbool.h>
#include <stdint.h>

/* Does the work of argument `turns` times. */
typedef void pair_body(void *argument, int64_t turns);

typedef struct pair_report {
    const char *unit; /* of rates: what 1e9 units of work a second are */
    double peak;      /* units of work per second that the machine can do at the most */
    bool json;
    int rows;
    double log_ratios, least_ratio; /* of the rows so far */
} pair_report;

/* Third best of 16 slices in turn of some milliseconds each: work per second of ours and theirs. */
void pair_measure(pair_body *ours, pair_body *theirs, void *argument, double work, double rate[2]);

void pair_begin(pair_report *report, const char *title, const char *ran);
void pair_row(pair_report *report, const char *name, const double rate[2]);
/* Ends the table; geometric mean and least of the ratios of its rows. */
void pair_end(pair_report *report);

#endif
