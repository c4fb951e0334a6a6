/* The time of a step as forecast, how it scales inside a node and over nodes, and for a run what it was. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json_read.h"
#include "cli/explain_plan.h"

enum { LAYOUTS_MAX = 40, SUMMARY_MAX = 1 << 20 };
static const double pays = 0.5; /* efficiency down to which another node is said to pay */

typedef struct row {
    as_placement layout;
    double part[AS_TIMES], seconds;
} row;

typedef struct forecast {
    const as_explain_options *options;
    const as_plan *plan;
    const as_machine *machine;
    as_forecast_model model;
    as_network_assumption network;
    int n;
    row row[LAYOUTS_MAX];
    int node;          /* row of the fastest layout of one node */
    int paying, least; /* rows: the most nodes that pay, the fastest */
} forecast;

as_forecast_model as_plan_forecast(const as_plan *p, int64_t batch)
{
    return (as_forecast_model){.batch = batch,
                               .lanes = batch == p->batch ? p->lanes : as_config_lanes(p->config, batch),
                               .vector_bytes = (double)p->summed * (double)p->model.kernels->real_bytes};
}

static void add_row(forecast *f, int nodes, int ranks, int threads)
{
    if (nodes * ranks > f->model.lanes || f->n == LAYOUTS_MAX) {
        return;
    }
    row *r = &f->row[f->n++];
    r->layout = (as_placement){.nodes = nodes, .ranks = ranks, .threads = threads};
    r->seconds = as_forecast_step(f->machine, &f->network, &f->model, &r->layout, r->part);
}

/* Layouts of one node, then the fastest of them on more. */
static void make_rows(forecast *f)
{
    static const int nodes[] = {2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512, 1024};
    const int cores = f->options->threads;
    for (int c = 1; c < cores; c *= 2) {
        add_row(f, 1, 1, c);
    }
    add_row(f, 1, 1, cores);
    for (int c = 2; c < cores; c *= 2) {
        if (cores % c == 0) {
            add_row(f, 1, c, cores / c);
        }
    }
    if (cores > 1) {
        add_row(f, 1, cores, 1);
    }
    for (int i = 1; i < f->n; i++) {
        f->node = f->row[i].seconds < f->row[f->node].seconds ? i : f->node;
    }
    f->paying = f->least = f->node;
    const row *one = &f->row[f->node];
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
        const int at = f->n;
        add_row(f, nodes[i], one->layout.ranks, one->layout.threads);
        if (f->n == at) {
            continue;
        }
        f->least = f->row[at].seconds < f->row[f->least].seconds ? at : f->least;
        f->paying = one->seconds / f->row[at].seconds >= pays * nodes[i] ? at : f->paying;
    }
}

double as_plan_fastest(const as_machine *machine, const as_network_assumption *network, const as_forecast_model *model,
                       int nodes)
{
    const as_placement within[] = {{nodes, 1, 1}, {nodes, 1, machine->threads}, {nodes, machine->threads, 1}};
    double least = (double)INFINITY, part[AS_TIMES];
    for (int i = 0; i < (machine->threads > 1 ? 3 : 1); i++) {
        if (nodes * within[i].ranks <= model->lanes) {
            const double now = as_forecast_step(machine, network, model, &within[i], part);
            least = now < least ? now : least;
        }
    }
    return least;
}

static double speed_up(const forecast *f, const row *r)
{
    return f->row[0].seconds / r->seconds;
}

static const char *nodes_text(int nodes, char text[32])
{
    snprintf(text, 32, "%d node%s", nodes, nodes == 1 ? "" : "s");
    return text;
}

static void print_verdict(const forecast *f)
{
    const row *one = &f->row[f->node], *far = &f->row[f->paying], *least = &f->row[f->least];
    char a[32], b[32];
    printf("         Fastest on one node: %d rank%s x %d thread%s.", one->layout.ranks,
           one->layout.ranks == 1 ? "" : "s", one->layout.threads, one->layout.threads == 1 ? "" : "s");
    if (far->layout.nodes == 1) {
        printf(" A second node does not pay (half its speed or more).");
    } else {
        printf(" More pay (half their speed or more) up to %s.", nodes_text(far->layout.nodes, a));
    }
    printf("\n         All %lld steps, without evaluation: %.3g s on one node", (long long)f->plan->steps,
           (double)f->plan->steps * one->seconds);
    if (least->layout.nodes > 1) {
        printf(", %.3g s on %s", (double)f->plan->steps * least->seconds, nodes_text(least->layout.nodes, b));
    }
    printf(".\n         Assumed between nodes: %.3g us a message, %.3g GB/s "
           "(--network-latency,\n         --network-bandwidth); all nodes like this one.\n",
           f->network.latency * 1e6, f->network.bandwidth * 1e-9);
}

static void print_forecast(const forecast *f)
{
    const as_machine *m = f->machine;
    printf("time     measured here on %d thread%s: %.3g GFLOP/s peak, memory %.3g GB/s, a barrier %.2g us, and\n       "
           "  steps "
           "of %lld made-up rows%s. Milliseconds of a step:\n",
           m->threads, m->threads == 1 ? "" : "s", m->peak * 1e-9, m->bandwidth * 1e-9, m->barrier * 1e6,
           (long long)m->rows, m->rows < f->model.batch ? ", fewer than a batch has" : "");
    printf("         %5s %5s %7s %7s %7s %8s %7s %7s %8s %9s %8s\n", "nodes", "ranks", "threads", "data", "forward",
           "backward", "sum", "update", "step", "samples/s", "speed-up");
    for (int i = 0; i < f->n; i++) {
        const row *r = &f->row[i];
        printf("         %5d %5d %7d", r->layout.nodes, r->layout.nodes * r->layout.ranks, r->layout.threads);
        for (int p = 0; p < AS_TIMES; p++) {
            printf(" %*.3g", p == AS_TIME_BACKWARD ? 8 : 7, 1e3 * r->part[p]);
        }
        printf(" %8.3g %9.4g %7.2fx\n", 1e3 * r->seconds, (double)f->model.batch / r->seconds, speed_up(f, r));
    }
    print_verdict(f);
}

static void write_parts(const double part[AS_TIMES], as_text *json)
{
    static const char *const name[AS_TIMES] = {"data", "forward", "backward", "sum", "update"};
    for (int p = 0; p < AS_TIMES; p++) {
        as_json_real(json, name[p], part[p]);
    }
}

static void write_forecast(const forecast *f, as_text *json)
{
    const as_machine *m = f->machine;
    as_json_open(json, "time", '{');
    as_json_open(json, "machine", '{');
    as_json_int(json, "threads", m->threads);
    as_json_int(json, "rows", m->rows);
    as_json_real(json, "peak_flops_per_second", m->peak);
    as_json_real(json, "bytes_per_second", m->bandwidth);
    as_json_real(json, "barrier_seconds", m->barrier);
    as_json_close(json, '}');
    as_json_open(json, "network", '{');
    as_json_real(json, "latency_seconds", f->network.latency);
    as_json_real(json, "bytes_per_second", f->network.bandwidth);
    as_json_close(json, '}');
    as_json_open(json, "layouts", '[');
    for (int i = 0; i < f->n; i++) {
        const row *r = &f->row[i];
        as_json_open(json, NULL, '{');
        as_json_int(json, "nodes", r->layout.nodes);
        as_json_int(json, "ranks", r->layout.nodes * r->layout.ranks);
        as_json_int(json, "threads", r->layout.threads);
        write_parts(r->part, json);
        as_json_real(json, "seconds_per_step", r->seconds);
        as_json_real(json, "samples_per_second", (double)f->model.batch / r->seconds);
        as_json_real(json, "speed_up", speed_up(f, r));
        as_json_close(json, '}');
    }
    as_json_close(json, ']');
    as_json_int(json, "nodes_that_pay", f->row[f->paying].layout.nodes);
    as_json_int(json, "fastest_nodes", f->row[f->least].layout.nodes);
    as_json_real(json, "seconds_of_all_steps", (double)f->plan->steps * f->row[f->node].seconds);
    as_json_close(json, '}');
}

/* A number of a small JSON file of the run; false where there is none. */
static bool read_number(const char *dir, const char *name, const char *key, double *out)
{
    char path[1100], *text = malloc(SUMMARY_MAX);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = text != NULL ? fopen(path, "r") : NULL;
    bool found = false;
    if (file != NULL) {
        const size_t n = fread(text, 1, SUMMARY_MAX - 1, file);
        text[n] = '\0';
        found = as_json_number(text, key, out);
        fclose(file);
    }
    free(text);
    return found;
}

/* What the run took beside what is forecast for its layout. */
static void tell_outcome(const forecast *f, as_text *json)
{
    double ranks = 0, threads = 0, rate = 0, nodes = 1, part[AS_TIMES];
    const char *dir = f->options->run;
    if (dir == NULL || !read_number(dir, "summary.json", "ranks", &ranks) ||
        !read_number(dir, "summary.json", "threads", &threads) ||
        !read_number(dir, "summary.json", "samples_per_second", &rate) || !(rate > 0) || !(ranks >= 1)) {
        return;
    }
    read_number(dir, "env.json", "nodes", &nodes);
    nodes = nodes >= 1 && nodes <= ranks ? nodes : 1;
    const as_placement layout = {
        .nodes = (int)nodes, .ranks = (int)((ranks + nodes - 1) / nodes), .threads = (int)threads};
    const double seconds = as_forecast_step(f->machine, &f->network, &f->model, &layout, part);
    const double mean = (double)f->plan->train_rows / (double)f->plan->per_epoch; /* the last batch may be smaller */
    const double measured = mean / rate;
    if (f->options->json) {
        as_json_open(json, "outcome", '{');
        as_json_int(json, "ranks", (int64_t)ranks);
        as_json_int(json, "threads", (int64_t)threads);
        as_json_real(json, "forecast_seconds_per_step", seconds);
        as_json_real(json, "seconds_per_step", measured);
        as_json_real(json, "ratio", measured / seconds);
        as_json_close(json, '}');
        return;
    }
    printf(
        "outcome  the run took %.3g ms a step on %.0f rank%s x %.0f thread%s; forecast now: %.3g ms; took %.2f times "
        "that\n",
        1e3 * measured, ranks, ranks > 1 ? "s" : "", threads, threads > 1 ? "s" : "", 1e3 * seconds,
        measured / seconds);
}

as_status as_explain_time(const as_explain_options *o, const as_plan *p, as_text *json, as_machine *machine,
                          bool *measured)
{
    const as_rehearsal_options rehearsal = {.config = p->config,
                                            .described = &p->data,
                                            .classes = p->model.data.classes,
                                            .rows = p->batch,
                                            .lanes = p->lanes,
                                            .threads = o->threads,
                                            .isa = o->isa};
    forecast f = {.options = o,
                  .plan = p,
                  .machine = machine,
                  .model = as_plan_forecast(p, p->batch),
                  .network = {.latency = o->latency, .bandwidth = o->bandwidth}};
    const as_status status =
        as_machine_measure(&rehearsal, as_model_flops(&p->model, true), f.model.vector_bytes, machine);
    if (status == AS_NOMEM) {
        return status;
    }
    *measured = status == AS_OK;
    if (!*measured && o->json) {
        as_json_raw(json, "time", "null");
    } else if (!*measured) {
        printf("time     not measured: made-up rows do not do for this model (%s)\n", as_error_message());
    }
    if (*measured) {
        make_rows(&f);
        if (o->json) {
            write_forecast(&f, json);
        } else {
            print_forecast(&f);
        }
        tell_outcome(&f, json);
    }
    return AS_OK;
}
