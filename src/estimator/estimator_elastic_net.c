/* Elastic net: least squares with penalties on absolute values and on squares: see elastic.c. */
#include "estimator/elastic.h"

static const as_field fields[] = {{.name = "l1_ratio",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(as_elastic_options, l1_ratio),
                                   .standard = "0.5",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Share of the penalty on absolute values; the rest is on halved squares."},
                                  AS_ELASTIC_FIELDS,
                                  AS_FIELDS_END};

static as_status plan(as_statistic *s)
{
    return as_elastic_plan(s, s->options);
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    return as_elastic_finish(s, s->options, sum, report);
}

static void describe(const as_statistic *s, bool json, as_text *out)
{
    as_elastic_describe(s, s->options, json, out);
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_REALS,
    .model_bytes = sizeof(as_elastic),
    .loss = "mse",
    .plan = plan,
    .rows = as_elastic_rows,
    .merge = as_elastic_merge,
    .finish = finish,
    .predict = as_linear_predict,
    .form = as_linear_form_of,
    .release = as_linear_release,
    .describe = describe,
};

const as_estimator_ops as_estimator_elastic_net = {
    .name = "elastic_net",
    .help = "Elastic net for one penalty or a path of them, by coordinate descent on the Gram matrix; one pass",
    .formula = "min_b sum_i w_i (y_i - b_0 - x_i'b)^2 / (2 W) + alpha (r |b|_1 + (1 - r) |b|^2 / 2),  W = sum_i w_i",
    .fields = fields,
    .options_bytes = sizeof(as_elastic_options),
    .statistic = &statistic,
    AS_STATISTIC_METHODS,
};
