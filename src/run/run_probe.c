/* Instruments in the step loop: what they are made for, when they look, and the line that they leave. */
#include "base/clock.h"
#include "base/error.h"
#include "run/run_state.h"

as_status as_run_probe_open(as_run *run)
{
    const as_config *c = run->config;
    const as_sampler *sampler = run->train.sampler;
    const int64_t capacity = as_sampler_capacity(sampler), lanes = run->lanes.lanes;
    const int64_t batch =
        c->train.batch > 0 && c->train.batch < run->train.data.rows ? c->train.batch : run->train.data.rows;
    const int64_t lane = batch / lanes + 2; /* lanes differ by one at most */
    const as_probe_setup setup = {.options = &c->probe,
                                  .estimator = run->estimator,
                                  .world = run->world,
                                  .team = run->team,
                                  .lanes = &run->lanes,
                                  .data = &run->train.data,
                                  .capacity = lane < capacity ? lane : capacity,
                                  .batch = batch,
                                  .total_steps = run->total_steps,
                                  .seed = (uint64_t)c->seed,
                                  .kept = run->progress.probe,
                                  .precision = run->kernels->precision,
                                  .log = run->log};
    AS_TRY(as_probe_create(&setup, &run->probe));
    if (run->probe == NULL) {
        return AS_OK;
    }
    AS_TRY(as_world_agree(run->world, as_sampler_batch_create(sampler, &run->probe_batch)));
    return as_world_agree(run->world, as_probe_records_read(as_probe_earlier(run->probe), run->history.data));
}

as_status as_run_probe_before(as_run *run)
{
    const as_progress *p = &run->progress;
    run->probed = as_probe_due(run->probe, p->step, p->epoch, p->index);
    if (run->probed == 0) {
        return AS_OK;
    }
    if ((run->probed & AS_PROBE_INSTRUMENTS) != 0) {
        as_watchdog_stamp(run->watchdog, "instruments", p->step);
        as_sampler_fill(run->train.sampler, p->epoch, p->index, &run->train.batch);
    }
    return as_probe_before(run->probe, run->probed, &run->train.batch, p->step);
}

/* What curvature costs, whenever it is measured. */
static void log_curvature(const as_run *run, const as_probe_record *record)
{
    const as_probe_price price = as_probe_costly(run->probe);
    const double seconds = as_clock_seconds() - run->start;
    if (price.last > 0 && seconds > 0) {
        as_log_line(
            run->log, AS_LOG_INFO,
            "curvature at step %lld: %.3g s on %.0f rows; %.3g s in %lld measurement%s so far, %.3g %% of the run",
            (long long)run->progress.step, price.last, record->curvature_rows, price.sum, (long long)price.times,
            price.times > 1 ? "s" : "", 100 * price.sum / seconds);
    }
}

/* What the first few probes cost, beside a step. */
static void log_price(const as_run *run)
{
    const as_progress *p = &run->progress;
    const as_every *every = &run->config->probe.every;
    const double seconds = as_probe_seconds(run->probe), rate = as_run_samples_per_second(run);
    const int64_t n = as_probe_earlier(run->probe)->n;
    if (n != 2 || !(rate > 0)) { /* the first one touches memory for the first time */
        return;
    }
    const double step = (double)run->steady_samples / rate / (double)(run->steps_here - 3);
    const double steps =
        every->steps > 0 ? (double)every->steps : (double)(every->epochs * as_sampler_batches(run->train.sampler));
    as_log_line(run->log, AS_LOG_INFO,
                "instruments at step %lld took %.3g s, a step %.3g s: %.3g %% of the time at every %.0f steps (2 %% at "
                "every %.0f)",
                (long long)p->step, seconds, step, 100 * seconds / (seconds + step * steps), steps,
                49 * seconds / step + 1);
}

as_status as_run_probe_after(as_run *run, const as_step_report *report)
{
    const as_progress *p = &run->progress;
    const as_probe_record *record = NULL;
    as_text line = {0};
    as_probe_observe(run->probe, report);
    if (run->probed == 0) {
        return AS_OK;
    }
    if ((run->probed & AS_PROBE_INSTRUMENTS) != 0) {
        as_watchdog_stamp(run->watchdog, "instruments", p->step);
        as_sampler_fill(run->train.sampler, p->epoch, p->index, &run->probe_batch);
    }
    AS_TRY(as_probe_after(run->probe, run->probed, &run->probe_batch, report, p->step, p->epoch, &record));
    as_json_open(&line, NULL, '{');
    as_probe_record_write(record, &line);
    as_run_add_line(run, &line);
    as_watch_record(&run->watch, record, run->log);
    if ((run->probed & AS_PROBE_INSTRUMENTS) != 0) {
        log_price(run);
        log_curvature(run, record);
    }
    return AS_OK;
}
