/* allsum eval RUN|CHECKPOINT: loss and metrics of a trained model on a data set. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json_read.h"
#include "cli/eval_inference.h"
#include "cli/eval_tables.h"
#include "cli/model_verb.h"

static as_status choose_role(const as_context *context, const as_model_file *model, as_role *out)
{
    const char *on = as_option_get(context, "on");
    const bool test = model->config.data.test.ops != NULL;
    if (on == NULL) {
        *out = test ? AS_TEST : model->config.data.validation > 0 ? AS_VALIDATION : AS_TRAIN;
        return AS_OK;
    }
    static const char *const names[] = {[AS_TRAIN] = "train", [AS_VALIDATION] = "validation", [AS_TEST] = "test"};
    for (int role = AS_TRAIN; role <= AS_TEST; role++) {
        if (strcmp(on, names[role]) == 0) {
            *out = (as_role)role;
            return AS_OK;
        }
    }
    AS_FAIL(AS_USAGE, "--on: expected train, validation or test, found '%s'", on);
}

static void print_results(const as_context *context, const as_model_file *model, const as_dataset *data,
                          const as_names *classes, const char *json, const char *table)
{
    if (as_option_get(context, "json") != NULL) {
        printf("%s\n", json);
        return;
    }
    as_json_member member;
    printf("model %s (step %lld)\ndata  %s, %lld samples\n", model->path, (long long)model->progress.step, data->place,
           (long long)data->rows);
    for (const char *cursor = json; as_json_next(&cursor, &member);) {
        if (member.value[0] == '[' || member.value[0] == '{') {
            continue;
        }
        printf("%-20.*s %.*s\n", (int)member.key_length, member.key, (int)member.value_length, member.value);
    }
    as_eval_tables(json, classes);
    printf("%s", table != NULL ? table : "");
}

static as_status evaluate(const as_context *context, const as_model_file *model)
{
    as_role role = AS_TEST;
    as_dataset data = {0};
    as_sampler *sampler = NULL;
    as_batch batch = {0};
    as_text json = {0}, more = {0}, table = {0};
    as_names classes = {0};
    double loss;
    AS_TRY(choose_role(context, model, &role));
    if (context->narguments > 1) {
        return as_eval_compare(context, model, role);
    }
    as_status status = as_model_file_data(model, role, NULL, &data, &sampler, &batch);
    if (status == AS_OK) {
        as_json_open(&json, NULL, '{');
        status = model->estimator->ops->evaluate(model->estimator, sampler, &batch, &json, &loss);
    }
    if (status == AS_OK) {
        status = model->facts.tokenizer != NULL ? as_eval_token_names(model->facts.tokenizer, &classes)
                                                : as_names_copy(&model->facts.class_names, &classes);
    }
    if (status == AS_OK && classes.n > 0) {
        as_json_open(&json, "classes", '[');
        for (int64_t i = 0; i < classes.n; i++) {
            as_json_text(&json, NULL, classes.name[i]);
        }
        as_json_close(&json, ']');
    }
    if (status == AS_OK) {
        const bool programs = as_option_get(context, "json") != NULL;
        status = as_eval_inference(context, model, role, programs ? &json : &more, &table);
        as_json_close(&json, '}');
    }
    if (status == AS_OK && as_world_rank(model->world) == 0) {
        print_results(context, model, &data, &classes, json.data, table.data);
    }
    as_names_free(&classes);
    as_text_free(&json);
    as_text_free(&more);
    as_text_free(&table);
    as_sampler_batch_destroy(&batch);
    as_sampler_destroy(&sampler);
    as_dataset_close(&data);
    return status;
}

static as_status run(as_context *context)
{
    AS_TRY(as_eval_inference_check(context));
    return as_model_verb(context, context->argument[0], evaluate);
}

static const as_option options[] = {
    AS_OPTION_SET,
    {.name = "on", .value = "train|validation|test", .help = "which data of the configuration (default: test)"},
    {.name = "json", .help = "one JSON object instead of a table"},
    AS_OPTIONS_INFERENCE,
    AS_OPTION_THREADS,
    AS_OPTIONS_END,
};

const as_verb as_verb_eval = {
    .name = "eval",
    .arguments = "RUN|CHECKPOINT [OTHER]",
    .summary = "Loss and metrics of a trained model",
    .details =
        "RUN is a run directory (its final.h5 is judged, or its newest checkpoint). Other data of the same shape:\n"
        "-s data.test.file=other.h5, or where the run had no data.test: -s 'data.test={format: csv, file: other.csv,\n"
        "target: [y]}'. A run without data.test is judged on its validation rows, else on those that it was trained "
        "on.\n"
        "Every metric of rows comes with an interval; docs/inference.md says how. The numbers are the same for any\n"
        "ranks and threads. `eval --compare A B` says which of two models is better, or that the rows cannot tell.\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 2,
    .computes = true,
    .run = run,
};
