/* Each side gets slices of some 4 ms in turn (O T O T ...), so that what else happens on the machine meets both; the
   best quartile of the slices is taken, as the least disturbed. */
#include "pair.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

enum { SLICES = 16, TURNS_MAX = 1 << 24 };
static const double SLICE_SECONDS = 0.004;

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double run(pair_body *body, void *argument, int64_t turns)
{
    const double begin = as_clock_seconds();
    body(argument, turns);
    return as_clock_seconds() - begin;
}

static int64_t turns_for(pair_body *body, void *argument)
{
    int64_t turns = 1;
    run(body, argument, 1); /* wakes threads, makes code, touches memory */
    while (turns < TURNS_MAX && run(body, argument, turns) < SLICE_SECONDS / 2) {
        turns *= 2;
    }
    return turns;
}

void pair_measure(pair_body *ours, pair_body *theirs, void *argument, double work, double rate[2])
{
    pair_body *const body[2] = {ours, theirs};
    int64_t turns[2];
    double time[2][SLICES];
    for (int side = 0; side < 2; side++) {
        turns[side] = turns_for(body[side], argument);
    }
    for (int i = 0; i < SLICES; i++) {
        for (int side = 0; side < 2; side++) {
            time[side][i] = run(body[side], argument, turns[side]) / (double)turns[side];
        }
    }
    for (int side = 0; side < 2; side++) {
        qsort(time[side], SLICES, sizeof(double), ascending);
        rate[side] = work / time[side][SLICES / 8];
    }
}

void pair_begin(pair_report *report, const char *title, const char *ran)
{
    report->rows = 0;
    report->log_ratios = 0;
    report->least_ratio = HUGE_VAL;
    if (report->json) {
        printf("{\"bench\": \"%s\", \"ran\": \"%s\", \"unit\": \"%s\", \"peak\": %.4g, \"rows\": [", title, ran,
               report->unit, report->peak * 1e-9);
    } else {
        printf("%s, %s; %s; peak %.0f\n%-44s %9s %9s %7s %8s\n", title, report->unit, ran, report->peak * 1e-9, "",
               "ours", "theirs", "ratio", "of peak");
    }
}

void pair_row(pair_report *report, const char *name, const double rate[2])
{
    const double ratio = rate[0] / rate[1];
    report->log_ratios += log(ratio);
    report->least_ratio = ratio < report->least_ratio ? ratio : report->least_ratio;
    if (report->json) {
        printf("%s{\"name\": \"%s\", \"ours\": %.4g, \"theirs\": %.4g, \"ratio\": %.3f, \"share_of_peak\": %.3f}",
               report->rows > 0 ? ", " : "", name, rate[0] * 1e-9, rate[1] * 1e-9, ratio, rate[0] / report->peak);
    } else {
        printf("%-44s %9.1f %9.1f %7.2f %7.0f%%\n", name, rate[0] * 1e-9, rate[1] * 1e-9, ratio,
               100 * rate[0] / report->peak);
        fflush(stdout);
    }
    report->rows++;
}

void pair_end(pair_report *report)
{
    const double mean = report->rows > 0 ? exp(report->log_ratios / report->rows) : 0;
    if (report->json) {
        printf("], \"mean_ratio\": %.3f, \"least_ratio\": %.3f}\n", mean, report->least_ratio);
    } else {
        printf("%-44s %9s %9s %7.2f   least %.2f\n\n", "geometric mean", "", "", mean, report->least_ratio);
    }
}
