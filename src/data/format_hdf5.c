/* HDF5 files (and netCDF-4, which are HDF5): datasets of one file, rows along the first axis, or of several files, such
   as the parts that the ranks of a simulation write, whose rows follow one another. Inputs and targets are one dataset,
   or several by name, which stand one after the other in each row. See io/h5.h for what is let in. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/format.h"
#include "io/h5.h"

typedef struct options {
    const char *file, *weight;
    const as_node *x, *y; /* a name, or a map of names */
    as_texts more;
} options;

static const as_field fields[] = {
    {.name = "file", .type = AS_FIELD_TEXT, .offset = offsetof(options, file), .help = "HDF5 file"},
    {.name = "x",
     .type = AS_FIELD_NODE,
     .offset = offsetof(options, x),
     .standard = "",
     .help = "dataset of the inputs (x if it is not given), or several by name: {u: /fields/u, v: /fields/v}"},
    {.name = "y",
     .type = AS_FIELD_NODE,
     .offset = offsetof(options, y),
     .standard = "",
     .help = "dataset of the labels or targets (y if it is not given), or several by name; \"\" for none"},
    {.name = "weight",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(options, weight),
     .standard = "",
     .help = "dataset of sample weights"},
    {.name = "more",
     .type = AS_FIELD_TEXTS,
     .offset = offsetof(options, more),
     .standard = "",
     .help = "further files with the same datasets, whose rows follow: [part1.h5, part2.h5]"},
    AS_FIELDS_END,
};

enum { DATASETS_MAX = 4096 };

typedef struct member {
    as_h5_dataset *dataset;
    int64_t width;
    bool has_fill;
    double fill;
} member;

/* The datasets of one part of the rows. */
typedef struct group {
    int n;
    member *member; /* (n) */
    as_data_parts names;
    int64_t all; /* elements of a row */
    as_dtype type;
} group;

struct as_format_file {
    as_h5 *file;
    group group[AS_PARTS];
    int64_t rows;                /* of this file */
    struct as_format_file *next; /* whose rows follow, or NULL */
};

/* A type that holds what both hold: the one, or floats. */
static as_dtype common_type(as_dtype a, as_dtype b)
{
    const bool narrow_a = a <= AS_I16 || a == AS_F32, narrow_b = b <= AS_I16 || b == AS_F32;
    return a == b ? a : narrow_a && narrow_b ? AS_F32 : AS_F64;
}

/* Dataset `name`, as the next of a group. */
static as_status open_dataset(as_format_file *file, const options *o, group *g, const char *key, const char *name,
                              as_column *column)
{
    const int k = g->n;
    member *m = &g->member[k];
    AS_TRY(as_h5_dataset_open(file->file, name, &m->dataset));
    g->n++;
    const as_h5_dataset *dataset = m->dataset;
    const int rank = as_h5_dataset_rank(dataset);
    char text[128];
    if (rank < 1) {
        AS_FAIL(AS_DATA, "%s:%s: expected a dataset with rows, found a scalar", o->file, name);
    }
    as_shape shape = {.rank = rank - 1};
    for (int axis = 1; axis < rank; axis++) {
        shape.dim[axis - 1] = as_h5_dataset_dim(dataset, axis);
    }
    const int64_t rows = as_h5_dataset_dim(dataset, 0);
    if (rows == 0 || as_shape_size(&shape) == 0) {
        AS_FAIL(AS_DATA, "%s:%s: no data: %lld rows of %s", o->file, name, (long long)rows,
                as_shape_text(&shape, text, sizeof text));
    }
    if (k > 0 && rows != column->rows) {
        AS_FAIL(AS_DATA, "%s:%s: expected %lld rows as in %s, found %lld", o->file, name, (long long)column->rows,
                column->place, (long long)rows);
    }
    m->width = as_shape_size(&shape);
    m->has_fill = as_h5_dataset_fill(dataset, &m->fill);
    g->type = k == 0 ? as_h5_dataset_type(dataset) : common_type(g->type, as_h5_dataset_type(dataset));
    if (k == 0) {
        column->rows = rows;
        column->shape = shape;
        snprintf(column->place, sizeof column->place, "%s:%s", o->file, name);
    }
    if (key != NULL) {
        AS_TRY(as_parts_add(&g->names, key, &shape));
    }
    g->all += m->width;
    return AS_OK;
}

/* Several datasets have one type, and NaN where they have fill values. */
static void join(group *g, as_column *column)
{
    bool fills = false;
    for (int k = 0; k < g->n; k++) {
        fills |= g->member[k].has_fill;
    }
    if (g->n == 1) {
        column->has_fill = g->member[0].has_fill;
        column->fill = g->member[0].fill;
    } else {
        g->type = fills ? common_type(g->type, AS_F32) : g->type;
        column->shape = (as_shape){.rank = 1, .dim = {g->all}};
    }
    column->type = g->type;
    column->full_scale = as_dtype_full_scale(g->type);
    column->present = true;
    column->parts = g->names;
}

static as_status open_part(as_format_file *file, const options *o, as_part part, const as_node *node,
                           const char *standard, as_column *column)
{
    group *g = &file->group[part];
    const bool several = node != NULL && node->kind == AS_NODE_MAP;
    g->member = calloc(several ? (size_t)node->count + 1 : 1, sizeof *g->member);
    if (g->member == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for a list of datasets", o->file);
    }
    if (node == NULL || node->kind == AS_NODE_NULL || node->kind == AS_NODE_SCALAR) {
        const char *name = node != NULL && node->kind == AS_NODE_SCALAR ? node->text : standard;
        if (name == NULL || name[0] == '\0') {
            return AS_OK;
        }
        AS_TRY(open_dataset(file, o, g, NULL, name, column));
    } else {
        if (node->kind != AS_NODE_MAP || node->count < 1 || node->count > DATASETS_MAX) {
            AS_FAIL(AS_CONFIG, "%s: expected the name of a dataset, or a map of 1 to %d of them", as_node_place(node),
                    (int)DATASETS_MAX);
        }
        for (int64_t i = 0; i < node->count; i++) {
            if (node->item[i]->kind != AS_NODE_SCALAR) {
                AS_FAIL(AS_CONFIG, "%s: %s: expected the name of a dataset", as_node_place(node->item[i]),
                        node->key[i]);
            }
            AS_TRY(open_dataset(file, o, g, node->key[i], node->item[i]->text, column));
        }
    }
    join(g, column);
    return AS_OK;
}

static void close_file(as_format_file **file)
{
    while (*file != NULL) {
        as_format_file *next = (*file)->next;
        for (int part = 0; part < AS_PARTS; part++) {
            for (int k = 0; k < (*file)->group[part].n; k++) {
                as_h5_dataset_close(&(*file)->group[part].member[k].dataset);
            }
            free((*file)->group[part].member);
            as_parts_free(&(*file)->group[part].names);
        }
        as_h5_close(&(*file)->file);
        free(*file);
        *file = next;
    }
}

static as_status open_one(const options *o, as_format_file **out, as_column column[AS_PARTS])
{
    as_format_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for opening it", o->file);
    }
    memset(column, 0, AS_PARTS * sizeof *column);
    as_status status = as_h5_open(o->file, &file->file);
    status = status == AS_OK ? open_part(file, o, AS_PART_X, o->x, "x", &column[AS_PART_X]) : status;
    status = status == AS_OK ? open_part(file, o, AS_PART_Y, o->y, "y", &column[AS_PART_Y]) : status;
    status = status == AS_OK ? open_part(file, o, AS_PART_WEIGHT, NULL, o->weight, &column[AS_PART_WEIGHT]) : status;
    if (status != AS_OK) {
        close_file(&file);
        return status;
    }
    file->rows = column[AS_PART_X].rows;
    *out = file;
    return AS_OK;
}

static bool same_shape(const as_shape *a, const as_shape *b)
{
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) {
        same = a->dim[i] == b->dim[i];
    }
    return same;
}

/* Whether a part of a further file can follow that of the first one: samples of its shape and type, one fill value. */
static as_status compare_part(const as_format_file *file, const as_column *first, const as_column *c)
{
    char expected[128], found[128];
    if (c->present != first->present) {
        AS_FAIL(AS_DATA, "%s: what it has must be what %s has", c->present ? c->place : first->place,
                c->present ? first->place : c->place);
    }
    if (!c->present) {
        return AS_OK;
    }
    if (!same_shape(&c->shape, &first->shape) || c->type != first->type) {
        AS_FAIL(AS_DATA, "%s: expected rows of %s %s as in %s, found %s %s", c->place, as_dtype_name(first->type),
                as_shape_text(&first->shape, expected, sizeof expected), first->place, as_dtype_name(c->type),
                as_shape_text(&c->shape, found, sizeof found));
    }
    const bool one_fill = c->has_fill == first->has_fill && (!c->has_fill || memcmp(&c->fill, &first->fill, 8) == 0);
    if (!one_fill) {
        AS_FAIL(AS_DATA, "%s: its fill value is another one than that of %s", c->place, first->place);
    }
    if (c->rows != file->rows) {
        AS_FAIL(AS_DATA, "%s: expected %lld rows as the inputs have there, found %lld", c->place, (long long)file->rows,
                (long long)c->rows);
    }
    return AS_OK;
}

static as_status open_file(const void *opaque, const as_known *known, as_format_file **out, as_column column[AS_PARTS])
{
    (void)known;
    options one = *(const options *)opaque;
    as_format_file *all = NULL;
    AS_TRY(open_one(&one, &all, column));
    as_format_file *last = all;
    as_status status = AS_OK;
    for (int64_t i = 0; status == AS_OK && i < one.more.n; i++) {
        as_column c[AS_PARTS];
        one.file = one.more.v[i];
        status = open_one(&one, &last->next, c);
        last = status == AS_OK ? last->next : last;
        for (int part = 0; status == AS_OK && part < AS_PARTS; part++) {
            status = compare_part(last, &column[part], &c[part]);
            column[part].rows += status == AS_OK && c[part].present ? c[part].rows : 0;
        }
    }
    if (status != AS_OK) {
        close_file(&all);
        return status;
    }
    *out = all;
    return AS_OK;
}

/* NaN in the place of a fill value. */
static void mark(int64_t n, double fill, as_dtype type, void *data)
{
    for (int64_t i = 0; i < n; i++) {
        if (type == AS_F32 && ((float *)data)[i] == (float)fill) {
            ((float *)data)[i] = (float)NAN;
        } else if (type == AS_F64 && ((double *)data)[i] == fill) {
            ((double *)data)[i] = (double)NAN;
        }
    }
}

static as_status read_one(const as_format_file *file, as_part part, int64_t first, int64_t count, void *data)
{
    const group *g = &file->group[part];
    if (g->n == 1) {
        return as_h5_dataset_read(g->member[0].dataset, first, count, g->type, data);
    }
    const size_t bytes = as_dtype_bytes(g->type);
    uint8_t *piece = malloc((size_t)(count * g->all) * bytes), *to = data;
    if (piece == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %lld rows of %d datasets", (long long)count, g->n);
    }
    as_status status = AS_OK;
    for (int k = 0; status == AS_OK && k < g->n; k++) {
        const member *m = &g->member[k];
        const size_t width = (size_t)m->width * bytes;
        status = as_h5_dataset_read(m->dataset, first, count, g->type, piece);
        if (status == AS_OK && m->has_fill) {
            mark(count * m->width, m->fill, g->type, piece);
        }
        for (int64_t i = 0; status == AS_OK && i < count; i++) {
            memcpy(to + (size_t)(i * g->all) * bytes, piece + (size_t)i * width, width);
        }
        to += width;
    }
    free(piece);
    return status;
}

static as_status read_part(as_format_file *file, as_part part, int64_t first, int64_t count, void *data)
{
    const group *g = &file->group[part];
    uint8_t *to = data;
    for (const as_format_file *f = file; f != NULL && count > 0; first -= f->rows, f = f->next) {
        const int64_t here = first < f->rows ? (count < f->rows - first ? count : f->rows - first) : 0;
        if (here > 0) {
            AS_TRY(read_one(f, part, first, here, to));
            to += (size_t)(here * g->all) * as_dtype_bytes(g->type);
            count -= here;
            first += here;
        }
    }
    return AS_OK;
}

static void inputs_only(void *opaque, const void *like)
{
    static const as_node none = {.kind = AS_NODE_SCALAR, .text = ""};
    options *o = opaque;
    o->x = like != NULL ? ((const options *)like)->x : o->x;
    o->y = &none;
    o->more = (as_texts){0};
    o->weight = NULL;
}

const as_format_ops as_format_hdf5 = {
    .name = "hdf5",
    .help = "datasets of an HDF5 (or netCDF-4) file",
    .fields = fields,
    .options_bytes = sizeof(options),
    .open = open_file,
    .read = read_part,
    .close = close_file,
    .inputs = inputs_only,
};
