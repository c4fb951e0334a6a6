/* Lasso: least squares with an l1 penalty: see elastic.c. */
#include "estimator/elastic.h"

static const as_field fields[] = {AS_ELASTIC_FIELDS, AS_FIELDS_END};

/* The keys, with all of the penalty on absolute values. */
static as_elastic_options whole(const as_statistic *s)
{
    as_elastic_options o = *(const as_elastic_options *)s->options;
    o.l1_ratio = 1;
    return o;
}

static as_status plan(as_statistic *s)
{
    const as_elastic_options o = whole(s);
    return as_elastic_plan(s, &o);
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    const as_elastic_options o = whole(s);
    return as_elastic_finish(s, &o, sum, report);
}

static void describe(const as_statistic *s, bool json, as_text *out)
{
    const as_elastic_options o = whole(s);
    as_elastic_describe(s, &o, json, out);
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

const as_estimator_ops as_estimator_lasso = {
    .name = "lasso",
    .help = "Lasso for one penalty or a path of them, by coordinate descent on the Gram matrix; one pass",
    .formula = "min_b sum_i w_i (y_i - b_0 - x_i'b)^2 / (2 W) + alpha |b|_1,  W = sum_i w_i",
    .fields = fields,
    .options_bytes = sizeof(as_elastic_options),
    .statistic = &statistic,
    AS_STATISTIC_METHODS,
};
