/* A run of c windows of width w, each s elements after the one before it, is (c - 1) s + w elements, and as many as the
   labels reach beyond. It is read through windows that cover it, not all that it holds: about one pass over its
   elements. */
#include "data/windows.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static as_status grow_shape(const as_column *stored, int64_t length, as_shape *out)
{
    if (stored->shape.rank >= AS_SHAPE_MAX) {
        AS_FAIL(AS_CONFIG, "%s: window: expected moments of at most %d axes, found %d", stored->place, AS_SHAPE_MAX - 1,
                stored->shape.rank);
    }
    *out = (as_shape){.rank = stored->shape.rank + 1, .dim = {length}};
    memcpy(out->dim + 1, stored->shape.dim, (size_t)stored->shape.rank * sizeof *out->dim);
    return AS_OK;
}

static void channels_last(as_load *load, as_part part)
{
    as_shape *shape = &load->stored[part].shape;
    const int64_t channels = shape->dim[0];
    memmove(shape->dim, shape->dim + 1, (size_t)(shape->rank - 1) * sizeof *shape->dim);
    shape->dim[shape->rank - 1] = channels;
    load->first[part] = true;
}

/* The shape that `shape:` names in the place of the stored one, with as many elements. */
static as_status named_shape(const as_source *source, const as_column *x, as_shape *out)
{
    *out = (as_shape){.rank = (int)source->shape.n};
    char found[128], given[128];
    for (int64_t i = 0; i < source->shape.n && i < AS_SHAPE_MAX; i++) {
        out->dim[i] = source->shape.v[i];
    }
    if (out->rank > AS_SHAPE_MAX || as_shape_size(out) != as_shape_size(&x->shape)) {
        out->rank = out->rank > AS_SHAPE_MAX ? AS_SHAPE_MAX : out->rank;
        AS_FAIL(AS_CONFIG, "%s: shape: expected %lld elements as in the stored %s, found %s", x->place,
                (long long)as_shape_size(&x->shape), as_shape_text(&x->shape, found, sizeof found),
                as_shape_text(out, given, sizeof given));
    }
    return AS_OK;
}

/* Whether a shape is that of the stored samples after their channels have moved to the end. */
static bool is_moved(const as_shape *stored, const as_shape *shape)
{
    bool same = shape->rank == stored->rank && shape->dim[shape->rank - 1] == stored->dim[0];
    for (int i = 0; same && i + 1 < shape->rank; i++) {
        same = shape->dim[i] == stored->dim[i + 1];
    }
    return same;
}

as_status as_load_arrange(const as_source *source, as_load *load)
{
    as_column *x = &load->stored[AS_PART_X], *y = &load->stored[AS_PART_Y];
    const bool first = source->layout == AS_LAYOUT_NCHW;
    const int stored_rank = x->shape.rank;
    if (source->shape.n > 0) { /* of the samples in the file, and so with the channels where they are there */
        as_shape shape;
        AS_TRY(named_shape(source, x, &shape));
        if (!first || !is_moved(&x->shape, &shape)) {
            x->shape = shape;
        }
    }
    if (first) {
        if (x->shape.rank < 2) {
            AS_FAIL(AS_CONFIG, "%s: layout: nchw expects samples of channels first, found %d ax%cs", x->place,
                    x->shape.rank, x->shape.rank == 1 ? 'i' : 'e');
        }
        if (y->present && y->shape.rank == stored_rank && stored_rank >= 2) {
            channels_last(load, AS_PART_Y);
        }
        channels_last(load, AS_PART_X);
    }
    load->column[AS_PART_X].shape = x->shape;
    load->column[AS_PART_Y].shape = y->shape;
    return AS_OK;
}

as_status as_load_windows(as_load *load, bool inputs)
{
    const as_window *w = &load->window;
    const as_column *stored = &load->stored[AS_PART_X];
    as_column *x = &load->column[AS_PART_X], *y = &load->column[AS_PART_Y];
    const int64_t item = as_shape_size(&stored->shape), horizon = inputs ? 0 : w->horizon;
    if (x->step > 0) {
        AS_FAIL(AS_CONFIG, "%s: window: format %s has windows of its own", x->place, load->ops->name);
    }
    if (load->stored[AS_PART_WEIGHT].present) {
        AS_FAIL(AS_CONFIG, "%s: window: samples of a series have no weights", load->stored[AS_PART_WEIGHT].place);
    }
    if (stored->rows < w->length + horizon) {
        AS_FAIL(AS_DATA, "%s: expected at least %lld rows (window.length %lld, horizon %lld), found %lld", x->place,
                (long long)(w->length + horizon), (long long)w->length, (long long)horizon, (long long)stored->rows);
    }
    x->rows = (stored->rows - w->length - horizon) / w->stride + 1;
    x->step = w->stride * item;
    x->reach = (w->length + horizon) * item;
    AS_TRY(grow_shape(stored, w->length, &x->shape));
    if (!inputs && !load->reconstruct && !y->present &&
        w->horizon > 0) { /* without targets of its own the series is what comes next */
        load->stored[AS_PART_Y] = *y = *stored;
        load->echo = true;
    }
    y->rows = x->rows;
    return y->present && w->horizon > 1 ? grow_shape(&load->stored[AS_PART_Y], w->horizon, &y->shape) : AS_OK;
}

/* Channels of `count` samples of a part from first to last: (channels, places) to (places, channels). */
static as_status move_channels(const as_load *load, as_part part, int64_t count, uint8_t *data)
{
    const as_shape *shape = &load->stored[part].shape; /* as it shall be */
    const int64_t n = as_shape_size(shape), channels = shape->dim[shape->rank - 1], places = n / channels;
    const size_t bytes = as_dtype_bytes(load->stored[part].type);
    uint8_t *copy = malloc((size_t)n * bytes);
    if (copy == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for a sample", load->stored[part].place);
    }
    for (int64_t i = 0; i < count; i++, data += (size_t)n * bytes) {
        memcpy(copy, data, (size_t)n * bytes);
        for (int64_t p = 0; p < places; p++) {
            for (int64_t c = 0; c < channels; c++) {
                memcpy(data + (size_t)(p * channels + c) * bytes, copy + (size_t)(c * places + p) * bytes, bytes);
            }
        }
    }
    free(copy);
    return AS_OK;
}

static as_status read_stored(const as_load *load, as_part part, int64_t first, int64_t count, void *data)
{
    AS_TRY(load->ops->read(load->file, part, first, count, data));
    return load->first[part] ? move_channels(load, part, count, data) : AS_OK;
}

static as_status read_samples(const as_load *load, as_part part, int64_t first, int64_t count, void *data)
{
    const as_window *w = &load->window;
    if (part == AS_PART_X && load->design != NULL) {
        return as_load_design_read(load, first, count, data);
    }
    if (w->length == 0) {
        return read_stored(load, part, first, count, data);
    }
    const as_part from = load->echo ? AS_PART_X : part;
    const int64_t skip = part == AS_PART_X ? 0 : w->horizon > 0 ? w->length : w->length - 1;
    const int64_t moments = part == AS_PART_X ? w->length : w->horizon > 0 ? w->horizon : 1;
    const size_t bytes = (size_t)as_shape_size(&load->column[part].shape) * as_dtype_bytes(load->column[part].type);
    for (int64_t i = 0; i < count; i++) {
        AS_TRY(read_stored(load, from, (first + i) * w->stride + skip, moments, (uint8_t *)data + (size_t)i * bytes));
    }
    return AS_OK;
}

as_status as_load_read(const as_load *load, as_part part, int64_t first, int64_t count, void *data)
{
    const as_dtype stored = load->stored[part].type;
    if (part != AS_PART_Y || load->classes.n == 0) {
        return read_samples(load, part, first, count, data);
    }
    void *label = malloc((size_t)count * as_dtype_bytes(stored));
    if (label == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for %lld labels", load->column[part].place, (long long)count);
    }
    as_status status = read_samples(load, part, first, count, label);
    if (status == AS_OK) {
        as_load_widen(count, label, stored, AS_F64, data);
        status = as_load_name_labels(load, first, count, data);
    }
    free(label);
    return status;
}

/* ---- a rank's windows ---- */

/* The numbers of the rank's rows, in the assigned order. */
static void list_ids(const as_selection *selection, const as_assignment *assignment, int64_t first, int64_t count,
                     int64_t *id)
{
    for (int64_t b = 0; b < assignment->blocks; b++) {
        const int64_t member = b * assignment->block, place = assignment->position[b];
        const int64_t size = b == assignment->blocks - 1 ? assignment->n - member : assignment->block;
        const int64_t from = place > first ? place : first;
        const int64_t end = place + size < first + count ? place + size : first + count;
        if (from >= end) {
            continue;
        }
        int64_t row = as_selection_at(selection, member + from - place);
        for (int64_t i = from; i < end; i++) {
            id[i - first] = row;
            row = i + 1 < end ? as_selection_next(selection, row) : row;
        }
    }
}

as_status as_windows_plan(const as_load *load, const as_selection *selection, const as_assignment *assignment,
                          int64_t first, int64_t count, as_windows *out)
{
    const as_column *x = &load->column[AS_PART_X];
    const int64_t extent = as_shape_size(&x->shape) + load->column[AS_PART_Y].ahead;
    const size_t bytes = ((size_t)count + 1) * sizeof(int64_t);
    *out = (as_windows){.rows = count, .id = malloc(bytes), .start = malloc(bytes), .run = malloc(bytes)};
    if (out->id == NULL || out->start == NULL || out->run == NULL) {
        as_windows_destroy(out);
        AS_FAIL(AS_NOMEM, "%s: out of memory for %lld windows", x->place, (long long)count);
    }
    list_ids(selection, assignment, first, count, out->id);
    for (int64_t r = 0; r < count; r++) {
        const bool follows = r > 0 && out->id[r] == out->id[r - 1] + 1 && x->step <= extent;
        if (!follows) {
            out->run[out->runs++] = r;
        }
        out->start[r] = follows ? out->start[r - 1] + x->step : out->elements;
        out->elements = out->start[r] + extent;
    }
    out->run[out->runs] = count;
    return AS_OK;
}

void as_windows_destroy(as_windows *windows)
{
    free(windows->id);
    free(windows->start);
    free(windows->run);
    *windows = (as_windows){0};
}

typedef struct place {
    int64_t id, run;
} place;

static int by_id(const void *a, const void *b)
{
    const int64_t p = ((const place *)a)->id, q = ((const place *)b)->id;
    return (p > q) - (p < q);
}

/* One run: x of the windows that cover it, and the labels of each where they are the same sequence. */
static as_status read_run(const as_load *load, const as_windows *w, int64_t run, as_dtype type, bool mark, void *stored,
                          uint8_t *data)
{
    const as_column *x = &load->column[AS_PART_X];
    const int64_t width = as_shape_size(&x->shape), last = w->run[run + 1] - 1;
    const int64_t jump = width > x->step ? width / x->step : 1, ahead = load->column[AS_PART_Y].ahead;
    for (int64_t r = w->run[run];; r = r + jump < last ? r + jump : last) {
        AS_TRY(as_load_sample(load, AS_PART_X, w->id[r], type, mark, stored,
                              data + (size_t)w->start[r] * as_dtype_bytes(type)));
        if (ahead > 0) {
            AS_TRY(as_load_sample(load, AS_PART_Y, w->id[r], type, mark, stored,
                                  data + (size_t)(w->start[r] + ahead) * as_dtype_bytes(type)));
        }
        if (r == last) {
            return AS_OK;
        }
    }
}

as_status as_windows_read(const as_load *load, const as_windows *windows, as_dtype type, bool mark, void *data)
{
    const as_column *x = &load->column[AS_PART_X];
    place *order = malloc(((size_t)windows->runs + 1) * sizeof *order);
    void *stored = malloc((size_t)as_shape_size(&x->shape) * as_dtype_bytes(x->type));
    as_status status = AS_OK;
    if (order == NULL || stored == NULL) {
        status =
            as_error_set(AS_NOMEM, "%s: out of memory for %lld runs of windows", x->place, (long long)windows->runs);
    } else {
        for (int64_t i = 0; i < windows->runs; i++) {
            order[i] = (place){windows->id[windows->run[i]], i};
        }
        qsort(order, (size_t)windows->runs, sizeof *order, by_id); /* packed files are inflated once */
    }
    for (int64_t i = 0; status == AS_OK && i < windows->runs; i++) {
        status = read_run(load, windows, order[i].run, type, mark, stored, data);
    }
    free(order);
    free(stored);
    if (status == AS_OK && load->ops->verify != NULL) {
        status = load->ops->verify(load->file, AS_PART_X);
    }
    return status;
}
