/* The batch that pays: the noise scale Bn of the gradient, measured over the lanes of some private steps, and what it
   says of steps and data (McCandlish et al. 2018): to the same loss, steps cost a factor 1 + Bn / B over the fewest,
   and samples 1 + B / Bn. With the time of a step for each batch, the batch and the nodes that are soonest there. */
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/explain_plan.h"
#include "run/run_state.h"

enum { BATCHES_MAX = 16 };

typedef struct measured {
    double scale, error; /* samples; NaN: below the noise */
    double loss;         /* of the last step */
    int64_t steps;
    char why[AS_PROBE_STATE_MAX]; /* no scale: why */
} measured;

static void take_record(const as_probe_record *r, measured *out)
{
    const double unit = r->samples > 0 && r->weight > 0 ? r->weight / r->samples : 1; /* the loss may count tokens */
    out->scale = r->total.noise_scale / unit;
    out->error = r->total.noise_scale_se / unit;
    out->loss = r->loss;
    for (int i = 0; i < r->nstates && !isfinite(out->scale); i++) {
        snprintf(out->why, sizeof out->why, "%s", r->state[i].state);
    }
}

static as_status take_steps(as_run *run, int64_t steps, measured *out)
{
    *out = (measured){.scale = (double)NAN, .error = (double)NAN};
    while (out->steps < steps && run->progress.step < run->total_steps) {
        as_step_report report = {0};
        AS_TRY(as_run_probe_before(run));
        AS_TRY(as_run_step(run, 0, &report));
        as_run_advance(run, &report);
        AS_TRY(as_run_probe_after(run, &report));
        out->steps++;
    }
    const as_probe_records *records = as_probe_earlier(run->probe);
    if (records->n > 0) {
        take_record(&records->record[records->n - 1], out);
    }
    return AS_OK;
}

static as_status measure(const as_explain_options *o, const as_config *config, measured *out)
{
    const as_world_options alone = {.launched = false};
    const as_log silent = {0};
    as_world *world = NULL;
    as_run run;
    AS_TRY(as_world_open(&alone, &world));
    const as_run_options options = {
        .config = config, .world = world, .threads = o->threads, .isa = o->isa, .version = "", .log = &silent};
    as_status status = as_run_open(&options, &run);
    if (status == AS_OK) {
        status = take_steps(&run, o->noise_steps, out);
    }
    as_run_close(&run);
    as_world_close(&world);
    return status;
}

/* A batch with the nodes on which a loss is reached soonest. */
typedef struct choice {
    int64_t batch;
    double steps, data;  /* factors */
    double one, soonest; /* seconds of a step: on one node, on the best number of nodes; 0: not known */
    int nodes;
} choice;

static void find_layout(const as_explain_options *o, const as_plan *p, const as_machine *m, choice *c)
{
    const as_network_assumption network = {.latency = o->latency, .bandwidth = o->bandwidth};
    const as_forecast_model model = as_plan_forecast(p, c->batch);
    for (int nodes = 1; nodes <= model.lanes; nodes++) {
        const double now = as_plan_fastest(m, &network, &model, nodes);
        if (nodes == 1) {
            c->one = c->soonest = now;
            c->nodes = 1;
        } else if (now < c->soonest) {
            c->soonest = now;
            c->nodes = nodes;
        }
    }
}

/* Batches around the one of the configuration and the critical one, by factors of two. */
static int make_choices(const as_explain_options *o, const as_plan *p, const as_machine *m, double scale, choice *out)
{
    int64_t least = p->batch;
    int n = 0;
    while (least > 1 && (double)least > scale / 4 && least > p->batch / 16) {
        least /= 2;
    }
    for (int64_t batch = least; n < BATCHES_MAX && batch <= p->train_rows; batch *= 2) {
        if (n > 0 && batch > p->batch && (double)batch > 16 * scale) {
            break;
        }
        out[n] = (choice){.batch = batch, .steps = 1 + scale / (double)batch, .data = 1 + (double)batch / scale};
        if (m != NULL) {
            find_layout(o, p, m, &out[n]);
        }
        n++;
    }
    return n;
}

/* Time to the same loss. */
static double cost(const choice *c, bool nodes)
{
    return c->steps * (nodes ? c->soonest : c->one);
}

static int cheapest(const choice *c, int n, bool nodes)
{
    int best = 0;
    for (int i = 1; i < n; i++) {
        best = cost(&c[i], nodes) < cost(&c[best], nodes) ? i : best;
    }
    return best;
}

static const choice *of_batch(const choice *c, int n, int64_t batch)
{
    for (int i = 0; i < n; i++) {
        if (c[i].batch == batch) {
            return &c[i];
        }
    }
    return &c[0];
}

static void print_choices(const as_plan *p, const choice *c, int n, bool timed)
{
    const double unit = cost(of_batch(c, n, p->batch), false);
    printf("         %9s %9s %9s%s\n", "batch", "steps", "samples",
           timed ? "   step ms     time  | nodes   step ms     time" : "");
    for (int i = 0; i < n; i++) {
        printf("         %9lld %8.3gx %8.3gx", (long long)c[i].batch, c[i].steps, c[i].data);
        if (timed) {
            printf(" %9.3g %7.2fx  | %5d %9.3g %7.2fx", 1e3 * c[i].one, cost(&c[i], false) / unit, c[i].nodes,
                   1e3 * c[i].soonest, cost(&c[i], true) / unit);
        }
        printf("%s\n", c[i].batch == p->batch ? "  <-" : "");
    }
    printf("         To the same loss: over the fewest");
    if (!timed) {
        printf(".");
    } else {
        const choice *one = &c[cheapest(c, n, false)], *far = &c[cheapest(c, n, true)];
        printf("; time over that of <- on one node.\n         Soonest: batch %lld on one node; batch %lld "
               "on %d node%s, "
               "%.2g times as soon.",
               (long long)one->batch, (long long)far->batch, far->nodes, far->nodes == 1 ? "" : "s",
               unit / cost(far, true));
    }
    printf("\n         The learning rate has to be set anew for another batch; the scale grows as the loss falls.\n");
}

static void write_choices(const choice *c, int n, bool timed, as_text *json)
{
    as_json_open(json, "batches", '[');
    for (int i = 0; i < n; i++) {
        as_json_open(json, NULL, '{');
        as_json_int(json, "batch", c[i].batch);
        as_json_real(json, "steps_factor", c[i].steps);
        as_json_real(json, "samples_factor", c[i].data);
        if (timed) {
            as_json_real(json, "seconds_per_step", c[i].one);
            as_json_int(json, "nodes", c[i].nodes);
            as_json_real(json, "seconds_per_step_on_nodes", c[i].soonest);
        }
        as_json_close(json, '}');
    }
    as_json_close(json, ']');
    if (timed && n > 0) {
        as_json_int(json, "soonest_batch_one_node", c[cheapest(c, n, false)].batch);
        as_json_int(json, "soonest_batch", c[cheapest(c, n, true)].batch);
        as_json_int(json, "soonest_nodes", c[cheapest(c, n, true)].nodes);
    }
}

as_status as_explain_noise(const as_explain_options *o, const as_plan *p, const as_machine *machine, as_text *json)
{
    measured m;
    choice c[BATCHES_MAX];
    AS_TRY(measure(o, p->config, &m));
    const bool known = isfinite(m.scale) && m.scale > 0;
    const int n = known ? make_choices(o, p, machine, m.scale, c) : 0;
    if (o->json) {
        as_json_open(json, "noise", '{');
        as_json_int(json, "steps", m.steps);
        as_json_real(json, "loss", m.loss);
        as_json_real(json, "critical_batch", known ? m.scale : (double)NAN);
        as_json_real(json, "critical_batch_error", known ? m.error : (double)NAN);
        write_choices(c, n, machine != NULL, json);
        as_json_close(json, '}');
        return AS_OK;
    }
    printf("noise    %lld steps of %lld samples in %d lane%s, nothing written (loss now %.4g):\n         ",
           (long long)m.steps, (long long)p->batch, p->lanes, p->lanes == 1 ? "" : "s", m.loss);
    if (!known) {
        printf("no critical batch (%s); more steps may tell: --noise-steps\n",
               m.why[0] != '\0' ? m.why : "the gradient is below its noise");
        return AS_OK;
    }
    printf("critical batch %.3g +- %.2g\n", m.scale, m.error);
    print_choices(p, c, n, machine != NULL);
    return AS_OK;
}
