/* Matching arrays by name, checking them, and turning their axes. A source is a tensor file or a checkpoint; both give
   doubles, one array at a time. Values go to memory first and into the estimator when all were found good. */
#include "run/weights.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/stored_tokenizer.h"
#include "io/h5_contents.h"
#include "io/tensors.h"
#include "run/checkpoint.h"
#include "run/weights_layout.h"

enum { NAMES_MAX = 4096 };

/* One array of the file: by the name that it has there, without the checkpoint's "/params/", "/" as ".". */
typedef struct stored {
    char name[AS_WEIGHTS_NAME];
    int rank;
    int64_t dim[AS_TENSOR_RANK_MAX];
    int64_t count;
    const as_stored_tensor *tensor; /* of a tensor file */
    const as_h5_stored *item;       /* of a checkpoint */
    bool used;
} stored;

typedef struct source {
    const char *path;
    as_tensor_file tensors;
    as_h5_contents *contents; /* NULL: a tensor file */
    as_weights_layout layout;
    int n;
    stored *array; /* (n) */
} source;

static as_status list_tensors(source *s)
{
    s->n = s->tensors.n;
    s->array = calloc((size_t)s->n + 1, sizeof *s->array);
    if (s->array == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for its list of arrays", s->path);
    }
    for (int i = 0; i < s->n; i++) {
        const as_stored_tensor *t = &s->tensors.tensor[i];
        s->array[i] = (stored){.rank = t->rank, .count = t->count, .tensor = t};
        snprintf(s->array[i].name, AS_WEIGHTS_NAME, "%.255s", t->name);
        memcpy(s->array[i].dim, t->dim, sizeof t->dim);
    }
    return AS_OK;
}

/* Averaged weights, where they were kept, are the ones that were judged. */
static as_status list_checkpoint(source *s)
{
    const char *group = "/params/";
    s->array = calloc((size_t)s->contents->nitems + 1, sizeof *s->array);
    if (s->array == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for its list of arrays", s->path);
    }
    for (int i = 0; i < s->contents->nitems; i++) {
        group = strncmp(s->contents->item[i].name, "/ema/", 5) == 0 ? "/ema/" : group;
    }
    for (int i = 0; i < s->contents->nitems; i++) {
        const as_h5_stored *item = &s->contents->item[i];
        char layer[AS_WEIGHTS_NAME];
        const char *param;
        if (item->text || !as_weights_split(item->name, group, layer, &param)) {
            continue;
        }
        stored *a = &s->array[s->n++];
        *a = (stored){.rank = item->rank, .count = as_h5_stored_count(item), .item = item};
        snprintf(a->name, AS_WEIGHTS_NAME, "%.150s.%.100s", layer, param);
        memcpy(a->dim, item->dim, sizeof item->dim);
    }
    if (s->n == 0) {
        AS_FAIL(AS_DATA, "%s: no checkpoint: it holds no weights (a file of Keras: start.layout: keras)", s->path);
    }
    s->layout = AS_WEIGHTS_NATIVE;
    return AS_OK;
}

/* HDF5 files begin with 89 'HDF'. */
static as_status open_source(source *s)
{
    FILE *file = fopen(s->path, "rb");
    unsigned char magic[4] = {0};
    if (file == NULL) {
        AS_FAIL(AS_NOINPUT, "start.from: %s: cannot be read", s->path);
    }
    const size_t got = fread(magic, 1, sizeof magic, file);
    fclose(file);
    const bool hdf5 = got == sizeof magic && memcmp(magic, "\x89HDF", 4) == 0;
    if (s->layout == AS_WEIGHTS_KERAS && !hdf5) {
        AS_FAIL(AS_DATA, "%s: start.layout: keras: expected an HDF5 file", s->path);
    }
    if (hdf5 && s->layout != AS_WEIGHTS_KERAS) {
        const as_status status = as_h5_contents_open(s->path, &s->contents);
        if (status != AS_OK) {
            return as_error_set(status, "%s (a file of Keras: start.layout: keras)", as_error_message());
        }
        AS_TRY(as_h5_contents_check(s->contents, 0, 1));
        return list_checkpoint(s);
    }
    AS_TRY(as_tensor_file_open(s->path, &s->tensors));
    return list_tensors(s);
}

static void close_source(source *s)
{
    as_tensor_file_close(&s->tensors);
    as_h5_contents_close(&s->contents);
    free(s->array);
}

static as_status read_source(const source *s, const stored *a, double *out)
{
    if (a->tensor != NULL) {
        return as_tensor_file_read(&s->tensors, a->tensor, out);
    }
    void *raw = malloc((size_t)a->count * as_dtype_bytes(a->item->type) + 1);
    if (raw == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for %s", s->path, a->name);
    }
    const as_status status = as_h5_contents_read(s->contents, a->item, 0, a->count, raw);
    if (status == AS_OK) {
        as_dtype_to_double(a->item->type, a->count, raw, out);
    }
    free(raw);
    return status;
}

/* Whether name is `what`, or lies in the layer `what`. */
static bool covers(const char *what, const char *name)
{
    const size_t n = strlen(what);
    return strncmp(what, name, n) == 0 && (name[n] == '\0' || name[n] == '.' || (n > 0 && what[n - 1] == '.'));
}

static bool listed(const as_texts *list, const char *name)
{
    for (int64_t i = 0; i < list->n; i++) {
        if (covers(list->v[i], name)) {
            return true;
        }
    }
    return false;
}

/* What our array LAYER.NAME is called in the file. */
static void their_name(const as_start_options *start, const char *ours, char out[AS_WEIGHTS_NAME])
{
    snprintf(out, AS_WEIGHTS_NAME, "%.255s", ours);
    for (int64_t i = 0; i < start->rename.n; i++) {
        char left[AS_WEIGHTS_NAME];
        const char *equals = strchr(start->rename.v[i], '=');
        snprintf(left, sizeof left, "%.*s", (int)(equals - start->rename.v[i]), start->rename.v[i]);
        if (covers(left, ours)) {
            snprintf(out, AS_WEIGHTS_NAME, "%.120s%.120s", equals + 1, ours + strlen(left));
            return;
        }
    }
}

static as_status check_options(const as_start_options *start)
{
    for (int64_t i = 0; i < start->rename.n; i++) {
        const char *equals = strchr(start->rename.v[i], '=');
        if (equals == NULL || equals == start->rename.v[i] || equals[1] == '\0') {
            AS_FAIL(AS_CONFIG, "start.rename: expected OURS=THEIRS, found %s", start->rename.v[i]);
        }
    }
    return AS_OK;
}

/* "did you mean b.weight?", or what there is. */
static void suggest(const source *s, const char *name, char *text, size_t bytes)
{
    const char *names[NAMES_MAX + 1] = {NULL};
    for (int i = 0; i < s->n && i < NAMES_MAX; i++) {
        names[i] = s->array[i].name;
    }
    const char *near = as_nearest_name(name, names);
    if (near != NULL) {
        snprintf(text, bytes, "did you mean %.200s?", near);
        return;
    }
    size_t used = (size_t)snprintf(text, bytes, s->n > 0 ? "it has " : "it has none");
    for (int i = 0; i < s->n && used + AS_WEIGHTS_NAME < bytes; i++) {
        used += (size_t)snprintf(text + used, bytes - used, "%s%.200s", i > 0 ? ", " : "", names[i]);
    }
}

static as_status check_shape(const source *s, const as_state_item *item, const char *ours, const stored *found)
{
    const as_shape shape = as_weights_shape(item, s->layout);
    bool same = shape.rank == found->rank;
    for (int a = 0; a < shape.rank && same; a++) {
        same = shape.dim[a] == found->dim[a];
    }
    if (same || (shape.rank == 0 && found->count == 1)) {
        return AS_OK;
    }
    as_shape other = {.rank = found->rank < AS_SHAPE_MAX ? found->rank : AS_SHAPE_MAX};
    char a[96], b[96];
    memcpy(other.dim, found->dim, (size_t)other.rank * sizeof other.dim[0]);
    AS_FAIL(AS_CONFIG, "%s: %s for %s: expected shape %s, found %s (a layer that is to start anew: start.fresh)",
            s->path, found->name, ours, as_shape_text(&shape, a, sizeof a), as_shape_text(&other, b, sizeof b));
}

static stored *find(const source *s, const char *name)
{
    for (int i = 0; i < s->n; i++) {
        if (strcmp(s->array[i].name, name) == 0) {
            return &s->array[i];
        }
    }
    return NULL;
}

/* What the layout of the file calls our array, before it is renamed. */
static as_status name_there(const source *s, const as_state_item *item, const char *layer, const char *param,
                            char ours[AS_WEIGHTS_NAME])
{
    if (s->layout != AS_WEIGHTS_KERAS) {
        const bool torch = s->layout == AS_WEIGHTS_TORCH && item->torch_name != NULL;
        snprintf(ours, AS_WEIGHTS_NAME, "%.150s.%.100s", layer, torch ? item->torch_name : param);
        return AS_OK;
    }
    if (strncmp(param, "weight_state", 12) == 0 && item->shape.dim[1] == 3 * item->shape.dim[0]) {
        AS_FAIL(AS_CONFIG,
                "%s: layer %s: the gates of a gru are in another order in files of Keras (start.fresh starts "
                "it anew)",
                s->path, layer);
    }
    if (s->tensors.numbered) {
        snprintf(ours, AS_WEIGHTS_NAME, "%.150s.%d", layer, item->place);
        return AS_OK;
    }
    static const char *const names[][2] = {{"weight", "kernel"},       {"gain", "gamma"},
                                           {"mean", "moving_mean"},    {"variance", "moving_variance"},
                                           {"weight_input", "kernel"}, {"weight_state", "recurrent_kernel"}};
    const char *theirs = item->torch_axes == NULL && item->shape.rank > 1 ? "embeddings" : param;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && theirs == param; i++) {
        theirs = strcmp(param, names[i][0]) == 0 ? names[i][1] : theirs;
    }
    snprintf(ours, AS_WEIGHTS_NAME, "%.150s.%.100s", layer, theirs);
    return AS_OK;
}

/* Values of one of our arrays, in our layout, into *out (malloc'd); NULL: an adapter that the file does not have. */
static as_status fetch(source *s, const as_start_options *start, const as_state_item *item, const char *layer,
                       const char *param, double **out)
{
    char ours[AS_WEIGHTS_NAME], name[AS_WEIGHTS_NAME];
    AS_TRY(name_there(s, item, layer, param, ours));
    their_name(start, ours, name);
    stored *found = find(s, name);
    if (found == NULL && s->layout == AS_WEIGHTS_KERAS && strcmp(param, "bias") == 0) { /* of a norm */
        char beta[AS_WEIGHTS_NAME];
        snprintf(beta, sizeof beta, "%.*s.beta", (int)strcspn(name, "."), name);
        found = find(s, beta);
    }
    if (found == NULL && item->adapter) {
        return AS_OK;
    }
    const char *const left = found == NULL ? as_tensor_file_left(&s->tensors, name) : NULL;
    if (left != NULL) {
        AS_FAIL(AS_DATA, "%s", left);
    }
    if (found == NULL) {
        char text[4 * AS_WEIGHTS_NAME];
        suggest(s, name, text, sizeof text);
        AS_FAIL(AS_CONFIG, "%s: no array %s; %s (start.rename gives other names, start.fresh starts a layer anew)",
                s->path, name, text);
    }
    found->used = true;
    AS_TRY(check_shape(s, item, ours, found));
    double *raw = malloc((size_t)found->count * sizeof *raw + 1);
    *out = malloc((size_t)found->count * sizeof **out + 1);
    as_status status = raw == NULL || *out == NULL ? as_error_set(AS_NOMEM, "%s: out of memory for %s", s->path, name)
                                                   : read_source(s, found, raw);
    const bool narrow = item->type == AS_F32;
    for (int64_t i = 0; i < found->count && status == AS_OK; i++) {
        if (!(fabs(raw[i]) <= (narrow ? (double)FLT_MAX : DBL_MAX))) {
            status = as_error_set(AS_DATA, "%s: %s: element %lld is %g, expected a finite %s", s->path, name,
                                  (long long)i, raw[i], narrow ? "float32" : "float64");
        }
    }
    if (status == AS_OK) {
        as_weights_turn(item, s->layout, true, raw, *out);
    }
    free(raw);
    return status;
}

/* Every array of the file has a place here or is known to be of no use. */
static as_status check_unused(const source *s, const as_start_options *start)
{
    for (int i = 0; i < s->n; i++) {
        const stored *a = &s->array[i];
        if (!a->used && a->rank > 0 && !listed(&start->ignore, a->name) && !listed(&start->fresh, a->name)) {
            const bool adapter = strstr(a->name, "lora_") != NULL;
            AS_FAIL(AS_CONFIG, "%s: %s has no place in the model (start.ignore leaves it, start.rename gives it one%s)",
                    s->path, a->name, adapter ? "; allsum export takes adapters into the weights" : "");
        }
    }
    return AS_OK;
}

/* Our part of an array: its elements within [first, first + count) of the flat vector, which item->data holds. */
static void put(const as_state_item *item, int64_t first, int64_t count, const double *value)
{
    const int64_t n = as_shape_size(&item->shape);
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = item->flat_first + i;
        if (at >= first && at < first + count) {
            as_weights_put(item->type, item->data, at - first, value[i]);
        }
    }
}

/* Takes values (one array for each item; NULL: left alone) as parameters and, where they are kept, as averages. */
static void put_all(as_estimator *estimator, int n, const as_state_item *items, double *const *value)
{
    int64_t first = 0, count = 0;
    as_sum_range(estimator->ops->sum(estimator), &first, &count);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n && value[i] != NULL; j++) {
            const bool average = strncmp(items[j].name, "/ema/", 5) == 0 &&
                                 strcmp(items[j].name + 5, items[i].name + strlen("/params/")) == 0;
            if (j == i || average) {
                put(&items[j], first, count, value[i]);
            }
        }
    }
}

/* What start.fresh and the left sides of start.rename name is in the model: a misspelt one would do nothing. */
static as_status check_names(const as_start_options *start, int n, const as_state_item *items, as_weights_layout layout)
{
    for (int64_t k = 0; k < start->fresh.n + start->rename.n; k++) {
        const bool fresh = k < start->fresh.n;
        const char *text = fresh ? start->fresh.v[k] : start->rename.v[k - start->fresh.n];
        char layer[AS_WEIGHTS_NAME], ours[AS_WEIGHTS_NAME], wanted[AS_WEIGHTS_NAME];
        const char *param;
        bool found = false;
        snprintf(wanted, sizeof wanted, "%.*s", fresh ? AS_WEIGHTS_NAME - 1 : (int)strcspn(text, "="), text);
        for (int i = 0; i < n && !found; i++) {
            if (as_weights_split(items[i].name, "/params/", layer, &param)) {
                const bool torch = layout == AS_WEIGHTS_TORCH && items[i].torch_name != NULL;
                snprintf(ours, sizeof ours, "%.150s.%.100s", layer, torch ? items[i].torch_name : param);
                found = covers(wanted, fresh ? layer : ours) ||
                        (layout == AS_WEIGHTS_KERAS && !fresh && covers(layer, wanted));
            }
        }
        if (!found) {
            AS_FAIL(AS_CONFIG, "start.%s: the model has no layer%s %s with parameters", fresh ? "fresh" : "rename",
                    fresh ? "" : " or array", wanted);
        }
    }
    return AS_OK;
}

static as_status fetch_all(source *s, const as_start_options *start, int n, const as_state_item *items, double **value,
                           int *taken, int *anew)
{
    AS_TRY(check_options(start));
    AS_TRY(check_names(start, n, items, s->layout));
    AS_TRY(open_source(s));
    for (int i = 0; i < n; i++) {
        char layer[AS_WEIGHTS_NAME];
        const char *param;
        if (as_weights_split(items[i].name, "/params/", layer, &param) && !listed(&start->fresh, layer)) {
            AS_TRY(fetch(s, start, &items[i], layer, param, &value[i]));
            *taken += value[i] != NULL;
            *anew += value[i] == NULL;
        }
    }
    return check_unused(s, start);
}

/* Weights know what each token means. */
static as_status check_tokens(const source *s, const as_start_options *start, const as_dataset *data, const as_log *log)
{
    if (s->contents == NULL || data->tokenizer == NULL || as_h5_contents_find(s->contents, "/data/merges") == NULL) {
        return AS_OK;
    }
    const as_status status = as_stored_tokenizer_check(s->contents, data->tokenizer, data->place);
    if (status == AS_DATA && start->fresh.n > 0) {
        as_log_line(log, AS_LOG_WARN, "start: %s", as_error_message());
        return AS_OK;
    }
    return status;
}

as_status as_weights_load(as_world *world, const as_start_options *start, const as_dataset *data,
                          as_estimator *estimator, const as_log *log)
{
    int n = 0, taken = 0, anew = 0;
    char path[4096];
    as_state_item *items;
    source s = {.path = path, .layout = (as_weights_layout)start->layout};
    AS_TRY(as_world_agree(world, estimator->ops->state(estimator, &n, &items)));
    const as_status found = as_checkpoint_resolve(world, start->from, log, path, sizeof path);
    if (found != AS_OK) {
        return as_error_prefix(found, "start.from");
    }
    double **value = calloc((size_t)n + 1, sizeof *value);
    as_status status = value == NULL ? as_error_set(AS_NOMEM, "%s: out of memory for %d arrays", start->from, n)
                                     : fetch_all(&s, start, n, items, value, &taken, &anew);
    status = status == AS_OK ? check_tokens(&s, start, data, log) : status;
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        put_all(estimator, n, items, value);
        as_log_line(log, AS_LOG_INFO, "start: %d arrays from %s", taken, path);
        if (anew > 0) {
            as_log_line(log, AS_LOG_INFO, "start: %d arrays of adapters begin anew", anew);
        }
    }
    for (int i = 0; i < n && value != NULL; i++) {
        free(value[i]);
    }
    free(value);
    close_source(&s);
    AS_TRY(status);
    return estimator->ops->restored(estimator);
}
