/* The plan of a network, and the parts of what `allsum explain CONFIG` tells. */
#ifndef AS_CLI_EXPLAIN_PLAN_H
#define AS_CLI_EXPLAIN_PLAN_H

#include "base/text.h"
#include "cli/explain.h"
#include "nn/model.h"
#include "run/forecast.h"

typedef struct as_plan {
    const as_config *config;
    as_dataset data; /* described, not read */
    int64_t train_rows, batch, classes, per_epoch, steps;
    int lanes, slots;
    bool parsed;
    as_model model;
    int64_t summed; /* elements that a gradient has: those that train, in blocks */
} as_plan;

/* Bytes of the rank that has the most, and what it sends in a step. */
typedef struct as_plan_cost {
    int ranks;
    int64_t rows;
    double weights, gradient, state, work, data, sent, least;
} as_plan_cost;

/* Not collective. Errors: of the configuration and the data. Destroy also after an error. */
as_status as_plan_make(const as_config *config, as_plan *out);
void as_plan_destroy(as_plan *plan);
as_status as_plan_rank(const as_plan *plan, int ranks, as_plan_cost *out);
/* Not collective. Members name to data. */
void as_plan_write_data(const as_plan *plan, as_text *json);

/* Not collective. The forecast, printed or as the members `time` and, of a run that has ended, `outcome`. *measured:
   whether there is one; where made-up rows do not do for the model, why is said. Errors: NOMEM. */
as_status as_explain_time(const as_explain_options *options, const as_plan *plan, as_text *json, as_machine *machine,
                          bool *measured);

/* Not collective. The critical batch, printed or as member `noise`; machine NULL: without times. Errors: those of
   as_run_train. */
as_status as_explain_noise(const as_explain_options *options, const as_plan *plan, const as_machine *machine,
                           as_text *json);

/* Not collective. The plan of a statistical model. Errors: of the configuration and the data. */
as_status as_explain_statistic(const as_config *config, const as_explain_options *options, as_text *json);

/* Not collective. What the forecast says of the plan for `batch` samples a step. */
as_forecast_model as_plan_forecast(const as_plan *plan, int64_t batch);

/* Not collective. Seconds of a step on so many nodes, in the fastest of their layouts; infinite where there are too few
   lanes. */
double as_plan_fastest(const as_machine *machine, const as_network_assumption *network, const as_forecast_model *model,
                       int nodes);

/* "1.5 MiB"; "2.05M". Return text. */
char *as_bytes_text(double bytes, char text[32]);
char *as_count_text(double count, char text[32]);

#endif
