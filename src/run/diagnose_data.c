/* What a diagnosis asks of the data: what is missing, repeated, how columns, classes and lanes are. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/statistic.h"
#include "probe/repeats.h"
#include "run/patient.h"

enum { SAMPLE_ROWS = 4096, SAMPLE_ELEMENTS = 1 << 20 };

as_status as_patient_open(as_patient *p)
{
    const as_diagnose_options *o = p->options;
    p->run_options = (as_run_options){.config = &p->config,
                                      .world = o->world,
                                      .threads = o->threads,
                                      .isa = o->isa,
                                      .version = "",
                                      .log = &p->silent};
    p->open = true;
    return as_run_open(&p->run_options, &p->run);
}

void as_patient_close(as_patient *p)
{
    if (p->open) {
        as_run_close(&p->run);
    }
    p->open = false;
}

static double value_of(const as_dataset *data, int64_t row, int64_t column)
{
    const int64_t at = (data->start != NULL ? data->start[row] : row) * data->stride + column;
    return data->type == AS_U8    ? 0.0
           : data->type == AS_F32 ? (double)((const float *)data->x)[at]
                                  : ((const double *)data->x)[at];
}

/* Collective. How many inputs of the training data are missing, and the first of them by id. */
static as_status count_missing(as_patient *p)
{
    as_config *config = &p->config;
    as_lanes lanes = {0};
    as_dataset data = {0};
    struct {
        double count;
        int64_t id, column;
    } mine = {.id = INT64_MAX}, *all = NULL;
    const size_t ranks = (size_t)as_world_size(p->options->world);
    config->data.missing = AS_MISSING_MEAN;
    as_status status = as_world_agree(
        p->options->world, as_lanes_create(as_config_lanes(config, config->train.batch), p->options->world, &lanes));
    if (status == AS_OK) {
        status =
            as_dataset_open(&config->data, AS_TRAIN, p->options->world, &lanes, (uint64_t)config->seed, NULL, &data);
    }
    for (int64_t r = 0; status == AS_OK && r < data.local_rows; r++) {
        for (int64_t j = data.width - 1; j >= 0; j--) {
            if (isnan(value_of(&data, r, j))) {
                mine.count++;
                if (data.id[r] <= mine.id) {
                    mine.id = data.id[r];
                    mine.column = j;
                }
            }
        }
    }
    all = calloc(ranks, sizeof *all);
    if (status == AS_OK) {
        status = as_world_agree(p->options->world, all == NULL ? as_error_set(AS_NOMEM, "out of memory") : AS_OK);
    }
    if (status == AS_OK) {
        status = as_world_all_gather(p->options->world, &mine, sizeof mine, all);
    }
    p->c.missing_id = INT64_MAX;
    for (size_t r = 0; status == AS_OK && r < ranks; r++) {
        p->c.missing += all[r].count;
        if (all[r].id < p->c.missing_id) {
            p->c.missing_id = all[r].id;
            p->c.missing_column = all[r].column;
        }
    }
    free(all);
    as_dataset_close(&data);
    as_lanes_destroy(&lanes);
    return status;
}

/* The reader's message without the rank that it came from. */
static void note_missing(as_patient *p)
{
    const char *message = as_error_message(), *after = strstr(message, "): ");
    snprintf(p->c.missing_message, sizeof p->c.missing_message, "%.255s",
             strncmp(message, "rank ", 5) == 0 && after != NULL ? after + 3 : message);
}

as_status as_patient_open_tolerant(as_patient *p)
{
    as_status status = as_patient_open(p);
    if (status != AS_DATA || p->config.data.missing != AS_MISSING_ERROR ||
        strstr(as_error_message(), "data.missing") == NULL) {
        return status;
    }
    note_missing(p);
    as_patient_close(p);
    if (count_missing(p) == AS_OK) {
        if (p->c.missing > 0) {
            p->c.missing_message[0] = '\0';
        }
        status = as_patient_open(p);
        if (status == AS_OK || p->c.missing == 0) {
            return status;
        }
        as_patient_close(p);
    }
    p->config.data.missing = AS_MISSING_DROP;
    return as_patient_open(p);
}

/* Collective. Rows of each class in all of the training data. */
static as_status count_classes(as_patient *p, double *out)
{
    const as_dataset *data = &p->run.train.data;
    const size_t n = (size_t)data->classes, ranks = (size_t)as_world_size(p->options->world);
    double *all = calloc(n * (ranks + 1), sizeof *all), *mine = all + n * ranks;
    AS_TRY(as_world_agree(p->options->world,
                          all == NULL ? as_error_set(AS_NOMEM, "out of memory for %zu classes", n) : AS_OK));
    for (int64_t r = 0; r < data->local_rows; r++) {
        if (data->label[r] >= 0) {
            mine[data->label[r]]++;
        }
    }
    const as_status status = as_world_all_gather(p->options->world, mine, n * sizeof *mine, all);
    for (size_t i = 0; i < n * ranks; i++) {
        out[i % n] += all[i];
    }
    free(all);
    return status;
}

/* Collective. Rows of a held out set whose inputs are those of training rows. */
static as_status compare_rows(as_patient *p, const as_run_data *other, const as_row_hashes *train, double keep)
{
    as_row_hashes held = {0};
    double same = 0;
    AS_TRY(as_row_hashes_gather(p->options->world, &other->data, keep, &held));
    for (int64_t i = 0, t = 0; i < held.rows; i++) {
        while (t < train->rows && train->hash[t] < held.hash[i]) {
            t++;
        }
        same += t < train->rows && train->hash[t] == held.hash[i] ? 1 : 0;
    }
    const double rows = p->c.duplicate_rows + (double)held.rows;
    if (rows > 0) {
        p->c.duplicate_share = (p->c.duplicate_share * p->c.duplicate_rows + same) / rows;
    }
    p->c.duplicate_rows = rows;
    free(held.hash);
    return AS_OK;
}

static as_status find_duplicates(as_patient *p)
{
    const as_run *run = &p->run;
    const double most = 4e6, rows = (double)run->train.data.rows, keep = rows > most ? most / rows : 1;
    as_row_hashes train = {0};
    AS_TRY(as_world_agree(p->options->world,
                          as_repeats_chance(&p->c.train, &p->c.columns, rows, &p->c.duplicate_expected)));
    if (!run->validation.present && !run->test.present) {
        return AS_OK;
    }
    if (run->train.data.tokenizer != NULL || run->train.data.step > 0) {
        return AS_OK; /* windows over one sequence overlap */
    }
    as_status status = as_row_hashes_gather(p->options->world, &run->train.data, keep, &train);
    if (status == AS_OK && run->validation.present) {
        status = compare_rows(p, &run->validation, &train, keep);
    }
    if (status == AS_OK && run->test.present) {
        status = compare_rows(p, &run->test, &train, keep);
    }
    free(train.hash);
    return status;
}

as_status as_patient_look_at_data(as_patient *p)
{
    as_case *c = &p->c;
    const as_run *run = &p->run;
    const as_dataset *data = &run->train.data;
    as_world *world = p->options->world;
    double *classes = NULL;
    AS_TRY(as_sample_gather(world, data, &run->normalization, SAMPLE_ROWS, SAMPLE_ELEMENTS, &c->train));
    if (run->estimator->ops->statistic != NULL && run->estimator->ops->statistic->target == AS_TARGET_NONE) {
        c->train.label = NULL; /* answers that the model does not read are not judged */
        c->train.target = NULL;
    }
    c->classifies = c->train.label != NULL;
    if (data->tokenizer != NULL) {
        return AS_OK;
    }
    if (c->classifies) {
        classes = calloc((size_t)data->classes + 1, sizeof *classes);
        AS_TRY(as_world_agree(world, classes == NULL ? as_error_set(AS_NOMEM, "out of memory for classes") : AS_OK));
        AS_TRY(count_classes(p, classes));
    }
    if (run->test.present) {
        AS_TRY(as_sample_gather(world, &run->test.data, &run->normalization, SAMPLE_ROWS, SAMPLE_ELEMENTS, &c->test));
    }
    const as_status status = as_world_agree(world, as_columns_make(&c->train, classes, &c->columns));
    free(classes);
    AS_TRY(status);
    c->columns.names = &data->inputs;
    for (int64_t j = 0; j < c->columns.n; j++) {
        as_column_facts *x = &c->columns.column[j];
        const as_normalization *n = &run->normalization;
        if (!n->identity && n->width == c->columns.n) {
            const double usual = (x->usual - n->shift[j]) / n->scale[j];
            x->odd = (x->odd - n->shift[j]) / n->scale[j];
            x->usual = fabs(usual * n->scale[j]) < 1e-9 ? 0 : usual;
        }
    }
    c->answers = &data->answers;
    c->class_names = &data->class_names;
    AS_TRY(as_world_agree(world, as_dependence_measure(&c->train, &c->columns, &c->dependence)));
    AS_TRY(as_world_agree(world, as_patterns_measure(&c->train, &c->columns, &c->patterns)));
    AS_TRY(as_world_agree(world, as_shards_measure(&c->train, &c->columns, 0, &c->lanes)));
    if (!c->shuffle && c->batch < data->rows) {
        AS_TRY(as_world_agree(world, as_shards_measure(&c->train, &c->columns, c->batch, &c->batches)));
    }
    return find_duplicates(p);
}
