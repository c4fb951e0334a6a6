/* The limits of the rules of the same codes, on what is at hand while training. */
#include "probe/watch.h"

#include <math.h>

enum { DEAD, FLAT, LANES, RATE, SPIKE, FIT, EVALUATIONS = 5, ROWS_ENOUGH = 512 };

static const double share_limit = 0.5, ratio_limit = 1.3, errors_limit = 5, spike_limit = 3, rise_limit = 1.15,
                    fall_limit = 0.8;

/* Whether a code is told for the first time. */
static bool first(as_watch *watch, int code, bool holds)
{
    const bool now = holds && !watch->told[code];
    watch->told[code] = watch->told[code] || holds;
    return now;
}

/* enough: units that are rarely active have had their chance. */
static void watch_layer(as_watch *watch, int64_t step, bool enough, const as_probe_layer *x, const as_log *log)
{
    const bool one_sided = isnan(x->saturated);
    if (first(watch, DEAD, enough && one_sided && x->dead > share_limit)) {
        as_log_line(
            log, AS_LOG_WARN,
            "step %lld: DEAD_RELU: %.0f %% of the units of layer %s give nothing on all rows of the batch (limit "
            "%.0f %%); see: allsum diagnose",
            (long long)step, 100 * x->dead, x->name, 100 * share_limit);
    }
    if (first(watch, FLAT, x->saturated > share_limit)) {
        as_log_line(
            log, AS_LOG_WARN,
            "step %lld: SATURATED: %.0f %% of the outputs of layer %s are where its activation is flat (limit %.0f "
            "%%); see: allsum diagnose",
            (long long)step, 100 * x->saturated, x->name, 100 * share_limit);
    }
}

void as_watch_record(as_watch *watch, const as_probe_record *record, const as_log *log)
{
    const as_probe_layer *all = &record->total;
    const bool asked = isnan(record->rows); /* by instruments, not the pulse alone */
    for (int l = 0; l < record->nlayers; l++) {
        watch_layer(watch, record->step, asked || record->rows >= ROWS_ENOUGH, &record->layer[l], log);
    }
    if (first(watch, LANES, all->lane_ratio > ratio_limit && all->lane_ratio - 1 > errors_limit * all->lane_ratio_se)) {
        as_log_line(
            log, AS_LOG_WARN,
            "step %lld: NONIID_SHARDS: gradients vary %.3g +- %.2g times as much between lanes as inside of them "
            "(limit %.2g); see: allsum diagnose",
            (long long)record->step, all->lane_ratio, all->lane_ratio_se, ratio_limit);
    }
    const bool spikes = asked && record->spike_ratio > spike_limit;
    if (first(watch, RATE, spikes && record->lr_ratio > 1)) {
        as_log_line(
            log, AS_LOG_WARN,
            "step %lld: LR_TOO_HIGH: learning rate %.3g is %.3g times the limit by curvature, and the loss spiked to "
            "%.3g times its mean (limit %.0f); see: allsum diagnose",
            (long long)record->step, record->lr, record->lr_ratio, record->spike_ratio, spike_limit);
    } else if (first(watch, SPIKE, spikes && !watch->told[RATE])) {
        as_log_line(log, AS_LOG_WARN,
                    "step %lld: the loss spiked to %.3g times its running mean (limit %.0f); see: allsum diagnose",
                    (long long)record->step, record->spike_ratio, spike_limit);
    }
}

void as_watch_evaluation(as_watch *watch, int64_t step, double train_loss, double validation_loss, const as_log *log)
{
    if (!isfinite(validation_loss)) {
        return;
    }
    if (watch->evaluations++ == 0 || validation_loss < watch->lowest) {
        watch->lowest = validation_loss;
        watch->train_at_lowest = train_loss;
    }
    const bool over = watch->lowest > 0 && validation_loss > rise_limit * watch->lowest;
    watch->rising = over && train_loss < fall_limit * watch->train_at_lowest ? watch->rising + 1 : 0;
    if (first(watch, FIT, watch->rising >= EVALUATIONS)) {
        as_log_line(
            log, AS_LOG_WARN,
            "step %lld: OVERFIT: validation loss %.4g is %.0f %% over its lowest (limit %.0f %%) for %d evaluations, "
            "while training loss fell; see: allsum diagnose",
            (long long)step, validation_loss, 100 * (validation_loss / watch->lowest - 1), 100 * (rise_limit - 1),
            EVALUATIONS);
    }
}
