/* The instruments of a run: the gradients that they share, taken before and after a probed step, and their records. */
#include "probe/probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "nn/activity.h"

extern const as_probe_ops as_probe_spikes; /* the pulse counts them, too */

struct as_probe {
    as_probe_setup setup;
    as_pulse *pulse;  /* NULL: off */
    int64_t cadence;  /* of the pulse */
    bool instruments; /* some are on */
    unsigned needs;   /* of all instruments together */
    as_gradients *gradients;
    const as_model *model;
    int nlayers, *layer;
    void *state[AS_PROBES_MAX];
    double *memory; /* the vectors */
    double *w, *dw, *g, *same, *next, *work;
    const as_batch *batch; /* of the step that is probed */
    int64_t step;
    as_gradients_result at;
    as_gradients_spread_result spread;
    as_probe_records records;
    double seconds;        /* that the last probe took */
    as_probe_price costly; /* of that */
};

double as_probe_dot(const as_probe_view *view, int layer, const double *a, const double *b)
{
    double sum = 0;
    for (int q = 0; q < view->model->layer[layer].nparams; q++) {
        const as_param *param = &view->model->layer[layer].param[q];
        if (as_gradients_trains(view->model, layer, q)) {
            sum += as_gradients_dot(view->setup->team, param->count, a + param->offset, b + param->offset, view->work);
        }
    }
    return sum;
}

bool as_probe_trains(const as_model *model, int layer)
{
    bool trains = false;
    for (int q = 0; q < model->layer[layer].nparams; q++) {
        trains = trains || as_gradients_trains(model, layer, q);
    }
    return trains;
}

unsigned as_probe_due(const as_probe *probe, int64_t step, int64_t epoch, int64_t index)
{
    unsigned due = 0;
    if (probe == NULL) {
        return due;
    }
    const as_every *every = &probe->setup.options->every;
    if (probe->instruments &&
        ((every->steps > 0 && step % every->steps == 0) ||
         (every->epochs > 0 && index == 0 && epoch % every->epochs == 0) || step + 1 == probe->setup.total_steps)) {
        due = AS_PROBE_INSTRUMENTS;
    }
    if (due == 0 && probe->pulse != NULL && as_pulse_due(probe->cadence, step)) {
        due = AS_PROBE_PULSE; /* instruments say more */
    }
    return due;
}

static void begin_all(as_probe *probe)
{
    const as_probe_options *o = probe->setup.options;
    for (int i = 0; i < o->n; i++) {
        if (o->kind[i]->begin != NULL) {
            o->kind[i]->begin(probe->state[i]);
        }
    }
}

static void see_all(void *context, const as_gradients_view *view)
{
    as_probe *probe = context;
    const as_probe_options *o = probe->setup.options;
    for (int i = 0; i < o->n; i++) {
        if (o->kind[i]->see != NULL) {
            o->kind[i]->see(probe->state[i], view);
        }
    }
}

/* A gradient of a batch at the network's parameters into `to`. */
static as_status take(as_probe *probe, const as_batch *batch, int64_t step, bool see, double *to,
                      as_gradients_result *result)
{
    const as_gradients_task task = {.batch = batch,
                                    .step = step,
                                    .spread = see && (probe->needs & AS_PROBE_SPREAD) != 0,
                                    .see = see ? see_all : NULL,
                                    .context = probe};
    AS_TRY(as_gradients_run(probe->gradients, &task, result));
    memcpy(to, as_gradients_mean(probe->gradients), (size_t)probe->model->nparams * sizeof *to);
    return AS_OK;
}

as_status as_probe_before(as_probe *probe, unsigned due, const as_batch *batch, int64_t step)
{
    if ((due & AS_PROBE_PULSE) != 0) {
        as_pulse_feel(probe->pulse);
    }
    if ((due & AS_PROBE_INSTRUMENTS) == 0) {
        return AS_OK;
    }
    const double t0 = as_clock_seconds();
    probe->batch = batch;
    probe->step = step;
    as_gradients_params(probe->gradients, probe->w);
    begin_all(probe);
    AS_TRY(take(probe, batch, step, true, probe->g, &probe->at));
    if ((probe->needs & AS_PROBE_SPREAD) != 0) {
        AS_TRY(as_gradients_spread(probe->gradients, &probe->spread));
    }
    probe->seconds = as_clock_seconds() - t0;
    return AS_OK;
}

static as_status take_after(as_probe *probe, const as_batch *next)
{
    as_gradients_result result;
    as_gradients_params(probe->gradients, probe->dw);
    for (int64_t i = 0; i < probe->model->nparams; i++) {
        probe->dw[i] -= probe->w[i];
    }
    if (probe->same != NULL) {
        AS_TRY(take(probe, probe->batch, probe->step, false, probe->same, &result));
    }
    return probe->next != NULL ? take(probe, next, probe->step + 1, false, probe->next, &result) : AS_OK;
}

/* Spikes are those since the last record, whoever counts them. */
static as_status measure_pulse(as_probe *probe, as_probe_record *record)
{
    as_pulse_result pulse;
    const as_probe_view view = {.kept = probe->setup.kept};
    AS_TRY(as_pulse_read(probe->pulse, &pulse));
    as_pulse_record(&pulse, probe->model, probe->layer, &probe->records, record);
    return as_probe_spikes.measure(NULL, NULL, &view, record);
}

/* A costly instrument that leaves no number has not measured: it does so every few probes. */
static void add_price(as_probe *probe, const as_probe_ops *kind, const as_probe_record *record, double seconds)
{
    if (kind->costly && !isnan(record->curvature_rows)) {
        probe->costly.last = seconds;
        probe->costly.sum += seconds;
        probe->costly.times++;
    }
}

static as_status measure(as_probe *probe, const as_step_report *report, as_probe_record *record)
{
    const as_probe_options *o = probe->setup.options;
    const as_probe_view view = {.setup = &probe->setup,
                                .model = probe->model,
                                .nlayers = probe->nlayers,
                                .layer = probe->layer,
                                .batch = probe->batch,
                                .step = probe->step,
                                .report = report,
                                .at = &probe->at,
                                .n = probe->model->nparams,
                                .w = probe->w,
                                .dw = probe->dw,
                                .g = probe->g,
                                .same = probe->same,
                                .next = probe->next,
                                .spread = &probe->spread,
                                .earlier = &probe->records,
                                .kept = probe->setup.kept,
                                .work = probe->work};
    for (int i = 0; i < o->n; i++) {
        if (!probe->at.finite && (o->kind[i]->needs & AS_PROBE_NO_GRADIENT) == 0) {
            as_probe_record_state(record, o->kind[i]->name, "loss or gradient of the batch is not finite");
            continue;
        }
        const double t0 = as_clock_seconds();
        AS_TRY(o->kind[i]->measure(o->options[i], probe->state[i], &view, record));
        add_price(probe, o->kind[i], record, as_clock_seconds() - t0);
    }
    return AS_OK;
}

as_status as_probe_after(as_probe *probe, unsigned due, const as_batch *next, const as_step_report *report,
                         int64_t steps, int64_t epoch, const as_probe_record **out)
{
    const double t0 = as_clock_seconds();
    probe->costly.last = 0;
    const bool instruments = (due & AS_PROBE_INSTRUMENTS) != 0;
    as_probe_record record;
    if (instruments) {
        AS_TRY(take_after(probe, next));
    }
    as_status status = as_world_agree(probe->setup.world, as_probe_record_make(probe->nlayers, &record));
    if (status == AS_OK) {
        for (int l = 0; l < probe->nlayers; l++) {
            snprintf(record.layer[l].name, sizeof record.layer[l].name, "%s",
                     probe->model->layer[probe->layer[l]].name);
        }
        record.step = steps;
        record.epoch = epoch;
        if (instruments) { /* a record of the pulse is no second line of the step, for whoever looks for these */
            record.loss = report->loss;
            record.lr = report->lr;
        }
        record.weight = report->weight;
        record.samples = (double)report->samples;
        status = (due & AS_PROBE_PULSE) != 0 ? measure_pulse(probe, &record) : AS_OK;
    }
    if (status == AS_OK && instruments) {
        status = measure(probe, report, &record);
    }
    if (status != AS_OK) {
        as_probe_record_free(&record);
        return status;
    }
    AS_TRY(as_world_agree(probe->setup.world, as_probe_records_add(&probe->records, &record)));
    *out = &probe->records.record[probe->records.n - 1];
    probe->seconds += instruments ? as_clock_seconds() - t0 : 0;
    return AS_OK;
}

void as_probe_observe(as_probe *probe, const as_step_report *report)
{
    if (probe == NULL) {
        return;
    }
    const as_probe_options *o = probe->setup.options;
    for (int i = 0; probe->instruments && i < o->n; i++) {
        if (o->kind[i]->step != NULL && (probe->pulse == NULL || o->kind[i] != &as_probe_spikes)) {
            o->kind[i]->step(probe->setup.kept, report);
        }
    }
    if (probe->pulse != NULL) {
        as_probe_spikes.step(probe->setup.kept, report);
    }
}

double as_probe_seconds(const as_probe *probe)
{
    return probe == NULL ? 0 : probe->seconds;
}

as_probe_price as_probe_costly(const as_probe *probe)
{
    return probe == NULL ? (as_probe_price){0} : probe->costly;
}

int64_t as_probe_cadence(const as_probe *probe)
{
    return probe == NULL || probe->pulse == NULL ? 0 : probe->cadence;
}

as_probe_records *as_probe_earlier(as_probe *probe)
{
    return probe == NULL ? NULL : &probe->records;
}

static as_status list_layers(as_probe *probe)
{
    const as_model *model = probe->model;
    probe->layer = calloc((size_t)model->nlayers + 1, sizeof *probe->layer);
    if (probe->layer == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the layers that instruments look at");
    }
    for (int i = 0; i < model->nlayers; i++) {
        if (as_probe_trains(model, i) || as_layer_activation(&model->layer[i]) != NULL) {
            probe->layer[probe->nlayers++] = i;
        }
    }
    return AS_OK;
}

static as_status plan(as_probe *probe)
{
    const size_t n = (size_t)probe->model->nparams;
    const bool same = (probe->needs & AS_PROBE_SAME) != 0, next = (probe->needs & AS_PROBE_NEXT) != 0;
    const size_t vectors = 3 + (size_t)same + (size_t)next, blocks = n / AS_BLOCK + 1;
    probe->memory = calloc(vectors * n + blocks, sizeof *probe->memory);
    if (probe->memory == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for instruments: %zu vectors of %zu parameters", vectors, n);
    }
    probe->w = probe->memory;
    probe->dw = probe->w + n;
    probe->g = probe->dw + n;
    probe->same = same ? probe->g + n : NULL;
    probe->next = next ? probe->g + n + (same ? n : 0) : NULL;
    probe->work = probe->memory + vectors * n;
    return AS_OK;
}

static as_status open_pulse(as_probe *probe)
{
    const as_probe_setup *setup = &probe->setup;
    if (setup->options->pulse_steps >= 0) {
        AS_TRY(as_pulse_create(setup->estimator, setup->batch, &probe->pulse));
    }
    if (probe->pulse != NULL) {
        probe->model = as_pulse_model(probe->pulse);
        probe->cadence = as_pulse_steps(setup->options->pulse_steps, as_pulse_price(probe->pulse));
    }
    return AS_OK;
}

static as_status open_instruments(as_probe *probe)
{
    const as_probe_setup *setup = &probe->setup;
    const as_probe_options *o = setup->options;
    const as_gradients_options options = {
        .precision = setup->precision, .lane_rows = setup->capacity, .spread = (probe->needs & AS_PROBE_SPREAD) != 0};
    AS_TRY(as_gradients_create(setup->estimator, &options, &probe->gradients));
    probe->model = as_gradients_model(probe->gradients);
    AS_TRY(as_world_agree(setup->world, plan(probe)));
    for (int i = 0; i < o->n; i++) {
        if (o->kind[i]->open != NULL) {
            AS_TRY(o->kind[i]->open(o->options[i], setup, probe->model, &probe->state[i]));
        }
    }
    return AS_OK;
}

as_status as_probe_create(const as_probe_setup *setup, as_probe **out)
{
    const as_probe_options *o = setup->options;
    const bool instruments = o->n > 0 && (o->every.steps > 0 || o->every.epochs > 0);
    *out = NULL;
    if (!instruments && o->pulse_steps < 0) {
        return AS_OK;
    }
    as_probe *probe = calloc(1, sizeof *probe);
    AS_TRY(
        as_world_agree(setup->world, probe == NULL ? as_error_set(AS_NOMEM, "out of memory for instruments") : AS_OK));
    probe->setup = *setup;
    probe->instruments = instruments;
    for (int i = 0; i < o->n; i++) {
        probe->needs |= o->kind[i]->needs;
    }
    *out = probe;
    as_status status = open_pulse(probe);
    status = status == AS_OK && instruments ? open_instruments(probe) : status;
    status = status == AS_OK && probe->model != NULL ? as_world_agree(setup->world, list_layers(probe)) : status;
    if (status != AS_OK || probe->model == NULL) {
        as_probe_destroy(out);
    }
    return status;
}

void as_probe_destroy(as_probe **probe)
{
    as_probe *p = *probe;
    if (p == NULL) {
        return;
    }
    const as_probe_options *o = p->setup.options;
    for (int i = 0; i < o->n; i++) {
        if (p->state[i] != NULL) {
            o->kind[i]->close(&p->state[i]);
        }
    }
    as_gradients_destroy(&p->gradients);
    as_pulse_destroy(&p->pulse);
    as_probe_records_free(&p->records);
    free(p->memory);
    free(p->layer);
    free(p);
    *probe = NULL;
}
