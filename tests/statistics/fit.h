/* Fitting a model to a small table and reading its arrays, for the tests of statistical models. One process. */
#ifndef TESTS_STATISTICS_FIT_H
#define TESTS_STATISTICS_FIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <sys/stat.h>

#include "allsum/run.h"
#include "base/text.h"
#include "comm/world.h"
#include "run/model_file.h"

typedef struct fitted {
    as_world *world;
    as_model_file file;
    char dir[512], csv[512];
} fitted;

static inline void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Trains `model` ("{type: ols}") on the table (CSV text with a header), whose place in the data section is followed by
   `keys` (", target: [y], labels: false}"). NULL table: the one before. Returns the status of training; on success the
   model is open. */
static inline as_status fit_table(const char *name, const char *table, const char *keys, const char *model, fitted *out)
{
    char yaml[600], text[8000], clean[700];
    *out = (fitted){0};
    snprintf(out->csv, sizeof out->csv, "%s/%s.csv", TEST_SCRATCH, name);
    snprintf(yaml, sizeof yaml, "%s/%s.yaml", TEST_SCRATCH, name);
    snprintf(out->dir, sizeof out->dir, "%s/%s.run", TEST_SCRATCH, name);
    snprintf(clean, sizeof clean, "rm -rf '%s'", out->dir);
    assert_int_equal(system(clean), 0);
    if (table != NULL) {
        write_text(out->csv, table);
    }
    snprintf(text, sizeof text, "name: %s\ndata:\n  train: {format: csv, file: '%s'%s\nmodel: %s\n", name, out->csv,
             keys, model);
    write_text(yaml, text);
    const char *const files[] = {yaml};
    const as_job job = {.nfiles = 1, .files = files, .dir = out->dir};
    const as_status status = as_train(&job);
    if (status != AS_OK) {
        return status;
    }
    const as_log quiet = {0};
    assert_int_equal(as_world_open(&(as_world_options){0}, &out->world), AS_OK);
    assert_int_equal(as_model_file_open(out->world, 1, as_isa_detect(), out->dir, 0, NULL, &quiet, &out->file), AS_OK);
    return AS_OK;
}

static inline void fitted_close(fitted *f)
{
    as_model_file_close(&f->file);
    as_world_close(&f->world);
}

/* An array of the state by name; fails where there is none. */
static inline const as_state_item *fitted_item(const fitted *f, const char *name)
{
    int n;
    as_state_item *items;
    assert_int_equal(f->file.estimator->ops->state(f->file.estimator, &n, &items), AS_OK);
    for (int i = 0; i < n; i++) {
        if (strcmp(items[i].name, name) == 0) {
            return &items[i];
        }
    }
    fail_msg("no array %s", name);
    return NULL;
}

static inline const double *fitted_reals(const fitted *f, const char *name)
{
    return fitted_item(f, name)->data;
}

static inline const int64_t *fitted_integers(const fitted *f, const char *name)
{
    return fitted_item(f, name)->data;
}

/* |found - expected| <= relative |expected| + absolute, for n elements. */
static inline void assert_close(const char *what, const double *found, const double *expected, int64_t n,
                                double relative, double absolute)
{
    for (int64_t i = 0; i < n; i++) {
        if (!(fabs(found[i] - expected[i]) <= relative * fabs(expected[i]) + absolute)) {
            fail_msg("%s[%lld]: expected %.17g, found %.17g (relative %.3g, allowed %.3g)", what, (long long)i,
                     expected[i], found[i], fabs(found[i] / expected[i] - 1), relative);
        }
    }
}

static inline void assert_array(const fitted *f, const char *name, const double *expected, int64_t n, double relative)
{
    assert_close(name, fitted_reals(f, name), expected, n, relative, 0);
}

/* Outputs of all rows of the training table, in its order. */
static inline void fitted_predict(const fitted *f, double *out)
{
    as_dataset data = {0};
    as_sampler *sampler = NULL;
    as_batch batch = {0};
    const as_model_file *m = &f->file;
    const int64_t outputs = m->estimator->ops->outputs(m->estimator);
    as_source source;
    assert_int_equal(as_source_inputs(m->config.document, "csv", f->csv, &m->config.data.train, &source), AS_OK);
    assert_int_equal(as_model_file_data(m, AS_PREDICT, &source, &data, &sampler, &batch), AS_OK);
    double *buffer = malloc((size_t)(batch.capacity * outputs) * sizeof *buffer);
    assert_non_null(buffer);
    for (int64_t b = 0; b < as_sampler_batches(sampler); b++) {
        as_sampler_fill(sampler, 0, b, &batch);
        assert_int_equal(m->estimator->ops->predict(m->estimator, &batch, buffer), AS_OK);
        for (int64_t r = 0; r < batch.rows; r++) {
            memcpy(out + batch.id[r] * outputs, buffer + r * outputs, (size_t)outputs * sizeof *out);
        }
    }
    free(buffer);
    as_sampler_batch_destroy(&batch);
    as_sampler_destroy(&sampler);
    as_dataset_close(&data);
}

/* Losses of the passes, from the record of metrics; returns their number. */
static inline int64_t fitted_losses(const fitted *f, int64_t most, double *loss)
{
    char path[600], line[2000];
    int64_t n = 0;
    snprintf(path, sizeof path, "%s/metrics.jsonl", f->dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *at = strstr(line, "\"loss\": ");
        if (strstr(line, "\"kind\": \"step\"") != NULL && at != NULL && n < most) {
            loss[n++] = strtod(at + 8, NULL);
        }
    }
    assert_int_equal(fclose(file), 0);
    return n;
}

/* What `allsum info` prints of the model. */
static inline void assert_described(const fitted *f, const char *part, bool said)
{
    as_text text = {0};
    f->file.estimator->ops->describe(f->file.estimator, false, &text);
    if ((strstr(text.data, part) != NULL) != said) {
        fail_msg("'%s' is %s:\n%s", part, said ? "missing" : "there", text.data);
    }
    as_text_free(&text);
}

#endif
