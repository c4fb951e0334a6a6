/* allsum eval RUN|CHECKPOINT: loss and metrics of a trained model on a data set. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_read.h"
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

enum { SHOWN_CLASSES = 64 };

/* Numbers of an array, one by one; false at its end. */
static bool next_number(const char **cursor, double *out)
{
    char *end;
    const char *p = *cursor + strspn(*cursor, "[, ");
    if (*p == ']' || *p == '\0') {
        return false;
    }
    *out = strtod(p, &end);
    if (end == p) { /* null */
        *out = (double)NAN;
        end = (char *)p + strcspn(p, ",]");
    }
    *cursor = end;
    return true;
}

/* The array `key` of an object, or NULL. */
static const char *find_array(const char *json, const char *key)
{
    as_json_member member;
    while (as_json_next(&json, &member)) {
        if (member.key_length == strlen(key) && strncmp(member.key, key, member.key_length) == 0 &&
            member.value[0] == '[') {
            return member.value;
        }
    }
    return NULL;
}

/* One line for each class, from the arrays precision, recall, f1 and support. */
static void print_classes(const char *json)
{
    static const char *const keys[] = {"precision", "recall", "f1", "support"};
    const char *cursor[4];
    double value[4] = {0};
    for (int k = 0; k < 4; k++) {
        cursor[k] = find_array(json, keys[k]);
        if (cursor[k] == NULL) {
            return;
        }
    }
    printf("\n%8s %10s %10s %10s %12s\n", "class", keys[0], keys[1], keys[2], keys[3]);
    int64_t c = 0, shown = 0, present = 0;
    for (bool more = true; more; c++) {
        for (int k = 0; k < 4; k++) {
            more = next_number(&cursor[k], &value[k]) && more;
        }
        present += more && value[3] > 0;
        if (more && value[3] > 0 && shown < SHOWN_CLASSES) {
            printf("%8lld %10.4f %10.4f %10.4f %12g\n", (long long)c, value[0], value[1], value[2], value[3]);
            shown++;
        }
    }
    if (shown < c - 1) {
        printf("%lld classes, %lld of them in the data, %lld shown; --json has all\n", (long long)c - 1,
               (long long)present, (long long)shown);
    }
}

/* Rows are labels, columns answers. */
static void print_confusion(const char *json)
{
    const char *cursor = find_array(json, "confusion"), *support = find_array(json, "support");
    double value;
    int64_t classes = 0;
    while (support != NULL && next_number(&support, &value)) {
        classes++;
    }
    if (cursor == NULL || classes < 1) {
        return;
    }
    printf("\nconfusion: rows are labels, columns answers\n");
    for (int64_t i = 0; i < classes; i++) {
        for (int64_t j = 0; j < classes && next_number(&cursor, &value); j++) {
            printf("%s%6g", j > 0 ? " " : "", value);
        }
        cursor += strspn(cursor, "],");
        printf("\n");
    }
}

static void print_results(const as_context *context, const as_model_file *model, const as_dataset *data,
                          const char *json)
{
    if (as_option_get(context, "json") != NULL) {
        printf("%s\n", json);
        return;
    }
    as_json_member member;
    printf("model %s (step %lld)\ndata  %s, %lld samples\n", model->path, (long long)model->progress.step, data->place,
           (long long)data->rows);
    for (const char *cursor = json; as_json_next(&cursor, &member);) {
        if (member.value[0] == '[') {
            continue;
        }
        printf("%-20.*s %.*s\n", (int)member.key_length, member.key, (int)member.value_length, member.value);
    }
    print_classes(json);
    print_confusion(json);
}

static as_status evaluate(const as_context *context, const as_model_file *model)
{
    as_role role = AS_TEST;
    as_dataset data = {0};
    as_sampler *sampler = NULL;
    as_batch batch = {0};
    as_text json = {0};
    double loss;
    AS_TRY(choose_role(context, model, &role));
    as_status status = as_model_file_data(model, role, NULL, &data, &sampler, &batch);
    if (status == AS_OK) {
        as_json_open(&json, NULL, '{');
        status = model->estimator->ops->evaluate(model->estimator, sampler, &batch, &json, &loss);
        as_json_close(&json, '}');
    }
    if (status == AS_OK && as_world_rank(model->world) == 0) {
        print_results(context, model, &data, json.data);
    }
    as_text_free(&json);
    as_sampler_batch_destroy(&batch);
    as_sampler_destroy(&sampler);
    as_dataset_close(&data);
    return status;
}

static as_status run(as_context *context)
{
    return as_model_verb(context, evaluate);
}

static const as_option options[] = {
    AS_OPTION_SET,
    {.name = "on", .value = "train|validation|test", .help = "which data of the configuration (default: test)"},
    {.name = "json", .help = "one JSON object instead of a table"},
    AS_OPTION_THREADS,
    AS_OPTIONS_END,
};

const as_verb as_verb_eval = {
    .name = "eval",
    .arguments = "RUN|CHECKPOINT",
    .summary = "Loss and metrics of a trained model",
    .details =
        "RUN is a run directory (its final.h5 is judged, or its newest checkpoint). Other data of the same shape:\n"
        "-s data.test.file=other.h5 and so on.\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .computes = true,
    .run = run,
};
