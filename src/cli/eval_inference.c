/* Intervals, calibration and conformal sets of an evaluation, as JSON and as tables. */
#include "cli/eval_inference.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "kernels/scalar_math.h"
#include "run/estimates.h"

enum { REPLICATES = 1000, REPLICATES_MOST = 100000 };

/* What a probability of 0 counts as for a temperature: the smallest that float32 has. */
static const double least_probability = 0x1p-149;

/* The options, or their defaults. */
typedef struct request {
    int64_t replicates; /* -1: not given */
    double level, alpha;
    bool calibration, conformal;
} request;

static as_status read_request(const as_context *context, request *out)
{
    *out = (request){.replicates = -1, .level = 0.95, .alpha = 0.1};
    out->calibration = as_option_get(context, "calibration") != NULL;
    out->conformal = as_option_get(context, "conformal") != NULL;
    AS_TRY(as_option_int(context, "bootstrap", 0, REPLICATES_MOST, &out->replicates));
    AS_TRY(as_option_real(context, "level", 0.01, 0.999999, &out->level));
    return as_option_real(context, "conformal", 1e-6, 0.999, &out->alpha);
}

as_status as_eval_inference_check(const as_context *context)
{
    request asked;
    AS_TRY(read_request(context, &asked));
    const bool compare = as_option_get(context, "compare") != NULL;
    if (compare != (context->narguments == 2)) {
        AS_FAIL(AS_USAGE, compare ? "--compare: expected two models, found one: eval --compare A B"
                                  : "eval: two models need --compare");
    }
    if (compare && (asked.calibration || asked.conformal)) {
        AS_FAIL(AS_USAGE, "--compare stands without --calibration and --conformal");
    }
    return AS_OK;
}

/* Replicates where none were asked for: 1000, and on many rows so many that they take seconds, but 200. */
static int64_t replicates_of(const request *asked, const as_outcomes *o)
{
    if (asked->replicates >= 0) {
        return asked->replicates;
    }
    const double cost = (double)(o->rows + 1) * (double)(1 + (o->outputs <= 64 ? o->outputs : 1));
    const double most = 1e9 / cost;
    return most >= REPLICATES ? REPLICATES : most <= 200 ? 200 : (int64_t)(most / 4) * 4;
}

static void tell_estimates(const as_estimate *e, double level, int64_t replicates, as_text *json, as_text *table)
{
    as_json_open(json, "intervals", '{');
    as_json_real(json, "level", level);
    as_json_int(json, "replicates", replicates);
    as_text_add(table, "\n%g %% intervals%31s%11s%11s\n", 100 * level, "value", "from", "to");
    for (int i = 0; i < AS_MEASURES; i++) {
        if (e[i].name == NULL) {
            continue;
        }
        as_json_open(json, e[i].name, '{');
        as_json_real(json, "value", e[i].value);
        if (e[i].method != NULL) {
            as_json_real(json, "low", e[i].low);
            as_json_real(json, "high", e[i].high);
            as_json_real(json, "standard_error", e[i].sd);
            as_json_text(json, "method", e[i].method);
            as_text_add(table, "%-34s %10.5g %10.5g %10.5g  %s\n", e[i].name, e[i].value, e[i].low, e[i].high,
                        e[i].method);
        } else {
            as_text_add(table, "%-34s %10.5g %10s %10s\n", e[i].name, e[i].value, "-", "-");
        }
        as_json_close(json, '}');
    }
    as_json_close(json, '}');
}

static as_status intervals(const request *asked, const as_outcomes *o, uint64_t seed, as_text *json, as_text *table)
{
    as_estimate estimate[AS_MEASURES];
    const int64_t replicates = replicates_of(asked, o);
    AS_TRY(as_estimates_make(o, asked->level, replicates, seed, estimate));
    tell_estimates(estimate, asked->level, replicates, json, table);
    return AS_OK;
}

/* Confidence and correctness of every row; with T, of p^(1/T) normalised. Returns the mean -ln p[label]. */
static double sharpen(const as_outcomes *o, double temperature, double *confidence, double *correct)
{
    double nll = 0, total = 0;
    for (int64_t r = 0; r < o->rows; r++) {
        const double *p = o->said + r * o->outputs;
        double sum = 0;
        int64_t best = 0;
        for (int64_t k = 0; k < o->outputs; k++) {
            best = p[k] > p[best] ? k : best;
        }
        for (int64_t k = 0; k < o->outputs; k++) {
            sum += p[k] > 0 ? as_exp_f64(as_log_f64(p[k] / p[best]) / temperature) : 0;
        }
        const double own = fmax(p[o->label[r]], least_probability);
        confidence[r] = 1 / sum;
        correct[r] = best == o->label[r];
        nll += o->weight[r] * (as_log_f64(sum) - as_log_f64(own / p[best]) / temperature);
        total += o->weight[r];
    }
    return nll / total;
}

static void tell_bins(const as_reliability_bin *bin, as_text *json, as_text *table)
{
    as_json_open(json, "reliability", '[');
    as_text_add(table, "\nreliability: of rows with so much confidence, so many are right\n%16s%12s%12s%12s\n", "bin",
                "rows", "confidence", "accuracy");
    for (int b = 0; b < AS_CALIBRATION_BINS; b++) {
        const double low = (double)b / AS_CALIBRATION_BINS, high = (double)(b + 1) / AS_CALIBRATION_BINS;
        as_json_open(json, NULL, '{');
        as_json_real(json, "above", low);
        as_json_real(json, "to", high);
        as_json_real(json, "weight", bin[b].weight);
        as_json_real(json, "confidence", bin[b].confidence);
        as_json_real(json, "accuracy", bin[b].accuracy);
        as_json_close(json, '}');
        if (bin[b].weight > 0) {
            as_text_add(table, "%7.3f to %5.3f%12g%12.4f%12.4f\n", low, high, bin[b].weight, bin[b].confidence,
                        bin[b].accuracy);
        }
    }
    as_json_close(json, ']');
}

/* The temperature of the validation rows, and what it does to the data. room: (2, rows of o). */
static as_status tell_temperature(const as_outcomes *validation, const as_outcomes *o, double *room, as_text *json,
                                  as_text *table)
{
    const int64_t n = validation->rows, k = validation->outputs;
    double *log_p = malloc((size_t)(n * k + 1) * sizeof *log_p);
    if (log_p == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the temperature of %lld rows", (long long)n);
    }
    for (int64_t i = 0; i < n * k; i++) {
        log_p[i] = as_log_f64(fmax(validation->said[i], least_probability));
    }
    const double t = as_temperature(n, k, log_p, validation->label, validation->weight);
    free(log_p);
    const double before = sharpen(o, 1, room, room + o->rows);
    const double ece_before = as_calibration_error(o->rows, room, room + o->rows, o->weight, NULL);
    const double after = sharpen(o, t, room, room + o->rows);
    const double ece_after = as_calibration_error(o->rows, room, room + o->rows, o->weight, NULL);
    as_json_open(json, "temperature", '{');
    as_json_real(json, "temperature", t);
    as_json_int(json, "validation_rows", n);
    as_json_real(json, "nll_before", before);
    as_json_real(json, "nll_after", after);
    as_json_real(json, "ece_before", ece_before);
    as_json_real(json, "ece_after", ece_after);
    as_json_close(json, '}');
    as_text_add(table, "temperature %.4g, from %lld validation rows (%s): nll %.5g -> %.5g, ece %.5g -> %.5g\n", t,
                (long long)n, t > 1 ? "above 1: the model is too sure" : "below 1: it could be surer", before, after,
                ece_before, ece_after);
    return AS_OK;
}

static as_status calibration(const as_outcomes *validation, const as_outcomes *o, as_text *json, as_text *table)
{
    if (!o->probabilities) {
        AS_FAIL(AS_CONFIG, "--calibration needs probabilities of one label a row, which this model does not give");
    }
    as_reliability_bin bin[AS_CALIBRATION_BINS];
    double *room = malloc((size_t)(2 * o->rows + 1) * sizeof *room);
    if (room == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the calibration of %lld rows", (long long)o->rows);
    }
    sharpen(o, 1, room, room + o->rows);
    as_calibration_error(o->rows, room, room + o->rows, o->weight, bin);
    tell_bins(bin, json, table);
    as_status status = AS_OK;
    if (validation->rows > 0) {
        status = tell_temperature(validation, o, room, json, table);
    } else {
        as_text_add(table, "no temperature: the run held out no validation rows (data.validation)\n");
    }
    free(room);
    return status;
}

static as_status conformal(const request *asked, const as_outcomes *validation, const as_outcomes *o, as_text *json,
                           as_text *table)
{
    as_conformal c;
    AS_TRY(as_outcomes_conformal(validation, o, asked->alpha, asked->level, &c));
    const bool labels = o->target == AS_TARGET_LABELS, infinite = !(c.quantile < HUGE_VAL);
    as_json_open(json, "conformal", '{');
    as_json_real(json, "alpha", c.alpha);
    as_json_int(json, "calibration_rows", c.calibration_rows);
    as_json_bool(json, "finite", !infinite);
    as_json_real(json, "quantile", c.quantile);
    as_json_real(json, "coverage", c.coverage);
    as_json_real(json, "coverage_low", c.low);
    as_json_real(json, "coverage_high", c.high);
    as_json_real(json, labels ? "mean_set_size" : "width", c.size);
    if (labels) {
        as_json_real(json, "single_sets", c.singles);
        as_json_real(json, "empty_sets", c.empty);
    }
    as_json_close(json, '}');
    as_text_add(table, "\nconformal, alpha %g, calibrated on %lld validation rows\n", c.alpha,
                (long long)c.calibration_rows);
    if (infinite) {
        as_text_add(table,
                    "no finite %s: that needs at least %.0f rows of validation. Everything is in each, always.\n",
                    labels ? "sets" : "intervals", ceil(1 / c.alpha) - 1);
        return AS_OK;
    }
    as_text_add(table, "coverage %.4f of %lld rows (%g %% interval %.4f to %.4f), promised at least %.4f on average\n",
                c.coverage, (long long)c.rows, 100 * asked->level, c.low, c.high, 1 - c.alpha);
    if (labels) {
        as_text_add(table,
                    "sets: all classes with probability >= %.4g; mean size %.4g, %.1f %% of one class, %.1f %% "
                    "empty\n",
                    1 - c.quantile, c.size, 100 * c.singles, 100 * c.empty);
    } else {
        as_text_add(table, "intervals: prediction -+ %.5g, width %.5g\n", c.quantile, c.size);
    }
    return AS_OK;
}

/* What rank 0 does with the rows. */
static as_status tell(const request *asked, const as_outcomes *validation, const as_outcomes *o, uint64_t seed,
                      as_text *json, as_text *table)
{
    if (o->rows < 1) {
        AS_FAIL(AS_DATA, "%s: no rows to judge", o->place);
    }
    AS_TRY(intervals(asked, o, seed, json, table));
    if (asked->calibration) {
        AS_TRY(calibration(validation, o, json, table));
    }
    return asked->conformal ? conformal(asked, validation, o, json, table) : AS_OK;
}

as_status as_eval_inference(const as_context *context, const as_model_file *model, as_role role, as_text *json,
                            as_text *table)
{
    request asked;
    AS_TRY(read_request(context, &asked));
    const bool explicit = asked.replicates > 0 || asked.calibration || asked.conformal;
    const bool validates = model->config.data.validation > 0;
    const char *reason = as_outcomes_refuse(model);
    if (reason != NULL && explicit) {
        AS_FAIL(AS_CONFIG, "%s: no intervals: %s", model->path, reason);
    }
    if (reason != NULL || (model->facts.positions > 1 && !explicit)) {
        return AS_OK; /* rows of many labels take a second pass over long sequences: when asked for */
    }
    if (asked.conformal && !validates) {
        AS_FAIL(AS_CONFIG, "%s: --conformal needs rows that training has not seen: train with data.validation > 0",
                model->path);
    }
    if (asked.conformal && role == AS_VALIDATION) {
        AS_FAIL(AS_USAGE, "--conformal is calibrated on the validation rows and judged on others: give --on test");
    }
    as_outcomes outcomes = {.rows = 0}, validation = {.rows = 0};
    as_status status = as_outcomes_collect(model, role, &outcomes);
    if (status == AS_OK && validates && (asked.calibration || asked.conformal)) {
        status = as_outcomes_collect(model, AS_VALIDATION, &validation);
    }
    if (status == AS_OK) {
        const bool first = as_world_rank(model->world) == 0;
        status = first ? tell(&asked, &validation, &outcomes, (uint64_t)model->config.seed, json, table) : AS_OK;
        status = as_world_agree(model->world, status);
    }
    as_outcomes_free(&outcomes);
    as_outcomes_free(&validation);
    return status;
}
