/* The course of a training. Units are dead where they are so in each of the last records: a unit that is silent on one
   batch may speak on the next. The noise scale is the ratio of means over the later half of the records, its error from
   the scatter of S - scale * G2. */
#include "probe/course.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "probe/noise_scale.h"

enum { LAST = 8, ROWS_ENOUGH = 1024, RECORDS_TOLD = 4 };

static const double much = 0.5; /* a share that is dated */

static const as_probe_record *last_of(const as_probe_records *r)
{
    return &r->record[r->n - 1];
}

/* Of the records from `from` on that were taken from as many parts as the last one. */
static void find_noise(const as_probe_records *r, int64_t from, as_course *out)
{
    as_noise_sums w = as_noise_sums_of(r, from, last_of(r)->lanes, -1, 0);
    out->scale = w.n > 0 ? (w.g > 0 ? w.s / w.g : (double)INFINITY) : (double)NAN;
    out->trace = w.n > 0 ? w.s / w.n : (double)NAN;
    out->square = w.n > 0 ? w.g / w.n : (double)NAN;
    out->scale_se = (double)NAN;
    if (w.n >= AS_NOISE_ERRORS_FROM && w.g > 0) {
        w = as_noise_sums_of(r, from, last_of(r)->lanes, -1, out->scale);
        out->scale_se = as_noise_scale_error(&w);
    }
}

static void put(as_course_layer *out, const as_probe_layer *x, double value, int64_t step)
{
    *out = (as_course_layer){.value = value, .step = step};
    snprintf(out->name, sizeof out->name, "%s", x->name);
}

static double share_of(const as_probe_record *x, int l, bool dead)
{
    return l >= x->nlayers ? (double)NAN : dead ? x->layer[l].dead : x->layer[l].saturated;
}

/* The least of a share over the last records; instruments and large batches alone show enough rows. */
static double lasting(const as_probe_records *r, int l, bool dead)
{
    double least = (double)NAN;
    for (int64_t i = r->n > LAST ? r->n - LAST : 0; i < r->n; i++) {
        const as_probe_record *x = &r->record[i];
        const double share = share_of(x, l, dead);
        if (!isnan(share)) {
            least = share < least || isnan(least) ? share : least;
        }
    }
    return least;
}

/* Rows that all of the last records have seen together. */
static double rows_seen(const as_probe_records *r)
{
    double rows = 0;
    for (int64_t i = r->n > LAST ? r->n - LAST : 0; i < r->n; i++) {
        rows += isnan(r->record[i].rows) ? r->record[i].samples : r->record[i].rows;
    }
    return rows;
}

/* The step of the record from which on a share has been over a half. */
static int64_t since(const as_probe_records *r, int l, bool dead)
{
    int64_t step = 0;
    for (int64_t i = r->n; i > 0; i--) {
        const as_probe_record *x = &r->record[i - 1];
        const double share = share_of(x, l, dead);
        if (share <= much) {
            return step;
        }
        step = share > much ? x->step : step;
    }
    return step;
}

static void find_units(const as_probe_records *r, as_course *out)
{
    const as_probe_record *last = last_of(r);
    const bool enough = rows_seen(r) >= ROWS_ENOUGH;
    for (int l = 0; l < last->nlayers; l++) {
        const double dead = enough && isnan(last->layer[l].saturated) ? lasting(r, l, true) : (double)NAN;
        const double flat = lasting(r, l, false);
        if (dead > out->dead.value || (isnan(out->dead.value) && !isnan(dead))) {
            put(&out->dead, &last->layer[l], dead, since(r, l, true));
        }
        if (flat > out->saturated.value || (isnan(out->saturated.value) && !isnan(flat))) {
            put(&out->saturated, &last->layer[l], flat, since(r, l, false));
        }
    }
}

static void find_updates(const as_probe_record *last, as_course *out)
{
    for (int l = 0; l < last->nlayers; l++) {
        const double ratio = last->layer[l].update_ratio;
        if (ratio < out->slow.value || (isnan(out->slow.value) && isfinite(ratio))) {
            put(&out->slow, &last->layer[l], ratio, last->step);
        }
        if (ratio > out->fast.value || (isnan(out->fast.value) && isfinite(ratio))) {
            put(&out->fast, &last->layer[l], ratio, last->step);
        }
    }
}

/* Of a record: delta of the first layer that trains over that of the last. */
static double backward_of(const as_probe_record *x)
{
    int low = -1, high = -1;
    for (int l = 0; l < x->nlayers; l++) {
        if (isfinite(x->layer[l].delta_rms) && x->layer[l].weight_norm > 0) {
            low = low < 0 ? l : low;
            high = l;
        }
    }
    return low < high && x->layer[high].delta_rms > 0 ? x->layer[low].delta_rms / x->layer[high].delta_rms
                                                      : (double)NAN;
}

void as_course_make(const as_probe_records *r, as_course *out)
{
    const as_course_layer none = {.value = (double)NAN};
    *out = (as_course){.records = r->n,
                       .gradient = {(double)NAN, (double)NAN},
                       .slow = none,
                       .fast = none,
                       .dead = none,
                       .saturated = none,
                       .backward_min = (double)NAN,
                       .spike_ratio = (double)NAN};
    if (r->n == 0) {
        return;
    }
    const as_probe_record *last = last_of(r);
    out->first = r->record[0].step;
    out->last = last->step;
    out->batch = last->weight;
    out->gradient[0] = r->record[0].total.grad_norm;
    out->gradient[1] = last->total.grad_norm;
    out->backward = backward_of(last);
    for (int64_t i = 0; i < r->n; i++) {
        const as_probe_record *x = &r->record[i];
        const double backward = backward_of(x);
        out->backward_min = backward < out->backward_min || isnan(out->backward_min) ? backward : out->backward_min;
        out->spikes += isfinite(x->spikes) ? x->spikes : 0;
        if (x->spike_ratio > out->spike_ratio || (isnan(out->spike_ratio) && isfinite(x->spike_ratio))) {
            out->spike_ratio = x->spike_ratio;
            out->spike_step = x->step;
        }
    }
    find_noise(r, r->n / 2, out);
    find_units(r, out);
    find_updates(last, out);
}

as_status as_course_point(const as_probe_records *r, const as_course *course, double loss, bool start, as_point *out)
{
    if (r->n == 0 || out->measured || !isfinite(loss)) {
        return AS_OK;
    }
    const as_probe_record *from = start ? &r->record[0] : last_of(r);
    as_point_free(out);
    *out = (as_point){.lambda_max = (double)NAN,
                      .lambda_min = (double)NAN,
                      .walk = (double)NAN,
                      .fraction = (double)NAN,
                      .weight_norm = from->total.weight_norm};
    AS_TRY(as_probe_record_make(from->nlayers, &out->record));
    out->symmetric = calloc((size_t)from->nlayers + 1, sizeof *out->symmetric);
    if (out->symmetric == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the units of %d layers", from->nlayers);
    }
    for (int l = 0; l < from->nlayers; l++) {
        out->record.layer[l] = from->layer[l];
        out->symmetric[l] = (double)NAN;
        const bool enough = start ? !(from->rows < ROWS_ENOUGH) : rows_seen(r) >= ROWS_ENOUGH;
        out->record.layer[l].dead = !enough ? (double)NAN : start ? from->layer[l].dead : lasting(r, l, true);
    }
    out->layer = out->record.layer;
    out->nlayers = from->nlayers;
    out->measured = true;
    out->finite = isfinite(from->total.grad_norm);
    out->rows = from->weight;
    out->loss = loss;
    out->trace = start ? from->total.noise_trace : course->trace;
    const double square = start ? from->total.noise_gradient : course->square;
    out->gradient = square + out->trace / out->rows; /* of the mean over so many, noise included */
    snprintf(out->why, sizeof out->why, "from the record of step %lld alone", (long long)from->step);
    return AS_OK;
}

/* ---- words ---- */

static void print_units(const as_course_layer *x, const char *what, as_text *out)
{
    if (isnan(x->value)) {
        return;
    }
    as_text_add(out, "%s at most %.0f %%", what, 100 * x->value);
    if (x->value > 0) {
        as_text_add(out, " (%.40s", x->name);
        as_text_add(out, x->value > much ? ", over a half since step %lld)" : ")", (long long)x->step);
    }
}

static void print_noise(const as_course *c, as_text *out)
{
    if (isnan(c->scale)) {
        as_text_add(out, "  noise      not seen: one lane has all samples\n");
    } else if (isinf(c->scale)) {
        as_text_add(out, "  noise      hides the gradient: |G|^2 is estimated as %.2g at batch %.4g\n", c->square,
                    c->batch);
    } else if (isnan(c->scale_se)) {
        as_text_add(out, "  noise      scale about %.3g, from few records; batch %.4g\n", c->scale, c->batch);
    } else {
        as_text_add(out, "  noise      scale %.3g +- %.2g over the later half; batch %.4g is %.2g of it\n", c->scale,
                    c->scale_se, c->batch, c->batch / c->scale);
    }
}

void as_course_print(const as_course *c, as_text *out)
{
    if (c->records < RECORDS_TOLD) {
        return;
    }
    as_text_add(out, "while it trained, from %lld records of steps %lld to %lld:\n", (long long)c->records,
                (long long)c->first, (long long)c->last);
    as_text_add(out, "  gradient   |g| %.3g at first, %.3g at last", c->gradient[0], c->gradient[1]);
    if (!isnan(c->backward)) {
        as_text_add(out, "; reaches the first layer at %.2g of the last (least %.2g)", c->backward, c->backward_min);
    }
    as_text_add(out, "\n");
    print_noise(c, out);
    if (!isnan(c->slow.value)) {
        as_text_add(out, "  updates    %.2g of the weights (%.30s) to %.2g (%.30s)\n", c->slow.value, c->slow.name,
                    c->fast.value, c->fast.name);
    }
    if (!isnan(c->dead.value) || !isnan(c->saturated.value)) {
        as_text_add(out, "  units      ");
        print_units(&c->dead, "dead", out);
        as_text_add(out, !isnan(c->dead.value) && !isnan(c->saturated.value) ? "; " : "");
        print_units(&c->saturated, "saturated", out);
        as_text_add(out, "\n");
    }
    if (c->spike_ratio > 0) {
        as_text_add(out, "  loss       %.0f step%s over 3 times the running mean; at most %.3g times, by step %lld\n",
                    c->spikes, c->spikes == 1 ? "" : "s", c->spike_ratio, (long long)c->spike_step);
    }
}

static void number(const char *key, double value, as_text *out)
{
    if (!isnan(value)) {
        as_json_real(out, key, value);
    }
}

static void layer(const char *key, const as_course_layer *x, as_text *out)
{
    if (!isnan(x->value)) {
        as_json_open(out, key, '{');
        as_json_text(out, "layer", x->name);
        as_json_real(out, "value", x->value);
        as_json_int(out, "step", x->step);
        as_json_close(out, '}');
    }
}

void as_course_json(const as_course *c, as_text *out)
{
    if (c->records == 0) {
        return;
    }
    as_json_open(out, "during", '{');
    as_json_int(out, "records", c->records);
    as_json_int(out, "first_step", c->first);
    as_json_int(out, "last_step", c->last);
    number("batch", c->batch, out);
    number("grad_norm_first", c->gradient[0], out);
    number("grad_norm_last", c->gradient[1], out);
    number("backward_ratio", c->backward, out);
    number("backward_ratio_least", c->backward_min, out);
    number("noise_scale", c->scale, out);
    number("noise_scale_se", c->scale_se, out);
    layer("update_ratio_least", &c->slow, out);
    layer("update_ratio_largest", &c->fast, out);
    layer("dead", &c->dead, out);
    layer("saturated", &c->saturated, out);
    as_json_real(out, "spikes", c->spikes);
    number("spike_ratio", c->spike_ratio, out);
    as_json_close(out, '}');
}
