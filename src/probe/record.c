/* Records of instruments, and their lines of JSON: one table of names for writing and reading. */
#include "probe/record.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_read.h"

/* A number of a struct and its key. */
typedef struct quantity {
    const char *key;
    size_t place;
} quantity;

#define OF_LAYER(key)                                                                                                  \
    {                                                                                                                  \
#key, offsetof(as_probe_layer, key)                                                                            \
    }
#define OF_RECORD(key)                                                                                                 \
    {                                                                                                                  \
#key, offsetof(as_probe_record, key)                                                                           \
    }

static const quantity of_layer[] = {
    OF_LAYER(grad_norm),      OF_LAYER(weight_norm),    OF_LAYER(update_norm),       OF_LAYER(update_ratio),
    OF_LAYER(signal_mean),    OF_LAYER(signal_sd),      OF_LAYER(delta_rms),         OF_LAYER(units),
    OF_LAYER(dead),           OF_LAYER(saturated),      OF_LAYER(duplicate),         OF_LAYER(noise_trace),
    OF_LAYER(noise_trace_se), OF_LAYER(noise_gradient), OF_LAYER(noise_gradient_se), OF_LAYER(noise_scale),
    OF_LAYER(noise_scale_se), OF_LAYER(lane_ratio),     OF_LAYER(lane_ratio_se),     OF_LAYER(cosine)};

static const quantity of_record[] = {OF_RECORD(loss),           OF_RECORD(lr),
                                     OF_RECORD(weight),         OF_RECORD(samples),
                                     OF_RECORD(lanes),          OF_RECORD(rows),
                                     OF_RECORD(norm_test),      OF_RECORD(step_fraction),
                                     OF_RECORD(spikes),         OF_RECORD(spike_ratio),
                                     OF_RECORD(lambda_max),     OF_RECORD(lambda_max_error),
                                     OF_RECORD(lambda_min),     OF_RECORD(lambda_min_error),
                                     OF_RECORD(sharpness),      OF_RECORD(lr_limit),
                                     OF_RECORD(lr_ratio),       OF_RECORD(curvature_rows),
                                     OF_RECORD(curvature_exact)};

enum {
    LAYER_QUANTITIES = sizeof of_layer / sizeof of_layer[0],
    RECORD_QUANTITIES = sizeof of_record / sizeof of_record[0],
    LAYERS_READ = 1 << 20 /* most layers that a line is believed to have */
};

/* Every number of the structs has its row. */
_Static_assert(sizeof(as_probe_layer) == AS_PROBE_NAME_MAX + LAYER_QUANTITIES * sizeof(double), "of_layer");
_Static_assert(offsetof(as_probe_record, total) - offsetof(as_probe_record, loss) + offsetof(as_probe_record, nstates) -
                       offsetof(as_probe_record, norm_test) ==
                   RECORD_QUANTITIES * sizeof(double),
               "of_record");

static double *number_at(void *base, const quantity *q)
{
    return (double *)(void *)((char *)base + q->place);
}

static void clear_layer(as_probe_layer *layer)
{
    for (int i = 0; i < LAYER_QUANTITIES; i++) {
        *number_at(layer, &of_layer[i]) = (double)NAN;
    }
}

as_status as_probe_record_make(int nlayers, as_probe_record *out)
{
    *out = (as_probe_record){.nlayers = nlayers};
    out->layer = calloc((size_t)nlayers + 1, sizeof *out->layer);
    if (out->layer == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a record of %d layers", nlayers);
    }
    for (int i = 0; i < RECORD_QUANTITIES; i++) {
        *number_at(out, &of_record[i]) = (double)NAN;
    }
    clear_layer(&out->total);
    for (int l = 0; l < nlayers; l++) {
        clear_layer(&out->layer[l]);
    }
    return AS_OK;
}

void as_probe_record_free(as_probe_record *record)
{
    free(record->layer);
    *record = (as_probe_record){0};
}

void as_probe_layer_signal(as_probe_layer *layer, double values, const double sums[2], double deltas,
                           double delta_squares)
{
    if (values > 0) {
        layer->signal_mean = sums[0] / values;
        const double variance = sums[1] / values - layer->signal_mean * layer->signal_mean;
        layer->signal_sd = variance > 0 ? sqrt(variance) : variance <= 0 ? 0 : (double)INFINITY;
    }
    if (deltas > 0) {
        layer->delta_rms = sqrt(delta_squares / deltas);
    }
}

void as_probe_record_state(as_probe_record *record, const char *probe, const char *format, ...)
{
    if (record->nstates == AS_PROBE_STATES) {
        return;
    }
    va_list list;
    va_start(list, format);
    snprintf(record->state[record->nstates].probe, sizeof record->state[0].probe, "%s", probe);
    vsnprintf(record->state[record->nstates].state, sizeof record->state[0].state, format, list);
    va_end(list);
    record->nstates++;
}

/* What was not measured is left out; what is not finite is null. */
static void write_numbers(const void *base, const quantity *q, int n, as_text *json)
{
    for (int i = 0; i < n; i++) {
        const double value = *(const double *)(const void *)((const char *)base + q[i].place);
        if (!isnan(value)) {
            as_json_real(json, q[i].key, value);
        }
    }
}

void as_probe_record_write(const as_probe_record *record, as_text *json)
{
    as_json_text(json, "kind", "probe");
    as_json_int(json, "step", record->step);
    as_json_int(json, "epoch", record->epoch);
    write_numbers(record, of_record, RECORD_QUANTITIES, json);
    as_json_open(json, "total", '{');
    write_numbers(&record->total, of_layer, LAYER_QUANTITIES, json);
    as_json_close(json, '}');
    as_json_open(json, "layers", '[');
    for (int l = 0; l < record->nlayers; l++) {
        as_json_open(json, NULL, '{');
        as_json_text(json, "name", record->layer[l].name);
        write_numbers(&record->layer[l], of_layer, LAYER_QUANTITIES, json);
        as_json_close(json, '}');
    }
    as_json_close(json, ']');
    if (record->nstates > 0) {
        as_json_open(json, "states", '{');
        for (int i = 0; i < record->nstates; i++) {
            as_json_text(json, record->state[i].probe, record->state[i].state);
        }
        as_json_close(json, '}');
    }
}

/* A slice of JSON text without its quotes; escapes stay as they are. */
static void copy_text(const char *value, size_t length, char *out, size_t bytes)
{
    const size_t inner = length >= 2 && value[0] == '"' ? length - 2 : 0;
    const size_t n = inner < bytes ? inner : bytes - 1;
    memcpy(out, value + (inner > 0), n);
    out[n] = '\0';
}

static void read_numbers(const char *object, const quantity *q, int n, void *base)
{
    as_json_member member;
    while (as_json_next(&object, &member)) {
        for (int i = 0; i < n; i++) {
            if (as_json_is(&member, q[i].key)) {
                char *end;
                const double value = strtod(member.value, &end);
                *number_at(base, &q[i]) = end > member.value && member.value[0] != 'n' ? value : (double)INFINITY;
            }
        }
    }
}

/* Past an object that begins at s. */
static const char *skip_object(const char *s)
{
    as_json_member member;
    while (as_json_next(&s, &member)) {
    }
    return *s == '}' ? s + 1 : NULL;
}

/* Visits the objects of an array; layer NULL: only counts. -1: it breaks off. */
static int read_layers(const char *array, as_probe_layer *layer)
{
    int n = 0;
    const char *s = array + 1;
    while (n < LAYERS_READ) {
        s += strspn(s, " \t,");
        if (*s == ']') {
            return n;
        }
        if (*s != '{') {
            return -1;
        }
        if (layer != NULL) {
            const char *cursor = s;
            as_json_member member;
            clear_layer(&layer[n]);
            read_numbers(s, of_layer, LAYER_QUANTITIES, &layer[n]);
            while (as_json_next(&cursor, &member)) {
                if (as_json_is(&member, "name")) {
                    copy_text(member.value, member.value_length, layer[n].name, sizeof layer[n].name);
                }
            }
        }
        s = skip_object(s);
        if (s == NULL) {
            return -1;
        }
        n++;
    }
    return -1;
}

static void read_states(const char *object, as_probe_record *record)
{
    as_json_member member;
    while (as_json_next(&object, &member) && record->nstates < AS_PROBE_STATES) {
        const size_t room = sizeof record->state[0].probe;
        const size_t n = member.key_length < room ? member.key_length : room - 1;
        memcpy(record->state[record->nstates].probe, member.key, n);
        record->state[record->nstates].probe[n] = '\0';
        copy_text(member.value, member.value_length, record->state[record->nstates].state,
                  sizeof record->state[0].state);
        record->nstates++;
    }
}

/* Where the members of a line are that are no numbers. */
typedef struct line_parts {
    const char *total, *layers, *states;
    bool probe;
} line_parts;

static bool find_parts(const char *line, line_parts *out)
{
    *out = (line_parts){0};
    as_json_member member;
    const char *cursor = line;
    while (as_json_next(&cursor, &member)) {
        out->probe = out->probe || (as_json_is(&member, "kind") && strncmp(member.value, "\"probe\"", 7) == 0);
        out->total = as_json_is(&member, "total") ? member.value : out->total;
        out->layers = as_json_is(&member, "layers") ? member.value : out->layers;
        out->states = as_json_is(&member, "states") ? member.value : out->states;
    }
    return *cursor == '}';
}

as_status as_probe_record_read(const char *line, as_probe_record *out, bool *found)
{
    line_parts parts;
    double step = 0, epoch = 0;
    *found = false;
    *out = (as_probe_record){0};
    const bool whole = find_parts(line, &parts);
    if (!parts.probe) {
        return AS_OK;
    }
    const int n = parts.layers != NULL && parts.layers[0] == '[' ? read_layers(parts.layers, NULL) : -1;
    if (!whole || n < 0 || parts.total == NULL || parts.total[0] != '{' || !as_json_number(line, "step", &step) ||
        !as_json_number(line, "epoch", &epoch)) {
        AS_FAIL(AS_DATA, "a line of kind \"probe\" breaks off or lacks step, epoch, total or layers: %.60s", line);
    }
    AS_TRY(as_probe_record_make(n, out));
    out->step = (int64_t)step;
    out->epoch = (int64_t)epoch;
    read_numbers(line, of_record, RECORD_QUANTITIES, out);
    read_numbers(parts.total, of_layer, LAYER_QUANTITIES, &out->total);
    read_layers(parts.layers, out->layer);
    if (parts.states != NULL) {
        read_states(parts.states, out);
    }
    *found = true;
    return AS_OK;
}

as_status as_probe_records_add(as_probe_records *records, as_probe_record *record)
{
    if (records->n == records->capacity) {
        const int64_t capacity = records->capacity > 0 ? 2 * records->capacity : 16;
        as_probe_record *more = realloc(records->record, (size_t)capacity * sizeof *more);
        if (more == NULL) {
            as_probe_record_free(record);
            AS_FAIL(AS_NOMEM, "out of memory for %lld records of instruments", (long long)capacity);
        }
        records->record = more;
        records->capacity = capacity;
    }
    records->record[records->n++] = *record;
    *record = (as_probe_record){0};
    return AS_OK;
}

as_status as_probe_records_read(as_probe_records *records, const char *lines)
{
    for (const char *line = lines; line != NULL && *line != '\0';) {
        as_probe_record record;
        bool found;
        AS_TRY(as_probe_record_read(line, &record, &found));
        if (found) {
            AS_TRY(as_probe_records_add(records, &record));
        }
        const char *end = strchr(line, '\n');
        line = end != NULL ? end + 1 : NULL;
    }
    return AS_OK;
}

void as_probe_records_free(as_probe_records *records)
{
    for (int64_t i = 0; i < records->n; i++) {
        as_probe_record_free(&records->record[i]);
    }
    free(records->record);
    *records = (as_probe_records){0};
}
