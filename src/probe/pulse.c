/* From sums to records. With halves of weights b1 and b2, B = b1 + b2, and their mean gradients g1 and g2,
     S = b1 b2 / B |g1 - g2|^2,  G2 = |g|^2 - S / B,
   which is probe/lanes.h for two lanes: unbiased, and so are means over records. */
#include "probe/pulse.h"

#include <math.h>

#include "probe/noise_scale.h"

enum { CADENCE_LEAST = 10, CADENCE_MOST = 1000000, DENSE = 256, WINDOW = 20, HALVES = 2 };

static const double share = 0.015; /* of the time */

int64_t as_pulse_cadence(double price)
{
    static const int64_t of_ten[] = {1, 2, 5};
    int64_t ten = CADENCE_LEAST, cadence = CADENCE_LEAST;
    for (int i = 0; cadence < CADENCE_MOST && (double)cadence * share < price; i++) {
        ten *= i > 0 && i % 3 == 0 ? 10 : 1;
        cadence = ten * of_ten[i % 3];
    }
    return cadence;
}

int64_t as_pulse_steps(int64_t steps, double price)
{
    return steps < 0 ? 0 : steps > 0 ? steps : as_pulse_cadence(price);
}

bool as_pulse_due(int64_t cadence, int64_t step)
{
    while (step / DENSE >= cadence) {
        cadence *= 2;
    }
    return step % cadence == 0;
}

static void put_norms(const as_pulse_layer *x, as_probe_layer *out)
{
    out->grad_norm = sqrt(x->gradient);
    out->weight_norm = sqrt(x->weight);
    out->update_norm = sqrt(x->change);
    if (x->weight > 0) {
        out->update_ratio = sqrt(x->change) / sqrt(x->weight);
    } else if (x->change > 0) {
        out->update_ratio = (double)INFINITY;
    }
}

static void put_noise(const as_pulse_result *pulse, const as_pulse_layer *x, as_probe_layer *out)
{
    const double all = pulse->left + pulse->right;
    if (pulse->left > 0 && pulse->right > 0) {
        out->noise_trace = pulse->left * pulse->right / all * x->apart;
        out->noise_gradient = x->gradient - out->noise_trace / all;
    }
}

static void put_rows(const as_pulse_layer *x, as_probe_layer *out)
{
    out->units = x->units;
    as_probe_layer_signal(out, x->outputs, (const double[]){x->sum, x->squares}, x->deltas, x->delta_squares);
    if (x->places > 0) {
        out->dead = x->dead / x->units;
    }
    if (x->places > 0 && x->two_sided) {
        out->saturated = x->flat;
    }
}

static void put_total(const as_pulse_result *pulse, const as_pulse_layer *all, const as_probe_records *earlier,
                      as_probe_record *record)
{
    put_norms(all, &record->total);
    put_noise(pulse, all, &record->total);
    const double trace = record->total.noise_trace;
    if (all->gradient == 0) {
        as_probe_record_state(record, "pulse", "the gradient is exactly zero");
    } else if (!(pulse->left > 0 && pulse->right > 0)) {
        as_probe_record_state(record, "pulse", "one lane has all samples: no noise to see");
    } else {
        record->norm_test = sqrt(trace / record->weight / all->gradient);
        as_noise_scale(earlier, WINDOW, record, -1);
        if (isnan(record->total.noise_scale)) {
            as_probe_record_state(record, "pulse", "gradient below its noise (|G|^2 estimated as %.2g): no scale",
                                  record->total.noise_gradient);
        }
    }
}

void as_pulse_record(const as_pulse_result *pulse, const as_model *model, const int *layer,
                     const as_probe_records *earlier, as_probe_record *record)
{
    as_pulse_layer all = {0};
    record->rows = pulse->rows;
    record->lanes = pulse->left > 0 && pulse->right > 0 ? HALVES : 1;
    for (int l = 0; l < record->nlayers; l++) {
        const as_pulse_layer *x = &pulse->layer[layer[l]];
        as_probe_layer *out = &record->layer[l];
        put_rows(x, out);
        if (as_layer_learns(&model->layer[layer[l]])) {
            put_norms(x, out);
            put_noise(pulse, x, out);
            as_noise_scale(earlier, WINDOW, record, l);
            all.gradient += x->gradient;
            all.weight += x->weight;
            all.change += x->change;
            all.apart += x->apart;
        }
    }
    put_total(pulse, &all, earlier, record);
}
