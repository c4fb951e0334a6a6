/* allsum probe RUN|CHECKPOINT: curvature, noise, spectra and landscapes of a network at a checkpoint. */
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/model_verb.h"
#include "probe/report.h"

enum { ROWS = 2048, PRODUCTS = 30, PROBES = 10, POINTS = 21, BATCHES = 8 };

static as_status choose_parts(const as_context *context, unsigned *what)
{
    const char *list = as_option_get(context, "what");
    *what = AS_REPORT_CURVATURE | AS_REPORT_NOISE | AS_REPORT_SADDLE | AS_REPORT_WEIGHTS;
    if (as_option_get(context, "to") != NULL) {
        *what |= AS_REPORT_LINE;
    }
    if (list == NULL) {
        return AS_OK;
    }
    *what = 0;
    while (*list != '\0') {
        char word[32] = "";
        const size_t n = strcspn(list, ",");
        memcpy(word, list, n < sizeof word ? n : sizeof word - 1);
        int k = 0;
        while (as_report_names[k] != NULL && strcmp(as_report_names[k], word) != 0) {
            k++;
        }
        if (k == AS_REPORT_KINDS && strcmp(word, "all") != 0) {
            const char *near = as_nearest_name(word, as_report_names);
            AS_FAIL(AS_USAGE,
                    "--what: unknown part '%s'%s%s%s; there are curvature, trace, spectrum, noise, saddle, batches, "
                    "weights, line and all",
                    word, near != NULL ? " (did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?)" : "");
        }
        *what |= k < AS_REPORT_KINDS ? 1u << k : (1u << AS_REPORT_KINDS) - 1 - AS_REPORT_LINE;
        list += n + (list[n] == ',');
    }
    return AS_OK;
}

static as_status read_options(const as_context *context, as_report_options *o)
{
    int64_t points = POINTS;
    *o = (as_report_options){.rows = ROWS, .products = PRODUCTS, .probes = PROBES, .batches = BATCHES};
    AS_TRY(choose_parts(context, &o->what));
    AS_TRY(as_option_int(context, "rows", 0, INT64_C(1) << 40, &o->rows));
    AS_TRY(as_option_int(context, "products", 1, 10000, &o->products));
    AS_TRY(as_option_int(context, "probes", 1, 10000, &o->probes));
    AS_TRY(as_option_int(context, "points", 2, 1000, &points));
    o->points = (int)points;
    o->json = as_option_get(context, "json") != NULL;
    if ((o->what & AS_REPORT_LINE) != 0 && as_option_get(context, "to") == NULL) {
        AS_FAIL(AS_USAGE, "--what line: give the second checkpoint by --to FILE");
    }
    if (as_option_get(context, "beside") != NULL && as_option_get(context, "to") == NULL) {
        AS_FAIL(AS_USAGE, "--beside: give the second checkpoint by --to FILE as well");
    }
    return AS_OK;
}

/* Collective. Parameters of another checkpoint of the same network, into memory that the caller frees. */
static as_status read_point(const as_context *context, const as_model_file *model, const char *option, double **out)
{
    const char *path = as_option_get(context, option);
    as_model_file other;
    int n[2] = {0, 0};
    as_state_item *item[2];
    if (path == NULL) {
        return AS_OK;
    }
    as_status status = as_model_file_open(model->world, as_team_size(model->team), model->kernels->set, path, 0, NULL,
                                          &context->log, &other);
    if (status == AS_OK) {
        status = model->estimator->ops->state(model->estimator, &n[0], &item[0]);
    }
    if (status == AS_OK) {
        status = other.estimator->ops->state(other.estimator, &n[1], &item[1]);
    }
    for (int i = 0; i < n[0] && status == AS_OK && strncmp(item[0][i].name, "/params/", 8) == 0; i++) {
        const as_state_item *a = &item[0][i], *b = i < n[1] ? &item[1][i] : NULL;
        if (b == NULL || strcmp(a->name, b->name) != 0 || as_shape_size(&a->shape) != as_shape_size(&b->shape)) {
            status = as_error_set(AS_DATA, "%s: another network than %s: %s is missing or of another shape", path,
                                  model->path, a->name);
        }
    }
    as_gradients *gradients = NULL;
    const as_gradients_options options = {.precision = AS_FLOAT64, .lane_rows = 1};
    if (status == AS_OK) {
        status = as_gradients_create(other.estimator, &options, &gradients);
    }
    if (status == AS_OK) {
        *out = calloc((size_t)as_gradients_model(gradients)->nparams + 1, sizeof **out);
        status =
            as_world_agree(model->world, *out == NULL ? as_error_set(AS_NOMEM, "out of memory for %s", path) : AS_OK);
    }
    if (status == AS_OK) {
        as_gradients_params(gradients, *out);
    }
    as_gradients_destroy(&gradients);
    as_model_file_close(&other);
    return status;
}

/* Rate of the next step, by the schedule as it would be in training. */
static double next_rate(const as_model_file *model, const as_dataset *data, const as_gradients *gradients)
{
    const as_train_options *t = &model->config.train;
    const int64_t batch = t->batch > 0 && t->batch < data->rows ? t->batch : data->rows;
    const int64_t batches = batch > 0 ? (data->rows + batch - 1) / batch : 1;
    const int64_t total = t->steps > 0 ? t->steps : t->epochs * batches;
    const int64_t step = model->progress.step < total ? model->progress.step : total - 1;
    return as_gradients_rate(gradients, step, total, batches);
}

static as_status find_rate(const as_model_file *model, const as_dataset *data, double *lr)
{
    const as_gradients_options options = {.precision = AS_FLOAT64, .lane_rows = 1};
    as_gradients *gradients = NULL;
    AS_TRY(as_gradients_create(model->estimator, &options, &gradients));
    *lr = next_rate(model, data, gradients);
    as_gradients_destroy(&gradients);
    return AS_OK;
}

static as_status report(const as_context *context, const as_model_file *model, const as_dataset *data,
                        as_report_options *o, as_text *out)
{
    const as_probe_setup setup = {.estimator = model->estimator,
                                  .world = model->world,
                                  .team = model->team,
                                  .lanes = &model->lanes,
                                  .data = data,
                                  .seed = (uint64_t)model->config.seed,
                                  .precision = model->kernels->precision,
                                  .log = &context->log};
    AS_TRY(find_rate(model, data, &o->lr));
    o->step = model->progress.step;
    o->batch = model->config.train.batch;
    o->eps = model->kernels->precision == AS_FLOAT64 ? DBL_EPSILON : (double)FLT_EPSILON;
    if (o->json) {
        as_json_open(out, NULL, '{');
        as_json_text(out, "model", model->path);
        as_json_int(out, "step", model->progress.step);
    } else {
        as_text_add(out, "model %s (step %lld)\n", model->path, (long long)model->progress.step);
    }
    AS_TRY(as_report_make(&setup, o, out));
    if (o->json) {
        as_json_close(out, '}');
        as_text_add(out, "\n");
    }
    return out->failed ? as_error_set(AS_NOMEM, "out of memory for a report") : AS_OK;
}

static as_status probe(const as_context *context, const as_model_file *model)
{
    as_report_options o;
    as_dataset data = {0};
    as_sampler *sampler = NULL;
    as_batch batch = {0};
    as_text out = {0};
    double *to = NULL, *beside = NULL;
    AS_TRY(read_options(context, &o));
    const double t0 = as_clock_seconds();
    as_status status = as_model_file_data(model, AS_TRAIN, NULL, &data, &sampler, &batch);
    if (status == AS_OK) {
        status = read_point(context, model, "to", &to);
    }
    if (status == AS_OK) {
        status = read_point(context, model, "beside", &beside);
    }
    o.to = to;
    o.beside = beside;
    if (status == AS_OK) {
        status = report(context, model, &data, &o, &out);
    }
    if (status == AS_OK && as_world_rank(model->world) == 0) {
        fputs(out.data, stdout);
        as_log_line(&context->log, AS_LOG_INFO, "probe: %.2f s", as_clock_seconds() - t0);
    }
    free(to);
    free(beside);
    as_text_free(&out);
    as_sampler_batch_destroy(&batch);
    as_sampler_destroy(&sampler);
    as_dataset_close(&data);
    return status;
}

static as_status run(as_context *context)
{
    return as_model_verb(context, context->argument[0], probe);
}

static const as_option options[] = {
    {.name = "what",
     .value = "PARTS",
     .help = "curvature, trace, spectrum, noise, saddle, batches, weights, line, all; by commas"},
    {.name = "rows", .value = "N", .help = "training samples of the loss, the first of a keyed order; 0: all (2048)"},
    {.name = "products", .value = "N", .help = "most products with the Hessian in a run of Lanczos (30)"},
    {.name = "probes", .value = "N", .help = "random directions of trace and spectrum (10)"},
    {.name = "to", .value = "CHECKPOINT", .help = "loss along the line to this point"},
    {.name = "beside", .value = "CHECKPOINT", .help = "loss on the plane through this point, too"},
    {.name = "points", .value = "N", .help = "points of the line, or of each side of the plane (21)"},
    {.name = "json", .help = "one JSON object instead of text"},
    AS_OPTION_SET,
    AS_OPTION_THREADS,
    AS_OPTIONS_END,
};

const as_verb as_verb_probe = {
    .name = "probe",
    .arguments = "RUN|CHECKPOINT",
    .summary = "Curvature, noise, spectra and landscapes of a trained network",
    .details = "Eigenvalues of the Hessian with error bounds, the largest learning rate at which the\n"
               "optimizer is stable, the gradient noise scale, a saddle test that walks downhill,\n"
               "singular values of the weights, and the loss between checkpoints. In double, over\n"
               "training samples; the same numbers for any ranks and threads. Without --what:\n"
               "curvature, noise, saddle, weights.\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .computes = true,
    .run = run,
};
