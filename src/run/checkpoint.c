/* Saving and loading the whole state of a run. What a checkpoint holds is listed once, for both ways: the estimator's
   own arrays (as it names them), and the fixed entries below. Arrays of the flat parameter vector are written and read
   by the owners of its slices; the file does not depend on how many there are. */
#include "run/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "data/stored_tokenizer.h"
#include "io/commit.h"
#include "io/h5_contents.h"
#include "io/states.h"
#include "run/config.h"
#include "run/stored_names.h"

enum { FIXED_MAX = 40, KEYS_SHOWN = 8 };
#define COUNT_MAX (INT64_C(1) << 53)

static const struct {
    const char *name;
    as_dtype type;
    size_t place;
} progress_entries[] = {
    {"/progress/step", AS_I64, offsetof(as_progress, step)},
    {"/progress/epoch", AS_I64, offsetof(as_progress, epoch)},
    {"/progress/index", AS_I64, offsetof(as_progress, index)},
    {"/progress/best_step", AS_I64, offsetof(as_progress, best_step)},
    {"/progress/best_value", AS_F64, offsetof(as_progress, best_value)},
    {"/progress/stale", AS_I64, offsetof(as_progress, stale)},
    {"/progress/has_best", AS_U8, offsetof(as_progress, has_best)},
    {"/progress/finished", AS_U8, offsetof(as_progress, finished)},
    {"/progress/epoch_loss", AS_F64, offsetof(as_progress, epoch_loss)},
    {"/progress/epoch_weight", AS_F64, offsetof(as_progress, epoch_weight)},
};
enum { PROGRESS_ENTRIES = sizeof progress_entries / sizeof progress_entries[0] };

/* Of instruments, where they keep something. */
static const char probe_name[] = "/progress/probe";
static const int64_t probe_dim[] = {AS_PROBE_STATE_REALS};

/* Names that are not the estimator's. */
static const char *const fixed_names[] = {"/config", "/history", "/tree/", "/normalization/", "/progress/", "/data/"};

/* Elements of an item that this rank's slice of the flat vector holds: [*first, *first + *count) of the item, the first
   of them being element *in_slice of the slice. */
static void own_share(const as_estimator *estimator, const as_state_item *item, int64_t *first, int64_t *count,
                      int64_t *in_slice)
{
    int64_t slice_first = 0, slice_count = 0;
    as_sum_range(estimator->ops->sum((as_estimator *)estimator), &slice_first, &slice_count);
    const int64_t item_end = item->flat_first + as_shape_size(&item->shape), slice_end = slice_first + slice_count;
    const int64_t low = item->flat_first > slice_first ? item->flat_first : slice_first;
    const int64_t high = item_end < slice_end ? item_end : slice_end;
    *first = low - item->flat_first;
    *count = high > low ? high - low : 0;
    *in_slice = low - slice_first;
}

/* Saving. */

typedef struct listing {
    as_h5_item *item;
    as_h5_piece *piece; /* one for each item */
    int n;
    bool root;
} listing;

/* An array that is the same on all ranks: rank 0 writes it. */
static void list_array(listing *list, const char *name, as_dtype type, int rank, const int64_t *dim, int64_t count,
                       const void *data)
{
    list->piece[list->n] = (as_h5_piece){.count = count, .data = data};
    list->item[list->n] = (as_h5_item){.name = name,
                                       .type = type,
                                       .rank = rank,
                                       .dim = dim,
                                       .npieces = list->root ? 1 : 0,
                                       .piece = &list->piece[list->n]};
    list->n++;
}

static void list_state(listing *list, const as_estimator *estimator, const as_state_item *item)
{
    const as_shape *shape = &item->shape;
    int64_t first = 0, count = 0, in_slice = 0;
    list_array(list, item->name, item->type, shape->rank, shape->dim, as_shape_size(shape), item->data);
    if (item->flat_first < 0) {
        return;
    }
    own_share(estimator, item, &first, &count, &in_slice);
    const int64_t at = item->sliced ? in_slice : first;
    const char *data = count == 0 ? NULL : (const char *)item->data + at * (int64_t)as_dtype_bytes(item->type);
    list->piece[list->n - 1] = (as_h5_piece){.first = first, .count = count, .data = data};
    list->item[list->n - 1].npieces = count == 0 ? 0 : 1;
}

static const int64_t fingerprint_dim[] = {32};

/* extent: number of splits of the tree, of axes of a sample, and of tokens in merges. */
static void list_fixed(listing *list, const as_checkpoint_parts *parts, const int64_t extent[3],
                       const uint8_t *identity, const as_stored_names *names)
{
    list->item[list->n++] = (as_h5_item){.name = "/config", .text = parts->config};
    const bool spoken = parts->history != NULL && parts->history->data != NULL;
    list->item[list->n++] = (as_h5_item){.name = "/history", .text = spoken ? parts->history->data : ""};
    list_array(list, "/tree/splits", AS_I16, 1, &extent[0], extent[0], parts->lanes->tree.split);
    for (size_t i = 0; i < PROGRESS_ENTRIES; i++) {
        list_array(list, progress_entries[i].name, progress_entries[i].type, 0, NULL, 1,
                   (const char *)parts->progress + progress_entries[i].place);
    }
    bool kept = false;
    for (int i = 0; i < AS_PROBE_STATE_REALS; i++) {
        kept = kept || parts->progress->probe[i] != 0;
    }
    if (kept) {
        list_array(list, probe_name, AS_F64, 1, probe_dim, AS_PROBE_STATE_REALS, parts->progress->probe);
    }
    list_array(list, "/data/fingerprint", AS_U8, 1, fingerprint_dim, 32, parts->data->fingerprint);
    list_array(list, "/data/shape", AS_I64, 1, &extent[1], extent[1], parts->data->shape.dim);
    list_array(list, "/data/target", AS_I32, 0, NULL, 1, &parts->data->target);
    list_array(list, "/data/classes", AS_I64, 0, NULL, 1, &parts->data->classes);
    list_array(list, "/data/targets", AS_I64, 0, NULL, 1, &parts->data->targets);
    list_array(list, "/data/positions", AS_I64, 0, NULL, 1, &parts->data->positions);
    if (parts->data->tokenizer != NULL) {
        const int32_t *merge = NULL;
        as_tokenizer_merges(parts->data->tokenizer, &merge);
        list_array(list, "/data/merges", AS_I32, 1, &extent[2], extent[2], merge);
        list->item[list->n++] =
            (as_h5_item){.name = "/data/separator", .text = as_tokenizer_separator(parts->data->tokenizer)};
    }
    as_stored_names_list(names, list->item, &list->n);
    const as_normalization *n = parts->normalization;
    if (n != NULL) {
        list_array(list, "/normalization/scale", AS_F64, 1, &n->width, n->width, n->scale);
        list_array(list, "/normalization/shift", AS_F64, 1, &n->width, n->width, n->shift);
        list_array(list, "/normalization/fill", AS_F64, 1, &n->width, n->width, n->fill);
        list_array(list, "/normalization/identity", AS_U8, 0, NULL, 1, identity);
    }
}

static as_status make_folder(as_world *world, const char *dir)
{
    char folder[AS_PATH_MAX];
    if (as_world_rank(world) != 0) {
        return AS_OK;
    }
    const int n = snprintf(folder, sizeof folder, "%s/checkpoints", dir);
    if (n < 0 || (size_t)n >= sizeof folder) {
        AS_FAIL(AS_CANTCREAT, "%.200s...: path too long", dir);
    }
    if (mkdir(folder, 0777) == 0) {
        return as_folder_sync(dir);
    }
    if (errno != EEXIST) {
        AS_FAIL(AS_CANTCREAT, "%s: cannot make the folder: %s", folder, strerror(errno));
    }
    return AS_OK;
}

as_status as_checkpoint_save(as_world *world, const char *dir, const char *path, const as_checkpoint_parts *parts,
                             uint8_t digest[32])
{
    int nstate = 0;
    as_state_item *state = NULL;
    char name[AS_PATH_MAX];
    if (path == NULL) {
        AS_TRY(as_world_agree(world, make_folder(world, dir)));
        as_state_path(dir, parts->progress->step, name, sizeof name);
    }
    AS_TRY(as_world_agree(world, parts->estimator->ops->state(parts->estimator, &nstate, &state)));
    listing list = {.root = as_world_rank(world) == 0};
    list.item = calloc((size_t)nstate + FIXED_MAX, sizeof *list.item);
    list.piece = calloc((size_t)nstate + FIXED_MAX, sizeof *list.piece);
    const bool room = list.item != NULL && list.piece != NULL;
    as_status status =
        as_world_agree(world, room ? AS_OK : as_error_set(AS_NOMEM, "out of memory for a list of %d arrays", nstate));
    as_stored_names names = {0};
    if (status == AS_OK) {
        status = as_world_agree(world, as_stored_names_make(parts->data, &names));
    }
    if (status == AS_OK) {
        const int32_t *merge = NULL;
        const as_tokenizer *tokenizer = parts->data->tokenizer;
        const int64_t extent[3] = {parts->lanes->lanes - 1, parts->data->shape.rank,
                                   tokenizer == NULL ? 0 : 2 * as_tokenizer_merges(tokenizer, &merge)};
        const uint8_t identity = parts->normalization != NULL && parts->normalization->identity;
        const as_h5_attribute attribute[] = {{.name = "format_version", .value = AS_FORMAT_VERSION},
                                             {.name = "numerics_version", .value = AS_NUMERICS_VERSION},
                                             {.name = "step", .value = parts->progress->step},
                                             {.name = "epoch", .value = parts->progress->epoch},
                                             {.name = "seed", .value = (int64_t)parts->seed},
                                             {.name = "lanes", .value = parts->lanes->lanes}};
        for (int i = 0; i < nstate; i++) {
            list_state(&list, parts->estimator, &state[i]);
        }
        list_fixed(&list, parts, extent, &identity, &names);
        status = as_h5_write(world, path != NULL ? path : name, 6, attribute, list.n, list.item, digest);
    }
    as_stored_names_free(&names);
    free(list.item);
    free(list.piece);
    return status;
}

/* Loading: first everything is compared. */

typedef struct loading {
    const as_h5_contents *file;
    const as_checkpoint_parts *parts;
    int nallow;
    const char *const *allow;
    int nstate;
    as_state_item *state;
} loading;

static bool allowed(const loading *l, const char *key, size_t length)
{
    for (int i = 0; i < l->nallow; i++) {
        const size_t n = strlen(l->allow[i]);
        if (n <= length && strncmp(l->allow[i], key, n) == 0 && (n == length || key[n] == '.')) {
            return true;
        }
    }
    return false;
}

static as_status check_version(const loading *l, const char *name, int64_t expected)
{
    const as_h5_attribute *found = as_h5_contents_attribute(l->file, name);
    if (found == NULL || found->text != NULL) {
        AS_FAIL(AS_DATA, "%s: no attribute %s: not a checkpoint", l->file->path, name);
    }
    if (found->value != expected) {
        AS_FAIL(AS_DATA, "%s: %s is %lld, this program has %lld", l->file->path, name, (long long)found->value,
                (long long)expected);
    }
    return AS_OK;
}

/* An array of the fixed part, with its type and extent (-1: scalar). */
static as_status find_array(const loading *l, const char *name, as_dtype type, int64_t count, const as_h5_stored **out)
{
    const as_h5_stored *item = as_h5_contents_find(l->file, name);
    *out = item;
    if (item == NULL) {
        AS_FAIL(AS_DATA, "%s: %s is missing", l->file->path, name);
    }
    if (item->text || item->type != type || item->rank != (count < 0 ? 0 : 1) ||
        (count >= 0 && item->dim[0] != count)) {
        AS_FAIL(AS_DATA, "%s: %s: expected %s of %lld elements, found %s of %lld", l->file->path, name,
                as_dtype_name(type), (long long)(count < 0 ? 1 : count),
                item->text ? "text" : as_dtype_name(item->type), (long long)as_h5_stored_count(item));
    }
    return AS_OK;
}

/* Whether a stored array (count -1: a scalar) holds these bytes. */
static as_status compare_array(const loading *l, const char *name, as_dtype type, int64_t count, const void *data,
                               bool *same)
{
    const as_h5_stored *item = NULL;
    AS_TRY(find_array(l, name, type, count, &item));
    void *stored = malloc((size_t)item->bytes + 1);
    if (stored == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for %s", l->file->path, name);
    }
    const as_status status = as_h5_contents_read(l->file, item, 0, as_h5_stored_count(item), stored);
    *same = status == AS_OK && (item->bytes == 0 || memcmp(stored, data, (size_t)item->bytes) == 0);
    free(stored);
    return status;
}

/* Keeps of the differing keys those that are not allowed and not `but`, as "a, b"; of many the first and their number.
 */
static void refused_keys(const loading *l, const char *keys, const char *but, as_text *out)
{
    int count = 0;
    for (const char *key = keys; *key != '\0';) {
        const size_t length = strcspn(key, "\n, ");
        const bool skipped = strlen(but) == length && strncmp(key, but, length) == 0;
        if (length > 0 && !skipped && !allowed(l, key, length) && ++count <= KEYS_SHOWN) {
            as_text_add(out, "%s%.*s", out->size == 0 ? "" : ", ", (int)length, key);
        }
        key += length + (key[length] != '\0');
    }
    if (count > KEYS_SHOWN) {
        as_text_add(out, " and %d more", count - KEYS_SHOWN);
    }
}

/* The keys in which the configuration of the file and that of the run differ, one a line. */
static as_status differing_keys(const loading *l, as_text *out)
{
    char *old = NULL;
    AS_TRY(as_h5_contents_text(l->file, "/config", &old));
    const as_status status = as_config_compare(old, l->parts->config, out);
    free(old);
    return status;
}

/* Other lanes, and, because lanes: auto follows from the rest, the other keys that differ. */
static as_status other_lanes(const loading *l, long long made)
{
    as_text keys = {0}, list = {0};
    if (l->parts->config != NULL && differing_keys(l, &keys) == AS_OK && keys.size > 0) {
        refused_keys(l, keys.data, "lanes", &list);
    }
    const bool more = list.size > 0 && !list.failed;
    const as_status status = as_error_set(
        AS_CONFIG, "%s: made with lanes: %lld, this run has %d%s%s; lanes are part of the result, set lanes: %lld%s",
        l->file->path, made, l->parts->lanes->lanes, more ? ", and these keys differ: " : "", more ? list.data : "",
        made, more ? ", or give another run directory" : "");
    as_text_free(&keys);
    as_text_free(&list);
    return status;
}

static as_status check_lanes(const loading *l)
{
    const as_h5_attribute *lanes = as_h5_contents_attribute(l->file, "lanes");
    if (lanes == NULL || lanes->value != l->parts->lanes->lanes) {
        return other_lanes(l, lanes == NULL ? 0 : (long long)lanes->value);
    }
    bool same = false;
    AS_TRY(compare_array(l, "/tree/splits", AS_I16, l->parts->lanes->lanes - 1, l->parts->lanes->tree.split, &same));
    if (!same) {
        AS_FAIL(AS_DATA, "%s: /tree/splits: another summation tree than this program's", l->file->path);
    }
    return AS_OK;
}

static as_status check_seed(const loading *l)
{
    const as_h5_attribute *seed = as_h5_contents_attribute(l->file, "seed");
    if (seed == NULL || ((uint64_t)seed->value != l->parts->seed && !allowed(l, "seed", 4))) {
        AS_FAIL(AS_CONFIG, "%s: made with seed: %lld, this run has %lld", l->file->path,
                (long long)(seed == NULL ? 0 : seed->value), (long long)l->parts->seed);
    }
    return AS_OK;
}

/* The shape of a sample, and what is learnt; then the data themselves. */
static as_status check_data_description(const loading *l, const as_dataset *data)
{
    const struct {
        const char *name;
        as_dtype type;
        int64_t count; /* -1: scalar */
        const void *value;
    } entry[] = {{"/data/shape", AS_I64, data->shape.rank, data->shape.dim},
                 {"/data/target", AS_I32, -1, &data->target},
                 {"/data/classes", AS_I64, -1, &data->classes},
                 {"/data/targets", AS_I64, -1, &data->targets},
                 {"/data/positions", AS_I64, -1, &data->positions},
                 {"/data/fingerprint", AS_U8, 32, data->fingerprint}};
    for (size_t i = 0; i < sizeof entry / sizeof entry[0]; i++) {
        bool same = false;
        AS_TRY(compare_array(l, entry[i].name, entry[i].type, entry[i].count, entry[i].value, &same));
        if (!same) {
            AS_FAIL(AS_DATA, "%s: %s: the training data (%s) are not those it was made with", l->file->path,
                    entry[i].name, data->place);
        }
    }
    return AS_OK;
}

static as_status check_data(const loading *l)
{
    bool same = false;
    if (l->parts->data != NULL) { /* also for other data: the weights know what each token means */
        AS_TRY(as_stored_tokenizer_check(l->file, l->parts->data->tokenizer, l->parts->data->place));
    }
    if (allowed(l, "data", 4)) {
        return AS_OK;
    }
    if (l->parts->data != NULL) {
        AS_TRY(check_data_description(l, l->parts->data));
    }
    const as_normalization *n = l->parts->normalization;
    if (n != NULL) {
        const double *const array[] = {n->scale, n->shift, n->fill};
        const char *const name[] = {"/normalization/scale", "/normalization/shift", "/normalization/fill"};
        for (int i = 0; i < 3; i++) {
            AS_TRY(compare_array(l, name[i], AS_F64, n->width, array[i], &same));
            if (!same) {
                AS_FAIL(AS_DATA, "%s: %s differs from that of this run's training data", l->file->path, name[i]);
            }
        }
    }
    return AS_OK;
}

static as_status check_config(const loading *l)
{
    as_text differing = {0}, refused = {0};
    as_status status = differing_keys(l, &differing);
    if (status == AS_OK && differing.size > 0) {
        refused_keys(l, differing.data, "", &refused);
    }
    if (status == AS_OK && (differing.failed || refused.failed)) {
        status = as_error_set(AS_NOMEM, "out of memory for the keys that differ");
    } else if (status == AS_OK && refused.size > 0) {
        status = as_error_set(AS_CONFIG,
                              "%s: made with another configuration; these keys differ: %s (use "
                              "--allow-change KEY to go on all the same)",
                              l->file->path, refused.data);
    }
    as_text_free(&differing);
    as_text_free(&refused);
    return status;
}

static bool is_fixed(const char *name)
{
    for (size_t i = 0; i < sizeof fixed_names / sizeof fixed_names[0]; i++) {
        const size_t n = strlen(fixed_names[i]);
        if (strncmp(name, fixed_names[i], n) == 0 && (fixed_names[i][n - 1] == '/' || name[n] == '\0')) {
            return true;
        }
    }
    return false;
}

static as_status check_state(const loading *l)
{
    const as_h5_contents *file = l->file;
    for (int i = 0; i < l->nstate; i++) {
        const as_state_item *want = &l->state[i];
        const as_h5_stored *have = as_h5_contents_find(file, want->name);
        if (have == NULL) {
            AS_FAIL(AS_DATA, "%s: %s is missing", file->path, want->name);
        }
        const size_t dims = (size_t)want->shape.rank * sizeof want->shape.dim[0];
        if (have->text || have->type != want->type || have->rank != want->shape.rank ||
            memcmp(have->dim, want->shape.dim, dims) != 0) {
            char expected[128], found[128];
            as_shape shape = {.rank = have->rank < AS_SHAPE_MAX ? have->rank : AS_SHAPE_MAX};
            memcpy(shape.dim, have->dim, (size_t)shape.rank * sizeof shape.dim[0]);
            AS_FAIL(AS_DATA, "%s: %s: expected %s %s, found %s %s", file->path, want->name, as_dtype_name(want->type),
                    as_shape_text(&want->shape, expected, sizeof expected),
                    have->text ? "text" : as_dtype_name(have->type), as_shape_text(&shape, found, sizeof found));
        }
    }
    for (int i = 0; i < file->nitems; i++) {
        bool known = is_fixed(file->item[i].name);
        for (int j = 0; j < l->nstate && !known; j++) {
            known = strcmp(file->item[i].name, l->state[j].name) == 0;
        }
        if (!known) {
            AS_FAIL(AS_DATA, "%s: %s is in the file, but not in this model and optimizer", file->path,
                    file->item[i].name);
        }
    }
    return AS_OK;
}

static as_status check_all(loading *l)
{
    const as_checkpoint_parts *parts = l->parts;
    AS_TRY(check_version(l, "format_version", AS_FORMAT_VERSION));
    AS_TRY(check_version(l, "numerics_version", AS_NUMERICS_VERSION));
    if (parts->lanes != NULL) {
        AS_TRY(check_lanes(l));
    }
    if (parts->config != NULL) { /* before the data: another seed or share of validation makes other training data */
        AS_TRY(check_seed(l));
        AS_TRY(check_config(l));
    }
    AS_TRY(check_data(l));
    if (parts->progress != NULL) {
        for (size_t i = 0; i < PROGRESS_ENTRIES; i++) {
            const as_h5_stored *item = NULL;
            AS_TRY(find_array(l, progress_entries[i].name, progress_entries[i].type, -1, &item));
        }
        if (as_h5_contents_find(l->file, probe_name) != NULL) {
            const as_h5_stored *item = NULL;
            AS_TRY(find_array(l, probe_name, AS_F64, AS_PROBE_STATE_REALS, &item));
        }
    }
    const as_h5_stored *history = as_h5_contents_find(l->file, "/history");
    if (parts->history != NULL && (history == NULL || !history->text)) {
        AS_FAIL(AS_DATA, "%s: /history is missing", l->file->path);
    }
    if (parts->estimator != NULL) {
        AS_TRY(parts->estimator->ops->state(parts->estimator, &l->nstate, &l->state));
        AS_TRY(check_state(l));
    }
    return AS_OK;
}

/* Then it is read. */

static as_status read_state(const loading *l)
{
    for (int i = 0; i < l->nstate; i++) {
        const as_state_item *item = &l->state[i];
        int64_t first = 0, count = as_shape_size(&item->shape), in_slice = 0;
        if (item->sliced) {
            own_share(l->parts->estimator, item, &first, &count, &in_slice);
        }
        if (count > 0) {
            char *data = (char *)item->data + in_slice * (int64_t)as_dtype_bytes(item->type);
            AS_TRY(as_h5_contents_read(l->file, as_h5_contents_find(l->file, item->name), first, count, data));
        }
    }
    return AS_OK;
}

static as_status read_progress(const loading *l)
{
    as_progress found = {0};
    for (size_t i = 0; i < PROGRESS_ENTRIES; i++) {
        uint8_t bytes[8];
        const as_h5_stored *item = as_h5_contents_find(l->file, progress_entries[i].name);
        AS_TRY(as_h5_contents_read(l->file, item, 0, 1, bytes));
        if (item->type == AS_U8 && bytes[0] > 1) {
            AS_FAIL(AS_DATA, "%s: %s: expected 0 or 1, found %d", l->file->path, item->name, bytes[0]);
        }
        memcpy((char *)&found + progress_entries[i].place, bytes, as_dtype_bytes(item->type));
    }
    const as_h5_stored *probe = as_h5_contents_find(l->file, probe_name);
    if (probe != NULL) {
        AS_TRY(as_h5_contents_read(l->file, probe, 0, AS_PROBE_STATE_REALS, found.probe));
    }
    const int64_t counts[] = {found.step, found.epoch, found.index, found.stale};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (counts[i] < 0 || counts[i] > COUNT_MAX) {
            AS_FAIL(AS_DATA, "%s: /progress: expected step, epoch, index and stale of 0 to 2^53, found %lld",
                    l->file->path, (long long)counts[i]);
        }
    }
    *l->parts->progress = found;
    return AS_OK;
}

static as_status read_history(const loading *l)
{
    char *text = NULL;
    AS_TRY(as_h5_contents_text(l->file, "/history", &text));
    as_text_clear(l->parts->history);
    as_text_add(l->parts->history, "%s", text);
    free(text);
    if (l->parts->history->failed) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for /history", l->file->path);
    }
    return AS_OK;
}

static as_status read_all(const loading *l)
{
    AS_TRY(read_state(l));
    if (l->parts->progress != NULL) {
        AS_TRY(read_progress(l));
    }
    return l->parts->history == NULL ? AS_OK : read_history(l);
}

as_status as_checkpoint_load(as_world *world, const char *path, int nallow, const char *const *allow,
                             const as_checkpoint_parts *parts)
{
    as_h5_contents *file = NULL;
    as_status status = as_world_agree(world, as_h5_contents_open(path, &file));
    if (status == AS_OK) {
        status = as_world_agree(world, as_h5_contents_check(file, as_world_rank(world), as_world_size(world)));
    }
    loading l = {.file = file, .parts = parts, .nallow = nallow, .allow = allow};
    if (status == AS_OK) {
        status = as_world_agree(world, check_all(&l));
    }
    if (status == AS_OK) {
        status = as_world_agree(world, read_all(&l));
    }
    as_h5_contents_close(&file);
    if (status == AS_OK && parts->estimator != NULL && parts->estimator->ops->restored != NULL) {
        status = parts->estimator->ops->restored(parts->estimator);
        status = status == AS_OK ? AS_OK : as_error_prefix(status, "%s", path);
    }
    return status;
}
