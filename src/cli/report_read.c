/* Lines of metrics.jsonl, summary, configuration and diagnosis of a run, and the singular values of its weights. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json_read.h"
#include "cli/describe.h"
#include "cli/report.h"
#include "io/h5_contents.h"
#include "io/states.h"
#include "io/yaml.h"
#include "math/dense.h"

enum { LINE_MAX_BYTES = 1 << 24, SPECTRUM_ORDER = 600 };

const char *const as_report_time_names[AS_REPORT_TIMES] = {"data", "forward", "backward", "sum", "update"};

static const double smoothing = 0.8; /* of the loss, with its start corrected */

static as_series *metric_named(as_report_run *run, const as_json_member *m)
{
    for (int i = 0; i < run->nmetrics; i++) {
        if (as_json_is(m, run->metric[i].name)) {
            return &run->metric[i];
        }
    }
    if (run->nmetrics == AS_REPORT_METRICS) {
        return NULL;
    }
    as_series *s = &run->metric[run->nmetrics++];
    snprintf(s->name, sizeof s->name, "%.*s", (int)m->key_length, m->key);
    return s;
}

static void read_evaluation(as_report_run *run, const char *line, double step)
{
    double value;
    if (as_json_number(line, "train_loss", &value)) {
        as_series_add(&run->train, step, value);
    }
    const char *validation = as_json_value(line, "validation");
    as_json_member m;
    while (validation != NULL && as_json_next(&validation, &m)) {
        char text[64];
        snprintf(text, sizeof text, "%.*s", (int)(m.value_length < 60 ? m.value_length : 60), m.value);
        if (m.value[0] == '[' || m.value[0] == '{' || !as_text_to_real(text, &value)) {
            continue;
        }
        const bool loss = as_json_is(&m, "loss");
        as_series *s = loss ? &run->validation : metric_named(run, &m);
        if (s != NULL) {
            as_series_add(s, step, value);
        }
    }
}

static void read_step(as_report_run *run, const char *line, double step)
{
    double value;
    if (as_json_number(line, "loss", &value)) {
        const bool begun = run->smooth.n > 0 && isfinite(run->mean) && isfinite(value);
        run->mean = begun ? smoothing * run->mean + (1 - smoothing) * value : (1 - smoothing) * value;
        run->mean_weight = begun ? smoothing * run->mean_weight + (1 - smoothing) : 1 - smoothing;
        as_series_add(&run->loss, step, value);
        as_series_add(&run->smooth, step, run->mean / run->mean_weight);
    }
    if (as_json_number(line, "lr", &value)) {
        as_series_add(&run->lr, step, value);
    }
    if (as_json_number(line, "grad_norm", &value)) {
        as_series_add(&run->grad_norm, step, value);
    }
}

static as_status read_line(as_report_run *run, const char *line)
{
    double step = 0;
    const char *kind = as_json_value(line, "kind");
    size_t n = strlen(line);
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == ' ')) {
        n--;
    }
    if (n == 0 || line[n - 1] != '}' || kind == NULL || !as_json_number(line, "step", &step)) {
        run->unreadable++;
        return AS_OK;
    }
    const char *timing = as_json_value(line, "timing");
    for (int i = 0; i < AS_REPORT_TIMES && timing != NULL; i++) {
        as_json_number(timing, as_report_time_names[i], &run->time[i]);
    }
    if (strncmp(kind, "\"step\"", 6) == 0) {
        read_step(run, line, step);
    } else if (strncmp(kind, "\"evaluation\"", 12) == 0) {
        read_evaluation(run, line, step);
    } else if (strncmp(kind, "\"probe\"", 7) == 0) {
        as_probe_record record;
        bool found = false;
        if (as_probe_record_read(line, &record, &found) != AS_OK) {
            run->unreadable++;
        } else if (found) {
            return as_probe_records_add(&run->probes, &record);
        }
    }
    return AS_OK;
}

static as_status read_metrics(as_report_run *run)
{
    char path[600];
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    as_status status = AS_OK;
    snprintf(path, sizeof path, "%s/metrics.jsonl", run->path);
    FILE *file = fopen(path, "r");
    while (file != NULL && status == AS_OK && (n = getline(&line, &room, file)) > 0) {
        if (n > 1 && n < LINE_MAX_BYTES) {
            status = read_line(run, line);
        }
    }
    free(line);
    if (file != NULL) {
        fclose(file);
    }
    return status;
}

/* A JSON or YAML file of the directory; NULL where it is not there or cannot be read. */
static const as_node *read_object(as_report_run *run, const char *name)
{
    char path[600];
    as_node *root = NULL;
    snprintf(path, sizeof path, "%s/%s", run->path, name);
    if (access(path, R_OK) != 0 || as_yaml_read(run->document, path, &root) != AS_OK || root == NULL ||
        root->kind != AS_NODE_MAP) {
        return NULL;
    }
    return root;
}

/* Singular values of a parameter, all axes but the last being rows. */
static as_status read_spectrum(as_report_run *run, const as_h5_contents *file, const as_h5_stored *item, double *a)
{
    const int64_t columns = item->dim[item->rank - 1], size = as_h5_stored_count(item), rows = size / columns;
    const int64_t order = rows < columns ? rows : columns;
    void *raw = malloc((size_t)item->bytes);
    double *value = malloc((size_t)order * sizeof *value), *right = malloc((size_t)(order * order) * sizeof *right);
    as_status status = AS_NOMEM;
    if (raw != NULL && value != NULL && right != NULL) {
        status = as_h5_contents_read(file, item, 0, size, raw);
    }
    for (int64_t i = 0; i < size && status == AS_OK; i++) {
        const double v = item->type == AS_F64 ? ((const double *)raw)[i] : (double)((const float *)raw)[i];
        a[rows >= columns ? i : i % columns * rows + i / columns] = v;
    }
    if (status == AS_OK) {
        status = as_dense_svd(rows >= columns ? rows : columns, order, 0, a, order, value, right, NULL);
    }
    as_series *s = &run->spectrum[run->nspectra];
    for (int64_t i = 0; i < order && status == AS_OK; i++) {
        as_series_add(s, (double)(i + 1), value[i]);
    }
    if (status == AS_OK) {
        snprintf(s->name, sizeof s->name, "%.90s", item->name + strlen("/params/"));
        s->color = run->nspectra++;
    }
    free(raw);
    free(value);
    free(right);
    return status;
}

static bool has_spectrum(const as_h5_stored *item)
{
    const int64_t columns = item->rank > 1 ? item->dim[item->rank - 1] : 0, size = as_h5_stored_count(item);
    const int64_t order = columns > 0 && size / columns < columns ? size / columns : columns;
    return strncmp(item->name, "/params/", 8) == 0 && !item->text && (item->type == AS_F32 || item->type == AS_F64) &&
           order > 1 && order <= SPECTRUM_ORDER && size <= (INT64_C(1) << 22);
}

/* Spectra of the newest weights. A file that cannot be read gives none. */
static void read_spectra(as_report_run *run, as_world *world)
{
    char path[600];
    const as_log quiet = {0};
    as_h5_contents *file = NULL;
    if (as_checkpoint_resolve(world, run->path, &quiet, path, sizeof path) != AS_OK ||
        as_h5_contents_open(path, &file) != AS_OK) {
        return;
    }
    for (int64_t i = 0; i < file->nitems && run->nspectra < AS_REPORT_SPECTRA; i++) {
        const as_h5_stored *item = &file->item[i];
        if (has_spectrum(item)) {
            const size_t bytes = (size_t)as_h5_stored_count(item) * sizeof(double);
            double *a = malloc(bytes);
            if (a != NULL) {
                read_spectrum(run, file, item, a);
            }
            free(a);
        }
    }
    as_h5_contents_close(&file);
}

/* Bins of confidence against how many of their rows are right. */
static void add_reliability(as_report_run *run, const as_outcomes *o)
{
    as_reliability_bin bin[AS_CALIBRATION_BINS];
    const size_t n = (size_t)o->rows + 1;
    double *confidence = malloc(n * sizeof *confidence), *right = malloc(n * sizeof *right);
    for (int64_t i = 0; i < o->rows && confidence != NULL && right != NULL; i++) {
        const double *p = o->said + i * o->outputs;
        const bool two = o->outputs == 1;
        int32_t best = two ? p[0] > 0.5 : 0;
        for (int64_t k = 1; k < o->outputs; k++) {
            best = p[k] > p[best] ? (int32_t)k : best;
        }
        confidence[i] = two ? (p[0] > 0.5 ? p[0] : 1 - p[0]) : p[best];
        right[i] = best == o->label[i];
    }
    if (confidence != NULL && right != NULL) {
        as_calibration_error(o->rows, confidence, right, o->weight, bin);
        for (int b = 0; b < AS_CALIBRATION_BINS; b++) {
            if (bin[b].weight > 0) {
                as_series_add(&run->reliability, bin[b].confidence, bin[b].accuracy);
            }
        }
    }
    free(confidence);
    free(right);
}

/* What a statistical model has estimated, and what any is worth on its test data. Where they cannot be read any more,
   the page goes without. */
static void judge(as_report_run *run, as_world *world)
{
    as_model_file model;
    as_outcomes o = {0};
    const as_log quiet = {0};
    as_status status = as_model_file_open(world, 1, as_isa_detect(), run->path, 0, NULL, &quiet, &model);
    if (status == AS_OK && model.estimator->ops->describe != NULL) {
        model.estimator->ops->describe(model.estimator, false, &run->estimated);
    }
    const bool can = status == AS_OK && model.config.data.test.ops != NULL && as_outcomes_refuse(&model) == NULL;
    if (can && as_outcomes_collect(&model, AS_TEST, &o) == AS_OK) {
        enum { REPLICATES = 200 };
        status = as_estimates_make(&o, 0.95, REPLICATES, (uint64_t)model.config.seed, run->estimate);
        run->level = status == AS_OK ? 0.95 : 0;
        if (o.single && o.probabilities && o.outputs > 0) {
            add_reliability(run, &o);
        }
    }
    as_outcomes_free(&o);
    as_model_file_close(&model);
}

as_status as_report_read(const char *path, bool data, as_report_run *out)
{
    struct stat info;
    *out = (as_report_run){0};
    if (stat(path, &info) != 0) {
        AS_FAIL(AS_NOINPUT, "%s: no such run directory", path);
    }
    snprintf(out->path, sizeof out->path, "%.500s", path);
    char metrics[600];
    snprintf(metrics, sizeof metrics, "%s/metrics.jsonl", out->path);
    if (!S_ISDIR(info.st_mode) || access(metrics, R_OK) != 0) {
        char members[AS_MEMBERS_TEXT];
        AS_FAIL(AS_DATA, "%s: not a run directory (no metrics.jsonl in it)%s", path,
                as_state_members_text(path, members));
    }
    AS_TRY(as_document_create(&out->document));
    out->summary = read_object(out, "summary.json");
    out->config = read_object(out, "config.yaml");
    out->diagnosis = read_object(out, "diagnosis.json");
    const as_node *name = out->config != NULL ? as_node_get(out->config, "name") : NULL;
    snprintf(out->name, sizeof out->name, "%.120s", name != NULL && name->kind == AS_NODE_SCALAR ? name->text : path);
    AS_TRY(read_metrics(out));
    as_world *world = NULL;
    AS_TRY(as_world_open(&(as_world_options){0}, &world));
    if (data && out->summary != NULL) {
        judge(out, world);
    } else if (out->config != NULL && out->summary != NULL) {
        as_description d = {0};
        as_json_open(&d.json, NULL, '{');
        if (as_describe_model(out->path, out->config, &d) == AS_OK) {
            out->estimated = d.text;
        } else {
            as_text_free(&d.text);
        }
        as_text_free(&d.json);
    }
    if (out->estimated.size == 0) {
        read_spectra(out, world);
    }
    as_world_close(&world);
    return AS_OK;
}

void as_report_free(as_report_run *run)
{
    as_series *const all[] = {&run->loss, &run->smooth, &run->lr, &run->grad_norm, &run->train, &run->validation};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        as_series_free(all[i]);
    }
    for (int i = 0; i < AS_REPORT_METRICS; i++) {
        as_series_free(&run->metric[i]);
    }
    for (int i = 0; i < AS_REPORT_SPECTRA; i++) {
        as_series_free(&run->spectrum[i]);
    }
    as_series_free(&run->reliability);
    as_probe_records_free(&run->probes);
    as_text_free(&run->estimated);
    as_document_destroy(&run->document);
}
