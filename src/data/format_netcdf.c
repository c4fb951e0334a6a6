/* netCDF classic files: variables by name. rows: points makes a sample of every point of the grid that the variables
   lie on, with the values of all of them there: a variable that lacks some of the axes (a coordinate, say) has the same
   value along those. rows: first makes a sample of every place along the first axis, with whole fields. Fill values
   are missing values; scale_factor and add_offset are applied. See io/netcdf.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/format.h"
#include "io/netcdf.h"

enum { ROWS_POINTS, ROWS_FIRST, VARIABLES_MAX = 256 };

typedef struct options {
    const char *file, *weight;
    as_texts x, y;
    int rows;
} options;

static const char *const rows_choices[] = {[ROWS_POINTS] = "points", [ROWS_FIRST] = "first", NULL};

static const as_field fields[] = {
    {.name = "file",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(options, file),
     .help = "netCDF classic file (netCDF-4 files are read by format: hdf5)"},
    {.name = "x",
     .type = AS_FIELD_TEXTS,
     .offset = offsetof(options, x),
     .standard = "",
     .help = "variables of the inputs, coordinates among them; none given: the variable with most axes that is no "
             "target"},
    {.name = "y",
     .type = AS_FIELD_TEXTS,
     .offset = offsetof(options, y),
     .standard = "",
     .help = "variables to predict"},
    {.name = "weight",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(options, weight),
     .standard = "",
     .help = "variable of sample weights"},
    {.name = "rows",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(options, rows),
     .standard = "points",
     .choices = rows_choices,
     .help =
         "what a sample is: points: one point of the grid; first: one place along the first axis, with all that the "
         "variables have there"},
    AS_FIELDS_END,
};

/* One variable of a part. */
typedef struct member {
    const as_netcdf_variable *variable;
    int64_t width;                    /* elements of a row */
    int64_t first;                    /* place in a row of the part */
    int64_t step[AS_NETCDF_AXES_MAX]; /* elements from one place to the next along each axis of the rows; 0: the same */
    bool whole;                       /* rows lie one after the other */
} member;

struct as_format_file {
    as_netcdf *file;
    int axes; /* of the rows */
    int dimension[AS_NETCDF_AXES_MAX];
    int64_t extent[AS_NETCDF_AXES_MAX];
    int64_t rows;
    int n[AS_PARTS];
    member *member[AS_PARTS]; /* (n) */
    int64_t width[AS_PARTS];
    as_data_parts names[AS_PARTS];
    as_dtype type[AS_PARTS];
};

static as_status find_all(as_format_file *file, as_part part, int64_t n, const char *const *name)
{
    if (n > VARIABLES_MAX) {
        AS_FAIL(AS_CONFIG, "expected at most %d variables, found %lld", (int)VARIABLES_MAX, (long long)n);
    }
    file->member[part] = calloc((size_t)n + 1, sizeof(member));
    if (file->member[part] == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %lld variables", (long long)n);
    }
    for (int64_t i = 0; i < n; i++) {
        AS_TRY(as_netcdf_find(file->file, name[i], &file->member[part][i].variable));
        file->n[part]++;
    }
    return AS_OK;
}

/* The first of the variables with most axes that is no target or weight. */
static as_status find_input(as_format_file *file, const options *o)
{
    const char *best = NULL;
    int axes = 0;
    for (int i = 0; i < as_netcdf_variables(file->file); i++) {
        const as_netcdf_variable *v = as_netcdf_variable_at(file->file, i);
        bool taken = o->weight != NULL && strcmp(v->name, o->weight) == 0;
        for (int64_t k = 0; k < o->y.n; k++) {
            taken |= strcmp(v->name, o->y.v[k]) == 0;
        }
        if (!taken && v->axes > axes && v->axes <= AS_NETCDF_AXES_MAX) {
            best = v->name;
            axes = v->axes;
        }
    }
    if (best == NULL) {
        AS_FAIL(AS_DATA, "%s: no variable is left for the inputs", o->file);
    }
    return find_all(file, AS_PART_X, 1, &best);
}

/* The axes of the rows: those of the variable with most, or its first. */
static as_status find_rows(as_format_file *file, const options *o)
{
    const as_netcdf_variable *widest = NULL;
    for (int part = 0; part < AS_PARTS; part++) {
        for (int i = 0; i < file->n[part]; i++) {
            const as_netcdf_variable *v = file->member[part][i].variable;
            widest = widest == NULL || v->axes > widest->axes ? v : widest;
        }
    }
    if (widest->axes == 0) {
        AS_FAIL(AS_DATA, "%s:%s: expected a variable with rows, found a scalar", o->file, widest->name);
    }
    file->axes = o->rows == ROWS_FIRST ? 1 : widest->axes;
    file->rows = 1;
    for (int axis = 0; axis < file->axes; axis++) {
        file->dimension[axis] = widest->dimension[axis];
        file->extent[axis] = widest->extent[axis];
        file->rows *= widest->extent[axis];
    }
    if (file->rows == 0 || widest->elements == 0) {
        AS_FAIL(AS_DATA, "%s:%s: no data: %lld rows", o->file, widest->name, (long long)file->rows);
    }
    return AS_OK;
}

/* How a variable lies on the axes of the rows; what is left of its axes is the shape of its rows. */
static as_status place_member(const as_format_file *file, const options *o, member *m, as_shape *shape)
{
    const as_netcdf_variable *v = m->variable;
    int used = 0;
    int64_t left = v->elements;
    *shape = (as_shape){0};
    for (int axis = 0; axis < file->axes; axis++) {
        if (used < v->axes && v->dimension[used] == file->dimension[axis]) {
            left /= v->extent[used] > 0 ? v->extent[used] : 1;
            m->step[axis] = left;
            used++;
        }
    }
    m->whole = used == file->axes;
    m->width = left;
    for (int i = used; i < v->axes; i++) {
        if (o->rows == ROWS_POINTS || shape->rank == AS_SHAPE_MAX) {
            AS_FAIL(AS_DATA, "%s:%s: its axis %s is none of the samples', in the same order (rows: points)", o->file,
                    v->name, as_netcdf_dimension(file->file, v->dimension[i]));
        }
        shape->dim[shape->rank++] = v->extent[i];
    }
    return AS_OK;
}

static as_status describe(as_format_file *file, const options *o, as_part part, as_column *column)
{
    bool narrow = true;
    as_shape shape = {0};
    for (int i = 0; i < file->n[part]; i++) {
        member *m = &file->member[part][i];
        AS_TRY(place_member(file, o, m, &shape));
        m->first = file->width[part];
        file->width[part] += m->width;
        const as_netcdf_variable *v = m->variable;
        narrow &= v->type != AS_F64 && v->type != AS_I32 && v->type != AS_U32 && v->type != AS_I64 &&
                  v->type != AS_U64 && v->scale == 1 && v->offset == 0;
        AS_TRY(as_parts_add(&file->names[part], v->name, &shape));
    }
    if (file->n[part] == 0) {
        return AS_OK;
    }
    column->parts = file->names[part];
    file->type[part] = narrow ? AS_F32 : AS_F64;
    column->present = true;
    column->rows = file->rows;
    column->shape = file->n[part] == 1 && (part != AS_PART_X || shape.rank > 0)
                        ? shape
                        : (as_shape){.rank = 1, .dim = {file->width[part]}};
    column->type = file->type[part];
    column->full_scale = 1;
    snprintf(column->place, sizeof column->place, "%s:%s", o->file, file->member[part][0].variable->name);
    return AS_OK;
}

static void close_file(as_format_file **file)
{
    if (*file == NULL) {
        return;
    }
    for (int part = 0; part < AS_PARTS; part++) {
        free((*file)->member[part]);
    }
    for (int part = 0; part < AS_PARTS; part++) {
        as_parts_free(&(*file)->names[part]);
    }
    as_netcdf_close(&(*file)->file);
    free(*file);
    *file = NULL;
}

static as_status open_variables(as_format_file *file, const options *o, as_column column[AS_PARTS])
{
    AS_TRY(as_netcdf_open(o->file, &file->file));
    AS_TRY(o->x.n > 0 ? find_all(file, AS_PART_X, o->x.n, o->x.v) : find_input(file, o));
    AS_TRY(find_all(file, AS_PART_Y, o->y.n, o->y.v));
    AS_TRY(find_all(file, AS_PART_WEIGHT, o->weight != NULL && o->weight[0] != '\0', &o->weight));
    AS_TRY(find_rows(file, o));
    for (int part = 0; part < AS_PARTS; part++) {
        AS_TRY(describe(file, o, (as_part)part, &column[part]));
    }
    return AS_OK;
}

static as_status open_file(const void *opaque, const as_known *known, as_format_file **out, as_column column[AS_PARTS])
{
    (void)known;
    const options *o = opaque;
    as_format_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for opening it", o->file);
    }
    memset(column, 0, AS_PARTS * sizeof *column);
    const as_status status = open_variables(file, o, column);
    if (status != AS_OK) {
        close_file(&file);
        return status;
    }
    *out = file;
    return AS_OK;
}

/* First element of row `row` of a variable. */
static int64_t element_of(const as_format_file *file, const member *m, int64_t row)
{
    int64_t at = 0;
    for (int axis = file->axes - 1; axis >= 0; axis--) {
        at += row % file->extent[axis] * m->step[axis];
        row /= file->extent[axis];
    }
    return at;
}

static as_status read_part(as_format_file *file, as_part part, int64_t first, int64_t count, void *data)
{
    const int64_t all = file->width[part];
    for (int i = 0; i < file->n[part]; i++) {
        const member *m = &file->member[part][i];
        double *value = malloc((size_t)(count * m->width) * sizeof *value);
        if (value == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for %lld rows of %s", (long long)count, m->variable->name);
        }
        if (m->whole) {
            as_netcdf_read(file->file, m->variable, first * m->width, count * m->width, value);
        }
        for (int64_t r = 0; !m->whole && r < count; r++) {
            as_netcdf_read(file->file, m->variable, element_of(file, m, first + r), m->width, value + r * m->width);
        }
        for (int64_t r = 0; r < count; r++) {
            for (int64_t j = 0; j < m->width; j++) {
                const int64_t at = r * all + m->first + j;
                if (file->type[part] == AS_F32) {
                    ((float *)data)[at] = (float)value[r * m->width + j];
                } else {
                    ((double *)data)[at] = value[r * m->width + j];
                }
            }
        }
        free(value);
    }
    return AS_OK;
}

static void inputs_only(void *opaque, const void *like)
{
    options *o = opaque;
    o->x = like != NULL ? ((const options *)like)->x : o->x;
    o->rows = like != NULL ? ((const options *)like)->rows : o->rows;
}

const as_format_ops as_format_netcdf = {
    .name = "netcdf",
    .help = "variables of a netCDF classic file",
    .fields = fields,
    .options_bytes = sizeof(options),
    .open = open_file,
    .read = read_part,
    .close = close_file,
    .inputs = inputs_only,
};
