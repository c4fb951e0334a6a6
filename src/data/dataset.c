/* Opening a data set: every rank opens the source, the ranks agree which rows belong to the role, each reads the rows
   of its lanes. Whatever can fail on one rank alone is followed by an agreement before the next collective. */
#include "data/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "data/design.h"
#include "data/fingerprint.h"
#include "data/load.h"
#include "data/windows.h"

enum { LABEL_MAX = 1 << 24 };

static const char *const role_names[] = {
    [AS_TRAIN] = "train", [AS_VALIDATION] = "validation", [AS_TEST] = "test", [AS_PREDICT] = "input"};

static void target_kind(const as_source *source, as_target wanted, const as_column *y, as_dataset *out)
{
    const int64_t width = as_shape_size(&y->shape);
    const bool integers = y->type != AS_F32 && y->type != AS_F64;
    const bool whole = wanted == AS_TARGET_REALS    ? false
                       : wanted == AS_TARGET_LABELS ? width == 1
                                                    : (integers && width == 1) || y->classes != NULL;
    out->target = AS_TARGET_NONE;
    out->positions = 1;
    if (!y->present) {
        return;
    }
    const bool given = source->labels == AS_LABELS_TRUE || source->labels == AS_LABELS_ANY;
    if (given || (source->labels == AS_LABELS_AUTO && whole)) {
        out->target = AS_TARGET_LABELS;
        out->positions = width;
    } else {
        out->target = AS_TARGET_REALS;
        out->targets = width;
    }
}

static const char *target_text(const as_dataset *data, char text[64])
{
    if (data->target == AS_TARGET_REALS) {
        snprintf(text, 64, "%lld real target%s", (long long)data->targets, data->targets == 1 ? "" : "s");
    } else {
        snprintf(text, 64, data->target == AS_TARGET_LABELS ? "labels (%lld a row)" : "no targets",
                 (long long)data->positions);
    }
    return text;
}

/* What the source says of itself. */
static void describe(const as_load *load, const as_source *source, as_dataset *out)
{
    const as_column *x = &load->column[AS_PART_X], *y = &load->column[AS_PART_Y];
    out->rows = x->rows;
    out->shape = x->shape;
    out->width = as_shape_size(&x->shape);
    out->type = as_load_type(load, AS_PART_X);
    out->full_scale = x->full_scale;
    out->step = x->step;
    out->item = x->step == 0 ? out->width : load->window.length > 0 ? out->width / load->window.length : 1;
    out->stride = x->step == 0 ? out->width : 1;
    target_kind(source, load->options->wanted, y, out);
    if (y->present && y->ahead > 0) { /* the next tokens */
        out->target = AS_TARGET_LABELS;
        out->targets = 0;
        out->positions = as_shape_size(&y->shape);
        out->ahead = y->ahead;
    }
    if (load->reconstruct) {
        out->target = AS_TARGET_REALS;
        out->targets = out->width;
        out->reconstruct = true;
    }
    if (x->tokenizer != NULL) {
        out->vocabulary = as_tokenizer_vocabulary(x->tokenizer);
        out->classes = out->vocabulary;
    }
}

/* What the source calls its columns and classes. */
static as_status name_columns(const as_load *load, const as_source *source, as_dataset *out)
{
    const as_column *x = &load->column[AS_PART_X], *y = &load->column[AS_PART_Y];
    if (load->window.length == 0 && source->layout == AS_LAYOUT_NHWC && source->shape.n == 0) {
        AS_TRY(as_parts_copy(&x->parts, &out->inputs));
        if (out->reconstruct || y->present) {
            AS_TRY(as_parts_copy(out->reconstruct ? &x->parts : &y->parts, &out->answers));
        }
    }
    if (y->present && y->classes != NULL) {
        if (out->target != AS_TARGET_LABELS) {
            const char *text = y->classes->name[0];
            const bool comma = text[strspn(text, "+-0123456789,")] == '\0';
            AS_FAIL(AS_CONFIG, "%s: expected numbers as real targets%s, found texts such as \"%s\"%s", y->place,
                    source->labels == AS_LABELS_FALSE ? " (labels: false)" : "", text,
                    comma ? " (decimal: comma of the source reads that)" : "");
        }
        AS_TRY(as_names_copy(y->classes, &out->class_names));
        out->classes = out->classes < out->class_names.n ? out->class_names.n : out->classes;
    }
    return AS_OK;
}

as_status as_dataset_peek(const as_data_options *options, as_dataset *out)
{
    const as_source *source = &options->train;
    as_load load;
    *out = (as_dataset){0};
    AS_TRY(as_load_open(source, options, NULL, false, &load));
    snprintf(out->place, sizeof out->place, "%s", load.column[AS_PART_X].place);
    describe(&load, source, out);
    const as_status status = name_columns(&load, source, out);
    as_load_close(&load);
    if (status != AS_OK) {
        as_dataset_close(out);
    }
    return status;
}

/* Against the data set that it must match. */
static as_status compare(const as_column *x, as_role role, const as_dataset *like, const as_dataset *out)
{
    char found[128], expected[128];
    if (like == NULL) {
        return AS_OK;
    }
    if (out->width != like->width) {
        AS_FAIL(AS_DATA, "%s: expected inputs of %s as in %s, found %s", x->place,
                as_shape_text(&like->shape, expected, sizeof expected), like->place,
                as_shape_text(&x->shape, found, sizeof found));
    }
    if (role != AS_PREDICT &&
        (out->target != like->target || out->targets != like->targets || out->positions != like->positions)) {
        const bool labels = like->target == AS_TARGET_LABELS && out->target == AS_TARGET_REALS;
        AS_FAIL(AS_DATA, "%s: expected %s as in %s, found %s%s", out->place, target_text(like, expected), like->place,
                target_text(out, found), labels ? " (labels: true of its source reads whole numbers as labels)" : "");
    }
    return AS_OK;
}

/* Collective. The rows of the role, and how many the source has. */
static as_status select_rows(const as_load *load, as_role role, as_world *world, uint64_t seed, as_dataset *data,
                             as_selection *out)
{
    const as_data_options *options = load->options;
    as_selection all = as_selection_all(load->column[AS_PART_X].rows);
    if (options->missing == AS_MISSING_DROP) {
        AS_TRY(as_load_scan(load, world, &all));
    }
    data->stored = load->column[AS_PART_X].rows;
    data->dropped = data->stored - all.kept;
    if (all.kept == 0) {
        as_selection_destroy(&all);
        AS_FAIL(AS_DATA, "%s: every row has a missing value and is dropped", data->place);
    }
    if (role == AS_TEST || role == AS_PREDICT || (role == AS_TRAIN && !(options->validation > 0))) {
        *out = all;
        return AS_OK;
    }
    const int64_t kept = all.kept;
    const as_column *x = &load->column[AS_PART_X];
    const bool held = role == AS_VALIDATION;
    const as_status status = x->step > 0 ? as_selection_split_last(world, &all, options->validation, held,
                                                                   (x->reach + x->step - 1) / x->step, out)
                                         : as_selection_split(world, &all, options->validation, held, seed, out);
    as_selection_destroy(&all);
    AS_TRY(status);
    if (out->kept == 0) {
        as_selection_destroy(out);
        AS_FAIL(AS_CONFIG, "%s: data.validation: %g of %lld rows leaves no row for %s", data->place,
                options->validation, (long long)kept, role_names[role]);
    }
    return AS_OK;
}

/* Memory of the rank's rows, whose inputs are `elements` together. */
static as_status allocate(as_dataset *data, int64_t elements)
{
    as_arena *arena = NULL;
    AS_TRY(as_arena_create(&arena));
    data->block = arena;
    const size_t n = (size_t)data->local_rows, lanes = (size_t)data->lanes->lanes;
    AS_TRY(as_arena_reserve(arena, (lanes + 1) * sizeof(int64_t), (void **)&data->lane_first));
    AS_TRY(as_arena_reserve(arena, (size_t)elements * as_dtype_bytes(data->type), &data->x));
    if (data->step > 0) {
        AS_TRY(as_arena_reserve(arena, n * sizeof(int64_t), (void **)&data->start));
    }
    AS_TRY(as_arena_reserve(arena, n * sizeof(int64_t), (void **)&data->id));
    AS_TRY(as_arena_reserve(arena, n * sizeof(double), (void **)&data->weight));
    if (data->target == AS_TARGET_LABELS && data->ahead == 0) {
        AS_TRY(as_arena_reserve(arena, n * (size_t)data->positions * sizeof(int32_t), (void **)&data->label));
    } else if (data->target == AS_TARGET_REALS && !data->reconstruct) {
        AS_TRY(as_arena_reserve(arena, n * (size_t)data->targets * sizeof(double), (void **)&data->target_values));
    }
    return as_arena_commit(arena);
}

/* "row 7" or "row 7, label 12". */
static const char *label_place(const as_dataset *data, int64_t i, char text[64])
{
    const int64_t row = i / data->positions;
    const int n = snprintf(text, 64, "row %lld", (long long)data->id[row]);
    if (data->positions > 1) {
        snprintf(text + n, 64 - (size_t)n, ", label %lld", (long long)(i - row * data->positions));
    }
    return text;
}

/* classes: 0 while it is not known. */
static as_status check_labels(const as_ints *ignored, as_dataset *data, const double *value, const as_column *y)
{
    const double end = data->classes > 0 ? (double)data->classes : (double)LABEL_MAX;
    char text[64];
    for (int64_t i = 0; i < data->local_rows * data->positions; i++) {
        const double v = value[i];
        if (as_label_ignored(ignored, v)) {
            data->label[i] = AS_LABEL_IGNORED;
            continue;
        }
        if (!(v >= 0 && v < end)) {
            AS_FAIL(AS_DATA, "%s: %s: expected a label in 0..%lld, found %.17g (labels: false reads y as real targets)",
                    y->place, label_place(data, i, text), (long long)end - 1, v);
        }
        if (floor(v) != v) {
            AS_FAIL(AS_DATA, "%s: %s: expected a whole number as label, found %.17g", y->place,
                    label_place(data, i, text), v);
        }
        data->label[i] = (int32_t)v;
    }
    return AS_OK;
}

static as_status load_targets(const as_load *load, const as_selection *selection, const as_assignment *assignment,
                              int64_t first, as_dataset *data)
{
    const as_column *y = &load->column[AS_PART_Y];
    if (data->reconstruct) {
        return AS_OK;
    }
    if (data->target == AS_TARGET_REALS) {
        return as_load_part(load, AS_PART_Y, selection, assignment, first, data->local_rows, AS_F64, false,
                            data->target_values, NULL);
    }
    if (data->target == AS_TARGET_NONE || data->ahead > 0) {
        return AS_OK;
    }
    double *value = malloc(((size_t)data->local_rows * (size_t)data->positions + 1) * sizeof *value);
    if (value == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for the labels of %lld rows", y->place, (long long)data->local_rows);
    }
    as_status status =
        as_load_part(load, AS_PART_Y, selection, assignment, first, data->local_rows, AS_F64, false, value, NULL);
    if (status == AS_OK) {
        status = check_labels(&load->options->ignore_label, data, value, y);
    }
    free(value);
    return status;
}

static as_status load_weights(const as_load *load, const as_selection *selection, const as_assignment *assignment,
                              int64_t first, as_dataset *data)
{
    const as_column *weight = &load->column[AS_PART_WEIGHT];
    if (!weight->present) {
        for (int64_t i = 0; i < data->local_rows; i++) {
            data->weight[i] = 1.0;
        }
        return AS_OK;
    }
    AS_TRY(as_load_part(load, AS_PART_WEIGHT, selection, assignment, first, data->local_rows, AS_F64, false,
                        data->weight, NULL));
    for (int64_t i = 0; i < data->local_rows; i++) {
        if (data->weight[i] < 0) {
            AS_FAIL(AS_DATA, "%s: row %lld: expected a weight >= 0, found %.17g", weight->place, (long long)data->id[i],
                    data->weight[i]);
        }
    }
    return AS_OK;
}

/* Position of the first sample of a lane: the lanes before it have rows / V each, and the first rows % V of them one
 * more. */
static int64_t lane_start(const as_dataset *data, int lane)
{
    const int64_t lanes = data->lanes->lanes, rest = data->rows % lanes;
    return data->rows / lanes * lane + (lane < rest ? lane : rest);
}

static as_status load_inputs(const as_load *load, const as_selection *selection, const as_assignment *assignment,
                             int64_t first, as_dataset *data)
{
    const bool mark = load->options->missing == AS_MISSING_MEAN;
    if (data->step == 0) {
        AS_TRY(allocate(data, data->local_rows * data->width));
        return as_load_part(load, AS_PART_X, selection, assignment, first, data->local_rows, data->type, mark, data->x,
                            data->id);
    }
    as_windows windows;
    AS_TRY(as_windows_plan(load, selection, assignment, first, data->local_rows, &windows));
    as_status status = allocate(data, windows.elements);
    if (status == AS_OK) {
        memcpy(data->id, windows.id, (size_t)windows.rows * sizeof *data->id);
        memcpy(data->start, windows.start, (size_t)windows.rows * sizeof *data->start);
        status = as_windows_read(load, &windows, data->type, mark, data->x);
    }
    as_windows_destroy(&windows);
    return status;
}

/* Not collective. Everything that this rank reads. */
static as_status load_rows(const as_load *load, const as_selection *selection, bool shuffled, uint64_t seed,
                           as_dataset *data)
{
    const as_lanes *lanes = data->lanes;
    const int64_t first = lane_start(data, lanes->first);
    data->local_rows = lane_start(data, lanes->first + lanes->count) - first;
    as_assignment assignment;
    AS_TRY(as_assignment_make(data->rows, lanes->lanes, shuffled, seed, &assignment));
    as_status status = load_inputs(load, selection, &assignment, first, data);
    for (int l = 0; status == AS_OK && l <= lanes->lanes; l++) {
        data->lane_first[l] = lane_start(data, l);
    }
    if (status == AS_OK) {
        status = load_targets(load, selection, &assignment, first, data);
    }
    if (status == AS_OK) {
        status = load_weights(load, selection, &assignment, first, data);
    }
    as_assignment_destroy(&assignment);
    return status;
}

/* Collective. classes from the largest label of all rows, held out or not, where nothing else gave it. */
static as_status count_classes(const as_load *load, as_dataset *data, as_world *world)
{
    if (data->target != AS_TARGET_LABELS || data->classes > 0) {
        return AS_OK;
    }
    const int ranks = as_world_size(world);
    int64_t largest = 0, *all = calloc((size_t)ranks, sizeof *all);
    as_status status = all != NULL ? AS_OK : as_error_set(AS_NOMEM, "out of memory for %d labels", ranks);
    if (status == AS_OK && load->options->validation > 0) {
        status = as_load_largest_label(load, world, LABEL_MAX, &largest);
    }
    for (int64_t i = 0; i < data->local_rows * data->positions; i++) {
        largest = data->label[i] > largest ? data->label[i] : largest;
    }
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        status = as_world_all_gather(world, &largest, sizeof largest, all);
    }
    for (int rank = 0; status == AS_OK && rank < ranks; rank++) {
        data->classes = all[rank] + 1 > data->classes ? all[rank] + 1 : data->classes;
    }
    free(all);
    return status;
}

/* Bytes of the text behind this rank's labels. */
static as_status own_label_bytes(const as_dataset *data, int64_t *out)
{
    const int64_t elements = data->local_rows == 0 ? 0 : data->start[data->local_rows - 1] + data->width + data->ahead;
    int64_t *before = malloc(((size_t)elements + 1) * sizeof *before), bytes = 0;
    if (before == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for the lengths of %lld tokens", data->place, (long long)elements);
    }
    before[0] = *out = 0;
    for (int64_t i = 0; i < elements; i++) {
        const int64_t token = data->type == AS_U8 ? ((const uint8_t *)data->x)[i] : ((const uint16_t *)data->x)[i];
        as_tokenizer_bytes(data->tokenizer, token, &bytes);
        before[i + 1] = before[i] + bytes;
    }
    for (int64_t r = 0; r < data->local_rows; r++) {
        const int64_t from = data->start[r] + data->ahead;
        *out += before[from + data->positions] - before[from];
    }
    free(before);
    return AS_OK;
}

/* Collective. */
static as_status count_label_bytes(as_dataset *data, as_world *world)
{
    if (data->tokenizer == NULL || data->ahead == 0) {
        return AS_OK;
    }
    const int ranks = as_world_size(world);
    int64_t mine = 0, *all = calloc((size_t)ranks, sizeof *all);
    as_status status = all != NULL ? own_label_bytes(data, &mine)
                                   : as_error_set(AS_NOMEM, "out of memory for the sums of %d ranks", ranks);
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        status = as_world_all_gather(world, &mine, sizeof mine, all);
    }
    for (int rank = 0; status == AS_OK && rank < ranks; rank++) {
        data->label_bytes += all[rank];
    }
    free(all);
    return status;
}

static as_status check_options(const as_data_options *options, as_role role, uint64_t seed, as_dataset *data)
{
    const as_reals *weights = &options->class_weights;
    if (data->tokenizer != NULL && data->reconstruct) {
        AS_FAIL(AS_CONFIG, "data.reconstruct: expected numbers, for %s has tokens", data->place);
    }
    if (data->tokenizer != NULL && options->normalize != AS_NORMALIZE_NONE) {
        AS_FAIL(AS_CONFIG, "data.normalize: expected none, for %s has tokens", data->place);
    }
    if (role == AS_TRAIN && options->augment.n > 0) {
        AS_TRY(as_augment_check(&options->augment, &data->shape, data->positions, data->place));
        if (data->tokenizer != NULL) {
            AS_FAIL(AS_CONFIG, "data.augment: expected none, for %s has tokens", data->place);
        }
        data->augment = &options->augment;
        data->seed = seed;
    }
    if (weights->n == 0 || role != AS_TRAIN) {
        return AS_OK;
    }
    if (data->target != AS_TARGET_LABELS) {
        AS_FAIL(AS_CONFIG, "data.class_weights: expected labels, but %s has none", data->place);
    }
    if (data->positions != 1) {
        AS_FAIL(AS_CONFIG, "data.class_weights: expected one label a row, but %s has %lld", data->place,
                (long long)data->positions);
    }
    if (weights->n != data->classes) {
        AS_FAIL(AS_CONFIG, "data.class_weights: expected %lld weights, one a class, found %lld",
                (long long)data->classes, (long long)weights->n);
    }
    for (int64_t i = 0; i < data->local_rows; i++) {
        data->weight[i] *= data->label[i] == AS_LABEL_IGNORED ? 1.0 : weights->v[data->label[i]];
    }
    return AS_OK;
}

/* Collective. Rows of which none counts teach and judge nothing. */
static as_status check_weights(const as_dataset *data, as_role role, as_world *world)
{
    const int ranks = as_world_size(world);
    enum { NO_ROWS, WEIGHTLESS, SOME };
    uint8_t found = data->local_rows > 0 ? WEIGHTLESS : NO_ROWS, *all = calloc((size_t)ranks, sizeof *all);
    for (int64_t i = 0; i < data->local_rows && found == WEIGHTLESS; i++) {
        found = data->weight[i] > 0 ? SOME : WEIGHTLESS;
    }
    as_status status =
        as_world_agree(world, all != NULL ? AS_OK : as_error_set(AS_NOMEM, "out of memory for %d ranks", ranks));
    if (status == AS_OK) {
        status = as_world_all_gather(world, &found, sizeof found, all);
    }
    for (int rank = 0; status == AS_OK && rank < ranks; rank++) {
        found = found > all[rank] ? found : all[rank];
    }
    free(all);
    if (status == AS_OK && found == WEIGHTLESS && role != AS_PREDICT) {
        AS_FAIL(AS_DATA, "%s: the weights of the %lld samples add up to 0", data->place, (long long)data->rows);
    }
    return status;
}

static as_status open_loaded(const as_load *load, as_role role, as_world *world, uint64_t seed, as_dataset *data)
{
    const as_data_options *options = load->options;
    as_selection selection = {0};
    AS_TRY(select_rows(load, role, world, seed, data, &selection));
    data->rows = selection.kept;
    const bool shuffled = role == AS_TRAIN && options->assign == 0;
    as_status status = as_world_agree(world, load_rows(load, &selection, shuffled, seed, data));
    as_selection_destroy(&selection);
    AS_TRY(status);
    AS_TRY(count_classes(load, data, world));
    AS_TRY(count_label_bytes(data, world));
    AS_TRY(check_options(options, role, seed, data));
    AS_TRY(check_weights(data, role, world));
    return as_dataset_fingerprint(data, world);
}

as_status as_dataset_open(const as_data_options *options, as_role role, as_world *world, const as_lanes *lanes,
                          uint64_t seed, const as_dataset *like, as_dataset *out)
{
    const bool test = role == AS_TEST || role == AS_PREDICT;
    const as_source *source = test ? &options->test : &options->train;
    as_load load = {0};
    *out = (as_dataset){.lanes = lanes, .classes = like != NULL ? like->classes : options->classes};
    if (source->ops == NULL) {
        AS_FAIL(AS_CONFIG, "data.%s: expected a source, found none", test ? "test" : "train");
    }
    const bool named = like != NULL && like->inputs.n == like->width; /* each column by itself */
    const as_known known = {.tokenizer = like != NULL ? like->tokenizer : NULL,
                            .inputs = named ? &like->inputs : NULL,
                            .classes = like != NULL ? &like->class_names : NULL,
                            .design = like != NULL ? like->design : NULL,
                            .any_labels = like == NULL && options->classes == 0 &&
                                          (source->labels == AS_LABELS_ANY ||
                                           (source->labels == AS_LABELS_AUTO && options->wanted == AS_TARGET_LABELS))};
    as_status status = as_load_open(source, options, &known, role == AS_PREDICT, &load);
    if (status == AS_OK) {
        snprintf(out->place, sizeof out->place, "%s (%.480s)", role_names[role], load.column[AS_PART_X].place);
        describe(&load, source, out);
        status = compare(&load.column[AS_PART_X], role, like, out);
    }
    if (status == AS_OK) {
        status = name_columns(&load, source, out);
    }
    if (status == AS_OK && load.column[AS_PART_X].tokenizer != NULL) {
        status = as_tokenizer_copy(load.column[AS_PART_X].tokenizer, &out->tokenizer);
    }
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        status = open_loaded(&load, role, world, seed, out);
    }
    out->design = load.design;
    load.design = NULL;
    as_load_close(&load);
    if (status != AS_OK) {
        as_dataset_close(out);
    }
    return status;
}

void as_dataset_close(as_dataset *data)
{
    as_arena *arena = data->block;
    as_arena_destroy(&arena);
    as_tokenizer_destroy(&data->tokenizer);
    as_parts_free(&data->inputs);
    as_parts_free(&data->answers);
    as_names_free(&data->class_names);
    as_design_destroy(&data->design);
    *data = (as_dataset){0};
}
