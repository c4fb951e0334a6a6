/* Short private trainings: controlled experiments that decide where a limit alone does not. The run is stepped in
   memory from its first or its newest state with another learning rate, or with the change that the diagnosis proposes;
   nothing is written. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "run/patient.h"

enum {
    STEPS = 40,
    LONGER = 4,
    MOST = 16,
    WARMUP_MOST = 200,
    ROWS = 1024,
    FIT_ROWS = 4096,
    AGAIN_MOST = 20000,
    SETS_MAX = 80
};

static const double flops_most = 5e9; /* of one short training */

static as_network *network_of(as_patient *p)
{
    return (as_network *)p->run.estimator;
}

/* Steps that a short training may have; 0: each one costs too much. */
static int64_t steps_of(as_patient *p, int64_t wanted)
{
    const double flops = as_model_flops(&network_of(p)->model, true) * (double)p->c.batch;
    const double most = flops > 0 ? flops_most / flops : (double)wanted;
    return most < 8 ? 0 : most < (double)wanted ? (int64_t)most : wanted;
}

/* Steps on, until the loss is not finite. */
static as_status walk(as_patient *p, int64_t steps, int64_t *done, bool *diverged)
{
    *diverged = false;
    for (*done = 0; *done < steps && !*diverged; ++*done) {
        as_step_report report = {0};
        const as_status status = as_run_step(&p->run, 0, &report);
        *diverged = status == AS_DIVERGED;
        if (status != AS_OK && !*diverged) {
            return status;
        }
        if (!*diverged) {
            as_run_advance(&p->run, &report);
        }
    }
    return AS_OK;
}

/* ---- a schedule that has come to its end ---- */

static const double cold_limit = 0.1;

/* What trials take instead of the schedule of a run that has ended: the whole of it in the steps of the trial, or one
   factor all along. */
typedef struct replay {
    as_schedule whole;
    double factor; /* > 0: all along */
    int64_t first, steps, total, steps_per_epoch;
} replay;

static double replay_factor(const void *options, int64_t t, int64_t total, int64_t steps_per_epoch,
                            const double state[AS_SCHEDULE_STATE])
{
    const replay *r = options;
    (void)total, (void)steps_per_epoch, (void)state;
    const int64_t length = r->total - r->whole.warmup, k = t - r->first;
    const int64_t at = r->whole.warmup + (int64_t)((double)(k > 0 ? k : 0) / (double)r->steps * (double)length);
    return r->factor > 0 ? r->factor : as_schedule_factor(&r->whole, at, r->total, r->steps_per_epoch);
}

static const as_schedule_ops replayed = {.name = "replay", .factor = replay_factor};

/* Puts a replay in the place of the schedule where the run is at its end, or its rate under a tenth of the rate that
   was asked for. */
static void warm_up(as_patient *p, double factor, int64_t steps, replay *r)
{
    as_network *network = network_of(p);
    const int64_t step = p->run.progress.step, total = p->run.total_steps;
    *r = (replay){.whole = network->schedule,
                  .factor = factor,
                  .first = step,
                  .steps = steps > 0 ? steps : 1,
                  .total = total,
                  .steps_per_epoch = p->c.steps_per_epoch};
    const double now = as_schedule_factor(&r->whole, step < total ? step : total - 1, total, r->steps_per_epoch);
    if (step >= total || (now < cold_limit && step > r->whole.warmup)) {
        network->schedule = (as_schedule){.ops = &replayed, .options = r};
    }
}

static void cool_down(as_patient *p, const replay *r)
{
    network_of(p)->schedule = r->whole;
}

/* From a state, with the rate times a factor. */
static as_status run_short(as_patient *p, bool now, double factor, int64_t steps, as_short *out)
{
    as_network *network = network_of(p);
    const double lr = network->optimizer.lr;
    bool diverged = false;
    int64_t done = 0;
    *out = (as_short){.factor = factor};
    AS_TRY(as_patient_restore(p, now));
    AS_TRY(as_point_loss(network, &p->run.train.data, ROWS, &out->first));
    replay r;
    network->optimizer.lr = lr * factor;
    warm_up(p, p->c.cold ? 1 : p->c.lr_now / lr, steps, &r);
    const as_status status = walk(p, steps, &done, &diverged);
    cool_down(p, &r);
    network->optimizer.lr = lr;
    AS_TRY(status);
    out->steps = done;
    if (diverged) {
        out->last = (double)NAN;
        return AS_OK;
    }
    return as_point_loss(network, &p->run.train.data, ROWS, &out->last);
}

/* What one step of the run changes, as a fraction of the way to the minimum along it. */
static as_status measure_fraction(as_patient *p, bool now, double *out)
{
    as_network *network = network_of(p);
    const int64_t n = network->model.nparams;
    double *before = malloc((size_t)(n + 1) * sizeof *before);
    bool diverged = false;
    int64_t done;
    AS_TRY(as_world_agree(p->options->world,
                          before == NULL ? as_error_set(AS_NOMEM, "out of memory for %lld parameters", (long long)n)
                                         : AS_OK));
    as_status status = as_patient_restore(p, now);
    network->setup.kernels->to_double(n, network->params, before);
    if (status == AS_OK) {
        replay r;
        warm_up(p, p->c.cold ? 1 : p->c.lr_now / network->optimizer.lr, 1, &r);
        status = walk(p, 1, &done, &diverged);
        cool_down(p, &r);
    }
    if (status == AS_OK && !diverged) {
        status = as_point_fraction(network, &p->run.train.data, ROWS, before, out);
    }
    free(before);
    return status;
}

static void scale_penalties(as_network *network, double factor)
{
    network->model.l1 *= factor;
    network->model.l2 *= factor;
    for (int t = 0; t < network->ntensors; t++) {
        network->tensor[t].weight_decay *= factor;
    }
}

/* From the newest state, as it is, with a 1024th of the penalties: a power of two, so that the way back is exact. */
static as_status run_unpenalised(as_patient *p, int64_t steps, as_short *out)
{
    const double less = 0x1p-10;
    scale_penalties(network_of(p), less);
    const as_status status = run_short(p, true, 1, steps, out);
    scale_penalties(network_of(p), 1 / less);
    return status;
}

static as_status judge_rows(as_patient *p, double *out)
{
    as_fit judged = {0};
    const as_status status = as_fit_measure(network_of(p), &as_patient_judged(p)->data, FIT_ROWS, &judged);
    *out = judged.loss;
    as_fit_free(&judged);
    return status;
}

/* Takes the rates of dropout out of a network, or puts them back. rate: (layers). */
static void set_dropout(as_network *network, bool out, double *rate)
{
    const as_model *model = &network->model;
    for (int l = 0; l < model->nlayers; l++) {
        const as_layer *layer = &model->layer[l];
        double *at = layer->ops->chance != NULL ? layer->ops->chance(layer) : NULL;
        if (at != NULL) {
            rate[l] = out ? *at : rate[l];
            *at = out ? 0 : rate[l];
        }
    }
}

/* From the start as it is, or without data.augment or dropout: losses of rows that are judged by. */
static as_status run_rows(as_patient *p, bool augments, bool drops, int64_t steps, as_short *out)
{
    as_network *network = network_of(p);
    as_dataset *data = &p->run.train.data;
    const as_augment *augment = data->augment;
    const int mixing = network->mixing;
    bool diverged = false;
    double *rate = calloc((size_t)network->model.nlayers + 1, sizeof *rate);
    *out = (as_short){.factor = 1, .last = (double)NAN};
    as_status status = as_world_agree(
        p->options->world,
        rate == NULL ? as_error_set(AS_NOMEM, "out of memory for %d layers", network->model.nlayers) : AS_OK);
    if (status == AS_OK) {
        status = as_patient_restore(p, false);
    }
    if (status == AS_OK) {
        status = judge_rows(p, &out->first);
    }
    if (status == AS_OK) {
        data->augment = augments ? augment : NULL;
        network->mixing = augments ? mixing : -1;
        if (!drops) {
            set_dropout(network, true, rate);
        }
        status = walk(p, steps, &out->steps, &diverged);
        if (!drops) {
            set_dropout(network, false, rate);
        }
        data->augment = augment;
        network->mixing = mixing;
    }
    free(rate);
    if (status == AS_OK && !diverged) {
        network_use_own(network);
        status = judge_rows(p, &out->last);
    }
    return status;
}

static bool drops_units(as_patient *p)
{
    bool drops = false;
    for (int l = 0; l < network_of(p)->model.nlayers; l++) {
        drops |= as_layer_draws(&network_of(p)->model.layer[l]);
    }
    return drops;
}

/* Without the changes as many steps as the run has, where it has few; with them up to four times as many, so that a run
   that was only short comes down. */
static as_status try_rows(as_patient *p)
{
    as_case *c = &p->c;
    const int64_t most = MOST * STEPS, all = c->trained ? c->final_step : c->steps;
    const int64_t longer = steps_of(p, most < LONGER * all ? most : LONGER * all), steps = longer < all ? longer : all;
    const bool drops = c->trained && drops_units(p);
    if (steps < 1 || !(c->augments || drops)) {
        return AS_OK;
    }
    AS_TRY(run_rows(p, true, true, longer, &c->changed));
    if (drops) {
        AS_TRY(run_rows(p, true, false, steps, &c->undropped));
    }
    return c->augments ? run_rows(p, false, true, steps, &c->unchanged) : AS_OK;
}

/* The whole training once more with this penalty, where it costs little. */
static as_status run_restrained(as_patient *p, double l2, as_fit *out)
{
    as_network *network = network_of(p);
    const double kept = network->model.l2;
    bool diverged = false;
    int64_t done = 0;
    AS_TRY(as_patient_restore(p, false));
    network->model.l2 = l2;
    as_status status = walk(p, p->c.final_step, &done, &diverged);
    network->model.l2 = kept;
    if (status == AS_OK && !diverged) {
        status = network_use_judged(network);
    }
    return status == AS_OK && !diverged ? as_fit_measure(network, &as_patient_judged(p)->data, FIT_ROWS, out) : status;
}

/* Whether rows held out lose less where weights are held smaller: of two penalties the better. */
static as_status try_penalties(as_patient *p)
{
    static const double more[] = {1, 10};
    as_case *c = &p->c;
    const double least = c->l2 > 0 ? 10 * c->l2 : 3e-3;
    const bool shares = c->classifies || c->regresses; /* losses whose least is 0 */
    if (c->held_out.rows < 2 || !shares || !(c->now.loss < AS_GAP * c->held_out.loss) || c->final_step > AGAIN_MOST ||
        steps_of(p, c->final_step) < c->final_step) {
        return AS_OK;
    }
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        as_fit fit = {0};
        const as_status status = run_restrained(p, least * more[i], &fit);
        const bool better =
            status == AS_OK && fit.rows > 0 && (c->restrained.rows == 0 || fit.loss < c->restrained.loss);
        if (better) {
            as_fit_free(&c->restrained);
            c->restrained = fit;
            c->restraint = least * more[i];
        } else {
            as_fit_free(&fit);
        }
        AS_TRY(status);
    }
    return AS_OK;
}

static bool falls(const as_short *s)
{
    return s->steps > 0 && s->last < s->first;
}

as_status as_patient_try_rates(as_patient *p)
{
    as_case *c = &p->c;
    const int64_t warmup = network_of(p)->schedule.warmup;
    const int64_t wanted = STEPS + (warmup < WARMUP_MOST ? warmup : WARMUP_MOST);
    const int64_t steps = steps_of(p, wanted < c->steps || !c->trained ? wanted : c->steps);
    const double learnt = as_case_learnt(c);
    if (steps == 0 || !c->start.finite || c->start.gradient == 0) {
        return AS_OK;
    }
    const bool slow = c->point.finite && as_case_stands(c);
    const bool crept = c->start.loss - c->point.loss > AS_CREPT * c->start.loss;
    AS_TRY(run_short(p, false, 1, steps, &c->as_is));
    const bool bad =
        !falls(&c->as_is) || !(c->as_is.last < 0.9 * c->chance) || c->diverged || (c->trained && !(learnt > 0.5));
    if (bad && !c->trained && isfinite(c->as_is.last)) {
        AS_TRY(run_short(p, false, 1, LONGER * steps < c->steps ? LONGER * steps : c->steps, &c->longer));
    }
    for (int i = 0; i < AS_SLOWER && bad; i++) {
        AS_TRY(run_short(p, false, i == 0 ? 0.1 : c->slower[i - 1].factor * 0.1, steps, &c->slower[i]));
    }
    for (int i = 0; i < AS_FASTER && c->trained && !c->diverged && slow; i++) {
        AS_TRY(run_short(p, false, i == 0 ? 10 : 10 * c->faster[i - 1].factor, steps, &c->faster[i]));
        const as_short *s = &c->faster[i];
        if (!(s->last > 0.9 * s->first) && !(crept && s->last > AS_FURTHER * c->point.loss)) {
            break; /* it moves, and clearly further than a run that crept; or diverges */
        }
    }
    if (c->trained ? as_case_held_back(c) : bad) {
        AS_TRY(try_rows(p));
    }
    if (!c->trained || !p->saved || !c->point.finite) {
        return measure_fraction(p, false, &c->start.fraction);
    }
    AS_TRY(run_short(p, true, 1, steps, &c->decayed[0]));
    AS_TRY(run_short(p, true, 0.1, steps, &c->decayed[1]));
    if (as_case_penalty(c) > 0 && as_case_held_back(c)) {
        AS_TRY(run_unpenalised(p, steps, &c->unpenalised));
    }
    AS_TRY(try_penalties(p));
    return measure_fraction(p, true, &c->point.fraction);
}

/* ---- the change that is proposed ---- */

/* Blank-separated overrides into set, from n on; text is cut. Returns how many there are now. */
static int add_sets(char *text, int n, const char **set)
{
    for (char *s = strtok(text, " "); s != NULL && n < SETS_MAX; s = strtok(NULL, " ")) {
        set[n++] = s;
    }
    return n;
}

static as_status step_both(as_patient *p, int side, int64_t steps, as_trial *out)
{
    as_fit before = {0}, after = {0};
    bool diverged = false;
    as_network *network = network_of(p);
    AS_TRY(as_patient_restore(p, p->saved));
    AS_TRY(as_fit_measure(network, &p->run.train.data, ROWS, &before));
    out->first[side] = before.loss;
    as_fit_free(&before);
    replay r;
    warm_up(p, 0, steps, &r);
    const as_status status = walk(p, steps, &out->steps[side], &diverged);
    cool_down(p, &r);
    AS_TRY(status);
    out->last[side] = (double)NAN;
    if (!diverged) {
        AS_TRY(as_fit_measure(network, &p->run.train.data, ROWS, &after));
        out->last[side] = after.loss;
        as_fit_free(&after);
    }
    return AS_OK;
}

/* Opens the run again with the change; what cannot be opened, or not continued, is said. */
static as_status open_changed(as_patient *p, char *text)
{
    const as_diagnose_options *o = p->options;
    const char *set[SETS_MAX];
    int n = 0;
    char path[1200] = "";
    const char *files[1] = {path};
    for (; n < o->nsets && n < SETS_MAX; n++) {
        set[n] = o->set[n];
    }
    n = add_sets(text, n, set);
    if (o->path != NULL) {
        snprintf(path, sizeof path, "%.1000s%s", o->path, p->c.trained ? "/config.yaml" : "");
    }
    as_patient_close(p);
    as_config_destroy(&p->config);
    p->configured = false;
    as_text_clear(&p->config_text);
    AS_TRY(as_world_agree(o->world, as_config_load(o->path != NULL ? 1 : 0, files, n, set, &p->config)));
    p->configured = true;
    AS_TRY(as_world_agree(o->world, as_config_write(&p->config, &p->config_text)));
    return as_patient_open(p);
}

as_status as_patient_try_change(as_patient *p, const as_diagnosis *diagnosis, as_trial *out)
{
    const as_finding *f = as_diagnosis_first(diagnosis);
    char text[AS_ACTION_MAX];
    *out = (as_trial){0};
    if (f == NULL) {
        snprintf(out->why, sizeof out->why, "no change of the configuration is proposed");
        return AS_OK;
    }
    snprintf(out->change, sizeof out->change, "%s", f->action);
    snprintf(text, sizeof text, "%s", f->action);
    if (p->c.network == NULL) {
        snprintf(out->why, sizeof out->why, "no network to step");
        return AS_OK;
    }
    if (strstr(text, "model.loss=") != NULL) {
        snprintf(out->why, sizeof out->why, "losses of two kinds do not compare");
        return AS_OK;
    }
    /* other layers have no state yet, and weights that start anew none at all */
    const bool start = !p->saved || !p->c.point.finite || p->c.diverged || strstr(text, "model.layers") != NULL ||
                       strstr(text, "model.blocks") != NULL || strstr(text, "data.normalize") != NULL;
    p->saved = !start;
    const int64_t steps = steps_of(p, p->options->try_steps);
    if (steps == 0) {
        snprintf(out->why, sizeof out->why, "a step costs too much to try some");
        return AS_OK;
    }
    as_status status = step_both(p, 0, steps, out);
    if (status == AS_OK) {
        status = open_changed(p, text);
    }
    if (status == AS_OK) {
        status = step_both(p, 1, steps, out);
    }
    if (status == AS_CONFIG || status == AS_DATA) {
        snprintf(out->why, sizeof out->why, "%.250s", as_error_message());
        return AS_OK;
    }
    out->done = status == AS_OK;
    return status;
}
