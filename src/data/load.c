/* Reads runs of rows by ascending row number, so that packed files are inflated once: blocks ascending, inside a block
   spans of rows that lie close together. Cost: one read of the rank's rows, through a buffer of a few MiB. */
#include "data/load.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/design.h"
#include "data/windows.h"

enum { BUFFER_BYTES = 4 << 20, GAP_BYTES = 64 << 10 };

static as_status check_rows(const as_load *load)
{
    const as_column *x = &load->column[AS_PART_X];
    static const char *const names[AS_PARTS] = {"x", "y", "weight"};
    if (!x->present) {
        AS_FAIL(AS_CONFIG, "the %s source has no x", load->ops->name);
    }
    for (int part = AS_PART_Y; part < AS_PARTS; part++) {
        const as_column *column = &load->column[part];
        if (column->present && column->rows != x->rows) {
            AS_FAIL(AS_DATA, "x and %s differ in rows: %s has %lld, %s has %lld", names[part], x->place,
                    (long long)x->rows, column->place, (long long)column->rows);
        }
    }
    const as_column *weight = &load->column[AS_PART_WEIGHT];
    if (weight->present && as_shape_size(&weight->shape) != 1) {
        AS_FAIL(AS_DATA, "%s: expected one weight a row, found %lld", weight->place,
                (long long)as_shape_size(&weight->shape));
    }
    return AS_OK;
}

/* The columns that `data.columns` takes, by name. */
static as_status name_inputs(const as_data_options *options, as_known *wanted, as_data_parts *names)
{
    const as_shape one = {0};
    if (!options->columns.given) {
        return AS_OK;
    }
    for (int64_t i = 0; wanted->design != NULL && i < wanted->design->n; i++) {
        AS_TRY(as_parts_add(names, wanted->design->source[i].name, &one));
    }
    for (int64_t i = 0; wanted->design == NULL && i < options->columns.use.n; i++) {
        AS_TRY(as_parts_add(names, options->columns.use.v[i], &one));
    }
    wanted->inputs = names;
    return AS_OK;
}

as_status as_load_open(const as_source *source, const as_data_options *options, const as_known *known, bool inputs,
                       as_load *out)
{
    *out = (as_load){.options = options, .ops = source->ops, .window = source->window};
    as_known wanted = known != NULL ? *known : (as_known){0};
    as_data_parts names = {0};
    as_status opened = name_inputs(options, &wanted, &names);
    if (opened == AS_OK) {
        opened = source->ops->open(source->options, &wanted, &out->file, out->stored);
    }
    as_parts_free(&names);
    AS_TRY(opened);
    out->reconstruct = options->reconstruct && !inputs;
    if (inputs || out->reconstruct) {
        out->stored[AS_PART_Y].present = false;
    }
    if (inputs) {
        out->stored[AS_PART_WEIGHT].present = false;
    }
    memcpy(out->column, out->stored, sizeof out->column);
    as_status status = check_rows(out);
    if (status == AS_OK) {
        status = as_load_arrange(source, out);
    }
    if (status == AS_OK && out->window.length > 0) {
        status = as_load_windows(out, inputs);
    }
    if (status == AS_OK) {
        status = as_load_design(out, source, wanted.design);
    }
    if (status == AS_OK) {
        status = as_load_labels(out, &wanted);
    }
    if (status != AS_OK) {
        as_load_close(out);
    }
    return status;
}

void as_load_close(as_load *load)
{
    if (load->file != NULL) {
        load->ops->close(&load->file);
    }
    as_design_destroy(&load->design);
    as_names_free(&load->classes);
    free(load->class);
    load->class = NULL;
}

as_dtype as_load_type(const as_load *load, as_part part)
{
    const as_column *column = &load->column[part];
    if (column->tokenizer != NULL) {
        return column->type;
    }
    const bool marks = load->options->missing == AS_MISSING_MEAN && (column->has_fill || load->options->has_fill);
    switch (column->type) {
    case AS_U8:
        return marks ? AS_F32 : AS_U8;
    case AS_I8:
    case AS_U16:
    case AS_I16:
    case AS_F32:
        return AS_F32;
    default:
        return AS_F64;
    }
}

#define WIDEN(S)                                                                                                       \
    do {                                                                                                               \
        const S *from = source;                                                                                        \
        if (type == AS_F32) {                                                                                          \
            float *to = data;                                                                                          \
            for (int64_t i = 0; i < n; i++) {                                                                          \
                to[i] = (float)from[i];                                                                                \
            }                                                                                                          \
        } else {                                                                                                       \
            double *to = data;                                                                                         \
            for (int64_t i = 0; i < n; i++) {                                                                          \
                to[i] = (double)from[i];                                                                               \
            }                                                                                                          \
        }                                                                                                              \
    } while (0)

void as_load_widen(int64_t n, const void *source, as_dtype stored, as_dtype type, void *data)
{
    if (stored == type) {
        memcpy(data, source, (size_t)n * as_dtype_bytes(type));
        return;
    }
    switch (stored) {
    case AS_U8:
        WIDEN(uint8_t);
        break;
    case AS_I8:
        WIDEN(int8_t);
        break;
    case AS_U16:
        WIDEN(uint16_t);
        break;
    case AS_I16:
        WIDEN(int16_t);
        break;
    case AS_U32:
        WIDEN(uint32_t);
        break;
    case AS_I32:
        WIDEN(int32_t);
        break;
    case AS_U64:
        WIDEN(uint64_t);
        break;
    case AS_I64:
        WIDEN(int64_t);
        break;
    case AS_F32:
        WIDEN(float);
        break;
    case AS_F64:
        WIDEN(double);
        break;
    }
}

/* Fill values as the column's type holds them. */
typedef struct fills {
    int n;
    double v[2];
} fills;

static fills fills_of(const as_load *load, as_part part)
{
    const as_column *column = &load->column[part];
    fills f = {0};
    if (column->tokenizer != NULL || (part == AS_PART_X && load->design != NULL)) {
        return f;
    }
    if (column->has_fill) {
        f.v[f.n++] = column->fill;
    }
    if (load->options->has_fill) {
        f.v[f.n++] = load->options->fill;
    }
    for (int i = 0; i < f.n && column->type == AS_F32; i++) {
        f.v[i] = (double)(float)f.v[i];
    }
    return f;
}

static bool is_fill(const fills *f, double value)
{
    return (f->n > 0 && value == f->v[0]) || (f->n > 1 && value == f->v[1]);
}

/* The same question for a whole row at once, without branches. */
#define ALL_FINITE(T, ABS, MAX)                                                                                        \
    do {                                                                                                               \
        const T *v = data;                                                                                             \
        bool bad = false;                                                                                              \
        for (int64_t i = from; i < n && f->n == 0; i++) {                                                              \
            bad |= !(ABS(v[i]) <= MAX);                                                                                \
        }                                                                                                              \
        if (!bad && f->n == 0) {                                                                                       \
            return -1;                                                                                                 \
        }                                                                                                              \
    } while (0)

#define FIND(T, BAD)                                                                                                   \
    do {                                                                                                               \
        T *v = data;                                                                                                   \
        for (int64_t i = from; i < n; i++) {                                                                           \
            if (BAD || is_fill(f, (double)v[i])) {                                                                     \
                return i;                                                                                              \
            }                                                                                                          \
        }                                                                                                              \
    } while (0)

/* Index of the first missing value at or after `from`, or -1. */
static int64_t find_missing(int64_t from, int64_t n, void *data, as_dtype type, const fills *f)
{
    if (type == AS_U8 && f->n > 0) {
        FIND(uint8_t, false);
    } else if (type == AS_F32) {
        ALL_FINITE(float, fabsf, 0x1.fffffep127f);
        FIND(float, !(fabsf(v[i]) <= 0x1.fffffep127f));
    } else if (type == AS_F64) {
        ALL_FINITE(double, fabs, 0x1.fffffffffffffp1023);
        FIND(double, !(fabs(v[i]) <= 0x1.fffffffffffffp1023));
    }
    return -1;
}

static double value_at(const void *data, as_dtype type, int64_t i)
{
    return type == AS_U8    ? (double)((const uint8_t *)data)[i]
           : type == AS_F32 ? (double)((const float *)data)[i]
                            : ((const double *)data)[i];
}

/* One row in memory: fails at its first missing value, or marks them all. */
static as_status check_row(const as_load *load, as_part part, int64_t row, int64_t width, void *data, as_dtype type,
                           bool mark, const fills *f)
{
    for (int64_t i = -1; (i = find_missing(i + 1, width, data, type, f)) >= 0;) {
        if (!mark) {
            char name[AS_PART_NAME_MAX];
            const as_column *c = &load->column[part];
            AS_FAIL(AS_DATA, "%s: row %lld, %s: %s value %g (data.missing: %s)", c->place, (long long)row,
                    as_parts_name(&c->parts, i, "element ", name),
                    is_fill(f, value_at(data, type, i)) ? "fill" : "missing", value_at(data, type, i),
                    part == AS_PART_X ? "drop or mean allows it" : "drop allows it");
        }
        if (type == AS_F32) {
            ((float *)data)[i] = (float)NAN;
        } else {
            ((double *)data)[i] = (double)NAN;
        }
    }
    return AS_OK;
}

/* A buffer for consecutive rows of a part as the format hands them out. */
typedef struct buffer {
    void *data;
    int64_t rows, width;
    size_t row_bytes; /* stored */
} buffer;

static as_status buffer_make(const as_load *load, as_part part, buffer *out)
{
    const as_column *column = &load->column[part];
    out->width = as_shape_size(&column->shape);
    out->row_bytes = (size_t)out->width * as_dtype_bytes(column->type);
    out->rows = out->row_bytes < BUFFER_BYTES ? (int64_t)(BUFFER_BYTES / out->row_bytes) : 1;
    out->data = malloc((size_t)out->rows * out->row_bytes);
    if (out->data == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for reading %zu bytes", column->place, (size_t)out->rows * out->row_bytes);
    }
    return AS_OK;
}

/* ---- policy `drop` ---- */

static as_status scan_part(const as_load *load, as_part part, int64_t first, int64_t end, uint64_t *bits)
{
    const as_column *column = &load->column[part];
    const fills f = fills_of(load, part);
    const as_dtype type = column->type == AS_U8 ? AS_U8 : as_load_type(load, part);
    buffer b;
    AS_TRY(buffer_make(load, part, &b));
    void *row = malloc((size_t)b.width * sizeof(double));
    as_status status = row != NULL ? AS_OK : as_error_set(AS_NOMEM, "%s: out of memory for a row", column->place);
    for (int64_t at = first; status == AS_OK && at < end; at += b.rows) {
        const int64_t count = end - at < b.rows ? end - at : b.rows;
        status = as_load_read(load, part, at, count, b.data);
        for (int64_t i = 0; status == AS_OK && i < count; i++) {
            as_load_widen(b.width, (const uint8_t *)b.data + (size_t)i * b.row_bytes, column->type, type, row);
            if (find_missing(0, b.width, row, type, &f) >= 0) {
                bits[(at - first + i) / 64] &= ~(UINT64_C(1) << ((at - first + i) % 64));
            }
        }
    }
    free(row);
    free(b.data);
    return status;
}

/* Integers without a fill value cannot be missing. */
static bool can_miss(const as_load *load, as_part part)
{
    const as_column *column = &load->column[part];
    return column->present && (column->type == AS_F32 || column->type == AS_F64 || fills_of(load, part).n > 0);
}

as_status as_load_scan(const as_load *load, as_world *world, as_selection *out)
{
    const int64_t rows = load->column[AS_PART_X].rows;
    int64_t first, count, most;
    as_selection_share(world, rows, &first, &count, &most);
    uint64_t *bits = calloc((size_t)most + 1, sizeof *bits);
    as_status status = AS_OK;
    if (bits == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for a bitmap of %lld rows", (long long)rows);
    } else {
        const int64_t begin = 64 * first, end = 64 * (first + count) < rows ? 64 * (first + count) : rows;
        for (int64_t i = 0; i < end - begin; i++) {
            bits[i / 64] |= UINT64_C(1) << (i % 64);
        }
        for (int part = 0; status == AS_OK && part < AS_PARTS; part++) {
            if (can_miss(load, (as_part)part)) {
                status = scan_part(load, (as_part)part, begin, end, bits);
            }
        }
    }
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        status = as_selection_gather(world, rows, bits, out);
    }
    free(bits);
    return status;
}

/* ---- labels of all rows ---- */

bool as_label_ignored(const as_ints *ignored, double label)
{
    for (int64_t i = 0; i < ignored->n; i++) {
        if (label == (double)ignored->v[i]) {
            return true;
        }
    }
    return false;
}

as_status as_load_largest_label(const as_load *load, const as_world *world, double end, int64_t *out)
{
    const as_column *y = &load->column[AS_PART_Y];
    int64_t first, count, most;
    as_selection_share(world, y->rows, &first, &count, &most);
    const int64_t stop = 64 * (first + count) < y->rows ? 64 * (first + count) : y->rows;
    buffer b;
    AS_TRY(buffer_make(load, AS_PART_Y, &b));
    double *value = malloc((size_t)(b.rows * b.width) * sizeof *value);
    as_status status = value != NULL ? AS_OK : as_error_set(AS_NOMEM, "%s: out of memory for labels", y->place);
    *out = 0;
    for (int64_t at = 64 * first; status == AS_OK && at < stop; at += b.rows) {
        const int64_t n = stop - at < b.rows ? stop - at : b.rows;
        status = as_load_read(load, AS_PART_Y, at, n, b.data);
        if (status == AS_OK) {
            as_load_widen(n * b.width, b.data, y->type, AS_F64, value);
        }
        for (int64_t i = 0; status == AS_OK && i < n * b.width; i++) {
            const bool learnt = !as_label_ignored(&load->options->ignore_label, value[i]);
            if (learnt && value[i] > (double)*out &&
                value[i] < end) { /* others fail, or are dropped, when their row is loaded */
                *out = (int64_t)value[i];
            }
        }
    }
    free(value);
    free(b.data);
    return status;
}

/* ---- the rows of a rank ---- */

typedef struct reading {
    const as_load *load;
    as_part part;
    const as_selection *selection;
    fills fills;
    buffer buffer;
    as_dtype type;
    bool mark;
    uint8_t *data;
    int64_t *id;
} reading;

/* `count` members that start at row `row` go to places `place`, ... of the output; they lie in one span of rows that
   fits the buffer or is cut where it does not. */
static as_status read_members(reading *r, int64_t row, int64_t count, int64_t place)
{
    const as_column *column = &r->load->column[r->part];
    const size_t out_bytes = (size_t)r->buffer.width * as_dtype_bytes(r->type);
    const int64_t gap = GAP_BYTES / (int64_t)r->buffer.row_bytes + 1;
    while (count > 0) {
        int64_t members = 1, last = row, next = row;
        while (members < count) {
            next = as_selection_next(r->selection, last);
            if (next - last > gap || next - row >= r->buffer.rows) {
                break;
            }
            last = next;
            members++;
        }
        AS_TRY(as_load_read(r->load, r->part, row, last - row + 1, r->buffer.data));
        const int64_t span = row;
        for (int64_t i = 0; i < members; i++, place++) {
            void *to = r->data + (size_t)place * out_bytes;
            as_load_widen(r->buffer.width, (const uint8_t *)r->buffer.data + (size_t)(row - span) * r->buffer.row_bytes,
                          column->type, r->type, to);
            AS_TRY(check_row(r->load, r->part, row, r->buffer.width, to, r->type, r->mark, &r->fills));
            if (r->id != NULL) {
                r->id[place] = row;
            }
            if (i + 1 < members || count > members) {
                row = as_selection_next(r->selection, row);
            }
        }
        count -= members;
    }
    return AS_OK;
}

as_status as_load_sample(const as_load *load, as_part part, int64_t row, as_dtype type, bool mark, void *stored,
                         void *data)
{
    const as_column *column = &load->column[part];
    const int64_t width = as_shape_size(&column->shape);
    const fills f = fills_of(load, part);
    AS_TRY(as_load_read(load, part, row, 1, stored));
    as_load_widen(width, stored, column->type, type, data);
    return check_row(load, part, row, width, data, type, mark, &f);
}

as_status as_load_part(const as_load *load, as_part part, const as_selection *selection,
                       const as_assignment *assignment, int64_t first, int64_t count, as_dtype type, bool mark,
                       void *data, int64_t *id)
{
    reading r = {.load = load,
                 .part = part,
                 .selection = selection,
                 .fills = fills_of(load, part),
                 .type = type,
                 .mark = mark,
                 .data = data,
                 .id = id};
    AS_TRY(buffer_make(load, part, &r.buffer));
    as_status status = AS_OK;
    for (int64_t b = 0; status == AS_OK && b < assignment->blocks; b++) {
        const int64_t member = b * assignment->block, place = assignment->position[b];
        const int64_t size = b == assignment->blocks - 1 ? assignment->n - member : assignment->block;
        const int64_t from = place > first ? place : first;
        const int64_t end = place + size < first + count ? place + size : first + count;
        if (from < end) {
            status = read_members(&r, as_selection_at(selection, member + from - place), end - from, from - first);
        }
    }
    if (status == AS_OK && load->ops->verify != NULL && !load->echo) {
        status = load->ops->verify(load->file, part);
    }
    free(r.buffer.data);
    return status;
}
